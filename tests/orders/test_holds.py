"""A hold that ended has no clock left, and one that waits for money ends only with it."""

from typing import Any

import pytest

from oms.clock import now
from oms.models import Deadline
from orders.models import Hold
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


@pytest.fixture
def unpaid(shop: Api) -> dict[str, Any]:
    make_network()
    body = order_body()
    body["payments"][0]["token"] = "tok_declined"
    return shop.post("orders/", body).json


def test_nobody_releases_an_order_whose_money_has_not_come(
    shop: Api, unpaid: dict[str, Any], invariants_hold: Any
) -> None:
    (hold,) = unpaid["holds"]
    before = shop.order(unpaid["number"])

    for body in ({}, {"hold": hold["id"]}):
        refused = shop.post(f"orders/{unpaid['number']}/release/", body)
        assert (refused.status, refused.json["code"]) == (409, "payment_open")

    assert shop.order(unpaid["number"]) == before
    assert _waiting() == [hold["id"]]
    invariants_hold()


def test_the_other_holds_are_released_all_the_same(shop: Api, unpaid: dict[str, Any]) -> None:
    shop.post(f"orders/{unpaid['number']}/hold/", {"kind": "fraud"})

    released = shop.post(f"orders/{unpaid['number']}/release/", {}).json

    assert (released["status"], [hold["kind"] for hold in released["holds"]]) == ("on_hold", ["payment"])


def test_work_that_waits_for_nothing_is_found(shop: Api, unpaid: dict[str, Any], invariants_hold: Any) -> None:
    Hold.objects.update(released_at=now(), released_by="somebody")

    with pytest.raises(AssertionError, match="waits for something"):
        invariants_hold()
