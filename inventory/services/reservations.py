"""Promising units to demands, giving them back, and letting them go. The hot path of placing an order."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from django.db import connection

from inventory import events
from inventory.errors import NotReserved
from inventory.locks import LOCKED
from inventory.models import ReservationStatus
from inventory.sellable import sellable_sql
from oms.actors import SYSTEM
from oms.ids import new_id
from oms.outbox import publish
from oms.transactions import in_transaction


class Want(NamedTuple):
    """Units of one level for one demand (`order_line:oli_…`)."""

    demand: str
    sku: str
    location: str
    quantity: int


class Refused(NamedTuple):
    """`sellable` is what the level had left for this demand when it was locked."""

    demand: str
    sku: str
    location: str
    requested: int
    sellable: int


@dataclass(slots=True)
class _Changed:
    """A level after its reservations were let go."""

    sku: str
    location: str
    on_hand: int
    reserved: int
    damaged: int
    quarantined: int


class Held(NamedTuple):
    """Units that a demand has reserved."""

    demand: str
    sku: str
    location: str
    quantity: int


# The levels are locked first, in order. Whoever had to wait sees them as the one before left them: Postgres
# evaluates a locked row anew, so `sellable` is the truth at the moment of the lock, whatever the statement's
# snapshot says. tests/concurrency/test_reserve_race.py proves it, and that it fails without the lock.
_RESERVE = f"""
WITH want AS MATERIALIZED (
    -- each list as a subselect: a plan that does not count its items is made once and kept
    SELECT * FROM unnest((SELECT %s::text[]), (SELECT %s::text[]), (SELECT %s::text[]), (SELECT %s::text[]),
                         (SELECT %s::int[])) AS w (id, demand, sku, location, quantity)
), need AS MATERIALIZED (
    SELECT sku, location, sum(quantity) AS quantity FROM want GROUP BY sku, location
), level AS MATERIALIZED (
    SELECT s.id, s.sku, s.location_id, need.quantity, {sellable_sql("s", "l.safety_stock")} AS sellable
    FROM need
    JOIN inventory_stocklevel s ON s.sku = need.sku AND s.location_id = need.location
    JOIN inventory_location l ON l.code = s.location_id AND l.is_active
    JOIN inventory_product p ON p.sku = s.sku AND p.is_active
    {LOCKED}
), taken AS (
    UPDATE inventory_stocklevel s SET reserved = s.reserved + level.quantity, updated_at = %s
    FROM level WHERE s.id = level.id AND level.sellable >= level.quantity
    RETURNING s.sku, s.location_id
), made AS (
    INSERT INTO inventory_reservation AS r
        (id, demand, sku, location_id, quantity, remaining, status, created_at, updated_at)
    SELECT min(want.id), demand, want.sku, location, sum(want.quantity), sum(want.quantity), 'active', %s, %s
    FROM want JOIN taken ON taken.sku = want.sku AND taken.location_id = want.location
    GROUP BY demand, want.sku, location
    ON CONFLICT (demand, sku, location_id) WHERE status = 'active' DO UPDATE
    SET quantity = r.quantity + excluded.quantity, remaining = r.remaining + excluded.remaining,
        updated_at = excluded.updated_at
)
SELECT need.sku, need.location, coalesce(level.sellable, 0)
FROM need LEFT JOIN level ON level.sku = need.sku AND level.location_id = need.location
WHERE coalesce(level.sellable, 0) < need.quantity"""


@in_transaction
def reserve_stock(wants: Sequence[Want], *, as_of: datetime) -> list[Refused]:
    """Reserve each want whole or refuse it; what a demand already holds of a level grows.

    Wants of one level count together: all are granted, or else, in the order given, those that still fit.
    Returns: the refused, in the order given. One statement; a second only where several compete and not all fit.
    """
    lacking = _reserve(wants, as_of=as_of)
    if not lacking:
        return []
    contested = [want for want in wants if (want.sku, want.location) in lacking]
    granted, refused = _share_out(contested, lacking)
    if granted:
        _reserve(granted, as_of=as_of)  # the levels are locked: what fits now is granted
    return refused


def _reserve(wants: Sequence[Want], *, as_of: datetime) -> dict[tuple[str, str], int]:
    """Reserve where a level suffices for all its wants; returns the sellable units of the others."""
    if not wants:
        return {}
    demands, skus, locations, quantities = map(list, zip(*wants, strict=True))
    ids = [new_id("res") for _ in wants]
    with connection.cursor() as cursor:
        cursor.execute(_RESERVE, [ids, demands, skus, locations, quantities, as_of, as_of, as_of])
        return {(sku, location): sellable for sku, location, sellable in cursor.fetchall()}


def _share_out(wants: Sequence[Want], sellable: dict[tuple[str, str], int]) -> tuple[list[Want], list[Refused]]:
    left = dict(sellable)
    granted, refused = [], []
    for want in wants:
        units = left[want.sku, want.location]
        if want.quantity <= units:
            left[want.sku, want.location] = units - want.quantity
            granted.append(want)
        else:
            refused.append(Refused(*want, sellable=units))
    return granted, refused


# Level first, then reservation: the order in which reserving locks them.
_LET_GO = f"""
WITH item AS MATERIALIZED (
    SELECT demand, sku, location, sum(quantity) AS quantity
    FROM unnest(%(demands)s::text[], %(skus)s::text[], %(locations)s::text[], %(quantities)s::int[])
        AS i (demand, sku, location, quantity)
    GROUP BY demand, sku, location
), level AS MATERIALIZED (
    SELECT s.id, s.sku, s.location_id
    FROM (SELECT DISTINCT sku, location FROM item) AS key
    JOIN inventory_stocklevel s ON s.sku = key.sku AND s.location_id = key.location
    {LOCKED}
), freed AS (
    UPDATE inventory_reservation r
    SET remaining = r.remaining - item.quantity, updated_at = %(as_of)s,
        status = CASE WHEN r.remaining = item.quantity THEN %(ended)s ELSE r.status END
    FROM item JOIN level ON level.sku = item.sku AND level.location_id = item.location
    WHERE r.demand = item.demand AND r.sku = item.sku AND r.location_id = item.location
        AND r.status = 'active' AND r.remaining >= item.quantity
    RETURNING r.demand, r.sku, r.location_id, item.quantity
), total AS (
    SELECT level.id, sum(freed.quantity) AS quantity
    FROM freed JOIN level ON level.sku = freed.sku AND level.location_id = freed.location_id GROUP BY level.id
), changed AS (
    UPDATE inventory_stocklevel s
    SET reserved = s.reserved - total.quantity, on_hand = s.on_hand - {{taken}}, updated_at = %(as_of)s
    FROM total WHERE s.id = total.id
    RETURNING s.sku, s.location_id, s.on_hand, s.reserved, s.damaged, s.quarantined
){{moved}}
SELECT freed.demand, changed.* FROM freed
JOIN changed ON changed.sku = freed.sku AND changed.location_id = freed.location_id"""
_MOVED = """, moved AS (
    INSERT INTO inventory_stockmovement (sku, location_id, cause, quantity, reference, actor, occurred_at, recorded_at)
    SELECT sku, location_id, %(cause)s, -quantity, %(reference)s, %(actor)s, %(as_of)s, %(as_of)s FROM freed
)"""
_RELEASE = _LET_GO.format(taken="0", moved="")
_CONSUME = _LET_GO.format(taken="total.quantity", moved=_MOVED)


@in_transaction
def release_reservations(items: Sequence[Held], *, actor: str = SYSTEM, reference: str = "", as_of: datetime) -> None:
    """Give units back to their levels. Errors: NotReserved (all or nothing: let the transaction roll back)."""
    _let_go(_RELEASE, items, ReservationStatus.RELEASED, actor=actor, reference=reference, as_of=as_of)


@in_transaction
def consume_reservations(items: Sequence[Held], *, cause: str, reference: str, actor: str, as_of: datetime) -> None:
    """The units have left the place: on hand and reserved go down together, with a movement each.

    Errors: NotReserved (all or nothing: let the transaction roll back).
    """
    _let_go(_CONSUME, items, ReservationStatus.CONSUMED, actor=actor, reference=reference, as_of=as_of, cause=cause)


def _let_go(
    statement: str, items: Sequence[Held], ended: str, *, actor: str, reference: str, as_of: datetime, **facts: str
) -> None:
    if not items:
        return
    demands, skus, locations, quantities = map(list, zip(*items, strict=True))
    parameters: dict[str, Any] = {
        "demands": demands,
        "skus": skus,
        "locations": locations,
        "quantities": quantities,
        "ended": str(ended),
    }
    with connection.cursor() as cursor:
        # "reference" and "actor" stand in the movement only; an unused name does no harm
        cursor.execute(statement, {**parameters, "actor": actor, "reference": reference, "as_of": as_of, **facts})
        rows = cursor.fetchall()
    _check_all_were_held(items, {row[:3] for row in rows})
    changed = {row[1:3]: _Changed(*row[1:]) for row in rows}
    publish(events.levels_changed([*changed.values()], actor=actor, reference=reference), as_of=as_of)


def _check_all_were_held(items: Sequence[Held], freed: set[tuple[str, str, str]]) -> None:
    missing = [item for item in items if item[:3] not in freed]
    if missing:
        raise NotReserved(items=[item._asdict() for item in missing])
