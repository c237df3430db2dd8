"""Units of an order begin to wait for deliveries: their bucket, their dates, their clocks, and what is told of it.

A demand's promises stand in inventory (`supply_promises`); the bucket `backordered` of a line is always their sum, with what
has arrived for it and was not planned yet. `services.backorders` goes on from there.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta

from inventory.services.supply_promises import Promised, exchange_promises, promised_to, wait_for_supply
from oms import deadlines
from oms.deadlines import Due
from oms.outbox import Fact, publish
from oms.sql import update_rows
from oms.transactions import in_transaction
from orders.models import Delivery, Order, OrderLine
from orders.services import planning
from orders.services.lines import UnitMove, move_units
from orders.services.status import refresh_expectation, refresh_status
from routing.services.backorders import AwaitedPart

LOOK_AGAIN = "orders.backorder"
"""The deadline of a delivery with units that wait: what is to come should be here, or something has changed."""
ENDS = "orders.backorder_ends"
"""The deadline of a delivery whose units wait no longer than the rules say."""
_BOOKED_BY_THEN = timedelta(days=1)  # goods are counted in in the course of the day on which they come


def look_again_at(parts: Sequence[AwaitedPart]) -> datetime:
    """When the first of it should stand in the books."""
    return min(part.available_at for part in parts) + _BOOKED_BY_THEN


def promises(parts: Sequence[AwaitedPart], demands: Mapping[str, str]) -> list[Promised]:
    """`demands`: by line."""
    return [Promised(demands[part.key], part.sku, part.inbound_line, part.quantity) for part in parts]


def expected_by_line(parts: Sequence[AwaitedPart]) -> dict[str, datetime]:
    """When the last of each line's units are there."""
    found: dict[str, datetime] = {}
    for part in parts:
        found[part.key] = max(part.promised_at, found.get(part.key, part.promised_at))
    return found


def waiting_deadlines(delivery_id: str, parts: Sequence[AwaitedPart], *, until: datetime | None) -> list[Due]:
    """The clocks of a delivery that begins to wait."""
    ends = [Due(ENDS, delivery_id, until)] if until else []
    return [Due(LOOK_AGAIN, delivery_id, look_again_at(parts)), *ends]


def backordered(order_id: str, parts: Sequence[AwaitedPart], refs: Mapping[str, str], *, actor: str) -> Fact:
    """`refs`: how the shop names the lines."""
    units: dict[str, int] = defaultdict(int)
    skus = {part.key: part.sku for part in parts}
    for part in parts:
        units[part.key] += part.quantity
    expected = expected_by_line(parts)
    lines = [
        {"line": refs[key], "sku": skus[key], "quantity": n, "expected_at": expected[key].isoformat()}
        for key, n in units.items()
    ]
    return Fact("orders.order.backordered", order_id, order_id, actor, {"lines": lines})


# ---- beginning to wait later than at placement ---------------------------------------------------


@in_transaction
def wait(
    order: Order, delivery: Delivery, units: Mapping[OrderLine, int], *, until: datetime | None, as_of: datetime
) -> None:
    """These open units wait for a delivery that the clock is to find at once: those who lock levels lock none of them."""
    wait_for_supply({(line.demand, line.product_id): n for line, n in units.items()}, since=order.placed_at)
    move_units([UnitMove(line.pk, "open", "backordered", n) for line, n in units.items()])
    deadlines.retime(LOOK_AGAIN, delivery.pk, as_of, as_of=as_of)
    if until:
        deadlines.retime(ENDS, delivery.pk, until, as_of=as_of)


@in_transaction
def wait_for_deliveries(
    order: Order, delivery: Delivery, units: Mapping[OrderLine, int], *, actor: str, as_of: datetime
) -> bool | None:
    """These open units wait for what is to come, all of them. The order is locked, and no level.

    False where not enough is on its way, None where others took it meanwhile; then nothing is changed.
    """
    awaited = planning.await_deliveries(order, delivery, units, as_of=as_of)
    if not awaited.is_complete or not awaited.parts:
        return False
    demands = {line.pk: line.demand for line in units}
    was = promised_to(demands.values())
    asker, now = planning.context_of(order, delivery, as_of=as_of), [*was, *promises(awaited.parts, demands)]
    if not exchange_promises(was, [(asker, now)], demands=demands.values(), since=order.placed_at):
        return None
    move_units([UnitMove(line.pk, "open", "backordered", n) for line, n in units.items()])
    tell_dates(list(units), expected_by_line(awaited.parts))
    pending = deadlines.pending(delivery.pk, kinds=[LOOK_AGAIN])
    next_look = min([look_again_at(awaited.parts), *pending.values()])
    deadlines.retime(LOOK_AGAIN, delivery.pk, next_look, as_of=as_of)
    refs = {line.pk: line.ref for line in units}
    publish([backordered(order.pk, awaited.parts, refs, actor=actor)], as_of=as_of)
    refresh_expectation(order, actor=actor, as_of=as_of)
    refresh_status(order)
    return True


@in_transaction
def tell_dates(lines: Collection[OrderLine], expected: Mapping[str, datetime]) -> None:
    """Write down when these lines' units are expected; the date told first stays promised."""
    rows = [
        {"id": line.pk, "promised_at": line.promised_at or expected[line.pk], "expected_at": expected[line.pk]}
        for line in lines
        if line.pk in expected and line.expected_at != expected[line.pk]
    ]
    update_rows(OrderLine, rows)
