"""Twenty buyers, five units: real threads, real commits. And the proof that the lock is what saves us."""

from collections.abc import Callable

import pytest
from django.db import transaction

from inventory.locks import LOCKED
from inventory.models import Reservation
from inventory.services import Want, reservations
from oms.invariants import all_invariants
from tests.concurrency.threads import Rival, at_once
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


def buy(number: int, units: int = 1, meanwhile: Callable[[], None] = lambda: None) -> bool:
    with transaction.atomic():
        refused = reserve(Want(f"line:{number}", "A", "S", units))
        meanwhile()
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


@pytest.mark.parametrize("is_locked", [True, False])
def test_without_the_lock_the_same_buyers_oversell(five_units, monkeypatch, is_locked):
    """Somebody wants all five when we have them, and have not committed."""
    assert LOCKED in reservations._RESERVE
    if not is_locked:
        monkeypatch.setattr(reservations, "_RESERVE", reservations._RESERVE.replace(LOCKED, ""))
    rival = Rival(lambda: buy(1, UNITS))

    assert (buy(0, UNITS, meanwhile=rival), rival.outcome) == (True, not is_locked)
    assert level("A", "S").reserved == (UNITS if is_locked else 2 * UNITS)


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
