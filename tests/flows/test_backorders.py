"""What is not there yet is sold from deliveries on their way, with a date, and is nobody else's when it comes."""

from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from inventory.models import CartHold, CartHoldLine, InboundLine, StockLevel, SupplyPromise
from inventory.services.pauses import pause_location
from oms import deadlines
from oms.clock import now
from oms.models import Deadline, Event
from orders.models import ExceptionCase, Order
from orders.services import backorders, waiting
from orders.web.tracking import find_tracked
from routing.services.rule_sets import create_draft, publish_rule_set
from tests.factories.inventory import make_exposure_rule, make_location, set_stock
from tests.factories.orders import LILLE, PARIS, make_network, order_body, pickup_body
from tests.flows.conftest import Api, pass_time, relay

DAY = timedelta(days=1)


def publish(**step: Any) -> None:
    document = {"rules": [{"steps": [{"rest": "backorder", **step}]}]}
    publish_rule_set(rule_set_id=create_draft(document=document).pk, actor="test", as_of=now())


@pytest.fixture(autouse=True)
def shop(api: Api) -> None:
    """Three stores with nothing, and rules that let what is missing wait."""
    make_network(paris=0, lyon=0, lille=0)
    publish()


def announce(api: Api, units: int, *, days: float = 3, location: str = "PARIS", **more: int) -> str:
    lines = [{"sku": sku, "quantity": n} for sku, n in {"SKU-1": units, **more}.items() if n]
    body = {"location": location, "expected_at": (now() + days * DAY).isoformat(), "lines": lines}
    made = api.post("inbound/", body)
    assert made.status == 201, made
    return made.json["id"]


def delay(api: Api, inbound: str, *, days: float) -> None:
    expected = {"expected_at": (now() + days * DAY).isoformat()}
    assert api.call("PATCH", f"inbound/{inbound}/", expected).status == 200


def receive(api: Api, inbound: str, units: int | None = None, **body: Any) -> Any:
    lines = {} if units is None else {"lines": [{"sku": "SKU-1", "quantity": units}]}
    answer = api.post(f"inbound/{inbound}/receive/", {**lines, **body})
    assert answer.status == 200, answer
    return answer


def order(api: Api, units: int = 1, **values: Any) -> Any:
    return api.post("orders/", order_body(("SKU-1", units), **{"allow_backorder": True, **values}))


def placed(api: Api, units: int = 1, **values: Any) -> dict[str, Any]:
    answer = order(api, units, **values)
    assert answer.status == 201, answer
    return answer.json


def buckets(document: dict[str, Any], line: int = 0) -> dict[str, int]:
    return {name: n for name, n in document["lines"][line]["quantities"].items() if n}


def clock(**delta: float) -> None:
    """Events reach who hears them, then what is due happens."""
    relay()
    pass_time(**delta)


def ship(api: Api, work: str, units: int) -> None:
    for action, body in (
        ("acknowledge", {}),
        ("pick", {"lines": [{"line": "l1", "picked": units}]}),
        ("ship", {"carrier_service": "post", "tracking_number": "1"}),
    ):
        assert api.act(work, action, body).status == 200


# ---- the journey -----------------------------------------------------------------------------------


def test_it_waits_for_a_delivery_with_a_date_and_leaves_in_parts_as_it_comes(api: Api, invariants_hold: Any) -> None:
    inbound = announce(api, 6)

    document = placed(api, 5)

    assert (document["status"], document["payment_status"]) == ("backordered", "authorized")
    assert buckets(document) == {"backordered": 5}
    promised = document["promised_at"]
    [line] = document["lines"]
    assert promised == document["expected_at"] == line["expected_at"] == line["promised_at"]
    assert datetime.fromisoformat(promised) > now() + 3 * DAY
    assert api.get(f"inbound/{inbound}/").json["lines"][0]["promised"] == 5
    [future] = api.get("availability/?sku=SKU-1&channel=web").json["results"][0]["future"]
    assert future["quantity"] == 1
    invariants_hold()

    receive(api, inbound, 3)

    assert api.get("availability/?sku=SKU-1&channel=web").json["results"][0]["sellable"] == 0  # it is theirs
    assert order(api, 1, allow_backorder=False).status == 409
    invariants_hold()
    clock()
    document = api.order(document["number"])
    assert (document["status"], buckets(document)) == ("in_fulfillment", {"backordered": 2, "allocated": 3})
    [work] = document["fulfillments"]
    assert (work["location"], work["status"], work["promised_at"]) == ("PARIS", "assigned", promised)
    invariants_hold()
    ship(api, work["id"], 3)

    receive(api, inbound)
    clock()

    document = api.order(document["number"])
    assert (document["status"], buckets(document)) == ("partially_fulfilled", {"allocated": 2, "shipped": 3})
    assert document["lines"][0]["expected_at"] is None
    rest = next(work for work in document["fulfillments"] if work["status"] == "assigned")
    ship(api, rest["id"], 2)
    assert api.order(document["number"])["status"] == "fulfilled"
    assert api.get("availability/?sku=SKU-1&channel=web").json["results"][0]["sellable"] == 1
    told = [event["type"] for event in api.get(f"orders/{document['number']}/timeline/").json["results"]]
    assert told.count("orders.order.backordered") == 1
    assert "orders.order.delayed" not in told
    assert document["promised_at"] == promised
    invariants_hold()


def test_what_is_there_leaves_at_once_and_only_the_rest_waits(api: Api, invariants_hold: Any) -> None:
    set_stock("SKU-1", "LYON", 2)
    announce(api, 2, days=2)
    announce(api, 9, days=5, location="LILLE")

    document = placed(api, 5)

    assert (document["status"], buckets(document)) == ("in_fulfillment", {"allocated": 2, "backordered": 3})
    waiting = dict(SupplyPromise.objects.values_list("line__inbound__location_id", "quantity"))
    assert waiting == {"PARIS": 2, "LILLE": 1}  # the earliest first
    [work] = document["fulfillments"]
    assert document["promised_at"] == document["lines"][0]["expected_at"] > work["promised_at"]
    invariants_hold()


def test_a_quote_tells_the_date_that_the_order_is_given(api: Api, invariants_hold: Any) -> None:
    announce(api, 3, location="LYON")
    placed(api, 1)
    ask = {
        "channel": "web",
        "currency": "EUR",
        "destination": {"country": "FR", "postal_code": "75011", "latitude": 48.86, "longitude": 2.38},
    }
    quote = api.post("quotes/", {**ask, "lines": [{"sku": "SKU-1", "quantity": 2}]}).json
    [option, collected] = quote["options"]
    assert option["method"] == collected["method"] == "backorder"
    assert "location" not in option and collected["location"] == "LYON"

    document = placed(api, 2, quote=quote["quote"])

    assert document["promised_at"] == option["promised_at"] == document["expected_at"]
    assert api.post("quotes/", {**ask, "lines": [{"sku": "SKU-1", "quantity": 1}]}).json["options"] == []
    invariants_hold()


def test_a_quote_tells_of_waiting_where_the_rules_let_no_stock_leave(api: Api) -> None:
    publish(**{"from": {"locations": ["PARIS"]}})
    set_stock("SKU-1", "LYON", 3)
    announce(api, 3)
    ask = {
        "channel": "web",
        "currency": "EUR",
        "methods": ["ship"],
        "destination": {"country": "FR", "postal_code": "75011", "latitude": 48.86, "longitude": 2.38},
    }

    quote = api.post("quotes/", {**ask, "lines": [{"sku": "SKU-1", "quantity": 1}]}).json

    [option] = quote["options"]
    document = placed(api, 1, quote=quote["quote"])
    assert (option["method"], option["promised_at"]) == ("backorder", document["promised_at"])


THERE = {"country": "FR", "postal_code": "75011", "latitude": 48.86, "longitude": 2.38}


def quote_of(api: Api, methods: list[str], *lines: tuple[str, int], **values: Any) -> dict[str, Any]:
    wanted = [{"sku": sku, "quantity": n} for sku, n in lines or (("SKU-1", 1),)]
    body = {"channel": "web", "currency": "EUR", "destination": THERE, "methods": methods, "lines": wanted, **values}
    answer = api.post("quotes/", body)
    assert answer.status == 200, answer
    return dict(answer.json)


def waits_at(quote: dict[str, Any]) -> list[str | None]:
    return [option.get("location") for option in quote["options"] if option["method"] == "backorder"]


@pytest.mark.parametrize("methods", [["pickup"], ["curbside"], ["locker"], ["pickup", "curbside"]])
def test_who_wants_to_collect_is_not_quoted_what_can_only_be_sent_later(api: Api, methods: list[str]) -> None:
    make_location("DEPOT", abilities=["ship"], **LILLE)
    announce(api, 4, location="DEPOT")

    assert quote_of(api, methods)["options"] == []
    assert waits_at(quote_of(api, ["ship", *methods])) == [None]
    assert api.get("availability/?sku=SKU-1&channel=web&method=pickup").json["results"][0]["future"] == []
    assert api.post("orders/", pickup_body(allow_backorder=True)).status == 409


@pytest.mark.parametrize("methods", [["pickup"], ["ship", "pickup"]])
def test_a_quote_tells_when_it_can_be_collected_and_the_order_is_given_that_date(
    api: Api, invariants_hold: Any, methods: list[str]
) -> None:
    make_location("CORNER", abilities=["pickup"], **PARIS)
    announce(api, 4, location="CORNER")

    quote = quote_of(api, methods, ("SKU-1", 2))

    [option] = quote["options"]
    assert {name: option[name] for name in ("method", "delivery_method", "location", "price", "service")} == {
        "method": "backorder",
        "delivery_method": "pickup",
        "location": "CORNER",
        "price": "0.00",
        "service": "standard",
    }
    assert (option["name"], option["distance_km"] < 10) == ("Place CORNER", True)
    assert option["available_at"] < option["promised_at"]
    plan = {"channel": "web", "delivery": {"method": "pickup", "location": "CORNER"}}
    [rest] = api.post("routing/plan/", {**plan, "lines": [{"sku": "SKU-1", "quantity": 2}]}).json["rest"]
    assert rest["date"] == option["promised_at"][:10]

    body = pickup_body(("SKU-1", 2), location="CORNER", allow_backorder=True, quote=quote["quote"])
    with time_machine.travel(now() + timedelta(minutes=20), tick=False):
        document = api.post("orders/", body).json

    promised = datetime.fromisoformat(option["promised_at"])
    assert datetime.fromisoformat(document["promised_at"]) == promised
    assert datetime.fromisoformat(document["lines"][0]["promised_at"]) == promised
    assert buckets(document) == {"backordered": 2}
    invariants_hold()
    elsewhere = pickup_body(("SKU-1", 1), allow_backorder=True, quote=quote["quote"])
    assert api.post("orders/", elsewhere).json["errors"][0]["code"] == "not_quoted"
    assert order(api, quote=quote["quote"]).json["errors"][0]["code"] == "not_quoted"
    assert waits_at(quote_of(api, methods, ("SKU-1", 3))) == []  # two of the four are promised


def test_the_nearest_places_where_all_of_it_will_be_are_quoted_for_later(api: Api) -> None:
    set_stock("SKU-1", "PARIS", 2)
    announce(api, 2, days=2)
    announce(api, 3, location="LILLE", days=1)
    announce(api, 9, location="LYON", days=1, **{"SKU-2": 1})

    assert waits_at(quote_of(api, ["pickup"], ("SKU-1", 4))) == ["PARIS", "LYON"]  # two of them stand in Paris
    assert waits_at(quote_of(api, ["pickup"], ("SKU-1", 4), near_limit=1)) == ["PARIS"]
    assert waits_at(quote_of(api, ["pickup"], ("SKU-1", 4), destination=None)) == ["LYON", "PARIS"]
    assert waits_at(quote_of(api, ["pickup"], ("SKU-1", 3), ("SKU-2", 1))) == ["LYON"]
    assert waits_at(quote_of(api, ["pickup"], ("SKU-1", 2))) == []  # it can be had now
    make_exposure_rule(channel_id="web", order_type="pickup", locations=["PARIS"], hidden=True)
    assert waits_at(quote_of(api, ["pickup"], ("SKU-1", 4))) == ["LYON"]


def test_who_may_wait_and_may_be_cut_is_promised_all_of_it_later(api: Api) -> None:
    set_stock("SKU-1", "PARIS", 2)
    announce(api, 2, days=2)
    quote = quote_of(api, ["pickup"], ("SKU-1", 4), allow_partial=True)
    part, later = quote["options"]
    assert (part["method"], later["method"], part["location"], later["location"]) == (
        "pickup",
        "backorder",
        "PARIS",
        "PARIS",
    )
    asked = pickup_body(("SKU-1", 4), allow_partial=True, quote=quote["quote"])

    document = api.post("orders/", {**asked, "allow_backorder": True}).json

    promised, all_of_it, some = (datetime.fromisoformat(one["promised_at"]) for one in (document, later, part))
    assert promised == all_of_it > some


@pytest.mark.parametrize(("rest", "statements"), [("backorder", 1), ("refuse", 0)])
def test_what_is_on_its_way_is_read_once_for_all_places_and_only_under_rules_that_let_it_wait(
    api: Api, rest: str, statements: int
) -> None:
    for n in range(3):
        make_location(f"CORNER-{n}", abilities=["pickup"], **PARIS)
        announce(api, 4, location=f"CORNER-{n}")
    publish(rest=rest)

    with CaptureQueriesContext(connection) as seen:
        quote = quote_of(api, ["ship", "pickup"])

    assert len(waits_at(quote)) == 3 * statements
    assert sum("FROM inventory_inboundline" in query["sql"] for query in seen.captured_queries) == statements


def test_a_dry_run_tells_the_day(api: Api) -> None:
    announce(api, 2)
    body = {
        "channel": "web",
        "destination": {"country": "FR", "postal_code": "75011", "latitude": 48.86, "longitude": 2.38},
        "delivery": {"method": "ship", "service": "standard"},
    }

    [rest] = api.post("routing/plan/", {**body, "lines": [{"sku": "SKU-1", "quantity": 2}]}).json["rest"]
    [too_many] = api.post("routing/plan/", {**body, "lines": [{"sku": "SKU-1", "quantity": 3}]}).json["rest"]

    assert (rest["disposition"], too_many["date"]) == ("backorder", None)
    assert rest["date"] == placed(api, 2)["promised_at"][:10]


def test_a_pickup_waits_for_what_comes_to_its_store_only(api: Api, invariants_hold: Any) -> None:
    announce(api, 5, location="LYON", days=1)
    inbound = announce(api, 1, days=2)
    body = pickup_body(("SKU-1", 1), allow_backorder=True)

    answer = api.post("orders/", body)

    assert answer.status == 201, answer
    receive(api, inbound)
    clock()
    document = api.order(answer.json["number"])
    [work] = document["fulfillments"]
    assert (work["location"], work["pickup_location"], work["status"]) == ("PARIS", "PARIS", "assigned")
    invariants_hold()


def test_only_places_that_the_rules_let_in_bring_anything(api: Api) -> None:
    publish(**{"from": {"locations": ["LILLE"]}})
    announce(api, 5)
    assert order(api).status == 409
    announce(api, 5, location="LILLE")
    make_exposure_rule(channel_id="web", locations=["LILLE"], hidden=True)

    assert order(api).status == 409


@pytest.mark.parametrize("has_level", [True, False])
def test_a_delivery_is_believed_as_the_stock_of_its_place_will_be(
    api: Api, has_level: bool, invariants_hold: Any
) -> None:
    """What nobody has looked at is as sure as not, also where nothing stands; what was learned there stays learned."""
    if not has_level:
        StockLevel.objects.filter(location="PARIS").delete()
    publish(**{"from": {"min_confidence": 0.6}})
    inbound = announce(api, 5)
    assert order(api).status == 409

    publish(**{"from": {"min_confidence": 0.5}})
    number = placed(api)["number"]
    receive(api, inbound)
    clock()
    assert [work["location"] for work in api.order(number)["fulfillments"]] == ["PARIS"]
    invariants_hold()


def test_what_was_learned_of_an_empty_shelf_counts_for_what_comes_to_it(api: Api) -> None:
    publish(**{"from": {"min_confidence": 0.6}})
    announce(api, 5)
    StockLevel.objects.filter(location="PARIS").update(confidence=0.6)
    placed(api)

    StockLevel.objects.filter(location="PARIS").update(confidence=0.59)
    assert order(api).status == 409


@pytest.mark.parametrize("step", [{}, {"no_split_below": "999.00"}], ids=["a group", "an order that is not split"])
def test_what_leaves_together_is_awaited_at_one_place(api: Api, invariants_hold: Any, step: dict[str, Any]) -> None:
    publish(**step)
    announce(api, 1)
    announce(api, 0, location="LYON", days=5, **{"SKU-2": 1})
    body = order_body(("SKU-1", 1), ("SKU-2", 1), allow_backorder=True)
    for line in body["lines"]:
        line["group"] = None if step else "set"
    assert api.post("orders/", body).status == 409

    set_at_lille = announce(api, 1, location="LILLE", days=9, **{"SKU-2": 1})
    document = api.post("orders/", body).json

    assert InboundLine.objects.filter(promised=1).count() == 2
    api.post(f"inbound/{set_at_lille}/receive/")
    clock()
    [work] = api.order(document["number"])["fulfillments"]
    assert (work["location"], len(work["lines"])) == ("LILLE", 2)
    invariants_hold()


def test_a_cart_has_what_it_holds_and_waits_for_the_rest(api: Api, invariants_hold: Any) -> None:
    set_stock("SKU-1", "LYON", 2)
    announce(api, 5)
    ask = {"channel": "web", "lines": [{"sku": "SKU-1", "quantity": 1}]}
    held, expired = (api.post("reservations/", {"cart": cart, **ask}).json["id"] for cart in ("one", "other"))
    assert buckets(placed(api, 1)) == {"backordered": 1}  # both are somebody's
    for row in CartHold.objects.filter(pk=expired), CartHoldLine.objects.filter(hold=expired):
        row.update(expires_at=now())
    assert buckets(placed(api, 1)) == {"allocated": 1}  # somebody was quicker

    assert buckets(placed(api, 2, reservation=expired)) == {"backordered": 2}
    assert buckets(placed(api, 2, reservation=held)) == {"allocated": 1, "backordered": 1}

    assert InboundLine.objects.get().promised == 4
    again = order(api, 1, reservation=held)
    assert (again.status, again.json["code"]) == (409, "reservation_is_over")
    assert InboundLine.objects.get().promised == 4
    invariants_hold()


def test_of_orders_in_bulk_each_waits_or_is_refused_by_itself(api: Api, invariants_hold: Any) -> None:
    announce(api, 3)
    bodies = [order_body(("SKU-1", n), allow_backorder=may) for n, may in ((2, True), (2, True), (1, False), (1, True))]

    first, again = (api.post("orders/bulk/", bodies).json["results"] for _ in range(2))

    assert [row["status"] for row in first] == [row["status"] for row in again] == [201, 409, 409, 201]
    assert InboundLine.objects.get().promised == 3
    invariants_hold()


# ---- refused ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "step", "units"),
    [({"allow_backorder": False}, {}, 2), ({}, {"rest": "exception"}, 2), ({}, {"rest": "refuse"}, 2), ({}, {}, 3)],
    ids=["the shopper does not want to wait", "the rules ask a person", "the rules refuse", "not enough comes"],
)
def test_what_may_not_wait_is_refused_and_nothing_is_kept(
    api: Api, values: dict[str, Any], step: dict[str, Any], units: int
) -> None:
    inbound = announce(api, 2)
    publish(**step)
    before = list(InboundLine.objects.values()), Event.objects.count(), Deadline.objects.count()

    answer = order(api, units, **values)

    assert (answer.status, answer.json["code"]) == (409, "insufficient_stock")
    assert (list(InboundLine.objects.values()), Event.objects.count(), Deadline.objects.count()) == before
    assert not Order.objects.exists() and not SupplyPromise.objects.exists()
    assert api.get(f"inbound/{inbound}/").json["lines"][0]["promised"] == 0


def test_the_same_order_sent_twice_waits_once(api: Api, invariants_hold: Any) -> None:
    announce(api, 5)
    body = order_body(("SKU-1", 2), allow_backorder=True)

    first, again = api.post("orders/", body), api.post("orders/", body)

    assert first.json["number"] == again.json["number"]
    assert InboundLine.objects.get().promised == 2
    invariants_hold()


# ---- it comes later, in part, or not at all --------------------------------------------------------


def test_a_delivery_that_gets_another_day_moves_what_is_expected_never_what_was_promised(
    api: Api, invariants_hold: Any
) -> None:
    inbound = announce(api, 5)
    document = placed(api, 2)
    promised = document["promised_at"]

    delay(api, inbound, days=9)
    clock()

    document = api.order(document["number"])
    assert document["promised_at"] == promised < document["expected_at"] == document["lines"][0]["expected_at"]
    delayed = Event.objects.get(type="orders.order.delayed")
    assert delayed.payload["promised_at"][:10] == promised[:10]
    receive(api, inbound)
    clock()
    [work] = api.order(document["number"])["fulfillments"]
    assert work["promised_at"] == promised
    invariants_hold()


@pytest.mark.parametrize(
    ("locale", "said"),
    [
        ("en", ["It will come later than we said", "It will come as promised after all"]),
        ("fr", ["Elle arrivera plus tard que prévu", "Elle arrivera finalement à la date promise"]),
    ],
)
def test_a_delay_that_is_over_is_told_once(api: Api, client: Client, locale: str, said: list[str]) -> None:
    inbound = announce(api, 5, days=12)
    document = placed(api, 2, locale=locale)

    def move(days: float) -> dict[str, Any]:
        delay(api, inbound, days=days)
        clock()
        return api.order(document["number"])

    move(20)
    assert move(11)["expected_at"] <= document["promised_at"]
    assert move(4)["expected_at"] < document["promised_at"]

    news = list(Event.objects.filter(root=document["id"], is_public=True).order_by("id").values_list("type", flat=True))
    assert news[1:] == ["orders.order.delayed", "orders.order.caught_up"]
    page = client.get(document["tracking_url"]).content.decode()
    assert [page.count(words) for words in said] == [1, 1]
    move(20)
    assert Event.objects.filter(type="orders.order.delayed").count() == 2


def test_who_can_have_it_earlier_from_another_delivery_changes_to_that(api: Api, invariants_hold: Any) -> None:
    late = announce(api, 5)
    other = announce(api, 1, days=5)
    old, young = placed(api, 1), placed(api, 1)

    delay(api, late, days=20)
    clock()

    waits = dict(SupplyPromise.objects.order_by("since").values_list("demand", "line__inbound"))
    assert list(waits.values()) == [other, late]
    assert api.order(old["number"])["expected_at"] < api.order(young["number"])["expected_at"]
    invariants_hold()


def test_an_earlier_delivery_is_first_for_who_has_waited_longest(api: Api, invariants_hold: Any) -> None:
    announce(api, 5, days=20)
    old, young = placed(api), placed(api)
    clock()

    announce(api, 1, days=5)
    clock()

    assert api.order(old["number"])["expected_at"] < old["expected_at"]
    assert api.order(young["number"])["expected_at"] == young["expected_at"]
    assert order(api).json["expected_at"] == young["expected_at"]
    invariants_hold()


@pytest.fixture
def monday_morning() -> Iterator[None]:
    """So that no weekend lies between what is promised and what is a few days later."""
    today = now().replace(hour=8, minute=0)
    with time_machine.travel(today + (7 - today.weekday()) * DAY):
        yield


def test_a_delivery_that_does_not_come_is_looked_at_every_day_until_nobody_believes_in_it(
    api: Api, monday_morning: None, invariants_hold: Any, settings: Any
) -> None:
    settings.SUPPLY_TRUSTED_DAYS_LATE = 3
    announce(api, 5, days=1)
    document = placed(api, 1)

    pass_time(days=3)
    later = api.order(document["number"])
    assert later["expected_at"] > document["promised_at"]
    assert buckets(later) == {"backordered": 1}
    pass_time(days=6)

    assert buckets(api.order(document["number"])) == {"open": 1}
    case = ExceptionCase.objects.get()
    assert case.reason == "no_place"
    assert InboundLine.objects.get().promised == 0
    assert api.order(document["number"])["expected_at"] is None
    tracked = find_tracked(document["tracking_url"].split("/")[-2], as_of=now())
    assert tracked and tracked.due_at is None
    invariants_hold()

    announce(api, 5, days=0.5)
    assert api.post(f"exceptions/{case.pk}/resolve/", {"action": "backorder"}).status == 200
    assert api.order(document["number"])["expected_at"] <= document["promised_at"]
    assert Event.objects.filter(type="orders.order.caught_up").count() == 1


def test_of_a_short_delivery_the_youngest_moves_to_the_next_or_before_a_person(api: Api, invariants_hold: Any) -> None:
    short = announce(api, 3)
    old, middle, young = placed(api, 1), placed(api, 1), placed(api, 1)
    following = announce(api, 1, days=9)

    receive(api, short, 1, final=True)
    invariants_hold()
    clock()

    assert buckets(api.order(old["number"])) == {"allocated": 1}
    moved = api.order(middle["number"])
    assert buckets(moved) == {"backordered": 1}
    assert moved["expected_at"] > moved["promised_at"]
    assert SupplyPromise.objects.get().line.inbound_id == following  # type: ignore[union-attr]
    assert buckets(api.order(young["number"])) == {"open": 1}
    assert ExceptionCase.objects.get().order_id == young["id"]
    assert Event.objects.filter(type="orders.order.delayed").count() == 1
    invariants_hold()


@pytest.mark.parametrize(
    ("locale", "comes", "known", "unknown"),
    [
        ("en", "Waiting for new stock", "With you by", "The day is not known yet"),
        ("fr", "En attente de réapprovisionnement", "Chez vous au plus tard", "La date n’est pas encore connue"),
    ],
)
def test_the_shopper_reads_no_date_while_nobody_brings_it(
    api: Api, locale: str, comes: str, known: str, unknown: str
) -> None:
    inbound = announce(api, 1)
    address = placed(api, locale=locale)["tracking_url"].partition("/track/")[2]

    before = api.client.get(f"/track/{address}").content.decode()
    api.post(f"inbound/{inbound}/cancel/")
    clock()
    after = api.client.get(f"/track/{address}").content.decode()

    assert (comes in before, known in before, unknown in before) == (True, True, False)
    assert (comes in after, known in after, unknown in after) == (False, False, True)


@pytest.mark.parametrize("is_called_back", [True, False])
def test_a_transfer_that_breaks_on_its_way_or_is_called_back(
    api: Api, invariants_hold: Any, is_called_back: bool
) -> None:
    make_location("PARIS", **PARIS, abilities=["ship", "pickup", "receive_transfer"])
    set_stock("SKU-1", "LYON", 4)
    lines = [{"sku": "SKU-1", "quantity": 4}]
    transfer = api.post("transfers/", {"from": "LYON", "to": "PARIS", "lines": lines}).json["id"]
    old, young = placed(api, 2), placed(api, 2)

    if is_called_back:
        assert api.post(f"transfers/{transfer}/cancel/").status == 200
    else:
        came = [{"sku": "SKU-1", "quantity": 3}, {"sku": "SKU-1", "quantity": 1, "condition": "damaged"}]
        assert api.post(f"transfers/{transfer}/receive/", {"lines": came}).status == 200
    invariants_hold()
    clock()

    found = [api.order(document["number"]) for document in (old, young)]
    where = {work["location"] for document in found for work in document["fulfillments"]}
    assert where == ({"LYON"} if is_called_back else {"PARIS"})
    lost = {"allocated": 2} if is_called_back else {"open": 1, "allocated": 1}
    assert [buckets(document) for document in found] == [{"allocated": 2}, lost]
    assert ExceptionCase.objects.filter(reason="no_place").count() == (not is_called_back)
    invariants_hold()


def test_a_delivery_called_off_gives_way_to_stock_that_is_there_by_now(api: Api, invariants_hold: Any) -> None:
    inbound = announce(api, 2)
    document = placed(api, 2)
    set_stock("SKU-1", "LYON", 2)

    assert api.post(f"inbound/{inbound}/cancel/").status == 200
    clock()

    document = api.order(document["number"])
    [work] = document["fulfillments"]
    assert (work["location"], buckets(document)) == ("LYON", {"allocated": 2})
    invariants_hold()


def test_stock_that_comes_another_way_serves_who_has_waited_longest(api: Api, invariants_hold: Any) -> None:
    announce(api, 5)
    old, young = placed(api, 1), placed(api, 1)
    assert backorders.serve_from_stock(as_of=now()) == 0
    set_stock("SKU-1", "LYON", 1)

    assert backorders.serve_from_stock(as_of=now()) == 2
    clock()

    assert buckets(api.order(old["number"])) == {"allocated": 1}
    assert buckets(api.order(young["number"])) == {"backordered": 1}
    assert InboundLine.objects.get().promised == 1
    invariants_hold()


def test_safety_stock_does_not_take_what_was_promised(api: Api, invariants_hold: Any) -> None:
    make_location("PARIS", safety_stock=4)
    inbound = announce(api, 2)
    document = placed(api, 2)

    receive(api, inbound)
    clock()

    assert buckets(api.order(document["number"])) == {"allocated": 2}
    invariants_hold()


@pytest.mark.parametrize("why", ["its day is full", "it is paused", "all goes together"])
def test_what_has_come_and_cannot_be_done_now_stays_theirs(api: Api, invariants_hold: Any, why: str) -> None:
    inbound = announce(api, 2)
    numbers = [placed(api, 2)["number"]] if why == "all goes together" else [placed(api)["number"] for _ in range(2)]
    if why == "its day is full":
        make_location("PARIS", daily_capacity=1)
        receive(api, inbound)
    elif why == "it is paused":
        pause_location(code="PARIS", until=now() + DAY / 48, reason="", actor="test", as_of=now())
        receive(api, inbound)
    else:
        publish(complete=True)
        receive(api, inbound, 1)

    clock()

    waiting = [buckets(api.order(number)).get("backordered", 0) for number in numbers]
    assert waiting == {"its day is full": [0, 1], "it is paused": [1, 1], "all goes together": [2]}[why]
    assert ExceptionCase.objects.count() == 0
    assert api.get("availability/?sku=SKU-1&channel=web").json["results"][0]["sellable"] == 0
    invariants_hold()
    if why == "all goes together":
        receive(api, inbound)
        clock()
    else:
        make_location("PARIS", daily_capacity=None)
        pass_time(hours=1, minutes=1)
    for number, units in zip(numbers, waiting, strict=True):
        assert not units or buckets(api.order(number)) == {"allocated": units}
    invariants_hold()


def test_what_has_come_is_not_given_up_when_the_wait_ends(api: Api, invariants_hold: Any) -> None:
    publish(cancel_after_days=2)
    inbound = announce(api, 3, days=1)
    document = placed(api, 3)
    pause_location(code="PARIS", until=now() + DAY / 48, reason="", actor="test", as_of=now())
    receive(api, inbound, 2)
    clock()

    [end] = [due for due in deadlines.claim(as_of=now() + 3 * DAY) if due.kind == waiting.ENDS]
    backorders.on_ends(end, now())

    assert buckets(api.order(document["number"])) == {"backordered": 2, "canceled": 1}
    invariants_hold()
    pass_time(hours=1, minutes=1)
    assert buckets(api.order(document["number"])) == {"allocated": 2, "canceled": 1}
    invariants_hold()


def test_what_has_come_to_a_place_that_never_serves_it_stands_before_a_person(api: Api, invariants_hold: Any) -> None:
    inbound = announce(api, 1)
    number = placed(api)["number"]
    publish(**{"from": {"locations": ["LYON"]}})

    receive(api, inbound)
    clock()

    assert buckets(api.order(number)) == {"open": 1}
    assert StockLevel.objects.get(product="SKU-1", location="PARIS").reserved == 0
    invariants_hold()


def test_what_came_for_one_line_serves_another_of_the_same_product(api: Api, invariants_hold: Any) -> None:
    make_location("PARIS", safety_stock=4)
    first, second = announce(api, 1), announce(api, 1, days=5)
    body = order_body(("SKU-1", 1), ("SKU-1", 1), allow_backorder=True)
    number = api.post("orders/", body).json["number"]

    receive(api, second)
    clock()
    document = api.order(number)
    assert sum((Counter(buckets(document, line)) for line in (0, 1)), Counter()) == {"allocated": 1, "backordered": 1}
    invariants_hold()
    receive(api, first)
    clock()

    document = api.order(number)
    assert [buckets(document, line) for line in (0, 1)] == [{"allocated": 1}] * 2
    invariants_hold()


def test_what_a_till_sold_before_it_was_planned_is_no_work(api: Api, invariants_hold: Any) -> None:
    inbound = announce(api, 2)
    old, young = placed(api), placed(api)
    receive(api, inbound)
    sold = {"id": "till-1", "sku": "SKU-1", "location": "PARIS", "kind": "delta", "quantity": -1, "reason": "sale"}
    answer = api.post("stock/events/", {"events": [sold | {"occurred_at": now().isoformat()}]})
    assert answer.json["results"][0]["status"] == "applied", answer

    relay()
    for _ in range(3):
        clock()

    assert buckets(api.order(old["number"])) == {"allocated": 1}
    assert buckets(api.order(young["number"])) == {"open": 1}
    assert StockLevel.objects.get(product="SKU-1", location="PARIS").reserved == 1
    invariants_hold()


def test_a_place_that_is_paused_today_is_waited_for(api: Api) -> None:
    announce(api, 1)
    pause_location(code="PARIS", until=now() + DAY / 8, reason="", actor="test", as_of=now())

    assert order(api).status == 201


def test_looking_again_without_news_changes_nothing(api: Api, invariants_hold: Any) -> None:
    announce(api, 5)
    document = placed(api, 1)
    before = Event.objects.count(), SupplyPromise.objects.get().pk

    backorders.look_again([f"order_line:{line}" for line in _lines(document)], as_of=now())
    clock()

    assert (Event.objects.count(), SupplyPromise.objects.get().pk) == before
    assert api.order(document["number"])["expected_at"] == document["expected_at"]
    invariants_hold()


def _lines(document: dict[str, Any]) -> list[str]:
    return list(Order.objects.get(pk=document["id"]).lines.values_list("pk", flat=True))


# ---- what the rules keep ---------------------------------------------------------------------------


def test_what_is_kept_from_a_channel_is_neither_shown_nor_quoted_nor_sold_to_it(api: Api, invariants_hold: Any) -> None:
    announce(api, 8)
    make_exposure_rule(skus=["SKU-1"], channel_id="web", keep_share=1)
    there = {"country": "FR", "postal_code": "75011", "latitude": 48.86, "longitude": 2.38}
    ask = {"channel": "web", "destination": there, "lines": [{"sku": "SKU-1", "quantity": 3}]}

    assert api.get("availability/?sku=SKU-1&channel=web").json["results"][0]["future"] == []
    assert api.post("quotes/", {**ask, "currency": "EUR"}).json["options"] == []
    [rest] = api.post("routing/plan/", {**ask, "delivery": {"method": "ship", "service": "standard"}}).json["rest"]
    assert rest["date"] is None
    refused = order(api, 3)

    assert (refused.status, refused.json["code"]) == (409, "insufficient_stock")
    assert InboundLine.objects.get().promised == 0
    invariants_hold()


def test_a_channel_is_sold_of_a_delivery_what_it_could_have_once_that_stands_there(
    api: Api, invariants_hold: Any
) -> None:
    set_stock("SKU-1", "PARIS", 1)
    inbound = announce(api, 7)
    make_exposure_rule(skus=["SKU-1"], channel_id="web", keep_share="0.5")

    [future] = api.get("availability/?sku=SKU-1&channel=web").json["results"][0]["future"]
    assert future["quantity"] == 4
    assert order(api, 5).status == 409
    number = placed(api, 4)["number"]
    assert api.get("availability/?sku=SKU-1&channel=web").json["results"][0]["future"] == []
    assert order(api, 1).status == 409
    invariants_hold()

    receive(api, inbound)
    assert api.get("availability/?sku=SKU-1&channel=web").json["results"][0]["sellable"] == 0
    clock()

    assert buckets(api.order(number)) == {"allocated": 4}
    invariants_hold()


def test_a_rule_made_later_takes_nothing_from_who_waits(api: Api, invariants_hold: Any) -> None:
    inbound = announce(api, 5)
    number = placed(api, 3)["number"]
    make_exposure_rule(skus=["SKU-1"], channel_id="web", keep_share=1)

    delay(api, inbound, days=9)
    clock()

    assert buckets(api.order(number)) == {"backordered": 3}
    assert ExceptionCase.objects.count() == 0
    receive(api, inbound)
    clock()
    assert buckets(api.order(number)) == {"allocated": 3}
    invariants_hold()


# ---- giving it up, holding it, and people ----------------------------------------------------------


def test_canceling_gives_the_delivery_back(api: Api, invariants_hold: Any) -> None:
    inbound = announce(api, 5)
    document = placed(api, 4)
    receive(api, inbound, 1)

    part = api.post(f"orders/{document['number']}/cancel/", {"lines": [{"id": "l1", "quantity": 2}]})
    assert part.status == 200
    assert (buckets(part.json), InboundLine.objects.get().promised) == ({"backordered": 2, "canceled": 2}, 1)
    invariants_hold()
    whole = api.post(f"orders/{document['number']}/cancel/")

    assert whole.json["status"] == "canceled"
    assert InboundLine.objects.get().promised == 0
    assert StockLevel.objects.get(product="SKU-1", location="PARIS").reserved == 0
    clock()
    assert api.order(document["number"])["payment_status"] == "voided"
    invariants_hold()


@pytest.mark.parametrize("is_canceled_first", [True, False])
def test_only_what_has_left_is_paid_when_the_rest_is_no_longer_awaited(
    api: Api, invariants_hold: Any, is_canceled_first: bool
) -> None:
    set_stock("SKU-1", "LYON", 2)
    announce(api, 3, days=9)
    card = {"gateway": "sandbox", "method": "card", "token": "tok_ok"}
    document = placed(api, 5, payments=[{**card, "amount": "44.70"}, {**card, "amount": "59.70"}])
    [work] = document["fulfillments"]

    def cancel() -> None:
        assert api.post(f"orders/{document['number']}/cancel/", {"lines": [{"id": "l1", "quantity": 3}]}).status == 200

    acts = [cancel, lambda: ship(api, work["id"], 2)]
    for act in acts if is_canceled_first else reversed(acts):
        act()
    clock()

    again = api.order(document["number"])
    assert (again["status"], buckets(again)) == ("fulfilled", {"shipped": 2, "canceled": 3})
    money = [(payment["status"], payment["captured"]) for payment in again["payments"]]
    assert money == [("captured", "44.70"), ("voided", "0.00")]
    invariants_hold()


def test_what_would_come_when_the_rules_have_given_up_is_not_promised(api: Api, invariants_hold: Any) -> None:
    publish(cancel_after_days=2)
    announce(api, 5, days=9)
    lines = {"lines": [{"sku": "SKU-1", "quantity": 1}]}
    there = {"country": "FR", "postal_code": "75011", "latitude": 48.86, "longitude": 2.38}
    ask = {"channel": "web", "destination": there, **lines}

    refused = order(api, 2)

    assert (refused.status, refused.json["code"]) == (409, "insufficient_stock")
    assert api.post("quotes/", {**ask, "currency": "EUR"}).json["options"] == []
    [rest] = api.post("routing/plan/", {**ask, "delivery": {"method": "ship", "service": "standard"}}).json["rest"]
    assert rest["date"] is None
    assert not Order.objects.exists() and InboundLine.objects.get().promised == 0
    announce(api, 1, days=1)
    assert placed(api, 1)["lines"][0]["quantities"]["backordered"] == 1
    invariants_hold()


def test_what_waits_too_long_is_canceled(api: Api, invariants_hold: Any) -> None:
    publish(cancel_after_days=2)
    inbound = announce(api, 5, days=1)
    document = placed(api, 2)
    delay(api, inbound, days=9)

    pass_time(days=1)
    assert api.order(document["number"])["status"] == "backordered"
    pass_time(days=2, minutes=1)

    assert api.order(document["number"])["status"] == "canceled"
    assert InboundLine.objects.get().promised == 0
    assert Event.objects.get(type="orders.order.canceled").payload["why"] == "waited_too_long"
    invariants_hold()


def test_what_nobody_brings_when_the_wait_ends_is_canceled_too(api: Api, invariants_hold: Any) -> None:
    publish(cancel_after_days=2)
    inbound = announce(api, 5, days=1)
    document = placed(api, 2)
    assert api.post(f"inbound/{inbound}/cancel/").status == 200  # nobody has heard of it yet

    later = now() + 2 * DAY + DAY / 24
    [end] = [due for due in deadlines.claim(as_of=later) if due.kind == waiting.ENDS]
    backorders.on_ends(end, later)
    pass_time(days=3)

    assert api.order(document["number"])["status"] == "canceled"
    invariants_hold()


def test_an_order_without_what_it_waited_for_is_expected_when_the_rest_is(api: Api) -> None:
    set_stock("SKU-1", "LYON", 1)
    announce(api, 1, days=20)
    document = placed(api, 2)

    api.post(f"orders/{document['number']}/cancel/", {"lines": [{"id": "l1", "quantity": 1}]})

    [work] = document["fulfillments"]
    assert api.order(document["number"])["expected_at"] == work["expected_at"] < document["expected_at"]


def test_a_held_order_keeps_what_came_for_it_and_its_place_hears_of_it_later(api: Api, invariants_hold: Any) -> None:
    inbound = announce(api, 1)
    document = placed(api, 1)
    api.post(f"orders/{document['number']}/hold/", {"kind": "fraud"})

    receive(api, inbound)
    clock()

    held = api.order(document["number"])
    assert (held["status"], held["fulfillments"][0]["status"]) == ("on_hold", "planned")
    invariants_hold()
    api.post(f"orders/{document['number']}/release/")
    assert api.order(document["number"])["fulfillments"][0]["status"] == "assigned"
    invariants_hold()


def test_work_that_no_place_can_do_waits_for_the_next_delivery(api: Api, invariants_hold: Any) -> None:
    set_stock("SKU-1", "LYON", 1)
    document = placed(api, 1)
    announce(api, 1, days=9)
    [work] = document["fulfillments"]

    api.act(work["id"], "decline", {"reason": "out_of_stock"})
    clock()

    again = api.order(document["number"])
    assert (buckets(again), ExceptionCase.objects.count()) == ({"backordered": 1}, 0)
    assert again["promised_at"] == document["promised_at"] < again["expected_at"]
    invariants_hold()


def test_a_person_lets_it_wait(api: Api, invariants_hold: Any) -> None:
    publish(rest="exception", **{"from": {"locations": ["LILLE"]}})
    set_stock("SKU-1", "LYON", 1)  # the network has it, the rules do not let it in
    document = placed(api, 1, allow_backorder=False)
    [case] = api.get("exceptions/").json["results"]
    assert "backorder" in case["actions"]

    refused = api.post(f"exceptions/{case['id']}/resolve/", {"action": "backorder"})
    assert (refused.status, refused.json["errors"][0]["code"]) == (422, "no_inbound_supply")
    assert buckets(api.order(document["number"])) == {"open": 1}
    assert ExceptionCase.objects.get().status == "open"
    make_location("LILLE", **LILLE)
    inbound = announce(api, 1, location="LILLE")
    solved = api.post(f"exceptions/{case['id']}/resolve/", {"action": "backorder"})

    assert (solved.status, solved.json["resolution"]) == (200, "backorder")
    document = api.order(document["number"])
    assert (document["status"], buckets(document)) == ("backordered", {"backordered": 1})
    assert document["expected_at"] is not None
    invariants_hold()
    receive(api, inbound)
    clock()
    assert buckets(api.order(document["number"])) == {"allocated": 1}
    invariants_hold()


def test_a_shopper_who_chose_a_store_may_wait_for_its_next_delivery(api: Api, invariants_hold: Any) -> None:
    set_stock("SKU-1", "PARIS", 1)
    document = api.post("orders/", pickup_body(("SKU-1", 1))).json
    api.act(document["fulfillments"][0]["id"], "decline", {"reason": "out_of_stock"})
    inbound = announce(api, 1)
    [case] = api.get("exceptions/").json["results"]

    assert api.post(f"exceptions/{case['id']}/resolve/", {"action": "backorder"}).status == 200
    receive(api, inbound)
    clock()

    works = {work["status"]: work["location"] for work in api.order(document["number"])["fulfillments"]}
    assert works == {"declined": "PARIS", "assigned": "PARIS"}
    invariants_hold()


def test_who_agreed_on_another_store_waits_for_the_next_delivery_there(api: Api, invariants_hold: Any) -> None:
    set_stock("SKU-1", "PARIS", 1)
    set_stock("SKU-1", "LYON", 1)
    announce(api, 1, location="PARIS")
    inbound = announce(api, 1, days=5, location="LYON")
    document = api.post("orders/", pickup_body(("SKU-1", 1))).json
    for action in ({"action": "reroute", "location": "LYON"}, {"action": "backorder"}):
        work = api.order(document["number"])["fulfillments"][-1]
        assert api.act(work["id"], "decline", {"reason": "out_of_stock"}).status == 200
        case = ExceptionCase.objects.get(status="open")
        assert api.post(f"exceptions/{case.pk}/resolve/", action).status == 200

    assert SupplyPromise.objects.get().line.inbound_id == inbound  # type: ignore[union-attr]
    assert find_tracked(Order.objects.get().tracking_token, as_of=now()).where == "Place LYON, Lyon"  # type: ignore[union-attr]
    clock()
    receive(api, inbound)
    clock()

    work = api.order(document["number"])["fulfillments"][-1]
    assert (work["status"], work["pickup_location"]) == ("assigned", "LYON")
    assert buckets(api.order(document["number"])) == {"allocated": 1}
    invariants_hold()
