"""From an import's rows to the levels, a chunk at a time, in SQL where the rows are.

The meaning is that of `inventory.services.stock_events`: a level is the last count plus all that moved after it, a
count older than the last one is stale, a suspicion that is not younger ends. First the chunk's levels are locked
(`inventory.locks`), then one statement, which sees what was committed before the locks were ours, works out and
writes everything.
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


# `n` is dense and every row of it up to the last has a quantity: a window of so many numbers has so many rows.
_WINDOW = "r.n > %(after)s AND r.n <= %(until)s"
_ROWS = f"""
SELECT r.n, r.line, r.level, r.sku, r.location, r.quantity, coalesce(r.occurred_at, %(occurred_at)s) AS at, r.bin
FROM {{rows}} r WHERE {_WINDOW}"""
_NEW_KEYS = f"SELECT r.sku, r.location FROM {{rows}} r WHERE r.level IS NULL AND {_WINDOW}"
_NEW_LEVELS = f"""
UPDATE {{rows}} r SET level = s.id FROM inventory_stocklevel s
WHERE r.level IS NULL AND {_WINDOW} AND s.sku = r.sku AND s.location_id = r.location"""
_IDS = f"SELECT r.level FROM {{rows}} r WHERE {_WINDOW}"
# Levels of the place whose product the file does not name, not even in a row that could not be read.
_UNNAMED_IDS = """
SELECT s.id FROM inventory_stocklevel s
WHERE s.location_id = %(location)s AND s.sku > %(after)s
    AND NOT EXISTS (SELECT FROM {rows} named WHERE named.sku = s.sku)
ORDER BY s.sku LIMIT {limit}"""
_UNNAMED = """
SELECT NULL::bigint AS n, NULL::bigint AS line, s.id AS level, s.sku, s.location_id AS location, 0 AS quantity,
    %(occurred_at)s::timestamptz AS at, NULL::varchar AS bin
FROM unnest(%(locked)s::bigint[]) AS locked (id) JOIN inventory_stocklevel s ON s.id = locked.id"""

# What moved at the level after it was counted, and what was reserved when it was. A reservation that ended since
# was whole at that time, as almost all are let go in one piece; of one that lives on, what is left is certain.
_MOVED = """CASE WHEN s.updated_at > c.at THEN coalesce((
    SELECT sum(m.quantity) FROM inventory_stockmovement m
    WHERE m.sku = s.sku AND m.location_id = s.location_id AND m.occurred_at > c.at AND m.recorded_at > c.at), 0) ELSE 0 END"""
_RESERVED_THEN = """CASE WHEN s.updated_at > c.at THEN coalesce((
    SELECT sum(r.remaining) FROM inventory_reservation r
    WHERE r.sku = s.sku AND r.location_id = s.location_id AND r.status = 'active' AND r.created_at <= c.at), 0)
  + coalesce((
    SELECT sum(r.quantity) FROM inventory_reservation r
    WHERE r.sku = s.sku AND r.location_id = s.location_id AND r.status <> 'active' AND r.created_at <= c.at
        AND r.updated_at > c.at), 0) ELSE s.reserved END"""

# What the columns of levels and of movements can hold.
_FITS = f"(abs(units) <= {MOST_UNITS} AND abs(units - on_hand) <= {MOST_UNITS})"

_MERGE = """
WITH chunk AS MATERIALIZED ({chunk}
), level AS MATERIALIZED (
    SELECT c.*, s.id, s.on_hand, s.reserved, s.damaged, s.quarantined,
        c.quantity + {moved} + {reserved} AS units,
        CASE WHEN c.at < (SELECT begins_at FROM inventory_ledgerstart) THEN 'before_the_ledger'
             WHEN s.id IS NOT NULL THEN CASE WHEN c.at < s.counted_at THEN 'stale' END
             WHEN EXISTS (SELECT FROM inventory_product p WHERE p.sku = c.sku) THEN 'unknown_location'
             ELSE 'unknown_sku' END AS code
    FROM chunk c LEFT JOIN inventory_stocklevel s ON s.id = c.level
), good AS MATERIALIZED (
    SELECT *, (units - on_hand)::int AS delta FROM level WHERE code IS NULL AND {fits}
), bad AS MATERIALIZED (
    SELECT n, line, sku, location, quantity, coalesce(code, 'out_of_range') AS code FROM level
    WHERE code IS NOT NULL OR NOT {fits}
), written AS (
    UPDATE inventory_stocklevel s
    SET on_hand = g.units, counted_at = g.at, bin = coalesce(g.bin, s.bin), updated_at = greatest(s.updated_at, %(as_of)s),
        suspect_at = CASE WHEN s.suspect_at > g.at THEN s.suspect_at END
    FROM good g WHERE s.id = g.id
), moved AS (
    INSERT INTO inventory_stockmovement
        (sku, location_id, cause, quantity, reference, actor, source, occurred_at, recorded_at)
    SELECT sku, location, %(cause)s, delta, %(import_id)s, %(actor)s, %(source)s, at, %(as_of)s
    FROM good WHERE delta <> 0 ORDER BY sku, location
), refused AS (
    INSERT INTO {refused} (n) SELECT n FROM bad WHERE n IS NOT NULL
)
SELECT (SELECT max(sku) FROM chunk), (SELECT count(*) FROM good), (SELECT count(*) FROM good WHERE delta <> 0),
    (SELECT json_agg(json_build_object('sku', sku, 'location', location, 'on_hand', units, 'reserved', reserved,
        'damaged', damaged, 'quarantined', quarantined) ORDER BY sku, location) FROM good WHERE delta <> 0)::text,
    (SELECT json_agg(json_build_array(sku, location, reserved, reserved - greatest(0, units - damaged - quarantined))
        ORDER BY sku, location) FROM good WHERE reserved > greatest(0, units - damaged - quarantined))::text,
    (SELECT json_agg(json_build_array(line, code, quantity::text, sku, location) ORDER BY line)
        FROM bad WHERE line IS NOT NULL)::text"""
# The levels of a chunk are few among many and found by their ids; a planner who knows no numbers must not try else.
_PLAN = "SELECT set_config('enable_hashjoin', 'off', true), set_config('enable_mergejoin', 'off', true)"


@in_transaction
def merge_rows(terms: Terms, staging: Staging, *, after: int, until: int, as_of: datetime) -> Merged:
    """Merge the rows with numbers after `after` and up to `until`."""
    window = {"after": after, "until": until}
    names = {"rows": staging.rows}
    with connection.cursor() as cursor:
        cursor.execute(_PLAN)
        cursor.execute(f"SELECT EXISTS ({_NEW_KEYS})".format(**names), window)
        if cursor.fetchone()[0]:
            open_stock_in(_NEW_KEYS.format(**names), window, as_of=as_of)
            cursor.execute(_NEW_LEVELS.format(**names), window)
    lock_stock_in(_IDS.format(**names), window)
    return _merge(terms, staging, _ROWS.format(**names), window, as_of=as_of)


@in_transaction
def zero_unnamed(terms: Terms, staging: Staging, *, after: str, limit: int, as_of: datetime) -> Merged | None:
    """Count the place's levels that the file does not name as zero: the next ones after this SKU. None: no more."""
    window = {"after": after, "location": terms.location}
    locked = lock_stock_in(_UNNAMED_IDS.format(rows=staging.rows, limit=limit), window)
    return _merge(terms, staging, _UNNAMED, {"locked": locked}, as_of=as_of) if locked else None


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
    statement = _MERGE.format(
        chunk=chunk,
        moved=_MOVED,
        reserved=_RESERVED_THEN if terms.counts_exclude_reserved else "0",
        fits=_FITS,
        refused=staging.refused,
    )
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        [(last_sku, applied, changed, levels, short, bad)] = cursor.fetchall()
    _tell(terms, levels, short, as_of=as_of)
    return Merged(last_sku, applied, changed, [Fault(*row) for row in orjson.loads(bad or "[]")])


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
    WHERE r.quantity IS NOT NULL AND NOT EXISTS (SELECT FROM {refused} f WHERE f.n = r.n) GROUP BY 1
    UNION ALL SELECT %(location)s::varchar, %(unnamed)s::bigint WHERE %(unnamed)s > 0
), compared AS (
    SELECT location, sum(rows) AS rows FROM said GROUP BY 1
), apart AS (
    SELECT m.location_id AS location, m.sku, m.quantity,
        row_number() OVER (PARTITION BY m.location_id ORDER BY abs(m.quantity) DESC, m.sku) AS rank
    FROM inventory_stockmovement m WHERE m.reference = %(import_id)s AND m.recorded_at >= %(since)s
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
