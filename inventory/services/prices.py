"""Prices per channel, set by the thousand, changed and ended one by one. `inventory.prices` knows the rules."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import connection
from django.utils.translation import gettext as _

from inventory import prices
from inventory.errors import PriceIsHistory, PricesOverlap
from inventory.events import prices_changed
from inventory.models import Product, ProductPrice
from inventory.prices import Entry, Span
from inventory.services.catalog import REJECTED, RowResult
from oms.channels import ChannelInfo, channels
from oms.errors import DomainError, FieldError, Invalid, Missing
from oms.idempotency import idempotent
from oms.ids import new_id
from oms.outbox import publish
from oms.sql import any_of, insert_rows, update_rows
from oms.transactions import in_transaction, use_case

Key = tuple[str, str]  # SKU, channel
Book = dict[Key, tuple[Span, ...]]
"""The prices of some products in some channels."""


@dataclass(frozen=True, slots=True)
class PriceRow:
    """`currency` empty: the channel's. `from_at` None: now. `takes_over`: see `inventory.prices.enter`."""

    sku: str
    channel: str
    amount: Decimal
    currency: str = ""
    from_at: datetime | None = None
    until_at: datetime | None = None
    takes_over: bool = False

    @property
    def key(self) -> Key:
        return self.sku, self.channel


def receive_prices(rows: Sequence[PriceRow], *, actor: str, as_of: datetime) -> list[RowResult]:
    """`save_prices` in a transaction of its own."""
    with use_case:
        return save_prices(rows, actor=actor, as_of=as_of)


@use_case
@idempotent
def set_price(row: PriceRow, *, actor: str, as_of: datetime) -> dict[str, str]:
    """`set_one_price` in a transaction of its own. Returns the price's `id` and what became of it, `status`."""
    result = set_one_price(row, actor=actor, as_of=as_of)
    return {"id": result.id, "status": result.status}


@in_transaction
def set_one_price(row: PriceRow, *, actor: str, as_of: datetime) -> RowResult:
    """Set one price. Errors: Missing (the product), Invalid, PricesOverlap, PriceIsHistory."""
    (result,) = save_prices([row], actor=actor, as_of=as_of)
    if result.code == "unknown_sku":
        raise Missing()
    if result.status == REJECTED:
        raise _error(result.code, result.pointer, result.detail)
    return result


@use_case
def change_price(price_id: str, changes: Mapping[str, Any], *, actor: str, as_of: datetime) -> None:
    """`amend_price` in a transaction of its own."""
    amend_price(price_id, changes, actor=actor, as_of=as_of)


@use_case
def end_price(price_id: str, *, actor: str, as_of: datetime) -> None:
    """`finish_price` in a transaction of its own."""
    finish_price(price_id, actor=actor, as_of=as_of)


@in_transaction
def amend_price(price_id: str, changes: Mapping[str, Any], *, actor: str, as_of: datetime) -> None:
    """Change what history lets change of a price. Errors: Missing, Invalid, PricesOverlap, PriceIsHistory."""
    key, spans, span = _found(price_id)
    new = replace(span, **changes)
    if refusal := _wrong_currency(new.currency, channels()[key[1]].currency):
        raise _error(refusal.code, refusal.pointer, refusal.detail)
    _settle(key, spans, prices.amend(spans, span, new, as_of=as_of), actor=actor, as_of=as_of)


@in_transaction
def finish_price(price_id: str, *, actor: str, as_of: datetime) -> None:
    """End a price now, or take it back if it has not begun. Errors: Missing, PriceIsHistory (it ended before)."""
    key, spans, span = _found(price_id)
    _settle(key, spans, prices.end(spans, span, as_of=as_of), actor=actor, as_of=as_of)


@in_transaction
def save_prices(rows: Sequence[PriceRow], *, actor: str, as_of: datetime) -> list[RowResult]:
    """Set each price, in order; one result per row. A row that is refused changes nothing, nor do its neighbours.

    Setting a price a second time changes nothing (`unchanged`), so that a list may be sent again.
    """
    known = _lock_products(row.sku for row in rows)
    before = _read({row.key for row in rows if row.sku in known})
    results, after = _entered(rows, known, before, as_of=as_of)
    _write(before, after, actor=actor, as_of=as_of)
    return results


def judge_prices(rows: Sequence[PriceRow], *, as_of: datetime) -> list[RowResult]:
    """What `save_prices` would answer just now. Changes and locks nothing."""
    skus = {row.sku for row in rows}
    known = set(Product.objects.filter(pk__in=any_of(skus)).values_list("pk", flat=True))
    results, _after = _entered(rows, known, _read({row.key for row in rows}), as_of=as_of)
    return results


# ---- judging -------------------------------------------------------------------------------------


def _entered(
    rows: Sequence[PriceRow], known: set[str], before: Book, *, as_of: datetime
) -> tuple[list[RowResult], Book]:
    after, results, sellers = dict(before), [], channels()
    begun: set[tuple[Key, datetime | None]] = set()
    for row in rows:
        refusal = _refusal(row, known, sellers, begun)
        if refusal is None:
            entry = _enter(row, after.get(row.key, ()), sellers[row.channel].currency, as_of=as_of)
            refusal = _told(entry.refusal) if entry.refusal else None
            if refusal is None:
                after[row.key] = tuple(map(_named, entry.spans))
                begun.add((row.key, row.from_at))
        results.append(refusal or RowResult(entry.status, id=entry.id))
    return results, after


def _enter(row: PriceRow, spans: Sequence[Span], currency: str, *, as_of: datetime) -> Entry:
    new = Span(new_id("pri"), row.amount, currency, row.from_at or as_of, row.until_at)
    return prices.enter(spans, new, takes_over=row.takes_over, as_of=as_of)


def _refusal(
    row: PriceRow, known: set[str], sellers: Mapping[str, ChannelInfo], begun: set[tuple[Key, datetime | None]]
) -> RowResult | None:
    if row.sku not in known:
        return RowResult(REJECTED, "unknown_sku", "/sku", _("There is no such product"))
    if row.channel not in sellers:
        return RowResult(REJECTED, "unknown_channel", "/channel", _("There is no such channel"))
    if (row.key, row.from_at) in begun:
        detail = _("A price from the same moment stands in the list before")
        return RowResult(REJECTED, "duplicate_in_list", "/from_at", detail)
    return _wrong_currency(row.currency, sellers[row.channel].currency)


def _wrong_currency(currency: str, sells_in: str) -> RowResult | None:
    if currency in ("", sells_in):
        return None
    detail = _("This channel sells in %(currency)s") % {"currency": sells_in}
    return RowResult(REJECTED, "wrong_currency", "/currency", detail)


_POINTERS = {prices.OVERLAP: "/from_at", prices.HISTORY: "/from_at", prices.BACKWARDS: "/until_at"}
_ERRORS: Mapping[str, type[DomainError]] = {prices.OVERLAP: PricesOverlap, prices.HISTORY: PriceIsHistory}


def _told(code: str) -> RowResult:
    details = {
        prices.OVERLAP: _("Another price of this channel is set for that time"),
        prices.HISTORY: _("What was in force is not changed; end it, and let another price begin"),
        prices.BACKWARDS: _("A price must end after it begins"),
    }
    return RowResult(REJECTED, code, _POINTERS[code], details[code])


def _error(code: str, pointer: str, detail: str) -> DomainError:
    kind = _ERRORS.get(code)
    return kind(detail) if kind else Invalid(errors=[FieldError(pointer, code, detail)])


# ---- reading and writing -------------------------------------------------------------------------

_FIELDS = ("id", "amount", "currency", "from_at", "until_at")


def _lock_products(skus: Iterable[str]) -> set[str]:
    """Whoever sets prices of a product waits here for whoever does. Those that exist, locked in order."""
    rows = Product.objects.select_for_update(no_key=True).filter(pk__in=any_of(set(skus))).order_by("pk")
    return set(rows.values_list("pk", flat=True))


def _read(keys: set[Key]) -> Book:
    skus, codes = {sku for sku, _channel in keys}, {channel for _sku, channel in keys}
    book: dict[Key, list[Span]] = {}
    stored = ProductPrice.objects.filter(product__in=any_of(skus), channel__in=any_of(codes))
    for sku, channel, *values in stored.values_list("product_id", "channel_id", *_FIELDS):
        book.setdefault((sku, channel), []).append(Span(*values))
    return {key: tuple(spans) for key, spans in book.items()}


def _found(price_id: str) -> tuple[Key, tuple[Span, ...], Span]:
    """A price among those of its channel, its product locked. Errors: Missing."""
    key = ProductPrice.objects.filter(pk=price_id).values_list("product_id", "channel_id").first()
    if key is None:
        raise Missing()
    _lock_products([key[0]])
    spans = _read({key}).get(key, ())
    span = next((span for span in spans if span.id == price_id), None)
    if span is None:
        raise Missing()
    return key, spans, span


def _settle(key: Key, spans: tuple[Span, ...], entry: Entry, *, actor: str, as_of: datetime) -> None:
    if entry.refusal:
        told = _told(entry.refusal)
        raise _error(told.code, told.pointer, told.detail)
    _write({key: spans}, {key: tuple(map(_named, entry.spans))}, actor=actor, as_of=as_of)


def _write(before: Book, after: Book, *, actor: str, as_of: datetime) -> None:
    """Bring the table from one state of the book to the other, and tell what changed."""
    stored = {span.id: span for spans in before.values() for span in spans}
    wanted = [(key, span) for key, spans in after.items() for span in spans]
    gone = stored.keys() - {span.id for _key, span in wanted}
    fresh = [(key, span) for key, span in wanted if span.id not in stored]
    changed = [(key, span) for key, span in wanted if stored.get(span.id, span) != span]
    if not (gone or fresh or changed):
        return
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS a_channel_has_one_price_at_a_time DEFERRED")
    ProductPrice.objects.filter(pk__in=any_of(gone)).delete()
    update_rows(ProductPrice, [_columns(*pair, actor, as_of) for pair in changed])
    insert_rows({ProductPrice: [_columns(*pair, actor, as_of) for pair in fresh]})
    with connection.cursor() as cursor:  # judged when all of it stands, not on the way there
        cursor.execute("SET CONSTRAINTS a_channel_has_one_price_at_a_time IMMEDIATE")
    told = [(key, span) for key, spans in before.items() for span in spans if span.id in gone]
    publish(prices_changed([*fresh, *changed], gone=told, actor=actor), as_of=as_of)


def _named(span: Span) -> Span:
    return span if span.id else replace(span, id=new_id("pri"))


def _columns(key: Key, span: Span, actor: str, as_of: datetime) -> dict[str, Any]:
    sku, channel = key
    return {
        "id": span.id,
        "sku": sku,
        "channel_id": channel,
        "currency": span.currency,
        "amount": span.amount,
        "from_at": span.from_at,
        "until_at": span.until_at,
        "actor": actor,
        "updated_at": as_of,
    }
