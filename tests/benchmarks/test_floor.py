"""The floor writes exactly the rows of a placement, and the data set is what it says."""

from collections.abc import Iterator

import psycopg
import pytest
from django.db import connection

from benchmarks import dataset, floor, inprocess, placement
from tests.factories.orders import make_key

SCALE = dataset.Scale(skus=40, places=12, warehouses=2, places_per_sku=4, special_skus=10)


@pytest.fixture
def built(levels_may_lie: None) -> Iterator[str]:
    """A small data set; yields a key."""
    dataset.build(SCALE)
    yield make_key("bench")
    with connection.cursor() as cursor:
        cursor.execute("DROP SCHEMA bench CASCADE")


def _rows(*tables: str) -> dict[str, int]:
    with connection.cursor() as cursor:
        found = {}
        for table in tables:
            cursor.execute(f"SELECT count(*) FROM {table}")
            found[table] = cursor.fetchone()[0]
        return found


TABLES = (
    "orders_order",
    "orders_delivery",
    "orders_orderline",
    "orders_fulfillment",
    "orders_fulfillmentline",
    "orders_payment",
    "orders_customer",
    "inventory_reservation",
    "routing_decision",
    "oms_event",
    "oms_deadline",
    "oms_idempotencyrecord",
)


def test_a_data_set_lies_where_it_should(built: str) -> None:
    assert dataset.is_built(SCALE)
    assert not dataset.is_built(dataset.Scale())
    # 40 × 4 ordinary, and ten special ones each at 10, 12, 3 and 12 places
    assert _rows("inventory_product", "inventory_location", "inventory_stocklevel") == {
        "inventory_product": 80,
        "inventory_location": 12,
        "inventory_stocklevel": 160 + 100 + 120 + 30 + 120,
    }


def test_the_floor_writes_the_very_rows_of_a_placement(built: str) -> None:
    before = _rows(*TABLES)
    placed = inprocess.placements(iter(["SKU0000001", "SKU0000021"]).__next__, built, times=1, run="real")
    of_a_placement = {table: count - before[table] for table, count in _rows(*TABLES).items()}
    placement.check_rows("real", answered=1)
    with connection.cursor() as cursor:
        cursor.execute("SELECT id FROM orders_order")
        (order_id,) = cursor.fetchone()

    with psycopg.connect(_conninfo()) as raw:
        statement = floor.placement_statement(raw, order_id, highest_sku=40, whole=True)
        before = _rows(*TABLES)
        (reserved,) = raw.execute(statement).fetchone() or (0,)

    assert reserved == 2
    assert {table: count - before[table] for table, count in _rows(*TABLES).items()} == of_a_placement
    assert placed.statements > 0


def test_an_order_without_its_rows_is_found_out(built: str) -> None:
    inprocess.placements(iter(["SKU0000001", "SKU0000021"]).__next__, built, times=1, run="real")
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM oms_deadline WHERE kind = 'orders.acknowledge'")

    with pytest.raises(placement.RowsMissing, match="deadlines"):
        placement.check_rows("real", answered=1)


def _conninfo() -> str:
    """The test database's address, for a connection beside Django's."""
    with connection.cursor() as cursor:
        return str(cursor.connection.info.dsn)
