"""The clocks of a place: they warn before they ring, and stand still while the order is held.

Before a step is late its place is told, then its manager: each once for each time that its clock was started. `orders.warn`
rings when so much of the step's time is gone, and lets `orders.warn_manager` follow. The step that ends takes both with
it. How people hear of it is not decided here: the event names the place, `managers_of` its managers.

A hold takes what is pending away and keeps what was left of it in opening hours (`clocks_left`); the release of the last
hold lets that run on. A manager's pause stops nothing: what a place has stays there, and so does its time.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from oms import deadlines
from oms.actors import CLOCK
from oms.deadlines import Claimed, Due
from oms.outbox import Fact, publish
from oms.transactions import in_transaction, use_case
from orders.clocks import Step, running_step
from orders.locks import Work, lock_work, lock_work_in
from orders.models import Fulfillment, Order
from orders.services import planning
from orders.states import FulfillmentStatus, OrderStatus

WARN, WARN_MANAGER = "orders.warn", "orders.warn_manager"
WARNINGS = (WARN, WARN_MANAGER)
COLLECT = "orders.collect"
STEPS = ("orders.acknowledge", "orders.prepare", "orders.hand_over", "orders.escalate", COLLECT)
CLOCKS = (*STEPS, *WARNINGS)
BEGUN = (FulfillmentStatus.PICKING, FulfillmentStatus.PACKED, FulfillmentStatus.READY_FOR_PICKUP)
"""What a hold does not call back: it stays where it is, and its clocks stand still."""
_DUE_COLUMNS = {"prepare": "ready_by", "hand_over": "hand_over_by", "collect": "collect_by"}


def warning(
    fulfillment: Fulfillment, step: Step, *, due_at: datetime | None, generation: int, as_of: datetime
) -> list[Due]:
    """A step begins: when its place is to be told that it ends soon. `generation`: the version of the work by then."""
    if due_at is None or due_at <= as_of:
        return []
    at = planning.warn_at(fulfillment, step, due_at=due_at, as_of=as_of)
    return [Due(WARN, fulfillment.pk, at, generation)]


@in_transaction
def warn_later(fulfillment: Fulfillment, *, as_of: datetime) -> None:
    """The same, for a step that has begun. What began it has raised the version."""
    if running := running_step(fulfillment):
        step, due_at = running
        deadlines.schedule(warning(fulfillment, step, due_at=due_at, generation=fulfillment.version, as_of=as_of))


@use_case
def on_warn(deadline: Claimed, as_of: datetime) -> None:
    """The place is told; its manager will be, if that does not help."""
    fulfillment = lock_work(deadline.subject).fulfillment
    deadlines.finish(deadline)
    soon = _soon_late(fulfillment, as_of)
    if soon is None:
        return
    step, due_at = soon
    fulfillment.warned_at = as_of
    _tell("due_soon", fulfillment, step, due_at, as_of=as_of)
    at = planning.escalate_at(fulfillment, step, due_at=due_at, as_of=as_of)
    deadlines.schedule([Due(WARN_MANAGER, fulfillment.pk, at, deadline.generation)])


@use_case
def on_warn_manager(deadline: Claimed, as_of: datetime) -> None:
    fulfillment = lock_work(deadline.subject).fulfillment
    deadlines.finish(deadline)
    soon = _soon_late(fulfillment, as_of)
    if soon:
        fulfillment.escalated_at = as_of
        _tell("escalated", fulfillment, *soon, as_of=as_of)


def _soon_late(fulfillment: Fulfillment, as_of: datetime) -> tuple[Step, datetime] | None:
    """The step that can still be done in time; what is late already is told as such."""
    running = running_step(fulfillment)
    return running if running and running[1] > as_of else None


@in_transaction
def _tell(what: str, fulfillment: Fulfillment, step: Step, due_at: datetime, *, as_of: datetime) -> None:
    fulfillment.updated_at = as_of
    fulfillment.save(update_fields=["warned_at", "escalated_at", "updated_at"])
    facts = {"location": fulfillment.location_id, "step": step.value, "due_at": due_at}
    publish([Fact(f"orders.fulfillment.{what}", fulfillment.pk, fulfillment.order_id, CLOCK, facts)], as_of=as_of)


# ---- standing still --------------------------------------------------------------------------------


@in_transaction
def take_away(fulfillment: Fulfillment, *, as_of: datetime) -> dict[str, float]:
    """Drop the clocks that run. Returns what is left of each in seconds, those included that stood still already."""
    left = {
        kind.removeprefix("orders."): _left(fulfillment, kind, due_at, as_of).total_seconds()
        for kind, due_at in deadlines.pending(fulfillment.pk, kinds=STEPS).items()
    }
    deadlines.drop([fulfillment.pk], as_of=as_of, kinds=CLOCKS)
    return {**(fulfillment.clocks_left or {}), **left}


def _left(fulfillment: Fulfillment, kind: str, due_at: datetime, as_of: datetime) -> timedelta:
    if kind == COLLECT:  # the shopper counts days
        return max(timedelta(0), due_at - as_of)
    return planning.time_left(fulfillment, due_at=due_at, as_of=as_of)


@in_transaction
def stop(fulfillment: Fulfillment, *, why: str, actor: str, as_of: datetime) -> None:
    """The order is held: no time passes for this work, which stays where it is."""
    _stand_still(fulfillment, as_of=as_of)
    facts = {"location": fulfillment.location_id, "why": why, "left": fulfillment.clocks_left}
    publish([Fact("orders.fulfillment.clock_stopped", fulfillment.pk, fulfillment.order_id, actor, facts)], as_of=as_of)


@in_transaction
def _stand_still(fulfillment: Fulfillment, *, as_of: datetime) -> None:
    fulfillment.clocks_left, fulfillment.updated_at = take_away(fulfillment, as_of=as_of), as_of
    fulfillment.save(update_fields=["clocks_left", "updated_at"])


@in_transaction
def stop_if_held(held: Work, *, as_of: datetime) -> None:
    """A clock was started for work of a held order: it begins standing still."""
    if held.order.status == OrderStatus.ON_HOLD:
        _stand_still(held.fulfillment, as_of=as_of)


@in_transaction
def go_on(order: Order, *, actor: str, as_of: datetime) -> None:
    """The last hold is gone: what was left of each clock runs on from now. The order is locked.

    Work that was called back is not meant: it is handed out anew, with what was left.
    """
    if order.status == OrderStatus.ON_HOLD:
        return
    for fulfillment in lock_work_in(order, BEGUN):
        if fulfillment.clocks_left is not None:
            _go_on(fulfillment, fulfillment.clocks_left, actor=actor, as_of=as_of)


@in_transaction
def _go_on(fulfillment: Fulfillment, left: Mapping[str, float], *, actor: str, as_of: datetime) -> None:
    ends = {name: _end(fulfillment, name, seconds, as_of) for name, seconds in left.items()}
    for name, due_at in ends.items():
        deadlines.retime(f"orders.{name}", fulfillment.pk, due_at, as_of=as_of)
    changes: dict[str, Any] = {_DUE_COLUMNS[name]: due_at for name, due_at in ends.items() if name in _DUE_COLUMNS}
    changes |= {"clocks_left": None, "warned_at": None, "escalated_at": None}
    changes |= {"updated_at": as_of, "version": fulfillment.version + 1}
    for column, value in changes.items():
        setattr(fulfillment, column, value)
    fulfillment.save(update_fields=list(changes))
    warn_later(fulfillment, as_of=as_of)
    facts = {"location": fulfillment.location_id, "due": ends}
    publish([Fact("orders.fulfillment.clock_started", fulfillment.pk, fulfillment.order_id, actor, facts)], as_of=as_of)


def _end(fulfillment: Fulfillment, name: str, seconds: float, as_of: datetime) -> datetime:
    left = timedelta(seconds=seconds)
    return as_of + left if f"orders.{name}" == COLLECT else planning.later(fulfillment, left, as_of=as_of)
