"""An order from the web, sent to the shopper's home by the nearest store."""

from typing import Any

from orders.models import Order
from tests.factories.orders import make_network, order_body, reserved
from tests.flows.conftest import Api, pass_time


def test_a_web_order_is_shipped_by_a_store(api: Api, invariants_hold: Any) -> None:
    make_network()

    placed = api.post("orders/", order_body(("SKU-1", 2)))

    assert placed.status == 201, placed
    order = placed.json
    assert order["status"] == "in_fulfillment"
    assert order["totals"] == {
        "items": "39.80",
        "discount": "0.00",
        "shipping": "4.90",
        "tax": "7.45",
        "total": "44.70",
        "paid": "0.00",
        "refunded": "0.00",
    }
    (fulfillment,) = order["fulfillments"]
    assert fulfillment["location"] == "PARIS"
    assert fulfillment["status"] == "assigned"
    assert order["payments"][0]["status"] == "authorized"
    assert reserved("SKU-1", "PARIS") == 2

    work = fulfillment["id"]
    assert api.act(work, "acknowledge").json["status"] == "accepted"
    assert api.act(work, "pick", {"lines": [{"line": "l1", "picked": 2}]}).json["status"] == "picking"
    assert api.act(work, "pack").json["status"] == "packed"
    shipped = api.act(work, "ship", {"carrier_service": "colissimo", "tracking_number": "6A123"})
    assert shipped.status == 200
    assert shipped.json["status"] == "shipped"
    assert shipped.json["shipment"]["tracking_number"] == "6A123"
    pass_time(seconds=1)

    order = api.order(order["number"])
    assert order["status"] == "fulfilled"
    assert order["totals"]["paid"] == "44.70"
    assert order["payment_status"] == "captured"
    assert order["lines"][0]["quantities"]["shipped"] == 2
    assert reserved("SKU-1", "PARIS") == 0
    assert api.get("stock/?sku=SKU-1&location=PARIS").json["results"][0]["on_hand"] == 3
    types = [entry["type"] for entry in api.get(f"orders/{order['number']}/timeline/").json["results"]]
    assert types == [
        "orders.order.placed",
        "orders.fulfillment.planned",
        "orders.payment.authorized",
        "orders.fulfillment.assigned",
        "orders.fulfillment.accepted",
        "orders.fulfillment.picking",
        "orders.fulfillment.packed",
        "orders.fulfillment.shipped",
        "orders.payment.captured",
    ]
    invariants_hold()


def test_placing_twice_makes_one_order(api: Api) -> None:
    make_network()
    body = order_body()

    first = api.post("orders/", body, Idempotency_Key="k1")
    again = api.post("orders/", body, Idempotency_Key="k1")
    by_external_id = api.post("orders/", body, Idempotency_Key="k2")
    other = api.post("orders/", order_body(("SKU-1", 2)), Idempotency_Key="k1")

    assert (first.status, again.status, by_external_id.status) == (201, 201, 201)
    assert again.json["number"] == by_external_id.json["number"] == first.json["number"]
    assert "Idempotency-Replayed" not in first.headers
    assert again.headers["Idempotency-Replayed"] == by_external_id.headers["Idempotency-Replayed"] == "true"
    assert (other.status, other.json["code"]) == (422, "idempotency_key_reused")
    assert Order.objects.count() == 1
    assert reserved("SKU-1", "PARIS") == 1


def test_every_change_of_an_order_happens_once_per_key(api: Api) -> None:
    make_network()
    order = api.post("orders/", order_body(("SKU-1", 2))).json
    number, work = order["number"], order["fulfillments"][0]["id"]
    note, hold, release = {"text": "call first"}, {"kind": "manual"}, {}
    part = {"lines": [{"id": "l1", "quantity": 1}]}

    for path, body in (("notes", note), ("hold", hold), ("release", release), ("cancel", part)):
        first = api.post(f"orders/{number}/{path}/", body, Idempotency_Key=path)
        again = api.post(f"orders/{number}/{path}/", body, Idempotency_Key=path)
        assert (first.status, again.status) == (200, 200), (path, first, again)
        assert ("Idempotency-Replayed" in first.headers, again.headers["Idempotency-Replayed"]) == (False, "true")
    api.act(work, "acknowledge")
    api.act(work, "pick", {"lines": [{"line": "l1", "picked": 1}]})
    shipped = [api.act(work, "ship", {}, Idempotency_Key="s") for _time in range(2)]

    assert [answer.headers.get("Idempotency-Replayed") for answer in shipped] == [None, "true"]
    types = [entry["type"] for entry in api.get(f"orders/{number}/timeline/").json["results"]]
    assert [types.count(f"orders.order.{what}") for what in ("noted", "held", "released", "lines_canceled")] == [
        1,
        1,
        1,
        1,
    ]
    assert types.count("orders.fulfillment.shipped") == 1
