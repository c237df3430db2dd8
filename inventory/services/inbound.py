"""Deliveries and transfers before they arrive: changed, late, canceled."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _

from inventory import events
from inventory.locks import lock_inbound, open_and_lock_stock, open_stock
from inventory.models import Cause, Inbound, InboundLine
from inventory.queries import products_by_sku
from inventory.services.announcements import LATE, added_up, day_faults, unknown_skus
from inventory.services.ledger import Movement, save_levels
from inventory.services.receiving import check_open, close, store_lines
from inventory.services.supply_promises import settle_promises
from inventory.states import INBOUND_MOVES, InboundStatus
from oms import deadlines
from oms.actors import CLOCK
from oms.deadlines import Claimed
from oms.errors import Conflict, Invalid
from oms.idempotency import idempotent
from oms.outbox import publish
from oms.sql import insert_rows
from oms.transactions import use_case


@use_case
@idempotent
def change_inbound(
    *,
    inbound_id: str,
    expected_at: datetime | None = None,
    reference: str | None = None,
    lines: Sequence[tuple[str, int]] | None = None,
    version: int | None = None,
    actor: str,
    as_of: datetime,
) -> str:
    """Give it another day or name. `lines` are all that is announced now: of a product not named nothing more comes.

    Errors: Missing, IllegalMove (it has ended), ChangedMeanwhile, Invalid (unknown products), Conflict (the units of
    a transfer have left).
    """
    inbound, stored = lock_inbound(inbound_id)
    check_open(inbound, version)
    if expected_at is not None and (faults := day_faults(expected_at, as_of)):
        raise Invalid(errors=faults)
    changed = _rename(inbound, expected_at=expected_at, reference=reference)
    if lines is not None:
        changed["lines"] = _announce_anew(inbound, stored, lines, as_of=as_of)
    if not changed:
        return inbound.pk
    inbound.version += 1
    inbound.updated_at = as_of
    inbound.save(update_fields=["reference", "expected_at", "version", "updated_at"])
    if "expected_at" in changed:
        deadlines.retime(LATE, inbound.pk, inbound.expected_at, as_of=as_of)
    publish([events.inbound_fact(events.INBOUND_CHANGED, inbound, actor=actor, payload=changed)], as_of=as_of)
    if not any(line.remaining for line in stored):
        close(inbound, stored, actor=actor, as_of=as_of)
    return inbound.pk


def _rename(inbound: Inbound, **values: Any) -> dict[str, Any]:
    changed = {name: value for name, value in values.items() if value is not None and value != getattr(inbound, name)}
    for name, value in changed.items():
        setattr(inbound, name, value)
    return changed


def _announce_anew(
    inbound: Inbound, stored: list[InboundLine], lines: Sequence[tuple[str, int]], *, as_of: datetime
) -> list[dict[str, Any]]:
    """Make the stored lines say what is announced now; `stored` follows."""
    if inbound.is_transfer:
        raise Conflict(_("The units of a transfer have left already"))
    units = added_up(lines)
    if faults := unknown_skus([sku for sku, _quantity in lines], products_by_sku(units)):
        raise Invalid(errors=faults)
    open_stock(((sku, inbound.location_id) for sku in units), as_of=as_of)
    for line in stored:
        line.quantity = units.get(line.product_id, min(line.quantity, line.received))
        line.remaining = max(0, line.quantity - line.received)
    known = {line.product_id for line in stored}
    settle_promises(stored, {})
    _drop_empty(stored)
    store_lines(stored, ("quantity", "remaining", "promised"))
    _add_lines(inbound, stored, {sku: quantity for sku, quantity in units.items() if sku not in known})
    return [{"sku": sku, "quantity": quantity} for sku, quantity in units.items()]


def _drop_empty(stored: list[InboundLine]) -> None:
    empty = [line for line in stored if not line.quantity and not line.received]
    InboundLine.objects.filter(pk__in=[line.pk for line in empty]).delete()
    stored[:] = [line for line in stored if line not in empty]


def _add_lines(inbound: Inbound, stored: list[InboundLine], units: Mapping[str, int]) -> None:
    new = [InboundLine(inbound=inbound, product_id=sku, quantity=n, remaining=n) for sku, n in units.items()]
    rows = [{"inbound_id": inbound.pk, "sku": sku, "quantity": n, "remaining": n} for sku, n in units.items()]
    insert_rows({InboundLine: rows})
    stored.extend(new)


@use_case
@idempotent
def cancel_inbound(*, inbound_id: str, reason: str = "", actor: str, as_of: datetime) -> str:
    """It does not come, and nothing of it has. The units of a transfer stand at their origin again.

    Errors: Missing, IllegalMove (something was received already, or it has ended).
    """
    inbound, lines = lock_inbound(inbound_id)
    back = [(line.product_id, line.remaining) for line in lines]
    INBOUND_MOVES.move(
        inbound,
        to=InboundStatus.CANCELED,
        actor=actor,
        as_of=as_of,
        why=reason,
        facts=events.about_inbound(inbound),
        closed_at=as_of,
        closing_note=reason,
    )
    for line in lines:
        line.remaining = 0
    settle_promises(lines, {})
    store_lines(lines, ("remaining", "promised"))
    deadlines.drop([inbound.pk], as_of=as_of, kinds=[LATE])
    if inbound.origin_id is not None:
        _bring_back(inbound.pk, inbound.origin_id, back, actor=actor, as_of=as_of)
    return inbound.pk


def _bring_back(reference: str, origin: str, units: Sequence[tuple[str, int]], *, actor: str, as_of: datetime) -> None:
    levels = open_and_lock_stock(((sku, origin) for sku, _quantity in units), as_of=as_of)
    for sku, quantity in units:
        levels[sku, origin].on_hand += quantity
    moved = [
        Movement(sku, origin, Cause.TRANSFER_RETURNED, as_of, quantity, reference=reference) for sku, quantity in units
    ]
    save_levels(levels.values(), moved, actor=actor, reference=reference, as_of=as_of)


@use_case
def on_inbound_late(deadline: Claimed, as_of: datetime) -> None:
    """The day it was expected for is here and it is not: those concerned are told, once per day named."""
    inbound, lines = lock_inbound(deadline.subject)
    deadlines.finish(deadline)
    if inbound.is_open:
        waiting = [{"sku": line.product_id, "quantity": line.remaining} for line in lines if line.remaining]
        payload = {"expected_at": inbound.expected_at, "lines": waiting}
        publish([events.inbound_fact(events.INBOUND_LATE, inbound, actor=CLOCK, payload=payload)], as_of=as_of)
