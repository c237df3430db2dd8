"""What the API really answers, held against the models that describe it: no field more, none less."""

from datetime import timedelta
from typing import Any

import pytest
from pydantic import BaseModel

from oms import deadlines, outbox
from oms.api.events import EventPage
from oms.clock import now
from orders.api.documents import (
    BulkResults,
    CustomerPage360,
    ExceptionDocument,
    ExceptionPage,
    FulfillmentDocument,
    FulfillmentPage,
    OrderDocument,
    OrderPage,
    TimelinePage,
)
from orders.api.orders import DecisionPage
from tests.factories.orders import make_network, order_body, pickup_body
from tests.flows.conftest import Answer, Api


def held(model: type[BaseModel], answer: Answer, status: int = 200) -> Any:
    """The answer's JSON, after every field was found to be of the described type and none to be unknown or missing."""
    assert answer.status == status, answer
    found = model.model_validate(answer.json, strict=False).model_dump(mode="json")
    assert _keys(found) == _keys(answer.json)
    return answer.json


def _keys(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _keys(inner) for name, inner in value.items()}
    return [_keys(inner) for inner in value] if isinstance(value, list) else None


@pytest.fixture
def order(shop: Api) -> dict[str, Any]:
    make_network()
    body = order_body(("SKU-1", 2), discounts=[{"code": "HELLO", "amount": "5.00"}], tags=["vip"], metadata={"a": 1})
    body["payments"][0]["amount"] = "39.70"
    return held(OrderDocument, shop.post("orders/", body), 201)


def test_an_order_that_was_cut(shop: Api) -> None:
    make_network()

    document = held(OrderDocument, shop.post("orders/", order_body(("SKU-1", 17), allow_partial=True)), 201)

    assert document["lines"][0]["cut"] == {"quantity": 2, "reason": "not_available"}


def test_an_order_and_its_work_through_all_its_states(shop: Api, order: dict[str, Any]) -> None:
    number, work = order["number"], order["fulfillments"][0]["id"]
    for action, body in (
        ("acknowledge", {}),
        ("start", {}),
        ("pick", {"lines": [{"line": "l1", "picked": 1, "short_reason": "damaged"}]}),
        ("pack", {"packages": [{"weight_g": 500, "lines": [{"line": "l1", "quantity": 1}]}]}),
        ("ship", {"carrier_service": "post", "tracking_number": "6A"}),
        ("deliver", {}),
    ):
        held(FulfillmentDocument, shop.act(work, action, body))
        held(OrderDocument, shop.get(f"orders/{number}/"))
    held(OrderDocument, shop.post(f"orders/{number}/hold/", {"kind": "fraud", "note": "odd"}))
    held(OrderDocument, shop.post(f"orders/{number}/notes/", {"text": "called"}))
    held(OrderDocument, shop.post(f"orders/{number}/release/", {}))
    held(OrderDocument, shop.post(f"orders/{number}/cancel/", {}))


def test_a_pickup_and_its_exception(shop: Api) -> None:
    make_network()
    order = held(OrderDocument, shop.post("orders/", pickup_body(pickup_person={"name": "B"})), 201)
    work = order["fulfillments"][0]["id"]
    held(FulfillmentDocument, shop.act(work, "decline", {"reason": "closed"}))
    (case,) = held(ExceptionPage, shop.get("exceptions/"))["results"]

    solved = shop.post(f"exceptions/{case['id']}/resolve/", {"action": "reroute", "location": "LILLE"})

    held(ExceptionDocument, solved)
    held(OrderDocument, shop.get(f"orders/{order['number']}/"))


def test_pages(shop: Api, order: dict[str, Any]) -> None:
    for _ in range(2):
        shop.post("orders/", order_body())
    deadlines.sweep(now=lambda: now() + timedelta(minutes=121))
    outbox.stamp_positions()

    first = held(OrderPage, shop.get("orders/?page_size=2"))
    second = held(OrderPage, shop.get(first["next"].partition("/api/v1/")[2]))
    assert [len(page["results"]) for page in (first, second)] == [2, 1]
    assert (first["previous"], second["next"]) == (None, None)
    assert len(held(FulfillmentPage, shop.get("fulfillments/?status=assigned"))["results"]) == 3
    assert len(held(TimelinePage, shop.get(f"orders/{order['number']}/timeline/"))["results"]) >= 6
    assert len(held(DecisionPage, shop.get(f"orders/{order['number']}/decisions/"))["results"]) == 2
    assert len(held(EventPage, shop.get("events/?page_size=3"))["results"]) == 3
    assert len(held(CustomerPage360, shop.get(f"customers/{order['customer']['id']}/"))["orders"]) == 3


def test_bulk_answers(shop: Api) -> None:
    make_network()

    answer = shop.post("orders/bulk/", [order_body(), order_body(("SKU-1", 99)), {}])

    assert answer.status == 200
    found = BulkResults.model_validate(answer.json)
    assert [row.status for row in found.results] == [201, 409, 422]


def test_the_feed_can_be_followed_with_its_filters_to_the_end(shop: Api, order: dict[str, Any]) -> None:
    for _ in range(4):
        shop.post("orders/", order_body())
    outbox.stamp_positions()
    path, seen = "events/?type=orders.order.placed&page_size=2", []

    while path:
        page = held(EventPage, shop.get(path))
        seen += [event["type"] for event in page["results"]]
        path = page["next"] and page["next"].partition("/api/v1/")[2]

    assert seen == ["orders.order.placed"] * 5
