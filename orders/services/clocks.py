"""Before a step is late its place is told, then its manager: each once for each time that its clock was started.

`orders.warn` rings when so much of the step's time is gone, and lets `orders.warn_manager` follow. The step that ends
takes both with it. How people hear of it is not decided here: the event names the place, `managers_of` its managers.
"""

from datetime import datetime

from oms import deadlines
from oms.actors import CLOCK
from oms.deadlines import Claimed, Due
from oms.outbox import Fact, publish
from oms.transactions import in_transaction, use_case
from orders.clocks import Step, running_step
from orders.locks import lock_work
from orders.models import Fulfillment
from orders.services import planning

WARN, WARN_MANAGER = "orders.warn", "orders.warn_manager"
WARNINGS = (WARN, WARN_MANAGER)


@in_transaction
def warn_later(fulfillment: Fulfillment, *, as_of: datetime) -> None:
    """A step has begun: let its place be told before it ends. The move into it has raised the version."""
    running = running_step(fulfillment)
    if running and running[1] > as_of:
        step, due_at = running
        at = planning.warn_at(fulfillment, step, due_at=due_at, as_of=as_of)
        deadlines.schedule([Due(WARN, fulfillment.pk, at, fulfillment.version)])


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
