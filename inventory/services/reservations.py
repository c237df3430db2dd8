"""Promising units to demands, giving them back, and letting them go. The hot path of placing an order."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from django.db import connection

from inventory import events
from inventory.errors import NotReserved
from inventory.exposure import NOTHING, Context, Kept
from inventory.locks import LOCKED
from inventory.models import ReservationStatus
from inventory.queries import protections, tags_for
from inventory.sellable import sellable_sql
from oms.actors import SYSTEM
from oms.ids import new_id
from oms.outbox import publish
from oms.sql import Tables, as_json, insert_parts, insert_rows
from oms.transactions import in_transaction


class Want(NamedTuple):
    """Units of one level for one demand (`order_line:oli_…`)."""

    demand: str
    sku: str
    location: str
    quantity: int


Wants = Sequence[tuple[Context, Sequence[Want]]]
"""What is wanted, and in which context: an order's pickup and its parcel may be shown different stock."""


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


# The wants come as JSON. Through an array, because Postgres takes any array for ten rows and any JSON for a hundred,
# for which it would rather read a table of thousands; and a plan that does not count them is made once and kept.
_WANTS = "unnest(ARRAY(SELECT jsonb_array_elements(%s::jsonb)))"
# What the exposure rules keep of its level.
_KEPT = "units int, share int, doubt_below float8, doubt_units int, doubt_share int"

# The levels are locked first, in order. Whoever had to wait sees them as the one before left them: Postgres
# evaluates a locked row anew, so `sellable` is the truth at the moment of the lock, whatever the statement's
# snapshot says. tests/concurrency/test_reserve_race.py proves it, and that it fails without the lock.
# That holds for the row alone. Carts hold units in rows of their own, so a level of which a cart may hold some
# is only locked here and weighed by a second statement, which sees what was committed before the lock was ours.
_RESERVE = f"""
WITH want AS MATERIALIZED (
    SELECT w.* FROM {_WANTS} AS one
    CROSS JOIN jsonb_to_record(one) AS w (id text, demand text, sku text, location text, quantity int, {_KEPT})
), need AS MATERIALIZED (
    SELECT sku, location, sum(quantity) AS quantity, CASE WHEN min(units) < 0 THEN -1 ELSE max(units) END AS units,
        max(share) AS share, max(doubt_below) AS doubt_below, max(doubt_units) AS doubt_units,
        max(doubt_share) AS doubt_share
    FROM want GROUP BY sku, location
), level AS MATERIALIZED (
    SELECT s.id, s.sku, s.location_id, need.quantity,
        CASE WHEN s.held_until > %s THEN 0 ELSE {sellable_sql("s", safety="l.safety_stock", kept="need", held="0")} END
            AS sellable
    FROM need
    JOIN inventory_stocklevel s ON s.sku = need.sku AND s.location_id = need.location
    JOIN inventory_location l ON l.code = s.location_id AND l.is_active
    JOIN inventory_product p ON p.sku = s.sku AND p.is_active
    {LOCKED}
), taken AS (
    UPDATE inventory_stocklevel s SET reserved = s.reserved + level.quantity, updated_at = greatest(s.updated_at, %s)
    FROM level WHERE s.id = level.id AND (%s OR level.sellable >= level.quantity)
    RETURNING s.sku, s.location_id
), made AS (
    INSERT INTO inventory_reservation AS r
        (id, demand, sku, location_id, quantity, remaining, status, created_at, updated_at)
    SELECT min(want.id), demand, want.sku, location, sum(want.quantity), sum(want.quantity), 'active', %s, %s
    FROM want JOIN taken ON taken.sku = want.sku AND taken.location_id = want.location
    GROUP BY demand, want.sku, location
    ON CONFLICT (demand, sku, location_id) WHERE status = 'active' DO UPDATE
    SET quantity = r.quantity + excluded.quantity, remaining = r.remaining + excluded.remaining,
        updated_at = greatest(r.updated_at, excluded.updated_at)
)"""
_LACKING = """
SELECT need.sku, need.location
FROM need LEFT JOIN taken ON taken.sku = need.sku AND taken.location_id = need.location
WHERE taken.sku IS NULL"""

# Over levels that are locked already: a new statement, which sees all that was committed before the locks were ours.
_WEIGH = f"""
SELECT coalesce({sellable_sql("s", safety="l.safety_stock", kept="w", as_of="w.as_of", own_holds="w.holds")}, 0)
FROM {_WANTS} WITH ORDINALITY AS given (one, n)
CROSS JOIN jsonb_to_record(one) AS w (sku text, location text, as_of timestamptz, holds text[], {_KEPT})
LEFT JOIN (
    inventory_stocklevel s
    JOIN inventory_location l ON l.code = s.location_id AND l.is_active
    JOIN inventory_product p ON p.sku = s.sku AND p.is_active
) ON s.sku = w.sku AND s.location_id = w.location
ORDER BY given.n"""


class _Asked(NamedTuple):
    """A want with its context and with what the exposure rules keep from it."""

    want: Want
    context: Context
    kept: Kept


@in_transaction
def reserve_stock(wanted: Wants, *, as_of: datetime, inserts: Tables | None = None) -> list[Refused]:
    """Reserve each want whole or refuse it; what a demand already holds of a level grows.

    Wants of one level count together: all are granted, or else, in the order given, those that still fit.
    `inserts`: rows that come true with all of it, written by the same statement, so that the levels are locked for
    no longer; who is refused anything raises, so that they are rolled back.
    Returns: the refused, in the order given. One statement; two more where several compete and not all fit, or
    where carts hold units of a level.
    """
    asked = with_protection(wanted)
    if not asked:
        insert_rows(inserts or {})
        return []
    lacking = _reserve(asked, as_of=as_of, inserts=inserts or {})
    if not lacking:
        return []
    contested = [one for one in asked if one.want[1:3] in lacking]
    granted, refused = share_out(contested)
    _reserve(granted, as_of=as_of, is_judged=True)  # the levels are locked: what fits now is granted
    return refused


@in_transaction
def keep_reserved(wants: Sequence[Want], *, as_of: datetime) -> set[tuple[str, str]]:
    """Reserve what was promised before it came, whatever the rules keep back. The levels exist and are locked.

    Returns those that are off sale by now, of which nothing is reserved.
    """
    anyone = Context(as_of)
    return _reserve([_Asked(want, anyone, NOTHING) for want in wants], as_of=as_of, is_judged=True)


@in_transaction
def with_protection(wanted: Wants) -> list[_Asked]:
    """Each want with what is kept from its asker; products' tags are looked up only where a rule asks for them."""
    asked = []
    for context, wants in wanted:
        rules = protections(context)
        tags = tags_for(rules, {want.sku for want in wants})
        asked += [_Asked(want, context, rules.kept(want.sku, tags.get(want.sku, ()), want.location)) for want in wants]
    return asked


def _reserve(
    asked: Sequence[_Asked], *, as_of: datetime, is_judged: bool = False, inserts: Tables | None = None
) -> set[tuple[str, str]]:
    """Reserve where a level suffices for all its wants, or without asking; returns the other levels, locked too."""
    if not asked:
        return set()
    inserted, rows = insert_parts(inserts or {})
    wants = [{"id": new_id("res"), **one.want._asdict(), **one.kept._asdict()} for one in asked]
    with connection.cursor() as cursor:
        cursor.execute(_RESERVE + inserted + _LACKING, [as_json(wants), as_of, as_of, is_judged, as_of, as_of, *rows])
        return set(cursor.fetchall())


@in_transaction
def share_out(asked: Sequence[_Asked]) -> tuple[list[_Asked], list[Refused]]:
    """Those that fit, in the order given, and those that do not. All levels asked for are locked by the caller."""
    taken: Counter[tuple[str, str]] = Counter()
    granted, refused = [], []
    for one, sellable in zip(asked, _weigh(asked), strict=True):
        level = one.want.sku, one.want.location
        left = max(0, sellable - taken[level])
        if one.want.quantity <= left:
            taken[level] += one.want.quantity
            granted.append(one)
        else:
            refused.append(Refused(*one.want, sellable=left))
    return granted, refused


def _weigh(asked: Sequence[_Asked]) -> list[int]:
    """What each could have of its level, were it alone."""
    wants = [
        {**one.want._asdict(), "as_of": one.context.as_of, "holds": one.context.holds, **one.kept._asdict()}
        for one in asked
    ]
    with connection.cursor() as cursor:
        cursor.execute(_WEIGH, [as_json(wants)])
        return [sellable for (sellable,) in cursor.fetchall()]


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
    SET remaining = r.remaining - item.quantity, updated_at = greatest(r.updated_at, %(as_of)s),
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
    SET reserved = s.reserved - total.quantity, on_hand = s.on_hand - {{taken}}, updated_at = greatest(s.updated_at, %(as_of)s)
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
    check_all_were_held(items, {row[:3] for row in rows})
    changed = {row[1:3]: _Changed(*row[1:]) for row in rows}
    publish(events.levels_changed([*changed.values()], actor=actor, reference=reference), as_of=as_of)


def check_all_were_held(items: Sequence[Held], freed: set[tuple[str, str, str]]) -> None:
    """Errors: NotReserved, of those that are not among the freed."""
    missing = [item for item in items if item[:3] not in freed]
    if missing:
        raise NotReserved(items=[item._asdict() for item in missing])
