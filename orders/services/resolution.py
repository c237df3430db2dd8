"""A person decides: solves an exception, or moves work to another place by hand."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from django.utils.translation import gettext as _

from inventory.errors import StockMoved
from inventory.queries import places
from inventory.services.reservations import Held, release_reservations
from oms import deadlines
from oms.actors import CLOCK
from oms.deadlines import Claimed
from oms.errors import Conflict, FieldError, IllegalMove, Invalid, Missing
from oms.idempotency import idempotent
from oms.transactions import in_transaction, use_case
from orders.actions import case_actions
from orders.commands import Reroute, ResolveException
from orders.errors import NoPlaceLeft, PickupPlaceIsChosen
from orders.locks import Work, lock_case, lock_order, lock_order_number, lock_work
from orders.models import Delivery, ExceptionCase, Fulfillment, FulfillmentLine, Order, OrderLine
from orders.services import cancellation, clocks, exceptions, fulfillments, reassignment, waiting
from orders.services.lines import UnitMove, move_units
from orders.services.planning import PlannedDelivery
from orders.services.status import refresh_expectation, refresh_status
from orders.states import BEFORE_PICKING, FULFILLMENT_MOVES, FulfillmentStatus, Method
from routing import words

REROUTED = "rerouted"
WAITED_TOO_LONG = "waited_too_long"


@use_case
@idempotent
def resolve_exception(*, case_id: str, command: ResolveException, actor: str, as_of: datetime) -> str:
    """Returns the case's id. Errors: Missing, Conflict (resolved already, or still nobody can serve it), Invalid, TooLate, StockMoved."""
    order_id = ExceptionCase.objects.filter(pk=case_id).values_list("order_id", flat=True).first()
    if order_id is None:
        raise Missing()
    order = lock_order(order_id)
    case = lock_case(case_id)
    if case.status != ExceptionCase.Status.OPEN:
        raise Conflict(_("this was resolved already"))
    if command.action not in case_actions(case.status, case.reason):
        raise Conflict(_("this cannot be solved that way"), actions=case_actions(case.status, case.reason))
    _resolutions[command.action](order, case, command, actor=actor, as_of=as_of)
    return case_id


@in_transaction
def _resolve_by_reroute(
    order: Order, case: ExceptionCase, command: ResolveException, *, actor: str, as_of: datetime
) -> None:
    _check_place(case.delivery, command.location)
    exclude_also, only = command.exclude, command.location
    exceptions.close_case(case, resolution="reroute", actor=actor, as_of=as_of, note=command.note)
    if case.reason == ExceptionCase.Reason.LATE_PICKUP:
        _move_work(lock_work(_work_of(case)), actor=actor, as_of=as_of, exclude_also=exclude_also, only=only)
        return
    units = _open_units(order, case)
    planned = reassignment.plan(
        order, case.delivery, case.fulfillment, units, as_of=as_of, exclude_also=exclude_also, only=only
    )
    _require_places(planned)
    reassignment.find_places(
        order,
        case.delivery,
        case.fulfillment,
        units,
        actor=actor,
        as_of=as_of,
        exclude_also=exclude_also,
        only=only,
        without_limit=True,
        planned=planned,
    )
    refresh_expectation(order, actor=actor, as_of=as_of)
    refresh_status(order)


def _require_places(planned: PlannedDelivery) -> None:
    """Errors: NoPlaceLeft with the reasons; the transaction rolls back, so everything stays as it was."""
    if not planned.parcels:
        rest = [{"sku": rest.sku, "quantity": rest.quantity} for rest in planned.rest]
        raise NoPlaceLeft(_why_not_there(planned), rest=rest, places=planned.reasons)


def _why_not_there(planned: PlannedDelivery) -> str:
    """Of the place that was named, if one was."""
    named = planned.source.demand.location
    if named is None:
        return ""
    why = {place["location"]: place["reason"] for place in planned.reasons}.get(named, "no_stock")
    return f"{places()[named].name}: {words.reason(why)}"


def _work_of(case: ExceptionCase) -> str:
    """A case about lateness always has its fulfillment."""
    assert case.fulfillment_id is not None
    return case.fulfillment_id


def _check_place(delivery: Delivery, location: str | None) -> None:
    """A pickup goes to a store that was agreed with the shopper, never just to the next best."""
    is_pickup = delivery.method == Method.PICKUP
    place = places().get(location) if location else None
    if location and (place is None or not place.is_active):
        raise Invalid(errors=[FieldError("/location", "unknown_location", _("No such location"))])
    if is_pickup and place is None:
        raise Invalid(errors=[FieldError("/location", "required", _("Another store must be agreed with the shopper"))])
    if is_pickup and place and "pickup" not in place.abilities:
        raise Invalid(errors=[FieldError("/location", "no_pickup_here", _("This location hands nothing out"))])


@in_transaction
def _resolve_by_cancel(
    order: Order, case: ExceptionCase, command: ResolveException, *, actor: str, as_of: datetime
) -> None:
    exceptions.close_case(case, resolution="cancel", actor=actor, as_of=as_of, note=command.note)
    if case.reason == ExceptionCase.Reason.EXPIRED_PICKUP:
        cancellation.expire(lock_work(_work_of(case)), actor=actor, as_of=as_of)
        return
    lines = {line.ref: line for line in OrderLine.objects.filter(order=order)}
    units = {lines[entry["line"]].pk: entry["quantity"] for entry in case.lines}
    of = case.fulfillment if case.reason == ExceptionCase.Reason.LATE_PICKUP else None
    cancellation.cancel_units(order, units, of=of, reason=command.note or "exception", actor=actor, as_of=as_of)


@use_case
def on_case_waits(deadline: Claimed, as_of: datetime) -> None:
    """Nobody solved it in the days that the rules give it: what still has no place is canceled."""
    order = lock_order(ExceptionCase.objects.values_list("order_id", flat=True).get(pk=deadline.subject))
    deadlines.finish(deadline)
    case = lock_case(deadline.subject)
    if case.status != ExceptionCase.Status.OPEN or case.cancel_at != deadline.due_at:
        return
    units = {line.pk: quantity for line, quantity in _open_units(order, case).items()}
    exceptions.close_case(case, resolution="cancel", actor=CLOCK, as_of=as_of)
    cancellation.cancel_units(order, units, of=None, reason=WAITED_TOO_LONG, actor=CLOCK, as_of=as_of)


@in_transaction
def _resolve_by_keep(
    order: Order, case: ExceptionCase, command: ResolveException, *, actor: str, as_of: datetime
) -> None:
    exceptions.close_case(case, resolution="keep", actor=actor, as_of=as_of, note=command.note)
    held = lock_work(_work_of(case))
    if case.reason == ExceptionCase.Reason.EXPIRED_PICKUP:
        fulfillments.extend_collection(held, actor=actor, as_of=as_of)
    else:
        reassignment.escalate_later(held.fulfillment, as_of=as_of)
        clocks.stop_if_held(held, as_of=as_of)


@in_transaction
def _resolve_by_backorder(
    order: Order, case: ExceptionCase, command: ResolveException, *, actor: str, as_of: datetime
) -> None:
    """A person may let it wait, whatever the rules say of it."""
    units = _open_units(order, case)
    exceptions.close_case(case, resolution="backorder", actor=actor, as_of=as_of, note=command.note)
    waits = waiting.wait_for_deliveries(order, case.delivery, units, actor=actor, as_of=as_of)
    if waits is None:
        raise StockMoved()
    if not waits:
        raise Invalid(
            errors=[FieldError("/action", "no_inbound_supply", _("No delivery is announced that could serve it"))]
        )


_resolutions = {
    "reroute": _resolve_by_reroute,
    "cancel": _resolve_by_cancel,
    "keep": _resolve_by_keep,
    "backorder": _resolve_by_backorder,
}


@use_case
@idempotent
def reroute(*, number: int, command: Reroute, actor: str, as_of: datetime) -> str:
    """Move work that was not begun to the next best place. Returns the order's id.

    Errors: Missing, IllegalMove (picking has begun), PickupPlaceIsChosen, NoPlaceLeft.
    """
    order = lock_order_number(number)
    if not Fulfillment.objects.filter(pk=command.fulfillment, order=order).exists():
        raise Missing()
    held = lock_work(command.fulfillment)
    if held.fulfillment.is_pickup:
        raise PickupPlaceIsChosen()
    _move_work(held, actor=actor, as_of=as_of, exclude_also=command.exclude, only=None)
    return order.pk


@in_transaction
def _move_work(held: Work, *, actor: str, as_of: datetime, exclude_also: Sequence[str], only: str | None) -> None:
    """Take work from its place by hand and give it to another; the place does not get it again by itself.

    Errors: IllegalMove (picking has begun), NoPlaceLeft (it stays where it is).
    """
    order, fulfillment = held.order, held.fulfillment
    if fulfillment.status not in BEFORE_PICKING:
        raise IllegalMove(current=fulfillment.status, actions=exceptions.actions_now(order, fulfillment))
    units = {line: line.to_pick for line in held.lines if line.to_pick}
    open_units = {line.order_line: quantity for line, quantity in units.items()}
    reassignment.exclude(units, fulfillment.location_id, reason=REROUTED, as_of=as_of)
    planned = reassignment.plan_and_lock(
        order, fulfillment, open_units, as_of=as_of, exclude_also=exclude_also, only=only
    )
    _require_places(planned)
    take_back(held, units, why=REROUTED, actor=actor, as_of=as_of)
    reassignment.find_places(
        order,
        fulfillment.delivery,
        fulfillment,
        open_units,
        actor=actor,
        as_of=as_of,
        exclude_also=exclude_also,
        only=only,
        without_limit=True,
        planned=planned,
    )
    refresh_expectation(order, actor=actor, as_of=as_of)
    refresh_status(order)


@in_transaction
def take_back(held: Work, units: Mapping[FulfillmentLine, int], *, why: str, actor: str, as_of: datetime) -> None:
    """End this fulfillment, not for its fault; its units are open again. Stock is as it was."""
    fulfillment = held.fulfillment
    FULFILLMENT_MOVES.move(fulfillment, to=FulfillmentStatus.CANCELED, actor=actor, as_of=as_of, why=why)
    reassignment.close(fulfillment, as_of=as_of)
    exceptions.close_for([fulfillment], resolution="reroute", actor=actor, as_of=as_of)
    release_reservations(
        [Held(line.order_line.demand, line.sku, fulfillment.location_id, quantity) for line, quantity in units.items()],
        as_of=as_of,
    )
    move_units([UnitMove(line.order_line_id, "allocated", "open", quantity) for line, quantity in units.items()])


def _open_units(order: Order, case: ExceptionCase) -> dict[OrderLine, int]:
    lines = {line.ref: line for line in OrderLine.objects.filter(order=order)}
    wanted = {lines[entry["line"]]: min(entry["quantity"], lines[entry["line"]].open) for entry in case.lines}
    return {line: units for line, units in wanted.items() if units}
