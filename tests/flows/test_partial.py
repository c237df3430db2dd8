"""A shopper who takes what can be had: the rest is canceled at placement, and only what is placed is owed."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from inventory.models import SupplyPromise
from oms.clock import now
from oms.models import Event
from orders.models import Customer, ExceptionCase, Order, Payment
from orders.services import placement
from routing.models import Decision
from routing.services.rule_sets import create_draft, publish_rule_set
from tests.factories.inventory import make_exposure_rule, set_stock
from tests.factories.orders import ADDRESS, make_network, order_body, pickup_body, reserved
from tests.flows.conftest import Api, pass_time

HELLO = [{"code": "HELLO", "amount": "5.00"}]
NOT_AVAILABLE = "not_available"


def publish(*steps: dict[str, Any]) -> None:
    document = {"rules": [{"steps": list(steps)}]}
    publish_rule_set(rule_set_id=create_draft(document=document).pk, actor="test", as_of=now())


def order(api: Api, *lines: tuple[str, int], **values: Any) -> Any:
    return api.post("orders/", order_body(*lines, **{"allow_partial": True, **values}))


def placed(api: Api, *lines: tuple[str, int], **values: Any) -> dict[str, Any]:
    answer = order(api, *lines, **values)
    assert answer.status == 201, answer
    return answer.json


def grouped(*lines: tuple[str, int, str | None], **values: Any) -> dict[str, Any]:
    body = order_body(*((sku, units) for sku, units, _group in lines), **values)
    for line, (_sku, _units, group) in zip(body["lines"], lines, strict=True):
        line["group"] = group
    return body


def cuts(document: dict[str, Any]) -> dict[str, int]:
    assert all(line["cut"]["reason"] == NOT_AVAILABLE for line in document["lines"] if "cut" in line)
    return {line["id"]: line["cut"]["quantity"] for line in document["lines"] if "cut" in line}


def buckets(document: dict[str, Any], line: int = 0) -> dict[str, int]:
    return {name: n for name, n in document["lines"][line]["quantities"].items() if n}


def work(document: dict[str, Any]) -> dict[str, dict[str, int]]:
    """Units by place and line."""
    return {
        parcel["location"]: {line["line"]: line["quantity"] for line in parcel["lines"]}
        for parcel in document["fulfillments"]
    }


def send(api: Api, number: str) -> dict[str, Any]:
    """All places pick and ship what they have, and the gateway is asked."""
    for parcel in api.order(number)["fulfillments"]:
        lines = [{"line": line["line"], "picked": line["quantity"] - line["canceled"]} for line in parcel["lines"]]
        for action, body in (("acknowledge", {}), ("pick", {"lines": lines}), ("ship", {})):
            assert api.act(parcel["id"], action, body).status == 200
    pass_time(seconds=1)
    return api.order(number)


# ---- the journey -----------------------------------------------------------------------------------


def test_what_can_be_had_is_placed_paid_and_sent_and_the_rest_canceled(api: Api, invariants_hold: Any) -> None:
    make_network(paris=1, lille=1, lyon=0)
    body = order_body(("SKU-1", 3), allow_partial=True, external_id="P-1")
    body["lines"][0]["discount"] = "3.00"
    body |= {"discounts": HELLO, "total": "56.60"}
    body["payments"][0]["amount"] = "56.60"

    answer = api.post("orders/", body, Idempotency_Key="once")

    assert answer.status == 201, answer
    document = answer.json
    assert (document["status"], buckets(document)) == ("in_fulfillment", {"allocated": 2, "canceled": 1})
    assert cuts(document) == {"l1": 1}
    # 2 of 3: 39.80, less two thirds of 3.00 and of 5.00; 34.47 is two thirds of 51.70, rounded half up
    [line] = document["lines"]
    assert (line["quantity"], line["unit_price"], line["total"]) == (3, "19.90", "34.47")
    assert (line["discount"], line["order_discount"]) == ("2.00", "3.33")
    totals = {name: document["totals"][name] for name in ("items", "discount", "shipping", "total")}
    assert totals == {"items": "39.80", "discount": "5.33", "shipping": "4.90", "total": "39.37"}
    assert [(p["status"], p["amount"], p["authorized"]) for p in document["payments"]] == [
        ("authorized", "39.37", "39.37")
    ]
    told = api.get(f"orders/{document['number']}/timeline/").json["results"]
    [canceled] = [event["payload"] for event in told if event["type"] == "orders.order.lines_canceled"]
    assert canceled == {"why": NOT_AVAILABLE, "lines": [{"line": "l1", "sku": "SKU-1", "quantity": 1}]}
    assert told[0]["payload"]["total"] == "39.37"
    invariants_hold()

    again = api.post("orders/", body, Idempotency_Key="once")
    assert (again.status, again.headers["Idempotency-Replayed"], again.json) == (201, "true", document)
    assert Order.objects.count() == 1

    document = send(api, document["number"])

    assert (document["status"], document["fulfillment_status"]) == ("fulfilled", "fulfilled")
    assert document["payment_status"] == "captured"
    assert document["totals"]["paid"] == document["totals"]["total"] == "39.37"
    invariants_hold()


def test_it_owes_what_it_would_owe_had_the_same_units_been_canceled_later(api: Api, invariants_hold: Any) -> None:
    """With prices of three thirds, taxes on top, and two kinds of discounts."""
    make_network(paris=5, lyon=0, lille=0)
    set_stock("SKU-2", "PARIS", 99)

    def body(**values: Any) -> dict[str, Any]:
        made = order_body(("SKU-1", 7), ("SKU-2", 3), prices_include_tax=False, discounts=HELLO, **values)
        made["lines"][0] |= {"unit_price": "3.33", "discount": "1.01", "tax_rate": "0.055"}
        made["lines"][1] |= {"unit_price": "7.77", "tax_amount": "1.99"}
        made["payments"][0]["amount"] = "49.57"  # 23.31 + 23.31 − 1.01 − 5.00 + 4.90, and 1.09 + 1.99 + 0.98 of taxes
        return made

    cut = api.post("orders/", body(allow_partial=True, external_id="cut"))
    assert cut.status == 201, cut
    assert cuts(cut.json) == {"l1": 2}
    paid = send(api, cut.json["number"])["totals"]
    set_stock("SKU-1", "PARIS", 99)
    whole = api.post("orders/", body(external_id="whole"))
    assert whole.status == 201, whole
    api.post(f"orders/{whole.json['number']}/cancel/", {"lines": [{"id": "l1", "quantity": 2}]})

    assert send(api, whole.json["number"])["totals"]["paid"] == paid["paid"] == paid["total"]
    invariants_hold()


# ---- refused as ever ------------------------------------------------------------------------------


def test_where_nothing_can_be_had_it_is_refused_and_nothing_is_kept(api: Api) -> None:
    make_network(paris=0, lyon=0, lille=0)
    tables = (Order, Customer, Payment, Decision, ExceptionCase, Event)
    before = [table.objects.count() for table in tables]

    refused = order(api, ("SKU-1", 2))
    as_ever = order(api, ("SKU-1", 2), allow_partial=False)

    assert (refused.status, refused.json["code"]) == (409, "insufficient_stock")
    assert [s["requested"] for s in refused.json["shortages"]] == [2]
    assert refused.json["shortages"] == as_ever.json["shortages"]
    assert [table.objects.count() for table in tables] == before


def test_nobody_is_cut_who_did_not_ask_for_it(api: Api) -> None:
    make_network(paris=1, lyon=0, lille=0)

    refused = order(api, ("SKU-1", 2), allow_partial=False)

    assert (refused.status, refused.json["code"]) == (409, "insufficient_stock")
    assert (Order.objects.count(), reserved("SKU-1", "PARIS")) == (0, 0)


def test_where_all_can_be_had_nothing_is_cut(api: Api) -> None:
    make_network()

    asked = placed(api, ("SKU-1", 3))
    as_ever = placed(api, ("SKU-1", 3), allow_partial=False)

    def shape(document: dict[str, Any]) -> Any:
        return sorted(document), [sorted(line) for line in document["lines"]], document["totals"]

    assert cuts(asked) == {}
    assert shape(asked) == shape(as_ever)


def test_money_is_checked_against_all_that_was_asked_for(api: Api) -> None:
    make_network(paris=1, lyon=0, lille=0)
    body = order_body(("SKU-1", 2), allow_partial=True)
    body["payments"][0]["amount"] = "24.80"

    refused = api.post("orders/", body)

    assert (refused.status, refused.json["code"]) == (422, "payment_mismatch")


# ---- which units are cut --------------------------------------------------------------------------


def test_of_two_lines_of_one_product_the_later_one_is_cut(api: Api, invariants_hold: Any) -> None:
    make_network(paris=3, lyon=0, lille=0)

    document = placed(api, ("SKU-1", 2), ("SKU-1", 2), ("SKU-1", 1))

    assert cuts(document) == {"l2": 1, "l3": 1}
    assert document["lines"][2]["status"] == "canceled"
    invariants_hold()


def test_a_group_is_had_whole_or_not_at_all(api: Api, invariants_hold: Any) -> None:
    """Also where the rules would let it come from several places."""
    make_network(paris=2, lyon=1, lille=0)
    set_stock("SKU-2", "PARIS", 1)
    publish({"keep_groups": False, "rest": "refuse"})

    body = grouped(("SKU-1", 1, "gift"), ("SKU-2", 2, "gift"), ("SKU-1", 2, None), allow_partial=True)
    document = api.post("orders/", body).json

    assert cuts(document) == {"l1": 1, "l2": 2}
    assert work(document) == {"PARIS": {"l3": 2}}
    assert document["totals"]["total"] == "44.70"
    invariants_hold()


def test_a_group_that_can_be_had_stays_when_others_are_cut(api: Api) -> None:
    make_network(paris=2, lyon=0, lille=0)
    set_stock("SKU-2", "PARIS", 2)

    body = grouped(("SKU-1", 2, "gift"), ("SKU-2", 2, "gift"), ("SKU-1", 2, None), allow_partial=True)
    document = api.post("orders/", body).json

    assert cuts(document) == {"l3": 2}
    assert work(document) == {"PARIS": {"l1": 2, "l2": 2}}


@pytest.mark.parametrize("limit", [{"no_split_below": "1000"}, {"complete": True, "max_parcels": 1}])
def test_what_is_not_to_be_split_comes_from_one_place_or_is_cut(
    api: Api, invariants_hold: Any, limit: dict[str, Any]
) -> None:
    """PARIS and LYON have six between them; the most that one has is four."""
    make_network(paris=2, lyon=4, lille=1)
    publish({**limit, "rest": "refuse"})

    document = placed(api, ("SKU-1", 6))

    assert work(document) == {"LYON": {"l1": 4}}
    assert cuts(document) == {"l1": 2}
    invariants_hold()


def test_a_step_that_serves_all_or_nothing_gives_way_to_one_that_serves_more(api: Api) -> None:
    make_network(paris=2, lyon=3, lille=0)
    near = {"from": {"locations": ["PARIS"]}, "complete": True, "rest": "next"}
    publish(near, {"rest": "refuse"})

    document = placed(api, ("SKU-1", 6))

    assert work(document) == {"PARIS": {"l1": 2}, "LYON": {"l1": 3}}
    assert cuts(document) == {"l1": 1}


def test_what_is_too_little_for_a_parcel_is_cut(api: Api) -> None:
    make_network(paris=3, lyon=1, lille=0)
    publish({"min_parcel_value": "30", "rest": "refuse"})

    document = placed(api, ("SKU-1", 4))

    assert work(document) == {"PARIS": {"l1": 3}}
    assert cuts(document) == {"l1": 1}


def test_rules_judge_what_is_left_by_its_own_value(api: Api) -> None:
    """Four are dear and may leave from anywhere. The three that can be had are not, and come from PARIS, which has one."""
    make_network(paris=1, lyon=2, lille=0)
    dear = {"name": "dear", "when": {"min_value": "60"}, "steps": [{"rest": "refuse"}]}
    cheap = {"name": "cheap", "steps": [{"from": {"locations": ["PARIS"]}, "rest": "refuse"}]}
    rules = create_draft(document={"rules": [dear, cheap]})
    publish_rule_set(rule_set_id=rules.pk, actor="test", as_of=now())

    document = placed(api, ("SKU-1", 4))

    assert work(document) == {"PARIS": {"l1": 1}}
    assert cuts(document) == {"l1": 3}
    assert order(api, ("SKU-1", 3), allow_partial=False).status == 409  # as nobody gets these three


# ---- what rules leave to a person, or to a delivery ------------------------------------------------


def test_what_stands_where_no_rule_lets_it_leave_is_a_persons_and_what_stands_nowhere_is_cut(
    api: Api, invariants_hold: Any
) -> None:
    make_network(paris=1, lyon=1, lille=0)
    publish({"from": {"max_distance_km": 10}, "rest": "exception"})

    document = placed(api, ("SKU-1", 4))

    assert buckets(document) == {"allocated": 1, "open": 1, "canceled": 2}
    assert cuts(document) == {"l1": 2}
    [case] = api.get("exceptions/").json["results"]
    assert case["lines"] == [{"line": "l1", "sku": "SKU-1", "quantity": 1}]
    assert document["payments"][0]["authorized"] == "44.70"  # what a person may still find is owed once it leaves
    invariants_hold()

    assert api.post(f"exceptions/{case['id']}/resolve/", {"action": "reroute", "location": "LYON"}).status == 200
    assert send(api, document["number"])["totals"]["paid"] == "44.70"
    invariants_hold()


def test_a_rule_that_says_a_person_decides_is_kept(api: Api) -> None:
    """All stands somewhere: nothing is cut, though half of it has no place."""
    make_network(paris=1, lyon=2, lille=0)
    publish({"from": {"max_distance_km": 10}, "rest": "exception"})

    document = placed(api, ("SKU-1", 3))

    assert cuts(document) == {}
    assert buckets(document) == {"allocated": 1, "open": 2}


@pytest.fixture
def coming(api: Api) -> str:
    """One unit in PARIS, two on their way to it, and rules that let what is missing wait."""
    make_network(paris=1, lyon=0, lille=0)
    publish({"rest": "backorder"})
    expected_at = (now() + timedelta(days=3)).isoformat()
    lines = [{"sku": "SKU-1", "quantity": 2}]
    made = api.post("inbound/", {"location": "PARIS", "expected_at": expected_at, "lines": lines})
    return made.json["id"]


def test_what_a_delivery_brings_waits_and_only_the_rest_is_cut(api: Api, coming: str, invariants_hold: Any) -> None:
    basket = {
        "channel": "web",
        "lines": [{"sku": "SKU-1", "quantity": 5}],
        "destination": {name: ADDRESS[name] for name in ("country", "postal_code", "latitude", "longitude")},
        "allow_partial": True,
    }
    dry_run = api.post("routing/plan/", basket).json
    document = placed(api, ("SKU-1", 5), allow_backorder=True)

    assert dry_run["cut"] == [{"sku": "SKU-1", "quantity": 2}]
    assert [rest["date"] for rest in dry_run["rest"]] == [document["promised_at"][:10]]
    assert buckets(document) == {"allocated": 1, "backordered": 2, "canceled": 2}
    assert cuts(document) == {"l1": 2}
    assert SupplyPromise.objects.get().quantity == 2
    assert document["payments"][0]["authorized"] == document["totals"]["total"] == "64.60"
    invariants_hold()


def test_who_does_not_want_to_wait_gets_what_is_there(api: Api, coming: str, invariants_hold: Any) -> None:
    document = placed(api, ("SKU-1", 5))

    assert buckets(document) == {"allocated": 1, "canceled": 4}
    assert not SupplyPromise.objects.exists()
    invariants_hold()


# ---- ways to order --------------------------------------------------------------------------------


def test_a_pickup_gets_what_its_store_has(api: Api, invariants_hold: Any) -> None:
    """Paid in the store: for what is handed over."""
    make_network(paris=2, lyon=9)
    body = pickup_body(("SKU-1", 3), ("SKU-2", 1), allow_partial=True)
    body["payments"] = [{"gateway": "in_store", "method": "cash", "amount": "79.60"}]

    document = api.post("orders/", body).json

    assert work(document) == {"PARIS": {"l1": 2}}
    assert cuts(document) == {"l1": 1, "l2": 1}
    assert [p["amount"] for p in document["payments"]] == ["39.80"]
    invariants_hold()


def test_a_delivery_that_loses_all_costs_nothing(api: Api, invariants_hold: Any) -> None:
    """Each is planned with what the other one leaves."""
    make_network(paris=1, lyon=0, lille=0)
    body = order_body(("SKU-1", 1), ("SKU-1", 1), allow_partial=True, delivery=None)
    body["deliveries"] = [
        {"id": "home", "method": "ship", "lines": ["l1"], "price": "4.90"},
        {"id": "store", "method": "pickup", "location": "PARIS", "lines": ["l2"], "price": "0"},
    ]
    body.pop("shipping_price")

    document = api.post("orders/", body).json

    assert [f["method"] for f in document["fulfillments"]] == ["pickup"]
    assert cuts(document) == {"l1": 1}
    assert (document["totals"]["shipping"], document["totals"]["total"]) == ("0.00", "19.90")
    assert {d["id"]: d["price"] for d in document["deliveries"]} == {"home": "0.00", "store": "0.00"}
    assert Decision.objects.count() == 1
    invariants_hold()


def test_units_that_the_cart_holds_are_its_own(api: Api, invariants_hold: Any) -> None:
    make_network(paris=3, lyon=0, lille=0)
    lines = [{"sku": "SKU-1", "quantity": 2}]
    hold = api.post("reservations/", {"cart": "c1", "channel": "web", "ttl_seconds": 600, "lines": lines}).json["id"]
    set_stock("SKU-1", "PARIS", 2)

    assert order(api, ("SKU-1", 3)).status == 409  # all that stands there is held
    document = placed(api, ("SKU-1", 3), reservation=hold)

    assert cuts(document) == {"l1": 1}
    invariants_hold()


def test_what_the_channel_may_not_see_is_not_to_be_had(api: Api) -> None:
    make_network(paris=3, lyon=0, lille=0)
    make_exposure_rule(channel_id="web", keep_units=2)

    assert cuts(placed(api, ("SKU-1", 3))) == {"l1": 2}


def test_of_several_payments_the_last_ones_are_not_needed(api: Api, invariants_hold: Any) -> None:
    make_network(paris=1, lyon=0, lille=0)
    body = order_body(("SKU-1", 4), allow_partial=True)
    card = {"gateway": "sandbox", "method": "card", "token": "tok_ok"}
    amounts = ("20.00", "30.00", "34.50")
    body["payments"] = [{**card, "amount": amount} for amount in amounts]

    document = api.post("orders/", body).json

    assert [(p["authorized"], p["status"]) for p in document["payments"]] == [
        ("20.00", "authorized"),
        ("4.80", "authorized"),
    ]
    document = send(api, document["number"])
    assert [p["captured"] for p in document["payments"]] == ["20.00", "4.80"]
    invariants_hold()


def test_money_that_is_not_settled_holds_what_was_placed(api: Api, invariants_hold: Any) -> None:
    make_network(paris=1, lyon=0, lille=0)
    body = order_body(("SKU-1", 2), allow_partial=True)
    body["payments"][0]["token"] = "tok_timeout_after_success"
    document = api.post("orders/", body).json
    assert (document["status"], document["payments"][0]["amount"]) == ("on_hold", "24.80")

    pass_time(minutes=61)

    document = api.order(document["number"])
    assert (document["status"], document["payments"][0]["authorized"]) == ("in_fulfillment", "24.80")
    invariants_hold()


def test_what_was_cut_is_not_canceled_again(api: Api, invariants_hold: Any) -> None:
    """Canceling the rest gives all of the money back; the line says what was cut, and what was canceled later."""
    make_network(paris=2, lyon=0, lille=0)
    number = placed(api, ("SKU-1", 3))["number"]

    too_many = api.post(f"orders/{number}/cancel/", {"lines": [{"id": "l1", "quantity": 3}]})
    assert (too_many.status, too_many.json["errors"][0]["code"]) == (422, "more_than_ordered")
    assert api.post(f"orders/{number}/cancel/", {"lines": [{"id": "l1", "quantity": 1}]}).status == 200
    document = api.order(number)
    assert (cuts(document), buckets(document)) == ({"l1": 1}, {"allocated": 1, "canceled": 2})
    assert api.post(f"orders/{number}/cancel/", {}).status == 200
    pass_time(seconds=1)

    document = api.order(number)
    assert (document["status"], document["payment_status"]) == ("canceled", "voided")
    invariants_hold()


def test_in_bulk_each_is_cut_by_itself(api: Api, invariants_hold: Any) -> None:
    make_network(paris=3, lyon=0, lille=0)
    bodies = [order_body(("SKU-1", 2), allow_partial=True, external_id=f"b{n}") for n in range(3)]

    results = api.post("orders/bulk/", bodies).json["results"]

    assert [row["status"] for row in results] == [201, 201, 409]
    assert [cuts(row["order"]) for row in results[:2]] == [{}, {"l1": 1}]
    invariants_hold()


def test_who_loses_units_while_placing_is_cut_by_what_is_left(
    api: Api, invariants_hold: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Planned with three, and two are sold before they are reserved: the next plan knows."""
    make_network(paris=3, lyon=0, lille=0)
    commit, tried = placement.commit_plans, []

    def sold_meanwhile(**values: Any) -> Any:
        tried.append(values["draft"].units)
        if len(tried) == 1:
            set_stock("SKU-1", "PARIS", 1)
        return commit(**values)

    monkeypatch.setattr(placement, "commit_plans", sold_meanwhile)

    document = placed(api, ("SKU-1", 4))

    assert tried == [(3,), (1,)]
    assert (cuts(document), reserved("SKU-1", "PARIS")) == ({"l1": 3}, 1)
    assert Decimal(document["totals"]["total"]) == Decimal("24.80")
    invariants_hold()
