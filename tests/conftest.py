"""What every test can count on: caches start empty, and each test may talk to the real Postgres."""

from collections.abc import Iterator

import pytest

from oms import cache, keys


@pytest.fixture(autouse=True)
def _fresh_caches() -> Iterator[None]:
    cache.clear_all()
    keys._cache.clear()
    yield
    cache.clear_all()
