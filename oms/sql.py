"""Few statements over sets: many rows into many tables with one prepared statement.

The rows travel as JSON and Postgres types them (`jsonb_populate_recordset`), so the text of the
statement depends only on the tables and columns and is planned once. Measured in docs/adr/0004.
"""

import functools
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import orjson
from django.db import connection, models

Rows = Sequence[Mapping[str, Any]]


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


@functools.cache
def _statement(shape: tuple[tuple[type[models.Model], tuple[str, ...]], ...], returning: str) -> str:
    *first, last = (_insert(model, columns) for model, columns in shape)
    head = ", ".join(f"w{i} AS ({insert})" for i, insert in enumerate(first))
    return (f"WITH {head} " if head else "") + last + (f" RETURNING {returning}" if returning else "")


def insert_rows(tables: Mapping[type[models.Model], Rows], *, returning: str = "") -> list[tuple[Any, ...]]:
    """Insert all rows of all tables in one statement; foreign keys between them are checked at commit.

    Shape:   every row of a table has the same keys (database column names); a column not named takes
             its database default. Empty tables are left out.
    Returns: the columns `returning` of the last table's rows.
    """
    given = {model: rows for model, rows in tables.items() if rows}
    if not given:
        return []
    statement = _statement(tuple((model, tuple(rows[0])) for model, rows in given.items()), returning)
    with connection.cursor() as cursor:
        cursor.execute(statement, [as_json(rows) for rows in given.values()])
        return cursor.fetchall() if returning else []


@functools.cache
def _update(model: type[models.Model], columns: tuple[str, ...], only_if: str, key: str) -> str:
    table = model._meta.db_table
    changes = ", ".join(f'"{column}" = r."{column}"' for column in columns if column != key)
    return (
        f'UPDATE "{table}" t SET {changes} FROM jsonb_populate_recordset(NULL::"{table}", %s::jsonb) r'
        f' WHERE t."{key}" = r."{key}"' + (f" AND {only_if}" if only_if else "")
    )


def update_rows(model: type[models.Model], rows: Rows, *, only_if: str = "", key: str = "id") -> int:
    """Set each row's own values in one statement; `only_if` is a constant SQL condition on the row `t`.

    Returns how many rows were changed.
    """
    if not rows:
        return 0
    with connection.cursor() as cursor:
        cursor.execute(_update(model, tuple(rows[0]), only_if, key), [as_json(rows)])
        return cursor.rowcount
