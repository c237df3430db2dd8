"""`POST quotes/`: the dates and ways that an order placed next would get."""

from datetime import timedelta

import pytest
import time_machine
from django.core import signing
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils.dateparse import parse_datetime
from rest_framework.test import APIClient

import inventory.queries
from inventory.models import Location
from oms.cache import bump
from oms.clock import now
from orders.models import Order
from routing.models import CarrierService, Rate, Zone
from routing.queries import RATES
from routing.services.rule_sets import create_draft, publish_rule_set
from tests.factories.inventory import make_exposure_rule, make_inbound, make_location, make_product, set_stock
from tests.factories.orders import LILLE, PARIS, make_channel, make_network, order_body, pickup_body
from tests.inventory.conftest import client, client_with

__all__ = ["client", "client_with"]

pytestmark = pytest.mark.django_db
MONDAY = "2026-03-02T09:00:00Z"
HERE = {"country": "FR", "postal_code": "75011", "latitude": 48.86, "longitude": 2.38}


@pytest.fixture(autouse=True)
def shop(db):
    with time_machine.travel(MONDAY, tick=False):
        make_network()
        yield


def make_express():
    with transaction.atomic():
        bolt = CarrierService.objects.create(code="bolt", carrier="Bolt", name="Next day", service="express")
        zone = Zone.objects.create(carrier_service=bolt, code="fr", countries=["FR"], transit_days=1)
        Rate.objects.create(zone=zone, price="11.00")
        bump(RATES)


def ask(client, *lines, **values):
    wanted = [{"sku": sku, "quantity": units} for sku, units in lines or (("SKU-1", 1),)]
    body = {"channel": "web", "currency": "EUR", "lines": wanted, "destination": HERE, **values}
    return client.post("/api/v1/quotes/", body, format="json")


def quoted(client, *lines, **values):
    answer = ask(client, *lines, **values)
    assert answer.status_code == 200, answer.json()
    return answer.json()


def place(client, body):
    return client.post("/api/v1/orders/", body, format="json")


def by_method(quote, method):
    return [option for option in quote["options"] if option["method"] == method]


def test_offers_what_an_order_placed_next_would_get(client):
    make_express()

    quote = quoted(client)

    ship = by_method(quote, "ship")
    assert [(o["service"], o["price"]) for o in ship] == [("standard", "4.00"), ("express", "11.00")]
    order = place(client, order_body()).json()
    assert ship[0]["promised_at"] == order["promised_at"]
    assert ship[0]["parcels"] == [{"lines": [{"sku": "SKU-1", "quantity": 1}], "promised_at": order["promised_at"]}]
    pickup = by_method(quote, "pickup")
    assert [(o["location"], o["distance_km"] < 300) for o in pickup] == [
        ("PARIS", True),
        ("LILLE", True),
        ("LYON", False),
    ]
    collected = place(client, pickup_body()).json()
    assert pickup[0]["promised_at"] == collected["promised_at"]
    assert (quote["unavailable"], quote["currency"]) == ([], "EUR")
    assert parse_datetime(quote["expires_at"]) == now() + timedelta(minutes=30)


def test_a_basket_in_two_parcels_shows_both_and_their_dates(client):
    set_stock("SKU-2", "LYON", 5)
    for place_without in ("PARIS", "LILLE"):
        set_stock("SKU-2", place_without, 0)
    set_stock("SKU-1", "LYON", 0)

    (ship,) = by_method(quoted(client, ("SKU-1", 1), ("SKU-2", 1)), "ship")

    assert len(ship["parcels"]) == 2
    assert ship["price"] == "10.00"
    assert ship["promised_at"] == max(parcel["promised_at"] for parcel in ship["parcels"])
    assert ship["earliest_at"] == min(parcel["promised_at"] for parcel in ship["parcels"])


def test_what_leaves_in_one_parcel_is_quoted_as_it_is_placed(client):
    """Two parcels would do, but for the group."""
    for place_code, first, second in (("PARIS", 0, 5), ("LILLE", 0, 0), ("LYON", 5, 0)):
        set_stock("SKU-1", place_code, first)
        set_stock("SKU-2", place_code, second)
    apart = [{"sku": "SKU-1", "quantity": 1}, {"sku": "SKU-2", "quantity": 1}]
    together = [{**line, "group": "set"} for line in apart]
    assert [len(way["parcels"]) for way in by_method(quoted(client, lines=apart), "ship")] == [2]

    assert by_method(quoted(client, lines=together, methods=["ship"]), "ship") == []

    set_stock("SKU-2", "LYON", 1)
    quote = quoted(client, lines=together, methods=["ship"])
    [way] = by_method(quote, "ship")
    assert [parcel["lines"] for parcel in way["parcels"]] == [apart]
    body = order_body(("SKU-1", 1), ("SKU-2", 1), quote=quote["quote"])
    for line in body["lines"]:
        line["group"] = "set"
    placed = place(client, body).json()
    assert (placed["promised_at"], len(placed["fulfillments"])) == (way["promised_at"], 1)


@pytest.mark.parametrize(
    ("lines", "group"),
    [
        ([("SKU-1", 3)], None),  # more than was quoted
        ([("SKU-1", 2), ("SKU-1", 1)], None),
        ([("SKU-2", 1)], None),  # another thing
        ([("SKU-1", 2)], "set"),  # in one parcel, which nobody asked for
    ],
)
def test_a_quote_promises_nothing_for_other_lines(client, lines, group):
    quote = quoted(client, ("SKU-1", 2))["quote"]
    body = order_body(*lines, quote=quote)
    for line in body["lines"]:
        line["group"] = group

    refused = place(client, body)

    assert (refused.status_code, refused.json()["code"]) == (422, "unknown_quote")
    assert [(e["pointer"], e["code"]) for e in refused.json()["errors"]] == [("/quote", "not_quoted")]
    assert not Order.objects.exists()
    assert place(client, order_body(("SKU-1", 1), quote=quote)).status_code == 201  # some of it is its


def test_two_deliveries_are_promised_no_more_than_was_quoted(client):
    quote = quoted(client, ("SKU-1", 2))["quote"]

    def two(first, second):
        body = order_body(("SKU-1", first), ("SKU-1", second), quote=quote)
        ship, collected = body.pop("delivery"), pickup_body()["delivery"]
        return {
            **body,
            "deliveries": [{"id": "d1", "lines": ["l1"], **ship}, {"id": "d2", "lines": ["l2"], **collected}],
        }

    refused = place(client, two(2, 2))

    assert [error["code"] for error in refused.json()["errors"]] == ["not_quoted"]
    assert not Order.objects.exists()
    assert place(client, two(1, 1)).status_code == 201


def test_who_takes_a_part_and_waits_for_the_rest_is_not_promised_the_parts_date(client):
    document = {"rules": [{"steps": [{"rest": "backorder"}]}]}
    publish_rule_set(rule_set_id=create_draft(document=document).pk, actor="test", as_of=now())
    for place_code, units in (("PARIS", 2), ("LYON", 0), ("LILLE", 0)):
        set_stock("SKU-1", place_code, units)
    make_inbound("PARIS", {"SKU-1": 10}, expected_at=now() + timedelta(days=6))
    quote = quoted(client, ("SKU-1", 13), allow_partial=True, methods=["ship"])
    [part] = quote["options"]
    assert part["cut"] == [{"sku": "SKU-1", "quantity": 11}]
    both = order_body(("SKU-1", 13), allow_partial=True, allow_backorder=True, quote=quote["quote"])

    placed = place(client, both).json()

    [line] = placed["lines"]
    assert line["cut"]["quantity"] == 1
    assert placed["promised_at"] == line["expected_at"] > part["promised_at"]


@pytest.mark.parametrize("closed", [{"accepting_orders": False}, {"daily_capacity": 0}])
def test_what_is_missing_tells_nothing_of_places_that_take_no_orders(client, closed):
    for place_code in ("PARIS", "LILLE", "LYON"):
        set_stock("SKU-1", place_code, 0)
    make_location("SHUT", **PARIS, **closed)
    set_stock("SKU-1", "SHUT", 7)

    [one, *_ways] = quoted(client, ("SKU-1", 8))["unavailable"]
    refused = place(client, order_body(("SKU-1", 8)))

    assert (one["sellable"], one["alternatives"]) == (0, [])
    [short] = refused.json()["shortages"]
    assert (refused.status_code, short["sellable"], short["alternatives"]) == (409, 0, [])


def test_only_places_that_have_all_of_it_hand_it_over(client):
    set_stock("SKU-1", "PARIS", 1)
    make_location("CURB", abilities=["curbside"], **PARIS)
    make_location("SHUT", accepting_orders=False, **PARIS)
    for code in ("CURB", "SHUT"):
        set_stock("SKU-1", code, 5)

    quote = quoted(client, ("SKU-1", 1), ("SKU-1", 1), methods=["pickup", "curbside"], near_limit=1)

    assert [(o["method"], o["location"]) for o in quote["options"]] == [("pickup", "LILLE"), ("curbside", "CURB")]


def test_who_takes_what_can_be_had_is_offered_that_with_its_date(client):
    """The way that is quoted is the one that is placed."""
    for place_code, units in (("PARIS", 3), ("LYON", 2), ("LILLE", 0)):
        set_stock("SKU-1", place_code, units)
    assert by_method(quoted(client, ("SKU-1", 7)), "ship") == []

    quote = quoted(client, ("SKU-1", 7), ("SKU-2", 1), allow_partial=True)

    [ship] = by_method(quote, "ship")
    assert ship["cut"] == [{"sku": "SKU-1", "quantity": 2}, {"sku": "SKU-2", "quantity": 1}]
    assert [parcel["lines"] for parcel in ship["parcels"]] == [
        [{"sku": "SKU-1", "quantity": 2}],
        [{"sku": "SKU-1", "quantity": 3}],
    ]
    order = place(client, order_body(("SKU-1", 7), ("SKU-2", 1), allow_partial=True, quote=quote["quote"])).json()
    assert order["promised_at"] == ship["promised_at"]
    assert [line["cut"]["quantity"] for line in order["lines"]] == [2, 1]


def test_a_store_that_has_all_of_it_is_offered_before_a_nearer_one_that_has_some(client):
    set_stock("SKU-1", "PARIS", 2)

    def offered(**values):
        options = by_method(quoted(client, ("SKU-1", 4), **values), "pickup")
        return [(option["location"], option.get("cut")) for option in options]

    assert offered() == [("LILLE", None), ("LYON", None)]
    assert offered(allow_partial=True) == [
        ("LILLE", None),
        ("LYON", None),
        ("PARIS", [{"sku": "SKU-1", "quantity": 2}]),
    ]
    assert offered(allow_partial=True, near_limit=1) == [("LILLE", None)]


def test_tells_until_when_the_date_holds(client):
    make_location("PARIS", cut_off="14:00", preparation_minutes=30, opening_hours={}, **PARIS)
    for other in ("LYON", "LILLE"):
        set_stock("SKU-1", other, 0)

    (ship,) = by_method(quoted(client), "ship")

    order_by = parse_datetime(ship["order_by"])
    assert order_by.isoformat() == "2026-03-02T13:00:00+00:00"  # two in the afternoon in Paris
    with time_machine.travel(order_by, tick=False):
        assert by_method(quoted(client), "ship")[0]["promised_at"] == ship["promised_at"]
    with time_machine.travel(order_by + timedelta(minutes=1), tick=False):
        assert by_method(quoted(client), "ship")[0]["promised_at"] > ship["promised_at"]


def test_tells_what_is_missing_where_there_is_some_and_when_more_comes(client):
    make_location("DEPOT", kind="warehouse", **LILLE)
    make_inbound("DEPOT", {"SKU-1": 4}, expected_at=now() + timedelta(days=3))
    make_inbound("DEPOT", {"SKU-1": 9}, expected_at=now() + timedelta(days=8))

    assert quoted(client, ("SKU-1", 20))["options"] == []  # the rules let nothing wait
    document = {"rules": [{"steps": [{"rest": "backorder"}]}]}
    publish_rule_set(rule_set_id=create_draft(document=document).pk, actor="test", as_of=now())
    quote = quoted(client, ("SKU-1", 20))

    assert [option["method"] for option in quote["options"]] == ["backorder"]
    (later,) = quote["options"]
    assert later["available_at"] == "2026-03-10T09:00:00+00:00"  # four are not enough
    assert later["promised_at"] > later["available_at"]
    (missing,) = quote["unavailable"]
    assert (missing["sku"], missing["requested"], missing["sellable"]) == ("SKU-1", 20, 15)
    assert [a["location"] for a in missing["alternatives"]] == ["PARIS", "LILLE", "LYON"]


def test_names_places_that_have_some_and_hand_it_out_as_was_asked(client):
    make_location("CURB", abilities=["curbside"], **PARIS)
    set_stock("SKU-1", "CURB", 5)

    def elsewhere(*methods):
        (missing, *_) = quoted(client, ("SKU-1", 100), methods=methods)["unavailable"]
        return [place["location"] for place in missing["alternatives"]]

    assert elsewhere("curbside") == ["CURB"]
    assert elsewhere("ship") == elsewhere("pickup") == ["PARIS", "LILLE", "LYON"]
    assert sorted(elsewhere("pickup", "curbside")) == ["CURB", "LILLE", "LYON", "PARIS"]


def missing(quote):
    return [(one["sku"], one["sellable"]) for one in quote["unavailable"] if one["code"] == "insufficient_stock"]


def test_names_elsewhere_only_what_could_be_collected_there(client):
    """What rules show of a place to who wants it sent says nothing of what can be collected there, nor the other way."""
    make_exposure_rule(order_type="pickup", locations=["PARIS"], hidden=True)
    make_exposure_rule(order_type="ship", locations=["LYON"], keep_units=4)
    make_exposure_rule(order_type="curbside", locations=["LILLE"], keep_units=2)
    make_location("LILLE", abilities=["ship", "pickup", "curbside"], **LILLE)
    make_location("CURB", abilities=["curbside"], **PARIS)
    set_stock("SKU-1", "CURB", 4)

    def elsewhere(*methods):
        (found, *_) = quoted(client, ("SKU-1", 100), methods=methods)["unavailable"]
        return {place["location"]: place["sellable"] for place in found["alternatives"]}

    assert elsewhere("ship") == elsewhere("pickup") == elsewhere("ship", "pickup") == {"LILLE": 5, "LYON": 5}
    assert elsewhere("ship", "curbside") == elsewhere("curbside") == {"CURB": 4, "LILLE": 3}
    assert elsewhere("curbside", "pickup") == elsewhere("pickup", "curbside") == {"CURB": 4, "LILLE": 5, "LYON": 5}
    collected = place(client, pickup_body(("SKU-1", 5), location="LYON"))
    refused = place(client, pickup_body(("SKU-1", 1), location="PARIS"))
    assert (collected.status_code, refused.status_code) == (201, 409)


def test_missing_is_what_is_short_in_every_way_asked_for_whichever_is_named_first(client):
    make_location("CURB", abilities=["curbside"], **PARIS)
    for code, units in (("CURB", 5), ("PARIS", 13), ("LYON", 0), ("LILLE", 0)):
        set_stock("SKU-1", code, units)
    make_exposure_rule(order_type="ship", keep_units=6)

    def told(units, *methods):
        quote = quoted(client, ("SKU-1", units), methods=methods)
        return [(option["method"], option["location"]) for option in quote["options"]], missing(quote)

    assert told(13, "curbside", "pickup") == told(13, "pickup", "curbside") == ([("pickup", "PARIS")], [])
    assert told(13, "ship", "pickup") == told(13, "pickup", "ship") == ([("pickup", "PARIS")], [])
    assert told(14, "curbside", "pickup") == told(14, "pickup", "ship") == ([], [("SKU-1", 13)])
    assert told(13, "ship") == ([], [("SKU-1", 7)])


def test_a_faster_service_that_is_shown_more_has_what_the_slower_one_lacks(client):
    make_express()
    make_exposure_rule(service="standard", keep_units=4)

    quote = quoted(client, ("SKU-1", 9), methods=["ship"])

    assert [o["service"] for o in quote["options"]] == ["express"]
    assert missing(quote) == []
    assert missing(quoted(client, ("SKU-1", 16), methods=["ship"])) == [("SKU-1", 15)]


def test_says_that_nothing_can_be_had_of_what_a_rule_hides_from_a_way(client):
    make_express()
    make_exposure_rule(service="express", hidden=True)
    make_exposure_rule(order_type="pickup", hidden=True)

    assert told(quoted(client)) == [
        ("ship", "express", "no_stock", "Nothing of it can be had in this way"),
        ("pickup", "standard", "no_stock", "Nothing of it can be had in this way"),
    ]


def test_rules_judge_a_basket_by_the_price_of_the_day_in_its_channel(client):
    make_product("DEAR", price="10.00")
    for code in ("PARIS", "LYON"):
        set_stock("DEAR", code, 5)
    lyon, paris = ({"steps": [{"name": code, "from": {"locations": [code]}}]} for code in ("LYON", "PARIS"))
    document = {"rules": [{"name": "dear", "when": {"min_value": "8.00"}, **lyon}, {"name": "cheap", **paris}]}
    publish_rule_set(rule_set_id=create_draft(document=document).pk, actor="test", as_of=now())
    make_channel("app")

    def quoted_and_planned():
        [ship] = by_method(quoted(client, ("DEAR", 1), methods=["ship"]), "ship")
        body = {"channel": "web", "lines": [{"sku": "DEAR", "quantity": 1}], "destination": HERE}
        plan = client.post("/api/v1/routing/plan/", body, format="json").json()
        return ship["price"], [parcel["location"] for parcel in plan["fulfillments"]]

    assert quoted_and_planned() == ("6.00", ["LYON"])
    price = {"channel": "app", "amount": "5.00"}
    assert client.post("/api/v1/products/DEAR/prices/", price, format="json").status_code == 201
    assert quoted_and_planned() == ("6.00", ["LYON"])  # another channel's price
    price = {"channel": "web", "amount": "5.00", "until_at": "2026-03-02T10:00:00Z"}
    assert client.post("/api/v1/products/DEAR/prices/", price, format="json").status_code == 201
    assert quoted_and_planned() == ("4.00", ["PARIS"])
    with time_machine.travel("2026-03-02T10:00:00Z", tick=False):
        assert quoted_and_planned() == ("6.00", ["LYON"])


def hold(client, units, **values):
    body = {"cart": "c", "channel": "web", "lines": [{"sku": "SKU-1", "quantity": units}], **values}
    answer = client.post("/api/v1/reservations/", body, format="json")
    assert answer.status_code == 201, answer.json()
    return answer.json()["id"]


def plan_with(client, units, **values):
    body = {"channel": "web", "lines": [{"sku": "SKU-1", "quantity": units}], "destination": HERE, **values}
    return client.post("/api/v1/routing/plan/", body, format="json")


def test_what_a_cart_holds_is_its_own_to_quote_and_to_plan(client):
    held = hold(client, 15)
    assert missing(quoted(client, ("SKU-1", 15))) == [("SKU-1", 0)]
    assert plan_with(client, 15).json()["rest"] != []

    quote = quoted(client, ("SKU-1", 15), reservation=held)

    assert missing(quote) == [] and by_method(quote, "ship")
    planned = plan_with(client, 15, reservation=held).json()
    assert planned["rest"] == []
    assert {p["location"] for p in planned["fulfillments"]} == {"PARIS", "LILLE", "LYON"}
    assert missing(quoted(client, ("SKU-1", 16), reservation=held)) == [("SKU-1", 15)]


def test_a_hold_that_has_ended_gives_nothing(client):
    kept, released = hold(client, 15, ttl_seconds=60), None
    with time_machine.travel(now() + timedelta(seconds=60), tick=False):
        released = hold(client, 15, cart="d")
        assert missing(quoted(client, ("SKU-1", 15), reservation=kept)) == [("SKU-1", 0)]
        assert client.delete(f"/api/v1/reservations/{released}/").status_code == 204
        hold(client, 15, cart="e")
        assert missing(quoted(client, ("SKU-1", 15), reservation=released)) == [("SKU-1", 0)]
        assert plan_with(client, 15, reservation=released).json()["fulfillments"] == []


def test_a_hold_of_another_channel_is_refused_as_placing_an_order_refuses_it(client):
    make_channel("app")
    theirs = hold(client, 1, channel="app")

    def faults(answer):
        return answer.status_code, answer.json()["errors"]

    for reservation in (theirs, "rsv_none"):
        refused = faults(place(client, order_body(reservation=reservation)))
        assert refused[0] == 422 and refused[1][0]["pointer"] == "/reservation"
        assert faults(ask(client, reservation=reservation)) == refused
        assert faults(plan_with(client, 1, reservation=reservation)) == refused


def test_what_waits_costs_its_carriage_by_the_parcels_it_will_make(client):
    """Two deliveries of one day leave together."""
    for code in ("PARIS", "LILLE"):
        set_stock("SKU-1", code, 0)
    make_location("DEPOT", kind="warehouse", **LILLE)
    document = {"rules": [{"steps": [{"rest": "backorder"}]}]}
    publish_rule_set(rule_set_id=create_draft(document=document).pk, actor="test", as_of=now())
    for units, hours in ((4, 72), (4, 74), (9, 192)):
        make_inbound("DEPOT", {"SKU-1": units, "SKU-2": 1}, expected_at=now() + timedelta(hours=hours))

    def price(*lines):
        [later] = by_method(quoted(client, *lines), "backorder")
        return later["price"]

    assert price(("SKU-2", 1)) == "5.00"
    assert price(("SKU-2", 2)) == "5.00"
    assert price(("SKU-2", 3)) == "10.00"
    assert price(("SKU-1", 13), ("SKU-2", 1)) == "11.00"  # and what stands in Lyon leaves at once


def told(quote):
    return [(way["method"], way["service"], way["code"], way["detail"]) for way in quote["unavailable"]]


def test_says_why_a_way_is_not_offered(client):
    make_express()
    assert told(quoted(client, destination={"country": "NO", "postal_code": "0150"}, methods=["ship", "locker"])) == [
        ("ship", "express", "no_rate", "No place that has it can serve this: no carrier goes there from here"),
        ("locker", "standard", "ability", "No place that has it can serve this: cannot do this kind of delivery"),
    ]
    Zone.objects.update(countries=["FR"])
    bump.__wrapped__(RATES)
    assert [way[1:3] for way in told(quoted(client, destination={"country": "NO"}, methods=["ship"]))] == [
        ("standard", "no_rate"),
        ("express", "no_rate"),
    ]


def test_says_that_no_place_takes_orders_and_that_none_has_all_of_it(client):
    answer = quoted(client, ("SKU-1", 6), methods=["pickup"])
    assert [way[::2] for way in told(answer)] == [("pickup", "partial_stock")]
    Location.objects.update(accepting_orders=False)
    bump.__wrapped__("places")

    answer = quoted(client, methods=["ship", "pickup"])

    assert answer["options"] == []
    assert [way[::2] for way in told(answer)] == [("ship", "not_accepting"), ("pickup", "not_accepting")]
    assert quoted(client, ("SKU-1", 60))["unavailable"][0]["code"] == "insufficient_stock"


def test_the_same_day_is_offered_only_where_it_is_today(client):
    with transaction.atomic():
        bike = CarrierService.objects.create(code="bike", carrier="Bike", name="Today", service="same_day")
        Rate.objects.create(zone=Zone.objects.create(carrier_service=bike, code="z", transit_days=0), price="9.00")
        bump(RATES)
    assert [o["service"] for o in by_method(quoted(client), "ship")] == ["standard", "same_day"]

    with time_machine.travel("2026-03-02T21:00:00Z", tick=False):  # what is ready by one in the night leaves tomorrow
        late = quoted(client)

    assert [o["service"] for o in by_method(late, "ship")] == ["standard"]
    assert told(late) == [("ship", "same_day", "late", "It would not be there today")]


def test_a_rule_hides_from_the_quote_what_it_hides_from_the_order(client):
    make_exposure_rule(channel_id="web", locations=["PARIS"], hidden=True)
    make_exposure_rule(channel_id="web", order_type="ship", service="express", hidden=True)
    make_express()

    quote = quoted(client)

    assert [(o["service"], o["price"]) for o in by_method(quote, "ship")] == [("standard", "5.00")]
    assert "PARIS" not in [o["location"] for o in by_method(quote, "pickup")]


def test_a_cart_is_quoted_without_an_address_for_what_is_collected(client):
    quote = quoted(client, destination=None, methods=["pickup"])

    assert {o["location"] for o in quote["options"]} == {"PARIS", "LYON", "LILLE"}
    assert all("distance_km" not in o for o in quote["options"])


def test_an_order_may_name_its_quote_while_it_lasts(client):
    token = quoted(client)["quote"]

    assert place(client, order_body(quote=token)).status_code == 201
    other_way = place(client, pickup_body(quote=token, location="LYON"))
    assert other_way.status_code == 201  # a pickup there was quoted, too
    express = order_body(quote=token, delivery={"method": "ship", "service": "express"})
    assert place(client, express).json()["errors"][0]["code"] == "not_quoted"
    assert place(client, order_body(quote=token[:-3] + "abc")).json()["errors"][0]["code"] == "unknown_quote"
    with time_machine.travel(now() + timedelta(minutes=30), tick=False):
        late = place(client, order_body(quote=token))
    assert (late.status_code, late.json()["errors"][0]["code"]) == (422, "quote_expired")
    assert Order.objects.count() == 2


def test_a_token_of_an_earlier_release_is_unknown(client):
    ends_at = (now() + timedelta(minutes=30)).isoformat()
    told = {"c": "web", "l": [["SKU-1", 1]], "o": [["ship", "standard", None, "4.00", ends_at]], "e": ends_at}
    token = signing.dumps(told, salt="routing.quote", compress=True)

    refused = place(client, order_body(quote=token))

    assert (refused.status_code, refused.json()["errors"][0]["code"]) == (422, "unknown_quote")
    assert not Order.objects.exists()


@pytest.mark.parametrize(
    ("values", "pointer", "code"),
    [
        ({"channel": "nope"}, "/channel", "unknown_channel"),
        ({"currency": "USD"}, "/currency", "wrong_currency"),
        ({"lines": [{"sku": "NOPE", "quantity": 1}]}, "/lines/0/sku", "unknown_sku"),
        ({"lines": [{"sku": "SKU-1", "quantity": 0}]}, "/lines/0/quantity", "greater_than_equal"),
        ({"destination": None}, "/destination", "required"),
        ({"methods": ["teleport"]}, "/methods/0", "literal_error"),
    ],
)
def test_says_what_it_does_not_understand(client, values, pointer, code):
    answer = ask(client, **values)

    assert answer.status_code == 422
    assert [(e["pointer"], e["code"]) for e in answer.json()["errors"]] == [(pointer, code)]


def test_a_key_of_another_channel_is_refused():
    make_channel("app")

    from oms.keys import create_api_key

    _key, token = create_api_key.__wrapped__(name="app", scopes=["all"], channel="app")
    bound = APIClient()
    bound.credentials(HTTP_AUTHORIZATION=f"Bearer {token}")

    assert ask(bound).status_code == 403


def test_reads_stock_once_for_all_ways_and_writes_nothing(client):
    make_express()
    quoted(client)

    with CaptureQueriesContext(connection) as seen:
        quoted(client)

    # what is known by heart is asked for its version only (and each time, because tests trust no cache)
    asked = [query["sql"] for query in seen.captured_queries if "oms_version" not in query["sql"]]
    assert len(asked) == 3, asked  # the key, the products, the stock
    assert not any(sql.startswith(("INSERT", "UPDATE")) for sql in asked)


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("get", "availability/?sku=SKU-1&channel=web&near=48.86,2.38", None),
        ("get", "availability/explain/?sku=SKU-1&channel=web", None),
        ("post", "quotes/", {"methods": ["ship", "pickup"]}),
        ("post", "quotes/", {"methods": ["pickup"], "lines": [{"sku": "SKU-1", "quantity": 900}]}),
        ("post", "reservations/", {"cart": "c"}),
        ("post", "orders/", order_body()),
    ],
)
def test_a_place_that_this_process_does_not_know_yet_is_none(client, monkeypatch, method, path, body) -> None:
    known = dict(inventory.queries.places())
    make_location("NEW", abilities=["ship", "pickup"])
    set_stock("SKU-1", "NEW", 1_000)
    monkeypatch.setattr(inventory.queries._places, "get", lambda: known)
    cart = {"channel": "web", "currency": "EUR", "lines": [{"sku": "SKU-1", "quantity": 1}], "destination": HERE}
    if path == "reservations/":
        cart = {"channel": "web", "lines": cart["lines"], "ttl_seconds": 60}

    given = [] if body is None else [{**cart, **body} if path != "orders/" else body]
    answer = getattr(client, method)(f"/api/v1/{path}", *given, format="json")

    assert answer.status_code in (200, 201), answer.content
    assert "NEW" not in answer.content.decode()
