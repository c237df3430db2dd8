"""Tills, warehouses and the ERP report what they do, also with our own orders: the stock stays what stands there."""

from datetime import timedelta
from typing import Any

import pytest

from inventory.models import RecognizedWork, Reservation, StockMovement
from inventory.services.feeds import FeedRow, put_feed
from oms.clock import now
from oms.models import Event
from orders.models import Fulfillment, FulfillmentLine
from orders.services import till
from tests.factories.inventory import level, set_stock
from tests.factories.orders import make_network, order_body, pickup_body
from tests.flows.conftest import Api, pass_time, relay


def till_sale(number: str, units: int = 1, *, id: str = "t1", sku: str = "SKU-1", **values: Any) -> dict[str, Any]:
    event = {"id": id, "sku": sku, "location": "PARIS", "kind": "delta", "quantity": -units, "reason": "sale"}
    return event | {"occurred_at": now().isoformat(), "order": number, "source": "till"} | values


def report(api: Api, *events: dict[str, Any]) -> list[tuple[str, str]]:
    """Status and code of each event; what is heard above is done, too."""
    answer = api.post("stock/events/", {"events": list(events)})
    assert answer.status == 200, answer
    relay()
    pass_time(seconds=1)
    return [(row["status"], row.get("code", "")) for row in answer.json["results"]]


def stock(sku: str = "SKU-1") -> tuple[int, int]:
    """On hand and reserved in Paris."""
    found = level(sku, "PARIS")
    return found.on_hand, found.reserved


def pay_in_store(*lines: tuple[str, int]) -> dict[str, Any]:
    pieces = sum(quantity for _sku, quantity in lines or (("SKU-1", 1),))
    return pickup_body(*lines, payments=[{"gateway": "in_store", "amount": f"{pieces * 19.9:.2f}"}])


def brought_to(api: Api, work: str, status: str) -> None:
    """The store has worked so far."""
    steps = [
        ("accepted", "acknowledge", None),
        ("picking", "start", None),
        ("packed", "pick", {"lines": [{"line": "l1", "picked": 1}]}),
        ("packed", "pack", {}),
        ("ready_for_pickup", "ready", {}),
    ]
    for reached, act, body in steps:
        if Fulfillment.objects.get(pk=work).status == status:
            return
        assert api.act(work, act, body).status == 200, (reached, act)


# ---- a sale at the till that is an order's ------------------------------------------------------------


@pytest.mark.parametrize("status", ["assigned", "accepted", "picking", "packed", "ready_for_pickup"])
def test_what_was_reserved_is_sold_at_the_till(api: Api, invariants_hold: Any, status: str) -> None:
    make_network()
    order = api.post("orders/", pay_in_store()).json
    work = order["fulfillments"][0]["id"]
    brought_to(api, work, status)
    assert stock() == (5, 1)

    assert report(api, till_sale(order["number"])) == [("applied", "")]

    assert stock() == (4, 0)
    after = api.order(order["number"])
    assert (after["status"], after["fulfillments"][0]["status"]) == ("fulfilled", "collected")
    assert after["lines"][0]["quantities"]["collected"] == 1
    assert (after["payments"][0]["status"], after["totals"]["paid"]) == ("captured", "19.90")
    [event] = Event.objects.filter(type="inventory.reservation.consumed")
    assert (event.payload["order"], event.payload["demands"][0]["quantity"]) == (order["number"], 1)
    [moved] = StockMovement.objects.filter(reference=order["number"])
    assert (moved.cause, moved.quantity, moved.source, moved.external_id) == ("sale", -1, "till", "t1")
    assert Reservation.objects.get().status == "consumed"
    invariants_hold()


def test_the_same_sale_told_again_changes_nothing(api: Api, invariants_hold: Any) -> None:
    make_network()
    number = api.post("orders/", pay_in_store()).json["number"]
    sale = till_sale(number)
    report(api, sale)

    assert report(api, sale) == [("duplicate", "")]
    assert report(api, sale | {"quantity": -2}) == [("rejected", "id_reused")]

    assert stock() == (4, 0)
    invariants_hold()


def test_the_fact_that_comes_again_moves_nothing_again(api: Api, invariants_hold: Any) -> None:
    make_network()
    number = api.post("orders/", pay_in_store()).json["number"]
    report(api, till_sale(number))
    before = list(Event.objects.values_list("pk", flat=True))

    for _time in range(2):
        till.on_reservation_consumed(Event.objects.get(type="inventory.reservation.consumed"))

    assert list(Event.objects.values_list("pk", flat=True)) == before
    invariants_hold()


def test_more_than_was_reserved_is_an_ordinary_sale(api: Api, invariants_hold: Any) -> None:
    make_network()
    number = api.post("orders/", pay_in_store()).json["number"]

    assert report(api, till_sale(number, 3)) == [("applied", "")]

    assert stock() == (2, 0)
    assert api.order(number)["status"] == "fulfilled"
    invariants_hold()


@pytest.mark.parametrize("status", ["assigned", "picking", "ready_for_pickup"])
def test_a_part_is_collected_and_the_rest_goes_on(api: Api, invariants_hold: Any, status: str) -> None:
    make_network()
    order = api.post("orders/", pay_in_store(("SKU-1", 3))).json
    work = order["fulfillments"][0]["id"]
    if status != "assigned":
        api.act(work, "acknowledge")
        picked = 2 if status == "picking" else 3
        api.act(work, "pick", {"lines": [{"line": "l1", "picked": picked}]})
    if status == "ready_for_pickup":
        api.act(work, "ready", {})

    assert report(api, till_sale(order["number"], 2)) == [("applied", "")]

    assert stock() == (3, 1)
    after = api.order(order["number"])
    assert after["status"] == "partially_fulfilled"
    assert [(f["status"], f["lines"][0]["quantity"]) for f in after["fulfillments"]] == [(status, 1), ("collected", 2)]
    assert after["totals"]["paid"] == "39.80"
    invariants_hold()

    assert report(api, till_sale(order["number"], 1, id="t2")) == [("applied", "")]

    after = api.order(order["number"])
    assert (after["status"], after["totals"]["paid"]) == ("fulfilled", "59.70")
    assert {f["status"] for f in after["fulfillments"]} == {"collected"}
    invariants_hold()


def test_the_store_goes_on_with_what_the_till_left(api: Api, invariants_hold: Any) -> None:
    make_network()
    set_stock("SKU-2", "PARIS", 5)
    order = api.post("orders/", pay_in_store(("SKU-1", 1), ("SKU-2", 2))).json
    work = order["fulfillments"][0]["id"]
    api.act(work, "acknowledge")
    report(api, till_sale(order["number"]), till_sale(order["number"], 1, id="t2", sku="SKU-2"))

    api.act(work, "pick", {"lines": [{"line": "l2", "picked": 1}]})
    assert api.act(work, "ready", {}).status == 200
    assert api.act(work, "hand_over", {"identity_checked": True}).status == 200

    assert (stock(), stock("SKU-2")) == ((4, 0), (3, 0))
    after = api.order(order["number"])
    assert (after["status"], after["totals"]["paid"]) == ("fulfilled", "59.70")
    assert FulfillmentLine.objects.filter(fulfillment=work).get().quantity == 1
    invariants_hold()


def test_a_parcel_that_the_shopper_takes_along_is_collected(api: Api, invariants_hold: Any) -> None:
    make_network()
    order = api.post("orders/", order_body()).json

    assert report(api, till_sale(order["number"])) == [("applied", "")]

    after = api.order(order["number"])
    assert (after["status"], after["fulfillments"][0]["status"]) == ("fulfilled", "collected")
    assert after["totals"]["paid"] == "24.80"
    invariants_hold()


def test_an_order_that_is_elsewhere_or_nowhere_is_only_a_name(api: Api, invariants_hold: Any) -> None:
    make_network()
    number = api.post("orders/", pay_in_store()).json["number"]
    strange = [
        till_sale(number, id="t1", location="LYON"),
        till_sale("999999999", id="t2"),
        till_sale("Kassenbon 7", id="t3"),
        till_sale("0" + number, id="t4"),
        till_sale(number, id="t5", condition="damaged", quantity=1),
        till_sale(number, id="t6", quantity=1),
    ]

    assert report(api, *strange) == [("applied", "")] * 6

    assert api.order(number)["fulfillments"][0]["status"] == "assigned"
    assert stock() == (5 - 1 - 1 - 1 + 1 + 1, 1)
    invariants_hold()


def test_a_number_may_come_as_a_number(api: Api, invariants_hold: Any) -> None:
    make_network()
    number = api.post("orders/", pay_in_store()).json["number"]

    report(api, till_sale(number) | {"order": int(number)})

    assert api.order(number)["status"] == "fulfilled"


def test_a_sale_older_than_the_last_count_still_ends_the_reservation(api: Api, invariants_hold: Any) -> None:
    make_network()
    number = api.post("orders/", pay_in_store()).json["number"]
    sold_at = now()
    count = {"id": "c1", "sku": "SKU-1", "location": "PARIS", "kind": "count", "quantity": 4}
    report(api, count | {"occurred_at": (sold_at + timedelta(milliseconds=1)).isoformat()})
    assert stock() == (4, 1)

    late = [till_sale(number, id=f"t{n}", occurred_at=sold_at.isoformat()) for n in (1, 2)]
    assert report(api, *late) == [("applied", ""), ("stale", "")]

    assert stock() == (4, 0)
    assert api.order(number)["status"] == "fulfilled"
    assert report(api, late[0]) == [("duplicate", "")]
    invariants_hold()


def test_whoever_hands_over_first_wins(api: Api, invariants_hold: Any) -> None:
    """Between the till's sale and the order's following, the store's phone finds nothing left to hand over."""
    make_network()
    order = api.post("orders/", pay_in_store()).json
    work = order["fulfillments"][0]["id"]
    brought_to(api, work, "ready_for_pickup")
    api.post("stock/events/", {"events": [till_sale(order["number"])]})

    refused = api.act(work, "hand_over", {"identity_checked": True})
    relay()

    assert (refused.status, refused.json["code"]) == (409, "not_reserved")
    assert api.order(order["number"])["status"] == "fulfilled"
    assert stock() == (4, 0)
    invariants_hold()


# ---- what a source repeats of our own work -------------------------------------------------------------


@pytest.fixture
def wms(transactional_db: None) -> None:
    put_feed(FeedRow("wms", kind="wms", reports_our_work=True), as_of=now())


def pick(number: str, units: int = 1, **values: Any) -> dict[str, Any]:
    return till_sale(number, units, **{"source": "wms", "reason": "pick"} | values)


def shipped(api: Api, number: str) -> None:
    work = api.order(number)["fulfillments"][0]["id"]
    api.act(work, "acknowledge")
    api.act(work, "pick", {"lines": [{"line": "l1", "picked": 2}]})
    assert api.act(work, "ship", {}).status == 200


@pytest.mark.usefixtures("wms")
@pytest.mark.parametrize("is_told_first", [True, False])
def test_a_pick_that_we_book_ourselves_is_not_booked_twice(api: Api, invariants_hold: Any, is_told_first: bool) -> None:
    make_network()
    number = api.post("orders/", order_body(("SKU-1", 2))).json["number"]
    told = [pick(number, id="w1"), pick(number, id="w2")]

    if not is_told_first:
        shipped(api, number)
    assert report(api, *told) == [("duplicate", "our_own_work")] * 2
    if is_told_first:
        assert stock() == (5, 2)
        shipped(api, number)

    assert stock() == (3, 0)
    assert report(api, told[0]) == [("duplicate", "")]
    assert list(StockMovement.objects.filter(source="wms").values_list("quantity", flat=True)) == [0, 0]
    invariants_hold()


@pytest.mark.usefixtures("wms")
def test_what_goes_beyond_the_order_is_news(api: Api, invariants_hold: Any) -> None:
    make_network()
    number = api.post("orders/", order_body(("SKU-1", 2))).json["number"]
    shipped(api, number)

    assert report(api, pick(number, 3, id="w1"), pick(number, 1, id="w2")) == [("applied", ""), ("applied", "")]

    assert stock() == (1, 0)
    assert RecognizedWork.objects.get().quantity == 2
    invariants_hold()


@pytest.mark.usefixtures("wms")
def test_what_they_had_picked_of_a_canceled_order_and_put_back_never_moved(api: Api, invariants_hold: Any) -> None:
    make_network()
    number = api.post("orders/", order_body(("SKU-1", 2))).json["number"]
    report(api, pick(number, 2, id="w1"))
    assert api.post(f"orders/{number}/cancel/", {"reason": "changed mind"}).status == 200

    back = pick(number, id="w2", quantity=3, reason="put back")
    assert report(api, back) == [("applied", "")]

    assert stock() == (6, 0)  # two of the three had never left our books
    assert RecognizedWork.objects.get().quantity == 0
    invariants_hold()


@pytest.mark.usefixtures("wms")
def test_its_other_changes_are_booked(api: Api, invariants_hold: Any) -> None:
    make_network()

    assert report(api, pick("", id="w1"), pick("999999999", id="w2")) == [("applied", "")] * 2

    assert stock() == (3, 0)


# ---- counts that leave out what is reserved --------------------------------------------------------------


def test_a_count_without_what_is_reserved_is_made_whole(api: Api, invariants_hold: Any) -> None:
    make_network()
    put_feed(FeedRow("erp", kind="erp", counts_exclude_reserved=True), as_of=now())
    api.post("orders/", order_body(("SKU-1", 2)))
    count = {"id": "c1", "sku": "SKU-1", "location": "PARIS", "kind": "count", "quantity": 4, "source": "erp"}
    counted_at = now()
    api.post("orders/", order_body(("SKU-1", 1)))

    late = count | {"occurred_at": counted_at.isoformat()}
    assert report(api, late) == [("applied", "")]
    assert stock() == (6, 3)  # four free and two reserved then; the third is one of the four

    assert report(api, count | {"id": "c2", "quantity": 3, "occurred_at": now().isoformat()}) == [("applied", "")]
    assert stock() == (6, 3)
    damaged = count | {"id": "c3", "quantity": 1, "condition": "damaged", "occurred_at": now().isoformat()}
    assert report(api, damaged) == [("applied", "")]
    assert stock() == (7, 3)
    invariants_hold()
