"""What every test can count on: caches start empty, and each test may talk to the real Postgres."""

import gc
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import TransactionTestCase
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings

from oms import cache, ids, keys
from tests import ledger_guard, made_schema
from tests.emptying import as_if_new, empty_tables

# An example is not wrong because a machine is slow.
hypothesis_settings.register_profile("at any pace", deadline=None, suppress_health_check=[HealthCheck.too_slow])
hypothesis_settings.load_profile("at any pace")


def pytest_collection_finish() -> None:
    """What four thousand tests are made of stays to the end; a collector that looks at it again and again finds nothing."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings: None, django_db_blocker: Any) -> None:
    if made_schema.is_wanted():
        with django_db_blocker.unblock():
            made_schema.start_from_it()


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: Any) -> None:
    """The test database also watches that every change of a level is a movement."""
    with django_db_blocker.unblock():
        if made_schema.is_wanted():
            made_schema.keep()
        ledger_guard.install()


@pytest.fixture(scope="session", autouse=True)
def _quick_teardown() -> Iterator[None]:
    def tear_down(_case: TransactionTestCase) -> None:
        empty_tables()
        as_if_new()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TransactionTestCase, "_fixture_teardown", tear_down)
        patch.setattr(TransactionTestCase, "_should_reload_connections", lambda _case: False)
        yield


@pytest.fixture
def levels_may_lie(transactional_db: None) -> Iterator[None]:
    """For tests that commit what no service would."""
    with ledger_guard.off():
        yield


@pytest.fixture(autouse=True)
def _fresh_caches() -> Iterator[None]:
    cache.clear_all()
    keys._cache.clear()
    ids._last = (0, 0)  # a test that travelled to the future must not make the next one's ids come after all others'
    yield
    cache.clear_all()
