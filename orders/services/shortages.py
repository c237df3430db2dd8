"""Reality disagrees: less stands at a place than was promised from it.

A feed or a count said so. The youngest promises that are not yet picked lose their units until the rest fits; they
are planned again like any lost work, without this place, and of them the oldest chooses first.
"""

from datetime import datetime

from django.db.models import F, QuerySet

from inventory.queries import promised_too_much
from oms.actors import SYSTEM
from oms.clock import now
from oms.models import Event
from oms.transactions import use_case
from orders.locks import lock_work
from orders.models import FulfillmentLine
from orders.services import exceptions, reassignment
from orders.states import BEFORE_PICKING, FULFILLMENT_MOVES, FulfillmentStatus

STOCK_SHORT = "stock_short"
_NOT_YET_PICKED = BEFORE_PICKING | {FulfillmentStatus.PICKING}


def on_stock_short(event: Event) -> None:
    """`inventory.stock.short`: looks at the level as it is now, so a repeat finds nothing left to do."""
    settle_shortage(sku=event.payload["sku"], location=event.payload["location"], as_of=now())


def settle_shortage(*, sku: str, location: str, as_of: datetime) -> int:
    """Take promises away, the youngest, until what is left can be kept. Returns how many lost units.

    Each in a transaction of its own: killed half way, the next event or the next call goes on. What was picked
    meanwhile is made up for by others in the next round.
    """
    losers = 0
    while lost := sum(_lose(work, sku, units, as_of=as_of) for work, units in _losers(sku, location)):
        losers += lost
    return losers


def _losers(sku: str, location: str) -> list[tuple[str, int]]:
    """Whose units are too many, and how many of them: the youngest work of which they are still to be picked, oldest first."""
    missing = promised_too_much(sku, location)
    losers: dict[str, int] = {}
    for work, units in _youngest_first(sku, location) if missing else ():
        if taken := min(missing, units):
            losers[work] = losers.get(work, 0) + taken
            missing -= taken
    return list(reversed(losers.items()))


def _youngest_first(sku: str, location: str) -> QuerySet[FulfillmentLine, tuple[str, int]]:
    """Work and how many units of its line are still to be picked there."""
    to_pick = F("quantity") - F("picked") - F("short") - F("canceled")
    waiting = FulfillmentLine.objects.filter(
        sku=sku, fulfillment__location=location, fulfillment__status__in=_NOT_YET_PICKED
    )
    youngest = waiting.order_by("-fulfillment__order__placed_at", "-fulfillment_id", "pk")
    return youngest.values_list("fulfillment_id", to_pick)


@use_case
def _lose(fulfillment_id: str, sku: str, most: int, *, as_of: datetime) -> bool:
    """As many units as are too many, `most` of them, leave this work; False when it was picked or ended meanwhile."""
    held = lock_work(fulfillment_id)
    work = held.fulfillment
    left = min(most, promised_too_much(sku, work.location_id)) if work.status in _NOT_YET_PICKED else 0
    units = {}
    for line in held.lines:
        missing = min(left, line.to_pick) if line.sku == sku else 0
        if missing:
            units[line] = missing
            left -= missing
    if not units:
        return False
    is_whole = not any(line.picked or line.to_pick > units.get(line, 0) for line in held.lines)
    if is_whole:
        told = reassignment.units_told(units)
        FULFILLMENT_MOVES.move(
            work, to=FulfillmentStatus.CANCELED, actor=SYSTEM, as_of=as_of, why=STOCK_SHORT, facts=told
        )
        exceptions.close_for([work], resolution=STOCK_SHORT, actor=SYSTEM, as_of=as_of)
    else:
        reassignment.record_short(held, units, reason=STOCK_SHORT, actor=SYSTEM, as_of=as_of)
    reassignment.lose(held, {STOCK_SHORT: units}, actor=SYSTEM, as_of=as_of)
    if not is_whole and held.is_empty:  # the rest went along
        FULFILLMENT_MOVES.move(work, to=FulfillmentStatus.CANCELED, actor=SYSTEM, as_of=as_of, why=STOCK_SHORT)
    if is_whole or held.is_empty:
        reassignment.close(work, as_of=as_of)
    return True
