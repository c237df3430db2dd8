"""`reservations/`: units kept for a cart, for its time and not a moment longer."""

from datetime import timedelta

import pytest
import time_machine
from django.db import transaction
from django.utils.dateparse import parse_datetime

from inventory.errors import HoldIsOver
from inventory.exposure import Context
from inventory.models import CartHold, CartHoldLine, StockLevel
from inventory.services import Want
from inventory.services.cart_holds import forget_ended_holds, renew_hold
from oms.clock import now
from orders.models import Order
from tests.factories.inventory import level, make_exposure_rule, make_location, make_product, reserve, set_stock
from tests.factories.orders import make_channel, make_network, order_body

pytestmark = pytest.mark.django_db
RESERVATIONS = "/api/v1/reservations/"


@pytest.fixture
def shelf(db):
    make_channel("web")
    make_product("A")
    make_product("B")
    for code, units in (("S1", 3), ("S2", 5)):
        make_location(code)
        set_stock("A", code, units)


def ask(client, *lines, cart="c1", key=None, **values):
    lines = [dict(zip(("sku", "quantity", "location"), line, strict=False)) for line in lines]
    body = {"cart": cart, "channel": "web", "lines": lines, **values}
    return client.post(RESERVATIONS, body, format="json", headers={"Idempotency-Key": key} if key else {})


def sellable(client, sku="A"):
    return client.get("/api/v1/availability/", {"sku": sku}).json()["results"][0]["sellable"]


def held(answer):
    return {(line["location"], line["quantity"]) for line in answer.json()["lines"]}


def test_holds_where_there_is_most_and_nobody_else_sees_those_units(client, shelf):
    answer = ask(client, ("A", 4))

    assert answer.status_code == 201
    assert held(answer) == {("S2", 4)}
    assert sellable(client) == 4
    assert level("A", "S2").reserved == 0  # a hold is no reservation


def test_spreads_over_places_when_none_has_all_and_takes_lines_of_one_product_together(client, shelf):
    answer = ask(client, ("A", 4), ("A", 2), ("A", 1, "S1"))

    assert held(answer) == {("S2", 5), ("S1", 2)}
    assert sellable(client) == 1


def test_refuses_more_than_there_is_and_keeps_nothing(client, shelf):
    answer = ask(client, ("A", 9), ("B", 1))

    assert answer.status_code == 409
    assert answer.json()["code"] == "insufficient_stock"
    assert [(s["sku"], s["requested"], s["sellable"]) for s in answer.json()["shortages"]] == [("A", 9, 8), ("B", 1, 0)]
    assert not CartHold.objects.exists() and sellable(client) == 8


def test_what_one_cart_holds_another_cannot(client, shelf):
    ask(client, ("A", 5))

    assert ask(client, ("A", 4), cart="c2").status_code == 409
    assert ask(client, ("A", 3), cart="c2").status_code == 201
    with transaction.atomic():
        [refused] = reserve(Want("line:1", "A", "S1", 1), context=Context(now()))
    assert refused.sellable == 0


def test_the_same_request_again_is_the_same_reservation_another_one_is_refused(client, shelf):
    first = ask(client, ("A", 2))

    again = ask(client, ("A", 2))
    other = ask(client, ("A", 3))

    assert (again.status_code, again.json()["id"]) == (201, first.json()["id"])
    assert again.headers["Idempotency-Replayed"] == "true"
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    assert CartHold.objects.count() == 1 and sellable(client) == 6


def test_under_its_key_a_request_is_answered_once_whatever_became_of_the_reservation(client, shelf):
    first = ask(client, ("A", 2), key="k1")
    living = ask(client, ("A", 2), key="k1")
    client.delete(f"{RESERVATIONS}{first.json()['id']}/")

    late = ask(client, ("A", 2), key="k1")

    assert "Idempotency-Replayed" not in first.headers
    assert (living.status_code, living.json()) == (201, first.json())
    assert (late.status_code, late.json()) == (201, first.json() | {"status": "released", "lines": []})
    assert living.headers["Idempotency-Replayed"] == late.headers["Idempotency-Replayed"] == "true"
    assert CartHold.objects.count() == 1 and sellable(client) == 8
    assert ask(client, ("A", 2), key="k2").json()["status"] == "active"


def test_under_its_key_a_request_is_answered_once_when_its_time_is_over_and_when_it_can_be_had_no_more(client, shelf):
    first = ask(client, ("A", 2), key="k1")
    end = parse_datetime(first.json()["expires_at"])

    with time_machine.travel(end, tick=False):
        assert ask(client, ("A", 8), cart="c2").status_code == 201
        late = ask(client, ("A", 2), key="k1")

    assert (late.status_code, late.json()) == (201, first.json() | {"status": "expired", "lines": []})


@pytest.mark.parametrize("other", [{"lines": [{"sku": "A", "quantity": 3}]}, {"cart": "c2"}, {"ttl_seconds": 60}])
@pytest.mark.parametrize("is_over", [False, True])
def test_another_request_under_the_same_key_is_refused_and_keeps_nothing(client, shelf, other, is_over):
    first = ask(client, ("A", 2), key="k1")
    if is_over:
        client.delete(f"{RESERVATIONS}{first.json()['id']}/")

    refused = ask(client, ("A", 2), key="k1", **other)

    assert (refused.status_code, refused.json()["code"]) == (422, "idempotency_key_reused")
    assert CartHold.objects.count() == 1 and sellable(client) == (8 if is_over else 6)


def test_a_key_that_found_the_carts_reservation_goes_on_to_mean_it(client, shelf):
    first = ask(client, ("A", 2))
    found = ask(client, ("A", 2), key="k1")
    client.delete(f"{RESERVATIONS}{first.json()['id']}/")

    late = ask(client, ("A", 2), key="k1")

    assert found.json() == first.json() and found.headers["Idempotency-Replayed"] == "true"
    assert late.json() == first.json() | {"status": "released", "lines": []}
    assert ask(client, ("A", 2)).json()["status"] == "active"  # without a key it is a new wish, as ever


def test_a_refusal_is_not_remembered_under_its_key(client, shelf):
    assert ask(client, ("A", 9), key="k1").status_code == 409
    set_stock("A", "S1", 9)

    answer = ask(client, ("A", 9), key="k1")

    assert answer.status_code == 201 and "Idempotency-Replayed" not in answer.headers


def test_a_reservation_that_was_forgotten_before_its_key_is_missing(client, shelf):
    ask(client, ("A", 2), key="k1")
    CartHold.objects.all().delete()

    assert ask(client, ("A", 2), key="k1").status_code == 404


@pytest.mark.parametrize("key, statements", [(None, 22), ("k1", 24)])  # the key is looked up, then taken
def test_a_key_costs_two_statements_and_none_costs_nothing(client, shelf, django_assert_num_queries, key, statements):
    ask(client, ("A", 1), cart="c0")

    with django_assert_num_queries(statements):
        assert ask(client, ("A", 2), key=key).status_code == 201


def test_expires_at_the_instant_with_no_sweeper(client, shelf):
    end = parse_datetime(ask(client, ("A", 5), ttl_seconds=600).json()["expires_at"])

    with time_machine.travel(end - timedelta(milliseconds=1), tick=False):
        assert sellable(client) == 3
    with time_machine.travel(end, tick=False):
        assert sellable(client) == 8
        assert client.get(f"{RESERVATIONS}{CartHold.objects.get().pk}/").json()["status"] == "expired"
        assert ask(client, ("A", 8), cart="c2").status_code == 201


def test_an_expired_cart_may_hold_anew(client, shelf):
    end = parse_datetime(ask(client, ("A", 5), ttl_seconds=60).json()["expires_at"])

    with time_machine.travel(end, tick=False):
        assert ask(client, ("A", 8)).status_code == 201
        assert sorted(CartHold.objects.values_list("status", flat=True)) == ["active", "expired"]
        assert CartHoldLine.objects.count() == 2


def test_renewing_lets_it_live_on_up_to_an_hour_in_all(client, shelf):
    made = ask(client, ("A", 5), ttl_seconds=600).json()
    start, path = parse_datetime(made["created_at"]), f"{RESERVATIONS}{made['id']}/"

    with time_machine.travel(start + timedelta(minutes=9), tick=False):
        assert parse_datetime(client.put(path, {}, format="json").json()["expires_at"]) == start + timedelta(minutes=19)
        client.put(path, {"ttl_seconds": 3600}, format="json")
    with time_machine.travel(start + timedelta(minutes=59), tick=False):
        assert sellable(client) == 3
        renewed = client.put(path, {"ttl_seconds": 3600}, format="json")
        assert parse_datetime(renewed.json()["expires_at"]) == start + timedelta(minutes=60)
    with time_machine.travel(start + timedelta(minutes=60), tick=False):
        assert sellable(client) == 8
        late = client.put(path, {}, format="json")
        assert (late.status_code, late.json()["code"]) == (409, "reservation_is_over")


@pytest.mark.parametrize("by", ["an order", "another cart"])
def test_a_renewal_that_others_overtook_does_not_keep_what_they_took(client, shelf, by):
    """It came in time, and waited for the level behind somebody to whom the hold was over."""
    hold = ask(client, ("A", 3, "S1"), ttl_seconds=60).json()
    ends_at = parse_datetime(hold["expires_at"])

    with time_machine.travel(ends_at + timedelta(seconds=1), tick=False):
        if by == "an order":
            with transaction.atomic():
                assert reserve(Want("order_line:1", "A", "S1", 3), context=Context(now(), "web")) == []
        else:
            assert ask(client, ("A", 3, "S1"), cart="c2").status_code == 201
    with pytest.raises(HoldIsOver):
        renew_hold(
            hold_id=hold["id"],
            ttl_seconds=600,
            lines=None,
            method=None,
            service=None,
            among=None,
            as_of=ends_at - timedelta(seconds=1),
        )

    assert CartHold.objects.get(pk=hold["id"]).expires_at == ends_at
    assert set(CartHoldLine.objects.filter(hold=hold["id"]).values_list("expires_at", flat=True)) == {ends_at}


def test_renewing_with_other_lines_keeps_what_it_had_when_they_cannot_be_had(client, shelf):
    path = f"{RESERVATIONS}{ask(client, ('A', 5)).json()['id']}/"

    more = client.put(path, {"lines": [{"sku": "A", "quantity": 8}]}, format="json")  # its own five count
    refused = client.put(path, {"lines": [{"sku": "A", "quantity": 9}]}, format="json")

    assert more.status_code == 200 and held(more) == {("S2", 5), ("S1", 3)}
    assert refused.status_code == 409
    assert held(client.get(path)) == {("S2", 5), ("S1", 3)} and sellable(client) == 0


def test_renewing_for_another_method_holds_the_units_where_that_can_be_done(client, shelf):
    make_location("S2", abilities=["ship"])
    made = ask(client, ("A", 3))
    path = f"{RESERVATIONS}{made.json()['id']}/"
    assert held(made) == {("S2", 3)}

    assert held(client.put(path, {"ttl_seconds": 60}, format="json")) == {("S2", 3)}
    assert held(client.put(path, {"ttl_seconds": 60, "method": "pickup"}, format="json")) == {("S1", 3)}
    assert held(client.put(path, {}, format="json")) == {("S1", 3)}  # only prolonged
    assert held(client.put(path, {"service": "express"}, format="json")) == {("S2", 3)}
    assert sellable(client) == 5


def test_renewing_for_a_method_that_nobody_has_enough_for_keeps_what_it_had(client, shelf):
    make_location("S2", abilities=["ship"])
    path = f"{RESERVATIONS}{ask(client, ('A', 4), ('A', 1, 'S2')).json()['id']}/"
    was = CartHold.objects.get()

    refused = client.put(path, {"ttl_seconds": 3600, "method": "pickup"}, format="json")

    assert (refused.status_code, refused.json()["code"]) == (409, "insufficient_stock")
    assert CartHold.objects.get().expires_at == was.expires_at
    assert held(client.get(path)) == {("S2", 5)}


def test_renewing_what_is_over_says_so_before_it_looks_for_units(client, shelf):
    made = ask(client, ("A", 5), ttl_seconds=60).json()
    path = f"{RESERVATIONS}{made['id']}/"

    with time_machine.travel(parse_datetime(made["expires_at"]), tick=False):
        assert ask(client, ("A", 8), cart="other").status_code == 201  # now nothing is left
        refused = client.put(path, {"lines": [{"sku": "A", "quantity": 5}]}, format="json")

        assert (refused.status_code, refused.json()["code"]) == (409, "reservation_is_over")
        assert refused.json()["ended"] == "expired"
        assert sellable(client) == 0


def test_releasing_gives_the_units_back_at_once(client, shelf):
    path = f"{RESERVATIONS}{ask(client, ('A', 5)).json()['id']}/"

    assert client.delete(path).status_code == 204
    assert sellable(client) == 8
    assert client.get(path).json()["status"] == "released"
    assert client.delete(path).status_code == 204
    assert client.put(path, {}, format="json").json()["code"] == "reservation_is_over"


@pytest.mark.parametrize(
    ("values", "pointer", "code"),
    [
        ({"channel": "nope"}, "/channel", "unknown_channel"),
        ({"lines": [{"sku": "Z", "quantity": 1}]}, "/lines/0/sku", "unknown_sku"),
        ({"lines": [{"sku": "A", "quantity": 1, "location": "S9"}]}, "/lines/0/location", "unknown_location"),
        ({"lines": [{"sku": "A", "quantity": 0}]}, "/lines/0/quantity", "greater_than_equal"),
        ({"lines": []}, "/lines", "too_short"),
        ({"ttl_seconds": 3601}, "/ttl_seconds", "less_than_equal"),
    ],
)
def test_what_cannot_be_read_holds_nothing(client, shelf, values, pointer, code):
    answer = ask(client, ("A", 1), **values)

    assert answer.status_code == 422
    assert [(e["pointer"], e["code"]) for e in answer.json()["errors"]] == [(pointer, code)]
    assert not CartHold.objects.exists()


def test_a_cart_and_a_key_hold_no_more_than_they_may(client, shelf, settings):
    settings.HOLD_MOST_UNITS, settings.HOLD_MOST_PER_KEY = 5, 1

    assert ask(client, ("A", 3), ("A", 3)).json()["code"] == "reservation_too_large"
    assert ask(client, ("A", 1)).status_code == 201
    assert ask(client, ("A", 1), cart="c2").json()["code"] == "too_many_reservations"
    assert CartHold.objects.count() == 1


def test_keys_bound_to_a_channel_or_places_keep_to_them(client_with, client, shelf):
    hold = ask(client, ("A", 1)).json()["id"]
    here = client_with("reservations:write", locations=["S1"])

    assert here.get(f"{RESERVATIONS}{hold}/").status_code == 404
    assert here.delete(f"{RESERVATIONS}{hold}/").status_code == 404
    assert ask(here, ("A", 1, "S2"), cart="c2").status_code == 422
    assert held(ask(here, ("A", 3), cart="c2")) == {("S1", 3)}
    assert client_with("stock:read").get(f"{RESERVATIONS}{hold}/").status_code == 403


def test_old_ends_are_written_down_and_forgotten(client, shelf):
    ask(client, ("A", 5), ttl_seconds=60)
    later = now() + timedelta(days=8)

    forget_ended_holds(as_of=later, older_than=later - timedelta(days=7))
    assert list(CartHold.objects.values_list("status", flat=True)) == ["expired"]
    assert not CartHoldLine.objects.exists()
    forget_ended_holds(as_of=later + timedelta(days=8), older_than=later + timedelta(days=1))
    assert not CartHold.objects.exists()


# ---- turned into an order --------------------------------------------------------------------------


@pytest.fixture
def network(db):
    make_network(paris=2, lyon=3, lille=0)


def place(client, reservation, quantity, **values):
    body = order_body(("SKU-1", quantity), reservation=reservation, **values)
    return client.post("/api/v1/orders/", body, format="json", headers={"Idempotency-Key": body["external_id"]})


def test_an_order_takes_its_carts_units_and_moves_them_to_the_best_place(client, network):
    hold = ask(client, ("SKU-1", 2)).json()
    assert [line["location"] for line in hold["lines"]] == ["LYON"]  # the fullest
    ask(client, ("SKU-1", 1, "LYON"), cart="another")

    answer = place(client, hold["id"], 2)

    assert answer.status_code == 201
    assert [f["location"] for f in answer.json()["fulfillments"]] == ["PARIS"]  # the nearest
    assert client.get(f"{RESERVATIONS}{hold['id']}/").json()["status"] == "committed"
    assert level("SKU-1", "PARIS").reserved == 2
    assert sellable(client, "SKU-1") == 2  # 5, less two sold and one held by the other cart


def test_the_last_units_are_the_carts_that_holds_them(client, network):
    hold = ask(client, ("SKU-1", 5)).json()

    assert place(client, None, 1).json()["code"] == "insufficient_stock"
    assert place(client, hold["id"], 5).status_code == 201
    assert sum(StockLevel.objects.filter(product="SKU-1").values_list("reserved", flat=True)) == 5


KEEPS = {"keep_units": 4}


@pytest.mark.parametrize("values, is_kept", [(KEEPS, True), ({"keep_share": "0.9"}, True), ({"hidden": True}, False)])
def test_what_a_cart_holds_stays_its_own_when_a_rule_comes_after_it_unless_that_hides_it(
    client, network, values, is_kept
):
    hold = ask(client, ("SKU-1", 5)).json()["id"]
    make_exposure_rule(**values)

    renewed = client.put(f"{RESERVATIONS}{hold}/", {"lines": [{"sku": "SKU-1", "quantity": 5}]}, format="json")
    more = client.put(f"{RESERVATIONS}{hold}/", {"lines": [{"sku": "SKU-1", "quantity": 6}]}, format="json")
    ordered = place(client, hold, 5)

    assert (renewed.status_code, more.status_code, ordered.status_code) == ((200, 409, 201) if is_kept else (409,) * 3)
    assert more.json()["shortages"][0]["sellable"] == (5 if is_kept else 0)
    assert ask(client, ("SKU-1", 1), cart="another").status_code == 409
    assert sum(StockLevel.objects.filter(product="SKU-1").values_list("reserved", flat=True)) == 5 * is_kept


def test_a_rule_after_the_hold_keeps_from_its_cart_what_it_does_not_hold(client, network):
    hold = ask(client, ("SKU-1", 3)).json()["id"]
    make_exposure_rule(locations=["LYON"], keep_units=2)

    assert place(client, hold, 6).status_code == 409
    assert place(client, hold, 5).status_code == 201  # three of Lyon, and what Paris has


def test_an_order_with_an_expired_hold_takes_what_is_there(client, network):
    hold = ask(client, ("SKU-1", 5), ttl_seconds=60).json()

    with time_machine.travel(parse_datetime(hold["expires_at"]) + timedelta(seconds=1), tick=False):
        assert ask(client, ("SKU-1", 3), cart="another").status_code == 201
        assert place(client, hold["id"], 3).json()["code"] == "insufficient_stock"
        assert place(client, hold["id"], 2).status_code == 201


def test_a_hold_makes_one_order_and_a_repeat_finds_it(client, network):
    hold = ask(client, ("SKU-1", 1)).json()["id"]
    body = order_body(("SKU-1", 1), reservation=hold)
    first, again = (client.post("/api/v1/orders/", body, format="json") for _ in range(2))

    other = place(client, hold, 1)

    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json()["number"] == again.json()["number"]
    assert (other.status_code, other.json()["code"]) == (409, "reservation_is_over")
    assert Order.objects.count() == 1


def test_a_late_repeat_of_the_cart_keeps_nothing_once_its_order_is_placed(client, network):
    hold = ask(client, ("SKU-1", 2), key="k1").json()
    assert place(client, hold["id"], 2).status_code == 201

    late = ask(client, ("SKU-1", 2), key="k1")

    assert (late.status_code, late.headers["Idempotency-Replayed"]) == (201, "true")
    assert late.json() == hold | {"status": "committed", "lines": []}
    assert CartHold.objects.count() == 1 and sellable(client, "SKU-1") == 3


def test_a_refused_order_leaves_the_cart_its_units(client, network):
    hold = ask(client, ("SKU-1", 4)).json()["id"]

    assert place(client, hold, 6).status_code == 409
    assert place(client, "rsv_nope", 1).json()["errors"][0]["code"] == "unknown_reservation"
    assert client.get(f"{RESERVATIONS}{hold}/").json()["status"] == "active"
    assert sellable(client, "SKU-1") == 1
