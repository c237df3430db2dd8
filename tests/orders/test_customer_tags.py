"""Tags of customers: given with orders or said afterwards, and asked for by rules."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from oms.clock import now
from orders.models import Customer, Order
from orders.services import demand_history
from routing.models import DemandFact
from routing.services.rule_sets import create_draft, publish_rule_set
from tests.factories.orders import make_channel, make_key, make_network, order_body
from tests.flows.conftest import Api

pytestmark = pytest.mark.django_db(transaction=True)

GOLD_FROM_LYON = {
    "rules": [
        {"when": {"customer_tags": ["gold"]}, "steps": [{"from": {"locations": ["LYON"]}}]},
        {"steps": [{"name": "any place"}]},
    ]
}


@pytest.fixture
def api(settings: Any) -> Api:
    settings.VERSIONED_CACHE_SECONDS = 0
    make_network(paris=50, lyon=50)
    return Api(make_key())


def publish(document: dict[str, Any]) -> None:
    publish_rule_set(rule_set_id=create_draft(document=document).pk, actor="test", as_of=now())


def placed(api: Api, *tags: str, **customer: Any) -> dict[str, Any]:
    """An order of customer C-1; without tags it says nothing about them."""
    given = {"external_id": "C-1", "email": "a@example.org", **({"tags": list(tags)} if tags else {}), **customer}
    answer = api.post("orders/", order_body(customer=given))
    assert answer.status == 201, answer.json
    return answer.json


def place_of(order: dict[str, Any]) -> str:
    [fulfillment] = order["fulfillments"]
    return fulfillment["location"]


def test_an_order_says_who_its_customer_is_and_the_next_ones_need_not(api: Api) -> None:
    publish(GOLD_FROM_LYON)

    assert place_of(placed(api)) == "PARIS"
    gold = placed(api, "gold", "new", "gold")
    assert (place_of(gold), gold["customer"]["tags"]) == ("LYON", ["gold", "new"])
    assert place_of(placed(api)) == "LYON"
    assert place_of(placed(api, external_id="C-2")) == "PARIS"
    assert place_of(placed(api, tags=[])) == "PARIS"
    assert place_of(placed(api)) == "PARIS"
    assert list(Customer.objects.order_by("external_id").values_list("external_id", "tags")) == [
        ("C-1", []),
        ("C-2", []),
    ]
    kept = Order.objects.order_by("number").values_list("customer_tags", flat=True)
    assert list(kept) == [[], ["gold", "new"], ["gold", "new"], [], [], []]


def test_a_guest_has_the_tags_given_with_the_order(api: Api) -> None:
    publish(GOLD_FROM_LYON)

    assert place_of(placed(api, "gold", external_id=None)) == "LYON"
    assert place_of(placed(api, external_id=None)) == "PARIS"


def test_tags_are_looked_up_only_where_a_rule_asks(api: Api, settings: Any) -> None:
    settings.VERSIONED_CACHE_SECONDS = 3600
    settings.KEY_CACHE_SECONDS = 3600

    def statements() -> int:
        placed(api)
        with CaptureQueriesContext(connection) as captured:
            placed(api)
        return len(captured)

    without = statements()
    publish(GOLD_FROM_LYON)
    from oms import cache

    cache.clear_all()

    assert statements() == without + 1


def test_tags_are_replaced_over_the_api_by_who_may_see_the_customer(api: Api) -> None:
    publish(GOLD_FROM_LYON)
    customer = placed(api)["customer"]["id"]
    make_channel("shop")
    elsewhere = Api(make_key("shop", channel="shop"))

    refused = elsewhere.call("PATCH", f"customers/{customer}/", {"tags": ["gold"]})
    wrong = api.call("PATCH", f"customers/{customer}/", {"tags": ["x" * 65]})
    assert (refused.status, wrong.status) == (404, 422)
    assert Customer.objects.get().tags == []

    changed = api.call("PATCH", f"customers/{customer}/", {"tags": ["gold"]})

    assert (changed.status, changed.json["tags"]) == (200, ["gold"])
    assert changed.json == api.get(f"customers/{customer}/").json
    assert place_of(placed(api)) == "LYON"


def test_tags_are_edited_in_the_back_office(api: Api, admin_client: Any) -> None:
    customer = placed(api)["customer"]["id"]
    page = reverse("admin:orders_customer_change", args=[customer])

    assert admin_client.get(page).status_code == 200
    too_long = admin_client.post(page, {"tags": "x" * 65, **NO_ORDERS})
    assert too_long.status_code == 200
    assert Customer.objects.get().tags == []
    assert admin_client.post(page, {"tags": " gold \n\nstaff\ngold", **NO_ORDERS}).status_code == 302

    assert Customer.objects.get().tags == ["gold", "staff"]
    assert Customer.objects.get().email == "a@example.org"


NO_ORDERS = {"orders-TOTAL_FORMS": 0, "orders-INITIAL_FORMS": 0}


def test_history_keeps_the_kind_of_customer_and_no_name(api: Api) -> None:
    placed(api, "gold")

    demand_history.tell_demands(as_of=now())

    assert DemandFact.objects.get().customer_tags == ["gold"]


def test_a_dry_run_and_a_quote_may_say_who_asks(api: Api) -> None:
    publish(GOLD_FROM_LYON)
    there = {"country": "FR", "postal_code": "75011", "latitude": 48.86, "longitude": 2.38}
    basket = {"channel": "web", "lines": [{"sku": "SKU-1", "quantity": 1}], "destination": there}

    planned = api.post("routing/plan/", {**basket, "customer_tags": ["gold"]})
    assert [work["location"] for work in planned.json["fulfillments"]] == ["LYON"]

    quoted = {**basket, "currency": "EUR", "methods": ["ship"]}
    prices = [
        api.post("quotes/", {**quoted, "customer_tags": tags}).json["options"][0]["price"] for tags in ([], ["gold"])
    ]
    assert prices == ["4.00", "6.00"]


def test_one_tag_without_its_list_is_refused_in_the_callers_words(api: Api) -> None:
    refused = api.post("orders/", order_body(customer={"email": "ana@example.org", "tags": "gold"}))

    assert (refused.status, refused.json["errors"][0]["detail"]) == (422, "A list is needed")
    assert not Order.objects.exists()
