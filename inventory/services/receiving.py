"""Goods arrive: counted in by condition, in full or in part, more than announced or fewer; then they are stock."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _

from inventory import events
from inventory.errors import ChangedMeanwhile
from inventory.locks import Level, lock_inbound, open_and_lock_stock
from inventory.models import Cause, Condition, Inbound, InboundLine
from inventory.models.stock import MOST_UNITS
from inventory.queries import products_by_sku
from inventory.services.announcements import LATE, unknown_skus
from inventory.services.ledger import Movement, check_storable, save_levels
from inventory.services.supply_promises import Arrival, hold_arrivals, settle_promises
from inventory.states import INBOUND_MOVES, InboundStatus
from oms import deadlines
from oms.errors import FieldError, IllegalMove, Invalid
from oms.idempotency import idempotent
from oms.outbox import publish
from oms.sql import insert_rows, update_rows
from oms.transactions import in_transaction, use_case


@dataclass(frozen=True, slots=True)
class Receipt:
    """Units of one product that came, in one condition; `bin` says where they were put."""

    sku: str
    quantity: int
    condition: str = Condition.SELLABLE
    bin: str | None = None


@use_case
@idempotent
def receive_inbound(
    *,
    inbound_id: str,
    receipts: Sequence[Receipt] | None = None,
    final: bool = False,
    note: str = "",
    version: int | None = None,
    actor: str,
    as_of: datetime,
) -> str:
    """Take in what came: all that remains when `receipts` is None. Returns the inbound's id.

    What nobody announced comes in too, and is recorded as over. When nothing remains it is closed; `final` closes
    it as it is, and records what did not come as missing. `version`: what the caller saw, refused if it has
    changed since (two who count the same boxes).
    Errors: Missing, IllegalMove (it has ended), ChangedMeanwhile, Invalid (unknown products, nothing to receive).
    """
    inbound, lines = lock_inbound(inbound_id)
    check_open(inbound, version)
    came = _what_remains(lines) if receipts is None else receipts
    _check(came, final=final)
    arrivals = _count_in(inbound, lines, came)
    _move_on(inbound, lines, came, final=final, note=note, actor=actor, as_of=as_of)
    levels = _stock(inbound, came, actor=actor, as_of=as_of)
    hold_arrivals(arrivals, levels, location=inbound.location_id, as_of=as_of)
    return inbound.pk


def check_open(inbound: Inbound, version: int | None) -> None:
    """Errors: IllegalMove (it has ended), ChangedMeanwhile (it is not as the caller saw it)."""
    if not inbound.is_open:
        raise IllegalMove(current=inbound.status)
    if version is not None and version != inbound.version:
        raise ChangedMeanwhile(version=inbound.version)


def _what_remains(lines: Sequence[InboundLine]) -> list[Receipt]:
    return [Receipt(line.product_id, line.remaining) for line in lines if line.remaining]


def _check(came: Sequence[Receipt], *, final: bool) -> None:
    if not came and not final:
        raise Invalid(errors=[FieldError("/lines", "nothing_received", _("Say what came, or that nothing more does"))])
    skus = [receipt.sku for receipt in came]
    if faults := unknown_skus(skus, products_by_sku(set(skus))):
        raise Invalid(errors=faults)


# ---- the lines -----------------------------------------------------------------------------------

_COUNTED = ("remaining", "received", "damaged", "quarantined", "promised")


def _count_in(inbound: Inbound, lines: list[InboundLine], came: Sequence[Receipt]) -> list[Arrival]:
    """Add what came to the lines and store them; articles that nobody announced get lines of their own.

    Returns what of it was promised to whom.
    """
    by_sku = {line.product_id: line for line in lines}
    extra = dict.fromkeys(receipt.sku for receipt in came if receipt.sku not in by_sku)
    for sku in extra:
        by_sku[sku] = InboundLine(inbound=inbound, product_id=sku, quantity=0, remaining=0)
    for receipt in came:
        _add(by_sku[receipt.sku], receipt)
    good = Counter[str]()
    for receipt in came:
        good[receipt.sku] += receipt.quantity if receipt.condition == Condition.SELLABLE else 0
    touched = [by_sku[receipt.sku] for receipt in came if receipt.sku not in extra]
    arrivals = settle_promises(touched, good)
    store_lines(touched, _COUNTED)
    insert_rows({InboundLine: [_new_row(by_sku[sku]) for sku in extra]})
    lines.extend(by_sku[sku] for sku in extra)
    return arrivals


def _add(line: InboundLine, receipt: Receipt) -> None:
    line.received += receipt.quantity
    line.remaining = max(0, line.quantity - line.received)
    if receipt.condition == Condition.DAMAGED:
        line.damaged += receipt.quantity
    elif receipt.condition == Condition.QUARANTINED:
        line.quarantined += receipt.quantity
    if line.received > MOST_UNITS:
        raise Invalid(errors=[FieldError("/lines", "out_of_range", _("More units than can be stored"))])


def store_lines(lines: Sequence[InboundLine], columns: Sequence[str]) -> None:
    """Write these columns of stored lines; their delivery is locked."""
    rows = {line.pk: {"id": line.pk, **{name: getattr(line, name) for name in columns}} for line in lines}
    update_rows(InboundLine, list(rows.values()))


def _new_row(line: InboundLine) -> dict[str, Any]:
    named = {"inbound_id": line.inbound_id, "sku": line.product_id, "quantity": line.quantity}
    return named | {name: getattr(line, name) for name in _COUNTED}


# ---- what it means for the delivery ----------------------------------------------------------------


def _move_on(
    inbound: Inbound,
    lines: Sequence[InboundLine],
    came: Sequence[Receipt],
    *,
    final: bool,
    note: str,
    actor: str,
    as_of: datetime,
) -> None:
    told = {"lines": [{"sku": r.sku, "quantity": r.quantity, "condition": str(r.condition)} for r in came]}
    if not final and any(line.remaining for line in lines):
        partial = events.about_inbound(inbound) | told
        INBOUND_MOVES.move(inbound, to=InboundStatus.PARTIALLY_RECEIVED, actor=actor, as_of=as_of, facts=partial)
        return
    if came:
        publish([events.inbound_fact(events.INBOUND_RECEIVED, inbound, actor=actor, payload=told)], as_of=as_of)
    close(inbound, lines, note=note, actor=actor, as_of=as_of)


@in_transaction
def close(inbound: Inbound, lines: Sequence[InboundLine], *, note: str = "", actor: str, as_of: datetime) -> None:
    """Nothing more of it comes: what remains is missing. Tells how it differs from what was announced."""
    short = [line for line in lines if line.remaining]
    for line in short:
        line.missing, line.remaining = line.remaining, 0
    settle_promises(short, {})
    store_lines(short, ("missing", "remaining", "promised"))
    deadlines.drop([inbound.pk], as_of=as_of, kinds=[LATE])
    facts = events.about_inbound(inbound) | _differences(lines)
    INBOUND_MOVES.move(
        inbound,
        to=InboundStatus.RECEIVED,
        actor=actor,
        as_of=as_of,
        why=note,
        facts=facts,
        closed_at=as_of,
        closing_note=note,
    )
    if short:
        missing = {"lines": [{"sku": line.product_id, "missing": line.missing} for line in short]}
        publish([events.inbound_fact(events.INBOUND_SHORT, inbound, actor=actor, payload=missing)], as_of=as_of)


def _differences(lines: Sequence[InboundLine]) -> dict[str, Any]:
    names = ("missing", "over", "damaged", "quarantined")
    found = [{"sku": line.product_id} | {name: getattr(line, name) for name in names} for line in lines]
    totals: Mapping[str, int] = {name: sum(row[name] for row in found) for name in names}
    return {
        "received": sum(line.received for line in lines),
        **totals,
        "differences": [row for row in found if any(row[name] for name in names)],
    }


# ---- what it means for stock ---------------------------------------------------------------------


def _stock(
    inbound: Inbound, came: Sequence[Receipt], *, actor: str, as_of: datetime
) -> Mapping[tuple[str, str], Level]:
    """The levels are locked, and returned as they stand now."""
    levels = open_and_lock_stock(((receipt.sku, inbound.location_id) for receipt in came), as_of=as_of)
    cause = Cause.TRANSFER_RECEIVED if inbound.is_transfer else Cause.RECEIVED
    units: Counter[tuple[str, str]] = Counter()
    for receipt in came:
        units[receipt.sku, str(receipt.condition)] += receipt.quantity
        if receipt.bin is not None:
            levels[receipt.sku, inbound.location_id].bin = receipt.bin
    movements = []
    for (sku, condition), quantity in units.items():
        damaged = quantity if condition == Condition.DAMAGED else 0
        quarantined = quantity if condition == Condition.QUARANTINED else 0
        level = levels[sku, inbound.location_id]
        level.on_hand += quantity
        level.damaged += damaged
        level.quarantined += quarantined
        movements.append(
            Movement(sku, inbound.location_id, cause, as_of, quantity, damaged, quarantined, reference=inbound.pk)
        )
    check_storable(levels.values(), pointer="/lines")
    save_levels(levels.values(), movements, actor=actor, reference=inbound.pk, as_of=as_of)
    return levels
