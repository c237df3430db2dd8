"""The queue in front of people: work that no place has, or that is late, with the reasons why."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from oms import deadlines
from oms.deadlines import Due
from oms.ids import new_id
from oms.outbox import Fact, publish
from oms.transactions import in_transaction
from orders.actions import actions_for
from orders.errors import AwaitsDecision, OrderOnHold
from orders.models import Delivery, ExceptionCase, Fulfillment, Order, OrderLine
from orders.states import OrderStatus

CASE_WAITS = "orders.case_waits"
"""The deadline of a case whose units wait no longer than the rules say."""


@in_transaction
def open_case(
    order: Order,
    delivery: Delivery,
    fulfillment: Fulfillment | None,
    *,
    reason: str,
    units: Mapping[OrderLine, int],
    facts: Mapping[str, Any],
    as_of: datetime,
    cancel_at: datetime | None = None,
) -> ExceptionCase:
    """Put these units before a person, in one case per fulfillment (or per delivery that never found a place).

    Units that were lost join those lost before; they end a case that was only about lateness. `cancel_at`: until when
    they wait; of units that join others, the later instant holds for all.
    """
    open_cases = ExceptionCase.objects.filter(status=ExceptionCase.Status.OPEN)
    standing = open_cases.filter(delivery=delivery, fulfillment=fulfillment).first()
    if standing and reason in ExceptionCase.ABOUT_LATENESS:
        return standing
    if standing and standing.reason not in ExceptionCase.ABOUT_LATENESS:
        if reason == ExceptionCase.Reason.KEPT_TOGETHER:
            standing.reason = reason  # what is picked waits for it
        return _add(standing, units, facts, cancel_at, as_of=as_of)
    if fulfillment:
        close_for([fulfillment], resolution="lost", actor="system", as_of=as_of)
    case = ExceptionCase.objects.create(
        id=new_id("exc"),
        order=order,
        delivery=delivery,
        fulfillment=fulfillment,
        location_id=fulfillment.location_id if fulfillment else None,
        reason=reason,
        lines=[{"line": line.ref, "sku": line.product_id, "quantity": quantity} for line, quantity in units.items()],
        facts=dict(facts),
        opened_at=as_of,
        cancel_at=cancel_at,
    )
    if cancel_at:
        deadlines.schedule([Due(CASE_WAITS, case.pk, cancel_at)])
    _tell(
        "opened",
        case,
        actor="system",
        as_of=as_of,
        payload={"reason": reason, "location": case.location_id, "lines": case.lines},
    )
    return case


def stopped_by(order: Order, fulfillment: Fulfillment) -> OrderOnHold | AwaitsDecision | None:
    """Why nothing of it may leave, however far it is: somebody has a reason to wait, or what is picked must leave with goods
    that nobody has decided about yet. `orders.queries` tells the same of many at once."""
    if order.status == OrderStatus.ON_HOLD:
        return OrderOnHold()
    reason, status = ExceptionCase.Reason.KEPT_TOGETHER, ExceptionCase.Status.OPEN
    waits = ExceptionCase.objects.filter(fulfillment=fulfillment, reason=reason, status=status).exists()
    return AwaitsDecision() if waits else None


def actions_now(order: Order, fulfillment: Fulfillment) -> list[str]:
    may_leave = stopped_by(order, fulfillment) is None
    return actions_for(fulfillment.status, fulfillment.method, may_leave=may_leave)


@in_transaction
def _add(
    case: ExceptionCase,
    units: Mapping[OrderLine, int],
    facts: Mapping[str, Any],
    cancel_at: datetime | None,
    *,
    as_of: datetime,
) -> ExceptionCase:
    known = {entry["line"]: entry for entry in case.lines}
    for line, quantity in units.items():
        before = known.get(line.ref, {"quantity": 0})["quantity"]
        known[line.ref] = {"line": line.ref, "sku": line.product_id, "quantity": before + quantity}
    case.lines, case.facts = list(known.values()), {**case.facts, **facts}
    if case.cancel_at is not None:
        case.cancel_at = cancel_at and max(cancel_at, case.cancel_at)
        _wait_until(case, as_of=as_of)
    case.save(update_fields=["reason", "lines", "facts", "cancel_at"])
    return case


@in_transaction
def _wait_until(case: ExceptionCase, *, as_of: datetime) -> None:
    if case.cancel_at is None:
        deadlines.drop([case.pk], as_of=as_of, kinds=[CASE_WAITS])
    else:
        deadlines.retime(CASE_WAITS, case.pk, case.cancel_at, as_of=as_of)


@in_transaction
def close_case(case: ExceptionCase, *, resolution: str, actor: str, as_of: datetime, note: str = "") -> None:
    case.status, case.resolution = ExceptionCase.Status.RESOLVED, resolution
    case.resolved_by, case.resolved_at = actor, as_of
    case.save(update_fields=["status", "resolution", "resolved_by", "resolved_at"])
    if case.cancel_at:
        deadlines.drop([case.pk], as_of=as_of, kinds=[CASE_WAITS])
    _tell(
        "resolved",
        case,
        actor=actor,
        as_of=as_of,
        payload={"resolution": resolution, **({"note": note} if note else {})},
    )


@in_transaction
def close_for(fulfillments: Sequence[Fulfillment], *, resolution: str, actor: str, as_of: datetime) -> None:
    """The place acted, or is out of it: that it was late is nobody's case any more. Lost units stay before a person."""
    for case in ExceptionCase.objects.filter(
        fulfillment__in=fulfillments, status=ExceptionCase.Status.OPEN, reason__in=ExceptionCase.ABOUT_LATENESS
    ):
        close_case(case, resolution=resolution, actor=actor, as_of=as_of)


@in_transaction
def shrink(order: Order, *, actor: str, as_of: datetime) -> None:
    """Units were canceled: cases ask for no more than is still open; empty ones close. The order is locked."""
    lines = {line.ref: line for line in OrderLine.objects.filter(order=order)}
    still_open = Counter({ref: line.open for ref, line in lines.items()})  # shared by the cases of a line
    for case in ExceptionCase.objects.filter(order=order, status=ExceptionCase.Status.OPEN).order_by("opened_at", "pk"):
        left = []
        for entry in case.lines:
            units = min(entry["quantity"], _unserved(lines[entry["line"]], case, still_open))
            if units:
                left.append({**entry, "quantity": units})
            if case.reason not in ExceptionCase.ABOUT_LATENESS:
                still_open[entry["line"]] -= units
        if not left:
            close_case(case, resolution="canceled", actor=actor, as_of=as_of)
        elif left != case.lines:
            case.lines = left
            case.save(update_fields=["lines"])


def _unserved(line: OrderLine, case: ExceptionCase, still_open: Mapping[str, int]) -> int:
    """Units of the line this case may still be about: open ones, or for late work those at the place."""
    at_places = line.allocated + line.picked + line.packed
    return at_places if case.reason in ExceptionCase.ABOUT_LATENESS else still_open[line.ref]


@in_transaction
def _tell(what: str, case: ExceptionCase, *, actor: str, as_of: datetime, payload: dict[str, Any]) -> None:
    publish([Fact(f"orders.exception.{what}", case.pk, case.order_id, actor, payload)], as_of=as_of)
