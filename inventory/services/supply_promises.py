"""Units promised before they come: kept on the line of a delivery until it is received, then on the level they stand in.

Whoever changes promises has locked the deliveries first (`locks.lock_supply`); the demands themselves are kept apart by
whoever promises them (an order's lock). What is received for a demand is never free in between: the same transaction
reserves it, under the demand's name with `ARRIVED` before it, until the demand's work is planned and claims it.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from django.db import connection
from django.db.models import F
from django.utils.translation import gettext as _

from inventory.exposure import Context
from inventory.locks import LOCKED, Level, SupplyLine, lock_supply
from inventory.models import InboundLine, SupplyPromise
from inventory.sellable import sellable_sql
from inventory.services.reservations import (
    Held,
    Want,
    check_all_were_held,
    keep_reserved,
    release_reservations,
)
from inventory.supply import ARRIVED, free_supply
from oms.errors import Conflict
from oms.ids import new_id
from oms.sql import as_json, insert_rows, update_rows
from oms.transactions import in_transaction


class Promised(NamedTuple):
    """Units for which a demand waits; `line` None: no delivery is to bring them."""

    demand: str
    sku: str
    line: int | None
    quantity: int


# ---- reading -------------------------------------------------------------------------------------

_PROMISED = """
SELECT demand, sku, line_id, quantity FROM inventory_supplypromise
WHERE demand = ANY(ARRAY(SELECT unnest(%s::text[]))) ORDER BY demand, line_id"""


def promised_to(demands: Collection[str]) -> list[Promised]:
    """What these demands wait for."""
    return [Promised(*row) for row in _rows(_PROMISED, [list(demands)])]


_ARRIVED_FOR = """
SELECT substr(demand, length(%s) + 1), sku, location_id, remaining FROM inventory_reservation
WHERE demand = ANY(ARRAY(SELECT %s || unnest(%s::text[]))) AND status = 'active' ORDER BY 1, 3"""


def arrived_for(demands: Collection[str]) -> list[Held]:
    """What was received for these demands and waits to be claimed, under their own names."""
    return [Held(*row) for row in _rows(_ARRIVED_FOR, [ARRIVED, ARRIVED, list(demands)])]


_CONCERNED = """
SELECT demand FROM (
    SELECT p.demand, p.since FROM inventory_supplypromise p JOIN inventory_inboundline line ON line.id = p.line_id
    WHERE line.inbound_id = %(inbound)s
    UNION ALL SELECT p.demand, p.since FROM inventory_supplypromise p WHERE p.line_id IS NULL
    UNION ALL SELECT substr(r.demand, length(%(arrived)s) + 1), r.created_at
    FROM inventory_inbound i JOIN inventory_inboundline line ON line.inbound_id = i.id
    JOIN inventory_reservation r ON r.sku = line.sku AND r.location_id = i.location_id AND r.status = 'active'
    WHERE i.id = %(inbound)s AND r.demand LIKE %(arrived)s || '%%'
    UNION ALL SELECT later.demand, later.since
    FROM inventory_inbound i JOIN inventory_inboundline line ON line.inbound_id = i.id
    CROSS JOIN LATERAL (
        SELECT p.demand, p.since FROM inventory_supplypromise p
        JOIN inventory_inboundline other ON other.id = p.line_id JOIN inventory_inbound o ON o.id = other.inbound_id
        WHERE p.sku = line.sku AND o.expected_at > i.expected_at
        ORDER BY p.since, p.id LIMIT line.remaining - line.promised
    ) later
    WHERE i.id = %(inbound)s AND line.remaining > line.promised
) AS found GROUP BY demand ORDER BY min(since), demand"""


def demands_concerned(inbound_id: str) -> list[str]:
    """Who waits for this delivery, got units of it that they have not claimed, waits for nothing any more, or waits for a
    later delivery of what this one has left to promise: oldest first."""
    return [demand for (demand,) in _rows(_CONCERNED, {"inbound": inbound_id, "arrived": ARRIVED})]


# Whose product some place could sell, as far as that is the same for all askers.
_SERVABLE = f"""
SELECT p.demand FROM inventory_supplypromise p WHERE p.sku IN (
    SELECT s.sku FROM (SELECT DISTINCT sku FROM inventory_supplypromise) AS waits
    JOIN inventory_stocklevel s ON s.sku = waits.sku
    JOIN inventory_location l ON l.code = s.location_id AND l.is_active
    WHERE s.on_hand > 0 AND {sellable_sql("s", safety="l.safety_stock", as_of="%(as_of)s")} > 0
) GROUP BY p.demand ORDER BY min(p.since), p.demand LIMIT %(limit)s"""


def demands_with_stock(*, limit: int, as_of: datetime) -> list[str]:
    """Those that wait for products of which some can be sold by now: oldest first."""
    return [demand for (demand,) in _rows(_SERVABLE, {"as_of": as_of, "limit": limit})]


def _rows(statement: str, parameters: Any) -> list[tuple]:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return cursor.fetchall()


# ---- promising and giving back -------------------------------------------------------------------


@in_transaction
def exchange_promises(
    was: Collection[Promised],
    now: Sequence[tuple[Context, Collection[Promised]]],
    *,
    demands: Collection[str],
    since: datetime,
) -> bool:
    """Let these demands wait for `now`, by asker, instead of `was`, which is all they waited for when that was planned.

    All or nothing: False when something of it was received, lost or taken by others meanwhile, or is kept from its asker,
    and nothing is changed. Who waited already keeps its place in the queue; the others have it from `since`.
    """
    become = [promise for _context, promises in now for promise in promises]
    lines = lock_supply(p.line for p in (*was, *become) if p.line is not None)
    standing = list(SupplyPromise.objects.filter(demand__in=demands))
    if _units(was) != _units([Promised(p.demand, p.product_id, p.line_id, p.quantity) for p in standing]):
        return False
    if _units(was) == _units(become):
        return True
    if not _may_be_promised(now, own=_by_line(was)):
        return False
    more = _by_line(become)
    more.subtract(_by_line(was))
    _add(lines, more)
    oldest: dict[str, datetime] = {}
    for row in standing:
        oldest[row.demand] = min(oldest.get(row.demand, row.since), row.since)
    SupplyPromise.objects.filter(pk__in=[row.pk for row in standing]).delete()
    insert_rows(
        {
            SupplyPromise: [
                {"demand": demand, "sku": sku, "line_id": line, "quantity": units, "since": oldest.get(demand, since)}
                for (demand, sku, line), units in _units(become).items()
            ]
        }
    )
    return True


def _may_be_promised(now: Sequence[tuple[Context, Collection[Promised]]], *, own: Counter[int]) -> bool:
    """By the predicate that offered it, over deliveries that are locked. `own`: what they have of each line already.

    Others may be promised of deliveries that are not: what is promised of a later one takes nothing from those before it,
    so it is as if whoever is promised of the later one had come first. The same goes for who reserves what stands there.
    """
    left = own.copy()
    for context, promises in now:
        units = _by_line(promises)
        more = {line: n for line, n in units.items() if n > left[line]}
        if more:
            offered = free_supply({p.sku for p in promises}, context=context, besides=left)
            found = {one.line: one.units for coming in offered.values() for one in coming}
            if any(found.get(line, 0) < n for line, n in more.items()):
                return False
        left.subtract(units)
    return True


def _by_line(promises: Iterable[Promised]) -> Counter[int]:
    units = Counter[int]()
    for promise in promises:
        if promise.line is not None:
            units[promise.line] += promise.quantity
    return units


def _units(promises: Iterable[Promised]) -> Counter[tuple[str, str, int | None]]:
    units = Counter[tuple[str, str, int | None]]()
    for promise in promises:
        units[promise.demand, promise.sku, promise.line] += promise.quantity
    return units


@in_transaction
def _add(lines: Mapping[int, SupplyLine], more: Mapping[int, int]) -> None:
    rows = [{"id": line, "promised": lines[line].promised + units} for line, units in more.items() if units]
    update_rows(InboundLine, rows)


_WAIT = """
INSERT INTO inventory_supplypromise AS p (demand, sku, quantity, since)
SELECT w.demand, w.sku, sum(w.quantity), min(w.since)
FROM jsonb_to_recordset(%s::jsonb) AS w (demand text, sku text, quantity int, since timestamptz) GROUP BY w.demand, w.sku
ORDER BY min(w.since)
ON CONFLICT (demand, line_id) DO UPDATE SET quantity = p.quantity + excluded.quantity"""


@in_transaction
def wait_for_supply(units: Mapping[tuple[str, str], int], *, since: datetime) -> None:
    """Let these demands, by (demand, SKU), wait for a delivery that is still to be named. Locks none."""
    _lose([Arrival(demand, sku, quantity, since) for (demand, sku), quantity in units.items()])


@in_transaction
def withdraw_promises(units: Mapping[str, int]) -> list[Held]:
    """These demands want so many units fewer: first what no delivery is to bring, then what comes last.

    Returns what of it has arrived by now, for the caller to release with what else it gives back. Its deliveries are
    locked, so that nothing of it can arrive meanwhile.
    Errors: Conflict where a demand does not wait for so many.
    """
    lines = lock_supply(p.line for p in promised_to(list(units)) if p.line is not None)
    left, fewer, become = Counter(units), Counter[int](), {}
    for promise in _latest_first(units):
        taken = min(promise.quantity, left[promise.demand])
        if not taken:
            continue
        left[promise.demand] -= taken
        if promise.line_id is not None:
            fewer[promise.line_id] -= taken
        become[promise.pk] = promise.quantity - taken
    _shrink(become)
    _add(lines, fewer)
    return _of_arrived(+left)


def _latest_first(demands: Collection[str]) -> list[SupplyPromise]:
    promises = SupplyPromise.objects.filter(demand__in=list(demands))
    return list(promises.order_by(F("line__inbound__expected_at").desc(nulls_first=True), "-pk"))


@in_transaction
def _shrink(become: Mapping[int, int]) -> None:
    """Promises, by id, that are of so many units now."""
    SupplyPromise.objects.filter(pk__in=[pk for pk, units in become.items() if not units]).delete()
    update_rows(SupplyPromise, [{"id": pk, "quantity": units} for pk, units in become.items() if units])


def _of_arrived(left: Counter[str]) -> list[Held]:
    found = []
    for held in arrived_for(list(left)):
        if taken := min(held.quantity, left[held.demand]):
            left[held.demand] -= taken
            found.append(held._replace(demand=ARRIVED + held.demand, quantity=taken))
    if +left:
        raise Conflict(_("not so many units are waited for"))
    return found


# ---- what happens to a delivery ------------------------------------------------------------------


class Arrival(NamedTuple):
    """Units that came for a demand that has waited since then."""

    demand: str
    sku: str
    quantity: int
    since: datetime


@in_transaction
def settle_promises(lines: Sequence[InboundLine], came: Mapping[str, int]) -> list[Arrival]:
    """Of a locked delivery so many good units came by SKU, and its lines say what remains: who gets which of them.

    The oldest are served first, then keep what remains; the youngest lose their delivery. The lines are told in memory
    (`promised`); the caller stores them, and hands what is returned to `hold_arrivals` once their levels are locked.
    """
    by_line = {line.pk: line for line in lines if line.promised}
    if not by_line:
        return []
    arrivals, lost, become = [], [], {}
    left, room = Counter(came), {line.pk: line.remaining for line in by_line.values()}
    for promise in SupplyPromise.objects.filter(line__in=by_line).order_by("since", "id"):
        assert promise.line_id is not None
        line = by_line[promise.line_id]
        served = min(promise.quantity, max(0, left[line.product_id]))
        kept = min(promise.quantity - served, room[line.pk])
        left[line.product_id] -= served
        room[line.pk] -= kept
        if served:
            arrivals.append(Arrival(promise.demand, line.product_id, served, promise.since))
        if kept < promise.quantity:
            become[promise.pk] = kept
            line.promised -= promise.quantity - kept
        if orphaned := promise.quantity - served - kept:
            lost.append(Arrival(promise.demand, line.product_id, orphaned, promise.since))
    _shrink(become)
    _lose(lost)
    return arrivals


@in_transaction
def _lose(lost: Sequence[Arrival]) -> None:
    """They wait, as long as they have, for a delivery that is still to be named."""
    if not lost:
        return
    with connection.cursor() as cursor:
        cursor.execute(_WAIT, [as_json([one._asdict() for one in lost])])


@in_transaction
def hold_arrivals(
    arrivals: Sequence[Arrival], levels: Mapping[tuple[str, str], Level], *, location: str, as_of: datetime
) -> None:
    """Reserve what came for those it was promised to, at these locked levels, which are stored as they stand now.

    What a level owes already is owed first: who finds nothing left there waits for another delivery.
    """
    there = {sku: max(0, _good(level) - level.reserved) for (sku, _location), level in levels.items()}
    held, lost = [], []
    for one in arrivals:
        units = min(one.quantity, there[one.sku])
        there[one.sku] -= units
        held.append(one._replace(quantity=units))
        lost.append(one._replace(quantity=one.quantity - units))
    wants = [Want(ARRIVED + one.demand, one.sku, location, one.quantity) for one in held if one.quantity]
    off_sale = {sku for sku, _location in keep_reserved(wants, as_of=as_of)}
    _lose([*(one for one in lost if one.quantity), *(one for one in held if one.quantity and one.sku in off_sale)])


# The level's units stay reserved; only for whom is another.
_PASS_ON = f"""
WITH item AS MATERIALIZED (
    SELECT i.* FROM jsonb_to_recordset(%(items)s::jsonb)
        AS i (id text, demand text, sku text, location text, quantity int, heir text)
), level AS MATERIALIZED (
    SELECT s.sku, s.location_id
    FROM (SELECT DISTINCT sku, location FROM item) AS key
    JOIN inventory_stocklevel s ON s.sku = key.sku AND s.location_id = key.location
    {LOCKED}
), passed AS (
    UPDATE inventory_reservation r
    SET remaining = r.remaining - item.quantity, updated_at = greatest(r.updated_at, %(as_of)s),
        status = CASE WHEN r.remaining = item.quantity THEN 'released' ELSE r.status END
    FROM item JOIN level ON level.sku = item.sku AND level.location_id = item.location
    WHERE r.demand = item.demand AND r.sku = item.sku AND r.location_id = item.location
        AND r.status = 'active' AND r.remaining >= item.quantity
    RETURNING item.*
), made AS (
    INSERT INTO inventory_reservation AS r
        (id, demand, sku, location_id, quantity, remaining, status, created_at, updated_at)
    SELECT id, heir, sku, location, quantity, quantity, 'active', %(as_of)s, %(as_of)s FROM passed
    ON CONFLICT (demand, sku, location_id) WHERE status = 'active' DO UPDATE
    SET quantity = r.quantity + excluded.quantity, remaining = r.remaining + excluded.remaining,
        updated_at = greatest(r.updated_at, excluded.updated_at)
)
SELECT demand, sku, location FROM passed"""


@in_transaction
def claim_arrivals(items: Sequence[tuple[Held, str]], *, as_of: datetime) -> None:
    """What arrived for these demands is reserved like anything else, each for the demand named beside it: its own, or
    another of the same asker; nobody sees it free. Errors: NotReserved (all or nothing: let the transaction roll back)."""
    own = [(held, heir) for held, heir in items if held.demand == heir]
    others = [[item] for item in items if item[0].demand != item[1]]
    for some in (own, *others):  # one item per demand and level at a time
        _pass_on([(held._replace(demand=ARRIVED + held.demand), heir) for held, heir in some], as_of=as_of)


@in_transaction
def _pass_on(items: Sequence[tuple[Held, str]], *, as_of: datetime) -> None:
    if not items:
        return
    rows = [{"id": new_id("res"), **held._asdict(), "heir": heir} for held, heir in items]
    with connection.cursor() as cursor:
        cursor.execute(_PASS_ON, {"items": as_json(rows), "as_of": as_of})
        check_all_were_held([held for held, _heir in items], set(cursor.fetchall()))


@in_transaction
def release_arrivals(items: Sequence[Held], *, as_of: datetime) -> None:
    """It is on sale to everybody. Errors: NotReserved (all or nothing)."""
    release_reservations([item._replace(demand=ARRIVED + item.demand) for item in items], as_of=as_of)


def _good(level: Level) -> int:
    return level.on_hand - level.damaged - level.quarantined
