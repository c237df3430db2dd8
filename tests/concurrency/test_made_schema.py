"""The kept schema of the tests: workers whose databases are ready in the same instant."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.db import connection

from tests import made_schema

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(not made_schema.is_wanted(), reason="nothing is left on somebody else's server"),
]
WORKERS = 6


@pytest.fixture(autouse=True)
def _of_a_trial(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(made_schema, "_PREFIX", "trial_schema_")
    yield
    with connection._nodb_cursor() as cursor:
        for name in made_schema._kept(cursor):
            cursor.execute(f'DROP DATABASE "{name}"')


def test_one_of_many_workers_keeps_it() -> None:
    connection.close()
    together = Barrier(WORKERS)

    def keep(_worker: int) -> None:
        together.wait()
        made_schema.keep()

    with ThreadPoolExecutor(WORKERS) as workers:
        list(workers.map(keep, range(WORKERS)))

    with connection._nodb_cursor() as cursor:
        assert made_schema._kept(cursor) == [made_schema._name()]
