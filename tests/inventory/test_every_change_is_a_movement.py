"""No level changes but by a movement that says why, by whom and for what.

`tests/ledger_guard.py` watches every test of the suite, whoever writes; here it is shown to bite. And nobody outside
of inventory writes levels or movements at all, the demo retailer included.
"""

import re

import pytest
from django.db import IntegrityError, connection, transaction

from inventory.models import StockLevel, StockMovement
from oms.dev.engines import ROOT
from tests import ledger_guard
from tests.factories.inventory import NOW, level, make_location, make_product, set_stock

OTHERS = ("routing", "orders", "returns", "stores", "reporting", "oms")
_BY_SQL = re.compile(
    r"(UPDATE|INSERT\s+INTO|DELETE\s+FROM|MERGE\s+INTO|COPY)\s+inventory_stock(level|movement)\b", re.I
)
_BY_ORM = re.compile(
    r"Stock(Level|Movement)(\.|\._default_manager|\.objects)[\w.()=, \"']*"
    r"\.(create|update|delete|bulk_create|bulk_update|get_or_create|update_or_create|save)\("
)


def writes_stock(text: str) -> bool:
    return bool(_BY_SQL.search(text) or _BY_ORM.search(text))


def test_nobody_but_inventory_writes_levels_or_movements():
    files = [path for app in OTHERS for path in (ROOT / app).rglob("*.py")]

    assert len(files) > 100
    assert [str(path.relative_to(ROOT)) for path in files if writes_stock(path.read_text())] == []


@pytest.mark.parametrize(
    "line",
    [
        "UPDATE inventory_stocklevel s SET on_hand = 0",
        "insert into\n  inventory_stockmovement (sku)",
        "StockLevel.objects.filter(location=code).update(on_hand=0)",
        "StockMovement.objects.create(product=sku)",
    ],
)
def test_the_search_finds_such_lines(line):
    assert writes_stock(line)


@pytest.fixture
def shelf(db):
    make_product("A")
    make_location("S")
    set_stock("A", "S", 10)


@pytest.mark.parametrize("change", [{"on_hand": 9}, {"damaged": 1}, {"quarantined": 1}])
def test_a_change_without_a_movement_is_noticed(shelf, change):
    ledger_guard.check_now()

    with pytest.raises(IntegrityError, match="changed without a movement"), transaction.atomic():
        StockLevel.objects.update(**change)
        ledger_guard.check_now()

    assert level("A", "S").on_hand == 10


def test_it_is_noticed_when_the_transaction_ends(transactional_db):
    make_product("A")
    make_location("S")
    set_stock("A", "S", 10)

    with pytest.raises(IntegrityError, match="changed without a movement"), transaction.atomic():
        StockLevel.objects.update(on_hand=9)

    assert level("A", "S").on_hand == 10


def test_a_new_level_with_units_from_nowhere_is_noticed(shelf):
    make_product("B")

    with pytest.raises(IntegrityError, match="changed without a movement"), transaction.atomic():
        StockLevel.objects.create(product_id="B", location_id="S", on_hand=3, updated_at=NOW)
        ledger_guard.check_now()


def test_every_movement_says_why_by_whom_and_for_what(shelf):
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT conname FROM pg_constraint WHERE conrelid = 'inventory_stockmovement'::regclass AND contype = 'c'"
        )
        rules = {name for (name,) in cursor.fetchall()}

    assert {
        "a_movement_names_its_cause",
        "a_movement_names_its_author",
        "a_movement_names_what_it_belongs_to",
    } <= rules
    assert StockMovement.objects.filter(cause="", actor="").count() == 0
