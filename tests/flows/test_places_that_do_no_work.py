"""A place that never opens again, or may do nothing on any day, sells nothing: page, explanation, cart, quote, plan, order."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from inventory.queries import places
from oms.clock import now
from routing.services.sourcing import Demand, Destination, Line, plan
from tests.factories.inventory import make_inbound
from tests.factories.orders import make_network, order_body, pickup_body
from tests.flows.conftest import Api

UNTIL_FURTHER_NOTICE = [{"from_at": "2020-01-01T00:00:00+01:00", "until_at": "2099-12-31T00:00:00+01:00"}]
NO_WORK = [
    ({"closures": UNTIL_FURTHER_NOTICE}, "never_open", "by its hours and closures", "d’après ses horaires"),
    (
        {"daily_capacity": 0},
        "no_daily_capacity",
        "the daily capacity of the place is zero",
        "la capacité journalière du lieu est nulle",
    ),
]
no_work = pytest.mark.parametrize(
    ("change", "reason", "english", "french"), NO_WORK, ids=[why for _, why, *_ in NO_WORK]
)
METHODS = ["", "&method=ship", "&method=pickup", "&method=pickup&near=45.76,4.83"]


@pytest.fixture
def network(api: Api) -> None:
    """All that can be had is in Lyon."""
    make_network(paris=0, lyon=10, lille=0)


def lyon(api: Api, change: dict[str, Any]) -> None:
    assert api.call("PATCH", "locations/LYON/", change).status == 200


def on_the_page(api: Api, query: str) -> Any:
    (found,) = api.get(f"availability/?sku=SKU-1&channel=web&area_by=city{query}").json["results"]
    return found


def explained(api: Api, **headers: str) -> Any:
    (place,) = api.get("availability/explain/?sku=SKU-1&channel=web&location=LYON", **headers).json["locations"]
    return place


@no_work
def test_nobody_is_told_of_units_or_of_a_time_to_collect_them(
    api: Api, network: None, change: dict[str, Any], reason: str, english: str, french: str
) -> None:
    make_inbound("LYON", {"SKU-1": 4}, expected_at=now() + timedelta(days=3))
    assert [on_the_page(api, query)["sellable"] for query in METHODS] == [10] * 4
    assert all(on_the_page(api, query)["future"] for query in METHODS)

    lyon(api, change)

    for query in METHODS:
        page = on_the_page(api, query)
        assert (page["sellable"], page["locations"], page["areas"], page["future"]) == (0, [], [], [])
    place = explained(api)
    assert (place["sellable"], place["closed_by"], place["accepting_orders"]) == (0, [reason], False)
    assert english in place["text"] and french in explained(api, Accept_Language="fr")["text"]
    assert reason in [remark["code"] for remark in api.get("locations/LYON/review/").json["remarks"]]


@no_work
def test_nobody_holds_is_quoted_or_orders_anything_there(
    api: Api,
    network: None,
    invariants_hold: Callable[[], None],
    change: dict[str, Any],
    reason: str,
    english: str,
    french: str,
) -> None:
    lyon(api, change)

    line = {"sku": "SKU-1", "quantity": 1}
    for method in ("ship", "pickup"):
        refused = api.post("reservations/", {"cart": "c", "channel": "web", "method": method, "lines": [line]})
        assert (refused.status, refused.json["shortages"][0]["sellable"]) == (409, 0)
    asked = {"channel": "web", "currency": "EUR", "destination": {"country": "FR", "postal_code": "69001"}}
    quote = api.post("quotes/", {**asked, "lines": [line], "methods": ["ship", "pickup"]}).json
    assert quote["options"] == []
    assert [way["code"] for way in quote["unavailable"]] == ["not_accepting", "not_accepting"]
    (missing,) = api.post("quotes/", {**asked, "lines": [line | {"quantity": 11}], "methods": ["pickup"]}).json[
        "unavailable"
    ]
    assert missing["alternatives"] == []
    assert api.post("orders/", order_body()).json["fulfillments"] == []
    refused = api.post("orders/", pickup_body(location="LYON"))
    assert (refused.status, refused.json["errors"][0]["code"]) == (422, "takes_no_orders")
    invariants_hold()


@no_work
def test_a_rule_that_ignores_capacity_finds_nothing_there_either(
    api: Api, network: None, change: dict[str, Any], reason: str, english: str, french: str
) -> None:
    lyon(api, change)

    rules = {"rules": [{"steps": [{"from": {"ignore_capacity": True}}]}]}
    body = {"channel": "web", "lines": [{"sku": "SKU-1", "quantity": 1}], "rule_set": rules}
    planned = api.post("routing/plan/", {**body, "destination": {"country": "FR"}, "delivery": {"method": "ship"}}).json

    assert planned["fulfillments"] == []
    assert {one["excluded_because"] for one in planned["explanation"]["candidates"]} == {"not_accepting"}


def test_a_place_closes_for_good_at_its_instant_though_places_are_remembered(api: Api, network: None) -> None:
    ends_at = now() + timedelta(days=10)
    lyon(api, {"closures": [{"from_at": ends_at.isoformat(), "until_at": "2099-12-31T00:00:00+01:00"}]})
    place = places()["LYON"]
    demand = Demand(
        channel="web",
        currency="EUR",
        lines=(Line("a", "SKU-1", 1),),
        destination=Destination("FR", latitude=48.86, longitude=2.38),
    )

    instants = (ends_at - timedelta(microseconds=1), ends_at)

    assert [place.takes_orders(at) for at in instants] == [True, False]
    assert [len(plan(demand, as_of=at).parcels) for at in instants] == [1, 0]


def test_a_place_that_opens_within_the_horizon_tells_when(api: Api, network: None) -> None:
    lyon(
        api,
        {
            "closures": [
                {"from_at": "2020-01-01T00:00:00Z", "until_at": (opens := now() + timedelta(days=400)).isoformat()}
            ]
        },
    )

    (place,) = on_the_page(api, "&method=pickup")["locations"]

    assert (place["sellable"], place["pickup_at"] > opens.isoformat()) == (10, True)
