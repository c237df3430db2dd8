"""Why a number of sellable units is what it is: the same figures, one by one, with the rules that kept some back."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from django.db import connection

from inventory.exposure import Context, Kept, Rule, Verdict
from inventory.models import CartHold
from inventory.queries import PlaceInfo, places, products_by_sku, protections, sellable_units
from inventory.sellable import good_sql, held_sql

MOST_PLACES = 1_000


class Stood(NamedTuple):
    """A level as it stands, and what carts hold of it."""

    location: str
    on_hand: int
    damaged: int
    quarantined: int
    reserved: int
    held: int
    offered: int
    safety_stock: int | None
    confidence: float | None
    suspect_at: datetime | None

    @property
    def good(self) -> int:
        return self.on_hand - self.damaged - self.quarantined

    @property
    def in_carts(self) -> int:
        """Of what is held, without what is kept where work is `offered` to several places."""
        return self.held - self.offered


@dataclass(frozen=True, slots=True)
class Explanation:
    """`sellable` is what readers and reservers get. `kept` is what is kept back, `kept_by` says by what: `level` and
    `place` (safety stock), `rule` or `doubt`. `closed_by`: why nothing at all is sold: `suspect`, `hidden`,
    `product_inactive`, `place_inactive`, `takes_no_orders`, `never_open`, `no_daily_capacity`, `cannot_serve_method`."""

    place: PlaceInfo
    stood: Stood
    sellable: int
    kept: int
    kept_by: str
    closed_by: tuple[str, ...]
    rule: Rule | None
    doubt_rule: Rule | None


_LEVELS = f"""
SELECT s.location_id, s.on_hand, s.damaged, s.quarantined, s.reserved,
    {held_sql("s", as_of="%(as_of)s", own_holds="%(holds)s")}, (
        SELECT coalesce(sum(l.quantity), 0)::int FROM inventory_cartholdline l
        JOIN inventory_carthold h ON h.id = l.hold_id AND h.owner = %(offers)s AND h.id <> ALL(%(holds)s::text[])
        WHERE l.sku = s.sku AND l.location_id = s.location_id AND l.expires_at > %(as_of)s
    ), s.safety_stock, s.confidence, s.suspect_at
FROM inventory_stocklevel s
WHERE s.sku = %(sku)s AND (%(locations)s::text[] IS NULL OR s.location_id = ANY(%(locations)s::text[]))
ORDER BY {good_sql("s")} DESC, s.location_id LIMIT {MOST_PLACES}"""


def explain(sku: str, *, context: Context, locations: Collection[str] | None = None) -> list[Explanation]:
    """Every place that ever had the product, the fullest first, at most 1,000; or only these. The product exists."""
    product = products_by_sku([sku])[sku]
    rules = protections(context)
    shown = sellable_units([sku], context=context, locations=locations, tags={sku: product.tags})[sku]
    directory = places()
    found = []
    for stood in _levels(sku, context, locations):
        if (place := directory.get(stood.location)) is None:  # of the last second: this process does not know it yet
            continue
        verdict = rules.verdict(sku, product.tags, place)
        kept, kept_by = _kept(stood, place, verdict.kept)
        found.append(
            Explanation(
                place=place,
                stood=stood,
                sellable=shown.get(place.code, 0) if place.serves(context) else 0,
                kept=kept,
                kept_by=kept_by,
                closed_by=_closed_by(stood, place, verdict, context, product_is_active=product.is_active),
                rule=verdict.rule,
                doubt_rule=verdict.doubt_rule,
            )
        )
    return found


def _levels(sku: str, context: Context, locations: Collection[str] | None) -> list[Stood]:
    only = None if locations is None else list(locations)
    with connection.cursor() as cursor:
        asked = {"sku": sku, "locations": only, "as_of": context.as_of, "holds": list(context.holds)}
        cursor.execute(_LEVELS, asked | {"offers": CartHold.OFFERS})
        return [Stood(*row) for row in cursor.fetchall()]


def _kept(stood: Stood, place: PlaceInfo, kept: Kept) -> tuple[int, str]:
    """The largest of what is kept for whatever reason."""
    reasons = [(stood.safety_stock, "level") if stood.safety_stock is not None else (place.safety_stock, "place")]
    if not kept.is_hidden:
        reasons.append((max(kept.units, _share(stood, kept.share)), "rule"))
    if stood.confidence is not None and stood.confidence < kept.doubt_below:
        reasons.append((max(kept.doubt_units, _share(stood, kept.doubt_share)), "doubt"))
    return max(reasons, key=lambda reason: reason[0])


def _share(stood: Stood, share: int) -> int:
    return -(-max(0, stood.good) * share // 10_000)


def _closed_by(
    stood: Stood, place: PlaceInfo, verdict: Verdict, context: Context, *, product_is_active: bool
) -> tuple[str, ...]:
    reasons = {
        "suspect": stood.suspect_at is not None,
        "hidden": verdict.kept.is_hidden,
        "product_inactive": not product_is_active,
        "place_inactive": not place.is_active,
        "takes_no_orders": place.is_active and (not place.accepting_orders or place.is_paused(context.as_of)),
        "never_open": not place.calendar.opens_again(context.as_of),
        "no_daily_capacity": place.daily_capacity == 0,
        "cannot_serve_method": not place.can_serve(context.order_type),
    }
    return tuple(reason for reason, holds in reasons.items() if holds)
