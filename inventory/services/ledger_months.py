"""The ledger's months: a partition for each, made before its first movement.

What falls into no month's partition stands in the default one, so a movement never fails for want of a month.
It reads slower there, which is why `open_months` moves it to its month as soon as there is one.
"""

from collections.abc import Iterator
from datetime import UTC, datetime

from django.db import connection
from psycopg import sql

from oms.transactions import in_transaction, use_case

TABLE = "inventory_stockmovement"
DEFAULT = f"{TABLE}_default"
_AHEAD = 3  # months
_UPKEEP_LOCK = 0x6C656467  # "ledg": one at a time changes which months there are


def month_of(at: datetime) -> datetime:
    """Its first instant; the ledger's months are UTC's."""
    return at.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def later_month(month: datetime, months: int) -> datetime:
    years, index = divmod(month.month - 1 + months, 12)
    return month.replace(year=month.year + years, month=index + 1)


def months_back(months: int, *, as_of: datetime) -> datetime:
    """The first of the months kept where so many whole ones are, and the present one."""
    return later_month(month_of(as_of), -months)


def partition_of(month: datetime) -> str:
    return f"{TABLE}_{month:%Y_%m}"


_KEPT = """
SELECT relname FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
WHERE inhparent = to_regclass(%s) AND relname <> %s ORDER BY relname"""


def months_kept() -> list[datetime]:
    """The months that have partitions, oldest first."""
    with connection.cursor() as cursor:
        cursor.execute(_KEPT, [TABLE, DEFAULT])
        return [_month_of_partition(name) for (name,) in cursor.fetchall()]


def _month_of_partition(name: str) -> datetime:
    return datetime.strptime(name, f"{TABLE}_%Y_%m").replace(tzinfo=UTC)


def open_months(*, since: datetime | None = None, as_of: datetime) -> list[str]:
    """Make the partitions from the month of `since` (default: this one) to three months ahead that are missing.

    Each in a transaction of its own; repeat it as often as you like. Movements of these months that stand in the
    default partition move to where they belong. Returns the names of those made.
    """
    kept = set(months_kept())
    missing = [month for month in _months(since or as_of, as_of) if month not in kept]
    made = [partition_of(month) for month in missing if _open(month)]
    if made:
        _analyze()
    return made


def _months(since: datetime, as_of: datetime) -> Iterator[datetime]:
    month, last = month_of(since), later_month(month_of(as_of), _AHEAD)
    while month <= last:
        yield month
        month = later_month(month, 1)


def is_partitioned() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT EXISTS (SELECT FROM pg_partitioned_table WHERE partrelid = to_regclass(%s))", [TABLE])
        return bool(cursor.fetchone()[0])


@use_case
def _open(month: datetime) -> bool:
    lock_upkeep()
    if month in months_kept():
        return False  # somebody else was quicker
    names = {"table": TABLE, "default": DEFAULT, "month": partition_of(month)}
    bounds = {"first": month.isoformat(), "next": later_month(month, 1).isoformat()}
    with connection.cursor() as cursor:
        for statement in _OPEN:
            cursor.execute(_composed(statement, names, bounds))
    return True


# Attached, not made in place: that would lock the whole ledger, this only what has no month. The order of columns
# is the parent's, so rows are moved as they are.
_OPEN = (
    "SET LOCAL lock_timeout = '1s'",  # whoever reads the ledger meanwhile queues behind us
    "CREATE TABLE {month} (LIKE {table} INCLUDING DEFAULTS INCLUDING CONSTRAINTS)",
    "LOCK TABLE {default} IN ACCESS EXCLUSIVE MODE",
    "WITH moved AS (DELETE FROM {default} WHERE recorded_at >= {first} AND recorded_at < {next} RETURNING *)"
    " INSERT INTO {month} SELECT * FROM moved",
    "ALTER TABLE {table} ATTACH PARTITION {month} FOR VALUES FROM ({first}) TO ({next})",
)


@use_case
def _analyze() -> None:
    """Autovacuum does so with partitions, never with the whole."""
    with connection.cursor() as cursor:
        cursor.execute(f"ANALYZE {TABLE}")


def _composed(statement: str, names: dict[str, str], values: dict[str, str]) -> sql.Composed:
    parts = {name: sql.Identifier(value) for name, value in names.items()}
    return sql.SQL(statement).format(**parts, **{name: sql.Literal(value) for name, value in values.items()})


@in_transaction
def lock_upkeep() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_UPKEEP_LOCK])
