"""Prices per channel: what is in force when, and what a new one does to those that are there.

Spans are half open: a price holds from its beginning on, and at its end the next one does. One that has begun is
history: only its end can still be set, to a moment that is not past.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal

from django.db import connection

CREATED, UPDATED, UNCHANGED = "created", "updated", "unchanged"
OVERLAP, HISTORY, BACKWARDS = "prices_overlap", "price_is_history", "ends_before_it_begins"
_NEVER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Span:
    """One price of one product in one channel. `id` is empty as long as it was never stored."""

    id: str
    amount: Decimal
    currency: str
    from_at: datetime
    until_at: datetime | None = None

    @property
    def end(self) -> datetime:
        return self.until_at or _NEVER

    def overlaps(self, other: "Span") -> bool:
        return self.from_at < other.end and other.from_at < self.end

    def costs_as(self, other: "Span") -> bool:
        return (self.amount, self.currency) == (other.amount, other.currency)

    def says(self, other: "Span") -> bool:
        """Who asks for `other` has it already, without another beginning or end being set."""
        within = self.from_at < other.from_at and other.end <= self.end
        exactly = (self.from_at, self.until_at) == (other.from_at, other.until_at)
        return self.costs_as(other) and (within or exactly)


@dataclass(frozen=True, slots=True)
class Entry:
    """What became of a wish: the spans as they then stand and the one that serves it, or a code that refuses it."""

    status: str = ""
    spans: tuple[Span, ...] = ()
    id: str = ""
    refusal: str = ""


def enter(spans: Sequence[Span], new: Span, *, takes_over: bool, as_of: datetime) -> Entry:
    """Set a price beside those of its channel. One that begins at the same instant is changed by it.

    `takes_over`: what stands in its way gives way, from now on, and goes on after its end; else it is refused.
    """
    if takes_over:
        new = replace(new, from_at=max(new.from_at, as_of))
    if new.end <= new.from_at:
        return Entry(refusal=BACKWARDS)
    if said := next((span for span in spans if span.says(new)), None):
        return Entry(UNCHANGED, tuple(spans), said.id)
    former = next((span for span in spans if span.from_at == new.from_at), None)
    if takes_over:
        return _painted(spans, new, former)
    return amend(spans, former, new, as_of=as_of) if former else _added(spans, new)


def amend(spans: Sequence[Span], former: Span, new: Span, *, as_of: datetime) -> Entry:
    """Put `new` in the place of `former`, as far as history allows."""
    new = replace(new, id=former.id)
    if new == former:
        return Entry(UNCHANGED, tuple(spans), former.id)
    if new.end <= new.from_at:
        return Entry(refusal=BACKWARDS)
    if _rewrites_history(former, new, as_of):
        return Entry(refusal=HISTORY)
    return _added([span for span in spans if span.id != former.id], new, status=UPDATED)


def end(spans: Sequence[Span], span: Span, *, as_of: datetime) -> Entry:
    """End a price now; one that has not begun is gone."""
    if span.end <= as_of:
        return Entry(refusal=HISTORY)
    others = tuple(other for other in spans if other.id != span.id)
    return Entry(UPDATED, (*others, replace(span, until_at=as_of)) if span.from_at < as_of else others, span.id)


def _rewrites_history(former: Span, new: Span, as_of: datetime) -> bool:
    if former.from_at >= as_of:
        return False
    return new.from_at != former.from_at or not new.costs_as(former) or former.end <= as_of or new.end < as_of


def _added(spans: Sequence[Span], new: Span, status: str = CREATED) -> Entry:
    if any(span.overlaps(new) for span in spans):
        return Entry(refusal=OVERLAP)
    return Entry(status, (*spans, new), new.id)


def _painted(spans: Sequence[Span], new: Span, former: Span | None) -> Entry:
    if former:
        new = replace(new, id=former.id)
    kept = [part for span in spans for part in (_around(span, new) if span.overlaps(new) else [span])]
    return Entry(UPDATED if former else CREATED, (*kept, new), new.id)


def _around(span: Span, new: Span) -> list[Span]:
    """What is left of a span before and after a new one: the first part keeps the id, unless `new` took it."""
    parts = []
    if span.from_at < new.from_at:
        parts.append(replace(span, until_at=new.from_at))
    if span.end > new.end:
        is_first = not parts and span.id != new.id
        parts.append(replace(span, id=span.id if is_first else "", from_at=new.end))
    return parts


# ---- reading -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class PriceInForce:
    """`id` None: the product's own price, as no other is set for the channel."""

    amount: Decimal
    currency: str
    id: str | None
    from_at: datetime | None
    until_at: datetime | None


PRICED_PRODUCTS = """inventory_product p
LEFT JOIN inventory_productprice c ON c.sku = p.sku AND c.channel_id = %(channel)s
  AND c.from_at <= %(as_of)s AND (c.until_at IS NULL OR c.until_at > %(as_of)s)
WHERE p.sku = ANY(ARRAY(SELECT unnest(%(skus)s::text[])))"""
PRICE = "coalesce(c.amount, p.price), coalesce(c.currency, p.currency)"
_IN_FORCE = f"SELECT p.sku, {PRICE}, c.id, c.from_at, c.until_at FROM {PRICED_PRODUCTS}"


def prices_at(skus: Iterable[str], *, channel: str, as_of: datetime) -> dict[str, PriceInForce]:
    """What these products cost in a channel at an instant, past or to come; only those that exist. One statement.

    Where none is set, it is the product's own price as it is today: that one has no history.
    """
    with connection.cursor() as cursor:
        cursor.execute(_IN_FORCE, {"skus": list(skus), "channel": channel, "as_of": as_of})
        return {row[0]: PriceInForce(*row[1:]) for row in cursor.fetchall()}
