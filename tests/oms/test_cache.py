"""Small tables in the process, never older than a second."""

from typing import Any

import pytest
from django.db import transaction

from oms import cache
from oms.cache import VersionedCache, bump

pytestmark = pytest.mark.django_db(transaction=True)


class Table:
    """A table that counts how often it is read."""

    def __init__(self) -> None:
        self.contents = "old"
        self.reads = 0

    def load(self) -> str:
        self.reads += 1
        return self.contents


@pytest.fixture
def table() -> Table:
    return Table()


@pytest.fixture
def cached(table: Table) -> Any:
    found = VersionedCache("test.table", table.load)
    yield found
    cache._caches.remove(found)


def test_it_is_read_once_per_version(table: Table, cached: Any) -> None:
    assert [cached.get(), cached.get()] == ["old", "old"]
    table.contents = "new"
    assert cached.get() == "old"
    with transaction.atomic():
        bump("test.table")

    assert [cached.get(), cached.get()] == ["new", "new"]
    assert table.reads == 2


def test_within_its_patience_it_does_not_even_look(table: Table, cached: Any, settings: Any, monkeypatch: Any) -> None:
    settings.VERSIONED_CACHE_SECONDS = 1.0
    clock = [100.0]
    monkeypatch.setattr("oms.cache.time.monotonic", lambda: clock[0])
    cached.get()
    table.contents = "new"
    with transaction.atomic():
        bump("test.table")

    clock[0] = 100.9
    assert cached.get() == "old"
    clock[0] = 101.1
    assert cached.get() == "new"


def test_what_was_rolled_back_is_forgotten(table: Table, cached: Any) -> None:
    with pytest.raises(RuntimeError), transaction.atomic():
        bump("test.table")
        table.contents = "never committed"
        assert cached.get() == "never committed"
        raise RuntimeError
    table.contents = "new"
    with transaction.atomic():
        bump("test.table")  # must not get the number that was rolled back

    assert cached.get() == "new"


def test_a_bump_needs_the_transaction_of_the_change() -> None:
    with pytest.raises(RuntimeError, match="needs the caller's transaction"):
        bump("test.table")
