"""Everybody is after the same units at once: buyers, tills, files, carts. Real threads, real commits.

Each test has a twin from which one guard is taken, and which goes wrong.
"""

import threading
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from django.db import OperationalError, transaction

from inventory import locks
from inventory.errors import InsufficientStock
from inventory.locks import LOCKED
from inventory.services import (
    Held,
    StockEvent,
    Want,
    consume_reservations,
    receive_stock_events,
    reservations,
    stock_events,
    transfers,
)
from inventory.services.announcements import Announcement
from inventory.services.cart_holds import HoldLine, hold_cart, release_hold
from oms.clock import now
from oms.ids import new_id
from oms.invariants import all_invariants
from oms.models import Event
from orders.models import Order
from orders.services import placement
from tests.concurrency.buyers import buy
from tests.concurrency.conftest import Meanwhile
from tests.concurrency.threads import Rival, at_once
from tests.factories.imports import receive, rows, work
from tests.factories.inventory import level, make_location, make_product, make_products, reserve, set_stock, set_stocks
from tests.factories.orders import make_network, reserved
from tests.flows.conftest import Api

pytestmark = pytest.mark.django_db(transaction=True)

PLACES = ("PARIS", "LILLE", "LYON")


def broken() -> list[str]:
    return [sentence for invariant in all_invariants() for sentence in invariant.broken()]


# ---- fifty buyers, several places ------------------------------------------------------------------

BUYERS = 50
STOCK = {"paris": 5, "lille": 4, "lyon": 3}


@pytest.mark.usefixtures("slow_writing")
def test_fifty_buyers_of_the_last_twelve_units_in_three_places_get_twelve(api: Api, settings: Any) -> None:
    settings.PLACEMENT_ATTEMPTS = BUYERS  # everyone gets a clear yes or no
    make_network(**STOCK)

    answers = at_once(BUYERS, lambda _number: buy(api))

    assert sorted(answer.status for answer in answers) == [201] * 12 + [409] * 38
    assert Order.objects.count() == 12
    assert [reserved("SKU-1", place) for place in PLACES] == [5, 4, 3]
    assert broken() == []


@pytest.mark.parametrize("is_locked", [True, False])
def test_without_the_lock_buyers_of_the_last_units_in_three_places_get_more(
    api: Api, monkeypatch: pytest.MonkeyPatch, meanwhile: Meanwhile, is_locked: bool
) -> None:
    """Somebody wants the very last unit when another's order has it, and is not committed."""
    make_network(paris=1, lille=1, lyon=1)
    assert [buy(api).status for _ in range(2)] == [201, 201]
    if not is_locked:
        monkeypatch.setattr(reservations, "_RESERVE", reservations._RESERVE.replace(LOCKED, ""))
    rival = meanwhile(lambda: buy(api).status, placement, after="reserve_stock")

    assert (buy(api).status, rival.outcome) == (201, 409 if is_locked else 201)
    assert [reserved("SKU-1", place) for place in PLACES] == [1, 1, 1 if is_locked else 2]


def test_what_arrives_while_an_order_is_being_refused_does_not_make_it_an_order_without_a_place(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Seen in the race for a cart's unit below: no place was found, yet a moment later nothing was missing."""
    make_network(paris=0, lille=0, lyon=0)
    plan = placement.planning.ask_routing

    def and_then_goods_arrive(*args: Any, **kwargs: Any) -> Any:
        planned = plan(*args, **kwargs)
        set_stock("SKU-1", "PARIS", 1)
        return planned

    monkeypatch.setattr(placement.planning, "ask_routing", and_then_goods_arrive)

    refused, ordered = buy(api), buy(api)

    assert (refused.status, refused.json["code"]) == (409, "insufficient_stock")
    assert (ordered.status, Order.objects.count(), reserved("SKU-1", "PARIS")) == (201, 1, 1)


# ---- baskets in opposite order ---------------------------------------------------------------------

SKUS = ("A", "B")


@pytest.fixture
def two_shelves() -> None:
    make_products(*SKUS)
    make_location("S")
    set_stocks({(sku, "S"): 5 for sku in SKUS})


def buy_basket(number: int) -> bool:
    basket = [Want(f"line:{number}-{sku}", sku, "S", 1) for sku in (SKUS if number % 2 else SKUS[::-1])]
    with transaction.atomic():
        refused = reserve(*basket)
        if refused:
            transaction.set_rollback(True)
        return not refused


def test_baskets_in_opposite_order_sell_what_there_is_and_never_wait_in_a_circle(two_shelves: None) -> None:
    assert sum(at_once(20, buy_basket)) == 5

    assert [level(sku, "S").reserved for sku in SKUS] == [5, 5]
    assert broken() == []


def test_who_locks_in_the_order_of_the_basket_waits_in_a_circle(two_shelves: None) -> None:
    def buy_one_by_one(basket: Sequence[str], meanwhile: Callable[[], None] = lambda: None) -> bool:
        try:
            with transaction.atomic():
                for sku in basket:
                    reserve(Want(f"line:{basket}", sku, "S", 1))
                    meanwhile()
        except OperationalError as error:
            assert "deadlock" in str(error)
            return False
        return True

    rival = Rival(lambda: buy_one_by_one(SKUS[::-1]))

    assert sorted([buy_one_by_one(SKUS, rival), rival.outcome]) == [False, True]


# ---- tills against reservations ----------------------------------------------------------------------


@pytest.fixture
def till_and_web() -> None:
    make_product("A")
    make_location("S")
    set_stock("A", "S", 60)


def sell(number: int) -> None:
    event = StockEvent(f"till-{number}", "A", "S", "delta", -1, now())
    [result] = receive_stock_events([event], source="till", actor="test", as_of=now())
    assert result.status == "applied"


def ship(number: int) -> None:
    with transaction.atomic():
        assert not reserve(Want(f"line:{number}", "A", "S", 1))
    with transaction.atomic():
        held = [Held(f"line:{number}", "A", "S", 1)]
        consume_reservations(held, cause="shipped", reference="ful", actor="test", as_of=now())


def test_tills_and_shipments_take_their_units_off_one_level(till_and_web: None) -> None:
    at_once(20, lambda number: (sell if number % 2 else ship)(number))

    assert (level("A", "S").on_hand, level("A", "S").reserved) == (40, 0)
    assert broken() == []


@pytest.mark.parametrize("is_locked", [True, False])
def test_without_the_lock_a_till_writes_over_what_was_shipped(
    levels_may_lie: None, till_and_web: None, monkeypatch: pytest.MonkeyPatch, meanwhile: Meanwhile, is_locked: bool
) -> None:
    if not is_locked:
        monkeypatch.setattr(locks, "_LOCK", locks._LOCK.replace(LOCKED, ""))
    rival = meanwhile(lambda: ship(0), stock_events, before="save_levels")

    sell(1)

    assert rival.outcome is None
    assert level("A", "S").on_hand == (58 if is_locked else 59)
    assert (broken() == []) is is_locked


def count_three() -> None:
    event = StockEvent("count", "A", "S", "count", 3, now())
    receive_stock_events([event], source="counter", actor="test", as_of=now())


def buy_units(units: int) -> int:
    """Each for an order of its own. Returns how many were had."""
    with transaction.atomic():
        return units - len(reserve(*(Want(f"line:{new_id('x')}", "A", "S", 1) for _ in range(units))))


def _promised_more_than_is_there_and_nobody_was_told() -> bool:
    there = level("A", "S")
    assert there.on_hand == 3
    return there.reserved > there.on_hand and not Event.objects.filter(type="inventory.stock.short").exists()


@pytest.fixture
def twenty_units() -> None:
    make_product("A")
    make_location("S")
    set_stock("A", "S", 20)


def test_who_counts_fewer_than_are_promised_says_so_whatever_is_bought_meanwhile(twenty_units: None) -> None:
    bought = at_once(20, lambda number: buy_units(1) if number != 9 else count_three())

    assert level("A", "S").reserved == sum(filter(None, bought))
    assert not _promised_more_than_is_there_and_nobody_was_told()
    assert broken() == []


@pytest.mark.parametrize("is_locked", [True, False])
def test_without_the_lock_what_is_bought_during_a_count_is_missing_silently(
    twenty_units: None, monkeypatch: pytest.MonkeyPatch, meanwhile: Meanwhile, is_locked: bool
) -> None:
    if not is_locked:
        monkeypatch.setattr(locks, "_LOCK", locks._LOCK.replace(LOCKED, ""))
    rival = meanwhile(lambda: buy_units(5), stock_events, before="save_levels")

    count_three()

    assert rival.outcome == (3 if is_locked else 5)
    assert _promised_more_than_is_there_and_nobody_was_told() is not is_locked


# ---- a file against shipments ------------------------------------------------------------------------


@pytest.mark.parametrize("is_locked", [True, False])
def test_without_the_lock_a_file_writes_over_what_was_being_shipped(
    twenty_units: None, settings: Any, tmp_path: Any, monkeypatch: pytest.MonkeyPatch, is_locked: bool
) -> None:
    """A file counts twelve units, while a shipment of one that was there when they were counted is being committed."""
    settings.IMPORT_DIR = tmp_path
    if not is_locked:
        monkeypatch.setattr(locks, "_LOCK_IN", locks._LOCK_IN.replace("FOR NO KEY UPDATE OF s", ""))
    receive(rows("A,S,12"))
    with transaction.atomic():
        assert not reserve(Want("line:1", "A", "S", 1))
    rival = Rival(work)

    with transaction.atomic():
        held = [Held("line:1", "A", "S", 1)]
        consume_reservations(held, cause="shipped", reference="ful", actor="test", as_of=now())
        rival()

    assert rival.outcome is None
    assert (level("A", "S").on_hand == 11 and broken() == []) is is_locked


# ---- a cart's units, when its order comes --------------------------------------------------------------


def hold_the_last_unit() -> str:
    make_network(paris=1, lille=0, lyon=0)
    held = hold_cart(
        cart="c1",
        channel="web",
        lines=[HoldLine("SKU-1", 1)],
        ttl_seconds=600,
        method="ship",
        service="standard",
        fingerprint=b"",
        owner="test",
        among=None,
        as_of=now(),
    )
    return held.id


@pytest.mark.usefixtures("slow_writing")
def test_an_order_gets_what_its_cart_holds_whoever_else_asks(api: Api) -> None:
    """Others want the same unit, again and again."""
    hold, is_over = hold_the_last_unit(), threading.Event()

    def order(number: int) -> int:
        if number == 0:
            try:
                return buy(api, reservation=hold).status
            finally:
                is_over.set()
        status = 409
        while status == 409 and not is_over.is_set():
            status = buy(api).status
        return status

    mine, *others = at_once(6, order)

    assert (mine, set(others)) == (201, {409})
    assert reserved("SKU-1", "PARIS") == 1
    assert broken() == []


@pytest.mark.parametrize("is_one_transaction", [True, False])
def test_a_hold_that_is_let_go_before_its_order_reserves_loses_the_unit(
    api: Api, monkeypatch: pytest.MonkeyPatch, meanwhile: Meanwhile, is_one_transaction: bool
) -> None:
    """Somebody wants it when the hold has ended. The twin ends it in a transaction of its own, before that of the order."""

    def let_go(hold: str) -> None:
        elsewhere = Rival(lambda: release_hold(hold_id=hold, as_of=now()))
        elsewhere()
        assert elsewhere.outcome is None

    hold = hold_the_last_unit()
    if not is_one_transaction:
        monkeypatch.setattr(placement, "lock_hold", let_go)
    rival = meanwhile(lambda: buy(api).status, placement, after="lock_hold")

    mine = buy(api, reservation=hold).status

    assert (mine, rival.outcome) == ((201, 409) if is_one_transaction else (409, 201))


# ---- a transfer against buyers -------------------------------------------------------------------------


@pytest.fixture
def ten_units() -> None:
    make_product("A")
    make_location("S")
    make_location("T", abilities=["receive_transfer"])
    set_stock("A", "S", 10)


def send_three() -> int:
    """Returns how many were sent elsewhere."""
    transfer = Announcement("T", now(), [("A", 3)], origin="S")
    try:
        transfers.send_transfer(transfer, actor="test", as_of=now())
    except InsufficientStock:
        return 0
    return 3


def test_what_was_promised_is_not_sent_elsewhere_and_what_was_sent_is_not_promised(ten_units: None) -> None:
    assert sum(at_once(20, lambda number: buy_units(1) if number % 4 else send_three())) == 10

    assert level("A", "S").on_hand == level("A", "S").reserved
    assert broken() == []


@pytest.mark.parametrize("is_locked", [True, False])
def test_without_the_lock_what_is_being_sent_is_promised_too(
    levels_may_lie: None, ten_units: None, monkeypatch: pytest.MonkeyPatch, meanwhile: Meanwhile, is_locked: bool
) -> None:
    if not is_locked:
        monkeypatch.setattr(locks, "_LOCK", locks._LOCK.replace(LOCKED, ""))
    rival = meanwhile(lambda: buy_units(10), transfers, before="save_levels")

    assert (send_three(), rival.outcome) == (3, 7 if is_locked else 10)
