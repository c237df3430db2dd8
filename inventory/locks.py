"""The only place where rows of this app get locked: a count session or deliveries by id first, then stock levels in
(sku, location) order.

A use case that will touch levels in several calls (release here, reserve there) first locks them all
with `lock_stock`; the calls after it then find their rows already theirs.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection

from inventory.models import CountSession, Inbound, InboundLine
from oms.errors import Missing
from oms.sql import read_rows
from oms.transactions import in_transaction

StockKey = tuple[str, str]  # sku, location

LOCKED = "ORDER BY s.sku, s.location_id FOR NO KEY UPDATE OF s"
"""Ends every statement that changes levels `s`: first lock them in order, then decide on what was locked."""


@dataclass(slots=True)
class Level:
    """A stock level as it stands under our lock."""

    id: int
    sku: str
    location: str
    on_hand: int
    reserved: int
    damaged: int
    quarantined: int
    suspect_at: datetime | None
    counted_at: datetime | None
    updated_at: datetime
    bin: str
    safety_stock: int | None
    confidence: float | None

    @property
    def key(self) -> StockKey:
        return self.sku, self.location

    @property
    def short(self) -> int:
        """How many promised units are not there."""
        return max(0, self.reserved - max(0, self.on_hand - self.damaged - self.quarantined))


_LOCK = f"""
SELECT s.id, s.sku, s.location_id, s.on_hand, s.reserved, s.damaged, s.quarantined,
       s.suspect_at, s.counted_at, s.updated_at, s.bin, s.safety_stock, s.confidence
FROM unnest(%s::text[], %s::text[]) AS key (sku, location)
JOIN inventory_stocklevel s ON s.sku = key.sku AND s.location_id = key.location
{LOCKED}"""

_OPEN = """
INSERT INTO inventory_stocklevel (sku, location_id, updated_at)
SELECT key.sku, key.location, %s FROM unnest(%s::text[], %s::text[]) AS key (sku, location)
JOIN inventory_product p ON p.sku = key.sku JOIN inventory_location l ON l.code = key.location
WHERE NOT EXISTS (SELECT FROM inventory_stocklevel s WHERE s.sku = key.sku AND s.location_id = key.location)
ORDER BY key.sku, key.location
ON CONFLICT (sku, location_id) DO NOTHING"""


@in_transaction
def lock_stock(keys: Iterable[StockKey]) -> dict[StockKey, Level]:
    """Lock these levels and return them fresh; those that do not exist are left out."""
    with connection.cursor() as cursor:
        cursor.execute(_LOCK, _columns(keys))
        levels = [Level(*row) for row in cursor.fetchall()]
    return {level.key: level for level in levels}


@in_transaction
def open_and_lock_stock(keys: Iterable[StockKey], *, as_of: datetime) -> dict[StockKey, Level]:
    """Like `lock_stock`, opening empty levels where none is yet; keys of unknown products and places are left out."""
    ordered = sorted(set(keys))
    open_stock(ordered, as_of=as_of)
    return lock_stock(ordered)


@in_transaction
def open_stock(keys: Iterable[StockKey], *, as_of: datetime) -> None:
    """Open empty levels where none is yet; keys of unknown products and places are left out.

    Before any is locked: two callers that open the same ones wait for each other in key order, holding nothing the
    other needs.
    """
    with connection.cursor() as cursor:
        cursor.execute(_OPEN, [as_of, *_columns(keys)])


# The same two where the keys stand in a table already, thousands at a time.
_OPEN_IN = """
INSERT INTO inventory_stocklevel (sku, location_id, updated_at)
SELECT key.sku, key.location, %(as_of)s FROM ({keys}) AS key
JOIN inventory_product p ON p.sku = key.sku JOIN inventory_location l ON l.code = key.location
ORDER BY key.sku, key.location
ON CONFLICT (sku, location_id) DO NOTHING"""
_LOCK_IN = """
SELECT coalesce(array_agg(locked.ctid), '{{}}')::text, count(*) FROM (
    SELECT s.ctid {levels} FOR NO KEY UPDATE OF s
) locked"""


@in_transaction
def open_stock_in(keys: str, parameters: Mapping[str, Any], *, as_of: datetime) -> None:
    """Open the levels (sku, location) that the query `keys` finds, where none is yet. Before any is locked, see above."""
    with connection.cursor() as cursor:
        cursor.execute(_OPEN_IN.format(keys=keys), {**parameters, "as_of": as_of})


@in_transaction
def lock_stock_in(levels: str, parameters: Mapping[str, Any]) -> tuple[str, int]:
    """Lock the levels `s` of a query, its text from FROM on, which puts them in (sku, location) order.

    Returns: where they lie, an array of row addresses (ctid) in that order as the database writes it, and how many.
    While we hold the locks nobody moves them, and the next statement sees what was committed before they were ours.
    """
    with connection.cursor() as cursor:
        cursor.execute(_LOCK_IN.format(levels=levels), parameters)
        [(addresses, count)] = cursor.fetchall()
    return addresses, count


@in_transaction
def lock_inbound(inbound_id: str) -> tuple[Inbound, list[InboundLine]]:
    """Lock a delivery or transfer, before its deadlines and levels, and return it fresh with its lines. Errors: Missing.

    Whoever changes lines has locked their delivery first.
    """
    inbound = Inbound.objects.select_for_update(no_key=True).filter(pk=inbound_id).first()
    if inbound is None:
        raise Missing()
    return inbound, list(InboundLine.objects.filter(inbound=inbound).order_by("id"))


@dataclass(slots=True)
class SupplyLine:
    """A line of a delivery as it stands under our lock of the delivery."""

    id: int
    sku: str
    remaining: int
    promised: int


_LOCK_DELIVERIES = """
SELECT i.id FROM inventory_inbound i
WHERE i.id IN (SELECT line.inbound_id FROM inventory_inboundline line WHERE line.id = ANY(%s))
ORDER BY i.id FOR NO KEY UPDATE OF i"""
_SUPPLY_LINES = "SELECT id, sku, remaining, promised FROM inventory_inboundline WHERE id = ANY(%s) ORDER BY id"


@in_transaction
def lock_supply(lines: Iterable[int]) -> dict[int, SupplyLine]:
    """Lock the deliveries of these lines, in the order of their ids, before any level; returns the lines fresh.

    Two statements: the second sees what was committed before the locks were ours. A line that is gone is left out.
    """
    ids = sorted(set(lines))
    with connection.cursor() as cursor:
        cursor.execute(_LOCK_DELIVERIES, [ids])
        cursor.execute(_SUPPLY_LINES, [ids])
        return {row[0]: SupplyLine(*row) for row in cursor.fetchall()}


@in_transaction
def lock_count(count_id: str) -> CountSession:
    """Whoever scans, submits or decides in this session takes turns here. Errors: Missing."""
    found = read_rows(CountSession, "WHERE t.id = %s FOR NO KEY UPDATE", [count_id])
    if not found:
        raise Missing()
    return found[0]


def _columns(keys: Iterable[StockKey]) -> list[list[str]]:
    ordered = sorted(set(keys))
    return [[sku for sku, _ in ordered], [location for _, location in ordered]]
