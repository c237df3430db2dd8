"""The floor: what Postgres itself does for the same rows, without any application.

The statements are made from a real placement: `placement_statement` reads the rows that one order left in our
tables and writes a single SQL statement that inserts the very same rows anew, with fresh ids and other SKUs.
So the floor follows the schema by itself and leaves nothing out. Nothing is planned, checked or answered.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from oms.dev.engines import ROOT, Postgres

Row = Mapping[str, Any]

#: Tables of a placement and how their rows are found from the order's id; b3 writes those marked.
_ROWS_OF: Sequence[tuple[str, str, bool]] = (
    ("orders_order", "id = %(order)s", True),
    ("orders_delivery", "order_id = %(order)s", True),
    ("orders_orderline", "order_id = %(order)s", True),
    ("orders_fulfillment", "order_id = %(order)s", True),
    ("inventory_reservation", "demand IN (SELECT 'order_line:' || id FROM orders_orderline WHERE order_id = %(order)s)", True),
    ("oms_event", "root = %(order)s", True),
    ("orders_fulfillmentline", "fulfillment_id IN (SELECT id FROM orders_fulfillment WHERE order_id = %(order)s)", False),
    ("orders_payment", "order_id = %(order)s", False),
    ("routing_givenpromise", "root = %(order)s", False),
    ("routing_decision", "subject = %(order)s", False),
    ("oms_deadline", "subject IN (SELECT id FROM orders_fulfillment WHERE order_id = %(order)s"
                     " UNION ALL SELECT id FROM orders_payment WHERE order_id = %(order)s)", False),
    ("oms_idempotencyrecord", "result ->> 'order' = %(order)s", False),
)  # fmt: skip
_GENERATED = {"number", "position"}  # by the database, where the column is a bigint
_FRESH_TEXT = {"external_id", "key", "tracking_token"}


def placement_statement(
    connection: psycopg.Connection, order_id: str, *, highest_sku: int, whole: bool, keep_skus: bool = False
) -> str:
    """One statement that writes the rows of this order anew: all of them (b5), or the order's core (b3).

    `keep_skus`: of the same products each time, else of others.
    """
    tables = [
        (table, column_types(connection, table), _rows(connection, table, where, order_id))
        for table, where, is_core in _ROWS_OF
        if whole or is_core
    ]
    if not whole:
        tables = [(table, columns, rows[:1] if table == "oms_event" else rows) for table, columns, rows in tables]
    customer = _rows(
        connection, "orders_customer", "id = (SELECT customer_id FROM orders_order WHERE id = %(order)s)", order_id
    )
    names = _Names([row for _table, _columns, rows in tables for row in rows], highest_sku, keep_skus)
    parts = [names.head()]
    if whole:
        parts.append(_upsert_customer(customer[0], column_types(connection, "orders_customer"), names))
        names.expressions[customer[0]["id"]] = "(SELECT id FROM customer)"
    parts += [_insert(f"w{n}", table, columns, rows, names) for n, (table, columns, rows) in enumerate(tables)]
    parts.append(_take_stock(tables, names))
    return "WITH " + ",\n".join(parts) + "\nSELECT count(*) FROM taken"


def column_types(connection: psycopg.Connection, table: str) -> dict[str, str]:
    found = connection.execute(
        "SELECT attname, format_type(atttypid, NULL) FROM pg_attribute"
        " WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped",
        [table],
    )
    return dict(found.fetchall())


def _rows(connection: psycopg.Connection, table: str, where: str, order_id: str) -> list[Row]:
    found = connection.execute(f"SELECT to_jsonb(t) FROM {table} t WHERE {where} ORDER BY id", {"order": order_id})
    return [row for (row,) in found.fetchall()]


class _Names:
    """What stands for the ids and SKUs of the sample: columns of the CTE `new`."""

    def __init__(self, rows: Sequence[Row], highest_sku: int, keep_skus: bool = False):
        self.columns: dict[str, str] = {
            "stamp": "lpad(to_hex((extract(epoch FROM clock_timestamp()) * 1000)::bigint), 11, '0')"
        }
        self.expressions: dict[str, str] = {}
        for row in rows:
            if isinstance(row.get("id"), str):
                self._name(row["id"], f"'{row['id'][:4]}' || {_SOME_HEX}")
        half = highest_sku // 2
        for n, sku in enumerate(sorted({row["sku"] for row in rows if "sku" in row})):
            fresh = f"'SKU' || lpad((1 + {n * half} + floor(random() * {half}))::int::text, 7, '0')"
            self._name(sku, f"'{sku}'" if keep_skus else fresh)

    def _name(self, value: str, expression: str) -> None:
        name = f"n{len(self.columns)}"
        self.columns[name] = expression
        self.expressions[value] = f"new.{name}"

    def head(self) -> str:
        columns = ", ".join(f"{expression} AS {name}" for name, expression in self.columns.items())
        return f"new AS MATERIALIZED (SELECT {columns})"

    def of(self, column: str, kind: str, value: Any) -> str:
        """The SQL for one value."""
        if column in _FRESH_TEXT and value is not None:
            return _SOME_HEX
        if kind.startswith("timestamp") and value is not None:
            return "now()"
        if isinstance(value, str) and value.startswith("order_line:"):
            return f"'order_line:' || {self.expressions[value.partition(':')[2]]}"
        if isinstance(value, str) and value in self.expressions:
            return self.expressions[value]
        return literal(value, kind)


#: Sorts by time, as our ids do: new rows lie together in the indexes.
_SOME_HEX = "lpad(to_hex((extract(epoch FROM clock_timestamp()) * 1000)::bigint), 11, '0') || substr(md5(random()::text), 1, 15)"


def literal(value: Any, kind: str) -> str:
    if value is None:
        return f"NULL::{kind}"
    if kind == "jsonb":
        text = json.dumps(value)
    elif kind.endswith("[]"):
        text = "{" + ",".join(f'"{item}"' for item in value) + "}"
    else:
        text = str(value)
    quoted = text.replace("'", "''")
    return f"'{quoted}'::{kind}"


def _insert(name: str, table: str, columns: Mapping[str, str], rows: Sequence[Row], names: _Names) -> str:
    written = [column for column, kind in columns.items() if not _is_generated(column, kind)]
    listed = ", ".join(f'"{column}"' for column in written)
    selects = [
        "SELECT " + ", ".join(names.of(column, columns[column], row[column]) for column in written) + " FROM new"
        for row in rows
    ]
    return f"{name} AS (INSERT INTO {table} ({listed}) {' UNION ALL '.join(selects)})"


def _is_generated(column: str, kind: str) -> bool:
    return kind == "bigint" and column in {"id", *_GENERATED}


def _upsert_customer(row: Row, columns: Mapping[str, str], names: _Names) -> str:
    listed = ", ".join(columns)
    values = ", ".join(
        f"'cus_' || {_SOME_HEX}" if column == "id" else names.of(column, kind, row[column])
        for column, kind in columns.items()
    )
    return (
        f"customer AS (INSERT INTO orders_customer ({listed}) SELECT {values} FROM new"
        " ON CONFLICT (channel_id, external_id) WHERE external_id IS NOT NULL DO UPDATE SET email = excluded.email"
        " RETURNING id)"
    )


def _take_stock(tables: Sequence[tuple[str, Any, Sequence[Row]]], names: _Names) -> str:
    (reservations,) = (rows for table, _columns, rows in tables if table == "inventory_reservation")
    levels = " UNION ALL ".join(
        f"SELECT {names.expressions[row['sku']]} AS sku, '{row['location_id']}' AS location, {row['quantity']} AS units FROM new"
        for row in reservations
    )
    return (
        f"taken AS (UPDATE inventory_stocklevel s SET reserved = s.reserved + l.units, updated_at = now() FROM ({levels}) l"
        " WHERE s.sku = l.sku AND s.location_id = l.location AND s.on_hand - s.reserved >= l.units RETURNING 1)"
    )


def nearest_places(highest_sku: int) -> str:
    """a1: one SKU, its twenty nearest places."""
    return f"""
WITH pick AS MATERIALIZED (SELECT 'SKU' || lpad((1 + floor(random() * {highest_sku}))::int::text, 7, '0') AS sku)
SELECT s.location_id, greatest(s.on_hand - s.reserved - coalesce(s.safety_stock, l.safety_stock), 0) AS sellable,
    point(l.longitude, l.latitude) <-> point(2.38, 48.86) AS distance
FROM inventory_stocklevel s JOIN inventory_location l ON l.code = s.location_id
WHERE s.sku = (SELECT sku FROM pick) AND l.is_active ORDER BY distance LIMIT 20"""


def network_sums(prefix: str, digits: int, highest_sku: int) -> str:
    """a2: twenty SKUs, summed over all their places."""
    return f"""
SELECT s.sku, sum(greatest(s.on_hand - s.reserved - coalesce(s.safety_stock, l.safety_stock), 0)), count(*)
FROM inventory_stocklevel s JOIN inventory_location l ON l.code = s.location_id AND l.is_active
WHERE s.sku = ANY(ARRAY(SELECT '{prefix}' || lpad((1 + floor(random() * {highest_sku}))::int::text, {digits}, '0')
    FROM generate_series(1, 20))) GROUP BY s.sku"""


# ---- driving ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Rate:
    per_second: float
    mean_ms: float


def drive(postgres: Postgres, statement: str, *, clients: int, seconds: float) -> Rate:
    """Run one statement over and over, prepared, each client in a connection of its own.

    With pgbench where there is one (it costs the machine less), else with processes of our own.
    """
    pgbench = _pgbench(postgres)
    count = (_by_pgbench if pgbench else _by_processes)(pgbench, postgres.url(), statement, clients, seconds)
    return Rate(count / seconds, clients * seconds * 1000 / count)


def driver_name(postgres: Postgres) -> str:
    return "pgbench" if _pgbench(postgres) else "psycopg"


def _pgbench(postgres: Postgres) -> str | None:
    beside = postgres.bin / "pgbench"
    return str(beside) if beside.exists() else shutil.which("pgbench")


def _by_pgbench(pgbench: str, url: str, statement: str, clients: int, seconds: float) -> float:
    with tempfile.TemporaryDirectory() as directory:
        script = Path(directory) / "statement.sql"
        # To pgbench a colon before a letter is a variable of its own.
        script.write_text(re.sub(r"(?<!:):(?=[A-Za-z_])", ": ", statement).replace("\n", " ") + ";\n")
        size = ["-c", str(clients), "-j", str(min(clients, 2)), "-T", str(max(1, round(seconds)))]
        said = subprocess.run(
            [pgbench, "-n", "-M", "prepared", *size, "-f", str(script), url], capture_output=True, text=True
        )
    if said.returncode or "tps = " not in said.stdout:
        sys.exit(f"pgbench failed: {said.stderr[-2000:]}")
    return float(re.findall(r"tps = ([\d.]+)", said.stdout)[-1]) * seconds


def _by_processes(_pgbench: None, url: str, statement: str, clients: int, seconds: float) -> float:
    shares = [clients // 2 + clients % 2, clients // 2]
    job = {"url": url, "statement": statement, "seconds": seconds}
    started = [_start({**job, "clients": share}) for share in shares if share]
    return float(sum(json.loads(process.communicate()[0]) for process in started))


def _start(job: Mapping[str, Any]) -> "subprocess.Popen[str]":
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.floor"], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin
    process.stdin.write(json.dumps(job))
    process.stdin.close()
    process.stdin = None
    return process


def main() -> None:
    job = json.load(sys.stdin)
    counts: list[int] = []

    def work() -> None:
        with psycopg.connect(job["url"], autocommit=True) as connection:
            counts.append(sum(1 for _ in _repeat(connection, job["statement"], job["seconds"])))

    threads = [threading.Thread(target=work) for _ in range(job["clients"])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    json.dump(sum(counts), sys.stdout)


def _repeat(connection: psycopg.Connection, statement: str, seconds: float) -> Iterator[None]:
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        connection.execute(statement, prepare=True)
        yield


if __name__ == "__main__":
    os.environ.pop("PGOPTIONS", None)
    main()
