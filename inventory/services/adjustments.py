"""What staff find out at a level: goods that are not there, goods that are broken, how many to keep back."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from django.conf import settings
from django.utils.translation import gettext as _

from inventory.confidence import after_look
from inventory.locks import Level, StockKey, lock_stock, open_and_lock_stock
from inventory.models import Cause
from inventory.queries import products_by_sku
from inventory.services.ledger import Movement, save_levels
from inventory.services.stock_events import APPLIED, COUNT, StockEvent, apply_stock_events
from oms.errors import FieldError, Invalid
from oms.ids import new_id
from oms.transactions import in_transaction, use_case


@in_transaction
def mark_suspect(keys: Iterable[StockKey], *, reference: str, actor: str, as_of: datetime) -> None:
    """The goods were not found where they should be: nothing more is sold of these levels until they are counted.

    It costs a level confidence once, however many miss the same goods until somebody counts.
    """
    levels = lock_stock(keys)
    for level in levels.values():
        if level.suspect_at is None:
            level.suspect_at = as_of
            level.confidence = after_look(level.confidence, agrees=False)
    save_levels(levels.values(), actor=actor, reference=reference, as_of=as_of)


@in_transaction
def mark_damaged(items: Sequence[tuple[str, str, int]], *, reference: str, actor: str, as_of: datetime) -> None:
    """So many units (sku, location, quantity) were found damaged: they stay on hand, but are not sold."""
    levels = lock_stock((sku, location) for sku, location, _quantity in items)
    movements = []
    for sku, location, quantity in items:
        levels[sku, location].damaged += quantity
        movements.append(Movement(sku, location, Cause.DAMAGED, as_of, damaged_delta=quantity, reference=reference))
    save_levels(levels.values(), movements, actor=actor, reference=reference, as_of=as_of)


@in_transaction
def set_protection(*, sku: str, location: str, safety_stock: int | None, actor: str, as_of: datetime) -> Level:
    """Units of one product kept back at one place; None means the place's default. Errors: Invalid (unknown names)."""
    levels = open_and_lock_stock([(sku, location)], as_of=as_of)
    if not levels:
        raise Invalid(errors=[_unknown(sku)])
    level = levels[sku, location]
    level.safety_stock = safety_stock
    save_levels([level], actor=actor, as_of=as_of)
    return level


@use_case
def count_stock(*, sku: str, location: str, quantity: int, bin: str = "", actor: str, as_of: datetime) -> None:
    """Someone counted all that stands there. Errors: Invalid (unknown names, absurd numbers)."""
    name = new_id("cnt")
    event = StockEvent(
        name,
        sku,
        location,
        COUNT,
        quantity,
        as_of,
        bin=bin or None,
        reference=name,
        confirms_within=settings.COUNT_TOLERANCE_UNITS,
    )
    [result] = apply_stock_events([event], source=actor, actor=actor, as_of=as_of)
    if result.status != APPLIED:
        raise Invalid(result.detail or _("This was counted again meanwhile"))


@use_case
def protect_stock(*, sku: str, location: str, safety_stock: int | None, actor: str, as_of: datetime) -> None:
    """`set_protection` in a transaction of its own."""
    set_protection(sku=sku, location=location, safety_stock=safety_stock, actor=actor, as_of=as_of)


def _unknown(sku: str) -> FieldError:
    if products_by_sku([sku]):
        return FieldError("/location", "unknown_location", _("There is no such location"))
    return FieldError("/sku", "unknown_sku", _("There is no such product"))
