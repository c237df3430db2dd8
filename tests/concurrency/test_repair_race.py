"""Levels are repaired while the shop is open. And the proof that the lock is what keeps a sale from being undone."""

from typing import Any

import pytest
from django.db import connection, transaction

from inventory.exposure import Context
from inventory.locks import LOCKED, Level
from inventory.models import StockLevel
from inventory.services import Held, Want, consume_reservations, release_reservations, repairs
from oms.clock import now
from oms.invariants import all_invariants
from tests.concurrency.conftest import Meanwhile
from tests.concurrency.threads import Rival, at_once
from tests.factories.inventory import level, make_location, make_product, reserve, set_stock

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("levels_may_lie")]

BROKEN = [{"sku": "A", "location": "S"}]


@pytest.fixture(autouse=True)
def shelf(transactional_db: None) -> None:
    make_product("A")
    make_location("S")
    set_stock("A", "S", 500)


def broken() -> list[str]:
    return [sentence for invariant in all_invariants() for sentence in invariant.broken()]


def sell(name: str) -> None:
    held = [Held(f"line:{name}", "A", "S", 1)]
    with transaction.atomic():
        assert reserve(Want(f"line:{name}", "A", "S", 1), context=Context(as_of=now())) == []
    with transaction.atomic():
        consume_reservations(held, cause="shipped", reference="f", actor="t", as_of=now())
    with transaction.atomic():
        assert reserve(Want(f"line:{name}", "A", "S", 1), context=Context(as_of=now())) == []
    with transaction.atomic():
        release_reservations(held, as_of=now())


def spoil_and_mend() -> None:
    """Somebody's script writes what never was, and repairs take it back."""
    StockLevel.objects.update(on_hand=700, reserved=90)
    repairs.mend_by_ledger(BROKEN, actor="t", as_of=now())
    repairs.mend_by_reservations(BROKEN, actor="t", as_of=now())


def test_sales_and_repairs_at_once_leave_true_levels() -> None:
    def work(number: int) -> None:
        for turn in range(12):
            if number < 3:
                sell(f"{number}-{turn}")
            else:
                spoil_and_mend()

    at_once(5, work)
    repairs.mend_by_ledger(BROKEN, actor="t", as_of=now())
    repairs.mend_by_reservations(BROKEN, actor="t", as_of=now())

    assert (level("A", "S").on_hand, level("A", "S").reserved) == (500 - 36, 0)
    assert broken() == []


# ---- a sale between adding up and writing ----------------------------------------------------------


@pytest.fixture
def sale_after_the_sum(meanwhile: Meanwhile) -> Rival:
    """When a repair has added up the books, somebody buys before it writes."""
    return meanwhile(lambda: sell("between"), repairs, after="_sums")


@pytest.mark.parametrize("mend", [repairs.mend_by_ledger, repairs.mend_by_reservations])
def test_a_sale_that_comes_in_between_waits(sale_after_the_sum: Rival, mend: Any) -> None:
    StockLevel.objects.update(on_hand=700 if mend is repairs.mend_by_ledger else 500, reserved=0)

    mend(BROKEN, actor="t", as_of=now())

    assert sale_after_the_sum.outcome is None
    assert (level("A", "S").on_hand, level("A", "S").reserved) == (499, 0)
    assert broken() == []


def test_without_the_lock_the_sale_is_undone(sale_after_the_sum: Rival, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repairs, "open_and_lock_stock", _plain_read)
    StockLevel.objects.update(on_hand=700)

    repairs.mend_by_ledger(BROKEN, actor="t", as_of=now())

    assert sale_after_the_sum.outcome is None
    assert level("A", "S").on_hand == 500  # the one that was sold is back
    assert broken() != []


def _plain_read(keys: Any, *, as_of: Any) -> dict[tuple[str, str], Level]:
    from inventory import locks

    statement = locks._LOCK.replace(LOCKED, "")
    with connection.cursor() as cursor:
        cursor.execute(statement, [["A"], ["S"]])
        return {(row[1], row[2]): Level(*row) for row in cursor.fetchall()}
