"""What is left can be canceled; what has left cannot, and what is in somebody's hands neither."""

from typing import Any

import pytest

from tests.factories.orders import make_network, order_body, reserved
from tests.flows.conftest import Api


@pytest.fixture
def order(shop: Api) -> dict[str, Any]:
    """Two places, one unit at each."""
    make_network(paris=1, lille=1, lyon=0)
    order = shop.post("orders/", order_body(("SKU-1", 2))).json
    assert {f["location"] for f in order["fulfillments"]} == {"PARIS", "LILLE"}
    return order


def _ship(shop: Api, order: dict[str, Any], place: str) -> None:
    (work,) = [f["id"] for f in order["fulfillments"] if f["location"] == place]
    shop.act(work, "acknowledge")
    shop.act(work, "pick", {"lines": [{"line": "l1", "picked": 1}]})
    assert shop.act(work, "ship", {}).status == 200


def test_what_is_left_of_an_order_is_canceled_though_a_part_has_left(
    shop: Api, order: dict[str, Any], invariants_hold: Any
) -> None:
    _ship(shop, order, "PARIS")

    canceled = shop.post(f"orders/{order['number']}/cancel/", {})

    assert (canceled.status, canceled.json["status"]) == (200, "fulfilled")
    units = canceled.json["lines"][0]["quantities"]
    assert (units["shipped"], units["canceled"]) == (1, 1)
    assert (reserved("SKU-1", "PARIS"), reserved("SKU-1", "LILLE")) == (0, 0)
    invariants_hold()


def test_when_all_has_left_it_is_too_late(shop: Api, order: dict[str, Any]) -> None:
    for place in ("PARIS", "LILLE"):
        _ship(shop, order, place)
    before = shop.order(order["number"])

    refused = shop.post(f"orders/{order['number']}/cancel/", {})

    assert (refused.status, refused.json["code"], refused.json["lines"]) == (
        409,
        "too_late",
        [{"id": "l1", "cancelable": 0}],
    )
    assert shop.order(order["number"]) == before


def test_what_is_being_picked_keeps_the_whole_from_being_canceled(shop: Api, order: dict[str, Any]) -> None:
    (work,) = [f["id"] for f in order["fulfillments"] if f["location"] == "PARIS"]
    shop.act(work, "acknowledge")
    shop.act(work, "start")

    whole = shop.post(f"orders/{order['number']}/cancel/", {})
    rest = shop.post(f"orders/{order['number']}/cancel/", {"lines": [{"id": "l1", "quantity": 1}]})

    assert (whole.status, whole.json["lines"]) == (409, [{"id": "l1", "cancelable": 1}])
    assert rest.status == 200
    assert {f["location"]: f["status"] for f in rest.json["fulfillments"]} == {"PARIS": "picking", "LILLE": "canceled"}


def test_canceling_twice_changes_nothing_more(shop: Api, order: dict[str, Any]) -> None:
    path = f"orders/{order['number']}/cancel/"
    first = shop.post(path, {})

    assert shop.post(path, {}).json == first.json


@pytest.mark.parametrize(
    ("lines", "pointer", "code"),
    [
        ([{"id": "l9", "quantity": 1}], "/lines/0/id", "unknown_line"),
        ([{"id": "l1", "quantity": 3}], "/lines/0/quantity", "more_than_ordered"),
    ],
)
def test_what_was_not_ordered_cannot_be_canceled(
    shop: Api, order: dict[str, Any], lines: list[Any], pointer: str, code: str
) -> None:
    refused = shop.post(f"orders/{order['number']}/cancel/", {"lines": lines})

    assert (refused.status, [(e["pointer"], e["code"]) for e in refused.json["errors"]]) == (422, [(pointer, code)])
    assert shop.order(order["number"]) == order
