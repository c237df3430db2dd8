"""A kept connection is asked whether it lives once a second, and never inside a transaction."""

import pytest
from django.db import connection, transaction

from oms.db import base


@pytest.fixture
def questions(transactional_db: None, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Grows with every `is_usable`, on a connection that is about to be asked."""
    asked: list[int] = []
    usable = base.base.DatabaseWrapper.is_usable

    def count(wrapper: base.DatabaseWrapper) -> bool:
        asked.append(1)
        return bool(usable(wrapper))

    monkeypatch.setattr(base.base.DatabaseWrapper, "is_usable", count)
    connection.ensure_connection()
    connection._seen_alive_at = float("-inf")
    return asked


def _request() -> None:
    """What Django does as a request begins, then a transaction."""
    connection.health_check_enabled = True
    connection.health_check_done = False
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT 1")


def test_asks_once_for_many_requests_of_a_second(questions: list[int]) -> None:
    for _ in range(5):
        _request()

    assert len(questions) == 1


def test_does_not_ask_in_a_request_that_outlasts_the_second(
    questions: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    _request()
    connection.health_check_done = False
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        connection._seen_alive_at = float("-inf")

    assert len(questions) == 1
    assert connection.get_autocommit()


def test_asks_again_after_the_second(questions: list[int]) -> None:
    _request()
    connection._seen_alive_at -= 2
    _request()

    assert len(questions) == 2
