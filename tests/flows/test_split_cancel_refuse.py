"""Orders over several places, orders taken back, orders refused."""

from datetime import timedelta
from typing import Any

import pytest

from oms.clock import now
from oms.models import Deadline
from orders.models import Order
from tests.factories.inventory import set_stock
from tests.factories.orders import ADDRESS, make_key, make_network, order_body, reserved
from tests.flows.conftest import Api, pass_time


def test_two_places_share_an_order_that_none_can_serve_alone(api: Api, invariants_hold: Any) -> None:
    make_network(lille=0, lyon=0)
    set_stock("SKU-2", "LYON", 2)

    order = api.post("orders/", order_body(("SKU-1", 1), ("SKU-2", 2))).json

    assert {f["location"]: [line["sku"] for line in f["lines"]] for f in order["fulfillments"]} == {
        "PARIS": ["SKU-1"],
        "LYON": ["SKU-2"],
    }
    invariants_hold()


def test_one_line_is_cut_over_places_when_it_must_be(api: Api, invariants_hold: Any) -> None:
    make_network(paris=2, lille=2, lyon=0)

    order = api.post("orders/", order_body(("SKU-1", 4))).json

    assert {f["location"]: f["lines"][0]["quantity"] for f in order["fulfillments"]} == {"PARIS": 2, "LILLE": 2}
    invariants_hold()


def test_more_than_the_network_has_is_refused_and_nothing_is_kept(api: Api) -> None:
    make_network(paris=2, lille=1, lyon=0)

    refused = api.post("orders/", order_body(("SKU-1", 4), external_id="X", customer={"email": "new@example.org"}))

    assert (refused.status, refused.json["code"]) == (409, "insufficient_stock")
    (shortage,) = refused.json["shortages"]
    assert (shortage["sku"], shortage["requested"], shortage["sellable"]) == ("SKU-1", 4, 3)
    assert Order.objects.count() == 0
    assert reserved("SKU-1", "PARIS") == 0
    set_stock("SKU-1", "LYON", 1)
    assert (
        api.post("orders/", order_body(("SKU-1", 4), external_id="X", customer={"email": "new@example.org"})).status
        == 201
    )


def test_cancel_whole_gives_stock_and_money_back(api: Api, invariants_hold: Any) -> None:
    make_network()
    order = api.post("orders/", order_body(("SKU-1", 2))).json

    canceled = api.post(f"orders/{order['number']}/cancel/", {"reason": "changed my mind"})
    pass_time(seconds=1)

    assert canceled.json["status"] == "canceled"
    order = api.order(order["number"])
    assert (order["status"], order["payment_status"], order["actions"]) == ("canceled", "voided", [])
    assert order["fulfillments"][0]["status"] == "canceled"
    assert reserved("SKU-1", "PARIS") == 0
    invariants_hold()


def test_cancel_in_part_leaves_the_rest_to_be_shipped(api: Api, invariants_hold: Any) -> None:
    make_network()
    order = api.post("orders/", order_body(("SKU-1", 3))).json
    work = order["fulfillments"][0]["id"]

    api.post(f"orders/{order['number']}/cancel/", {"lines": [{"id": "l1", "quantity": 1}]})
    api.act(work, "acknowledge")
    api.act(work, "pick", {"lines": [{"line": "l1", "picked": 2}]})
    api.act(work, "ship", {})
    pass_time(seconds=1)

    order = api.order(order["number"])
    assert (order["status"], order["totals"]["total"], order["totals"]["paid"]) == ("fulfilled", "64.60", "44.70")
    invariants_hold()


def test_what_is_being_picked_cannot_be_canceled(api: Api, invariants_hold: Any) -> None:
    make_network()
    order = api.post("orders/", order_body()).json
    api.act(order["fulfillments"][0]["id"], "acknowledge")
    api.act(order["fulfillments"][0]["id"], "start")
    before = api.order(order["number"])

    refused = api.post(f"orders/{order['number']}/cancel/", {})

    assert (refused.status, refused.json["code"], refused.json["lines"]) == (
        409,
        "too_late",
        [{"id": "l1", "cancelable": 0}],
    )
    assert api.order(order["number"]) == before


def test_a_hold_calls_work_back_and_its_release_hands_it_out_again(api: Api, invariants_hold: Any) -> None:
    make_network()
    order = api.post("orders/", order_body()).json

    held = api.post(f"orders/{order['number']}/hold/", {"kind": "fraud", "note": "odd address"}).json

    assert (held["status"], held["fulfillments"][0]["status"]) == ("on_hold", "planned")
    pass_time(hours=10)
    released = api.post(f"orders/{order['number']}/release/", {"hold": held["holds"][0]["id"]}).json
    assert (released["status"], released["fulfillments"][0]["status"]) == ("in_fulfillment", "assigned")
    invariants_hold()


def test_a_hold_that_is_released_waits_for_nothing(api: Api) -> None:
    make_network()
    number = api.post("orders/", order_body()).json["number"]
    in_a_day = (now() + timedelta(days=1)).isoformat()
    held = api.post(f"orders/{number}/hold/", {"kind": "fraud", "note": "odd", "expires_at": in_a_day}).json
    its_end = Deadline.objects.filter(subject=held["holds"][0]["id"], done_at=None)
    assert its_end.count() == 1

    api.post(f"orders/{number}/release/", {})

    assert not its_end.exists()


@pytest.mark.parametrize(
    ("token", "status", "payment", "fulfillment"),
    [
        ("tok_declined", "on_hold", "failed", "planned"),
        ("tok_pending", "on_hold", "pending", "planned"),
        ("tok_timeout", "on_hold", "unknown", "planned"),
        ("tok_timeout_after_success", "on_hold", "unknown", "planned"),
    ],
)
def test_work_waits_until_the_money_is_settled(
    api: Api, token: str, status: str, payment: str, fulfillment: str
) -> None:
    make_network()
    body = order_body()
    body["payments"][0]["token"] = token

    placed = api.post("orders/", body)

    assert placed.status == 201
    order = placed.json
    assert (order["status"], order["payments"][0]["status"], order["fulfillments"][0]["status"]) == (
        status,
        payment,
        fulfillment,
    )


@pytest.mark.parametrize(
    ("token", "status", "payment"),
    [
        ("tok_declined", "canceled", "failed"),
        ("tok_pending", "in_fulfillment", "authorized"),
        ("tok_timeout", "canceled", "failed"),
        ("tok_timeout_after_success", "in_fulfillment", "authorized"),
    ],
)
def test_time_settles_a_payment(api: Api, invariants_hold: Any, token: str, status: str, payment: str) -> None:
    make_network()
    body = order_body()
    body["payments"][0]["token"] = token
    number = api.post("orders/", body).json["number"]

    pass_time(minutes=61)

    order = api.order(number)
    assert (order["status"], order["payments"][0]["status"]) == (status, payment)
    assert reserved("SKU-1", "PARIS") == (0 if status == "canceled" else 1)
    invariants_hold()


BAD = [
    ({"channel": "moon"}, "/channel", "unknown_channel"),
    ({"currency": "USD"}, "/currency", "wrong_currency"),
    ({"currency": "XXX"}, "/currency", "unknown_currency"),
    ({"lines": []}, "/lines", "too_short"),
    ({"surprise": 1}, "/surprise", "unknown_field"),
    ({"customer": {"first_name": "A"}}, "/customer", "guest_not_reachable"),
    ({"shipping_address": None}, "/shipping_address", "required"),
    ({"shipping_address": {**ADDRESS, "latitude": 200}}, "/shipping_address/latitude", "less_than_equal"),
    ({"delivery": {"method": "pickup"}}, "/delivery", "pickup_place_required"),
    ({"reservation": "res_x"}, "/reservation", "unknown_reservation"),
]


@pytest.mark.parametrize(("change", "pointer", "code"), BAD)
def test_bad_bodies_are_refused_with_pointers(api: Api, change: dict[str, Any], pointer: str, code: str) -> None:
    make_network()

    refused = api.post("orders/", order_body(**change))

    assert refused.status == 422, refused
    assert (pointer, code) in [(error["pointer"], error["code"]) for error in refused.json["errors"]]
    assert Order.objects.count() == 0


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"quantity": 0}, "greater_than_equal"),
        ({"quantity": -1}, "greater_than_equal"),
        ({"quantity": 10**9}, "less_than_equal"),
        ({"quantity": 1.5}, "int_type"),
        ({"quantity": "2"}, "int_type"),
        ({"sku": "GHOST"}, "unknown_sku"),
        ({"unit_price": "1.999"}, "too_many_decimals"),
        ({"unit_price": "-1"}, "greater_than_equal"),
        ({"discount": "999"}, "discount_too_large"),
        ({"unit_price": "NaN"}, "not_a_decimal"),
    ],
)
def test_absurd_lines_are_refused(api: Api, change: dict[str, Any], code: str) -> None:
    make_network()
    body = order_body()
    body["lines"][0] |= change

    refused = api.post("orders/", body)

    assert refused.status == 422, refused
    (error,) = refused.json["errors"]
    assert error["code"] == code
    assert error["pointer"].startswith("/lines/0")
    assert Order.objects.count() == 0


def test_money_that_does_not_add_up_is_refused(api: Api) -> None:
    make_network()
    body = order_body()

    payments = api.post("orders/", body | {"payments": [{**body["payments"][0], "amount": "20.00"}]})
    total = api.post("orders/", body | {"total": "20.00"})

    assert (payments.status, payments.json["code"], payments.json["total"], payments.json["paid"]) == (
        422,
        "payment_mismatch",
        "24.80",
        "20.00",
    )
    assert (total.status, total.json["code"], total.json["given"]) == (422, "totals_mismatch", "20.00")
    assert Order.objects.count() == 0


def test_an_address_that_is_not_on_the_map_is_served_all_the_same(api: Api) -> None:
    make_network()
    nowhere = {"name": "A", "line1": "1 rue X", "postal_code": "ZZ-99", "city": "Nulle Part", "country": "FR"}

    order = api.post("orders/", order_body(shipping_address=nowhere)).json

    assert order["fulfillments"][0]["status"] == "assigned"
    assert order["fulfillments"][0]["distance_km"] is None


def test_what_cannot_be_read_is_400(api: Api) -> None:
    make_network()
    body = order_body()
    del body["external_id"]

    answers = {
        "not_json": api.call("POST", "orders/", b"{", Idempotency_Key="a"),
        "brackets": api.call("POST", "orders/", b"[" * 200_000, Idempotency_Key="b"),
        "deep": api.call("POST", "orders/", b"[" * 500 + b"]" * 500, Idempotency_Key="c"),
        "nul": api.call("POST", "orders/", b'{"channel": "a\\u0000"}', Idempotency_Key="d"),
        "encoding": api.call("POST", "orders/", b'{"channel": "\xff"}', Idempotency_Key="e"),
        "no_key": api.call("POST", "orders/", body),
    }

    assert {name: answer.status for name, answer in answers.items()} == dict.fromkeys(answers, 400)
    assert answers["no_key"].json["code"] == "idempotency_key_required"
    assert answers["not_json"].headers["Content-Type"] == "application/problem+json"
    big = api.call("POST", "orders/", b" " * 50_000_000, Idempotency_Key="f")
    assert (big.status, big.json["code"]) == (413, "body_too_large")


def test_keys_open_only_their_doors(api: Api) -> None:
    make_network()
    reader = Api(make_key("reader", scopes=("orders:read",)))
    other_channel = Api(make_key("pos", channel="web"))
    stranger = Api("oms_00000000_nothing")

    assert reader.post("orders/", order_body()).status == 403
    assert stranger.post("orders/", order_body()).status == 401
    assert other_channel.post("orders/", order_body(channel="market")).json["code"] == "channel_not_allowed"
    assert Order.objects.count() == 0


def test_bulk_orders_are_judged_one_by_one(api: Api, invariants_hold: Any) -> None:
    make_network(paris=1, lille=0, lyon=0)

    answer = api.post("orders/bulk/", [order_body(external_id="a"), order_body(external_id="b"), {"channel": "web"}])

    assert [(row["index"], row["status"], row.get("code")) for row in answer.json["results"]] == [
        (0, 201, None),
        (1, 409, "insufficient_stock"),
        (2, 422, "invalid"),
    ]
    invariants_hold()


def _only_near(api: Api, rest: str) -> None:
    """Rules that let in places within 10 km and send the rest where it says."""
    step = {"name": "near", "from": {"max_distance_km": 10}, "rest": rest}
    draft = api.post(
        "rule-sets/", {"name": "near", "channels": ["web"], "rules": [{"name": "all", "when": {}, "steps": [step]}]}
    )
    assert api.post(f"rule-sets/{draft.json['id']}/publish/").status == 200, draft


def test_what_the_rules_leave_to_a_person_is_accepted_and_stands_before_one(api: Api, invariants_hold: Any) -> None:
    make_network(paris=1)
    _only_near(api, "exception")

    placed = api.post("orders/", order_body(("SKU-1", 3)))

    assert placed.status == 201, placed
    assert [f["location"] for f in placed.json["fulfillments"]] == ["PARIS"]
    assert placed.json["lines"][0]["quantities"]["open"] == 2
    (case,) = api.get("exceptions/").json["results"]
    assert (case["reason"], case["fulfillment"], case["lines"]) == (
        "no_place",
        None,
        [{"line": "l1", "sku": "SKU-1", "quantity": 2}],
    )
    invariants_hold()

    resolved = api.post(f"exceptions/{case['id']}/resolve/", {"action": "reroute", "location": "LYON"})

    assert resolved.status == 200, resolved
    order = api.order(placed.json["number"])
    assert {f["location"]: f["lines"][0]["quantity"] for f in order["fulfillments"]} == {"PARIS": 1, "LYON": 2}
    assert order["lines"][0]["quantities"]["open"] == 0
    invariants_hold()


def test_what_the_rules_refuse_is_refused(api: Api) -> None:
    make_network(paris=1)
    _only_near(api, "refuse")

    refused = api.post("orders/", order_body(("SKU-1", 3)))

    assert (refused.status, refused.json["code"], refused.json["rest"]) == (
        409,
        "no_place",
        [{"sku": "SKU-1", "quantity": 2}],
    )
    assert Order.objects.count() == 0


def test_numbers_of_any_size_are_answered(api: Api) -> None:
    """Postgres keeps them whole; a list that holds one must not fail."""
    make_network()

    placed = api.post("orders/", order_body(metadata={"big": 2**70}))

    assert placed.status == 201, placed
    assert api.order(placed.json["number"])["metadata"]["big"] == pytest.approx(2**70)
    assert api.call("PATCH", "products/SKU-1/", {"attributes": {"big": 2**70}}).status == 200
    assert api.get("products/").json["results"][0]["attributes"]["big"] == pytest.approx(2**70)


def test_an_authorisation_that_is_not_needed_any_more_is_given_back(api: Api, invariants_hold: Any) -> None:
    make_network()
    body = order_body(("SKU-1", 1), ("SKU-1", 1))
    card = {"gateway": "sandbox", "method": "card", "token": "tok_ok"}
    body["payments"] = [{**card, "amount": "24.80"}, {**card, "amount": "19.90"}]
    order = api.post("orders/", body).json
    work = order["fulfillments"][0]["id"]

    api.post(f"orders/{order['number']}/cancel/", {"lines": [{"id": "l2", "quantity": 1}]})
    api.act(work, "acknowledge")
    api.act(work, "pick", {"lines": [{"line": "l1", "picked": 1}]})
    api.act(work, "ship", {})
    pass_time(seconds=1)

    payments = api.order(order["number"])["payments"]
    assert [(p["status"], p["captured"]) for p in payments] == [("captured", "24.80"), ("voided", "0.00")]
    invariants_hold()


def test_a_tax_larger_than_its_line_is_refused(api: Api) -> None:
    make_network()
    body = order_body()
    body["lines"][0]["tax_amount"] = "5000"

    refused = api.post("orders/", body)

    assert [(e["pointer"], e["code"]) for e in refused.json["errors"]] == [("/lines/0/tax_amount", "tax_too_large")]
