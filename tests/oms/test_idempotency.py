"""A key makes one thing, however often it comes."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import connection

from oms.errors import Conflict, IdempotencyInProgress, IdempotencyKeyReused
from oms.idempotency import Once, fingerprint, idempotent
from oms.models import IdempotencyRecord
from oms.transactions import use_case
from tests.concurrency.threads import Rival

pytestmark = pytest.mark.django_db(transaction=True)
NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
made: list[int] = []


@use_case
@idempotent
def make(*, number: int, as_of: datetime, meanwhile: Callable[[], None] = lambda: None) -> dict[str, int]:
    made.append(number)
    meanwhile()
    if number < 0:
        raise Conflict("not now")
    return {"number": number}


@pytest.fixture(autouse=True)
def _nothing_made() -> None:
    made.clear()


def once(body: Any, *, key: str = "k1", scope: str = "key:web things") -> Once:
    return Once(scope, key, fingerprint(body))


def test_a_repeat_gets_the_first_result_and_makes_nothing() -> None:
    first = make(number=1, as_of=NOW, once=once({"n": 1}))
    again = make(number=2, as_of=NOW, once=once({"n": 1}))

    assert (first, again) == ({"number": 1}, {"number": 1})
    assert made == [1]


def test_without_a_key_everything_is_made() -> None:
    assert [make(number=n, as_of=NOW) for n in (1, 1)] == [{"number": 1}, {"number": 1}]
    assert made == [1, 1]
    assert IdempotencyRecord.objects.count() == 0


def test_the_same_key_in_another_scope_is_another_key() -> None:
    make(number=1, as_of=NOW, once=once({}, scope="key:web things"))
    make(number=2, as_of=NOW, once=once({}, scope="key:pos things"))

    assert made == [1, 2]


def test_the_same_key_for_another_body_is_refused() -> None:
    make(number=1, as_of=NOW, once=once({"n": 1}))

    with pytest.raises(IdempotencyKeyReused):
        make(number=1, as_of=NOW, once=once({"n": 2}))

    assert made == [1]


def test_a_fingerprint_does_not_depend_on_the_order_of_fields() -> None:
    assert fingerprint({"a": 1, "b": [1, 2]}) == fingerprint({"b": [1, 2], "a": 1})
    assert fingerprint({"b": [1, 2]}) != fingerprint({"b": [2, 1]})


def test_a_refusal_leaves_no_memory_and_is_judged_afresh() -> None:
    with pytest.raises(Conflict):
        make(number=-1, as_of=NOW, once=once({"n": 1}))

    assert IdempotencyRecord.objects.count() == 0
    assert make(number=1, as_of=NOW, once=once({"n": 1})) == {"number": 1}


def test_a_second_request_waits_for_the_first_and_gets_its_result() -> None:
    second = Rival(lambda: make(number=2, as_of=NOW, once=once({})))

    assert make(number=1, as_of=NOW, once=once({}), meanwhile=second) == {"number": 1}

    assert second.outcome == {"number": 1}
    assert made == [1]


def test_who_waits_for_one_that_is_refused_is_judged_itself() -> None:
    second = Rival(lambda: make(number=2, as_of=NOW, once=once({})))

    with pytest.raises(Conflict):
        make(number=-1, as_of=NOW, once=once({}), meanwhile=second)

    assert second.outcome == {"number": 2}
    assert made == [-1, 2]


def test_a_wait_that_is_too_long_ends_in_progress() -> None:
    def impatient() -> None:
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = '100ms'")
        with pytest.raises(IdempotencyInProgress):
            make(number=2, as_of=NOW, once=once({}))

    second = Rival(impatient)

    def until_it_has_given_up() -> None:
        second()
        assert second.outcome is None

    make(number=1, as_of=NOW, once=once({}), meanwhile=until_it_has_given_up)

    assert made == [1]
