"""From an import's rows to the levels, a chunk at a time, in SQL where the rows are.

The meaning is that of `inventory.services.stock_events`: a level is the last count plus all that moved after it, a
count older than the last one is stale, a suspicion that is not younger ends. First the chunk's levels are locked
(`inventory.locks`), then one statement, which sees what was committed before the locks were ours, works out and
writes everything. A level is looked up by its name once, when it is locked, and then found where it lies.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from django.db import connection

from inventory import events
from inventory.imports.faults import Fault
from inventory.imports.staging import Staging
from inventory.locks import lock_stock_in, open_stock_in
from inventory.models import Cause
from inventory.models.stock import MOST_UNITS
from oms.outbox import Fact, publish
from oms.transactions import in_transaction


@dataclass(frozen=True, slots=True)
class Terms:
    """What holds for all rows of an import."""

    import_id: str
    source: str
    actor: str
    location: str | None
    occurred_at: datetime
    counts_exclude_reserved: bool


@dataclass(frozen=True, slots=True)
class Merged:
    """What became of a chunk."""

    last_sku: str
    applied: int
    changed: int
    faults: list[Fault]


# `n` is dense: a window of so many numbers has so many rows, and as many addresses of levels go with them. No level
# lies at (0,0).
_WINDOW = "r.n > %(after)s AND r.n <= %(until)s"
_LEVEL = "inventory_stocklevel s ON s.sku = r.sku AND s.location_id = r.location"
_LEVELS = f"FROM {{rows}} r JOIN {_LEVEL} WHERE {_WINDOW} ORDER BY r.n"  # n is in the order of sku and place
_NEW_KEYS = f"SELECT r.sku, r.location FROM {{rows}} r LEFT JOIN {_LEVEL} WHERE {_WINDOW} AND s.id IS NULL"
_WITH_GAPS = f"""
SELECT array_agg(coalesce(s.ctid, '(0,0)') ORDER BY r.n)::text
FROM {{rows}} r LEFT JOIN {_LEVEL} AND s.ctid = ANY(%(addresses)s::tid[]) WHERE {_WINDOW}"""
_ROWS = f"""
SELECT r.n, r.line, (%(addresses)s::tid[])[r.n - %(after)s] AS address, r.sku, r.location, r.quantity,
    coalesce(r.occurred_at, %(occurred_at)s) AS at, r.bin
FROM {{rows}} r WHERE {_WINDOW}"""
# Levels of the place whose product the file does not name, not even in a row that could not be read.
_UNNAMED_LEVELS = """
FROM inventory_stocklevel s
WHERE s.location_id = %(location)s AND s.sku > %(after)s
    AND NOT EXISTS (SELECT FROM {rows} named WHERE named.sku = s.sku)
ORDER BY s.sku LIMIT {limit}"""
_UNNAMED = """
SELECT level.n, NULL::bigint AS line, s.ctid AS address, s.sku, s.location_id AS location, 0 AS quantity,
    %(occurred_at)s::timestamptz AS at, NULL::varchar AS bin
FROM unnest(%(addresses)s::tid[]) WITH ORDINALITY AS level (address, n)
JOIN inventory_stocklevel s ON s.ctid = level.address"""

# What moved at the level after it was counted, and what was reserved when it was. A reservation that ended since
# was whole at that time, as almost all are let go in one piece; of one that lives on, what is left is certain.
_MOVED = """CASE WHEN s.updated_at > c.at THEN coalesce((
    SELECT sum(m.{column}) FROM inventory_stockmovement m
    WHERE m.sku = s.sku AND m.location_id = s.location_id AND m.occurred_at > c.at AND m.recorded_at > c.at), 0) ELSE 0 END"""
_RESERVED_THEN = """CASE WHEN s.updated_at > c.at THEN coalesce((
    SELECT sum(r.remaining) FROM inventory_reservation r
    WHERE r.sku = s.sku AND r.location_id = s.location_id AND r.status = 'active' AND r.created_at <= c.at), 0)
  + coalesce((
    SELECT sum(r.quantity) FROM inventory_reservation r
    WHERE r.sku = s.sku AND r.location_id = s.location_id AND r.status <> 'active' AND r.created_at <= c.at
        AND r.updated_at > c.at), 0) ELSE s.reserved END"""

# Of what was found no more were damaged then, and of the rest no more set apart; of almost all levels none are.
_AMONG = "CASE WHEN s.{condition} = 0 THEN 0 ELSE greatest(0, s.{condition} + least(0, {found} - {then})) END"

# What the columns of levels and of movements can hold.
_FITS = f"abs({{units}}) <= {MOST_UNITS} AND abs({{units}} - s.on_hand) <= {MOST_UNITS}"

_MERGE = """
WITH chunk AS MATERIALIZED ({chunk}
), written AS (
    UPDATE inventory_stocklevel s
    SET on_hand = {units}, damaged = {damaged}, quarantined = {quarantined},
        counted_at = c.at, bin = coalesce(c.bin, s.bin), updated_at = greatest(s.updated_at, %(as_of)s),
        suspect_at = CASE WHEN s.suspect_at > c.at THEN s.suspect_at END
    FROM chunk c
    WHERE s.ctid = c.address AND s.sku = c.sku AND s.location_id = c.location
        AND (s.counted_at IS NULL OR c.at >= s.counted_at) AND c.at >= {ledger_begins} AND {fits}
    RETURNING c.n, c.at, s.sku, s.location_id AS location, new.on_hand, new.on_hand - old.on_hand AS delta,
        s.reserved, new.damaged, new.damaged - old.damaged AS damaged_delta,
        new.quarantined, new.quarantined - old.quarantined AS quarantined_delta
), changed AS (
    SELECT * FROM written WHERE (delta, damaged_delta, quarantined_delta) <> (0, 0, 0) ORDER BY n
), bad AS (
    SELECT c.line, c.n, c.sku, c.location, c.quantity,
        CASE WHEN c.at < {ledger_begins} THEN 'before_the_ledger'
             WHEN s.id IS NOT NULL THEN CASE WHEN c.at < s.counted_at THEN 'stale' ELSE 'out_of_range' END
             WHEN EXISTS (SELECT FROM inventory_product p WHERE p.sku = c.sku) THEN 'unknown_location'
             ELSE 'unknown_sku' END AS code
    FROM chunk c LEFT JOIN inventory_stocklevel s ON s.ctid = c.address
    WHERE (SELECT count(*) FROM written) < (SELECT count(*) FROM chunk) AND c.n NOT IN (SELECT n FROM written)
        AND c.line IS NOT NULL
), moved AS (
    INSERT INTO inventory_stockmovement
        (sku, location_id, cause, quantity, damaged_delta, quarantined_delta, reference, actor, source, occurred_at,
        recorded_at)
    SELECT sku, location, %(cause)s, delta, damaged_delta, quarantined_delta, %(import_id)s, %(actor)s, %(source)s, at, %(as_of)s
    FROM changed
), refused AS (
    INSERT INTO {refused} (n) SELECT n FROM bad
)
SELECT (SELECT max(sku) FROM chunk), (SELECT count(*) FROM written), (SELECT count(*) FROM changed),
    (SELECT json_agg(told)::text
        FROM (SELECT sku, location, on_hand, reserved, damaged, quarantined FROM changed) told),
    (SELECT json_agg(json_build_array(sku, location, reserved, reserved - greatest(0, on_hand - damaged - quarantined))
        ORDER BY n) FROM written WHERE reserved > greatest(0, on_hand - damaged - quarantined))::text,
    (SELECT json_agg(json_build_array(line, code, quantity::text, sku, location) ORDER BY line) FROM bad)::text"""
_LEDGER_BEGINS = "coalesce((SELECT begins_at FROM inventory_ledgerstart), '-infinity')"
# The levels of a chunk are few among many and looked up one by one; a planner who knows no numbers must not try else.
_PLAN = "SELECT set_config('enable_hashjoin', 'off', true), set_config('enable_mergejoin', 'off', true)"


class LevelsMissing(Exception):
    """Some rows have no level yet. They must be opened before others are locked: roll back and ask for it."""


@in_transaction
def merge_rows(
    terms: Terms, staging: Staging, *, after: int, until: int, opens_levels: bool, as_of: datetime
) -> Merged:
    """Merge the rows with numbers after `after` and up to `until`. Errors: LevelsMissing, unless it `opens_levels`."""
    window: dict[str, Any] = {"after": after, "until": until}
    names = {"rows": staging.rows}
    _plan()
    if opens_levels:
        open_stock_in(_NEW_KEYS.format(**names), window, as_of=as_of)
    addresses, count = lock_stock_in(_LEVELS.format(**names), window)
    if count < until - after:
        if not opens_levels:
            raise LevelsMissing()
        with connection.cursor() as cursor:  # some rows can have no level: nobody knows their product or place
            cursor.execute(_WITH_GAPS.format(**names), {**window, "addresses": addresses})
            [(addresses,)] = cursor.fetchall()
    return _merge(terms, staging, _ROWS.format(**names), {**window, "addresses": addresses}, as_of=as_of)


@in_transaction
def zero_unnamed(terms: Terms, staging: Staging, *, after: str, limit: int, as_of: datetime) -> Merged | None:
    """Count the place's levels that the file does not name as zero: the next ones after this SKU. None: no more."""
    _plan()
    window = {"after": after, "location": terms.location}
    addresses, count = lock_stock_in(_UNNAMED_LEVELS.format(rows=staging.rows, limit=limit), window)
    return _merge(terms, staging, _UNNAMED, {"addresses": addresses}, as_of=as_of) if count else None


def _plan() -> None:
    with connection.cursor() as cursor:
        cursor.execute(_PLAN)


def _merge(terms: Terms, staging: Staging, chunk: str, window: dict[str, Any], *, as_of: datetime) -> Merged:
    parameters = {
        **window,
        "occurred_at": terms.occurred_at,
        "as_of": as_of,
        "cause": str(Cause.COUNT),
        "import_id": terms.import_id,
        "actor": terms.actor,
        "source": terms.source,
    }
    found = f"(c.quantity + {_RESERVED_THEN if terms.counts_exclude_reserved else '0'})"
    units = f"{found} + {_moved('quantity')}"
    statement = _MERGE.format(
        chunk=chunk,
        units=units,
        damaged=_among(found, "damaged"),
        quarantined=_among(f"({found} - greatest(0, least({found}, {_then('damaged')})))", "quarantined"),
        ledger_begins=_LEDGER_BEGINS,
        fits=_FITS.format(units=units),
        refused=staging.refused,
    )
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        [(last_sku, applied, changed, levels, short, bad)] = cursor.fetchall()
    _tell(terms, levels, short, as_of=as_of)
    return Merged(last_sku, applied, changed, [Fault(*row) for row in orjson.loads(bad or "[]")])


def _moved(column: str) -> str:
    return f"({_MOVED.format(column=column)})"


def _then(condition: str) -> str:
    return f"(s.{condition} - {_moved(f'{condition}_delta')})"


def _among(found: str, condition: str) -> str:
    return _AMONG.format(condition=condition, found=found, then=_then(condition))


def _tell(terms: Terms, levels: str | None, short: str | None, *, as_of: datetime) -> None:
    """One event for all levels of the chunk, its text as the database made it; one per level that is short."""
    facts = []
    if levels:
        payload = {"levels": orjson.Fragment(levels), "reference": terms.import_id}
        facts.append(Fact(events.LEVEL_CHANGED, "stock", "stock", terms.actor, payload))
    for sku, location, reserved, missing in orjson.loads(short or "[]"):
        payload = {"sku": sku, "location": location, "reserved": reserved, "short": missing}
        facts.append(Fact(events.STOCK_SHORT, sku, sku, terms.actor, payload))
    publish(facts, as_of=as_of)


_COMPARED = """
WITH said AS (
    SELECT r.location, count(*) AS rows FROM {rows} r
    WHERE r.n IS NOT NULL AND NOT EXISTS (SELECT FROM {refused} f WHERE f.n = r.n) GROUP BY 1
    UNION ALL SELECT %(location)s::varchar, %(unnamed)s::bigint WHERE %(unnamed)s > 0
), compared AS (
    SELECT location, sum(rows) AS rows FROM said GROUP BY 1
), apart AS (
    SELECT m.location_id AS location, m.sku, m.quantity,
        row_number() OVER (PARTITION BY m.location_id ORDER BY abs(m.quantity) DESC, m.sku) AS rank
    FROM inventory_stockmovement m
    WHERE m.reference = %(import_id)s AND m.recorded_at >= %(since)s AND m.quantity <> 0
)
INSERT INTO inventory_importplace
    (stock_import_id, location_id, compared, different, units_over, units_under, biggest)
SELECT %(import_id)s, c.location, c.rows, count(a.sku), coalesce(sum(a.quantity) FILTER (WHERE a.quantity > 0), 0),
    -coalesce(sum(a.quantity) FILTER (WHERE a.quantity < 0), 0),
    coalesce(jsonb_agg(jsonb_build_object('sku', a.sku, 'difference', a.quantity) ORDER BY a.rank)
        FILTER (WHERE a.rank <= {most}), '[]')
FROM compared c LEFT JOIN apart a ON a.location = c.location GROUP BY c.location, c.rows"""
BIGGEST = 10


@in_transaction
def compare_places(terms: Terms, staging: Staging, *, unnamed: int, since: datetime) -> None:
    """Keep what the import said of each place beside what we believed: each difference is a movement of it."""
    parameters = {"import_id": terms.import_id, "location": terms.location, "unnamed": unnamed, "since": since}
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL statement_timeout = 0")
        cursor.execute(_COMPARED.format(rows=staging.rows, refused=staging.refused, most=BIGGEST), parameters)
