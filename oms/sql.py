"""Few statements over sets: many rows into many tables with one prepared statement.

The rows travel as JSON and Postgres types them (`jsonb_populate_recordset`), so the text of the
statement depends only on the tables and columns and is planned once. Measured in docs/adr/0004.
"""

import functools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, TypeVar

import orjson
from django.db import connection, models
from django.db.models.expressions import RawSQL

M = TypeVar("M", bound=models.Model)
Rows = Sequence[Mapping[str, Any]]
Tables = Mapping[type[models.Model], Rows]
Shape = tuple[tuple[type[models.Model], tuple[str, ...]], ...]  # tables with their columns


@dataclass(frozen=True, slots=True)
class Also:
    """A constant statement that is part of another (a change that comes true with it, a condition), and its parameters."""

    sql: str
    parameters: tuple[Any, ...]


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no place in a row")


def as_json(value: Any) -> str:
    return orjson.dumps(value, default=_plain).decode()


@functools.cache
def _insert(model: type[models.Model], columns: tuple[str, ...]) -> str:
    table = model._meta.db_table
    names = ", ".join(f'"{column}"' for column in columns)
    return f'INSERT INTO "{table}" ({names}) SELECT {names} FROM jsonb_populate_recordset(NULL::"{table}", %s::jsonb)'


def _shape(tables: Tables) -> Shape:
    return tuple((model, tuple(rows[0])) for model, rows in tables.items())


@functools.cache
def _parts(shape: Shape, also: tuple[str, ...] = ()) -> str:
    """What inserts into these tables and does this too, named to stand in a `WITH`."""
    parts = [*(_insert(model, columns) for model, columns in shape), *also]
    return ", ".join(f"w{i} AS ({part})" for i, part in enumerate(parts))


def _with(shape: Shape, also: tuple[str, ...] = ()) -> str:
    return f"WITH {parts} " if (parts := _parts(shape, also)) else ""


def insert_parts(tables: Tables) -> tuple[str, list[str]]:
    """`, w0 AS (INSERT …), w1 AS (…)` and the parameters, for a statement whose own `WITH` goes on with it."""
    given = _filled(tables)
    return (f", {_parts(_shape(given))}" if given else ""), [as_json(rows) for rows in given.values()]


def _filled(tables: Tables) -> Tables:
    return {model: rows for model, rows in tables.items() if rows}


@functools.cache
def _statement(shape: Shape, returning: str) -> str:
    return _with(shape[:-1]) + _insert(*shape[-1]) + (f" RETURNING {returning}" if returning else "")


def insert_rows(tables: Tables, *, returning: str = "") -> list[tuple[Any, ...]]:
    """Insert all rows of all tables in one statement; foreign keys between them are checked at commit.

    Shape:   every row of a table has the same keys (database column names); a column not named takes
             its database default. Empty tables are left out.
    Returns: the columns `returning` of the last table's rows.
    """
    given = _filled(tables)
    if not given:
        return []
    with connection.cursor() as cursor:
        cursor.execute(_statement(_shape(given), returning), [as_json(rows) for rows in given.values()])
        return cursor.fetchall() if returning else []


@functools.cache
def _update(
    model: type[models.Model],
    columns: tuple[str, ...],
    only_if: str,
    key: str,
    inserts: Shape,
    also: tuple[str, ...],
    provided: str,
) -> str:
    table, key_type = model._meta.db_table, model._meta.get_field(key).db_type(connection)
    changes = ", ".join(f'"{column}" = r."{column}"' for column in columns if column != key)
    return (
        _with(inserts, also)
        + f'UPDATE "{table}" t SET {changes} FROM jsonb_populate_recordset(NULL::"{table}", %s::jsonb) r'
        # The keys once more: Postgres takes any JSON for a hundred rows, and would read a table of thousands for one.
        f' WHERE t."{key}" = r."{key}" AND t."{key}" = ANY(ARRAY(SELECT unnest(%s::{key_type}[])))'
        + (f" AND {only_if}" if only_if else "")
        + (f" AND ({provided})" if provided else "")
    )


def update_rows(
    model: type[models.Model],
    rows: Rows,
    *,
    only_if: str = "",
    key: str = "id",
    inserts: Tables | None = None,
    also: Sequence[Also] = (),
    provided: Also | None = None,
) -> int:
    """Set each row's own values in one statement; `only_if` is a constant SQL condition on the row `t`.

    `inserts` and `also`: what comes true with the change, written by the same statement; whoever finds too few rows
    changed raises, so that it is rolled back.
    `provided`: a query for one boolean without which no row is changed; it is asked first, and may lock what it looks at.
    Returns how many rows were changed.
    """
    if not rows:
        return 0
    given = _filled(inserts or {})
    statement = _update(
        model,
        tuple(rows[0]),
        only_if,
        key,
        _shape(given),
        tuple(other.sql for other in also),
        provided.sql if provided else "",
    )
    others = [parameter for other in also for parameter in other.parameters]
    with connection.cursor() as cursor:
        cursor.execute(
            statement,
            [
                *map(as_json, given.values()),
                *others,
                as_json(rows),
                [row[key] for row in rows],
                *(provided.parameters if provided else ()),
            ],
        )
        return cursor.rowcount


def updated(model: type[models.Model], rows: Rows, *, key: str = "id") -> Also:
    """The same for a statement that changes more; how many rows were changed is not told."""
    statement = _update(model, tuple(rows[0]), "", key, (), (), "")
    return Also(statement, (as_json(rows), [row[key] for row in rows]))


def together(*tables: Tables) -> Tables:
    """All rows, those of one table in the order given; they must have the same keys."""
    joined: dict[type[models.Model], list[Mapping[str, Any]]] = {}
    for each in tables:
        for model, rows in each.items():
            joined.setdefault(model, []).extend(rows)
    return joined


def any_of(values: Iterable[str]) -> RawSQL:
    """`filter(sku__in=any_of(skus))`: one parameter however many there are; Postgres takes 65,535 of them."""
    return RawSQL("SELECT unnest(%s::text[])", [list(values)])


# ---- reading -------------------------------------------------------------------------------------


@functools.cache
def _reader(model: type[M]) -> tuple[str, list[str], list[tuple[int, list[Any]]]]:
    """The head of a SELECT of whole rows, their attributes, and what turns some columns into Python values."""
    fields = model._meta.concrete_fields
    columns = ", ".join(f't."{field.column}"' for field in fields)
    converters = [(index, field.get_db_converters(connection)) for index, field in enumerate(fields)]
    head = f'SELECT {columns} FROM "{model._meta.db_table}" t '
    return head, [field.attname for field in fields], [(index, found) for index, found in converters if found]


def read_rows(model: type[M], tail: str, parameters: Sequence[Any]) -> list[M]:
    """`SELECT` whole rows `t` of a model; `tail` is the constant rest of the statement (`WHERE t.… FOR UPDATE`).

    For hot paths: what the ORM would compose anew each time is composed once, and Postgres plans it once.
    """
    head, names, converters = _reader(model)
    with connection.cursor() as cursor:
        cursor.execute(head + tail, parameters)
        rows = cursor.fetchall()
    return [model.from_db(connection.alias, names, _converted(row, converters)) for row in rows]


def _converted(row: Sequence[Any], converters: list[tuple[int, list[Any]]]) -> list[Any]:
    values = list(row)
    for index, found in converters:
        for convert in found:
            values[index] = convert(values[index], None, connection)
    return values
