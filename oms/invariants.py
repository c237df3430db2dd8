"""The promises the database keeps, as queries anyone can run: `manage.py check_invariants`.

An app registers its own in `invariants.py`; the kernel only collects and reports.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any, Protocol

from django.db import connection

_CHUNK = 2000
_MENDED_AT_ONCE = 100  # levels locked by one short transaction

Row = dict[str, Any]


class Repair(Protocol):
    """Mends what is broken and says what it did; `now` is the clock, because it may take long."""

    def __call__(self, *, actor: str, now: Callable[[], datetime]) -> Iterable[str]: ...


class Mend(Protocol):
    """Mends some violations in a transaction of its own, looking again under the lock; says what it did."""

    def __call__(self, broken: Sequence[Row], *, actor: str, as_of: datetime) -> list[str]: ...


@dataclass(frozen=True, slots=True)
class Invariant:
    """`broken()` yields one sentence per violation; `repair`, where it exists, mends them and says what it did."""

    name: str
    broken: Callable[[], Iterable[str]]
    repair: Repair | None = None


_invariants: list[Invariant] = []


def register(invariant: Invariant) -> None:
    if any(known.name == invariant.name for known in _invariants):
        raise ValueError(f"two invariants are named {invariant.name}")
    _invariants.append(invariant)


def all_invariants() -> list[Invariant]:
    return list(_invariants)


def by_query(name: str, sql: str, sentence: str, *, mend: Mend | None = None) -> Invariant:
    """An invariant whose violations are the rows of `sql`, told by `sentence` (%-format over a row's columns).

    Rows are streamed: a million violations take no memory. `mend` gets them some at a time.
    """

    def broken() -> Iterator[str]:
        return (sentence % row for row in _rows(sql))

    def repair(*, actor: str, now: Callable[[], datetime]) -> Iterator[str]:
        assert mend
        rows = _rows(sql)
        while some := list(islice(rows, _MENDED_AT_ONCE)):
            yield from mend(some, actor=actor, as_of=now())

    return Invariant(name, broken, repair if mend else None)


def _rows(sql: str) -> Iterator[Row]:
    with connection.chunked_cursor() as cursor:
        cursor.execute(sql)
        names: list[str] = []
        while rows := cursor.fetchmany(_CHUNK):
            names = names or [column.name for column in cursor.description]
            yield from (dict(zip(names, row, strict=True)) for row in rows)
