"""`check_invariants --repair`: the books are the truth, and every repair is told."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction

from inventory.models import Reservation, StockBalance, StockLevel, StockMovement
from inventory.services import Want, mark_damaged
from inventory.services.repairs import mend_by_ledger, mend_by_reservations
from oms.invariants import Invariant, all_invariants, by_query
from oms.models import Event
from tests.factories.inventory import NOW, level, make_location, make_product, make_products, reserve, set_stocks

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def shelf(db):
    make_products("A", "B")
    make_location("S")
    set_stocks({("A", "S"): 10, ("B", "S"): 20})
    with transaction.atomic():
        mark_damaged([("A", "S", 2)], reference="f", actor="t", as_of=NOW)
        reserve(Want("line:1", "A", "S", 3))
    Event.objects.all().delete()


def check(*arguments: str) -> str:
    out = StringIO()
    call_command("check_invariants", *arguments, stdout=out)
    return out.getvalue()


def spoil(sku: str = "A", **values: int) -> None:
    """As no service would."""
    StockLevel.objects.filter(product=sku).update(**values)


def numbers(sku: str = "A") -> tuple[int, int, int, int]:
    row = level(sku, "S")
    return row.on_hand, row.damaged, row.quarantined, row.reserved


def movement(**values: object) -> None:
    """A line of the ledger that no level heard of."""
    given = {"product_id": "A", "location_id": "S", "quantity": 0, "cause": "x", "actor": "t", "reference": "r"}
    StockMovement.objects.create(**(given | {"occurred_at": NOW, "recorded_at": NOW} | values))


def test_nothing_is_done_where_all_holds():
    assert "all" in check("--repair")

    assert not Event.objects.exists()


def test_what_is_broken_is_only_told_unless_it_is_to_be_repaired():
    spoil(on_hand=8)

    with pytest.raises(CommandError, match="1 of"):
        check()

    assert numbers() == (8, 2, 0, 3)
    assert not Event.objects.exists()
    spoil(on_hand=10)


def test_a_level_becomes_what_its_ledger_says():
    spoil(on_hand=8, damaged=0, quarantined=1)
    movements = StockMovement.objects.count()

    said = check("--repair", "--actor=user:ann")

    assert "A at S: 8 on hand, 0 damaged, 1 quarantined; the ledger says 10, 2, 0" in said
    assert "repaired: A at S: on_hand 8 → 10, damaged 0 → 2, quarantined 1 → 0" in said
    assert (numbers(), numbers("B")) == ((10, 2, 0, 3), (20, 0, 0, 0))
    assert StockMovement.objects.count() == movements  # no stock has moved
    changed, repaired = Event.objects.order_by("id")
    assert (changed.type, changed.payload["reference"]) == ("inventory.level.changed", "check_invariants")
    assert (repaired.type, repaired.subject, repaired.actor) == ("inventory.level.repaired", "A", "user:ann")
    assert repaired.payload == {
        "sku": "A",
        "location": "S",
        "from": {"on_hand": 8, "damaged": 0, "quarantined": 1},
        "to": {"on_hand": 10, "damaged": 2, "quarantined": 0},
    }


def test_opening_balances_are_a_part_of_the_ledger():
    StockBalance.objects.create(sku="A", location_id="S", on_hand=100, damaged=1, quarantined=2)

    check("--repair")

    assert numbers() == (110, 3, 2, 3)


def test_a_repair_that_leaves_less_than_is_promised_says_so():
    spoil(on_hand=50)
    movement(quantity=-9)

    check("--repair")

    assert numbers() == (1, 2, 0, 3)
    short = Event.objects.get(type="inventory.stock.short")
    assert short.payload == {"sku": "A", "location": "S", "reserved": 3, "short": 3}


def test_a_level_that_is_missing_is_opened():
    make_product("C")
    movement(product_id="C", quantity=4)

    check("--repair")

    assert numbers("C") == (4, 0, 0, 0)


def test_fewer_than_no_damaged_units_are_evened_out_by_a_movement(broken_invariants):
    movement(damaged_delta=-5, quarantined_delta=-1)

    check("--repair")

    assert numbers() == (10, 0, 0, 3)
    last = StockMovement.objects.first()
    assert (last.cause, last.quantity, last.damaged_delta, last.quarantined_delta) == ("adjustment", 0, 3, 1)
    assert (last.reference, last.actor) == ("check_invariants", "system:check_invariants")
    assert broken_invariants() == []


def test_a_movement_that_mends_the_ledger_alone_is_told_too(broken_invariants):
    spoil(damaged=0)
    movement(damaged_delta=-4)

    assert "A at S: a movement makes up for what its ledger lacks" in check("--repair")

    assert Event.objects.filter(type="inventory.level.repaired").count() == 1
    assert broken_invariants() == []


def test_what_names_no_known_product_stays_told():
    movement(product_id="GHOST", quantity=4)

    with pytest.raises(CommandError, match="1 of"):
        check("--repair")

    assert not StockLevel.objects.filter(product="GHOST").exists()


def test_reserved_becomes_what_active_reservations_hold():
    spoil(reserved=0)
    spoil("B", reserved=7)

    said = check("--repair")

    assert "repaired: A at S: reserved 0 → 3" in said
    assert "repaired: B at S: reserved 7 → 0" in said
    assert (numbers(), numbers("B")) == ((10, 2, 0, 3), (20, 0, 0, 0))
    assert Event.objects.filter(type="inventory.level.repaired", subject="A").get().payload["to"] == {"reserved": 3}


def test_more_reserved_than_there_is_calls_for_a_new_plan():
    Reservation.objects.filter(demand="line:1").update(quantity=30, remaining=30)

    check("--repair")

    assert numbers() == (10, 2, 0, 30)
    assert Event.objects.get(type="inventory.stock.short").payload["short"] == 22


def test_what_agrees_when_it_is_looked_at_under_the_lock_is_left_alone():
    suspected = [{"sku": "A", "location": "S"}, {"sku": "A", "location": "NOWHERE"}]

    with_use_cases = (mend_by_ledger, mend_by_reservations)
    assert [mend(suspected, actor="t", as_of=NOW) for mend in with_use_cases] == [[], []]

    assert not Event.objects.exists()


def test_what_nobody_can_repair_is_said_so(monkeypatch):
    stubborn = by_query("nothing is ever well", "SELECT 1 AS one", "%(one)s is wrong")
    monkeypatch.setattr("oms.management.commands.check_invariants.all_invariants", lambda: [stubborn])

    out = StringIO()
    with pytest.raises(CommandError):
        call_command("check_invariants", "--repair", stdout=out)

    assert "cannot be repaired by itself: nothing is ever well" in out.getvalue()


def test_many_violations_are_counted_and_few_are_shown(monkeypatch):
    many = by_query("none of them", "SELECT n FROM generate_series(1, 5000) n", "%(n)s is wrong")
    monkeypatch.setattr("oms.management.commands.check_invariants.all_invariants", lambda: [many])

    out = StringIO()
    with pytest.raises(CommandError):
        call_command("check_invariants", stdout=out)

    assert out.getvalue().splitlines()[-2:] == ["         20 is wrong", "         … and 4,980 more"]


def test_violations_are_mended_some_at_a_time():
    batches: list[int] = []

    def mend(broken, *, actor, as_of):
        batches.append(len(broken))
        return [f"{row['n']} by {actor}" for row in broken]

    invariant: Invariant = by_query("n", "SELECT n FROM generate_series(1, 250) n", "%(n)s", mend=mend)

    said = list(invariant.repair(actor="ann", now=lambda: NOW))

    assert batches == [100, 100, 50]
    assert (said[0], said[-1]) == ("1 by ann", "250 by ann")


def test_a_batch_is_mended_in_few_statements(django_assert_max_num_queries):
    make_products(*[f"P{n}" for n in range(50)])
    set_stocks({(f"P{n}", "S"): 5 for n in range(50)})
    spoil_all = StockLevel.objects.filter(product__sku__startswith="P")
    spoil_all.update(on_hand=1, reserved=2)
    broken = [{"sku": f"P{n}", "location": "S"} for n in range(50)]

    with django_assert_max_num_queries(16):
        assert len(mend_by_ledger(broken, actor="t", as_of=NOW)) == 50
        assert len(mend_by_reservations(broken, actor="t", as_of=NOW)) == 50

    assert not [s for invariant in all_invariants() for s in invariant.broken()]


def test_a_repair_does_not_turn_back_when_a_level_last_changed():
    spoil(on_hand=1, reserved=1)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE inventory_stocklevel SET updated_at = '2999-01-01+00'")

    check("--repair")

    assert level("A", "S").updated_at.year == 2999
