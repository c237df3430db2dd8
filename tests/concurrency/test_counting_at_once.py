"""Several people count and decide at the same moment: nothing said is lost, and each difference is decided once."""

from typing import Any

import pytest

from inventory.errors import CountNotOpen, NothingWaits
from inventory.models import CountLine, CountSession, StockLevel, StockMovement
from inventory.services import (
    Approver,
    Scan,
    Scope,
    approve_count,
    count_approval,
    counting,
    open_count,
    record_scans,
    reject_differences,
    submit_count,
)
from oms.clock import now
from oms.errors import DomainError
from oms.models import Event
from tests.concurrency.conftest import Meanwhile
from tests.concurrency.threads import at_once, both
from tests.factories.inventory import make_location, make_products, set_stocks

pytestmark = pytest.mark.django_db(transaction=True)
ROUNDS = 4
MAX, OLGA = Approver("user:max", is_headquarters=True), Approver("user:olga", is_headquarters=True)


@pytest.fixture(autouse=True)
def shelves(transactional_db: None) -> None:
    make_location("S")
    make_products("A", "B")
    set_stocks({("A", "S"): 10, ("B", "S"): 10})


def opened() -> str:
    return str(open_count(location="S", scope=Scope(), actor="user:lea", as_of=now()))


def say(count: str, *scans: Scan, actor: str = "user:lea") -> Any:
    return record_scans(session_id=count, scans=scans, actor=actor, as_of=now())


def differing(units: int = 3) -> str:
    """A count in which both articles wait."""
    count = opened()
    say(count, Scan("a", "A", units, is_total=True), Scan("b", "B", 1, is_total=True))
    submit_count(session_id=count, actor="user:lea", as_of=now())
    return count


def without_waiting(monkeypatch: pytest.MonkeyPatch, module: Any) -> None:
    monkeypatch.setattr(module, "lock_count", lambda pk: CountSession.objects.get(pk=pk))


# ---- scans ----------------------------------------------------------------------------------------


def beep_at_once(count: str) -> int:
    """Four people beep the same article five times each; returns what the line says."""

    def person(number: int) -> None:
        for beep in range(5):
            say(count, Scan(f"{number}-{beep}", "A", 1), actor=f"user:{number}")

    at_once(4, person)
    return CountLine.objects.get(session=count).units


def test_every_beep_of_everybody_counts() -> None:
    assert beep_at_once(opened()) == 20


@pytest.mark.parametrize(("takes_turns", "units"), [(True, 3), (False, 2)])
def test_without_taking_turns_a_beep_is_lost(
    monkeypatch: pytest.MonkeyPatch, meanwhile: Meanwhile, takes_turns: bool, units: int
) -> None:
    """Somebody beeps when our beep is added up, but not yet committed."""
    count = opened()
    say(count, Scan("first", "A", 1))
    if not takes_turns:
        without_waiting(monkeypatch, counting)
    rival = meanwhile(lambda: say(count, Scan("theirs", "A", 1), actor="user:max"), counting, after="_add_up")

    say(count, Scan("ours", "A", 1))

    assert [result.status for result in rival.outcome] == ["counted"]
    assert CountLine.objects.get(session=count).units == units


def test_one_phone_that_sends_its_scans_twice_at_once_counts_them_once() -> None:
    count = opened()
    scans = [Scan(f"s{n}", "A", 1) for n in range(20)]

    answers = at_once(4, lambda _number: say(count, *scans))

    assert sorted(result.status for answer in answers for result in answer) == ["counted"] * 20 + ["duplicate"] * 60
    assert CountLine.objects.get(session=count).units == 20


def test_a_scan_is_part_of_what_is_submitted_or_is_refused() -> None:
    for _round in range(ROUNDS):
        count = opened()
        say(count, Scan("first", "A", 4))

        def late(count: str = count) -> bool:
            try:
                say(count, Scan("late", "A", 1))
            except CountNotOpen:
                return False
            return True

        was_counted, _submitted = both(
            late, lambda count=count: submit_count(session_id=count, actor="user:lea", as_of=now())
        )

        line = CountLine.objects.get(session=count)
        assert (line.status, line.units) == ("waiting", 5 if was_counted else 4)


# ---- decisions ------------------------------------------------------------------------------------


def try_to(decide: Any) -> bool:
    try:
        decide()
    except DomainError:
        return False
    return True


def approve(count: str) -> bool:
    return try_to(lambda: approve_count(session_id=count, skus=["A"], approver=MAX, as_of=now()))


def reject(count: str) -> bool:
    return try_to(lambda: reject_differences(session_id=count, skus=["A"], approver=OLGA, as_of=now()))


def units() -> int:
    return StockLevel.objects.get(product="A").on_hand


def line_of(count: str) -> str:
    return CountLine.objects.get(session=count, product="A").status


def test_of_approving_and_rejecting_exactly_one_happens(invariants_hold: Any) -> None:
    """B waits on."""
    for _round in range(ROUNDS):
        before = units()
        count = differing(before + 5)

        is_approved, is_rejected = both(lambda count=count: approve(count), lambda count=count: reject(count))

        assert is_approved != is_rejected
        assert (line_of(count), units()) == (("applied", before + 5) if is_approved else ("rejected", before))
    invariants_hold()


@pytest.mark.parametrize("takes_turns", [True, False])
def test_without_taking_turns_both_happen(
    monkeypatch: pytest.MonkeyPatch, meanwhile: Meanwhile, takes_turns: bool
) -> None:
    """Somebody rejects what we are about to approve."""
    count = differing(15)
    if not takes_turns:
        without_waiting(monkeypatch, count_approval)
    rival = meanwhile(lambda: reject(count), count_approval, after="_waiting")

    assert (approve(count), rival.outcome) == (True, not takes_turns)
    assert (line_of(count), units()) == ("applied", 15)


def test_approving_twice_at_once_applies_once(invariants_hold: Any) -> None:
    count = differing()

    def approve(number: int) -> bool:
        try:
            approve_count(session_id=count, approver=(MAX, OLGA)[number % 2], as_of=now())
        except NothingWaits:
            return False
        return True

    answers = at_once(6, approve)

    assert sum(answers) in (3, 4, 5)  # whoever came first, and who repeated their own approval
    assert (units(), StockMovement.objects.filter(reference=count).count()) == (3, 2)
    assert Event.objects.filter(subject=count, type="inventory.count.approved").count() == 1
    invariants_hold()
