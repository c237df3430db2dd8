"""A manager takes no more orders today: new work goes elsewhere, what the store has stays, and the pause ends alone."""

from datetime import timedelta
from typing import Any

import pytest

from inventory.models import Location
from oms.clock import now
from orders.models import Order
from routing.services.sourcing import Demand, Destination, Line, plan
from tests.factories.orders import make_network, order_body, pickup_body
from tests.flows.conftest import Api

PARIS = {"latitude": 48.86, "longitude": 2.38}


@pytest.fixture
def network(api: Api) -> None:
    make_network()


def where(api: Api, body: dict[str, Any]) -> str:
    return api.post("orders/", body).json["fulfillments"][0]["location"]


def test_new_work_goes_elsewhere_until_the_manager_takes_orders_again(
    api: Api, network: None, invariants_hold: Any
) -> None:
    before = api.post("orders/", order_body()).json["fulfillments"][0]
    assert before["location"] == "PARIS"

    api.post("locations/PARIS/pause/", {"reason": "flooded"})
    assert where(api, order_body()) == "LILLE"
    assert api.get(f"fulfillments/{before['id']}/").json["status"] == "assigned"  # what it has stays

    api.post("locations/PARIS/resume/")
    assert where(api, order_body()) == "PARIS"
    invariants_hold()


def test_the_decision_says_why(api: Api, network: None) -> None:
    api.post("locations/PARIS/pause/")

    body = {
        "channel": "web",
        "lines": [{"sku": "SKU-1", "quantity": 1}],
        "destination": {"country": "FR", **PARIS},
        "delivery": {"method": "ship"},
    }
    planned = api.post("routing/plan/", body).json

    reasons = {c["location"]: c["excluded_because"] for c in planned["explanation"]["candidates"]}
    assert reasons["PARIS"] == "paused"


def test_it_ends_at_its_instant_though_places_are_remembered(api: Api, network: None) -> None:
    until = now() + timedelta(hours=1)
    api.post("locations/PARIS/pause/", {"until": until.isoformat()})
    demand = Demand(
        channel="web",
        currency="EUR",
        lines=(Line("a", "SKU-1", 1),),
        destination=Destination("FR", latitude=48.86, longitude=2.38),
    )

    instants = (until - timedelta(microseconds=1), until, now() - timedelta(days=1))

    assert [plan(demand, as_of=at).parcels[0].location for at in instants] == ["LILLE", "PARIS", "PARIS"]


def test_shoppers_cannot_choose_it_for_pickup(api: Api, network: None) -> None:
    api.post("locations/PARIS/pause/")
    orders = Order.objects.count()

    refused = api.post("orders/", pickup_body())

    assert (refused.status, refused.json["errors"][0]["code"]) == (422, "takes_no_orders")
    assert refused.json["errors"][0]["pointer"] == "/delivery/location"
    assert Order.objects.count() == orders


def test_it_is_not_offered_instead_of_a_store_that_has_too_little(api: Api, network: None) -> None:
    api.post("locations/LYON/pause/")

    refused = api.post("orders/", pickup_body(("SKU-1", 6), location="PARIS"))

    assert refused.status == 409, refused
    offered = [other["location"] for other in refused.json["shortages"][0]["alternatives"]]
    assert offered == ["LILLE"]


def test_an_order_finds_nobody_while_all_are_paused(api: Api, network: None) -> None:
    for code in Location.objects.values_list("code", flat=True):
        api.post(f"locations/{code}/pause/")

    order = api.post("orders/", order_body())

    assert order.status == 201
    case = api.get("exceptions/").json["results"][0]
    assert {place["reason"] for place in case["facts"]["places"]} == {"paused"}
