"""Units of lines move between buckets; a unit is in exactly one."""

import functools
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from django.db import connection

from oms.sql import as_json
from oms.transactions import in_transaction
from orders.models.order import BUCKETS


@dataclass(frozen=True, slots=True)
class UnitMove:
    line_id: str
    was: str
    to: str
    quantity: int


@functools.cache
def _statement() -> str:
    changes = ", ".join(f'"{bucket}" = t."{bucket}" + coalesce(d."{bucket}", 0)' for bucket in BUCKETS)
    return (
        f"UPDATE orders_orderline t SET {changes}"
        " FROM jsonb_populate_recordset(NULL::orders_orderline, %s::jsonb) d WHERE t.id = d.id"
    )


@in_transaction
def move_units(moves: Iterable[UnitMove]) -> None:
    """Apply all moves in one statement. A bucket that would go below zero is refused by its constraint."""
    deltas: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for move in moves:
        deltas[move.line_id][move.was] -= move.quantity
        deltas[move.line_id][move.to] += move.quantity
    if deltas:
        rows = [{"id": line_id, **delta} for line_id, delta in sorted(deltas.items())]
        with connection.cursor() as cursor:
            cursor.execute(_statement(), [as_json(rows)])
