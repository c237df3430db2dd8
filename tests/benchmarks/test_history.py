"""The history that reads are measured with is made of whole orders: every row of a lived one, and nothing dangling."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection

from benchmarks import dataset, history
from inventory.models import StockLevel, StockMovement
from oms.invariants import all_invariants
from oms.models import Event
from orders.models import Order
from tests.factories.orders import make_key
from tests.flows.conftest import Api

SCALE = dataset.Scale(skus=40, places=12, warehouses=2, places_per_sku=4, special_skus=10)
SIZE = 60


@pytest.fixture
def past(levels_may_lie: None) -> Iterator[history.History]:
    dataset.build(SCALE)
    with connection.cursor() as cursor:
        made = history.History(SCALE, SIZE, str(cursor.connection.info.dsn))
    made.prepare()
    yield made
    with connection.cursor() as cursor:
        cursor.execute("DROP SCHEMA bench CASCADE")


def _counts() -> dict[str, int]:
    found = {}
    with connection.cursor() as cursor:
        for table in history.TABLES:
            cursor.execute(f"SELECT count(*) FROM {table}")
            found[table] = cursor.fetchone()[0]
    return found


def test_each_order_has_every_row_of_one_that_was_lived(past: history.History) -> None:
    sent, collected = ({table: len(rows) for table, rows in sample.rows.items()} for sample in past.samples)

    past.write(SIZE - 9, SIZE)
    past.write(1, SIZE - 10)

    half = SIZE // 2
    expected = {table: half * (sent[table] + collected[table]) for table in history.TABLES}
    expected["inventory_stockmovement"] += SIZE  # sales at tills
    assert _counts() == expected
    assert min(expected.values()) > 0


def test_it_is_as_true_as_what_was_lived(past: history.History) -> None:
    units = {row.pk: row.on_hand for row in StockLevel.objects.all()}

    past.write(1, SIZE)

    with connection.cursor() as cursor:
        assert list(history.dangling(cursor)) == []
    orders = [i for i in all_invariants() if i.name.startswith("orders")]
    assert {i.name: list(i.broken()) for i in orders if list(i.broken())} == {}
    assert not Event.objects.filter(position=None).exists()
    left = sum(units.values()) - sum(StockLevel.objects.values_list("on_hand", flat=True))
    assert left == -sum(StockMovement.objects.values_list("quantity", flat=True)) == SIZE // 2 * 3 + SIZE


def test_it_is_read_like_any_other(past: history.History) -> None:
    past.write(1, SIZE)
    order = Order.objects.latest("placed_at")

    shown: Any = Api(make_key("reader")).get(f"orders/{order.number}/").json

    assert shown["status"] == "fulfilled"
    assert [line["sku"] for line in shown["lines"]] == list(order.lines.values_list("product_id", flat=True))
    assert {work["status"] for work in shown["fulfillments"]} <= {"delivered", "collected"}
    assert len(set(Order.objects.values_list("placed_at", flat=True))) == SIZE


def test_a_product_that_was_sold_lately_is_named_right(past: history.History) -> None:
    past.write(1, SIZE)

    sold = set(StockMovement.objects.filter(cause="sale").values_list("product_id", flat=True))

    assert sold == {dataset.ordinary_sku(number) for number in history.sold_lately(SCALE, SIZE)}
