"""Old months go while the shop is open. And the proofs that the locks and the order of reading are what saves us."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from django.db import OperationalError, connection, transaction

from inventory.balances import forgotten_until
from inventory.exposure import Context
from inventory.services import (
    Held,
    StockEvent,
    Want,
    apply_stock_events,
    consume_reservations,
    retention,
    stock_events,
)
from inventory.services.ledger_months import months_kept, open_months, partition_of
from inventory.services.retention import forget_months
from oms.clock import now
from oms.invariants import all_invariants
from tests.concurrency.conftest import Meanwhile
from tests.concurrency.threads import at_once
from tests.factories.inventory import level, make_location, make_product, reserve

pytestmark = pytest.mark.django_db(transaction=True)

FIRST, SECOND, THIRD = (datetime(2021, month, 1, tzinfo=UTC) for month in (1, 2, 3))
DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def two_old_months(transactional_db: None) -> Iterator[None]:
    make_product("A")
    make_location("S")
    open_months(since=FIRST, as_of=datetime(2020, 12, 1, tzinfo=UTC))
    tell("opening", "count", 1000, FIRST)
    tell("first", "delta", 5, FIRST + 10 * DAY)
    tell("second", "delta", 7, SECOND + 10 * DAY)
    yield
    with connection.cursor() as cursor:
        for month in (month for month in months_kept() if month.year == 2021):
            cursor.execute(f"DROP TABLE {partition_of(month)}")


def tell(name: str, kind: str, units: int, at: datetime, told_at: datetime | None = None) -> str:
    with transaction.atomic():
        event = StockEvent(name, "A", "S", kind, units, at)
        [result] = apply_stock_events([event], source="t", actor="t", as_of=told_at or at)
    return result.code or result.status


def forget(before: datetime = THIRD) -> int:
    return len(list(forget_months(before=before, actor="t", as_of=now())))


def broken() -> list[str]:
    return [sentence for invariant in all_invariants() for sentence in invariant.broken()]


def test_sales_go_on_while_months_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "_LOCK_ATTEMPTS", 10_000)  # however long they go on

    def work(number: int) -> int:
        if number == 0:
            return forget()
        for sale in range(15):
            with transaction.atomic():
                assert reserve(Want(f"line:{number}-{sale}", "A", "S", 1), context=Context(as_of=now())) == []
                consume_reservations(
                    [Held(f"line:{number}-{sale}", "A", "S", 1)], cause="shipped", reference="f", actor="t", as_of=now()
                )
        return 15

    assert at_once(5, work) == [2, 15, 15, 15, 15]
    assert level("A", "S").on_hand == 1012 - 60
    assert forgotten_until() == THIRD
    assert broken() == []


# ---- a count that comes late, just when the month it counted is forgotten --------------------------


def count_while_forgetting(meanwhile: Meanwhile) -> str:
    """The month goes between the look at the id and the look at what moved since."""
    forgetting = meanwhile(forget, stock_events, before="_moved_since")
    told = tell("late", "count", 500, FIRST + 5 * DAY, told_at=now())
    assert forgetting.outcome == 2
    return told


def test_a_late_count_of_a_month_that_is_just_forgotten_is_refused(meanwhile: Meanwhile) -> None:
    assert count_while_forgetting(meanwhile) == "before_the_ledger"

    assert level("A", "S").on_hand == 1012
    assert broken() == []


def test_had_the_horizon_been_read_before_the_count_would_be_wrong(
    monkeypatch: pytest.MonkeyPatch, meanwhile: Meanwhile
) -> None:
    read_before = forgotten_until()
    monkeypatch.setattr(stock_events, "forgotten_until", lambda: read_before)

    assert count_while_forgetting(meanwhile) == "applied"

    assert level("A", "S").on_hand == 500  # the five and the seven that came later are lost


# ---- somebody still writes into the month that goes ------------------------------------------------


def write_while_forgetting(meanwhile: Meanwhile) -> str:
    """A movement of the first month comes after it was added up and before it is dropped."""

    def write() -> str:
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = '100ms'")
        try:
            return tell("straggler", "delta", 1, FIRST + 12 * DAY)
        except OperationalError:
            return "refused"

    writer = meanwhile(write, retention, before="_lock_whole_ledger")
    forget(SECOND)
    return writer.outcome


def test_a_movement_of_the_month_that_goes_is_not_lost(meanwhile: Meanwhile) -> None:
    assert write_while_forgetting(meanwhile) == "refused"

    assert level("A", "S").on_hand == 1012
    assert broken() == []


def test_without_the_lock_it_would_be_lost(monkeypatch: pytest.MonkeyPatch, meanwhile: Meanwhile) -> None:
    assert "IN SHARE MODE" in retention._STOP_WRITING
    monkeypatch.setattr(retention, "_STOP_WRITING", "SELECT 1 -- {}")

    assert write_while_forgetting(meanwhile) == "applied"

    assert level("A", "S").on_hand == 1013
    assert broken() != []
