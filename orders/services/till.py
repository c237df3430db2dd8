"""A till hands over what an order has waiting in its store. The stock has moved already; here the order follows.

The shopper may come before the work has begun, in the middle of it, or for a part of it: whatever was handed over is
collected, the rest goes on as it was.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime

from oms import deadlines, idempotency
from oms.clock import now
from oms.idempotency import Once
from oms.ids import new_id
from oms.models import Event
from oms.outbox import publish
from oms.sql import read_rows
from oms.transactions import in_transaction, use_case
from orders.locks import lock_order_number
from orders.models import Fulfillment, FulfillmentLine, Order
from orders.services import cancellation, exceptions, payments, planning
from orders.services.lines import UnitMove, move_units
from orders.services.status import refresh_status
from orders.states import BEFORE_PICKING, FULFILLMENT_MOVES, FulfillmentStatus

F = FulfillmentStatus
_LINE = "order_line:"
# Whoever is nearest to the counter hands over first.
_HANDS_OVER = (F.READY_FOR_PICKUP, F.PACKED, F.PICKING, F.ACCEPTED, F.ASSIGNED, F.PLANNED)
_PACKED = frozenset({F.READY_FOR_PICKUP, F.PACKED})


def on_reservation_consumed(event: Event) -> None:
    payload = event.payload
    units = {item["demand"].removeprefix(_LINE): item["quantity"] for item in payload["demands"]}
    hand_over_at_till(
        number=int(payload["order"]),
        location=payload["location"],
        units=units,
        source=payload["source"],
        once=Once("orders.till", str(event.pk), idempotency.fingerprint(payload)),
        actor=event.actor,
        as_of=now(),
    )


@use_case
def hand_over_at_till(
    *, number: int, location: str, units: Mapping[str, int], source: str, once: Once, actor: str, as_of: datetime
) -> None:
    """So many units per order line were handed over at this place; they are collected, and paid where that was agreed.

    What they had reserved is consumed already, so nothing else could become of them meanwhile.
    """
    if idempotency.begin(once, as_of=as_of, result=True):
        return
    order = lock_order_number(number)
    left = Counter(units)
    collected = []
    for work in _work_at(order, location):
        lines = list(work.lines.select_related("order_line").order_by("id"))
        taken = {line: min(left[line.order_line_id], _here(line)) for line in lines}
        if not any(taken.values()):
            continue
        left.subtract({line.order_line_id: quantity for line, quantity in taken.items()})
        move_units(_moves(work, taken))
        collect = _collect if all(_here(line) == quantity for line, quantity in taken.items()) else _split
        collected.append(collect(work, taken, source=source, actor=actor, as_of=as_of))
    if collected:
        payments.capture_for(order, cause=collected[0], actor=actor, as_of=as_of)
        exceptions.shrink(order, actor=actor, as_of=as_of)
        cancellation.close_if_nothing_left(order, actor=actor, as_of=as_of)
        refresh_status(order)


@in_transaction
def _work_at(order: Order, location: str) -> Sequence[Fulfillment]:
    rows = read_rows(
        Fulfillment,
        "WHERE t.order_id = %s AND t.location_id = %s AND t.status = ANY(%s) ORDER BY t.id FOR NO KEY UPDATE",
        [order.pk, location, list(map(str, _HANDS_OVER))],
    )
    return sorted(rows, key=lambda work: _HANDS_OVER.index(F(work.status)))


def _here(line: FulfillmentLine) -> int:
    """Units that the place has, or is to find."""
    return line.quantity - line.short - line.canceled


def _moves(work: Fulfillment, taken: Mapping[FulfillmentLine, int]) -> list[UnitMove]:
    """Each unit from the bucket it is in; of a line being picked, those that nobody has in hand yet go first."""
    moves = []
    for line, quantity in taken.items():
        not_picked = 0 if work.status in _PACKED else min(quantity, line.to_pick)
        moves.append(UnitMove(line.order_line_id, "allocated", "collected", not_picked))
        bucket = "packed" if work.status in _PACKED else "picked"
        moves.append(UnitMove(line.order_line_id, bucket, "collected", quantity - not_picked))
    return [move for move in moves if move.quantity]


@in_transaction
def _collect(
    work: Fulfillment, taken: Mapping[FulfillmentLine, int], *, source: str, actor: str, as_of: datetime
) -> str:
    """All of this work is handed over."""
    for line, quantity in taken.items():
        line.picked = quantity
        line.save(update_fields=["picked"])
    if work.status in BEFORE_PICKING:
        planning.give_back_capacity([work])
    values = {"assigned_at": work.assigned_at or as_of, "claimed_by": actor}
    facts = {"source": source}
    FULFILLMENT_MOVES.move_all([(work, values)], to=F.COLLECTED, actor=actor, as_of=as_of, why="till", facts=facts)
    deadlines.drop([work.pk], as_of=as_of)
    exceptions.close_for([work], resolution="done", actor=actor, as_of=as_of)
    return work.pk


@in_transaction
def _split(work: Fulfillment, taken: Mapping[FulfillmentLine, int], *, source: str, actor: str, as_of: datetime) -> str:
    """What is handed over becomes work of its own that is done; the rest stays what it was."""
    part = Fulfillment(
        **{name: getattr(work, name) for name in _COPIED},
        id=new_id("ful"),
        status=F.COLLECTED,
        assigned_at=work.assigned_at or as_of,
        claimed_by=actor,
        updated_at=as_of,
    )
    part.save(force_insert=True)
    for line, quantity in taken.items():
        if quantity:
            FulfillmentLine.objects.create(
                fulfillment=part, order_line=line.order_line, sku=line.sku, quantity=quantity, picked=quantity
            )
            _shrink(line, quantity)
    facts = {"why": "till", "source": source, "part_of": work.pk}
    publish([FULFILLMENT_MOVES.fact(part, to=F.COLLECTED, actor=actor, payload=facts)], as_of=as_of)
    return part.pk


_COPIED = (
    *("order_id", "delivery_id", "location_id", "pickup_location_id", "method", "service", "attempt"),
    *("decision", "distance_km", "promised_at", "expected_at"),
)


def _shrink(line: FulfillmentLine, quantity: int) -> None:
    line.picked -= max(0, quantity - line.to_pick)
    line.quantity -= quantity
    if line.quantity:
        line.save(update_fields=["quantity", "picked"])
    else:
        line.delete()
