"""Under which clock of its place a piece of work stands. Pure."""

from datetime import datetime
from enum import StrEnum
from typing import Protocol

from orders.states import FulfillmentStatus as S


class Step(StrEnum):
    """What a place owes, one after the other; the values are stored in events."""

    ACKNOWLEDGE = "acknowledge"
    PREPARE = "prepare"
    HAND_OVER = "hand_over"


class _Work(Protocol):
    status: str
    acknowledge_by: datetime | None
    ready_by: datetime | None
    hand_over_by: datetime | None


def running_step(work: _Work) -> tuple[Step, datetime] | None:
    """The step in which the work stands and until when; None where its place owes nothing now."""
    step, due_at = _standing(work)
    return (step, due_at) if step and due_at else None


def _standing(work: _Work) -> tuple[Step | None, datetime | None]:
    match work.status:
        case S.ASSIGNED:
            return Step.ACKNOWLEDGE, work.acknowledge_by
        case S.PACKED if work.hand_over_by:
            return Step.HAND_OVER, work.hand_over_by
        case S.ACCEPTED | S.PICKING | S.PACKED:
            return Step.PREPARE, work.ready_by
    return None, None
