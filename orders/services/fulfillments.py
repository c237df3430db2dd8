"""What a place does with its work: accept, decline, pick, pack, ship, ready, hand over.

Every move locks the order first, compares and swaps, and moves the units' buckets with it. Repeating a move
that the same actor just made is no error and changes nothing.
"""

import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta

from django.utils.translation import gettext as _

from inventory.services.reservations import Held, consume_reservations
from oms import deadlines, idempotency
from oms.deadlines import Due
from oms.errors import FieldError, IllegalMove, Invalid
from oms.idempotency import Once, idempotent
from oms.ids import new_id
from oms.outbox import Fact, publish
from oms.transactions import in_transaction, use_case
from orders.clocks import Step
from orders.commands import Decline, HandOver, Pack, PackageGiven, Pick, PickLine, Ready, Ship
from orders.errors import CodeLocked, MoreThanAsked, WrongCode
from orders.locks import Work, lock_work
from orders.models import Fulfillment, FulfillmentLine, Package, Shipment
from orders.pickup_codes import pickup_code
from orders.services import cancellation, clocks, exceptions, payments, planning, reassignment
from orders.services.lines import UnitMove, move_units
from orders.services.status import refresh_status
from orders.states import FULFILLMENT_MOVES, FulfillmentStatus

F = FulfillmentStatus
NOTHING_FOUND = "nothing found"
_WRONG_CODES_ALLOWED = 5
_CODE_LOCK = timedelta(minutes=15)
_ENDED_BY_ACCEPTING = ("orders.acknowledge", "orders.escalate", *clocks.WARNINGS)


def _repeated(held: Work, to: str, actor: str) -> bool:
    """The same person pressed twice."""
    return held.fulfillment.status == to and held.fulfillment.claimed_by == actor


@in_transaction
def _require_may_leave(held: Work) -> None:
    """Errors: OrderOnHold, AwaitsDecision."""
    if refusal := exceptions.stopped_by(held.order, held.fulfillment):
        raise refusal


@in_transaction
def _require(held: Work, *statuses: str) -> None:
    """Errors: IllegalMove with the present status and what is possible now."""
    if held.fulfillment.status not in statuses:
        raise IllegalMove(current=held.fulfillment.status, actions=exceptions.actions_now(held.order, held.fulfillment))


# ---- accept or decline ----------------------------------------------------------------------------


@use_case
def acknowledge(*, fulfillment_id: str, actor: str, as_of: datetime) -> None:
    """Accept the work. Errors: Missing, IllegalMove (also when the clock was first)."""
    held = lock_work(fulfillment_id)
    if _repeated(held, F.ACCEPTED, actor):
        return
    _require(held, F.ASSIGNED)
    accept(held, actor=actor, as_of=as_of)


@in_transaction
def accept(held: Work, *, actor: str, as_of: datetime) -> None:
    """The work is assigned and locked."""
    work = held.fulfillment
    warning = clocks.warning(work, Step.PREPARE, due_at=work.ready_by, generation=work.version + 1, as_of=as_of)
    FULFILLMENT_MOVES.move(
        work,
        to=F.ACCEPTED,
        actor=actor,
        as_of=as_of,
        inserts=deadlines.deadline_rows(warning),
        also=[deadlines.dropped([work.pk], kinds=_ENDED_BY_ACCEPTING, as_of=as_of)],
        claimed_by=actor,
        warned_at=None,
        escalated_at=None,
    )
    exceptions.close_for([held.fulfillment], resolution="accepted", actor=actor, as_of=as_of)


@use_case
def decline(*, fulfillment_id: str, command: Decline, actor: str, as_of: datetime) -> None:
    """Refuse the work, whole or the named lines; it goes to the next best place at once.

    Errors: Missing, IllegalMove, Invalid (unknown line).
    """
    held = lock_work(fulfillment_id)
    if command.lines is None and _repeated(held, F.DECLINED, actor):
        return
    _require(held, F.ASSIGNED, F.ACCEPTED)
    refused = _named(held, command.lines)
    units = {line: line.to_pick for line in refused if line.to_pick}
    is_whole = all(line in refused or not line.to_pick for line in held.lines)
    if is_whole:
        FULFILLMENT_MOVES.move(
            held.fulfillment,
            to=F.DECLINED,
            actor=actor,
            as_of=as_of,
            why=command.reason,
            facts=_note(command.note) | reassignment.units_told(units),
            claimed_by=actor,
        )
        exceptions.close_for([held.fulfillment], resolution="declined", actor=actor, as_of=as_of)
    else:
        reassignment.record_short(held, units, reason=command.reason, actor=actor, as_of=as_of)
    reassignment.lose(held, {command.reason: units}, actor=actor, as_of=as_of)
    if is_whole:
        reassignment.close(held.fulfillment, as_of=as_of)
    else:
        _end_if_empty(held, why=command.reason, actor=actor, as_of=as_of)


@in_transaction
def _end_if_empty(held: Work, *, why: str, actor: str, as_of: datetime) -> None:
    """Part after part has left."""
    if held.is_empty:
        FULFILLMENT_MOVES.move(held.fulfillment, to=F.DECLINED, actor=actor, as_of=as_of, why=why, claimed_by=actor)
        reassignment.close(held.fulfillment, as_of=as_of)


def _note(note: str) -> dict[str, str]:
    return {"note": note} if note else {}


def _named(held: Work, refs: Sequence[str] | None) -> list[FulfillmentLine]:
    if refs is None:
        return held.lines
    by_ref = {line.order_line.ref: line for line in held.lines}
    unknown = [index for index, ref in enumerate(refs) if ref not in by_ref]
    if unknown:
        raise Invalid(
            errors=[FieldError(f"/lines/{index}", "unknown_line", _("No such line here")) for index in unknown]
        )
    return [by_ref[ref] for ref in dict.fromkeys(refs)]


# ---- pick ----------------------------------------------------------------------------------------


@use_case
def start_picking(*, fulfillment_id: str, actor: str, as_of: datetime) -> None:
    """Errors: Missing, IllegalMove."""
    held = lock_work(fulfillment_id)
    if not _repeated(held, F.PICKING, actor):
        _begin(held, actor=actor, as_of=as_of)


@in_transaction
def _begin(held: Work, *, actor: str, as_of: datetime) -> None:
    _require(held, F.ACCEPTED)
    FULFILLMENT_MOVES.move(held.fulfillment, to=F.PICKING, actor=actor, as_of=as_of, claimed_by=actor)
    exceptions.close_for([held.fulfillment], resolution="picking", actor=actor, as_of=as_of)


@use_case
def pick(*, fulfillment_id: str, command: Pick, actor: str, as_of: datetime) -> None:
    """Record what was found. `picked` is the total so far; what is missing for a reason goes elsewhere at once.

    The first pick begins picking.
    Errors: Missing, IllegalMove, Invalid (unknown or repeated line, more than asked, fewer than before).
    """
    held = lock_work(fulfillment_id)
    if held.fulfillment.status == F.ACCEPTED:
        _begin(held, actor=actor, as_of=as_of)
    _require(held, F.PICKING)
    lines = _named(held, [given.line for given in command.lines])
    if len(lines) < len(command.lines):
        raise Invalid(errors=[FieldError("/lines", "duplicate_line", _("A line is named twice"))])
    given_by_line = dict(zip(lines, command.lines, strict=True))
    short: dict[FulfillmentLine, tuple[int, str]] = {}
    found = []
    for index, (line, given) in enumerate(given_by_line.items()):
        newly = _check_pick(line, given, f"/lines/{index}/picked")
        line.picked += newly
        if newly:
            found.append(UnitMove(line.order_line_id, "allocated", "picked", newly))
        if given.short_reason and line.to_pick:
            short[line] = (line.to_pick, given.short_reason)
        line.save(update_fields=["picked"])
    move_units(found)
    losses = {
        reason: {line: missing for line, (missing, why) in short.items() if why == reason}
        for reason in sorted({reason for _units, reason in short.values()})
    }
    for reason, units in losses.items():
        reassignment.record_short(held, units, reason=reason, actor=actor, as_of=as_of)
    reassignment.lose(held, losses, actor=actor, as_of=as_of)
    if short:
        _end_if_empty(held, why=NOTHING_FOUND, actor=actor, as_of=as_of)


def _check_pick(line: FulfillmentLine, given: PickLine, pointer: str) -> int:
    """Units newly found. Errors: MoreThanAsked, Invalid."""
    newly = given.picked - line.picked
    if newly > line.to_pick:
        detail = _("%(units)s were asked for") % {"units": line.quantity}
        raise MoreThanAsked(errors=[FieldError(pointer, "more_than_asked", detail)])
    if newly < 0:
        detail = _("%(units)s were picked before") % {"units": line.picked}
        raise Invalid(errors=[FieldError(pointer, "fewer_than_before", detail)])
    return newly


# ---- pack, ship, deliver ------------------------------------------------------------------------


@use_case
def pack(*, fulfillment_id: str, command: Pack, actor: str, as_of: datetime) -> None:
    """Where the service level gives a time to hand over, it begins now.

    Errors: Missing, IllegalMove (lines still to pick), Invalid (packages that do not hold just what was picked).
    """
    held = lock_work(fulfillment_id)
    if _repeated(held, F.PACKED, actor):
        return
    _pack(held, command.packages, actor=actor, as_of=as_of)
    reassignment.await_carrier(held.fulfillment, actor=actor, as_of=as_of)
    clocks.stop_if_held(held, as_of=as_of)


@in_transaction
def _pack(held: Work, packages: Sequence[PackageGiven] | None, *, actor: str, as_of: datetime) -> None:
    _require(held, F.PICKING)
    if any(line.to_pick for line in held.lines):
        raise IllegalMove(
            "some lines are neither picked nor short",
            current=F.PICKING,
            actions=exceptions.actions_now(held.order, held.fulfillment),
        )
    contents = _contents(held, packages)
    FULFILLMENT_MOVES.move(held.fulfillment, to=F.PACKED, actor=actor, as_of=as_of, claimed_by=actor)
    Package.objects.bulk_create(
        [
            Package(id=new_id("pkg"), fulfillment=held.fulfillment, weight_g=weight, contents=lines)
            for weight, lines in contents
        ]
    )
    _move_picked(held, "picked", "packed")


def _contents(held: Work, packages: Sequence[PackageGiven] | None) -> list[tuple[int | None, list[dict[str, object]]]]:
    picked = {line.order_line.ref: line for line in held.lines if line.picked}
    if not packages:
        return [(None, [{"line": ref, "sku": line.sku, "quantity": line.picked} for ref, line in picked.items()])]
    packed: dict[str, int] = {}
    for package in packages:
        for given in package.lines:
            packed[given.line] = packed.get(given.line, 0) + given.quantity
    if packed != {ref: line.picked for ref, line in picked.items()}:
        raise Invalid(
            errors=[FieldError("/packages", "not_what_was_picked", _("The packages must hold exactly what was picked"))]
        )
    return [
        (package.weight_g, [{"line": g.line, "sku": picked[g.line].sku, "quantity": g.quantity} for g in package.lines])
        for package in packages
    ]


@in_transaction
def _move_picked(held: Work, was: str, to: str) -> None:
    move_units([UnitMove(line.order_line_id, was, to, line.picked) for line in held.lines if line.picked])


@in_transaction
def _leave_stock(held: Work, *, cause: str, actor: str, as_of: datetime) -> None:
    """The goods are gone from the place: reservations become movements."""
    place = held.fulfillment.location_id
    gone = [Held(line.order_line.demand, line.sku, place, line.picked) for line in held.lines if line.picked]
    consume_reservations(gone, cause=cause, reference=held.fulfillment.pk, actor=actor, as_of=as_of)


@in_transaction
def _finished_here(held: Work, *, actor: str, as_of: datetime) -> None:
    deadlines.drop([held.fulfillment.pk], as_of=as_of)
    exceptions.close_for([held.fulfillment], resolution="done", actor=actor, as_of=as_of)
    payments.capture_for(held.order, cause=held.fulfillment.pk, actor=actor, as_of=as_of)
    cancellation.close_if_nothing_left(held.order, actor=actor, as_of=as_of)
    refresh_status(held.order)


@use_case
@idempotent
def ship(*, fulfillment_id: str, command: Ship, actor: str, as_of: datetime) -> str:
    """Hand the parcel to the carrier; without `pack` before it is one package. Not while a person is to decide what becomes of
    a missing part that must leave with it.

    Errors: Missing, IllegalMove, OrderOnHold, AwaitsDecision.
    """
    held = lock_work(fulfillment_id)
    if _repeated(held, F.SHIPPED, actor):
        return fulfillment_id
    _require(held, *([F.PICKING, F.PACKED] if not held.fulfillment.is_pickup else []))
    _require_may_leave(held)
    if held.fulfillment.status == F.PICKING:
        _pack(held, None, actor=actor, as_of=as_of)
    facts = {"carrier_service": command.carrier_service, "tracking_number": command.tracking_number}
    FULFILLMENT_MOVES.move(held.fulfillment, to=F.SHIPPED, actor=actor, as_of=as_of, facts=facts, claimed_by=actor)
    Shipment.objects.create(id=new_id("shp"), fulfillment=held.fulfillment, handed_over_at=as_of, **facts)
    _leave_stock(held, cause="shipped", actor=actor, as_of=as_of)
    _move_picked(held, "packed", "shipped")
    _finished_here(held, actor=actor, as_of=as_of)
    return fulfillment_id


@use_case
def deliver(*, fulfillment_id: str, actor: str, as_of: datetime) -> None:
    """The parcel arrived. Errors: Missing, IllegalMove."""
    held = lock_work(fulfillment_id)
    if _repeated(held, F.DELIVERED, actor):
        return
    _require(held, F.SHIPPED)
    FULFILLMENT_MOVES.move(held.fulfillment, to=F.DELIVERED, actor=actor, as_of=as_of, claimed_by=actor)
    Shipment.objects.filter(fulfillment=held.fulfillment).update(delivered_at=as_of)
    _move_picked(held, "shipped", "delivered")
    refresh_status(held.order)


# ---- pickup --------------------------------------------------------------------------------------


@use_case
def make_ready(*, fulfillment_id: str, command: Ready, actor: str, as_of: datetime) -> None:
    """It waits for the shopper at the counter (packed or not). Errors: Missing, IllegalMove."""
    held = lock_work(fulfillment_id)
    if _repeated(held, F.READY_FOR_PICKUP, actor):
        return
    _require(held, *([F.PICKING, F.PACKED] if held.fulfillment.is_pickup else []))
    if held.fulfillment.status == F.PICKING:
        _pack(held, None, actor=actor, as_of=as_of)
    collect_by = planning.collect_by(held.fulfillment, ready_at=as_of)
    FULFILLMENT_MOVES.move(
        held.fulfillment,
        to=F.READY_FOR_PICKUP,
        actor=actor,
        as_of=as_of,
        claimed_by=actor,
        staging=command.staging,
        collect_by=collect_by,
        warned_at=None,
        escalated_at=None,
        clocks_left=None,
    )
    deadlines.drop([fulfillment_id], as_of=as_of)
    exceptions.close_for([held.fulfillment], resolution="ready", actor=actor, as_of=as_of)
    deadlines.schedule([Due("orders.collect", fulfillment_id, collect_by, held.fulfillment.version)])
    clocks.stop_if_held(held, as_of=as_of)


def hand_over(*, fulfillment_id: str, command: HandOver, actor: str, as_of: datetime, once: Once | None = None) -> None:
    """Give the goods to whoever shows the code, or whose identity was checked.

    Errors: Missing, IllegalMove, WrongCode (five of them lock the code for a while), CodeLocked.
    """
    refusal = _hand_over(fulfillment_id=fulfillment_id, command=command, actor=actor, as_of=as_of, once=once)
    if refusal:
        raise refusal


@use_case
def _hand_over(
    *, fulfillment_id: str, command: HandOver, actor: str, as_of: datetime, once: Once | None
) -> WrongCode | CodeLocked | None:
    """Returns the refusal instead of raising it, so that a wrong code is counted; a refusal is not remembered."""
    if once and idempotency.begin(once, as_of=as_of):
        return None
    held = lock_work(fulfillment_id)
    if _repeated(held, F.COLLECTED, actor):
        return None
    _require(held, F.READY_FOR_PICKUP)
    _require_may_leave(held)
    refusal = None if command.identity_checked else _check_code(held.fulfillment, command.code or "", as_of=as_of)
    if refusal:
        if once:
            idempotency.forget(once)
        return refusal
    facts = {"identity_checked": command.identity_checked, **({"someone_else": True} if command.collected_by else {})}
    FULFILLMENT_MOVES.move(held.fulfillment, to=F.COLLECTED, actor=actor, as_of=as_of, facts=facts, claimed_by=actor)
    _leave_stock(held, cause="collected", actor=actor, as_of=as_of)
    _move_picked(held, "packed", "collected")
    _finished_here(held, actor=actor, as_of=as_of)
    if once:
        idempotency.remember(once, fulfillment_id)
    return None


@in_transaction
def _check_code(fulfillment: Fulfillment, code: str, *, as_of: datetime) -> WrongCode | CodeLocked | None:
    if fulfillment.code_locked_until and fulfillment.code_locked_until > as_of:
        return CodeLocked(locked_until=fulfillment.code_locked_until)
    if secrets.compare_digest(code.strip().encode(), pickup_code(fulfillment.pk).encode()):
        return None
    fulfillment.wrong_codes += 1
    if fulfillment.wrong_codes % _WRONG_CODES_ALLOWED == 0:
        fulfillment.code_locked_until = as_of + _CODE_LOCK
    fulfillment.save(update_fields=["wrong_codes", "code_locked_until"])
    left = -fulfillment.wrong_codes % _WRONG_CODES_ALLOWED
    return WrongCode(
        errors=[FieldError("/code", "wrong_code", _("The code is not right"))],
        attempts_left=left,
        locked_until=fulfillment.code_locked_until,
    )


@use_case
def put_back(*, fulfillment_id: str, actor: str, as_of: datetime) -> None:
    """Nobody came: the goods go back on sale where they stand, and nothing is charged. Errors: Missing, IllegalMove."""
    held = lock_work(fulfillment_id)
    if not _repeated(held, F.EXPIRED, actor):
        _require(held, F.READY_FOR_PICKUP)
        cancellation.expire(held, actor=actor, as_of=as_of)


@use_case
def extend(*, fulfillment_id: str, actor: str, as_of: datetime) -> None:
    """Give the shopper the same time again to collect. Errors: Missing, IllegalMove."""
    extend_collection(lock_work(fulfillment_id), actor=actor, as_of=as_of)


@in_transaction
def extend_collection(held: Work, *, actor: str, as_of: datetime) -> None:
    """The shopper has the same time again, and the clock runs anew. Errors: IllegalMove."""
    _require(held, F.READY_FOR_PICKUP)
    fulfillment = held.fulfillment
    fulfillment.collect_by, fulfillment.updated_at = planning.collect_by(fulfillment, ready_at=as_of), as_of
    fulfillment.save(update_fields=["collect_by", "updated_at"])
    deadlines.retime("orders.collect", fulfillment.pk, fulfillment.collect_by, as_of=as_of)
    clocks.stop_if_held(held, as_of=as_of)
    exceptions.close_for([fulfillment], resolution="keep", actor=actor, as_of=as_of)
    facts = {"collect_by": fulfillment.collect_by}
    publish([Fact("orders.fulfillment.extended", fulfillment.pk, held.order.pk, actor, facts)], as_of=as_of)
