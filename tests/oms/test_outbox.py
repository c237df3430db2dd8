"""Facts reach each subscriber at least once and in order; one that fails delays only itself."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import transaction

from oms import outbox, set_aside
from oms.models import Event, SetAside, Subscription
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


class Poison:
    """A subscriber that cannot take in these subjects, until it is healed."""

    def __init__(self, *subjects: str):
        self.subjects = set(subjects)
        self.tries: list[str] = []
        self.heard: list[str] = []

    def __call__(self, event: Event) -> None:
        self.tries.append(event.subject)
        if event.subject in self.subjects:
            raise RuntimeError(f"{event.subject} is too much")
        self.heard.append(event.subject)


@pytest.fixture
def poison() -> Poison:
    handler = Poison("b")
    outbox.subscribe("test.poisoned", "test.thing.made")(handler)
    return handler


def tell_of(root: str, *subjects: str) -> None:
    with transaction.atomic():
        publish([Fact("test.thing.made", subject, root, "test") for subject in subjects], as_of=NOON)


def relay_until_quiet() -> list[float]:
    """Relay whenever something is due; returns the pauses that were taken."""
    at, pauses = NOON, []
    while True:
        relay(at)
        retry_at = Subscription.objects.get(name="test.poisoned").retry_at
        if retry_at is None:
            return pauses
        pauses.append((retry_at - at).total_seconds())
        at = retry_at


def standing() -> list[tuple[str, int]]:
    rows = SetAside.objects.filter(ended_at=None).order_by("event__position")
    return list(rows.values_list("event__subject", "attempts"))


def test_poison_is_set_aside_after_growing_pauses_and_the_rest_goes_on(poison: Poison) -> None:
    fine = listen("test.fine")
    tell_of("one", "a", "b")
    tell_of("two", "c")

    pauses = relay_until_quiet()

    assert pauses == [1, 2, 4, 8, 16, 32, 64]
    assert poison.tries == ["a", *["b"] * 8, "c"]
    assert (poison.heard, fine) == (["a", "c"], ["a", "b", "c"])
    assert standing() == [("b", 8)]
    assert SetAside.objects.get().error == "RuntimeError: b is too much"
    assert Subscription.objects.get(name="test.poisoned").position == 3


def test_pauses_end_at_five_minutes(monkeypatch: pytest.MonkeyPatch, poison: Poison) -> None:
    monkeypatch.setattr(outbox, "ATTEMPTS", 12)
    tell_of("one", "b")

    assert relay_until_quiet()[-3:] == [256, 300, 300]


def test_nothing_of_the_same_root_overtakes_what_stands_aside(poison: Poison) -> None:
    tell_of("one", "b", "d")
    tell_of("two", "c")
    relay_until_quiet()
    tell_of("one", "e")
    relay(NOON)

    assert poison.heard == ["c"]
    assert standing() == [("b", 8), ("d", 0), ("e", 0)]


def test_tried_again_all_are_taken_in_their_order(poison: Poison) -> None:
    tell_of("one", "b", "d")
    relay_until_quiet()
    tell_of("one", "e")
    relay(NOON)
    poison.subjects.clear()

    waiting = set_aside.try_again(ids=[SetAside.objects.first().pk], actor="user:eva", as_of=NOON)
    relay(NOON)
    tell_of("one", "f")
    relay(NOON)

    assert waiting == 3
    assert poison.heard == ["b", "d", "e", "f"]
    assert standing() == []
    assert set(SetAside.objects.values_list("outcome", "asked_by", "ended_at")) == {("handled", "user:eva", NOON)}


def test_tried_again_in_vain_it_stays_and_so_does_what_waits_behind_it(poison: Poison) -> None:
    tell_of("one", "b", "d")
    tell_of("two", "c")
    relay_until_quiet()

    set_aside.try_again(ids=SetAside.objects.values_list("pk", flat=True), actor="user:eva", as_of=NOON)
    for _ in range(3):
        relay(NOON)

    assert poison.tries.count("b") == 9
    assert poison.heard == ["c"]
    assert standing() == [("b", 9), ("d", 0)]


def test_left_out_it_is_never_heard_and_the_others_go_on(poison: Poison) -> None:
    tell_of("one", "b", "d")
    relay_until_quiet()

    left = set_aside.leave_out(ids=[SetAside.objects.get(event__subject="b").pk], actor="user:eva", as_of=NOON)
    again = set_aside.leave_out(ids=[SetAside.objects.get(event__subject="b").pk], actor="user:zoe", as_of=NOON)
    relay(NOON)

    assert (left, again) == (1, 0)
    assert poison.heard == ["d"]
    assert list(SetAside.objects.order_by("id").values_list("outcome", "asked_by")) == [
        ("left_out", "user:eva"),
        ("handled", ""),
    ]


def test_what_was_put_behind_one_that_has_just_ended_is_not_forgotten(poison: Poison) -> None:
    tell_of("one", "b", "d")
    relay_until_quiet()
    SetAside.objects.filter(event__subject="b").update(ended_at=NOON, outcome="left_out")  # while the relay was busy

    relay(NOON)

    assert poison.heard == ["d"]


def test_a_relay_that_lost_its_lease_sets_nothing_aside(poison: Poison, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox, "ATTEMPTS", 1)
    later = NOON + timedelta(minutes=1)

    def taken_over(event: Event) -> None:
        Subscription.objects.filter(name="test.slow").update(leased_until=later)
        raise RuntimeError("late")

    outbox.subscribe("test.slow", "test.thing.made")(taken_over)
    tell_of("one", "x")

    relay(NOON)

    assert not SetAside.objects.filter(subscriber="test.slow").exists()
    assert Subscription.objects.get(name="test.slow").position == 0


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
