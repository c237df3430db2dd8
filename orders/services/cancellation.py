"""Canceling an order, whole or in part, until preparation has begun."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from inventory.services.reservations import Held, release_reservations
from inventory.services.supply_promises import withdraw_promises
from oms import deadlines
from oms.errors import FieldError, Invalid
from oms.idempotency import idempotent
from oms.outbox import Fact, publish
from oms.transactions import in_transaction, use_case
from orders.commands import CancelOrder
from orders.errors import TooLate
from orders.locks import Work, lock_fulfillments, lock_order_number
from orders.models import Fulfillment, FulfillmentLine, Hold, Order, OrderLine
from orders.services import exceptions, payments, planning
from orders.services.lines import UnitMove, move_units
from orders.services.status import refresh_expectation, refresh_status
from orders.states import BEFORE_PICKING, FULFILLMENT_MOVES, LIVE, FulfillmentStatus


@dataclass(frozen=True, slots=True)
class _Cut:
    """Units of one line to cancel: those without a place, and those of fulfillments not begun."""

    line: OrderLine
    waiting: tuple[tuple[str, int], ...]  # (bucket, quantity)
    given: tuple[tuple[FulfillmentLine, int], ...]


@use_case
@idempotent
def cancel_order(*, number: int, command: CancelOrder, actor: str, as_of: datetime) -> str:
    """Cancel all that is left, or the named units. Returns the order's id.

    Errors: Missing, Invalid (unknown line, more than ordered), TooLate (facts: what could be canceled).
    """
    order = lock_order_number(number)
    asked = _asked(order, command)
    _cancel(order, asked, reason=command.reason, actor=actor, as_of=as_of)
    return order.pk


@in_transaction
def cancel_everything(order: Order, *, reason: str, actor: str, as_of: datetime) -> None:
    """Cancel whatever has not begun; used by the clock, which does not argue about the rest. The order is locked."""
    asked: dict[OrderLine, int] = {}
    for line in OrderLine.objects.filter(order=order):
        given = sum(work.to_pick for work in _not_begun(line))
        asked[line] = line.open + line.backordered + given
    _cancel(order, {line: units for line, units in asked.items() if units}, reason=reason, actor=actor, as_of=as_of)


@in_transaction
def expire(held: Work, *, actor: str, as_of: datetime) -> None:
    """A pickup that nobody collected ends: its units are canceled and on sale again where they stand."""
    fulfillment = held.fulfillment
    FULFILLMENT_MOVES.move(fulfillment, to=FulfillmentStatus.EXPIRED, actor=actor, as_of=as_of, claimed_by=actor)
    deadlines.drop([fulfillment.pk], as_of=as_of)
    staged = [line for line in held.lines if line.picked]
    release_reservations(
        [Held(line.order_line.demand, line.sku, fulfillment.location_id, line.picked) for line in staged], as_of=as_of
    )
    move_units([UnitMove(line.order_line_id, "packed", "canceled", line.picked) for line in staged])
    exceptions.close_for([fulfillment], resolution="cancel", actor=actor, as_of=as_of)
    close_if_nothing_left(held.order, actor=actor, as_of=as_of)
    refresh_status(held.order)


@in_transaction
def cancel_units(
    order: Order,
    units: dict[str, int],
    *,
    of: Fulfillment | None,
    reason: str,
    actor: str,
    as_of: datetime,
    waiting_in: str = "open",
) -> None:
    """Cancel this many units per order line id: those of one piece of work, or those that wait in this bucket.

    The order is locked. Errors: TooLate.
    """
    lines = OrderLine.objects.filter(order=order, pk__in=units)
    cuts = [
        _cut_work(line, units[line.pk], of) if of else _cut_waiting(line, units[line.pk], waiting_in) for line in lines
    ]
    _take(order, cuts, [units[line.pk] for line in lines], reason=reason, actor=actor, as_of=as_of)


def _asked(order: Order, command: CancelOrder) -> dict[OrderLine, int]:
    lines = {line.ref: line for line in OrderLine.objects.filter(order=order)}
    if command.lines is None:
        return _all_that_is_left(list(lines.values()))
    errors: list[FieldError] = []
    asked: dict[OrderLine, int] = {}
    for index, given in enumerate(command.lines):
        line = lines.get(given.id)
        if line is None:
            errors.append(FieldError(f"/lines/{index}/id", "unknown_line", _("No such line")))
        elif given.quantity > line.quantity - line.canceled:
            errors.append(
                FieldError(f"/lines/{index}/quantity", "more_than_ordered", _("More than is left of this line"))
            )
        else:
            asked[line] = asked.get(line, 0) + given.quantity
    if errors:
        raise Invalid(errors=errors)
    return asked


def _all_that_is_left(lines: Sequence[OrderLine]) -> dict[OrderLine, int]:
    """Units that have not left yet. Errors: TooLate when all have."""
    here = {line: line.quantity - line.canceled - line.shipped - line.delivered - line.collected for line in lines}
    left = {line: units for line, units in here.items() if units}
    if not left and any(line.quantity > line.canceled for line in lines):
        raise TooLate(lines=[{"id": line.ref, "cancelable": 0} for line in lines if line.quantity > line.canceled])
    return left


@in_transaction
def _cancel(order: Order, asked: dict[OrderLine, int], *, reason: str, actor: str, as_of: datetime) -> None:
    cuts = [_cut(line, quantity) for line, quantity in asked.items()]
    _take(order, cuts, list(asked.values()), reason=reason, actor=actor, as_of=as_of)


@in_transaction
def _take(
    order: Order, cuts: Sequence[_Cut], wanted_of: Sequence[int], *, reason: str, actor: str, as_of: datetime
) -> None:
    """Cancel what was cut out. Errors: TooLate where that is less than what was wanted."""
    short = [
        {"id": cut.line.ref, "cancelable": possible}
        for cut, wanted in zip(cuts, wanted_of, strict=True)
        if (possible := sum(q for _b, q in cut.waiting) + sum(q for _w, q in cut.given)) < wanted
    ]
    if short:
        raise TooLate(lines=short)
    if not cuts:
        return
    _take_from_places(cuts, actor=actor, as_of=as_of)
    move_units(
        [UnitMove(cut.line.pk, bucket, "canceled", quantity) for cut in cuts for bucket, quantity in cut.waiting]
        + [UnitMove(cut.line.pk, "allocated", "canceled", quantity) for cut in cuts for _work, quantity in cut.given]
    )
    exceptions.shrink(order, actor=actor, as_of=as_of)
    units = [
        {"line": cut.line.ref, "sku": cut.line.product_id, "quantity": wanted}
        for cut, wanted in zip(cuts, wanted_of, strict=True)
    ]
    close_if_nothing_left(order, actor=actor, as_of=as_of)
    refresh_expectation(order, actor=actor, as_of=as_of)
    refresh_status(order)
    publish(
        [Fact(_event(order), order.pk, order.pk, actor, {"why": reason, "lines": units}, is_public=True)], as_of=as_of
    )


def _event(order: Order) -> str:
    return "orders.order.canceled" if order.status == "canceled" else "orders.order.lines_canceled"


def _not_begun(line: OrderLine) -> QuerySet[FulfillmentLine]:
    return (
        line.fulfillment_lines.filter(fulfillment__status__in=BEFORE_PICKING)
        .select_related("fulfillment")
        .order_by("id")
    )


def _cut(line: OrderLine, quantity: int) -> _Cut:
    """Take units without a place first, then those whose preparation has not begun."""
    waiting, given = [], []
    for bucket in ("open", "backordered"):
        if units := min(quantity, getattr(line, bucket)):
            waiting.append((bucket, units))
            quantity -= units
    for work in _not_begun(line) if quantity else ():
        if units := min(quantity, work.to_pick):
            given.append((work, units))
            quantity -= units
    return _Cut(line, tuple(waiting), tuple(given))


def _cut_waiting(line: OrderLine, quantity: int, bucket: str) -> _Cut:
    """Only of what no place has."""
    units = min(quantity, getattr(line, bucket))
    return _Cut(line, ((bucket, units),) if units else (), ())


def _cut_work(line: OrderLine, quantity: int, fulfillment: Fulfillment) -> _Cut:
    """Only of this piece of work, as far as it has not begun."""
    given = [(work, min(quantity, work.to_pick)) for work in _not_begun(line).filter(fulfillment=fulfillment)]
    return _Cut(line, (), tuple((work, units) for work, units in given if units))


@in_transaction
def _take_from_places(cuts: Sequence[_Cut], *, actor: str, as_of: datetime) -> None:
    """Shrink the work of places, end what became empty, give back stock and what deliveries were to bring."""
    taken = [(cut.line, work, units) for cut in cuts for work, units in cut.given]
    awaited = {cut.line.demand: units for cut in cuts for bucket, units in cut.waiting if bucket == "backordered"}
    fulfillments = lock_fulfillments({work.fulfillment_id for _line, work, _units in taken}) if taken else []
    arrived = withdraw_promises(awaited) if awaited else []
    for _line, work, units in taken:
        work.canceled += units
        work.save(update_fields=["canceled"])
    release_reservations(
        arrived
        + [Held(line.demand, line.product_id, work.fulfillment.location_id, units) for line, work, units in taken],
        as_of=as_of,
    )
    emptied = [f for f in fulfillments if not any(work.to_pick for work in f.lines.all())]
    planning.give_back_capacity(emptied)  # all at once: days are locked in one order
    for fulfillment in emptied:
        FULFILLMENT_MOVES.move(
            fulfillment, to=FulfillmentStatus.CANCELED, actor=actor, as_of=as_of, why="canceled by the order"
        )
        deadlines.drop([fulfillment.pk], as_of=as_of)


@in_transaction
def close_if_nothing_left(order: Order, *, actor: str, as_of: datetime) -> None:
    """With all units canceled there is nothing to hold and nothing to pay."""
    if Fulfillment.objects.filter(order=order, status__in=LIVE).exists():
        return
    lines = OrderLine.objects.filter(order=order)
    if all(line.canceled == line.quantity for line in lines):
        holds = Hold.objects.filter(order=order, released_at=None)
        deadlines.drop(holds.values_list("pk", flat=True), as_of=as_of)
        holds.update(released_at=as_of, released_by=actor)
    if all(line.canceled + line.shipped + line.delivered + line.collected == line.quantity for line in lines):
        payments.void_rest(order, cause=order.pk, as_of=as_of)
