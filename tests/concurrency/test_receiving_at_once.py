"""Two people before the same boxes, two stores before the same units: each unit is counted in, or sent, once."""

from typing import Any

import pytest

from inventory import locks
from inventory.errors import ChangedMeanwhile, InsufficientStock
from inventory.models import Inbound, InboundLine, StockLevel
from inventory.services import announcements, receiving, transfers
from inventory.services.announcements import Announcement, announce_deliveries
from inventory.services.inbound import cancel_inbound
from inventory.services.receiving import Receipt, receive_inbound
from inventory.services.transfers import send_transfer
from oms.errors import DomainError, IllegalMove
from oms.invariants import all_invariants
from tests.concurrency.conftest import Meanwhile
from tests.concurrency.threads import at_once
from tests.factories.inventory import (
    NOW,
    level,
    make_inbound,
    make_location,
    make_locations,
    make_products,
    set_stock,
    set_stocks,
)

pytestmark = pytest.mark.django_db(transaction=True)
HANDS = 8


@pytest.fixture(autouse=True)
def shop() -> None:
    make_products("A", "B")
    make_locations("S1", "S2", abilities=["receive_transfer"])


def broken() -> list[str]:
    return [sentence for invariant in all_invariants() for sentence in invariant.broken()]


def tried(act: Any) -> str:
    try:
        act()
    except DomainError as error:
        return error.code
    return "done"


def receive(inbound: str, receipts: list[Receipt] | None = None, **values: Any) -> str:
    return tried(lambda: receive_inbound(inbound_id=inbound, receipts=receipts, actor="test", as_of=NOW, **values))


def test_of_many_who_receive_it_in_full_one_does() -> None:
    inbound = make_inbound("S1", {"A": 10, "B": 5})

    answers = at_once(HANDS, lambda _number: receive(inbound))

    assert sorted(answers) == ["done"] + [IllegalMove.code] * (HANDS - 1)
    assert (level("A", "S1").on_hand, level("B", "S1").on_hand) == (10, 5)
    assert broken() == []


def test_what_many_announce_and_send_to_where_it_never_lay_opens_its_levels_once() -> None:
    skus = [f"P{number}" for number in range(20)]
    make_products(*skus)
    make_locations("D1", "D2", abilities=["receive_transfer"])
    set_stocks({(sku, "S1"): 100 for sku in skus})

    def announce(number: int) -> str:
        ours = skus[:: 1 if number % 2 else -1]
        coming = [
            Announcement(place, NOW, [(sku, 1) for sku in ours]) for place in ("D1", "D2")[:: 1 if number % 3 else -1]
        ]
        transfer = Announcement("D2", NOW, [(sku, 1) for sku in ours], origin="S1")
        if number % 4 == 3:
            return tried(lambda: send_transfer(transfer, actor="test", as_of=NOW))
        return tried(lambda: announce_deliveries(coming, actor="test", as_of=NOW))

    assert at_once(HANDS, announce) == ["done"] * HANDS
    assert StockLevel.objects.filter(location__in=["D1", "D2"], on_hand=0, counted_at=None).count() == 40
    assert broken() == []


def test_of_two_who_counted_the_same_boxes_one_is_told_so() -> None:
    inbound = make_inbound("S1", {"A": 10})

    answers = at_once(HANDS, lambda _number: receive(inbound, [Receipt("A", 6)], version=1))

    assert sorted(answers) == [ChangedMeanwhile.code] * (HANDS - 1) + ["done"]
    assert level("A", "S1").on_hand == 6
    assert broken() == []


def test_units_counted_in_at_the_same_moment_all_count() -> None:
    inbound = make_inbound("S1", {"A": 100})
    receive(inbound, [Receipt("A", 1)])

    at_once(HANDS, lambda _number: receive(inbound, [Receipt("A", 1)]))

    assert InboundLine.objects.get().received == 1 + HANDS == level("A", "S1").on_hand
    assert Inbound.objects.get().version == 2 + HANDS
    assert broken() == []


@pytest.mark.parametrize("is_locked", [True, False])
def test_without_the_lock_some_of_them_are_lost(
    monkeypatch: pytest.MonkeyPatch, meanwhile: Meanwhile, is_locked: bool
) -> None:
    """Somebody counts one in when we have read how many there were, and have not written yet."""

    def unlocked(inbound_id: str) -> tuple[Inbound, list[InboundLine]]:
        return Inbound.objects.get(pk=inbound_id), list(InboundLine.objects.filter(inbound=inbound_id))

    inbound = make_inbound("S1", {"A": 100})
    receive(inbound, [Receipt("A", 1)])
    if not is_locked:
        monkeypatch.setattr(receiving, "lock_inbound", unlocked)
    rival = meanwhile(lambda: receive(inbound, [Receipt("A", 1)]), receiving, after="lock_inbound")

    assert (receive(inbound, [Receipt("A", 1)]), rival.outcome) == ("done", "done")
    assert level("A", "S1").on_hand == 3
    assert InboundLine.objects.get().received == (3 if is_locked else 2)
    assert (broken() == []) is is_locked


def send(number: int) -> str:
    transfer = Announcement("S2", NOW, [("A", 2)], origin="S1")
    return tried(lambda: send_transfer(transfer, actor=f"test:{number}", as_of=NOW))


def test_no_more_is_sent_than_is_there() -> None:
    set_stock("A", "S1", 5)

    answers = at_once(HANDS, send)

    assert sorted(answers) == ["done"] * 2 + [InsufficientStock.code] * (HANDS - 2)
    assert level("A", "S1").on_hand == 1
    assert broken() == []


@pytest.mark.parametrize("is_locked", [True, False])
def test_without_the_lock_more_is_sent_than_is_there(
    levels_may_lie: None, monkeypatch: pytest.MonkeyPatch, meanwhile: Meanwhile, is_locked: bool
) -> None:
    """Somebody sends two of three when we have weighed ours, and have not written yet."""
    if not is_locked:
        monkeypatch.setattr(locks, "_LOCK", locks._LOCK.replace(locks.LOCKED, ""))
    rival = meanwhile(lambda: send(1), transfers, after="sendable_units")
    set_stocks({("A", "S1"): 3, ("A", "S2"): 1})  # a level that is opened would have them wait for each other, too

    assert (send(0), rival.outcome) == ("done", InsufficientStock.code if is_locked else "done")
    assert level("A", "S1").on_hand == 1
    assert (broken() == []) is is_locked


def test_transfers_in_both_directions_do_not_wait_in_a_circle() -> None:
    set_stocks({(sku, place): 50 for sku in ("A", "B") for place in ("S1", "S2")})

    def cross(number: int) -> str:
        ends = ("S1", "S2") if number % 2 else ("S2", "S1")
        lines = [("A", 1), ("B", 1)] if number % 3 else [("B", 1), ("A", 1)]
        transfer = Announcement(ends[1], NOW, lines, origin=ends[0])
        return receive(send_transfer(transfer, actor="test", as_of=NOW)["inbound"])

    assert at_once(HANDS, cross) == ["done"] * HANDS
    assert sum(level(sku, place).on_hand for sku in ("A", "B") for place in ("S1", "S2")) == 200
    assert broken() == []


def test_one_delivery_announced_by_many_at_once_is_one() -> None:
    def announce(number: int) -> list[str]:
        rows = [Announcement("S1", NOW, [("A", 1)], source="erp", external_id=f"PO-{n}") for n in range(5)]
        made = announce_deliveries(rows[:: -1 if number % 2 else 1], actor="test", as_of=NOW)
        return [result.status for result in made]

    answers = [status for statuses in at_once(HANDS, announce) for status in statuses]

    assert sorted(answers) == [announcements.CREATED] * 5 + [announcements.DUPLICATE] * (5 * HANDS - 5)
    assert Inbound.objects.count() == 5 == InboundLine.objects.count()


def test_of_receiving_and_calling_back_one_wins() -> None:
    make_location("S1", abilities=["receive_transfer"])
    set_stock("A", "S1", 9)

    for _round in range(6):
        transfer = Announcement("S2", NOW, [("A", 1)], origin="S1")
        inbound = send_transfer(transfer, actor="test", as_of=NOW)["inbound"]

        acts = (
            lambda inbound=inbound: receive(inbound),
            lambda inbound=inbound: tried(lambda: cancel_inbound(inbound_id=inbound, actor="test", as_of=NOW)),
        )
        answers = at_once(2, lambda number, acts=acts: acts[number]())

        assert sorted(answers) == ["done", IllegalMove.code]
    assert level("A", "S1").on_hand + level("A", "S2").on_hand == 9
    assert broken() == []
