"""A manager takes no more orders today: new work goes elsewhere, what the store has stays, and the pause ends alone."""

from datetime import timedelta
from typing import Any

import pytest

from inventory.models import Location
from oms.cache import clear_all
from oms.clock import now
from oms.models import Channel, Event
from orders.models import Order
from routing.services.sourcing import Demand, Destination, Line, plan
from tests.factories.inventory import make_location, set_stock
from tests.factories.orders import make_network, order_body, pickup_body
from tests.flows.conftest import Api, pass_time

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


# ---- work that was planned before and is handed out after ----------------------------------------


def graceful(minutes: int = 30) -> None:
    Channel.objects.filter(pk="web").update(grace_minutes={"ship": minutes, "pickup": minutes})
    clear_all()


def pause(api: Api, place: str) -> None:
    """For longer than the grace, also late in the evening: without an end it would be over at midnight."""
    assert api.post(f"locations/{place}/pause/", {"until": (now() + timedelta(hours=2)).isoformat()}).status == 200


def pieces(api: Api, order: dict[str, Any]) -> list[tuple[str, str]]:
    """Where the order's work is or was, in the order in which it was made, and what became of it."""
    works = api.get(f"orders/{order['number']}/").json["fulfillments"]
    return [(work["location"], work["status"]) for work in sorted(works, key=lambda work: work["id"])]


def reserved(api: Api) -> dict[str, int]:
    return {row["location"]: row["reserved"] for row in api.get("stock/?sku=SKU-1").json["results"]}


def test_work_that_still_waited_goes_elsewhere_when_its_time_comes(
    api: Api, network: None, invariants_hold: Any
) -> None:
    graceful()
    order = api.post("orders/", order_body(("SKU-1", 2))).json
    assert pieces(api, order) == [("PARIS", "planned")]

    pause(api, "PARIS")
    pass_time(minutes=31)

    assert pieces(api, order) == [("PARIS", "canceled"), ("LILLE", "assigned")]
    assert reserved(api) == {"PARIS": 0, "LILLE": 2, "LYON": 0}
    told = Event.objects.get(type="orders.fulfillment.canceled")
    assert told.payload["why"] == "takes_no_orders"
    invariants_hold()
    api.post("locations/PARIS/resume/")
    assert where(api, order_body()) == "PARIS"  # it has not lost anything: it may have this order's next parcel, too


def test_so_does_work_of_an_order_that_was_held_meanwhile(api: Api, network: None, invariants_hold: Any) -> None:
    order = api.post("orders/", order_body()).json
    api.post(f"orders/{order['number']}/hold/", {"kind": "fraud"})
    pause(api, "PARIS")
    assert pieces(api, order) == [("PARIS", "planned")]

    api.post(f"orders/{order['number']}/release/", {})

    assert pieces(api, order) == [("PARIS", "canceled"), ("LILLE", "assigned")]
    invariants_hold()


def test_several_pieces_of_paused_places_go_elsewhere_together(api: Api, invariants_hold: Any) -> None:
    make_network(paris=2, lille=2, lyon=2)
    for code in ("NICE", "BREST"):
        make_location(code, latitude=48.0, longitude=2.0)
        set_stock("SKU-1", code, 2)
    graceful()
    order = api.post("orders/", order_body(("SKU-1", 4))).json
    before = {place for place, _status in pieces(api, order)}
    assert len(before) == 2

    for place in before:
        pause(api, place)
    pass_time(minutes=31)

    after = pieces(api, order)
    assert {place for place, status in after if status == "canceled"} == before
    assert before.isdisjoint(place for place, status in after if status == "assigned")
    assert sum(reserved(api).values()) == 4
    assert not any(units for place, units in reserved(api).items() if place in before)
    invariants_hold()


def test_where_nobody_else_takes_it_a_person_decides(api: Api, network: None, invariants_hold: Any) -> None:
    graceful()
    order = api.post("orders/", order_body()).json
    for code in ("PARIS", "LYON", "LILLE"):
        pause(api, code)

    pass_time(minutes=31)

    assert pieces(api, order) == [("PARIS", "canceled")]
    (case,) = api.get("exceptions/").json["results"]
    assert {place["reason"] for place in case["facts"]["places"]} == {"paused"}
    invariants_hold()


def test_a_store_that_the_shopper_chose_before_keeps_the_order(api: Api, network: None, invariants_hold: Any) -> None:
    graceful()
    order = api.post("orders/", pickup_body()).json
    pause(api, "PARIS")

    pass_time(minutes=31)

    assert pieces(api, order) == [("PARIS", "assigned")]
    invariants_hold()


def test_a_pause_that_is_over_by_then_moves_nothing(api: Api, network: None, invariants_hold: Any) -> None:
    graceful()
    order = api.post("orders/", order_body()).json
    api.post("locations/PARIS/pause/", {"until": (now() + timedelta(minutes=20)).isoformat()})

    pass_time(minutes=31)

    assert pieces(api, order) == [("PARIS", "assigned")]
    invariants_hold()
