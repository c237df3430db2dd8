from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, OperationalError, connection, transaction

from inventory.models import StockEventId, StockMovement
from inventory.services import StockEvent, apply_stock_events
from inventory.services.ledger_months import later_month, month_of, open_months, partition_of
from inventory.tasks import open_ledger_months
from tests.factories.inventory import level, make_location, make_product

pytestmark = pytest.mark.django_db

MAY = datetime(2031, 5, 17, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def shelf(db):
    make_product("A")
    make_location("S")


def move(number: int, at: datetime, units: int = 1) -> None:
    event = StockEvent(f"e{number}", "A", "S", "delta", units, at)
    with transaction.atomic():
        apply_stock_events([event], source="t", actor="t", as_of=at)


def partitions() -> set[str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'inventory_stockmovement'::regclass"
        )
        return {name for (name,) in cursor.fetchall()}


def where(number: int) -> str:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT tableoid::regclass::text FROM inventory_stockmovement WHERE external_id = %s", [f"e{number}"]
        )
        [(name,)] = cursor.fetchall()
        return name.removeprefix("inventory_stockmovement_")


@pytest.mark.parametrize(
    "month, later, expected",
    [((2031, 5), 3, (2031, 8)), ((2031, 11), 3, (2032, 2)), ((2031, 12), 1, (2032, 1)), ((2031, 1), -13, (2029, 12))],
)
def test_months_are_counted_across_years(month, later, expected):
    assert later_month(datetime(*month, 1, tzinfo=UTC), later) == datetime(*expected, 1, tzinfo=UTC)


def test_a_month_begins_at_midnight_utc_wherever_one_stands():
    in_tokyo = datetime.fromisoformat("2031-06-01T08:30:00+09:00")

    assert month_of(in_tokyo) == datetime(2031, 5, 1, tzinfo=UTC)


def test_this_month_and_three_more_are_made_once():
    made = open_months(as_of=MAY)

    assert made == [f"inventory_stockmovement_2031_{month}" for month in ("05", "06", "07", "08")]
    assert set(made) <= partitions()
    assert open_months(as_of=MAY) == []
    assert open_months(as_of=MAY + timedelta(days=31)) == ["inventory_stockmovement_2031_09"]


def test_movements_stand_in_their_month_and_those_of_no_month_fail_not():
    open_months(as_of=MAY)

    for number, at in enumerate(
        [
            datetime(2031, 5, 1, tzinfo=UTC),
            datetime(2031, 5, 31, 23, 59, 59, 999999, tzinfo=UTC),
            datetime(2031, 6, 1, tzinfo=UTC),
            datetime(1990, 1, 1, tzinfo=UTC),
            datetime(2500, 1, 1, tzinfo=UTC),
        ]
    ):
        move(number, at)

    assert [where(number) for number in range(5)] == ["2031_05", "2031_05", "2031_06", "default", "default"]
    assert level("A", "S").on_hand == 5


def test_a_month_that_was_made_late_takes_its_movements_from_the_default_partition():
    move(1, MAY)
    move(2, MAY - timedelta(days=60))
    ids = set(StockMovement.objects.values_list("id", flat=True))

    open_months(as_of=MAY)

    assert (where(1), where(2)) == ("2031_05", "default")
    assert set(StockMovement.objects.values_list("id", flat=True)) == ids
    open_months(since=MAY - timedelta(days=60), as_of=MAY)
    assert where(2) == "2031_03"


def test_a_month_keeps_the_ledgers_rules():
    open_months(as_of=MAY)
    move(1, MAY)

    for change in (lambda rows: rows.update(quantity=1), lambda rows: rows.delete()):
        with pytest.raises(IntegrityError, match="only ever added"), transaction.atomic():
            change(StockMovement.objects.filter(recorded_at=MAY))


@pytest.mark.parametrize(
    "wrong, rule",
    [
        ({"cause": ""}, "a_movement_names_its_cause"),
        ({"actor": ""}, "a_movement_names_its_author"),
        ({"reference": ""}, "a_movement_names_what_it_belongs_to"),
        ({"occurred_at": MAY + timedelta(seconds=1)}, "nothing_is_recorded_before_it_happens"),
    ],
)
@pytest.mark.parametrize("has_partition", [True, False])
def test_what_a_movement_must_say_is_asked_in_every_partition(wrong, rule, has_partition):
    if has_partition:
        open_months(as_of=MAY)
    values = {"cause": "count", "actor": "t", "reference": "r", "occurred_at": MAY} | wrong

    with pytest.raises(IntegrityError, match=rule), transaction.atomic():
        StockMovement.objects.create(product_id="A", location_id="S", quantity=1, recorded_at=MAY, **values)


def test_the_id_of_an_event_is_kept_beside_its_movement():
    move(1, MAY, units=7)

    seen = StockEventId.objects.get(source="t", external_id="e1")
    assert (seen.sku, seen.location_id, seen.quantity, seen.recorded_at) == ("A", "S", 7, MAY)
    movement = StockMovement.objects.get()
    assert (movement.source, movement.external_id) == ("t", "e1")


def test_an_event_that_comes_again_in_another_month_is_known():
    open_months(as_of=MAY)
    move(1, MAY)

    event = StockEvent("e1", "A", "S", "delta", 1, MAY)
    with transaction.atomic():
        [again] = apply_stock_events([event], source="t", actor="t", as_of=MAY + timedelta(days=31))

    assert (again.status, level("A", "S").on_hand) == ("duplicate", 1)


def test_the_database_itself_refuses_an_id_twice():
    row = {"sku": "A", "location_id": "S", "quantity": 1, "recorded_at": MAY}
    StockEventId.objects.create(source="t", external_id="1", **row)

    with pytest.raises(IntegrityError, match="an_event_of_a_source_moves_stock_once"), transaction.atomic():
        StockEventId.objects.create(source="t", external_id="1", **row)


def test_the_task_and_the_command_make_what_is_missing():
    open_ledger_months()
    out = StringIO()

    call_command("open_ledger_months", "--since=2020-11", stdout=out)

    assert "made inventory_stockmovement_2020_11\n" in out.getvalue()
    with pytest.raises(CommandError, match="no month"):
        call_command("open_ledger_months", "--since=spring")


def test_a_database_that_was_migrated_has_this_month():
    assert partition_of(month_of(datetime.now(UTC))) in partitions()


def test_a_ledger_too_busy_for_new_months_does_not_fail_a_migration(monkeypatch):
    def busy(**_):
        raise OperationalError("canceling statement due to lock timeout")

    monkeypatch.setattr("inventory.services.ledger_months.open_months", busy)

    call_command("migrate", verbosity=0)
