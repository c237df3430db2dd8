"""Whatever happens to a level, it says what a few lines of plain arithmetic say, and its books balance."""

from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from inventory.errors import NotReserved
from inventory.queries import sellable_units
from inventory.services import (
    Held,
    StockEvent,
    Want,
    apply_stock_events,
    consume_reservations,
    mark_damaged,
    mark_suspect,
    release_reservations,
)
from oms.invariants import all_invariants
from tests.factories import inventory as factory
from tests.factories.inventory import ANYONE, NOW, level, make_location, make_product

pytestmark = pytest.mark.django_db

SAFETY = 2
in_the_database = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(autouse=True)
def shelf(db):
    make_product("A")
    make_location("S", safety_stock=SAFETY)


@dataclass
class Shelf:
    """The model: one level, and what each demand holds of it."""

    on_hand: int = 0
    damaged: int = 0
    suspect: bool = False
    held: dict = field(default_factory=dict)

    @property
    def sellable(self):
        return 0 if self.suspect else max(0, self.on_hand - self.damaged - sum(self.held.values()) - SAFETY)


def reserve(shelf, number, demand, units):
    refused = factory.reserve(Want(demand, "A", "S", units))
    assert bool(refused) == (units > shelf.sellable)
    if not refused:
        shelf.held[demand] = shelf.held.get(demand, 0) + units


def let_go(shelf, demand, units, act):
    """True if it was held; a refusal changes nothing."""
    if shelf.held.get(demand, 0) >= units:
        act()
        shelf.held[demand] -= units
        return True
    with pytest.raises(NotReserved), transaction.atomic():
        act()
    return False


def release(shelf, number, demand, units):
    let_go(shelf, demand, units, lambda: release_reservations([Held(demand, "A", "S", units)], as_of=NOW))


def consume(shelf, number, demand, units):
    def act():
        consume_reservations([Held(demand, "A", "S", units)], cause="shipped", reference="f", actor="t", as_of=NOW)

    if let_go(shelf, demand, units, act):
        shelf.on_hand -= units


def tell(number, kind, units):
    event = StockEvent(f"e{number}", "A", "S", kind, units, NOW + timedelta(seconds=number))
    later = NOW + timedelta(hours=1)
    assert [r.status for r in apply_stock_events([event], source="t", actor="t", as_of=later)] == ["applied"]


def sell(shelf, number, demand, units):
    tell(number, "delta", -units)
    shelf.on_hand -= units


def receive(shelf, number, demand, units):
    tell(number, "delta", units)
    shelf.on_hand += units


def count(shelf, number, demand, units):
    tell(number, "count", units)
    shelf.on_hand, shelf.suspect = units, False
    shelf.damaged = min(shelf.damaged, units)  # no more than were found


def miss(shelf, number, demand, units):
    mark_suspect([("A", "S")], reference="f", actor="t", as_of=NOW)
    shelf.suspect = True


def damage(shelf, number, demand, units):
    mark_damaged([("A", "S", units)], reference="f", actor="t", as_of=NOW)
    shelf.damaged += units


acts = st.tuples(
    st.sampled_from([reserve, reserve, release, consume, sell, receive, count, miss, damage]),
    st.sampled_from(["line:1", "line:2"]),
    st.integers(1, 6),
)


@in_the_database
@given(acts=st.lists(acts, max_size=15))
def test_a_level_agrees_with_plain_arithmetic(acts):
    with transaction.atomic():
        shelf = Shelf()
        count(shelf, 0, "", 10)
        for number, (act, demand, units) in enumerate(acts, start=1):
            act(shelf, number, demand, units)

            row = level("A", "S")
            assert (row.on_hand, row.damaged, row.reserved) == (shelf.on_hand, shelf.damaged, sum(shelf.held.values()))
            assert sellable_units(["A"], context=ANYONE)["A"].get("S", 0) == shelf.sellable
        assert [sentence for invariant in all_invariants() for sentence in invariant.broken()] == []
        transaction.set_rollback(True)


happenings = st.lists(
    st.one_of(st.tuples(st.just("delta"), st.integers(-5, 5)), st.tuples(st.just("count"), st.integers(0, 20))),
    min_size=1,
    max_size=8,
)


@in_the_database
@given(happenings=happenings, data=st.data())
def test_events_may_come_late_twice_and_in_any_order(happenings, data):
    events = [
        StockEvent(f"e{number}", "A", "S", kind, units, NOW + timedelta(seconds=number))
        for number, (kind, units) in enumerate(happenings)
    ]
    expected = 0
    for kind, units in happenings:
        expected = units if kind == "count" else expected + units

    with transaction.atomic():
        left = data.draw(st.permutations(events + events))
        while left:
            size = data.draw(st.integers(1, len(left)))
            apply_stock_events(left[:size], source="t", actor="t", as_of=NOW + timedelta(hours=1))
            left = left[size:]

        assert level("A", "S").on_hand == expected
        assert [sentence for invariant in all_invariants() for sentence in invariant.broken()] == []
        transaction.set_rollback(True)
