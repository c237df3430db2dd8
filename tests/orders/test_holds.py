"""A hold that ended has no clock left."""

from typing import Any

import pytest

from oms.models import Deadline
from tests.factories.orders import make_network, order_body
from tests.flows.conftest import Api, pass_time


def _waiting() -> list[str]:
    return list(Deadline.objects.filter(kind="orders.hold_expires", done_at=None).values_list("subject", flat=True))


@pytest.fixture
def order(shop: Api) -> dict[str, Any]:
    make_network()
    return shop.post("orders/", order_body()).json


def test_released_by_a_person(shop: Api, order: dict[str, Any]) -> None:
    held = shop.post(f"orders/{order['number']}/hold/", {"kind": "manual", "expires_at": "2099-01-01T00:00:00Z"}).json
    assert _waiting() == [held["holds"][0]["id"]]

    shop.post(f"orders/{order['number']}/release/", {})

    assert _waiting() == []


def test_ended_with_the_order(shop: Api, order: dict[str, Any]) -> None:
    shop.post(f"orders/{order['number']}/hold/", {"kind": "manual", "expires_at": "2099-01-01T00:00:00Z"})

    canceled = shop.post(f"orders/{order['number']}/cancel/", {})

    assert (canceled.json["status"], canceled.json["holds"]) == ("canceled", [])
    assert _waiting() == []


def test_released_by_the_money_that_came_late(shop: Api) -> None:
    make_network()
    body = order_body()
    body["payments"][0]["token"] = "tok_pending"
    number = shop.post("orders/", body).json["number"]
    assert len(_waiting()) == 1

    pass_time(seconds=31)

    assert shop.order(number)["status"] == "in_fulfillment"
    assert _waiting() == []
