"""Facts reach each subscriber at least once and in order; one that fails delays only itself."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import transaction

from oms import outbox
from oms.models import Event, Subscription
from oms.outbox import Fact, publish

pytestmark = pytest.mark.django_db(transaction=True)
NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox, "_subscribers", {})


def tell(*subjects: str, kind: str = "test.thing.made") -> None:
    with transaction.atomic():
        publish([Fact(kind, subject, "root", "test", {"name": subject}) for subject in subjects], as_of=NOON)


def relay(at: datetime = NOON) -> int:
    return outbox.relay(as_of=at)


def listen(name: str, *types: str) -> list[str]:
    heard: list[str] = []
    outbox.subscribe(name, *(types or ("test.thing.made",)))(lambda event: heard.append(event.subject))
    return heard


def test_a_fact_of_a_transaction_that_failed_never_was() -> None:
    with pytest.raises(RuntimeError), transaction.atomic():
        publish([Fact("test.thing.made", "a", "a", "test")], as_of=NOON)
        raise RuntimeError

    assert Event.objects.count() == 0


def test_facts_keep_the_order_in_which_they_were_told() -> None:
    heard = listen("test.one")
    tell("a", "b")
    tell("c")

    assert relay() == 3

    assert heard == ["a", "b", "c"]
    assert list(Event.objects.order_by("id").values_list("position", "payload")) == [
        (1, {"name": "a"}),
        (2, {"name": "b"}),
        (3, {"name": "c"}),
    ]
    assert relay() == 0


def test_each_subscriber_hears_its_types_only() -> None:
    made, ended = listen("test.made"), listen("test.ended", "test.thing.ended")
    tell("a")
    tell("b", kind="test.thing.ended")
    tell("c")

    relay()

    assert (made, ended) == (["a", "c"], ["b"])
    assert set(Subscription.objects.values_list("position", flat=True)) == {3}


def test_one_that_fails_gets_the_event_again_after_a_pause_and_nothing_overtakes_it() -> None:
    fine = listen("test.fine")
    tries: list[str] = []

    def fail_twice_at_b(event: Event) -> None:
        tries.append(event.subject)
        if event.subject == "b" and tries.count("b") < 3:
            raise RuntimeError("not yet")

    outbox.subscribe("test.failing", "test.thing.made")(fail_twice_at_b)
    tell("a", "b", "c")

    relay()
    relay()  # too early: it is backing off
    relay(NOON + timedelta(seconds=1))
    relay(NOON + timedelta(seconds=3))

    assert tries == ["a", "b", "b", "b", "c"]
    assert fine == ["a", "b", "c"]
    assert Subscription.objects.get(name="test.failing").failures == 0


def test_poison_delays_only_its_subscriber_and_its_pauses_end_at_five_minutes() -> None:
    def fail(event: Event) -> None:
        raise RuntimeError("never")

    outbox.subscribe("test.poisoned", "test.thing.made")(fail)
    fine = listen("test.fine")
    at, pauses = NOON, []
    for number in range(60):
        tell(str(number))
        relay(at)
        retry_at = Subscription.objects.get(name="test.poisoned").retry_at
        pauses.append((retry_at - at).total_seconds())
        at = retry_at

    assert fine == [str(number) for number in range(60)]
    assert pauses == [1, 2, 4, 8, 16, 32, 64, 128, 256, *[300] * 51]
    assert Subscription.objects.get(name="test.poisoned").position == 0


def test_a_relay_killed_between_handling_and_writing_it_down_repeats_the_event() -> None:
    heard = listen("test.one")
    tell("a")
    relay()
    Subscription.objects.update(position=0)  # what the killed one had not written

    relay()

    assert heard == ["a", "a"]


def test_many_events_arrive_in_batches_without_a_gap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox, "_BATCH", 3)
    heard = listen("test.one")
    tell(*(str(number) for number in range(40)))

    while relay():
        pass

    assert heard == [str(number) for number in range(40)]
    assert list(Event.objects.order_by("position").values_list("position", flat=True)) == list(range(1, 41))


def test_two_subscribers_of_one_name_are_refused() -> None:
    listen("test.one")

    with pytest.raises(ValueError, match="two subscribers"):
        listen("test.one")


def test_a_relay_that_outlived_its_lease_does_not_move_the_cursor_back(transactional_db: None) -> None:
    Subscription.objects.create(name="slow", position=7, leased_until=NOON)
    state = Subscription.objects.get(name="slow")
    Subscription.objects.filter(name="slow").update(position=9, leased_until=NOON + timedelta(seconds=30))

    with pytest.raises(outbox._LeaseLost):
        outbox._save(state, position=8)

    assert Subscription.objects.get(name="slow").position == 9
