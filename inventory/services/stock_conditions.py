"""What people change about units by hand: broken and mended, put aside and released, written off, found."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from django.utils.translation import gettext as _

from inventory.errors import FewerThere
from inventory.events import STOCK_ADJUSTED
from inventory.locks import Level, open_and_lock_stock
from inventory.models import AdjustmentKind, Cause, Condition, StockAdjustment
from inventory.queries import products_by_sku
from inventory.services.ledger import Movement, check_storable, save_levels
from oms.errors import FieldError, Invalid
from oms.idempotency import idempotent
from oms.ids import new_id
from oms.outbox import Fact, publish
from oms.transactions import use_case


@dataclass(frozen=True, slots=True)
class Adjustment:
    """`condition` of what is written off or found; without one what cannot be sold is written off first."""

    sku: str
    location: str
    kind: str
    quantity: int
    reason: str
    note: str = ""
    condition: str = ""


class _Change(NamedTuple):
    """What becomes more or less: on hand, and of it damaged and quarantined."""

    on_hand: int = 0
    damaged: int = 0
    quarantined: int = 0


@use_case
@idempotent
def adjust_stock(adjustment: Adjustment, *, actor: str, as_of: datetime) -> str:
    """Change units of one level and write down why. Returns the adjustment's id.

    Units that are promised may go all the same: what is broken is broken. `inventory.stock.short` then tells it.
    Errors: Invalid (unknown names, a condition where it means nothing), FewerThere.
    """
    _check(adjustment)
    [level] = _locked(adjustment, as_of)
    change = _CHANGES[AdjustmentKind(adjustment.kind)](level, adjustment)
    _apply(level, change)
    made = _written(adjustment, actor=actor, as_of=as_of)
    movement = Movement(
        adjustment.sku, adjustment.location, _CAUSES[AdjustmentKind(adjustment.kind)], as_of, *change, reference=made.pk
    )
    save_levels([level], [movement], actor=actor, reference=made.pk, as_of=as_of)
    publish([_fact(made)], as_of=as_of)
    return made.pk


def _check(adjustment: Adjustment) -> None:
    if adjustment.condition and adjustment.kind not in (AdjustmentKind.WRITE_OFF, AdjustmentKind.FOUND):
        detail = _("A condition is told of units that are written off or found")
        raise Invalid(errors=[FieldError("/condition", "condition_not_for_this", detail)])


def _locked(adjustment: Adjustment, as_of: datetime) -> list[Level]:
    levels = open_and_lock_stock([(adjustment.sku, adjustment.location)], as_of=as_of)
    if not levels:
        is_known = bool(products_by_sku([adjustment.sku]))
        name, detail = (
            ("location", _("There is no such location")) if is_known else ("sku", _("There is no such product"))
        )
        raise Invalid(errors=[FieldError(f"/{name}", f"unknown_{name}", detail)])
    return [*levels.values()]


# ---- what each kind does -------------------------------------------------------------------------


def _good(level: Level) -> int:
    return max(0, level.on_hand - level.damaged - level.quarantined)


def _of(available: int, wanted: int) -> int:
    """So many of those that are there. Errors: FewerThere."""
    if wanted > available:
        detail = _("Only %(available)s are there in that condition") % {"available": available}
        raise FewerThere(detail, available=available, requested=wanted)
    return wanted


def _damage(level: Level, given: Adjustment) -> _Change:
    return _Change(damaged=_of(_good(level), given.quantity))


def _repair(level: Level, given: Adjustment) -> _Change:
    return _Change(damaged=-_of(level.damaged, given.quantity))


def _quarantine(level: Level, given: Adjustment) -> _Change:
    return _Change(quarantined=_of(_good(level), given.quantity))


def _release(level: Level, given: Adjustment) -> _Change:
    return _Change(quarantined=-_of(level.quarantined, given.quantity))


def _write_off(level: Level, given: Adjustment) -> _Change:
    """Of the condition named; else the damaged first, then the quarantined, the good ones last."""
    there = {
        Condition.DAMAGED: level.damaged,
        Condition.QUARANTINED: level.quarantined,
        Condition.SELLABLE: _good(level),
    }
    if given.condition:
        there = {Condition(given.condition): there[Condition(given.condition)]}
    left = _of(sum(there.values()), given.quantity)
    taken = dict.fromkeys(Condition, 0)
    for condition, units in there.items():
        taken[condition] = min(left, units)
        left -= taken[condition]
    return _Change(-given.quantity, -taken[Condition.DAMAGED], -taken[Condition.QUARANTINED])


def _found(level: Level, given: Adjustment) -> _Change:
    return _Change(
        given.quantity,
        given.quantity if given.condition == Condition.DAMAGED else 0,
        given.quantity if given.condition == Condition.QUARANTINED else 0,
    )


_K = AdjustmentKind
_CHANGES: Mapping[AdjustmentKind, Callable[[Level, Adjustment], _Change]] = {
    _K.DAMAGE: _damage,
    _K.REPAIR: _repair,
    _K.QUARANTINE: _quarantine,
    _K.RELEASE: _release,
    _K.WRITE_OFF: _write_off,
    _K.FOUND: _found,
}
_CAUSES: Mapping[AdjustmentKind, Cause] = {
    _K.DAMAGE: Cause.DAMAGED,
    _K.REPAIR: Cause.REPAIRED,
    _K.QUARANTINE: Cause.QUARANTINED,
    _K.RELEASE: Cause.RELEASED,
    _K.WRITE_OFF: Cause.WRITTEN_OFF,
    _K.FOUND: Cause.FOUND,
}


def _apply(level: Level, change: _Change) -> None:
    level.on_hand += change.on_hand
    level.damaged += change.damaged
    level.quarantined += change.quarantined
    check_storable([level], pointer="/quantity")


# ---- what is kept and told -----------------------------------------------------------------------


def _written(adjustment: Adjustment, *, actor: str, as_of: datetime) -> StockAdjustment:
    return StockAdjustment.objects.create(
        id=new_id("adj"),
        product_id=adjustment.sku,
        location_id=adjustment.location,
        kind=adjustment.kind,
        quantity=adjustment.quantity,
        condition=adjustment.condition,
        reason=adjustment.reason,
        note=adjustment.note,
        actor=actor,
        made_at=as_of,
    )


def _fact(made: StockAdjustment) -> Fact:
    names = ("kind", "quantity", "condition", "reason", "note")
    told = {"sku": made.product_id, "location": made.location_id} | {name: str(getattr(made, name)) for name in names}
    return Fact(STOCK_ADJUSTED, made.pk, made.product_id, made.actor, told | {"quantity": made.quantity})
