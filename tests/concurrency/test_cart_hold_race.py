"""Carts and orders after the same last units, at once: real threads, real commits, and twins without the lock."""

from typing import Any

import pytest
from django.db import transaction

from inventory.errors import InsufficientStock, StockMoved, TooManyHolds
from inventory.exposure import Context
from inventory.models import CartHold, CartHoldLine, HoldStatus
from inventory.services import Want, cart_holds, reservations
from inventory.services.cart_holds import Held, HoldLine, hold_cart, release_hold, renew_hold
from oms.idempotency import Once
from oms.invariants import all_invariants
from tests.concurrency.threads import at_once
from tests.factories.inventory import NOW, level, make_location, make_product, reserve, set_stocks
from tests.factories.orders import make_channel

pytestmark = pytest.mark.django_db(transaction=True)

SHOPPERS, UNITS = 20, 5


@pytest.fixture
def shelf():
    make_channel("web")
    make_product("A")
    make_location("S1")
    make_location("S2")
    set_stocks({("A", "S1"): 2, ("A", "S2"): 3})


def hold(number: int, units: int = 1) -> bool:
    try:
        keep(f"c{number}", units)
    except (InsufficientStock, StockMoved, TooManyHolds):
        return False
    return True


def keep(cart: str, units: int, *, key: str = "") -> Held:
    return hold_cart(
        cart=cart,
        channel="web",
        lines=[HoldLine("A", units)],
        ttl_seconds=600,
        method="ship",
        service="standard",
        fingerprint=b"",
        owner="test",
        among=None,
        as_of=NOW,
        once=Once("test", key, b"") if key else None,
    )


def renew(hold_id: str, **values: Any) -> None:
    asked = {"lines": None, "method": None, "service": None, **values}
    renew_hold(hold_id=hold_id, ttl_seconds=600, among=None, as_of=NOW, **asked)


def keep_and_give_back() -> str:
    made = keep("c1", UNITS, key="k1").id
    release_hold(hold_id=made, as_of=NOW)
    return made


def buy(number: int) -> bool:
    for place in ("S1", "S2") if number % 2 else ("S2", "S1"):
        with transaction.atomic():
            refused = reserve(Want(f"line:{number}", "A", place, 1), context=Context(NOW, "web"))
        if not refused:
            return True
    return False


def hold_or_buy(number: int) -> bool:
    return hold(number) if number % 2 else buy(number)


def held() -> int:
    return sum(CartHoldLine.objects.values_list("quantity", flat=True))


def reserved() -> int:
    return level("A", "S1").reserved + level("A", "S2").reserved


def test_twenty_carts_hold_five_units(shelf):
    assert sum(at_once(SHOPPERS, hold)) == held() == UNITS


def test_carts_and_orders_together_get_no_more_than_there_is(shelf):
    got = at_once(SHOPPERS, hold_or_buy)

    assert sum(got) == held() + reserved() == UNITS
    assert [sentence for invariant in all_invariants() for sentence in invariant.broken()] == []


@pytest.mark.parametrize("is_locked", [True, False])
def test_without_the_lock_carts_hold_the_same_unit_twice(shelf, monkeypatch, meanwhile, is_locked):
    """Another cart wants all there is when ours has weighed it, and has not written yet."""
    if not is_locked:
        monkeypatch.setattr(cart_holds, "lock_stock", lambda pins: None)
    rival = meanwhile(lambda: hold(1, UNITS), reservations, after="_weigh")

    assert (hold(0, UNITS), rival.outcome) == (True, not is_locked)
    assert held() == (UNITS if is_locked else 2 * UNITS)


@pytest.mark.parametrize("is_locked", [True, False])
def test_without_its_turn_an_owner_has_more_carts_than_it_may(shelf, monkeypatch, meanwhile, settings, is_locked):
    """Another cart of the owner is counted when ours has been, and has not been written yet."""
    settings.HOLD_MOST_PER_KEY = 1
    if not is_locked:
        monkeypatch.setattr(cart_holds, "_wait_for_turn", lambda owner: None)
    rival = meanwhile(lambda: hold(1), cart_holds, after="_check_room")

    assert (hold(0), rival.outcome) == (True, not is_locked)
    assert held() == (1 if is_locked else 2)


def test_one_key_sent_by_many_at_once_makes_one_hold(shelf):
    found = at_once(SHOPPERS, lambda _n: keep("c1", UNITS, key="k1"))

    assert len({one.id for one in found}) == CartHold.objects.count() == 1
    assert sorted(one.is_replay for one in found) == [False] + [True] * (SHOPPERS - 1)
    assert held() == UNITS


@pytest.mark.parametrize("is_taken", [True, False])
def test_without_its_key_a_late_repeat_holds_anew_what_was_given_back(shelf, monkeypatch, meanwhile, is_taken):
    """The first request is done, and its hold given back, when its repeat has looked and has not written yet."""
    if not is_taken:
        monkeypatch.setattr(cart_holds, "begin", lambda *_args, **_values: None)
    rival = meanwhile(keep_and_give_back, cart_holds, after="_pin")

    repeat = keep("c1", UNITS, key="k1")

    assert (repeat == Held(rival.outcome, is_replay=True)) is is_taken
    assert CartHold.objects.filter(status=HoldStatus.ACTIVE).count() == (0 if is_taken else 1)


@pytest.mark.parametrize("after", ["recall", "_recall", "_pin"])
def test_a_repeat_finds_what_its_first_has_just_made_though_it_took_the_last_there_was(
    shelf, meanwhile, settings, after
):
    """The last units and the last hold that the owner may have: a repeat misses neither."""
    settings.HOLD_MOST_PER_KEY = 1
    rival = meanwhile(lambda: keep("c1", UNITS, key="k1"), cart_holds, after=after)

    repeat = keep("c1", UNITS, key="k1")

    assert repeat == Held(rival.outcome.id, is_replay=True)
    assert held() == UNITS


@pytest.mark.parametrize("is_checked", [True, False])
def test_without_a_second_look_a_cart_that_changes_its_method_loses_the_lines_it_was_given(
    shelf, monkeypatch, meanwhile, is_checked
):
    """It is given other lines when those it had have been found anew, and are not written yet."""
    if not is_checked:
        monkeypatch.setattr(cart_holds, "_check_unchanged", lambda hold, was: None)
    cart = keep("c1", 1).id
    rival = meanwhile(lambda: renew(cart, lines=[HoldLine("A", 4)]), cart_holds, after="_pin")

    renew(cart, method="pickup")

    assert rival.outcome is None
    assert held() == (4 if is_checked else 1)


def test_an_order_that_weighs_before_its_lock_does_not_see_what_a_cart_took(shelf, monkeypatch):
    """The twin of looking for holds in a statement after the lock: this one looks in the locking statement itself."""
    blind = reservations._RESERVE.replace("CASE WHEN s.held_until > %s THEN 0 ELSE", "CASE WHEN %s IS NULL THEN 0 ELSE")
    assert blind != reservations._RESERVE
    monkeypatch.setattr(reservations, "_RESERVE", blind)
    assert all(at_once(UNITS, hold))

    assert buy(1)  # everything is held, and yet
