"""A place loses work: it was late, declined, or came up short. One act with several causes.

Close what cannot be done (exactly one of accept and time-out wins, by compare-and-swap), release or correct
the stock as the reason says, exclude the place for these lines, plan again for what is left, assign. With no
place left, or after the configured attempts, it stands in the exception queue with its reasons. A shopper's
chosen pickup store is never changed behind their back.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any

from django.conf import settings
from django.db import transaction

from inventory.locks import lock_stock
from inventory.queries import holds_for_offers
from inventory.services.adjustments import mark_damaged, mark_suspect
from inventory.services.reservations import Held, release_reservations, reserve_stock
from oms import deadlines
from oms.actors import CLOCK
from oms.deadlines import Claimed, Due
from oms.ids import new_id
from oms.outbox import Fact, publish
from oms.sql import insert_rows
from oms.transactions import in_transaction, use_case
from orders.locks import Work, lock_work
from orders.models import Delivery, ExceptionCase, Exclusion, Fulfillment, FulfillmentLine, Order, OrderLine
from orders.services import clocks, exceptions, offered, planning, waiting, work
from orders.services.kept_together import mates_of
from orders.services.lines import UnitMove, move_units
from orders.services.status import refresh_expectation, refresh_status
from orders.states import (
    BEFORE_PICKING,
    FULFILLMENT_MOVES,
    KEPT_TOGETHER,
    DeclineReason,
    FulfillmentStatus,
    Method,
    ShortReason,
)
from routing.models import GivenPromise
from routing.services.sourcing import PlannedParcel

F = FulfillmentStatus
Reason = ExceptionCase.Reason
SUSPECT_REASONS = frozenset({DeclineReason.OUT_OF_STOCK, ShortReason.NOT_FOUND, ShortReason.OUT_OF_STOCK})
TIMED_OUT = "timed_out"
_STILL_HERE = frozenset({F.ASSIGNED, F.ACCEPTED, F.PICKING, F.PACKED})


class _Taken(Exception):
    """Others took what the plan counted on."""


# ---- losing ---------------------------------------------------------------------------------------


@in_transaction
def lose(held: Work, losses: Mapping[str, Mapping[FulfillmentLine, int]], *, actor: str, as_of: datetime) -> None:
    """These units, by reason, will not come from this place: free or correct its stock, exclude it, and find others.

    The units are allocated and reserved there. What must leave in one parcel with them goes along; if it is picked already, a
    person decides. The caller closes the fulfillment itself where nothing is left of it.
    """
    units = {line: quantity for part in losses.values() for line, quantity in part.items()}
    if not units:
        return
    order, lost = held.order, held.fulfillment
    mates = mates_of(held, units, as_of=as_of)
    leaving = Counter(units) if mates.are_picked else Counter(units) + Counter(mates.units)
    open_units = {line.order_line: quantity for line, quantity in leaving.items()}
    for reason, part in losses.items():
        exclude(part, lost.location_id, reason=reason, as_of=as_of)
    is_for_a_person = mates.are_picked or _is_for_a_person(lost)
    planned = None if is_for_a_person else plan_and_lock(order, lost, open_units, as_of=as_of)
    for reason, part in losses.items():
        _correct_stock(lost, part, reason=reason, actor=actor, as_of=as_of)
    move_units([UnitMove(line.order_line_id, "allocated", "open", quantity) for line, quantity in leaving.items()])
    if mates.are_picked:
        exceptions.open_case(
            order, lost.delivery, lost, reason=Reason.KEPT_TOGETHER, units=open_units, facts={}, as_of=as_of
        )
    else:
        _let_go(held, mates.units, actor=actor, as_of=as_of)
        find_places(order, lost.delivery, lost, open_units, actor=actor, as_of=as_of, planned=planned)
    refresh_expectation(order, actor=actor, as_of=as_of)
    refresh_status(order)


@in_transaction
def _let_go(held: Work, mates: Mapping[FulfillmentLine, int], *, actor: str, as_of: datetime) -> None:
    """They stand there, and may be had by others."""
    if mates:
        record_short(held, mates, reason=KEPT_TOGETHER, actor=actor, as_of=as_of)
        _release(held.fulfillment, mates, as_of=as_of)


@in_transaction
def record_short(held: Work, units: Mapping[FulfillmentLine, int], *, reason: str, actor: str, as_of: datetime) -> None:
    """These units of work that goes on are missing here, and why; told on the timeline. Before `lose`."""
    for line, missing in units.items():
        line.short += missing
        if reason != KEPT_TOGETHER or not line.short_reason:
            line.short_reason = reason
        line.save(update_fields=["short", "short_reason"])
    facts = {"why": reason, **units_told(units)}
    publish([Fact("orders.fulfillment.short", held.fulfillment.pk, held.order.pk, actor, facts)], as_of=as_of)


def units_told(units: Mapping[FulfillmentLine, int]) -> dict[str, Any]:
    """As events name them."""
    return {
        "lines": [
            {"line": line.order_line.ref, "sku": line.sku, "quantity": quantity} for line, quantity in units.items()
        ]
    }


def _is_for_a_person(lost: Fulfillment) -> bool:
    return lost.is_pickup or lost.attempt >= planning.max_attempts(lost)


def plan(
    order: Order,
    delivery: Delivery,
    lost: Fulfillment | None,
    units: Mapping[OrderLine, int],
    *,
    as_of: datetime,
    exclude_also: Sequence[str] = (),
    only: str | None = None,
) -> planning.PlannedDelivery:
    """Where these units could come from now, against the promise given. `only`: a person chose this place.

    What is held for offers of the lost work is free to them; and, where a rest would be left, what is held for offers of
    other work, whose units are reserved at its own place.
    """
    ask = partial(
        planning.plan_again,
        order,
        delivery,
        units,
        exclude_also=exclude_also,
        only=only,
        as_of=as_of,
        wanted_by=lost.promised_at if lost else order.promised_at,
        release_at=_release_at(lost, as_of),
    )
    own = offered.holds_of(lost.pk) if lost else ()
    planned = ask(holds=own)
    yielding = holds_for_offers({line.product_id for line in units}, as_of=as_of) if planned.rest else ()
    return ask(holds=yielding) if set(yielding) - set(own) else planned


@in_transaction
def plan_and_lock(
    order: Order,
    lost: Fulfillment,
    units: Mapping[OrderLine, int],
    *,
    as_of: datetime,
    exclude_also: Sequence[str] = (),
    only: str | None = None,
) -> planning.PlannedDelivery:
    """Plan while nothing is locked, then lock what the lost place gives back and what the next ones give, together.

    In the one order of everybody: stores that lose work to each other would else wait in a circle.
    """
    planned = plan(order, lost.delivery, lost, units, as_of=as_of, exclude_also=exclude_also, only=only)
    _lock_all([(lost, units, planned)])
    return planned


@in_transaction
def _lock_all(moves: Sequence[tuple[Fulfillment, Mapping[OrderLine, int], planning.PlannedDelivery]]) -> None:
    given_back = {(line.product_id, lost.location_id) for lost, units, _planned in moves for line in units}
    plans = [planned for _lost, _units, planned in moves]
    taken = {(line.sku, parcel.location) for planned in plans for parcel in planned.parcels for line in parcel.lines}
    lock_stock(given_back | taken)
    planning.lock_capacity([lost for lost, _units, _planned in moves], plans)


@in_transaction
def _correct_stock(
    fulfillment: Fulfillment, units: Mapping[FulfillmentLine, int], *, reason: str, actor: str, as_of: datetime
) -> None:
    """out_of_stock and short: nothing of it is sold here until counted; damaged: these units are unsellable."""
    place = fulfillment.location_id
    _release(fulfillment, units, as_of=as_of)
    if reason in SUSPECT_REASONS:
        mark_suspect([(line.sku, place) for line in units], reference=fulfillment.pk, actor=actor, as_of=as_of)
    elif reason == DeclineReason.DAMAGED:
        mark_damaged(
            [(line.sku, place, quantity) for line, quantity in units.items()],
            reference=fulfillment.pk,
            actor=actor,
            as_of=as_of,
        )


@in_transaction
def _release(fulfillment: Fulfillment, units: Mapping[FulfillmentLine, int], *, as_of: datetime) -> None:
    place = fulfillment.location_id
    release_reservations(
        [Held(line.order_line.demand, line.sku, place, quantity) for line, quantity in units.items()], as_of=as_of
    )


@in_transaction
def exclude(lines: Mapping[FulfillmentLine, int], location: str, *, reason: str, as_of: datetime) -> None:
    Exclusion.objects.bulk_create(
        [
            Exclusion(order_line_id=line.order_line_id, location_id=location, reason=reason, created_at=as_of)
            for line in lines
        ],
        ignore_conflicts=True,
    )


@in_transaction
def move_planned(
    order: Order,
    works: Sequence[Fulfillment],
    *,
    why: str,
    actor: str,
    as_of: datetime,
) -> None:
    """These places were not told yet and are not to be: their work goes to others, or before a person.

    They have not lost it: once they take orders again, they may be given this, too. The order and the work are locked.
    """
    lines = {work.pk: list(work.lines.select_related("order_line").order_by("id")) for work in works}
    moves = []
    for lost in works:
        units = {line.order_line: line.to_pick for line in lines[lost.pk] if line.to_pick}
        moves.append((lost, units, plan(order, lost.delivery, lost, units, as_of=as_of)))
    _lock_all(moves)
    for lost, units, _planned in moves:
        FULFILLMENT_MOVES.move(lost, to=F.CANCELED, actor=actor, as_of=as_of, why=why)
        close(lost, as_of=as_of)
        release_reservations(
            [Held(line.demand, line.product_id, lost.location_id, quantity) for line, quantity in units.items()],
            as_of=as_of,
        )
        move_units([UnitMove(line.pk, "allocated", "open", quantity) for line, quantity in units.items()])
    for lost, units, planned in moves:
        find_places(
            order,
            lost.delivery,
            lost,
            units,
            actor=actor,
            as_of=as_of,
            without_limit=True,
            planned=planned,
        )
    refresh_expectation(order, actor=actor, as_of=as_of)
    refresh_status(order)


# ---- finding other places ----------------------------------------------------------------------


@in_transaction
def find_places(
    order: Order,
    delivery: Delivery,
    lost: Fulfillment | None,
    units: Mapping[OrderLine, int],
    *,
    actor: str,
    as_of: datetime,
    exclude_also: Sequence[str] = (),
    only: str | None = None,
    without_limit: bool = False,
    planned: planning.PlannedDelivery | None = None,
) -> list[str]:
    """Give these open units to the next best places, or let them wait or stand before a person. The order is locked.
    Returns the ids of the work given.

    `lost`: who had them, None when no place was ever found; `only`: a person chose this place (overriding exclusions, but not what
    is to stay together); `without_limit`: however often it was tried, a pickup too; `planned`: the plan to try first.
    """
    put_before_person = partial(exceptions.open_case, order, delivery, lost, as_of=as_of)
    if lost and lost.is_pickup and not without_limit:
        put_before_person(reason=Reason.PICKUP_SHORT, units=units, facts=_other_stores(order, lost, units, as_of))
        return []
    if lost and not without_limit and lost.attempt >= planning.max_attempts(lost):
        put_before_person(reason=Reason.MAX_ATTEMPTS, units=units, facts={"attempts": lost.attempt})
        return []
    plan_anew = partial(plan, order, delivery, lost, units, as_of=as_of, exclude_also=exclude_also, only=only)
    planned = _secure(planned or plan_anew(), plan_anew, units, as_of=as_of)
    given = give(order, delivery, lost, planned, actor=actor, as_of=as_of)
    lines = {line.pk: line for line in units}
    rest = {lines[line.key]: line.quantity for line in planned.rest}
    if rest and order.allows_backorder and all(line.disposition == "backorder" for line in planned.rest):
        waiting.wait(order, delivery, rest, until=planned.waits_until, as_of=as_of)
    elif rest:
        put_before_person(reason=Reason.NO_PLACE, units=rest, facts=planned.facts, cancel_at=planned.cancel_at(as_of))
    return given


@in_transaction
def _secure(
    planned: planning.PlannedDelivery,
    plan_anew: Callable[[], planning.PlannedDelivery],
    units: Mapping[OrderLine, int],
    *,
    as_of: datetime,
) -> planning.PlannedDelivery:
    """The first plan whose stock could be reserved; where others were always faster, one that found nothing."""
    for _attempt in range(settings.PLACEMENT_ATTEMPTS):
        if _reserve(planned, as_of=as_of):
            return planned
        planned = plan_anew()
    return planned.without_parcels(units)


@in_transaction
def _reserve(planned: planning.PlannedDelivery, *, as_of: datetime) -> bool:
    """Reserve and book for the plan; False when something was taken meanwhile (then nothing is kept)."""
    try:
        with transaction.atomic():  # a savepoint: what was locked for nothing is free again
            if reserve_stock([planned.wants], as_of=as_of) or planning.book_capacity([planned]):
                raise _Taken()
    except _Taken:
        return False
    return True


@in_transaction
def give(
    order: Order,
    delivery: Delivery,
    lost: Fulfillment | None,
    planned: planning.PlannedDelivery,
    *,
    actor: str,
    as_of: datetime,
    given: Mapping[str, datetime] | None = None,
) -> list[str]:
    """Write the fulfillments that take over these open units, and hand them out; what they need is reserved.
    Returns their ids.

    `given`: by line the dates that were promised for units which no place has lost.
    """
    told = given or {}
    release_at = _release_at(lost, as_of)
    replaces = lost.pk if lost else None
    rows, lines, promises = [], [], []
    for parcel in planned.parcels:
        row, work_lines = planning.work_rows(
            parcel,
            fulfillment_id=new_id("ful"),
            order_id=order.pk,
            delivery_id=delivery.pk,
            method=delivery.method,
            service=delivery.service,
            pickup_location=parcel.location if delivery.method == Method.PICKUP else None,
            decision=planned.decision,
            release_at=release_at,
            as_of=as_of,
            attempt=_attempt_after(lost),
            replaces=replaces,
            promised_at=lost.promised_at if lost else max((told[k] for k in _keys(parcel) if k in told), default=None),
        )
        rows.append(row)
        lines += work_lines
        promises.append(planning.promise_row(planned.source, parcel, row, as_of=as_of))
    planning.keep_decisions([planned], order_id=order.pk)
    if not rows:
        return []
    insert_rows({Fulfillment: rows, FulfillmentLine: lines, GivenPromise: promises})
    move_units(
        [UnitMove(line.key, "open", "allocated", line.quantity) for parcel in planned.parcels for line in parcel.lines]
    )
    facts = [
        Fact(
            "orders.fulfillment.planned", r["id"], order.pk, actor, {"location": r["location_id"], "replaces": replaces}
        )
        for r in rows
    ]
    publish(facts, as_of=as_of)
    if release_at > as_of:
        deadlines.schedule([Due("orders.release", row["id"], release_at) for row in rows])
    work.hand_out(order, actor=actor, as_of=as_of)
    return [row["id"] for row in rows]


def _release_at(lost: Fulfillment | None, as_of: datetime) -> datetime:
    """What no place was told of yet is told to none before the grace of its order is over."""
    return max(as_of, lost.release_at) if lost and lost.release_at else as_of


def _keys(parcel: PlannedParcel) -> list[str]:
    return [line.key for line in parcel.lines]


def _attempt_after(lost: Fulfillment | None) -> int:
    """What was taken away from a place that did nothing wrong used none of the attempts that the policy allows."""
    if lost is None:
        return 1
    return lost.attempt if lost.status == F.CANCELED else lost.attempt + 1


def _other_stores(order: Order, lost: Fulfillment, units: Mapping[OrderLine, int], as_of: datetime) -> dict[str, Any]:
    return {"offers": planning.other_pickup_places(order, lost, units, as_of=as_of)}


# ---- the clock -----------------------------------------------------------------------------------


@use_case
def on_acknowledge(deadline: Claimed, as_of: datetime) -> None:
    """Nobody answered in time."""
    held = lock_work(deadline.subject)
    deadlines.finish(deadline)
    if held.fulfillment.status == F.ASSIGNED and held.fulfillment.acknowledge_by == deadline.due_at:
        _late(held, as_of=as_of)


@use_case
def on_prepare(deadline: Claimed, as_of: datetime) -> None:
    """It was accepted but not prepared in time. What is being picked is not taken away; the manager is told."""
    held = lock_work(deadline.subject)
    deadlines.finish(deadline)
    fulfillment = held.fulfillment
    if fulfillment.ready_by == deadline.due_at:
        if fulfillment.status in BEFORE_PICKING and fulfillment.status != F.PLANNED:
            _late(held, as_of=as_of)
        elif fulfillment.status in (F.PICKING, F.PACKED):
            _warn_and_escalate(fulfillment, as_of=as_of)


@in_transaction
def await_carrier(fulfillment: Fulfillment, *, actor: str, as_of: datetime) -> None:
    """It was packed: where its place owes the hand-over within a time of its own, that clock takes over.

    The clock of preparing ends, though it may have stood still.
    """
    hand_over_by = planning.hand_over_by(fulfillment, packed_at=as_of)
    if hand_over_by is None:
        return
    fulfillment.hand_over_by, fulfillment.clocks_left = hand_over_by, None
    fulfillment.late_since = fulfillment.warned_at = fulfillment.escalated_at = None
    fulfillment.save(update_fields=["hand_over_by", "clocks_left", "late_since", "warned_at", "escalated_at"])
    ended = ["orders.prepare", "orders.escalate", *clocks.WARNINGS]
    deadlines.drop([fulfillment.pk], as_of=as_of, kinds=ended)
    exceptions.close_for([fulfillment], resolution="packed", actor=actor, as_of=as_of)
    deadlines.schedule([Due("orders.hand_over", fulfillment.pk, hand_over_by, fulfillment.version)])
    clocks.warn_later(fulfillment, as_of=as_of)


@use_case
def on_hand_over(deadline: Claimed, as_of: datetime) -> None:
    """No carrier has it yet. Packed goods are not taken away: the manager is told, then a person looks at it."""
    held = lock_work(deadline.subject)
    deadlines.finish(deadline)
    if held.fulfillment.status == F.PACKED and held.fulfillment.hand_over_by == deadline.due_at:
        _warn_and_escalate(held.fulfillment, as_of=as_of)


@in_transaction
def _late(held: Work, *, as_of: datetime) -> None:
    if held.fulfillment.is_pickup:
        _warn_and_escalate(held.fulfillment, as_of=as_of)
        return
    FULFILLMENT_MOVES.move(held.fulfillment, to=F.TIMED_OUT, actor=CLOCK, as_of=as_of)
    units = {line: line.to_pick for line in held.lines if line.to_pick}
    lose(held, {TIMED_OUT: units}, actor=CLOCK, as_of=as_of)
    close(held.fulfillment, as_of=as_of)


@in_transaction
def _warn_and_escalate(fulfillment: Fulfillment, *, as_of: datetime) -> None:
    """Work that is not taken away: its manager gets the time to act once more before headquarters does."""
    warn(fulfillment, actor=CLOCK, as_of=as_of)
    escalate_later(fulfillment, as_of=as_of)


@in_transaction
def escalate_later(fulfillment: Fulfillment, *, as_of: datetime) -> None:
    """Unless it waits for that already: if nothing happens until then, a person looks at it."""
    act_by = planning.late_grace(fulfillment, as_of=as_of)
    deadlines.ensure("orders.escalate", fulfillment.pk, act_by, as_of=as_of)


@use_case
def on_escalate(deadline: Claimed, as_of: datetime) -> None:
    """The warned manager did not act either: a person does. For a pickup there are other stores to offer."""
    held = lock_work(deadline.subject)
    deadlines.finish(deadline)
    fulfillment = held.fulfillment
    if fulfillment.late_since is None or fulfillment.status not in _STILL_HERE:
        return
    is_waiting = fulfillment.status in (F.ASSIGNED, F.ACCEPTED)
    units = {line.order_line: line.to_pick + line.picked for line in held.lines if line.to_pick + line.picked}
    exceptions.open_case(
        held.order,
        fulfillment.delivery,
        fulfillment,
        reason=_late_reason(fulfillment),
        units=units,
        facts=_other_stores(held.order, fulfillment, units, as_of) if is_waiting else {},
        as_of=as_of,
    )


def _late_reason(fulfillment: Fulfillment) -> str:
    if fulfillment.status in (F.ASSIGNED, F.ACCEPTED):
        return Reason.LATE_PICKUP
    is_packed = fulfillment.status == F.PACKED and fulfillment.hand_over_by is not None
    return Reason.LATE_HAND_OVER if is_packed else Reason.LATE_WORK


@use_case
def on_collect(deadline: Claimed, as_of: datetime) -> None:
    """Nobody came: a person calls the shopper, extends, or lets it go back to stock."""
    held = lock_work(deadline.subject)
    deadlines.finish(deadline)
    if held.fulfillment.status == F.READY_FOR_PICKUP and held.fulfillment.collect_by == deadline.due_at:
        units = {line.order_line: line.picked for line in held.lines if line.picked}
        exceptions.open_case(
            held.order,
            held.fulfillment.delivery,
            held.fulfillment,
            reason=Reason.EXPIRED_PICKUP,
            units=units,
            facts={},
            as_of=as_of,
        )


@in_transaction
def warn(fulfillment: Fulfillment, *, actor: str, as_of: datetime) -> None:
    """Tell the manager once that this work is late."""
    if fulfillment.late_since is None:
        fulfillment.late_since = fulfillment.updated_at = as_of
        fulfillment.save(update_fields=["late_since", "updated_at"])
        fact = Fact(
            "orders.fulfillment.late",
            fulfillment.pk,
            fulfillment.order_id,
            actor,
            {"location": fulfillment.location_id},
        )
        publish([fact], as_of=as_of)


@in_transaction
def close(fulfillment: Fulfillment, *, as_of: datetime) -> None:
    """The place is out: its clocks stop, its capacity is free, nobody else is offered its work. After `lose`, which takes
    the locks in order."""
    offered.end_with(fulfillment.pk, as_of=as_of)
    deadlines.drop([fulfillment.pk], as_of=as_of, kinds=clocks.CLOCKS)
    planning.give_back_capacity([fulfillment])
