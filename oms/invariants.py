"""The promises the database keeps, as queries anyone can run: `manage.py check_invariants`.

An app registers its own in `invariants.py`; the kernel only collects and reports.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from django.db import connection


@dataclass(frozen=True, slots=True)
class Invariant:
    """`broken()` yields one sentence per violation; `repair()`, where it exists, mends them and says what it did."""

    name: str
    broken: Callable[[], Iterable[str]]
    repair: Callable[[], Iterable[str]] | None = None


_invariants: list[Invariant] = []


def register(invariant: Invariant) -> None:
    if any(known.name == invariant.name for known in _invariants):
        raise ValueError(f"two invariants are named {invariant.name}")
    _invariants.append(invariant)


def all_invariants() -> list[Invariant]:
    return list(_invariants)


def by_query(name: str, sql: str, sentence: str) -> Invariant:
    """An invariant whose violations are the rows of `sql`, told by `sentence` (%-format over a row's columns)."""

    def broken() -> Iterable[str]:
        with connection.cursor() as cursor:
            cursor.execute(sql)
            names = [column.name for column in cursor.description]
            rows: list[tuple[Any, ...]] = cursor.fetchall()
        return [sentence % dict(zip(names, row, strict=True)) for row in rows]

    return Invariant(name, broken)
