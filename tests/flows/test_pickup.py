"""Buy online, collect in the store that has it."""

from typing import Any

import pytest

from orders.models import Fulfillment
from orders.pickup_codes import pickup_code
from tests.factories.inventory import make_exposure_rule, make_location, set_stock
from tests.factories.orders import make_network, order_body, pickup_body, reserved
from tests.flows.conftest import Api, pass_time


def _prepared(api: Api, body: dict[str, Any]) -> tuple[str, str]:
    order = api.post("orders/", body).json
    work = order["fulfillments"][0]["id"]
    api.act(work, "acknowledge")
    api.act(work, "pick", {"lines": [{"line": "l1", "picked": 1}]})
    ready = api.act(work, "ready", {"staging": "B-04"})
    assert ready.json["status"] == "ready_for_pickup", ready
    return order["number"], work


def test_the_shopper_collects_with_the_code(api: Api, invariants_hold: Any) -> None:
    make_network()
    number, work = _prepared(api, pickup_body())

    wrong = api.act(work, "hand_over", {"code": "nope"})
    right = api.act(work, "hand_over", {"code": pickup_code(work)})
    pass_time(seconds=1)

    assert (wrong.status, wrong.json["code"], wrong.json["attempts_left"]) == (422, "wrong_code", 4)
    assert (right.status, right.json["status"]) == (200, "collected")
    order = api.order(number)
    assert order["status"] == "fulfilled"
    assert order["totals"]["paid"] == "19.90"
    assert reserved("SKU-1", "PARIS") == 0
    invariants_hold()


def test_five_wrong_codes_lock_the_code_but_not_the_person(api: Api) -> None:
    make_network()
    _number, work = _prepared(api, pickup_body())

    for _attempt in range(5):
        assert api.act(work, "hand_over", {"code": "nope"}).status == 422
    locked = api.act(work, "hand_over", {"code": pickup_code(work)})
    by_identity = api.act(work, "hand_over", {"identity_checked": True})

    assert (locked.status, locked.json["code"]) == (409, "code_locked")
    assert by_identity.json["status"] == "collected"


def test_it_is_paid_at_the_till(api: Api, invariants_hold: Any) -> None:
    make_network()
    body = pickup_body(payments=[{"gateway": "in_store", "amount": "19.90"}])
    number, work = _prepared(api, body)

    api.act(work, "hand_over", {"identity_checked": True})

    order = api.order(number)
    assert order["payments"][0]["status"] == "captured"
    assert order["totals"]["paid"] == "19.90"
    invariants_hold()


def test_a_place_that_hands_nothing_out_is_refused(api: Api) -> None:
    make_network()
    make_location("DEPOT", kind="warehouse")
    set_stock("SKU-1", "DEPOT", 50)

    at_warehouse = api.post("orders/", pickup_body(location="DEPOT"))
    nowhere = api.post("orders/", pickup_body(location="ATLANTIS"))
    by_transfer = api.post("orders/", pickup_body(delivery={"method": "pickup", "location": "PARIS", "stock": "any"}))

    assert [
        (a.status, a.json["errors"][0]["pointer"], a.json["errors"][0]["code"])
        for a in (at_warehouse, nowhere, by_transfer)
    ] == [
        (422, "/delivery/location", "no_pickup_here"),
        (422, "/delivery/location", "unknown_location"),
        (422, "/delivery/stock", "transfer_not_offered"),
    ]
    assert api.get("orders/").json["results"] == []


def test_a_store_without_stock_names_the_others(api: Api) -> None:
    make_network(paris=1)

    refused = api.post("orders/", pickup_body(("SKU-1", 2)))

    assert (refused.status, refused.json["code"]) == (409, "insufficient_stock")
    (shortage,) = refused.json["shortages"]
    assert (shortage["sku"], shortage["requested"], shortage["sellable"]) == ("SKU-1", 2, 1)
    assert [other["location"] for other in shortage["alternatives"]] == ["LILLE", "LYON"]
    assert reserved("SKU-1", "PARIS") == 0
    assert api.get("orders/").json["results"] == []


def test_a_delivery_that_cannot_be_sent_names_what_could_be_collected(api: Api) -> None:
    make_network(paris=10, lyon=10, lille=2)
    make_exposure_rule(order_type="pickup", locations=["PARIS"], hidden=True)
    make_exposure_rule(order_type="ship", locations=["LYON"], keep_units=9)

    refused = api.post("orders/", order_body(("SKU-1", 14)))

    (shortage,) = refused.json["shortages"]
    named = {other["location"]: other["sellable"] for other in shortage["alternatives"]}
    assert (shortage["sellable"], named) == (13, {"LILLE": 2, "LYON": 10})
    assert api.post("orders/", pickup_body(("SKU-1", 1), location="PARIS")).status == 409
    for place, units in named.items():
        assert api.post("orders/", pickup_body(("SKU-1", units), location=place)).status == 201


def test_a_late_pickup_warns_then_waits_for_a_person(api: Api, invariants_hold: Any) -> None:
    make_network()
    order = api.post("orders/", pickup_body()).json
    work = order["fulfillments"][0]["id"]

    pass_time(minutes=125)
    warned = api.get(f"fulfillments/{work}/").json
    queue_when_warned = api.get("exceptions/").json["results"]
    pass_time(minutes=300)
    (case,) = api.get("exceptions/").json["results"]

    assert warned["status"] == "assigned"
    assert warned["late_since"] is not None
    assert queue_when_warned == []
    assert case["reason"] == "late_pickup"
    assert [offer["location"] for offer in case["facts"]["offers"]] == ["LILLE", "LYON"]
    assert api.get(f"fulfillments/{work}/").json["location"] == "PARIS"

    resolved = api.post(f"exceptions/{case['id']}/resolve/", {"action": "reroute", "location": "LILLE"})

    assert resolved.status == 200, resolved
    moved = api.order(order["number"])["fulfillments"][-1]
    assert (moved["location"], moved["pickup_location"], moved["status"], moved["replaces"]) == (
        "LILLE",
        "LILLE",
        "assigned",
        work,
    )
    assert (reserved("SKU-1", "PARIS"), reserved("SKU-1", "LILLE")) == (0, 1)
    invariants_hold()


def test_what_nobody_collects_goes_back_on_sale(api: Api, invariants_hold: Any) -> None:
    make_network()
    number, _work = _prepared(api, pickup_body())

    pass_time(hours=169)
    (case,) = api.get("exceptions/").json["results"]
    resolved = api.post(f"exceptions/{case['id']}/resolve/", {"action": "cancel"})
    pass_time(hours=170)

    assert (case["reason"], case["actions"]) == ("expired_pickup", ["keep", "cancel"])
    assert resolved.status == 200
    order = api.order(number)
    assert (order["status"], order["payment_status"], order["fulfillments"][0]["status"]) == (
        "canceled",
        "voided",
        "expired",
    )
    assert reserved("SKU-1", "PARIS") == 0
    invariants_hold()


def test_only_what_is_collected_is_paid_in_the_store(api: Api) -> None:
    make_network()

    refused = api.post("orders/", order_body(payments=[{"gateway": "in_store", "amount": "24.80"}]))

    assert [(e["pointer"], e["code"]) for e in refused.json["errors"]] == [
        ("/payments/0/gateway", "pay_in_store_needs_pickup")
    ]


def test_a_pickup_accepted_late_and_then_left_comes_before_a_person_all_the_same(api: Api) -> None:
    make_network()
    work = api.post("orders/", pickup_body()).json["fulfillments"][0]["id"]
    pass_time(minutes=121)

    assert api.act(work, "acknowledge").status == 200
    pass_time(minutes=241)
    pass_time(minutes=241 + 121)

    (case,) = api.get("exceptions/").json["results"]
    assert (case["reason"], case["fulfillment"]) == ("late_pickup", work)


def test_what_a_person_keeps_waiting_comes_back_if_nothing_happens(api: Api) -> None:
    make_network()
    _number, staged = _prepared(api, pickup_body())
    pass_time(hours=169)
    (expired,) = api.get("exceptions/").json["results"]
    kept = api.post(f"exceptions/{expired['id']}/resolve/", {"action": "keep"})
    pass_time(hours=169)

    assert kept.json["status"] == "resolved"
    (again,) = api.get("exceptions/?status=open").json["results"]
    assert (again["reason"], again["fulfillment"]) == ("expired_pickup", staged)


def test_nothing_is_handed_over_while_the_order_is_on_hold(api: Api) -> None:
    make_network()
    number, work = _prepared(api, pickup_body())
    api.post(f"orders/{number}/hold/", {"kind": "fraud"})

    refused = api.act(work, "hand_over", {"identity_checked": True})

    assert (refused.status, refused.json["code"]) == (409, "order_on_hold")
    assert api.get(f"fulfillments/{work}/").json["actions"] == ["extend", "put_back"]
    api.post(f"orders/{number}/release/", {})
    assert api.act(work, "hand_over", {"identity_checked": True}).json["status"] == "collected"
    late = api.post(f"orders/{number}/hold/", {"kind": "fraud"})
    assert (late.status, late.json["code"]) == (409, "conflict")


def test_a_wrong_code_does_not_use_up_the_key(api: Api) -> None:
    make_network()
    _number, work = _prepared(api, pickup_body())

    wrong = api.act(work, "hand_over", {"code": "nope"}, Idempotency_Key="k")
    right = api.act(work, "hand_over", {"code": pickup_code(work)}, Idempotency_Key="k")

    assert (wrong.status, right.status) == (422, 200)


def test_canceling_late_work_takes_its_units_and_no_others_of_the_same_line(api: Api, invariants_hold: Any) -> None:
    """Of four units one was picked in PARIS, one lies late in LILLE, and two that no place has stand in a case of their own."""
    make_network(paris=4, lille=1, lyon=0)
    order = api.post("orders/", pickup_body(("SKU-1", 4))).json
    number, work = order["number"], order["fulfillments"][0]["id"]
    api.act(work, "acknowledge")
    api.act(work, "pick", {"lines": [{"line": "l1", "picked": 1, "short_reason": "damaged"}]})
    (short,) = api.get("exceptions/").json["results"]
    api.post(f"exceptions/{short['id']}/resolve/", {"action": "reroute", "location": "LILLE"})
    moved = next(f for f in api.order(number)["fulfillments"] if f["location"] == "LILLE")
    pass_time(minutes=125)
    pass_time(minutes=500)
    cases = {case["fulfillment"]: case for case in api.get("exceptions/?status=open").json["results"]}
    late = cases[moved["id"]]
    assert (late["reason"], late["lines"][0]["quantity"]) == ("late_pickup", 1)

    canceled = api.post(f"exceptions/{late['id']}/resolve/", {"action": "cancel"})

    assert canceled.status == 200, canceled
    after = api.order(number)
    assert after["lines"][0]["quantities"] | {"picked": 1, "open": 2, "canceled": 1} == after["lines"][0]["quantities"]
    assert next(f for f in after["fulfillments"] if f["id"] == moved["id"])["status"] == "canceled"
    assert reserved("SKU-1", "LILLE") == 0
    invariants_hold()


@pytest.mark.parametrize("body", [{}, {"code": ""}, {"identity_checked": False}])
def test_handing_over_without_code_and_identity_is_refused_and_counts_as_no_try(api: Api, body: dict[str, Any]) -> None:
    make_network()
    work = api.post("orders/", pickup_body()).json["fulfillments"][0]["id"]
    for act, given in (("acknowledge", {}), ("pick", {"lines": [{"line": "l1", "picked": 1}]}), ("ready", {})):
        api.act(work, act, given)

    refused = api.act(work, "hand_over", body)

    assert (refused.status, refused.json["errors"][0]["code"]) == (422, "code_or_identity_required")
    assert Fulfillment.objects.get(pk=work).wrong_codes == 0
