"""From what was found to the books: small differences at once, the others once somebody who may has decided.

A session is locked before any stock level, its products in their order, so decisions about one line never race.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.db import connection
from django.utils.translation import gettext as _

from inventory.confidence import Difference, agrees
from inventory.errors import (
    ApprovalNeeded,
    CountNotOpen,
    HeadquartersNeeded,
    NotFoundUnconfirmed,
    NothingCounted,
    NothingWaits,
    RecountMissing,
)
from inventory.locks import Level, lock_count, open_and_lock_stock
from inventory.models import CountLine, CountScope, CountSession
from inventory.queries import ProductInfo, products_by_sku
from inventory.services.stock_events import (
    APPLIED,
    COUNT,
    STALE,
    StockEvent,
    apply_stock_events,
    differences,
)
from inventory.states import COUNT_MOVES, COUNTABLE, CountLineStatus, CountStatus
from oms.errors import FieldError, Invalid
from oms.sql import update_rows
from oms.transactions import in_transaction, use_case

L = CountLineStatus
_AT_ONCE = 2000  # lines compared and applied by one set of statements
_NAMED = 100  # articles named in a refusal
_MOST_VALUE = Decimal("999999999999.99")


@dataclass(frozen=True, slots=True)
class Approver:
    """Who decides. Headquarters (someone who sees every place) decides differences of any value."""

    actor: str
    is_headquarters: bool


# ---- submitting -----------------------------------------------------------------------------------


@use_case
def submit_count(*, session_id: str, confirmed_not_found: int | None = None, actor: str, as_of: datetime) -> None:
    """Compare what was found with the books: what agrees is applied, what differs waits for somebody to decide.

    Errors: Missing; CountNotOpen; NothingCounted; RecountMissing; NotFoundUnconfirmed (what was not found is zero in
    this count, and `confirmed_not_found` is not how many articles that are).
    """
    session = lock_count(session_id)
    if session.status != CountStatus.OPEN:
        raise CountNotOpen(current=session.status)
    lines = list(CountLine.objects.filter(session=session, status__in=COUNTABLE).order_by("product"))
    if missing := [line.product_id for line in lines if line.status == L.RECOUNT]:
        raise RecountMissing(skus=missing[:_NAMED])
    lines += _unseen(session, confirmed_not_found, actor=actor, as_of=as_of)
    if not lines and not session.lines.exists():
        raise NothingCounted()
    for some in _in_steps(sorted(lines, key=lambda line: line.product_id)):
        _compare(session, some, actor=actor, as_of=as_of)
    waiting = session.lines.filter(status=L.WAITING).count()
    facts = {"location": session.location_id, "counted": session.lines.count(), "waiting": waiting}
    stamps: dict[str, Any] = {"submitted_by": actor, "submitted_at": as_of}
    COUNT_MOVES.move(session, to=CountStatus.SUBMITTED, actor=actor, as_of=as_of, facts=facts, **stamps)
    _close_if_all_is_decided(session, actor=actor, as_of=as_of)


@in_transaction
def _unseen(session: CountSession, confirmed: int | None, *, actor: str, as_of: datetime) -> list[CountLine]:
    """A line of none for each article of the scope that the books have here and nobody found."""
    if not session.not_found_is_zero:
        return []
    skus = not_found(session)
    if len(skus) != (confirmed or 0):
        raise NotFoundUnconfirmed(not_found=len(skus), skus=skus[:_NAMED])
    lines = [
        CountLine(
            session=session,
            product_id=sku,
            status=L.COUNTED,
            units=0,
            counted_at=as_of,
            counted_by=actor,
            is_unseen=True,
        )
        for sku in skus
    ]
    return CountLine.objects.bulk_create(lines, batch_size=_AT_ONCE)


SCOPE_SQL = {
    CountScope.PLACE: "true",
    CountScope.BINS: "s.bin = ANY(%(bins)s::text[])",
    CountScope.SKUS: "s.sku = ANY(%(skus)s::text[])",
    CountScope.TAG: "EXISTS (SELECT FROM inventory_product p WHERE p.sku = s.sku AND p.tags @> ARRAY[%(tag)s]::varchar[])",
}
_NOT_FOUND = """
SELECT s.sku FROM inventory_stocklevel s
WHERE s.location_id = %(location)s AND s.on_hand <> 0 AND {scope}
    AND NOT EXISTS (SELECT FROM inventory_countline l WHERE l.session_id = %(session)s AND l.sku = s.sku)
ORDER BY s.sku"""


def not_found(session: CountSession) -> list[str]:
    """Articles of the scope of which the books have some here and no line stands in the count."""
    with connection.cursor() as cursor:
        cursor.execute(_NOT_FOUND.format(scope=SCOPE_SQL[CountScope(session.scope)]), scope_parameters(session))
        return [sku for (sku,) in cursor.fetchall()]


def scope_parameters(session: CountSession) -> dict[str, Any]:
    names = {"bins": session.bins, "skus": session.skus, "tag": session.tag}
    return {"location": session.location_id, "session": session.pk, **names}


@in_transaction
def _compare(session: CountSession, lines: Sequence[CountLine], *, actor: str, as_of: datetime) -> None:
    keys = [(line.product_id, session.location_id) for line in lines]
    levels = open_and_lock_stock(keys, as_of=as_of)
    products = products_by_sku([line.product_id for line in lines])
    events = [_event(session, line) for line in lines]
    for line, difference in zip(lines, differences(events, levels=levels), strict=True):
        line.expected, line.difference = line.units - difference.units, difference.units
        line.damaged_difference = None if line.damaged is None else difference.damaged
        line.value, line.currency = _value(products[line.product_id], difference.in_question)
        is_small = _is_small(session, line, difference, levels[line.product_id, session.location_id])
        line.status = L.COUNTED if is_small else L.WAITING
    _write(lines)
    _apply(session, [line for line in lines if line.status == L.COUNTED], actor=actor, as_of=as_of)


def _value(product: ProductInfo, units: int) -> tuple[Decimal, str]:
    return min(units * product.price, _MOST_VALUE), product.currency


def _is_small(session: CountSession, line: CountLine, difference: Difference, level: Level) -> bool:
    """Corrected without asking: within the tolerance, and not of goods that the books look for in another bin."""
    if not difference.in_question:
        return True
    is_elsewhere = session.scope == CountScope.BINS and bool(level.bin) and level.bin not in session.bins
    is_near = agrees(
        found=line.units,
        damaged=line.damaged or 0,
        difference=difference,
        within=settings.COUNT_TOLERANCE_UNITS,
    )
    return not is_elsewhere and is_near and (line.value or 0) <= settings.COUNT_TOLERANCE_VALUE


# ---- deciding -------------------------------------------------------------------------------------


@use_case
def approve_count(*, session_id: str, skus: Collection[str] | None = None, approver: Approver, as_of: datetime) -> None:
    """Bring these differences (None: all that this person may decide) into the books.

    Approving a count again that one has just approved changes nothing. Errors: Missing; NothingWaits; Invalid (a
    product whose difference does not wait); HeadquartersNeeded.
    """
    session = lock_count(session_id)
    if skus is None and session.status == CountStatus.APPROVED and session.closed_by == approver.actor:
        return
    lines = _waiting(session, skus, approver)
    for some in _in_steps(lines):
        _apply(session, some, actor=approver.actor, as_of=as_of)
    _close_if_all_is_decided(session, actor=approver.actor, as_of=as_of)


@use_case
def reject_differences(*, session_id: str, skus: Collection[str], approver: Approver, as_of: datetime) -> None:
    """The books stay as they are. Errors: as of `approve_count`: who may not approve a difference may not hide it."""
    session = lock_count(session_id)
    lines = _waiting(session, skus, approver)
    _reject(lines, actor=approver.actor, as_of=as_of)
    _close_if_all_is_decided(session, actor=approver.actor, as_of=as_of)


@use_case
def recount_lines(*, session_id: str, skus: Collection[str], actor: str, as_of: datetime) -> None:
    """Send these differences back: they are counted again from nothing, in the same session.

    Errors: Missing; NothingWaits; Invalid (a product whose difference does not wait).
    """
    session = lock_count(session_id)
    lines = _waiting(session, skus, Approver(actor, is_headquarters=True))
    for line in lines:
        line.status, line.recount_at, line.attempt = L.RECOUNT, as_of, line.attempt + 1
        line.expected = line.difference = line.damaged_difference = line.value = None
        line.is_unseen = False
    _write(lines)
    if session.status == CountStatus.SUBMITTED:
        facts = {"location": session.location_id, "recount": len(lines)}
        COUNT_MOVES.move(session, to=CountStatus.OPEN, actor=actor, as_of=as_of, why="recount", facts=facts)


@use_case
def cancel_count(
    *, session_id: str, reason: str = "", actor: str, approver: Approver | None = None, as_of: datetime
) -> None:
    """End a count; what is in the books already stays there, and differences that wait are rejected.

    Errors: Missing; IllegalMove; ApprovalNeeded, HeadquartersNeeded (differences wait that this person, an `approver`
    or not, may not decide).
    """
    session = lock_count(session_id)
    waiting = list(session.lines.filter(status=L.WAITING))
    if waiting and approver is None:
        raise ApprovalNeeded()
    if approver and not approver.is_headquarters and any(needs_headquarters(line) for line in waiting):
        raise HeadquartersNeeded(skus=[line.product_id for line in waiting if needs_headquarters(line)][:_NAMED])
    _reject(waiting, actor=actor, as_of=as_of)
    _close(session, CountStatus.CANCELED, actor=actor, as_of=as_of, why=reason)


@in_transaction
def _reject(lines: Sequence[CountLine], *, actor: str, as_of: datetime) -> None:
    for line in lines:
        line.status, line.decided_by, line.decided_at = L.REJECTED, actor, as_of
    _write(lines)


@in_transaction
def _waiting(session: CountSession, skus: Collection[str] | None, approver: Approver) -> list[CountLine]:
    """The lines to decide, in the order of their products; named ones all or none."""
    every = list(session.lines.filter(status=L.WAITING).order_by("product"))
    if not every:
        raise NothingWaits(current=session.status)
    if skus is not None:
        _check_all_wait(skus, {line.product_id for line in every})
        every = [line for line in every if line.product_id in skus]
    mine = [line for line in every if approver.is_headquarters or not needs_headquarters(line)]
    if not mine or (skus is not None and len(mine) < len(every)):
        raise HeadquartersNeeded(skus=[line.product_id for line in every if needs_headquarters(line)][:_NAMED])
    return mine


def _check_all_wait(skus: Collection[str], waiting: Collection[str]) -> None:
    if not skus:
        raise Invalid(errors=[FieldError("/lines", "required", _("Say which"))])
    if absent := sorted(set(skus) - set(waiting)):
        detail = _("No difference of these waits: %(codes)s") % {"codes": ", ".join(absent)[:200]}
        raise Invalid(errors=[FieldError("/lines", "not_waiting", detail)])


def needs_headquarters(line: CountLine) -> bool:
    return (line.value or 0) > settings.COUNT_HEADQUARTERS_VALUE


def _in_steps(lines: Sequence[CountLine]) -> Iterable[Sequence[CountLine]]:
    return (lines[start : start + _AT_ONCE] for start in range(0, len(lines), _AT_ONCE))


# ---- into the books -------------------------------------------------------------------------------


@in_transaction
def _apply(session: CountSession, lines: Sequence[CountLine], *, actor: str, as_of: datetime) -> None:
    """Apply these counts as of their instants; one that is older than a newer count of its level says so."""
    if not lines:
        return
    events = [_event(session, line) for line in lines]
    results = apply_stock_events(events, source=session.pk, actor=actor, as_of=as_of)
    for line, result in zip(lines, results, strict=True):
        if result.status not in (APPLIED, STALE):
            detail = result.detail or _("Somebody else told an event under this count's name; count it again")
            raise Invalid(f"{line.product_id}: {detail}")
        line.status = L.STALE if result.status == STALE else L.APPLIED
        line.decided_by, line.decided_at = actor, as_of
    _write(lines)


def _event(session: CountSession, line: CountLine) -> StockEvent:
    return StockEvent(
        id=f"{line.product_id}/{line.attempt}",
        sku=line.product_id,
        location=session.location_id,
        kind=COUNT,
        quantity=line.units,
        occurred_at=line.counted_at,
        bin=line.bin or None,
        reference=session.pk,
        source=session.pk,
        damaged=line.damaged,
        confirms_within=settings.COUNT_TOLERANCE_UNITS,
    )


_WRITTEN = (
    *("id", "status", "attempt", "recount_at", "expected", "difference", "damaged_difference", "value"),
    *("currency", "is_unseen", "decided_by", "decided_at"),
)


@in_transaction
def _write(lines: Iterable[CountLine]) -> None:
    rows: list[Mapping[str, Any]] = [{name: getattr(line, name) for name in _WRITTEN} for line in lines]
    update_rows(CountLine, rows)


@in_transaction
def _close_if_all_is_decided(session: CountSession, *, actor: str, as_of: datetime) -> None:
    if session.status == CountStatus.SUBMITTED and not session.lines.filter(status=L.WAITING).exists():
        _close(session, CountStatus.APPROVED, actor=actor, as_of=as_of)


@in_transaction
def _close(session: CountSession, to: str, *, actor: str, as_of: datetime, why: str = "") -> None:
    facts = {"location": session.location_id}
    COUNT_MOVES.move(session, to=to, actor=actor, as_of=as_of, why=why, facts=facts, closed_by=actor, closed_at=as_of)
