"""Every unit of a line is in exactly one bucket: the database says so itself."""

import pytest
from django.db import IntegrityError, transaction

from orders.models import Order, OrderLine
from orders.models.order import BUCKETS
from orders.services.lines import UnitMove, move_units
from tests.factories.orders import make_network, order_body
from tests.flows.conftest import Api


@pytest.fixture
def line(shop: Api) -> OrderLine:
    make_network()
    shop.post("orders/", order_body(("SKU-1", 3)))
    return OrderLine.objects.get()


def where(line: OrderLine) -> dict[str, int]:
    return {name: units for name, units in OrderLine.objects.values(*BUCKETS).get(pk=line.pk).items() if units}


def move(*moves: tuple[str, str, int], line: OrderLine) -> None:
    with transaction.atomic():
        move_units([UnitMove(line.pk, was, to, quantity) for was, to, quantity in moves])


def test_units_move_and_stay_the_same_in_number(line: OrderLine) -> None:
    move(("allocated", "picked", 2), ("allocated", "open", 1), ("picked", "packed", 1), line=line)

    assert where(line) == {"open": 1, "picked": 1, "packed": 1}


@pytest.mark.parametrize("bucket", [bucket for bucket in BUCKETS if bucket != "allocated"])
def test_a_unit_that_is_not_there_cannot_leave(line: OrderLine, bucket: str) -> None:
    with pytest.raises(IntegrityError, match=f"orders_orderline_{bucket}_check|only_what_arrived_comes_back"):
        move((bucket, "allocated", 1), line=line)

    assert where(line) == {"allocated": 3}


def test_more_units_than_there_are_cannot_leave(line: OrderLine) -> None:
    with pytest.raises(IntegrityError, match="orders_orderline_allocated_check"):
        move(("allocated", "shipped", 4), line=line)

    assert where(line) == {"allocated": 3}


@pytest.mark.parametrize("bucket", BUCKETS)
def test_no_unit_appears_from_nowhere(line: OrderLine, bucket: str) -> None:
    with (
        pytest.raises(IntegrityError, match="each_unit_of_a_line_is_in_exactly_one_bucket"),
        transaction.atomic(),
    ):
        OrderLine.objects.filter(pk=line.pk).update(**{bucket: getattr(line, bucket) + 1})

    assert where(line) == {"allocated": 3}


def test_only_what_arrived_comes_back(line: OrderLine) -> None:
    move(("allocated", "shipped", 2), line=line)

    with pytest.raises(IntegrityError, match="only_what_arrived_comes_back"), transaction.atomic():
        OrderLine.objects.update(returned=3)
    OrderLine.objects.update(returned=2)


def test_the_money_of_an_order_cannot_be_wrong_by_a_cent(line: OrderLine) -> None:
    with pytest.raises(IntegrityError, match="the_money_of_an_order_adds_up"), transaction.atomic():
        Order.objects.update(total="64.61")
