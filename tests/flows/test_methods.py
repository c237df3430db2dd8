"""What a place cannot do it does not sell for: product page, explanation, cart, quote, plan and order tell one number."""

from collections.abc import Callable
from typing import Any

import pytest
from django.utils.dateparse import parse_datetime

from tests.factories.orders import make_network, order_body, pickup_body, reserved
from tests.flows.conftest import Api

PARIS = {"latitude": 48.86, "longitude": 2.38}
NEAR = "near=48.86,2.38"


@pytest.fixture
def network(api: Api) -> None:
    make_network(paris=5, lyon=7, lille=3)


def lyon_can(api: Api, *abilities: str) -> None:
    assert api.call("PATCH", "locations/LYON/", {"abilities": abilities}).status == 200


def held(api: Api, units: int, method: str, location: str | None = None, **values: Any) -> Any:
    line = {"sku": "SKU-1", "quantity": units, "location": location}
    return api.post("reservations/", {"cart": "c", "channel": "web", "method": method, "lines": [line], **values})


def on_the_page(api: Api, method: str, *more: str) -> Any:
    answer = api.get(
        f"availability/?{'&'.join(['sku=SKU-1&channel=web', *([f'method={method}'] if method else []), *more])}"
    )
    return answer.json["results"][0]


def shown(api: Api, method: str) -> int:
    """To a shopper who wants it by this method, however it is asked for."""
    plain, near, areas = (on_the_page(api, method, more) for more in ("", NEAR, "area_by=city"))
    totals = {
        plain["sellable"],
        near["sellable"],
        *(sum(place["sellable"] for place in page["locations"]) for page in (plain, near)),
        sum(area["sellable"] for area in areas["areas"]),
        api.get(f"availability/explain/?sku=SKU-1&channel=web&method={method}").json["sellable"],
    }
    (total,) = totals
    return total


def most_held(api: Api, method: str) -> int:
    """As many as a cart gets, when it asks for too many; all of them can be had, at once, and are given back."""
    refused = held(api, 100, method)
    most: int = refused.json["shortages"][0]["sellable"]
    made = held(api, most, method)
    assert (refused.status, made.status) == (409, 201)
    assert api.call("DELETE", f"reservations/{made.json['id']}/").status == 204
    return most


def planned(api: Api, units: int, **delivery: str) -> int:
    body = {
        "channel": "web",
        "lines": [{"sku": "SKU-1", "quantity": units}],
        "destination": {"country": "FR", **PARIS},
        "delivery": delivery,
    }
    parcels = api.post("routing/plan/", body).json["fulfillments"]
    return sum(line["quantity"] for parcel in parcels for line in parcel["lines"])


@pytest.mark.parametrize("abilities, sent", [(["ship", "pickup"], 15), (["pickup"], 8), ([], 8)])
def test_what_can_be_sent_is_one_number(
    api: Api, network: None, invariants_hold: Callable[[], None], abilities: list[str], sent: int
) -> None:
    lyon_can(api, *abilities)

    assert on_the_page(api, "")["sellable"] == 15  # who names no method sees all
    assert (
        shown(api, "ship") == shown(api, "locker") == most_held(api, "ship") == planned(api, 15, method="ship") == sent
    )
    quote = {
        "channel": "web",
        "currency": "EUR",
        "lines": [{"sku": "SKU-1", "quantity": sent + 1}],
        "destination": {"country": "FR", **PARIS},
        "methods": ["ship"],
    }
    (missing,) = api.post("quotes/", quote).json["unavailable"]
    refused = api.post("orders/", order_body(("SKU-1", sent + 1)))
    (shortage,) = refused.json["shortages"]
    assert refused.status == 409
    assert (missing["sellable"], shortage["sellable"]) == (sent, sent)
    if "pickup" in abilities:  # where else: who cannot send it may hand it out
        assert "LYON" in [place["location"] for place in missing["alternatives"]]
        assert "LYON" in [place["location"] for place in shortage["alternatives"]]
    placed = api.post("orders/", order_body(("SKU-1", sent)))
    assert placed.status == 201, placed
    assert sum(reserved("SKU-1", code) for code in ("PARIS", "LYON", "LILLE")) == sent
    invariants_hold()


@pytest.mark.parametrize("abilities, collected", [(["ship", "pickup"], 15), (["ship"], 8)])
def test_what_can_be_collected_is_one_number(
    api: Api, network: None, invariants_hold: Callable[[], None], abilities: list[str], collected: int
) -> None:
    lyon_can(api, *abilities)
    in_lyon = collected - 8

    assert shown(api, "pickup") == most_held(api, "pickup") == collected
    assert sum(place["sellable"] for place in on_the_page(api, "pickup", "location=LYON")["locations"]) == in_lyon
    assert held(api, in_lyon + 1, "pickup", "LYON").json["shortages"][0]["sellable"] == in_lyon
    assert planned(api, 7, method="pickup", location="LYON") == in_lyon
    placed = api.post("orders/", pickup_body(("SKU-1", 7), location="LYON"))
    assert (placed.status, reserved("SKU-1", "LYON")) == ((201, 7) if in_lyon else (422, 0))
    invariants_hold()


def test_the_explanation_says_why(api: Api, network: None) -> None:
    lyon_can(api, "pickup")

    def in_lyon(method: str, **headers: str) -> Any:
        (place,) = api.get(f"availability/explain/?sku=SKU-1&channel=web&location=LYON{method}", **headers).json[
            "locations"
        ]
        return place["closed_by"], place["sellable"], place["accepting_orders"], place["text"]

    assert in_lyon("&method=ship") == (
        ["cannot_serve_method"],
        0,
        True,
        "Nothing is sold here: the place cannot do this kind of delivery",
    )
    french = in_lyon("&method=ship", Accept_Language="fr")[-1]
    assert french.endswith("le lieu ne propose pas ce mode de livraison")
    assert [in_lyon(method)[:2] for method in ("", "&method=pickup")] == [([], 7), ([], 7)]


def test_a_cart_is_pinned_only_where_its_method_can_be_served(api: Api, network: None) -> None:
    lyon_can(api, "ship")

    made = held(api, 6, "pickup").json

    assert [(line["location"], line["quantity"]) for line in made["lines"]] == [("LILLE", 1), ("PARIS", 5)]


def test_a_place_unlearns_a_method_while_a_cart_holds_its_units(
    api: Api, network: None, invariants_hold: Callable[[], None]
) -> None:
    """What the cart holds stays its own until it ends, and no order sends from there."""
    cart = held(api, 15, "ship").json
    lyon_can(api, "pickup")

    assert shown(api, "ship") == shown(api, "pickup") == 0
    refused = api.post("orders/", order_body(("SKU-1", 9), reservation=cart["id"]))
    assert (refused.status, refused.json["shortages"][0]["sellable"]) == (409, 8)
    assert api.get(f"reservations/{cart['id']}/").json["lines"] == cart["lines"]
    asked = {"lines": [{"sku": "SKU-1", "quantity": 9}]}
    assert api.call("PUT", f"reservations/{cart['id']}/", asked).json["shortages"][0]["sellable"] == 8
    assert api.call("PUT", f"reservations/{cart['id']}/", {}).json["lines"] == cart["lines"]

    placed = api.post("orders/", order_body(("SKU-1", 8), reservation=cart["id"]))

    assert placed.status == 201, placed
    assert (shown(api, "ship"), shown(api, "pickup")) == (0, 7)
    assert {code: reserved("SKU-1", code) for code in ("PARIS", "LYON", "LILLE")} == {"PARIS": 5, "LYON": 0, "LILLE": 3}
    invariants_hold()


@pytest.mark.parametrize("method", ["ship", "pickup"])
def test_who_holds_the_last_is_quoted_and_placed_with_them(
    api: Api, invariants_hold: Callable[[], None], method: str
) -> None:
    make_network(paris=3, lyon=0, lille=0)
    cart = held(api, 3, method).json["id"]
    basket = {"channel": "web", "lines": [{"sku": "SKU-1", "quantity": 3}], "destination": {"country": "FR", **PARIS}}

    def option(**values: Any) -> Any:
        body = {**basket, "currency": "EUR", "methods": [method], **values}
        quote = api.post("quotes/", body).json
        return quote["quote"], quote["options"]

    assert option()[1] == []
    quote, (way,) = option(reservation=cart)
    where = {"method": method, **({"location": "PARIS"} if method == "pickup" else {})}
    (parcel,) = api.post("routing/plan/", {**basket, "delivery": where, "reservation": cart}).json["fulfillments"]
    body = order_body if method == "ship" else pickup_body
    assert api.post("orders/", body(("SKU-1", 3), quote=quote)).status == 409

    placed = api.post("orders/", body(("SKU-1", 3), quote=quote, reservation=cart))

    assert placed.status == 201, placed
    assert [work["location"] for work in placed.json["fulfillments"]] == [parcel["location"]] == ["PARIS"]
    assert parse_datetime(placed.json["promised_at"]) == parse_datetime(way["promised_at"])
    assert (reserved("SKU-1", "PARIS"), api.get(f"reservations/{cart}/").json["status"]) == (3, "committed")
    assert option(reservation=cart)[1] == []
    invariants_hold()


def test_where_nobody_can_the_quote_says_that_and_where_else(api: Api, network: None) -> None:
    for code in ("PARIS", "LYON", "LILLE"):
        api.call("PATCH", f"locations/{code}/", {"abilities": ["pickup"]})
    body = {
        "channel": "web",
        "currency": "EUR",
        "lines": [{"sku": "SKU-1", "quantity": 2}],
        "destination": {"country": "FR", **PARIS},
        "methods": ["ship"],
    }

    missing, closed = api.post("quotes/", body).json["unavailable"]

    assert (missing["sellable"], [place["location"] for place in missing["alternatives"]]) == (
        0,
        ["PARIS", "LILLE", "LYON"],
    )
    assert (closed["method"], closed["code"]) == ("ship", "ability")
