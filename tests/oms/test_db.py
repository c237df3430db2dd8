"""What our database backend does otherwise than Django's: how it asks whether a connection lives, how it sends lists."""

from typing import Any

import pytest
from django.db import DataError, connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

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


_TEXTS = st.lists(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=8), min_size=1)


def _sent(items: list[Any], kind: str) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT %s::{kind}[]", [items])
        return cursor.fetchone()[0]


@given(_TEXTS)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_list_of_texts_arrives_as_it_was(db: None, texts: list[str]) -> None:
    assert _sent(texts, "text") == texts


@pytest.mark.parametrize(
    "texts", [['"'], ["\\"], ['a","b', "c"], ["NULL", "null", ""], ["{a}", " b "], ["é", "\u2003"], ["%s", "a,b"]]
)
def test_signs_that_mean_something_in_an_array_are_but_text(db: None, texts: list[str]) -> None:
    assert _sent(texts, "text") == texts


@pytest.mark.parametrize(
    ("items", "kind"),
    [([], "text"), ([], "int"), ([None], "text"), (["a", None], "text"), ([1, 2], "int"), ([["a"], ["b"]], "text")],
)
def test_other_lists_are_sent_as_psycopg_sends_them(db: None, items: list[Any], kind: str) -> None:
    assert _sent(items, kind) == items


def test_a_nul_in_a_list_is_refused_not_cut_off(db: None) -> None:
    with pytest.raises(DataError), transaction.atomic():
        _sent(["a\0b"], "text")


def test_a_list_of_texts_finds_rows_of_another_kind(db: None) -> None:
    """It says no type of its own, as psycopg's do: the column decides."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 7 = ANY(%s), 'b' = ANY(%s)", [["7", "8"], ["a", "b"]])
        assert cursor.fetchone() == (True, True)
