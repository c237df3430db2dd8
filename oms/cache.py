"""Small tables that every request needs (places, rules, rates, keys), kept in the process.

A writer calls `bump(name)` in its transaction; readers look at the version at most once a second
(one tiny query), so a change is seen everywhere within that second, without any broker.
"""

import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

from django.conf import settings
from django.db import connection

from oms.transactions import in_transaction

T = TypeVar("T")
_FOREVER_AGO = float("-inf")
_caches: list["VersionedCache"] = []


@in_transaction
def bump(name: str) -> None:
    """Tell every process that what is cached under `name` has changed, as of this commit.

    The number is the time, so that a number which was rolled back never comes again with other contents.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO oms_version (name, number)"
            " VALUES (%s, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint)"
            " ON CONFLICT (name) DO UPDATE SET number = greatest(oms_version.number + 1, excluded.number)",
            [name],
        )


class VersionedCache(Generic[T]):
    """`cache.get()` answers what `load()` returned for the current version of `name`."""

    def __init__(self, name: str, load: Callable[[], T]):
        self.name = name
        self._load = load
        self._lock = threading.Lock()
        self.clear()
        _caches.append(self)

    def get(self) -> T:
        value = self._value
        if value is not None and time.monotonic() < self._good_until:
            return value
        with self._lock:
            return self._refresh()

    def clear(self) -> None:
        self._value: T | None = None
        self._version = -1
        self._good_until = _FOREVER_AGO

    def _refresh(self) -> T:
        version = self._current_version()
        if self._value is None or version != self._version:
            self._value, self._version = self._load(), version
        self._good_until = time.monotonic() + settings.VERSIONED_CACHE_SECONDS
        return self._value

    def _current_version(self) -> int:
        with connection.cursor() as cursor:
            cursor.execute("SELECT number FROM oms_version WHERE name = %s", [self.name])
            row = cursor.fetchone()
        return row[0] if row else 0


def clear_all() -> None:
    """For tests: the next read loads afresh."""
    for cache in _caches:
        cache.clear()
