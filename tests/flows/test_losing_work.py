"""A store sleeps, declines, or cannot find the goods: the work goes to the next best place."""

from typing import Any

import pytest

from inventory.models import Product, StockLevel
from oms import cache
from oms.clock import now
from oms.models import Channel
from orders.models import ExceptionCase, Fulfillment
from routing.services.rule_sets import create_draft, publish_rule_set
from tests.factories.inventory import make_location, set_stock
from tests.factories.orders import make_network, order_body, pickup_body, reserved
from tests.flows.conftest import Api, pass_time, relay


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


# ---- what is sent in one parcel ------------------------------------------------------------------


def _publish(*steps: dict[str, Any]) -> None:
    document = {"name": "together", "rules": [{"steps": [{"rest": "exception", **step} for step in steps]}]}
    publish_rule_set(rule_set_id=create_draft(document=document).pk, actor="test", as_of=now())


def _parcel(api: Api, *, group: str | None = "set", **body: Any) -> tuple[str, str]:
    """Two products that PARIS, LYON and LILLE have one parcel of."""
    for place in ("PARIS", "LYON", "LILLE"):
        set_stock("SKU-2", place, 5)
    asked = order_body(("SKU-1", 2), ("SKU-2", 1), **body)
    for line in asked["lines"]:
        line["group"] = group
    order = api.post("orders/", asked).json
    (fulfillment,) = order["fulfillments"]
    return order["number"], fulfillment["id"]


TOGETHER = pytest.mark.parametrize(
    ("step", "group"),
    [
        ({}, "set"),
        ({"no_split_below": "999"}, None),
        ({"no_split_tags": ["fragile"]}, None),
        ({"complete": True, "max_parcels": 1}, None),
    ],
    ids=["a group", "below a value", "by a tag", "in one parcel"],
)


@TOGETHER
@pytest.mark.parametrize("how", ["declined", "not found", "counted"])
def test_what_leaves_in_one_parcel_moves_along_when_a_part_is_lost(
    api: Api, invariants_hold: Any, step: dict[str, Any], group: str | None, how: str
) -> None:
    make_network()
    Product.objects.filter(pk="SKU-2").update(tags=["fragile"])
    _publish(step)
    number, lost = _parcel(api, group=group)
    here = api.order(number)["fulfillments"][0]["location"]

    if how == "declined":
        api.act(lost, "decline", {"reason": "damaged", "lines": ["l2"]})
    elif how == "not found":
        api.act(lost, "acknowledge")
        api.act(lost, "pick", {"lines": [{"line": "l2", "picked": 0, "short_reason": "not_found"}]})
    else:
        count = {"id": "c1", "kind": "count", "sku": "SKU-2", "location": here, "quantity": 0}
        api.post("stock/events/", {"events": [count | {"occurred_at": now().isoformat()}]})
        relay()

    order = api.order(number)
    (taken_over,) = _live(order)
    assert taken_over["location"] != here
    assert {line["line"]: line["quantity"] for line in taken_over["lines"]} == {"l1": 2, "l2": 1}
    assert (reserved("SKU-1", here), reserved("SKU-2", here)) == (0, 0)
    assert order["fulfillments"][0]["status"] == ("canceled" if how == "counted" else "declined")
    assert ExceptionCase.objects.count() == 0
    told = [
        event for event in api.get(f"orders/{number}/timeline/").json["results"] if event["type"].endswith(".short")
    ]
    assert [event["payload"]["why"] for event in told][-1] == "kept_together"
    invariants_hold()


@TOGETHER
def test_a_person_decides_where_the_other_part_is_picked_already(
    api: Api, invariants_hold: Any, step: dict[str, Any], group: str | None
) -> None:
    make_network()
    Product.objects.filter(pk="SKU-2").update(tags=["fragile"])
    _publish(step)
    number, work = _parcel(api, group=group)
    api.act(work, "acknowledge")
    found = [{"line": "l1", "picked": 2}, {"line": "l2", "picked": 0, "short_reason": "damaged"}]

    api.act(work, "pick", {"lines": found})

    (live,) = _live(api.order(number))
    assert (live["id"], live["status"]) == (work, "picking")
    (case,) = api.get("exceptions/?status=open").json["results"]
    assert (case["reason"], [line["line"] for line in case["lines"]]) == ("kept_together", ["l2"])
    assert api.get(f"fulfillments/{work}/").json["actions"] == ["pick", "pack"]
    (listed,) = api.get("fulfillments/?status=picking").json["results"]
    assert listed["actions"] == live["actions"] == ["pick", "pack"]
    assert api.act(work, "acknowledge").json["actions"] == ["pick", "pack"]
    parcel = {"carrier_service": "parcel"}
    refused = api.act(work, "ship", parcel)
    assert (refused.status, refused.json["code"]) == (409, "awaits_decision")
    assert _live(api.order(number)) == [live]
    assert api.post(f"exceptions/{case['id']}/resolve/", {"action": "reroute", "location": "LILLE"}).status == 200
    assert len(_live(api.order(number))) == 2
    assert api.get(f"fulfillments/{work}/").json["actions"] == ["pick", "pack", "ship"]
    assert api.act(work, "ship", parcel).status == 200
    invariants_hold()


def test_what_is_picked_waits_though_something_else_of_it_stands_before_a_person_already(
    api: Api, invariants_hold: Any
) -> None:
    make_network(paris=5, lyon=0, lille=0)
    set_stock("SKU-2", "PARIS", 5)
    body = order_body(("SKU-1", 1), ("SKU-2", 1), ("SKU-1", 1))
    body["lines"][0]["group"] = body["lines"][1]["group"] = "set"
    order = api.post("orders/", body).json
    (fulfillment,) = order["fulfillments"]
    work = fulfillment["id"]
    api.act(work, "decline", {"reason": "damaged", "lines": ["l3"]})
    (case,) = api.get("exceptions/?status=open").json["results"]
    assert case["reason"] == "no_place"
    api.act(work, "acknowledge")
    found = [{"line": "l1", "picked": 1}, {"line": "l2", "picked": 0, "short_reason": "damaged"}]

    api.act(work, "pick", {"lines": found})

    (case,) = api.get("exceptions/?status=open").json["results"]
    assert (case["reason"], len(case["lines"])) == ("kept_together", 2)
    assert api.act(work, "ship", {"carrier_service": "parcel"}).json["code"] == "awaits_decision"
    invariants_hold()


def test_parts_missing_for_different_reasons_move_together(api: Api, invariants_hold: Any) -> None:
    make_network()
    number, lost = _parcel(api)
    api.act(lost, "acknowledge")
    missing = [
        {"line": "l1", "picked": 0, "short_reason": "damaged"},
        {"line": "l2", "picked": 0, "short_reason": "not_found"},
    ]

    api.act(lost, "pick", {"lines": missing})

    (taken_over,) = _live(api.order(number))
    assert len(taken_over["lines"]) == 2
    invariants_hold()


def test_what_may_be_split_stays_when_a_part_is_lost(api: Api, invariants_hold: Any) -> None:
    make_network()
    number, work = _parcel(api, group=None)

    api.act(work, "decline", {"reason": "damaged", "lines": ["l2"]})

    assert sorted(len(live["lines"]) for live in _live(api.order(number))) == [1, 2]
    invariants_hold()


def test_with_no_place_for_the_whole_parcel_a_person_has_all_of_it(api: Api, invariants_hold: Any) -> None:
    make_network()
    number, lost = _parcel(api)
    for place in ("LYON", "LILLE", "PARIS"):
        if place != api.order(number)["fulfillments"][0]["location"]:
            set_stock("SKU-1", place, 0)

    api.act(lost, "decline", {"reason": "damaged", "lines": ["l2"]})

    assert _live(api.order(number)) == []
    (case,) = api.get("exceptions/?status=open").json["results"]
    assert (case["reason"], len(case["lines"])) == ("no_place", 2)
    invariants_hold()


@TOGETHER
def test_a_person_who_names_a_place_parts_nothing_that_leaves_in_one_parcel(
    api: Api, invariants_hold: Any, step: dict[str, Any], group: str | None
) -> None:
    make_network()
    Product.objects.filter(pk="SKU-2").update(tags=["fragile"])
    _publish(step)
    number, lost = _parcel(api, group=group)
    set_stock("SKU-2", "LYON", 0)
    set_stock("SKU-1", "LILLE", 0)
    api.act(lost, "decline", {"reason": "damaged", "lines": ["l2"]})
    (case,) = api.get("exceptions/?status=open").json["results"]
    before = api.order(number)

    refused = [
        api.post(f"exceptions/{case['id']}/resolve/", {"action": "reroute", **where})
        for where in ({"location": "LYON"}, {"location": "LILLE"}, {})
    ]

    assert [(answer.status, answer.json["code"]) for answer in refused] == [(409, "no_place")] * 3
    why = "group_incomplete" if group else "partial_stock"
    assert refused[0].json["places"] == [{"location": "LYON", "reason": why}]
    assert refused[0].json["detail"].startswith("Place LYON: ")
    assert api.get("exceptions/?status=open").json["results"] == [case]
    assert api.order(number) == before
    set_stock("SKU-2", "LYON", 1)
    moved = api.post(f"exceptions/{case['id']}/resolve/", {"action": "reroute", "location": "LYON"})
    assert moved.status == 200
    assert [len(work["lines"]) for work in _live(api.order(number))] == [2]
    invariants_hold()


def test_without_the_line_that_is_missing_the_rest_goes_to_the_named_place(api: Api, invariants_hold: Any) -> None:
    make_network()
    number, lost = _parcel(api)
    set_stock("SKU-2", "LYON", 0)
    set_stock("SKU-2", "LILLE", 0)
    api.act(lost, "decline", {"reason": "damaged", "lines": ["l2"]})
    (case,) = api.get("exceptions/?status=open").json["results"]

    api.post(f"orders/{number}/cancel/", {"lines": [{"id": "l2", "quantity": 1}]})
    moved = api.post(f"exceptions/{case['id']}/resolve/", {"action": "reroute", "location": "LYON"})

    assert moved.status == 200
    (work,) = _live(api.order(number))
    assert (work["location"], [line["line"] for line in work["lines"]]) == ("LYON", ["l1"])
    assert api.get("exceptions/?status=open").json["results"] == []
    invariants_hold()


NOBODY = {"from": {"max_distance_km": 0.1}, "rest": "next"}
ONE_PARCEL = {"complete": True, "max_parcels": 1}


@pytest.mark.parametrize(
    ("steps", "moves_along"),
    [
        ([NOBODY, {"no_split_below": "999"}], True),
        ([{**ONE_PARCEL, "from": {"locations": ["W9"]}, "rest": "next"}, ONE_PARCEL], True),
        ([{**ONE_PARCEL, "rest": "next"}, {}], False),
        ([{"no_split_below": "999", "rest": "next"}, {"max_parcels": 3}], False),
        ([NOBODY, {"no_split_below": "999", "rest": "next"}, {}], False),
    ],
)
def test_a_part_that_a_later_step_would_send_alone_is_sent_alone(
    api: Api, invariants_hold: Any, steps: list[dict[str, Any]], moves_along: bool
) -> None:
    make_network()
    make_location("W9")
    _publish(*steps)
    number, lost = _parcel(api, group=None)

    api.act(lost, "decline", {"reason": "damaged", "lines": ["l2"]})

    assert sorted(len(live["lines"]) for live in _live(api.order(number))) == ([2] if moves_along else [1, 2])
    assert ExceptionCase.objects.count() == 0
    invariants_hold()


@pytest.mark.parametrize("step", [{}, {"no_split_below": "999"}])
def test_after_the_last_attempt_a_person_has_the_whole_parcel(
    api: Api, invariants_hold: Any, step: dict[str, Any]
) -> None:
    make_network()
    _publish(step)
    level = {"acknowledge_minutes": 10, "prepare_minutes": 30, "max_attempts": 1}
    assert api.post("service-levels/", level).status == 201
    number, lost = _parcel(api, group=None if step else "set")

    api.act(lost, "decline", {"reason": "damaged", "lines": ["l2"]})

    assert _live(api.order(number)) == []
    (case,) = api.get("exceptions/?status=open").json["results"]
    assert (case["reason"], sorted(line["line"] for line in case["lines"])) == ("max_attempts", ["l1", "l2"])
    invariants_hold()


def test_work_that_nobody_was_told_of_yet_is_told_to_no_other_place_before_the_grace_is_over(
    api: Api, invariants_hold: Any
) -> None:
    make_network()
    Channel.objects.update(grace_minutes={"ship": 30})
    cache.clear_all()
    order = api.post("orders/", order_body(("SKU-1", 1))).json
    (first,) = order["fulfillments"]
    assert first["status"] == "planned"

    count = {"id": "c1", "kind": "count", "sku": "SKU-1", "location": first["location"], "quantity": 0}
    api.post("stock/events/", {"events": [count | {"occurred_at": now().isoformat()}]})
    relay()

    (moved,) = _live(api.order(order["number"]))
    assert (moved["status"], moved["replaces"]) == ("planned", first["id"])
    released = Fulfillment.objects.in_bulk([first["id"], moved["id"]])
    assert released[moved["id"]].release_at == released[first["id"]].release_at
    pass_time(minutes=31)
    (told,) = _live(api.order(order["number"]))
    assert (told["id"], told["status"]) == (moved["id"], "assigned")
    invariants_hold()
