"""Writers commit out of order, several relays run at once: the feed has no gaps and nobody misses anything."""

import threading
import time
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.db import transaction

from oms import outbox
from oms.clock import now
from oms.models import Event
from oms.outbox import Fact, publish
from tests.concurrency.threads import Rival, at_once

pytestmark = pytest.mark.django_db(transaction=True)

heard: list[tuple[int, str]] = []


@pytest.fixture
def listener(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """One subscriber to everything, alone in this process."""
    heard.clear()
    monkeypatch.setattr(outbox, "_subscribers", {})
    monkeypatch.setattr(outbox, "_LEASE", timedelta(hours=1))  # nobody is thought dead who is only slow
    outbox.subscribe("test.listener", "test.thing.happened")(
        lambda event: heard.append((event.position, event.subject))
    )
    yield


def _publish(subject: str, *, commit_after: float = 0) -> None:
    with transaction.atomic():
        publish([Fact("test.thing.happened", subject, subject, "test")], as_of=now())
        time.sleep(commit_after)


def test_who_writes_first_and_commits_last_comes_last_and_is_not_skipped(listener: None) -> None:
    def overtake() -> list[tuple[int, str]]:
        _publish("quick")
        outbox.relay(as_of=now())
        return list(heard)

    rival = Rival(overtake)
    with transaction.atomic():
        publish([Fact("test.thing.happened", "slow", "slow", "test")], as_of=now())
        rival()
    outbox.relay(as_of=now())

    assert rival.outcome == [(1, "quick")]
    assert heard == [(1, "quick"), (2, "slow")]
    assert list(Event.objects.order_by("id").values_list("subject", "position")) == [("slow", 2), ("quick", 1)]


def test_relays_and_writers_at_once_leave_no_gap_and_deliver_everything_in_order(listener: None) -> None:
    writers, relays, each = 4, 3, 15
    writing = threading.Semaphore(0)

    def work(number: int) -> None:
        if number < writers:
            for index in range(each):
                _publish(f"{number}-{index}", commit_after=0.003 * (index % 3))
            writing.release()
        else:
            while writing._value < writers:
                outbox.relay(as_of=now())

    at_once(writers + relays, work)
    outbox.relay(as_of=now())

    total = writers * each
    assert list(Event.objects.order_by("position").values_list("position", flat=True)) == list(range(1, total + 1))
    assert Counter(subject for _position, subject in heard) == {
        f"{number}-{index}": 1 for number in range(writers) for index in range(each)
    }
    assert [position for position, _subject in heard] == list(range(1, total + 1))
    for number in range(writers):
        assert [s for _p, s in heard if s.startswith(f"{number}-")] == [f"{number}-{index}" for index in range(each)]


def test_a_relay_that_died_with_the_cursor_is_followed_after_its_lease(listener: None) -> None:
    _publish("one")
    outbox.stamp_positions()
    outbox._lease("test.listener", as_of=now())  # and then it is killed

    delivered_while_leased = outbox.relay(as_of=now())
    outbox.relay(as_of=now() + outbox._LEASE * 1.1)

    assert delivered_while_leased == 0
    assert heard == [(1, "one")]
