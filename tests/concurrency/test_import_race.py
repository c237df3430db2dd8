"""Files against tills and shoppers: real threads, real commits; and the proof that the lock is what saves us."""

import threading
from typing import Any

import pytest
from django.db import transaction

from inventory import locks
from inventory.models import Reservation, StockMovement
from inventory.services import (
    Held,
    StockEvent,
    Want,
    apply_stock_events,
    consume_reservations,
    release_reservations,
    work_on_imports,
)
from oms.clock import now
from oms.invariants import all_invariants
from tests.concurrency.threads import Rival, at_once
from tests.factories.imports import receive, rows
from tests.factories.inventory import level, make_locations, make_products, reserve, set_stocks

pytestmark = pytest.mark.django_db(transaction=True)

SKUS = [f"A{n}" for n in range(6)]
COUNTED, SALES = 20, 12


@pytest.fixture(autouse=True)
def shelf(transactional_db: None, settings: Any, tmp_path: Any) -> None:
    settings.IMPORT_DIR = tmp_path
    settings.IMPORT_CHUNK_ROWS = 3
    make_products(*SKUS)
    make_locations("S")
    set_stocks({(sku, "S"): 10 for sku in SKUS})


def apply_files() -> None:
    while work_on_imports(now=now, seconds=60):
        pass


def sell(number: int, sku: str) -> None:
    event = StockEvent(f"sale-{number}-{sku}", sku, "S", "delta", -1, now())
    with transaction.atomic():
        apply_stock_events([event], source="till", actor="test", as_of=now())


def count_while_selling() -> dict[str, int]:
    """A file counts twenty of each, as of before the sales; meanwhile one of each is sold, again and again."""
    counted_at = now()
    receive(rows(*(f"{sku},S,{COUNTED}" for sku in SKUS)), occurred_at=counted_at)

    def act(thread: int) -> None:
        if thread == 0:
            apply_files()
        else:
            for number in range(SALES // 3):
                for sku in SKUS if thread % 2 else SKUS[::-1]:
                    sell(thread * 100 + number, sku)

    at_once(4, act)
    return {sku: level(sku, "S").on_hand for sku in SKUS}


def broken() -> list[str]:
    return [sentence for invariant in all_invariants() for sentence in invariant.broken()]


def test_what_is_sold_while_a_file_is_applied_is_sold_once() -> None:
    assert count_while_selling() == dict.fromkeys(SKUS, COUNTED - SALES)
    assert broken() == []


@pytest.mark.parametrize("is_locked", [True, False])
def test_without_the_lock_sales_get_lost(monkeypatch: pytest.MonkeyPatch, is_locked: bool) -> None:
    """A file is applied when one of each is sold, and not committed."""
    if not is_locked:
        monkeypatch.setattr(locks, "_LOCK_IN", locks._LOCK_IN.replace("FOR NO KEY UPDATE OF s", ""))
    receive(rows(*(f"{sku},S,{COUNTED}" for sku in SKUS)), occurred_at=now())
    rival = Rival(apply_files)

    with transaction.atomic():
        sales = [StockEvent(f"sale-{sku}", sku, "S", "delta", -1, now()) for sku in SKUS]
        apply_stock_events(sales, source="till", actor="test", as_of=now())
        rival()

    assert rival.outcome is None
    is_right = {sku: level(sku, "S").on_hand for sku in SKUS} == dict.fromkeys(SKUS, COUNTED - 1) and broken() == []
    assert is_right is is_locked


def test_nothing_is_promised_that_a_file_has_taken_away() -> None:
    """A file says that five are left; twenty shoppers want one each, before, after and meanwhile."""
    receive(rows(*(f"{sku},S,5" for sku in SKUS)), occurred_at=now())

    def act(thread: int) -> int:
        if thread == 0:
            apply_files()
            return 0
        got = 0
        for sku in SKUS if thread % 2 else SKUS[::-1]:
            with transaction.atomic():
                got += not reserve(Want(f"line:{thread}", sku, "S", 1))
        return got

    granted = sum(at_once(9, act))

    found = [level(sku, "S") for sku in SKUS]
    assert [row.on_hand for row in found] == [5] * 6
    assert sum(row.reserved for row in found) == granted
    # Ten were there before: what was granted beyond five had been promised before the file was applied.
    assert all(row.reserved <= 8 for row in found)
    assert broken() == []


def test_what_leaves_and_what_is_given_back_meanwhile_keeps_the_books_right() -> None:
    for number in range(8):
        with transaction.atomic():
            reserve(*(Want(f"line:{number}", sku, "S", 1) for sku in SKUS))
    counted_at = now()
    receive(rows(*(f"{sku},S,30" for sku in SKUS)), occurred_at=counted_at)

    def act(thread: int) -> None:
        if thread == 8:
            apply_files()
            return
        for sku in SKUS if thread % 2 else SKUS[::-1]:
            held = [Held(f"line:{thread}", sku, "S", 1)]
            with transaction.atomic():
                if thread < 4:
                    consume_reservations(held, cause="shipped", reference="f", actor="test", as_of=now())
                else:
                    release_reservations(held, as_of=now())

    at_once(9, act)

    assert [level(sku, "S").on_hand for sku in SKUS] == [30 - 4] * 6
    assert not Reservation.objects.filter(status="active").exists()
    assert StockMovement.objects.filter(cause="shipped").count() == 24
    assert broken() == []


def test_two_files_and_a_till_wait_for_each_other_in_no_circle() -> None:
    first, second = (rows(*(f"{sku},S,{units}" for sku in order)) for order, units in ((SKUS, 7), (SKUS[::-1], 7)))
    receive(first, source="erp", occurred_at=now())
    receive(second, source="wms", occurred_at=now())
    stop = threading.Event()

    def act(thread: int) -> int:
        if thread < 2:
            apply_files()
            stop.set()
            return 0
        number = 0
        while not stop.is_set():
            number += 1
            events = [
                StockEvent(f"e{thread}-{number}-{sku}", sku, "S", "delta", 0, now())
                for sku in (SKUS if number % 2 else SKUS[::-1])
            ]
            with transaction.atomic():
                apply_stock_events(events, source=f"till-{thread}", actor="test", as_of=now())
        return number

    at_once(4, act)
    apply_files()

    assert [level(sku, "S").on_hand for sku in SKUS] == [7] * 6
    assert broken() == []
