"""One order, several ways to the shopper: some sent, some collected, all out of the same stock."""

from typing import Any

import pytest

from orders.models import Order
from orders.pickup_codes import pickup_code
from tests.factories.inventory import set_stock
from tests.factories.orders import ADDRESS, LYON, make_network, order_body, reserved
from tests.flows.conftest import Api


def two_ways(send: int, collect: int, *, at: str = "PARIS", **values: Any) -> dict[str, Any]:
    """Line l1 is sent home, line l2 is collected; both of SKU-1."""
    body = order_body(("SKU-1", send), ("SKU-1", collect))
    body |= {
        "delivery": None,
        "shipping_price": None,
        "deliveries": [
            {"id": "home", "method": "ship", "price": "4.90", "lines": ["l1"]},
            {"id": "store", "method": "pickup", "location": at, "lines": ["l2"]},
        ],
    }
    return body | values


def _places(order: dict[str, Any]) -> dict[str, tuple[str, str | None]]:
    return {f["method"]: (f["location"], f["pickup_location"]) for f in order["fulfillments"]}


def test_part_is_sent_and_part_is_collected(shop: Api, invariants_hold: Any) -> None:
    make_network()

    order = shop.post("orders/", two_ways(2, 1)).json

    assert _places(order) == {"ship": ("PARIS", None), "pickup": ("PARIS", "PARIS")}
    assert [(line["id"], line["delivery"]) for line in order["lines"]] == [("l1", "home"), ("l2", "store")]
    assert order["totals"]["total"] == "64.60"
    assert reserved("SKU-1", "PARIS") == 3
    invariants_hold()


def test_what_one_delivery_counts_on_the_other_does_not_get(shop: Api, invariants_hold: Any) -> None:
    make_network(paris=3, lille=2, lyon=0)

    order = shop.post("orders/", two_ways(2, 2)).json

    # PARIS has three: not enough to send two and hand over two.
    assert _places(order) == {"ship": ("LILLE", None), "pickup": ("PARIS", "PARIS")}
    assert (reserved("SKU-1", "PARIS"), reserved("SKU-1", "LILLE")) == (2, 2)
    invariants_hold()


@pytest.mark.parametrize("allow_partial", [False, True])
def test_a_delivery_without_lines_asks_for_nothing(shop: Api, invariants_hold: Any, allow_partial: bool) -> None:
    make_network()
    deliveries = [
        {"id": "home", "method": "ship", "lines": ["l1", "l2"]},
        {"id": "later", "method": "ship", "lines": []},
    ]

    order = shop.post(
        "orders/", two_ways(1, 1, deliveries=deliveries, shipping_price="4.90", allow_partial=allow_partial)
    )

    assert order.status == 201, order
    assert [line["delivery"] for line in order.json["lines"]] == ["home", "home"]
    invariants_hold()


def test_more_than_both_can_have_is_refused_and_nothing_is_kept(shop: Api, invariants_hold: Any) -> None:
    make_network(paris=3, lille=0, lyon=0)

    refused = shop.post("orders/", two_ways(2, 2))

    assert (refused.status, refused.json["code"]) == (409, "insufficient_stock")
    assert Order.objects.count() == 0
    assert reserved("SKU-1", "PARIS") == 0
    invariants_hold()


def test_each_delivery_goes_to_its_own_address(shop: Api) -> None:
    make_network()
    elsewhere = {**ADDRESS, **LYON, "name": "Grandma"}
    body = two_ways(1, 1)
    body["deliveries"][1] = {"id": "gift", "method": "ship", "price": "0.00", "address": elsewhere, "lines": ["l2"]}

    order = shop.post("orders/", body).json

    assert [(f["location"], f["method"]) for f in order["fulfillments"]] == [("PARIS", "ship"), ("LYON", "ship")]
    assert [d["address"] and d["address"]["name"] for d in order["deliveries"]] == [None, "Grandma"]


def test_sending_pays_for_the_delivery_and_collecting_for_the_rest(shop: Api, invariants_hold: Any) -> None:
    make_network()
    order = shop.post("orders/", two_ways(2, 1)).json
    work = {f["method"]: f["id"] for f in order["fulfillments"]}
    for method, line, picked in (("ship", "l1", 2), ("pickup", "l2", 1)):
        shop.act(work[method], "acknowledge")
        shop.act(work[method], "pick", {"lines": [{"line": line, "picked": picked}]})

    shop.act(work["ship"], "ship", {})
    after_sending = shop.order(order["number"])
    shop.act(work["pickup"], "ready", {})
    shop.act(work["pickup"], "hand_over", {"code": pickup_code(work["pickup"])})
    at_the_end = shop.order(order["number"])

    assert (after_sending["status"], after_sending["fulfillment_status"]) == (
        "partially_fulfilled",
        "partially_fulfilled",
    )
    assert (at_the_end["status"], at_the_end["fulfillment_status"]) == ("fulfilled", "fulfilled")
    assert reserved("SKU-1", "PARIS") == 0
    invariants_hold()


def test_a_pickup_that_is_declined_does_not_touch_what_is_sent(shop: Api, invariants_hold: Any) -> None:
    make_network()
    order = shop.post("orders/", two_ways(1, 1)).json
    work = {f["method"]: f["id"] for f in order["fulfillments"]}

    shop.act(work["pickup"], "decline", {"reason": "too_busy"})

    found = {f["method"]: f["status"] for f in shop.order(order["number"])["fulfillments"]}
    assert found == {"ship": "assigned", "pickup": "declined"}
    (case,) = shop.get("exceptions/").json["results"]
    assert case["lines"] == [{"line": "l2", "sku": "SKU-1", "quantity": 1}]
    invariants_hold()


@pytest.mark.parametrize(
    ("deliveries", "pointer", "code"),
    [
        ([{"id": "a", "method": "ship", "lines": ["l1"]}], "/lines/1", "not_in_one_delivery"),
        (
            [{"id": "a", "method": "ship", "lines": ["l1", "l2"]}, {"id": "b", "method": "ship", "lines": ["l2"]}],
            "/lines/1",
            "not_in_one_delivery",
        ),
        ([{"id": "a", "method": "ship", "lines": ["l1", "l2", "l9"]}], "/deliveries/0/lines", "unknown_line"),
        (
            [{"id": "a", "method": "ship", "lines": ["l1"]}, {"id": "a", "method": "ship", "lines": ["l2"]}],
            "/deliveries/1/id",
            "duplicate_delivery",
        ),
    ],
)
def test_every_line_is_in_exactly_one_delivery_of_one_name(
    shop: Api, deliveries: list[dict[str, Any]], pointer: str, code: str
) -> None:
    make_network()
    body = order_body(("SKU-1", 1), ("SKU-1", 1)) | {"delivery": None, "deliveries": deliveries, "shipping_price": None}
    body["payments"][0]["amount"] = "39.80"

    refused = shop.post("orders/", body)

    assert refused.status == 422, refused
    assert (pointer, code) in [(error["pointer"], error["code"]) for error in refused.json["errors"]]
    assert Order.objects.count() == 0


def test_two_lines_of_one_product_are_served_together(shop: Api, invariants_hold: Any) -> None:
    make_network(paris=2, lille=0, lyon=0)

    order = shop.post("orders/", order_body(("SKU-1", 1), ("SKU-1", 1))).json
    refused = shop.post("orders/", order_body(("SKU-1", 1), ("SKU-1", 1)))
    set_stock("SKU-1", "LILLE", 1)

    assert [(line["line"], line["quantity"]) for line in order["fulfillments"][0]["lines"]] == [("l1", 1), ("l2", 1)]
    assert refused.json["shortages"][0]["requested"] == 2
    assert reserved("SKU-1", "PARIS") == 2
    invariants_hold()
