"""A store sleeps, declines, or cannot find the goods: the work goes to the next best place."""

from typing import Any

from inventory.models import StockLevel
from oms.clock import now
from orders.models import ExceptionCase
from tests.factories.inventory import set_stock
from tests.factories.orders import make_network, order_body, pickup_body, reserved
from tests.flows.conftest import Api, pass_time


def _assigned(api: Api, *lines: tuple[str, int]) -> tuple[str, str]:
    order = api.post("orders/", order_body(*lines)).json
    (fulfillment,) = order["fulfillments"]
    assert fulfillment["location"] == "PARIS"
    return order["number"], fulfillment["id"]


def _live(order: dict[str, Any]) -> list[dict[str, Any]]:
    return [f for f in order["fulfillments"] if f["status"] not in ("timed_out", "declined", "canceled")]


def test_a_store_that_sleeps_loses_the_order(api: Api, invariants_hold: Any) -> None:
    make_network()
    number, lost = _assigned(api)

    pass_time(minutes=121)

    order = api.order(number)
    (taken_over,) = _live(order)
    assert (taken_over["location"], taken_over["status"], taken_over["attempt"], taken_over["replaces"]) == (
        "LILLE",
        "assigned",
        2,
        lost,
    )
    assert (reserved("SKU-1", "PARIS"), reserved("SKU-1", "LILLE")) == (0, 1)
    assert api.get("stock/?sku=SKU-1&location=PARIS").json["results"][0]["sellable"] == 5
    late = api.act(lost, "acknowledge")
    assert (late.status, late.json["code"], late.json["current"], late.json["actions"]) == (
        409,
        "illegal_move",
        "timed_out",
        [],
    )
    assert api.order(number) == order
    assert order["expected_at"] == taken_over["expected_at"] > order["promised_at"]
    invariants_hold()


def test_work_that_is_accepted_but_not_prepared_is_lost_too(api: Api, invariants_hold: Any) -> None:
    make_network()
    number, lost = _assigned(api)
    api.act(lost, "acknowledge")

    pass_time(minutes=241)

    (taken_over,) = _live(api.order(number))
    assert (taken_over["location"], taken_over["replaces"]) == ("LILLE", lost)
    invariants_hold()


def test_work_begun_in_time_is_never_taken_away(api: Api) -> None:
    make_network()
    number, work = _assigned(api)
    api.act(work, "acknowledge")
    api.act(work, "start")

    pass_time(hours=48)

    (fulfillment,) = api.order(number)["fulfillments"]
    assert fulfillment["status"] == "picking"
    assert fulfillment["late_since"] is not None


def test_after_all_places_it_stands_before_a_person_with_reasons(api: Api, invariants_hold: Any) -> None:
    make_network(lille=0)
    number, _lost = _assigned(api)

    for hours in (3, 6, 9):
        pass_time(hours=hours)

    order = api.order(number)
    assert _live(order) == []
    assert order["lines"][0]["quantities"]["open"] == 1
    (case,) = api.get("exceptions/").json["results"]
    assert case["reason"] == "no_place"
    assert {place["location"]: place["reason"] for place in case["facts"]["places"]} == {
        "PARIS": "excluded",
        "LYON": "excluded",
    }
    assert order["status"] == "placed"
    invariants_hold()

    set_stock("SKU-1", "LILLE", 3)
    assert api.post(f"exceptions/{case['id']}/resolve/", {"action": "reroute"}).status == 200
    (fulfillment,) = _live(api.order(number))
    assert fulfillment["location"] == "LILLE"
    invariants_hold()


def test_the_number_of_attempts_is_limited(api: Api, invariants_hold: Any) -> None:
    make_network()
    assert (
        api.post("service-levels/", {"acknowledge_minutes": 10, "prepare_minutes": 30, "max_attempts": 2}).status == 201
    )
    number, _lost = _assigned(api)

    pass_time(minutes=11)
    pass_time(minutes=22)

    assert _live(api.order(number)) == []
    (case,) = api.get("exceptions/").json["results"]
    assert (case["reason"], case["facts"]) == ("max_attempts", {"attempts": 2})
    canceled = api.post(f"exceptions/{case['id']}/resolve/", {"action": "cancel"})
    assert canceled.status == 200
    pass_time(seconds=1)
    order = api.order(number)
    assert (order["status"], order["payment_status"]) == ("canceled", "voided")
    invariants_hold()


def test_a_store_that_is_too_busy_keeps_its_stock_on_sale(api: Api, invariants_hold: Any) -> None:
    make_network()
    number, lost = _assigned(api)

    declined = api.act(lost, "decline", {"reason": "too_busy", "note": "two people ill"})

    assert (declined.status, declined.json["status"]) == (200, "declined")
    (taken_over,) = _live(api.order(number))
    assert taken_over["location"] == "LILLE"
    assert api.get("stock/?sku=SKU-1&location=PARIS").json["results"][0]["sellable"] == 5
    invariants_hold()


def test_out_of_stock_stops_the_sale_there_until_counted(api: Api) -> None:
    make_network()
    _number, lost = _assigned(api)

    api.act(lost, "decline", {"reason": "out_of_stock"})

    assert api.get("stock/?sku=SKU-1&location=PARIS").json["results"][0]["sellable"] == 0
    set_stock("SKU-1", "PARIS", 4)  # as it was before: it knows nothing of what was missed since
    assert api.get("stock/?sku=SKU-1&location=PARIS").json["results"][0]["sellable"] == 0
    count = {"sku": "SKU-1", "location": "PARIS", "kind": "count", "quantity": 4, "occurred_at": now().isoformat()}
    assert api.post("stock/events/", {"events": [{"id": "recount", **count}]}).json["results"][0]["status"] == "applied"
    assert api.get("stock/?sku=SKU-1&location=PARIS").json["results"][0]["sellable"] == 4


def test_damaged_units_are_no_longer_sold(api: Api, invariants_hold: Any) -> None:
    make_network()
    _number, lost = _assigned(api, ("SKU-1", 2))

    api.act(lost, "decline", {"reason": "damaged"})

    level = StockLevel.objects.get(product_id="SKU-1", location_id="PARIS")
    assert (level.on_hand, level.damaged, level.reserved) == (5, 2, 0)
    assert api.get("stock/?sku=SKU-1&location=PARIS").json["results"][0]["sellable"] == 3
    invariants_hold()


def test_a_short_pick_sends_the_rest_and_finds_the_missing_elsewhere(api: Api, invariants_hold: Any) -> None:
    make_network()
    number, first = _assigned(api, ("SKU-1", 3))
    api.act(first, "acknowledge")

    picked = api.act(first, "pick", {"lines": [{"line": "l1", "picked": 2, "short_reason": "not_found"}]})

    assert picked.json["lines"][0] == {
        "line": "l1",
        "sku": "SKU-1",
        "quantity": 3,
        "picked": 2,
        "short": 1,
        "short_reason": "not_found",
        "canceled": 0,
    }
    order = api.order(number)
    (second,) = [f for f in order["fulfillments"] if f["id"] != first]
    assert (second["location"], second["lines"][0]["quantity"], second["replaces"]) == ("LILLE", 1, first)
    assert api.act(first, "ship", {}).json["status"] == "shipped"
    for action, body in (("acknowledge", None), ("pick", {"lines": [{"line": "l1", "picked": 1}]}), ("ship", {})):
        assert api.act(second["id"], action, body).status == 200
    pass_time(seconds=1)
    order = api.order(number)
    assert order["status"] == "fulfilled"
    assert order["totals"]["paid"] == order["totals"]["total"] == "64.60"
    invariants_hold()


def test_nothing_found_at_all_ends_the_work_there(api: Api, invariants_hold: Any) -> None:
    make_network()
    number, first = _assigned(api)
    api.act(first, "acknowledge")

    answer = api.act(first, "pick", {"lines": [{"line": "l1", "picked": 0, "short_reason": "out_of_stock"}]})

    assert answer.json["status"] == "declined"
    (taken_over,) = _live(api.order(number))
    assert taken_over["location"] == "LILLE"
    invariants_hold()


def test_a_declined_pickup_is_not_moved_behind_the_shoppers_back(api: Api, invariants_hold: Any) -> None:
    make_network()
    order = api.post("orders/", pickup_body()).json

    api.act(order["fulfillments"][0]["id"], "decline", {"reason": "closed"})

    order = api.order(order["number"])
    assert _live(order) == []
    (case,) = api.get("exceptions/").json["results"]
    assert (case["reason"], case["actions"]) == ("pickup_short", ["reroute", "backorder", "cancel"])
    invariants_hold()


def test_a_person_moves_work_and_it_does_not_come_back(api: Api, invariants_hold: Any) -> None:
    make_network()
    number, first = _assigned(api)

    moved = api.post(f"orders/{number}/reroute/", {"fulfillment": first}).json
    (second,) = _live(moved)
    again = api.post(f"orders/{number}/reroute/", {"fulfillment": second["id"]}).json
    (third,) = _live(again)

    assert (second["location"], second["replaces"]) == ("LILLE", first)
    assert (third["location"], third["replaces"]) == ("LYON", second["id"])
    assert api.get("stock/?sku=SKU-1&location=PARIS").json["results"][0]["sellable"] == 5
    invariants_hold()


def test_a_pickup_moves_only_to_a_store_agreed_with_the_shopper(api: Api) -> None:
    make_network()
    order = api.post("orders/", pickup_body()).json
    work = order["fulfillments"][0]["id"]

    rerouted = api.post(f"orders/{order['number']}/reroute/", {"fulfillment": work})
    api.act(work, "decline", {"reason": "closed"})
    (case,) = api.get("exceptions/").json["results"]
    resolved = api.post(f"exceptions/{case['id']}/resolve/", {"action": "reroute"})

    assert (rerouted.status, rerouted.json["code"]) == (409, "pickup_place_is_chosen")
    assert (resolved.status, resolved.json["errors"][0]["pointer"]) == (422, "/location")
    assert api.get("exceptions/").json["results"] == [case]


def test_work_moved_by_hand_stays_where_it_is_when_nobody_else_has_it(api: Api, invariants_hold: Any) -> None:
    make_network(lille=0, lyon=0)
    number, work = _assigned(api)
    before = api.order(number)

    refused = api.post(f"orders/{number}/reroute/", {"fulfillment": work})

    assert (refused.status, refused.json["code"]) == (409, "no_place")
    assert {place["location"]: place["reason"] for place in refused.json["places"]} == {"PARIS": "excluded"}
    assert api.order(number) == before
    pass_time(minutes=121)  # the exclusion was rolled back with the rest, yet the clock runs as ever
    (case,) = api.get("exceptions/").json["results"]
    again = api.post(f"exceptions/{case['id']}/resolve/", {"action": "reroute"})
    assert (again.status, again.json["code"]) == (409, "no_place")
    assert api.get("exceptions/").json["results"] == [case]
    invariants_hold()


def test_picking_that_was_begun_and_left_comes_before_a_person(api: Api, invariants_hold: Any) -> None:
    make_network()
    number, work = _assigned(api)
    api.act(work, "acknowledge")
    api.act(work, "start")

    pass_time(minutes=241)
    queue_when_warned = api.get("exceptions/").json["results"]
    pass_time(minutes=241 + 121)

    assert queue_when_warned == []
    (case,) = api.get("exceptions/").json["results"]
    assert (case["reason"], case["actions"], case["fulfillment"]) == ("late_work", ["keep"], work)
    invariants_hold()
    assert api.act(work, "pick", {"lines": [{"line": "l1", "picked": 1}]}).status == 200
    assert api.act(work, "ship", {}).status == 200
    assert api.get("exceptions/?status=open").json["results"] == []
    assert api.order(number)["status"] == "fulfilled"


def test_a_line_before_a_person_in_two_cases_is_canceled_once(api: Api, invariants_hold: Any) -> None:
    make_network(paris=2, lille=1, lyon=0)
    document = api.post("orders/", order_body(("SKU-1", 3))).json
    for work in document["fulfillments"]:
        assert api.act(work["id"], "decline", {"reason": "out_of_stock"}).status == 200
    assert ExceptionCase.objects.count() == 2

    cancel = {"lines": [{"id": "l1", "quantity": 1}]}
    assert api.post(f"orders/{document['number']}/cancel/", cancel).status == 200

    assert sum(case.lines[0]["quantity"] for case in ExceptionCase.objects.filter(status="open")) == 2
    invariants_hold()
