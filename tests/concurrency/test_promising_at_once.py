"""Many want the last units of a delivery, while it is received, called off or given back: each unit is promised once."""

from typing import Any

import pytest
from django.db import transaction

from inventory.exposure import Context
from inventory.models import InboundLine, StockLevel
from inventory.services import supply_promises
from inventory.services.inbound import cancel_inbound
from inventory.services.receiving import receive_inbound
from inventory.services.supply_promises import (
    Promised,
    arrived_for,
    exchange_promises,
    promised_to,
    release_arrivals,
    withdraw_promises,
)
from oms.errors import DomainError
from oms.invariants import all_invariants
from oms.transactions import use_case
from tests.concurrency.conftest import Meanwhile
from tests.concurrency.threads import at_once
from tests.factories.inventory import NOW, make_exposure_rule, make_inbound, make_locations, make_products

pytestmark = pytest.mark.django_db(transaction=True)
HANDS = 8


@pytest.fixture(autouse=True)
def shop() -> None:
    make_products("A", "B")
    make_locations("S1", "S2")


def broken() -> list[str]:
    stock = [invariant for invariant in all_invariants() if not invariant.name.startswith("orders")]
    return [sentence for invariant in stock for sentence in invariant.broken()]


def line_of(inbound: str, sku: str = "A") -> int:
    return InboundLine.objects.get(inbound=inbound, product=sku).pk


@use_case
def promise(number: int, *lines: tuple[str, int]) -> bool:
    demand = f"one:{number}"
    now = [Promised(demand, sku, line, 1) for sku, line in lines]
    return exchange_promises([], [(Context(NOW), now)], demands=[demand], since=NOW)


def test_the_last_units_are_promised_once() -> None:
    line = line_of(make_inbound("S1", {"A": 3}))

    answers = at_once(HANDS, lambda number: promise(number, ("A", line)))

    assert answers.count(True) == 3 == InboundLine.objects.get().promised
    assert broken() == []


@pytest.mark.parametrize("is_locked", [True, False])
def test_without_the_lock_more_are_promised_than_come(
    monkeypatch: pytest.MonkeyPatch, meanwhile: Meanwhile, is_locked: bool
) -> None:
    """Somebody is promised the last unit when we have read that it is left, and have not written yet."""
    if not is_locked:
        monkeypatch.setattr(supply_promises, "lock_supply", lambda lines: InboundLine.objects.in_bulk([*lines]))
    line = line_of(make_inbound("S1", {"A": 1}))
    rival = meanwhile(lambda: promise(1, ("A", line)), supply_promises, after="free_supply")

    assert (promise(0, ("A", line)), rival.outcome) == (True, not is_locked)
    assert (broken() == []) is is_locked


@pytest.mark.parametrize("is_locked", [True, False])
def test_without_the_lock_an_asker_is_promised_what_the_rules_keep(
    monkeypatch: pytest.MonkeyPatch, meanwhile: Meanwhile, is_locked: bool
) -> None:
    """More would come, but of two units one is kept."""
    if not is_locked:
        monkeypatch.setattr(supply_promises, "lock_supply", lambda lines: InboundLine.objects.in_bulk([*lines]))
    line = line_of(make_inbound("S1", {"A": 2}))
    make_exposure_rule(keep_share="0.5")
    rival = meanwhile(lambda: promise(1, ("A", line)), supply_promises, after="free_supply")

    assert (promise(0, ("A", line)), rival.outcome) == (True, not is_locked)


def test_deliveries_named_in_any_order_do_not_wait_in_a_circle() -> None:
    lines = [("A", line_of(make_inbound(place, {"A": 100}))) for place in ("S1", "S2")]

    answers = at_once(HANDS, lambda number: promise(number, *(lines if number % 2 else lines[::-1])))

    assert answers == [True] * HANDS
    assert broken() == []


def test_of_receiving_calling_off_and_giving_back_each_unit_ends_in_one_place() -> None:
    for turn in range(5):
        inbound = make_inbound("S1", {"A": 2})
        demand = f"one:{turn}"
        promise(turn, ("A", line_of(inbound)))

        def give_back(demand: str = demand) -> None:
            with transaction.atomic(durable=True):
                back = withdraw_promises({demand: 1})
                release_arrivals([held._replace(demand=demand) for held in back], as_of=NOW)

        def tried(act: Any) -> str:
            try:
                act()
            except DomainError as error:
                return error.code
            return "done"

        acts = [
            lambda inbound=inbound: receive_inbound(inbound_id=inbound, actor="test", as_of=NOW),
            lambda inbound=inbound: cancel_inbound(inbound_id=inbound, actor="test", as_of=NOW),
            give_back,
        ]
        turned = acts[turn % 3 :] + acts[: turn % 3]
        answers = at_once(3, lambda number, turned=turned: tried(turned[number]))

        assert answers.count("done") == 2
        assert promised_to([demand]) == arrived_for([demand]) == []
    assert not StockLevel.objects.exclude(reserved=0).exists()  # no level at all, where each was called off first
    assert broken() == []
