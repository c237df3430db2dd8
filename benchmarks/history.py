"""Years of trade behind the reads: whole orders and the movements of tills, written by set-based SQL.

Two orders are lived through the real services, one sent by a warehouse and one collected in a store. The rows that
they left, in whatever tables, are the samples; a statement over `generate_series` writes them anew for each order of
the past, with ids, products, places and times of its own. So the history follows the schema by itself: a table with
rows that nobody here knows of is an error, not a gap.

Left out: idempotency records (kept for a day only), and what `LEFT_OUT` names. Alike in all copies: addresses, prices,
and the candidates that a decision weighed. Foreign keys are not checked row by row; `dangling` looks for such
rows afterwards, in the tables whole.
"""

import json
import re
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
from django.db import connection

from benchmarks.dataset import Scale, ordinary_sku
from benchmarks.floor import Row, column_types, literal
from benchmarks.placement import order_body
from oms import deadlines, idempotency, outbox
from oms.idempotency import Once
from orders.commands import HandOver, Pick, PickLine, PlaceOrder, Ready, Ship
from orders.models import Fulfillment, FulfillmentLine, Order
from orders.pickup_codes import pickup_code
from orders.services import fulfillments as work
from orders.services.placement import place_order

DAYS = 700
ENDED = timedelta(days=5)  # so long ago all of it was over: nothing of it lies ahead
SESSIONS = 2
CHUNK = 20_000
_LEVEL_TURNS = 8  # with a vacuum after each, as autovacuum comes between the sales of two years

#: What an order leaves, in an order in which rows can be looked at by people.
TABLES = (
    "orders_customer",
    "orders_order",
    "orders_delivery",
    "orders_orderline",
    "orders_payment",
    "orders_paymentoperation",
    "orders_fulfillment",
    "orders_fulfillmentline",
    "orders_package",
    "orders_shipment",
    "inventory_reservation",
    "inventory_stockmovement",
    "routing_decision",
    "routing_givenpromise",
    "routing_leadtimeobservation",
    "routing_offeroutcome",
    "oms_event",
    "oms_deadline",
)
LEFT_OUT = frozenset({"oms_idempotencyrecord", "oms_subscription"})
_NUMBERS = {"id", "position", "number"}  # of bigint columns
_FIRST = 10_000_000_000  # numbers of history: above all that a benchmark's sequences reach
_PER_ORDER = 64  # numbers that each order has in each table
_MARK = "HISTORY-SAMPLE"


@dataclass(frozen=True, slots=True)
class Sample:
    """One order as it ended. `place`: the SQL of a place that has the first product."""

    placed_at: datetime
    location: str
    place: str
    rows: Mapping[str, Sequence[Row]]


@dataclass(slots=True)
class History:
    """Orders and movements numbered from 1, the oldest, to `size`, evenly over the days."""

    scale: Scale
    size: int
    dsn: str
    samples: list[Sample] = field(default_factory=list)
    statements: list[str] = field(default_factory=list)

    def prepare(self) -> None:
        """Live the samples. The database holds no order before and none after."""
        begin = datetime.now(UTC) - timedelta(days=4)
        known = _tables_with_rows() | set(TABLES) | LEFT_OUT
        for live in (_sent, _collected):
            self.samples.append(live(self.scale, begin))
            if strange := _tables_with_rows() - known:
                raise RuntimeError(f"an order leaves rows in {sorted(strange)} of which the history knows nothing")
            _forget()
        with psycopg.connect(self.dsn) as raw:
            types = {table: column_types(raw, table) for table in TABLES}
        self.statements = [_statement(sample, types, self, n) for n, sample in enumerate(self.samples)]
        self.statements.append(_till_statement(self))

    def write(self, first: int, last: int) -> None:
        """Orders and movements of these numbers, by some sessions at once; then what they did to the levels."""
        chunks = [(start, min(start + CHUNK - 1, last)) for start in range(first, last + 1, CHUNK)]
        local = threading.local()

        def write(chunk: tuple[int, int]) -> None:
            if not hasattr(local, "raw"):
                local.raw = _session(self.dsn)
            for statement in self.statements:
                local.raw.execute(statement, {"first": chunk[0], "last": chunk[1]})

        with ThreadPoolExecutor(SESSIONS) as pool:
            list(pool.map(write, chunks))
        self._take_from_levels(first, last)

    def settle(self) -> None:
        """As the database is after years: statistics known, dead rows gone."""
        with _session(self.dsn) as raw:
            raw.execute("VACUUM (ANALYZE)")
            raw.execute("CHECKPOINT")

    def _take_from_levels(self, first: int, last: int) -> None:
        """Each level holds fewer by what left; a part at a time, so that pages are used again as in real life."""
        turns = _LEVEL_TURNS if last - first >= CHUNK else 1
        with _session(self.dsn) as raw:
            for turn in range(turns):
                raw.execute(_LEVELS, {"low": _number(first), "high": _number(last + 1), "turns": turns, "turn": turn})
                raw.execute("VACUUM inventory_stocklevel")

    # What stands at each number -----------------------------------------------------------------------

    def at(self) -> str:
        seconds = DAYS * 86_400 / self.size
        end = (datetime.now(UTC) - ENDED).isoformat()
        return f"timestamptz '{end}' - ({self.size} - n) * interval '{seconds:.6f} seconds'"

    def sku(self, line: int) -> str:
        """Spread over the catalogue; two lines of an order name different ones."""
        half = self.scale.skus // 2
        return f"'SKU' || lpad((1 + (n::bigint * 7919 + {line}) %% {half} + {line * half})::text, 7, '0')"


def sold_lately(scale: Scale, size: int) -> list[int]:
    """Products of the latest orders and sales at tills, by number: `History.sku` in Python."""
    return sorted({1 + n * 7919 % (scale.skus // 2) for n in range(size, max(0, size - 5_000), -1)})


_LEVELS = """
UPDATE inventory_stocklevel l SET on_hand = l.on_hand + m.units, updated_at = greatest(l.updated_at, m.last_at)
FROM (SELECT sku, location_id, sum(quantity) AS units, max(recorded_at) AS last_at FROM inventory_stockmovement
    WHERE id >= %(low)s AND id < %(high)s AND abs(hashtext(sku)) %% %(turns)s = %(turn)s GROUP BY sku, location_id) m
WHERE l.sku = m.sku AND l.location_id = m.location_id"""


def _number(n: int) -> int:
    return _FIRST + n * _PER_ORDER


def _session(dsn: str) -> psycopg.Connection:
    raw = psycopg.connect(dsn, autocommit=True)
    raw.execute("SET synchronous_commit = off")
    raw.execute("SET session_replication_role = replica")  # no foreign key checked row by row: see `dangling`
    raw.execute("SET statement_timeout = 0")
    raw.execute("SET work_mem = '128MB'")
    return raw


# ---- samples ---------------------------------------------------------------------------------------


def _sent(scale: Scale, at: datetime) -> Sample:
    body = order_body(ordinary_sku(1), ordinary_sku(1 + scale.skus // 2), order_id=_MARK)
    order, at = _placed(body, at)
    for piece in Fulfillment.objects.filter(order=order):
        _picked(piece, at)
        work.ship(
            fulfillment_id=piece.pk, command=Ship(tracking_number=_MARK), actor="user:packer", as_of=at + _hours(3)
        )
        work.deliver(fulfillment_id=piece.pk, actor="carrier", as_of=at + _hours(40))
    return _sample(order, f"'WH-' || lpad((1 + n %% {scale.warehouses})::text, 4, '0')", at + _hours(41))


def _collected(scale: Scale, at: datetime) -> Sample:
    """From a store that has the product: the data set puts a SKU's k-th place after the warehouses there."""
    number = "substr({sku}, 4)::bigint"
    store = f"{scale.warehouses} + 1 + ({number} * 37 + k * 67) %% {scale.stores}"
    k = f"{scale.warehouses + 1} + n %% {scale.places_per_sku - scale.warehouses}"
    first = scale.warehouses + 1 + (37 + (scale.warehouses + 1) * 67) % scale.stores
    body = order_body(ordinary_sku(1), order_id=_MARK)
    pickup = {"delivery": {"method": "pickup", "location": f"ST-{first:04d}"}, "shipping_price": "0.00"}
    payment = {**body["payments"][0], "amount": body["lines"][0]["unit_price"]}
    order, at = _placed({**body, **pickup, "payments": [payment]}, at)
    for piece in Fulfillment.objects.filter(order=order):
        _picked(piece, at)
        work.make_ready(
            fulfillment_id=piece.pk, command=Ready(staging="A-01"), actor="user:packer", as_of=at + _hours(3)
        )
        handed = HandOver(code=pickup_code(piece.pk))
        work.hand_over(fulfillment_id=piece.pk, command=handed, actor="user:packer", as_of=at + _hours(20))
    return _sample(order, f"'ST-' || lpad(({store.replace(' k ', f' ({k}) ')})::text, 4, '0')", at + _hours(41))


def _hours(count: float) -> timedelta:
    return timedelta(hours=count)


def _placed(body: dict[str, Any], at: datetime) -> tuple[Order, datetime]:
    once = Once("history", _MARK, idempotency.fingerprint(body))
    placed = place_order(command=PlaceOrder.model_validate(body), once=once, has_key=False, actor="key:web", as_of=at)
    return Order.objects.get(pk=placed.order_id), at


def _picked(piece: Fulfillment, at: datetime) -> None:
    work.acknowledge(fulfillment_id=piece.pk, actor="user:packer", as_of=at + _hours(1))
    lines = FulfillmentLine.objects.filter(fulfillment=piece).select_related("order_line")
    command = Pick(lines=[PickLine(line=line.order_line.ref, picked=line.quantity) for line in lines])
    work.pick(fulfillment_id=piece.pk, command=command, actor="user:packer", as_of=at + _hours(2))


def _sample(order: Order, place: str, over_at: datetime) -> Sample:
    """Let every clock and every subscriber act on it, then read all that it left."""
    while deadlines.sweep(now=lambda: over_at) or outbox.relay(as_of=over_at):
        pass
    with connection.cursor() as cursor:
        rows = {table: _all_rows(cursor, table) for table in TABLES}
    (location,) = {row["location_id"] for row in rows["orders_fulfillment"]}
    if rows["orders_order"][0]["status"] != "fulfilled":
        raise RuntimeError(f"the sample ended as {rows['orders_order'][0]['status']}")
    return Sample(order.placed_at, location, place, rows)


def _all_rows(cursor: Any, table: str) -> list[Row]:
    cursor.execute(f"SELECT to_jsonb(t) FROM {table} t ORDER BY id")
    return [row if isinstance(row, dict) else json.loads(row) for (row,) in cursor.fetchall()]


def _tables_with_rows() -> set[str]:
    """Of the apps that orders write to."""
    found = set()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.relname FROM pg_class c JOIN pg_namespace s ON s.oid = c.relnamespace WHERE s.nspname = 'public'"
            " AND c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relname ~ '^(orders|inventory|routing|oms)_'"
        )
        for (table,) in cursor.fetchall():
            cursor.execute(f"SELECT EXISTS (SELECT FROM {table})")
            if cursor.fetchone()[0]:
                found.add(table)
    return found


def _forget() -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"TRUNCATE {', '.join((*TABLES, 'oms_idempotencyrecord'))} CASCADE")


# ---- copies ----------------------------------------------------------------------------------------


def _statement(sample: Sample, types: Mapping[str, Mapping[str, str]], history: History, remainder: int) -> str:
    """Writes every row of the sample anew for each number that leaves this remainder."""
    names = _Names(sample, history)
    parts = [names.head(remainder)]
    for number, (table, rows) in enumerate(sample.rows.items()):
        columns = list(types[table])
        listed = ", ".join(f'"{column}"' for column in columns)
        selects = [
            "SELECT " + ", ".join(names.of(table, column, types[table][column], row[column], position) for column in columns)
            + " FROM new"
            for position, row in enumerate(rows)
        ]  # fmt: skip
        if selects:
            parts.append(f"w{number} AS (INSERT INTO {table} ({listed}) {' UNION ALL '.join(selects)})")
    return "WITH " + ",\n".join(parts) + "\nSELECT count(*) FROM new"


class _Names:
    """What stands for ids, products, the place and the texts of the sample: columns of the CTE `new`."""

    def __init__(self, sample: Sample, history: History):
        self.sample = sample
        self.columns: dict[str, str] = {
            "n": "n",
            "at": history.at(),
            "base": f"{_FIRST}::bigint + n::bigint * {_PER_ORDER}",
        }
        self.names: dict[str, str] = {_MARK: "h"}
        self.columns["h"] = "'H-' || n"
        order = sample.rows["orders_order"][0]
        self._name(order["tracking_token"], "left(md5(n::text) || md5((-n)::text), 43)")
        for row in (row for rows in sample.rows.values() for row in rows):
            if isinstance(row["id"], str) and row["id"] not in self.names:
                # As long as real ones, and sorted by time like them.
                tail = f"lpad(n::text, 12, '0') || lpad('{len(self.columns)}', {len(row['id']) - 16}, '0')"
                self._name(row["id"], f"'{row['id'][:4]}' || {tail}")
        lines = sample.rows["orders_orderline"]
        skus = [history.sku(line) for line in range(len(lines))]
        for row, sku in zip(lines, skus, strict=True):
            self._name(row["sku"], sku)
        self._name(sample.location, sample.place.replace("{sku}", f"({skus[0]})"))
        self.tokens = re.compile("(" + "|".join(map(re.escape, sorted(self.names, key=len, reverse=True))) + ")")

    def _name(self, value: str, expression: str) -> None:
        name = f"c{len(self.columns)}"
        self.columns[name] = expression
        self.names[value] = name

    def head(self, remainder: int) -> str:
        columns = ", ".join(f"{expression} AS {name}" for name, expression in self.columns.items() if name != "n")
        return (
            f"new AS MATERIALIZED (SELECT n, {columns} FROM generate_series(%(first)s::int, %(last)s::int) n"
            f" WHERE n %% 2 = {remainder})"
        )

    def of(self, table: str, column: str, kind: str, value: Any, position: int) -> str:
        """The SQL for one value of the `position`-th row of a table."""
        if value is None:
            return f"NULL::{kind}"
        if kind == "bigint" and column in _NUMBERS:
            return f"base + {position}"
        if kind.startswith("timestamp"):
            after = datetime.fromisoformat(value) - self.sample.placed_at
            return f"at + interval '{after.total_seconds():.6f} seconds'"
        if kind == "date":
            return f"at::date + {(datetime.fromisoformat(value).date() - self.sample.placed_at.date()).days}"
        text = json.dumps(value) if kind == "jsonb" else value
        if isinstance(text, str) and not kind.endswith("[]") and self.tokens.search(text):
            parts = (self._part(part) for part in self.tokens.split(text) if part)
            return f"({' || '.join(parts)})::{kind}"
        return literal(value, kind).replace("%", "%%")

    def _part(self, text: str) -> str:
        if text in self.names:
            return self.names[text]
        quoted = text.replace("'", "''").replace("%", "%%")
        return f"'{quoted}'"


def _till_statement(history: History) -> str:
    """Beside each order one sale at a till, as a feed tells it: the movement and the id of its event."""
    warehouse = f"'WH-' || lpad((1 + n %% {history.scale.warehouses})::text, 4, '0')"
    return f"""
WITH new AS MATERIALIZED (
    SELECT n, {history.at()} AS at, {history.sku(0)} AS sku, {warehouse} AS location,
        {_FIRST}::bigint + n::bigint * {_PER_ORDER} + {_PER_ORDER - 1} AS id
    FROM generate_series(%(first)s::int, %(last)s::int) n
), ids AS (
    INSERT INTO inventory_stockeventid (source, external_id, sku, location_id, quantity, recorded_at)
    SELECT 'till', 't' || n, sku, location, -1, at + interval '2 seconds' FROM new
)
INSERT INTO inventory_stockmovement (id, sku, location_id, cause, quantity, damaged_delta, quarantined_delta, reference,
    actor, source, external_id, occurred_at, recorded_at)
SELECT id, sku, location, 'sale', -1, 0, 0, 'receipt-' || n, 'key:till', 'till', 't' || n, at, at + interval '2 seconds'
FROM new"""


# ---- proof -----------------------------------------------------------------------------------------

_KEYS = """
SELECT k.conrelid::regclass::text, k.confrelid::regclass::text, a.attname, b.attname
FROM pg_constraint k JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = k.conkey[1]
    JOIN pg_attribute b ON b.attrelid = k.confrelid AND b.attnum = k.confkey[1]
WHERE k.contype = 'f' AND k.conrelid = ANY(%s::regclass[]) AND k.conparentid = 0"""


def dangling(cursor: Any, tell: Callable[[str], None] = lambda _text: None) -> Iterator[str]:
    """Foreign keys of the written tables that point at nothing, each as a sentence."""
    cursor.execute(_KEYS, [list(TABLES)])
    for table, target, column, key in cursor.fetchall():
        tell(f"{table}.{column}")
        cursor.execute(
            f"SELECT count(*) FROM {table} t LEFT JOIN {target} x ON x.{key} = t.{column}"
            f" WHERE t.{column} IS NOT NULL AND x.{key} IS NULL"
        )
        if count := cursor.fetchone()[0]:
            yield f"{count:,} rows of {table} name a {column} that is not in {target}"
