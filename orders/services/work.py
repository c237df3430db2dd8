"""Handing work out and calling it back: between `planned` and `assigned`."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from oms import deadlines
from oms.deadlines import Due
from oms.sql import Also, Tables, together
from oms.transactions import in_transaction
from orders.clocks import Step
from orders.locks import lock_payments, lock_planned, lock_work_in
from orders.models import Fulfillment, Offer, Order, Payment
from orders.services import clocks, planning
from orders.settlement import is_settled
from orders.states import FULFILLMENT_MOVES, FulfillmentStatus, OrderStatus
from routing.queries import rules_for

F = FulfillmentStatus


@in_transaction
def hand_out(order: Order, *, actor: str, as_of: datetime) -> None:
    """Assign every planned fulfillment whose time has come; the plan is fresh. See `release.release_work`."""
    assign(order.channel_id, due_work(order, as_of=as_of), actor=actor, as_of=as_of)


@in_transaction
def due_work(order: Order, *, as_of: datetime, payments: Sequence[Payment] | None = None) -> list[Fulfillment]:
    """The planned work whose time has come, locked; none while the order is held or its money is not settled.

    The order is locked; so are `payments`, if given. Work that must still wait keeps a release deadline.
    """
    if order.status == OrderStatus.ON_HOLD:  # true while any hold is open
        return []
    planned = lock_planned(order)
    if not planned or not is_settled(lock_payments(order) if payments is None else payments):
        return []
    return [work for work in planned if work.release_at is None or work.release_at <= as_of]


@in_transaction
def assign(
    channel: str,
    fulfillments: Sequence[Fulfillment],
    *,
    actor: str,
    as_of: datetime,
    inserts: Tables | None = None,
    also: Sequence[Also] = (),
    provided: Also | None = None,
) -> None:
    """The places are told and their clocks start. All fulfillments are of one order of the channel, planned and locked (or new).

    Work that waited longer than planned is prepared on a later day, and booked there. `inserts` and `also`: what comes
    true with it, told before it; `provided`: a query that must hold, which may do the locking. Errors: IllegalMove.
    """
    offers_around = rules_for(channel).offers_around
    rows: list[tuple[Fulfillment, dict[str, Any]]] = []
    dues = []
    for fulfillment in fulfillments:
        times = planning.due_times(fulfillment, assigned_at=as_of)
        rows.append(
            (
                fulfillment,
                {
                    "assigned_at": as_of,
                    "acknowledge_by": times.acknowledge_by,
                    "ready_by": times.ready_by,
                    "claimed_by": "",
                    "late_since": None,
                    "warned_at": None,
                    "escalated_at": None,
                    "clocks_left": None,
                    "capacity_date": planning.capacity_date(fulfillment, ready_by=times.ready_by),
                },
            )
        )
        generation = fulfillment.version + 1  # unique per assignment, as every move raises the version
        dues.append(Due("orders.acknowledge", fulfillment.pk, times.acknowledge_by, generation))
        dues.append(Due("orders.prepare", fulfillment.pk, times.ready_by, generation))
        if offers_around and not fulfillment.is_pickup and not _was_accepted(fulfillment):
            dues.append(Due("orders.offer_around", fulfillment.pk, as_of, generation))
        accept_by = times.acknowledge_by
        dues += clocks.warning(fulfillment, Step.ACKNOWLEDGE, due_at=accept_by, generation=generation, as_of=as_of)
    new = together(inserts or {}, deadlines.deadline_rows(dues))
    other_days = planning.other_days([(fulfillment, values["capacity_date"]) for fulfillment, values in rows])
    FULFILLMENT_MOVES.move_all(rows, to=F.ASSIGNED, actor=actor, as_of=as_of, inserts=new, also=also, provided=provided)
    planning.move_capacity(other_days)


def _was_accepted(fulfillment: Fulfillment) -> bool:
    """Its place had said yes when a hold called it back: it is asked once more, but nobody else is."""
    left = fulfillment.clocks_left
    return left is not None and "acknowledge" not in left


@in_transaction
def call_back(order: Order, *, actor: str, as_of: datetime, why: str) -> None:
    """Take assigned and accepted work back to planned; what was begun stays, but its clocks stand still.

    It keeps its stock, its day's capacity and what is left of its time: it will come back to the place.
    """
    for fulfillment in lock_work_in(order, [F.ASSIGNED, F.ACCEPTED, *clocks.BEGUN]):
        if fulfillment.clocks_left is not None:
            continue  # another hold did
        if fulfillment.status in clocks.BEGUN:
            clocks.stop(fulfillment, why=why, actor=actor, as_of=as_of)
            continue
        left = clocks.take_away(fulfillment, as_of=as_of)
        FULFILLMENT_MOVES.move(
            fulfillment,
            to=F.PLANNED,
            actor=actor,
            as_of=as_of,
            why=why,
            facts={"left": left},
            claimed_by="",
            clocks_left=left,
        )
        _ask_nobody_else(fulfillment, as_of=as_of)


@in_transaction
def _ask_nobody_else(fulfillment: Fulfillment, *, as_of: datetime) -> None:
    """Offers end right behind this transaction, which has locked the order: their holds are locked before orders."""
    if Offer.objects.filter(fulfillment=fulfillment, status=Offer.Status.OPEN).exists():
        deadlines.schedule([Due("orders.called_back", fulfillment.pk, as_of, fulfillment.version)])
