"""What an order is called follows from where its units are."""

import pytest

from orders.models.order import BUCKETS
from orders.queries import line_status
from orders.services.status import derive_status


def units(**given: int) -> dict[str, int]:
    return dict.fromkeys(BUCKETS, 0) | given


@pytest.mark.parametrize(
    ("where", "on_hold", "status"),
    [
        ({"open": 2}, False, "placed"),
        ({"backordered": 2}, False, "backordered"),
        ({"open": 1, "backordered": 1}, False, "backordered"),
        ({"allocated": 2}, False, "in_fulfillment"),
        ({"picked": 2}, False, "in_fulfillment"),
        ({"packed": 2}, False, "in_fulfillment"),
        ({"in_transit": 2}, False, "in_fulfillment"),
        ({"backordered": 1, "allocated": 1}, False, "in_fulfillment"),
        ({"allocated": 1, "shipped": 1}, False, "partially_fulfilled"),
        ({"open": 1, "collected": 1}, False, "partially_fulfilled"),
        ({"shipped": 1, "delivered": 1, "collected": 1}, False, "fulfilled"),
        ({"shipped": 1, "canceled": 1}, False, "fulfilled"),
        ({"canceled": 2}, False, "canceled"),
        ({"allocated": 1, "canceled": 1}, False, "in_fulfillment"),
        ({"allocated": 2}, True, "on_hold"),
        ({"shipped": 2}, True, "on_hold"),
        ({"backordered": 2}, True, "on_hold"),
        ({"canceled": 2}, True, "canceled"),
    ],
)
def test_the_status_of_an_order(where: dict[str, int], on_hold: bool, status: str) -> None:
    assert derive_status(units(**where), on_hold=on_hold) == status


@pytest.mark.parametrize(
    ("where", "status"),
    [
        ({"open": 1, "shipped": 1}, "open"),
        ({"allocated": 1, "shipped": 1}, "allocated"),
        ({"picked": 1, "packed": 1}, "picked"),
        ({"shipped": 1, "delivered": 1}, "shipped"),
        ({"delivered": 1, "canceled": 1}, "delivered"),
        ({"canceled": 2}, "canceled"),
    ],
)
def test_the_status_of_a_line_is_that_of_the_unit_with_farthest_to_go(where: dict[str, int], status: str) -> None:
    assert line_status(units(**where), sum(where.values())) == status
