from dataclasses import replace
from datetime import timedelta

import pytest

from inventory.errors import NotReserved
from inventory.models import Reservation, StockMovement
from inventory.queries import protections, sellable_once_given_back, sellable_units
from inventory.services import (
    Held,
    Refused,
    Want,
    consume_reservations,
    mark_suspect,
    release_reservations,
)
from oms.models import Event
from tests.factories.inventory import ANYONE, NOW, level, make_locations, make_products, reserve, set_stock

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def shelves(in_use_case):
    make_products("A", "B")
    make_locations("S1", "S2", safety_stock=1)
    set_stock("A", "S1", 6)  # 5 sellable
    set_stock("A", "S2", 3)  # 2 sellable
    set_stock("B", "S1", 10, safety_stock=0)


def reservations():
    return sorted(Reservation.objects.values_list("demand", "product_id", "location_id", "remaining", "status"))


def test_reserves_what_is_sellable_and_remembers_for_whom():
    refused = reserve(Want("line:1", "A", "S1", 5), Want("line:2", "B", "S1", 1))

    assert refused == []
    assert (level("A", "S1").reserved, level("B", "S1").reserved) == (5, 1)
    assert reservations() == [("line:1", "A", "S1", 5, "active"), ("line:2", "B", "S1", 1, "active")]
    assert Reservation.objects.first().pk.startswith("res_")


def test_keeps_the_protection_back():
    assert reserve(Want("line:1", "A", "S1", 6)) == [Refused("line:1", "A", "S1", 6, 5)]

    assert level("A", "S1").reserved == 0
    assert reservations() == []


def test_a_refusal_does_not_hurt_its_neighbours():
    refused = reserve(Want("line:1", "A", "S2", 3), Want("line:2", "B", "S1", 10))

    assert refused == [Refused("line:1", "A", "S2", 3, 2)]
    assert reservations() == [("line:2", "B", "S1", 10, "active")]


def test_wants_of_one_level_count_together_and_the_first_that_fit_are_granted():
    wants = [Want("line:1", "A", "S1", 3), Want("line:2", "A", "S1", 3), Want("line:3", "A", "S1", 2)]

    refused = reserve(*wants)

    assert refused == [Refused("line:2", "A", "S1", 3, 2)]
    assert reservations() == [("line:1", "A", "S1", 3, "active"), ("line:3", "A", "S1", 2, "active")]
    assert level("A", "S1").reserved == 5


def test_refuses_levels_that_do_not_exist():
    assert reserve(Want("line:1", "B", "S2", 1), Want("line:2", "?", "S1", 1)) == [
        Refused("line:1", "B", "S2", 1, 0),
        Refused("line:2", "?", "S1", 1, 0),
    ]


@pytest.mark.parametrize("taken_off", ["product", "location"])
def test_refuses_what_is_not_active(taken_off):
    if taken_off == "product":
        make_products("A", is_active=False)
    else:
        make_locations("S1", is_active=False)

    assert reserve(Want("line:1", "A", "S1", 1)) == [Refused("line:1", "A", "S1", 1, 0)]


def test_refuses_a_suspect_level_until_it_is_counted():
    mark_suspect([("A", "S1")], reference="ful_1", actor="test", as_of=NOW)

    assert reserve(Want("line:1", "A", "S1", 1)) == [Refused("line:1", "A", "S1", 1, 0)]
    set_stock("A", "S1", 6)
    assert reserve(Want("line:1", "A", "S1", 1)) == []


def test_a_demand_that_comes_again_holds_more():
    reserve(Want("line:1", "A", "S1", 2))
    reserve(Want("line:1", "A", "S1", 1))

    assert reservations() == [("line:1", "A", "S1", 3, "active")]


def test_takes_one_statement(django_assert_num_queries):
    wants = [
        Want(f"line:{i}", sku, location, 1) for i, (sku, location) in enumerate([("A", "S1"), ("A", "S2"), ("B", "S1")])
    ]
    protections(ANYONE)

    with django_assert_num_queries(3):  # versions of places and rules (tests trust no cache); all levels at once
        assert reserve(*wants) == []


def test_releasing_gives_the_units_back_and_ends_the_reservation():
    reserve(Want("line:1", "A", "S1", 5))

    release_reservations([Held("line:1", "A", "S1", 2)], as_of=NOW)
    assert sellable_units(["A"], context=ANYONE)["A"]["S1"] == 2
    assert reservations() == [("line:1", "A", "S1", 3, "active")]

    release_reservations([Held("line:1", "A", "S1", 3)], as_of=NOW)
    assert sellable_units(["A"], context=ANYONE)["A"]["S1"] == 5
    assert reservations() == [("line:1", "A", "S1", 0, "released")]


def test_what_could_be_sold_once_units_are_given_back_is_known_beforehand():
    """Also of a level that owes more than it has by now, of one that is suspect, and of one that others hold too."""
    make_locations("S3", "S4", "S5")
    for code, units in (("S3", 4), ("S4", 4), ("S5", 0)):
        set_stock("A", code, units)
    held = [Held("line:1", "A", code, units) for code, units in (("S1", 3), ("S2", 2), ("S3", 4), ("S4", 2))]
    others = [Want("line:2", "A", "S1", 1), Want("line:2", "A", "S4", 1)]
    assert reserve(*(Want(*one) for one in held), *others) == []
    set_stock("A", "S3", 4, safety_stock=3)  # it owes three: one of four comes back
    mark_suspect([("A", "S4")], reference="ful_1", actor="test", as_of=NOW)
    back = {(one.sku, one.location): one.quantity for one in held}

    told = sellable_once_given_back(["A", "B"], back, context=ANYONE, tags={})

    assert told == {"A": {"S1": 4, "S2": 2, "S3": 1}, "B": {"S1": 10}}
    release_reservations(held, as_of=NOW)
    assert told == sellable_units(["A", "B"], context=ANYONE)


def test_consuming_takes_the_units_off_the_shelf_with_a_movement():
    reserve(Want("line:1", "A", "S1", 5))

    consume_reservations(
        [Held("line:1", "A", "S1", 5)], cause="shipped", reference="ful_1", actor="user:ann", as_of=NOW
    )

    assert (level("A", "S1").on_hand, level("A", "S1").reserved) == (1, 0)
    assert reservations() == [("line:1", "A", "S1", 0, "consumed")]
    last = StockMovement.objects.first()
    assert (last.cause, last.quantity, last.reference, last.actor) == ("shipped", -5, "ful_1", "user:ann")
    event = Event.objects.latest("id")
    assert event.type == "inventory.level.changed"
    assert event.payload == {
        "levels": [{"sku": "A", "location": "S1", "on_hand": 1, "reserved": 0, "damaged": 0, "quarantined": 0}],
        "reference": "ful_1",
    }


@pytest.mark.parametrize("demand, quantity", [("line:1", 3), ("line:9", 1)])
def test_no_more_is_let_go_than_is_held(demand, quantity):
    reserve(Want("line:1", "A", "S1", 2))

    with pytest.raises(NotReserved) as refusal:
        release_reservations([Held(demand, "A", "S1", quantity)], as_of=NOW)
    with pytest.raises(NotReserved):
        consume_reservations([Held(demand, "A", "S1", quantity)], cause="shipped", reference="", actor="t", as_of=NOW)

    assert refusal.value.facts == {"items": [{"demand": demand, "sku": "A", "location": "S1", "quantity": quantity}]}
    assert (level("A", "S1").on_hand, level("A", "S1").reserved) == (6, 2)


def test_what_is_told_late_does_not_set_the_time_of_the_last_change_back():
    earlier = NOW - timedelta(hours=1)
    reserve(Want("line:1", "A", "S1", 3))

    reserve(Want("line:1", "A", "S1", 1), context=replace(ANYONE, as_of=earlier))
    release_reservations([Held("line:1", "A", "S1", 1)], as_of=earlier)
    consume_reservations([Held("line:1", "A", "S1", 3)], cause="shipped", reference="f", actor="t", as_of=earlier)

    assert level("A", "S1").updated_at == NOW
    assert Reservation.objects.get().updated_at == NOW


def test_letting_go_takes_two_statements(django_assert_num_queries):
    reserve(Want("line:1", "A", "S1", 2), Want("line:2", "B", "S1", 2))

    with django_assert_num_queries(2):  # reservations, levels and movements in one; the event
        items = [Held("line:1", "A", "S1", 2), Held("line:2", "B", "S1", 2)]
        consume_reservations(items, cause="shipped", reference="ful_1", actor="t", as_of=NOW)
