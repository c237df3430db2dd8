"""How a level changes: movements are added, the level follows, those concerned are told. In three statements."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db import connection
from django.utils.translation import gettext as _

from inventory import events
from inventory.locks import Level
from inventory.models import StockEventId, StockMovement
from inventory.models.stock import MOST_UNITS
from oms.errors import FieldError, Invalid
from oms.outbox import publish
from oms.sql import insert_rows
from oms.transactions import in_transaction


@dataclass(frozen=True, slots=True)
class Movement:
    """So many more or fewer units of a level; `quantity` is what on hand changes by.

    It names what it belongs to: a `reference` (an order's fulfillment, a transfer), or the `external_id` under
    which its `source` told it, which makes it happen once. `told` is the quantity that was told, if not what moved.
    """

    sku: str
    location: str
    cause: str
    occurred_at: datetime
    quantity: int = 0
    damaged_delta: int = 0
    quarantined_delta: int = 0
    reference: str = ""
    source: str = ""
    external_id: str | None = None
    told: int | None = None


_WRITE = """
UPDATE inventory_stocklevel s
SET on_hand = new.on_hand, damaged = new.damaged, quarantined = new.quarantined, suspect_at = new.suspect_at,
    counted_at = new.counted_at, bin = new.bin, safety_stock = new.safety_stock, confidence = new.confidence,
    updated_at = greatest(s.updated_at, %s)
FROM unnest(%s::bigint[], %s::int[], %s::int[], %s::int[], %s::timestamptz[], %s::timestamptz[], %s::text[], %s::int[],
            %s::float8[])
    AS new (id, on_hand, damaged, quarantined, suspect_at, counted_at, bin, safety_stock, confidence)
WHERE s.id = new.id"""
_WRITTEN = ("id", "on_hand", "damaged", "quarantined", "suspect_at", "counted_at", "bin", "safety_stock", "confidence")


def check_storable(levels: Iterable[Level], *, pointer: str) -> None:
    """Errors: Invalid when more units would stand somewhere than can be written down."""
    if any(max(level.on_hand, level.damaged, level.quarantined) > MOST_UNITS for level in levels):
        raise Invalid(errors=[FieldError(pointer, "out_of_range", _("More units than can be stored"))])


@in_transaction
def save_levels(
    levels: Collection[Level], movements: Collection[Movement] = (), *, actor: str, reference: str = "", as_of: datetime
) -> None:
    """Write locked levels as they now stand, with the movements that made them so, and tell those concerned.

    Publishes `inventory.level.changed`, and `inventory.stock.short` per level from which more is promised than
    stands there, even if that was told before: whoever mends shortages may have failed.
    """
    if not levels:
        return
    changed = sorted(levels, key=lambda level: level.key)
    with connection.cursor() as cursor:
        cursor.execute(_WRITE, [as_of, *([getattr(level, name) for level in changed] for name in _WRITTEN)])
    insert_rows(
        {
            StockEventId: [
                _event_id(movement, as_of=as_of) for movement in movements if movement.external_id is not None
            ],
            StockMovement: [_row(movement, actor=actor, as_of=as_of) for movement in movements],
        }
    )
    facts = events.levels_changed(changed, actor=actor, reference=reference)
    publish([*facts, *events.stock_short((level for level in changed if level.short), actor=actor)], as_of=as_of)


def _row(movement: Movement, *, actor: str, as_of: datetime) -> dict[str, object]:
    return {
        "sku": movement.sku,
        "location_id": movement.location,
        "cause": movement.cause,
        "quantity": movement.quantity,
        "damaged_delta": movement.damaged_delta,
        "quarantined_delta": movement.quarantined_delta,
        "reference": movement.reference,
        "actor": actor,
        "source": movement.source,
        "external_id": movement.external_id,
        "occurred_at": movement.occurred_at,
        "recorded_at": as_of,
    }


def _event_id(movement: Movement, *, as_of: datetime) -> dict[str, object]:
    return {
        "source": movement.source,
        "external_id": movement.external_id,
        "sku": movement.sku,
        "location_id": movement.location,
        "quantity": movement.quantity if movement.told is None else movement.told,
        "recorded_at": as_of,
    }
