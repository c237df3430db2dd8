"""An import's own tables: its rows, sorted and each level named once, and which of them were refused while merging.

They are unlogged, for speed: if the database itself dies they are empty afterwards, which `is_whole` finds out, and
are made again from the file, in the very same order. What was refused is kept safe, because no file tells it.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from django.db import connection

from inventory.imports.faults import Fault
from inventory.imports.reading import COPIED, Block
from oms.transactions import in_transaction

SCHEMA = "stock_imports"
_NAME = 'varchar(64) COLLATE "C" NOT NULL'

_SORT = """
CREATE UNLOGGED TABLE {rows} AS
SELECT row_number() OVER (ORDER BY sku, location) AS n, last.* FROM (
    SELECT DISTINCT ON (sku, location) * FROM {raw} WHERE quantity IS NOT NULL ORDER BY sku, location, line DESC
) last"""
_NAMED = "INSERT INTO {rows} (line, sku, location) SELECT line, sku, location FROM {raw} WHERE quantity IS NULL"


class Staging:
    """The tables of one import.

    `rows`: n (1, 2, 3 … by SKU and place; null where there is no quantity), line, sku, location, quantity, occurred_at,
    bin. They lie in the order of n, which is that of the levels: windows of n read and write what lies together.
    """

    def __init__(self, import_id: str):
        self.raw, self.rows, self.refused = (f'{SCHEMA}."{import_id}_{name}"' for name in ("raw", "rows", "refused"))

    @in_transaction
    def begin(self) -> None:
        """An empty table for the rows of the file; what an earlier attempt left is thrown away."""
        _run(f"DROP TABLE IF EXISTS {self.raw}, {self.rows}")
        _run(
            f"CREATE UNLOGGED TABLE {self.raw} (line bigint NOT NULL, sku {_NAME}, location {_NAME},"
            " quantity integer, occurred_at timestamptz, bin varchar(40))"
        )
        _run(f"CREATE TABLE IF NOT EXISTS {self.refused} (n bigint NOT NULL)")

    @in_transaction
    def add(self, blocks: Iterable[Block], *, with_named: bool) -> None:
        """Write the rows of these blocks; `with_named`: the names of those that could not be read, too."""
        with connection.cursor() as cursor, cursor.copy(f"COPY {self.raw} ({', '.join(COPIED)}) FROM STDIN") as copy:
            for block in blocks:
                copy.write("".join(block.copied).encode())
                for fault in block.faults if with_named else ():
                    if fault.is_named:
                        copy.write_row((fault.line, fault.sku, fault.location, None, None, None))

    @in_transaction
    def finish(self, *, is_snapshot: bool, keep: int) -> tuple[int, int, list[Fault]]:
        """Sort the rows; of those that name a level twice the last one counts.

        Returns: the number of the last row with a quantity, how many count no more, and the first `keep` of those.
        """
        _run("SET LOCAL statement_timeout = 0")
        _run("SET LOCAL work_mem = '128MB'")
        _run(_SORT.format(rows=self.rows, raw=self.raw))
        _run(f"CREATE UNIQUE INDEX ON {self.rows} (n)")
        if is_snapshot:
            _run(_NAMED.format(rows=self.rows, raw=self.raw))
            _run(f"CREATE INDEX ON {self.rows} (sku)")
        _run(f"ANALYZE {self.rows}")
        [(last, earlier)] = _fetch(
            f"SELECT last, (SELECT count(quantity) FROM {self.raw}) - last"
            f" FROM (SELECT count(n) AS last FROM {self.rows}) counted"
        )
        superseded = self._superseded(keep) if earlier else []
        _run(f"DROP TABLE {self.raw}")
        return last, earlier, superseded

    def _superseded(self, keep: int) -> list[Fault]:
        found = _fetch(
            f"SELECT raw.line, raw.sku, raw.location, raw.quantity FROM {self.raw} raw"
            f" WHERE raw.quantity IS NOT NULL AND NOT EXISTS (SELECT FROM {self.rows} last WHERE last.line = raw.line)"
            " ORDER BY raw.line LIMIT %s",
            [keep],
        )
        return [Fault(line, "duplicate_row", str(quantity), sku, place) for line, sku, place, quantity in found]

    def is_whole(self) -> bool:
        """Whether the rows are there. Not, if the database died since they were sorted."""
        [(is_there,)] = _fetch("SELECT to_regclass(%s) IS NOT NULL", [self.rows])
        return bool(is_there and _fetch(f"SELECT 1 FROM {self.rows} LIMIT 1"))

    @in_transaction
    def drop(self) -> None:
        _run(f"DROP TABLE IF EXISTS {self.raw}, {self.rows}, {self.refused}")


def imports_with_tables() -> set[str]:
    """Their ids."""
    names = "SELECT DISTINCT substring(tablename FROM '^(.*)_[a-z]+$') FROM pg_tables WHERE schemaname = %s"
    return {import_id for (import_id,) in _fetch(names, [SCHEMA])}


def _run(statement: str, parameters: Sequence[Any] = ()) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)


def _fetch(statement: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return cursor.fetchall()
