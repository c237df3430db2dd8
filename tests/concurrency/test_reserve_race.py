"""Twenty buyers, five units: real threads, real commits. And the proof that the lock is what saves us."""

import time

import pytest
from django.db import transaction

from inventory.locks import LOCKED
from inventory.models import Reservation
from inventory.services import Want, reservations
from oms.invariants import all_invariants
from tests.concurrency.threads import at_once
from tests.factories.inventory import (
    level,
    make_location,
    make_product,
    make_products,
    reserve,
    set_stock,
    set_stocks,
)

pytestmark = pytest.mark.django_db(transaction=True)

BUYERS, UNITS = 20, 5


def buy(number: int) -> bool:
    with transaction.atomic():
        refused = reserve(Want(f"line:{number}", "A", "S", 1))
        time.sleep(0.01)  # an order takes a moment to be written: the others arrive meanwhile
        return not refused


@pytest.fixture
def five_units():
    make_product("A")
    make_location("S")
    set_stock("A", "S", UNITS)


def test_twenty_buyers_of_five_units_get_five(five_units):
    bought = at_once(BUYERS, buy)

    assert sum(bought) == 5
    assert level("A", "S").reserved == 5
    assert Reservation.objects.filter(status="active").count() == 5
    assert [sentence for invariant in all_invariants() for sentence in invariant.broken()] == []


def test_without_the_lock_the_same_buyers_oversell(five_units, monkeypatch):
    assert LOCKED in reservations._RESERVE
    monkeypatch.setattr(reservations, "_RESERVE", reservations._RESERVE.replace(LOCKED, ""))

    bought = at_once(BUYERS, buy)

    assert sum(bought) > 5
    assert level("A", "S").reserved > 5


def test_baskets_in_any_order_neither_deadlock_nor_oversell():
    skus = [f"A{n}" for n in range(6)]
    make_products(*skus)
    make_location("S")
    set_stocks({(sku, "S"): UNITS for sku in skus})

    def buy_basket(number: int) -> bool:
        basket = skus[number % 6 :] + skus[: number % 6]
        wants = [Want(f"line:{number}", sku, "S", 1) for sku in (basket if number % 2 else basket[::-1])]
        with transaction.atomic():
            refused = reserve(*wants)
            if refused:
                transaction.set_rollback(True)
            return not refused

    bought = at_once(BUYERS, buy_basket)

    assert sum(bought) == 5
    assert [level(sku, "S").reserved for sku in skus] == [5] * 6
