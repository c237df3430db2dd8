"""Old months go, and nothing that can still be asked changes its answer."""

from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.test import override_settings

from inventory.balances import balances, forgotten_until
from inventory.events import LEDGER_FORGOTTEN
from inventory.models import LedgerStart, StockBalance, StockEventId, StockMovement
from inventory.services import StockEvent, apply_stock_events
from inventory.services.ledger_months import later_month, month_of, months_kept, open_months
from inventory.services.retention import forget_event_ids, forget_months, old_months
from inventory.tasks import forget_old_movements
from oms.clock import now
from oms.errors import Busy, Invalid
from oms.invariants import all_invariants
from oms.models import Event
from tests.factories.inventory import level, make_location, make_locations, make_product, make_products

pytestmark = pytest.mark.django_db

JANUARY, FEBRUARY, MARCH, APRIL = (datetime(2026, month, 1, tzinfo=UTC) for month in (1, 2, 3, 4))
TODAY = datetime(2026, 4, 20, tzinfo=UTC)
DAY = timedelta(days=1)


def tell(name: str, sku: str, place: str, units: int, at: datetime, told_at: datetime | None = None, **values) -> str:
    event = StockEvent(name, sku, place, values.pop("kind", "delta"), units, at, **values)
    with transaction.atomic():
        [result] = apply_stock_events([event], source="t", actor="t", as_of=told_at or at)
    return result.code or result.status


@pytest.fixture(autouse=True)
def history(db):
    """Four months at two levels; one event of January is told in March, one stands in no month."""
    make_products("A", "B")
    make_locations("S", "T")
    open_months(since=JANUARY, as_of=APRIL)
    tell("opening", "A", "S", 4, datetime(2025, 12, 24, tzinfo=UTC))  # no partition is that old
    for n, month in enumerate((JANUARY, FEBRUARY, MARCH, APRIL)):
        tell(f"A{n}", "A", "S", 10 + n, month + 9 * DAY)
        tell(f"B{n}", "B", "T", -n, month + 10 * DAY)
    tell("broken", "A", "S", 2, FEBRUARY + 11 * DAY, condition="damaged")
    tell("late", "A", "S", 100, JANUARY + 20 * DAY, told_at=MARCH + 20 * DAY)


def forget(before: datetime) -> list[int]:
    return [old.movements for old in forget_months(before=before, actor="user:ann", as_of=TODAY)]


def pictures(since: datetime) -> list[list[tuple[object, ...]]]:
    """All balances, day by day."""
    days = [since + n * DAY for n in range((TODAY - since).days + 1)]
    return [[(b.sku, b.location, b.on_hand, b.damaged) for b in balances(as_of=day)] for day in days]


@pytest.mark.parametrize(
    "before, gone", [(FEBRUARY, [3]), (MARCH, [3, 3]), (APRIL, [3, 3, 3])], ids=["feb", "mar", "apr"]
)
def test_balances_stay_what_they_were(before, gone, broken_invariants):
    expected = pictures(since=before)

    assert forget(before) == gone

    assert pictures(since=before) == expected
    assert forgotten_until() == before
    assert not StockMovement.objects.filter(recorded_at__lt=before).exists()
    assert [month for month in months_kept() if month < before] == []
    assert broken_invariants() == []


def test_what_is_forgotten_stands_in_the_opening_balances():
    forget(MARCH)

    assert sorted(StockBalance.objects.values_list("sku", "location_id", "on_hand", "damaged", "quarantined")) == [
        ("A", "S", 4 + 10 + 11 + 2, 2, 0),
        ("B", "T", -1, 0, 0),
    ]


def test_forgetting_again_changes_nothing_and_later_months_are_added():
    forget(FEBRUARY)
    assert forget(FEBRUARY) == []
    assert forget(APRIL) == [3, 3]

    assert StockBalance.objects.get(sku="A", location_id="S").on_hand == 4 + 10 + 11 + 2 + 12 + 100
    assert forget(JANUARY) == []
    assert forgotten_until() == APRIL


def test_what_stands_in_no_month_goes_too_where_there_is_no_month_as_old():
    forget(FEBRUARY)
    tell("odd", "A", "S", 5, MARCH + DAY, told_at=MARCH + DAY)
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE inventory_stockmovement DETACH PARTITION inventory_stockmovement_2026_02")
        cursor.execute("ALTER TABLE inventory_stockmovement DETACH PARTITION inventory_stockmovement_2026_03")
        cursor.execute("INSERT INTO inventory_stockmovement SELECT * FROM inventory_stockmovement_2026_02")
        cursor.execute("INSERT INTO inventory_stockmovement SELECT * FROM inventory_stockmovement_2026_03")

    assert forget(APRIL) == [7]

    assert forgotten_until() == APRIL
    assert forget(APRIL) == []


def test_each_month_that_went_is_told():
    forget(MARCH)

    told = Event.objects.filter(type=LEDGER_FORGOTTEN).order_by("id")
    assert [(event.actor, event.payload["begins_at"], event.payload["movements"]) for event in told] == [
        ("user:ann", "2026-02-01T00:00:00+00:00", 3),  # with the one that stood in no month
        ("user:ann", "2026-03-01T00:00:00+00:00", 3),
    ]


def test_a_ledger_that_begins_later_is_not_said_to_begin_earlier():
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("TRUNCATE inventory_stocklevel, inventory_stockmovement, inventory_stockeventid")

    forget(MARCH)

    assert not LedgerStart.objects.exists()
    assert months_kept()[0] == MARCH


@pytest.mark.parametrize("before", [MARCH + DAY, later_month(APRIL, 1), later_month(APRIL, 12)])
def test_neither_the_present_month_nor_parts_of_months_are_forgotten(before):
    with pytest.raises(Invalid):
        forget(before)
    with pytest.raises(Invalid):
        old_months(before=before, as_of=TODAY)

    assert not StockBalance.objects.exists()
    assert StockMovement.objects.count() == 11


# ---- killed anywhere -----------------------------------------------------------------------------


class _Killed(BaseException):
    pass


def _killed_after(statements: int, act) -> bool:
    """Run `act`, dead after so many statements, whose transaction is then rolled back. True when it lived to its end."""
    left = statements

    def count(execute, sql, params, many, context):
        nonlocal left
        left -= 1
        if left == -1:
            raise _Killed
        return execute(sql, params, many, context)

    try:
        with connection.execute_wrapper(count):
            act()
    except _Killed:
        return False
    return True


def test_killed_at_any_statement_it_leaves_true_balances_and_goes_on():
    ids, is_whole, statements = StockEventId.objects.count(), False, 0

    while not is_whole:
        with _undone():
            is_whole = _killed_after(statements, lambda: forget(APRIL))
            assert _ledger_is_true()
            assert pictures(since=TODAY) == [[("A", "S", 152, 2), ("B", "T", -6, 0)]]

            forget(APRIL)

            assert forgotten_until() == APRIL
            assert StockBalance.objects.get(sku="A", location_id="S").on_hand == 4 + 10 + 11 + 2 + 12 + 100
            assert StockMovement.objects.count() == 2
            assert StockEventId.objects.count() == ids - 9  # all but those of April
            assert _ledger_is_true()
        statements += 1

    assert statements > 30


def _ledger_is_true() -> bool:
    [invariant] = [one for one in all_invariants() if one.name.startswith("each stock level is what its ledger says")]
    return not list(invariant.broken())


@contextmanager
def _undone():
    """So that the next death comes upon the whole history again."""
    block = transaction.atomic()
    block._from_testcase = True
    with block:
        yield
        transaction.set_rollback(True)


def test_a_ledger_that_is_never_free_is_left_as_it_was(monkeypatch):
    def never() -> None:
        raise Busy()

    monkeypatch.setattr("inventory.services.retention._lock_whole_ledger", never)

    with pytest.raises(Busy):
        forget(MARCH)

    assert (StockMovement.objects.count(), StockBalance.objects.count()) == (11, 0)
    assert not LedgerStart.objects.exists()


# ---- events that come too late -------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["delta", "count"])
def test_what_happened_before_the_ledger_is_refused(kind):
    forget(MARCH)

    assert tell("new", "A", "S", 5, MARCH - timedelta(seconds=1), TODAY, kind=kind) == "before_the_ledger"
    assert tell("A1", "A", "S", 11, FEBRUARY + 9 * DAY, TODAY) == "before_the_ledger"  # its id is forgotten

    assert level("A", "S").on_hand == 4 + 10 + 11 + 2 + 12 + 13 + 100
    assert tell("newer", "A", "S", 5, MARCH, TODAY) == "applied"


def test_what_is_still_known_is_a_duplicate_however_old():
    forget(MARCH)

    assert tell("late", "A", "S", 100, JANUARY + 20 * DAY, TODAY) == "duplicate"  # it was told in March


def test_an_event_a_little_ahead_of_our_clock_stays_known_across_the_horizon():
    midnight = MARCH + timedelta(minutes=2)  # by the till's clock, when ours says February
    assert tell("fast", "A", "S", 1, midnight, told_at=MARCH - timedelta(minutes=1)) == "applied"

    forget(MARCH)

    assert tell("fast", "A", "S", 1, midnight, told_at=TODAY) == "duplicate"


def test_ids_are_forgotten_a_day_after_their_movements():
    forget(MARCH)

    assert StockEventId.objects.order_by("recorded_at").first().recorded_at >= MARCH - DAY
    assert forget_event_ids() == 0


def test_the_rejection_says_so(client):
    LedgerStart.objects.create(begins_at=MARCH)
    event = {"id": "x", "sku": "A", "location": "S", "kind": "delta", "quantity": 1}

    answer = client.post(
        "/api/v1/stock/events/",
        {
            "events": [
                {**event, "occurred_at": "2026-02-28T23:59:59Z"},
                {**event, "occurred_at": "2026-03-01T00:00:00Z"},
            ]
        },
        format="json",
    ).json()["results"]

    assert [(row["status"], row.get("code")) for row in answer] == [
        ("rejected", "before_the_ledger"),
        ("applied", None),
    ]


# ---- the command and the task --------------------------------------------------------------------


def command(*arguments: str) -> str:
    out = StringIO()
    call_command("forget_movements", *arguments, stdout=out)
    return out.getvalue()


@pytest.mark.parametrize("flags", [(), ("--dry-run",)])
def test_the_command_only_tells_unless_it_is_asked_to_do_it(flags):
    said = command("--before=2026-03", *flags)

    assert said.splitlines() == [
        "would forget 2026-01: 2 movements of 2 levels",
        "would forget 2026-02: 3 movements of 2 levels",
        "would forget what stands in no month: 1 movements of 1 levels",
        "the ledger would begin at 2026-03; nothing was changed (--apply does it)",
    ]
    assert (StockMovement.objects.count(), StockBalance.objects.count()) == (11, 0)


@pytest.mark.parametrize("flags", [(), ("--apply",)])
def test_the_command_says_that_there_is_nothing_to_forget(flags):
    command("--before=2026-03", "--apply")

    assert command("--before=2026-02", *flags) == "there is nothing to forget before 2026-02\n"
    assert forgotten_until() == MARCH


def test_the_command_forgets_when_it_is_asked_to():
    assert command("--before=2026-03", "--apply").splitlines()[0] == "forgot 2026-01: 3 movements of 2 levels"

    assert forgotten_until() == MARCH


def test_without_a_month_the_settings_say_which():
    with pytest.raises(CommandError, match="OMS_LEDGER_MONTHS"):
        command("--apply")
    this_month = month_of(now())
    with override_settings(LEDGER_MONTHS=1):
        said = command()

    assert f"would begin at {later_month(this_month, -1):%Y-%m}" in said


@pytest.mark.parametrize("wrong", ["--before=2026-13", "--before=soon", "--before=2999-01"])
def test_a_wrong_month_is_refused(wrong):
    with pytest.raises(CommandError):
        command(wrong, "--apply")

    assert StockMovement.objects.count() == 11


def test_the_task_forgets_nothing_unless_the_settings_say_so():
    forget_old_movements()
    assert StockMovement.objects.count() == 11

    with override_settings(LEDGER_MONTHS=1):
        forget_old_movements()

    assert forgotten_until() is not None
    assert level("A", "S").on_hand == 4 + 10 + 11 + 2 + 12 + 13 + 100


def test_a_new_level_has_no_opening_balance():
    make_product("C")
    make_location("U")
    forget(APRIL)

    tell("c", "C", "U", 3, APRIL + DAY, TODAY)

    assert [b.on_hand for b in balances(as_of=APRIL, skus=["C"])] == [0]
    assert [b.on_hand for b in balances(as_of=TODAY, skus=["C"])] == [3]
