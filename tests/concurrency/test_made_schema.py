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
    """Of a database that nobody else uses: this worker's may have readers left over from other tests."""
    made = f"trial_of_{connection.settings_dict['NAME']}"
    with connection._nodb_cursor() as cursor:
        cursor.execute(f'CREATE DATABASE "{made}"')
    with monkeypatch.context() as trial:
        trial.setattr(made_schema, "_PREFIX", "trial_schema_")
        trial.setitem(connection.settings_dict, "NAME", made)
        yield
        connection.close()
        with connection._nodb_cursor() as cursor:
            for name in [made, *made_schema._kept(cursor)]:
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
