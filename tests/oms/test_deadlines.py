"""What is due is done exactly once, whoever is killed and whoever fails."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection, transaction

from oms import deadlines
from oms.deadlines import AlreadyActed, Claimed, Due
from oms.models import Deadline, Event
from oms.outbox import Fact, publish
from oms.transactions import use_case

pytestmark = pytest.mark.django_db(transaction=True)
NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


def after(**delta: float) -> datetime:
    return NOON + timedelta(**delta)


def schedule(*subjects: str, kind: str = "test.ring", due_at: datetime = NOON, generation: int = 1) -> None:
    with transaction.atomic():
        deadlines.schedule([Due(kind, subject, due_at, generation) for subject in subjects])


def sweep(at: datetime) -> int:
    return deadlines.sweep(now=lambda: at)


def rung() -> list[str]:
    return list(Event.objects.filter(type="test.rung").order_by("id").values_list("subject", flat=True))


@use_case
def ring(deadline: Claimed, as_of: datetime) -> None:
    publish([Fact("test.rung", deadline.subject, deadline.subject, "test")], as_of=as_of)
    deadlines.finish(deadline)


@pytest.fixture(autouse=True)
def handlers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deadlines, "_handlers", {})
    deadlines.on_deadline("test.ring")(ring)


def test_only_what_is_due_rings_and_the_earliest_first() -> None:
    schedule("third", due_at=after(seconds=2))
    schedule("first", due_at=after(seconds=-9))
    schedule("second")

    assert (sweep(after(seconds=1)), rung()) == (2, ["first", "second"])
    assert (sweep(after(seconds=1)), sweep(after(seconds=3))) == (0, 1)
    assert rung() == ["first", "second", "third"]


def test_who_finishes_second_is_rolled_back() -> None:
    schedule("a")
    (claimed,) = deadlines.claim(as_of=NOON)

    ring(claimed, NOON)
    with pytest.raises(AlreadyActed):
        ring(claimed, NOON)

    assert rung() == ["a"]


def test_a_killed_sweeper_delays_what_it_had_claimed_by_its_lease() -> None:
    schedule("a")
    deadlines.claim(as_of=NOON)  # and then it is killed

    assert sweep(after(seconds=19)) == 0
    assert sweep(after(seconds=20)) == 1
    assert rung() == ["a"]


def test_one_that_fails_comes_again_after_growing_pauses_and_hinders_nobody() -> None:
    attempts = []

    def fail(deadline: Claimed, as_of: datetime) -> None:
        attempts.append(deadline.attempts)
        raise RuntimeError("the carrier is away")

    deadlines.on_deadline("test.fail")(fail)
    schedule("broken", kind="test.fail", due_at=after(seconds=-1))
    schedule("fine")

    at, pauses = NOON, []
    for _attempt in range(12):
        assert sweep(at) >= 1
        retry_at = Deadline.objects.get(subject="broken").retry_at
        pauses.append((retry_at - at).total_seconds())
        assert sweep(retry_at - timedelta(milliseconds=1)) == 0
        at = retry_at

    assert rung() == ["fine"]
    assert attempts == list(range(1, 13))
    assert pauses == [2, 4, 8, 16, 32, 64, 128, 256, 512, 600, 600, 600]


def test_a_kind_nobody_knows_waits_for_a_newer_worker() -> None:
    schedule("a", kind="test.from_the_future")
    schedule("b")

    assert sweep(NOON) == 2

    assert rung() == ["b"]
    assert Deadline.objects.get(subject="a").done_at is None


def test_a_new_generation_silences_the_old_one() -> None:
    schedule("a")
    (old,) = deadlines.claim(as_of=NOON)  # a sweeper has it in hand already

    with transaction.atomic():
        deadlines.retime("test.ring", "a", after(minutes=5), as_of=NOON)

    with pytest.raises(AlreadyActed):
        ring(old, NOON)
    assert sweep(after(minutes=4)) == 0
    assert sweep(after(minutes=5)) == 1
    assert rung() == ["a"]
    assert list(Deadline.objects.order_by("id").values_list("generation", flat=True)) == [1, 2]


def test_a_generation_exists_once() -> None:
    schedule("a")

    with pytest.raises(Exception, match="a_deadline_exists_once_per_generation"):
        schedule("a")


def test_what_was_dropped_does_not_ring() -> None:
    deadlines.on_deadline("test.other")(ring)
    schedule("a", "b")
    schedule("a", kind="test.other")

    with transaction.atomic():
        deadlines.drop(["a"], as_of=NOON, kinds=["test.ring"])

    assert sweep(NOON) == 2
    assert sorted(rung()) == ["a", "b"]
    assert Deadline.objects.filter(done_at=None).count() == 0


def test_a_batch_is_limited_and_the_rest_stays_due() -> None:
    schedule("a", "b", "c")

    assert [len(deadlines.claim(as_of=NOON, limit=2)) for _ in range(3)] == [2, 1, 0]


def test_a_batch_is_limited_though_the_database_takes_the_table_for_empty() -> None:
    """It then looks at what is due once for each row of the table; a plain subquery would each time lock as many more."""
    schedule("a")
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE oms_deadline")
    schedule("b", "c", "d", "e")

    assert [len(deadlines.claim(as_of=NOON, limit=2)) for _ in range(4)] == [2, 2, 1, 0]


def test_two_handlers_of_one_kind_are_refused() -> None:
    with pytest.raises(ValueError, match="two handlers"):
        deadlines.on_deadline("test.ring")(ring)
