"""A feed or a count shows less than was promised: the youngest promises go elsewhere until the rest fits."""

from typing import Any

import pytest

from oms import outbox
from oms.clock import now
from oms.invariants import all_invariants
from orders.models import Fulfillment, FulfillmentLine
from orders.services import shortages
from tests.factories.inventory import level
from tests.factories.orders import make_network, order_body, pickup_body, reserved
from tests.flows.conftest import Api


def count(api: Api, units: int, place: str = "PARIS", **values: Any) -> None:
    event = {"id": f"c{now().timestamp()}", "sku": "SKU-1", "location": place, "kind": "count", "quantity": units}
    answer = api.post("stock/events/", {"events": [event | {"occurred_at": now().isoformat()} | values]})
    assert [result["status"] for result in answer.json["results"]] == ["applied"], answer.json
    while outbox.relay(as_of=now()):
        pass


def order(api: Api, *lines: tuple[str, int]) -> str:
    answer = api.post("orders/", order_body(*lines))
    assert answer.status == 201, answer.json
    return answer.json["number"]


def places(api: Api, number: str) -> list[tuple[str, str]]:
    return [(f["location"], f["status"]) for f in api.order(number)["fulfillments"]]


@pytest.fixture
def three_orders(api: Api) -> list[str]:
    make_network(paris=5, lille=5, lyon=5)
    return [order(api, ("SKU-1", units)) for units in (2, 1, 2)]


def test_the_youngest_promise_goes_to_the_next_place_and_the_timeline_tells_why(
    api: Api, three_orders: list[str], invariants_hold: Any
) -> None:
    oldest, middle, youngest = three_orders

    count(api, 3)

    assert places(api, youngest) == [("PARIS", "canceled"), ("LILLE", "assigned")]
    assert places(api, oldest) == places(api, middle) == [("PARIS", "assigned")]
    assert (reserved("SKU-1", "PARIS"), reserved("SKU-1", "LILLE")) == (3, 2)
    told = [e for e in api.get(f"orders/{youngest}/timeline/").json["results"] if e["type"].endswith("canceled")]
    assert [event["payload"]["why"] for event in told] == ["stock_short"]
    invariants_hold()


def test_no_more_is_taken_than_is_missing(api: Api, three_orders: list[str], invariants_hold: Any) -> None:
    _oldest, middle, youngest = three_orders

    count(api, 4)

    assert places(api, youngest) == [("PARIS", "assigned"), ("LILLE", "assigned")]
    (line,) = api.order(youngest)["fulfillments"][0]["lines"]
    assert (line["quantity"], line["short"]) == (2, 1)
    assert (reserved("SKU-1", "PARIS"), reserved("SKU-1", "LILLE")) == (4, 1)
    assert places(api, middle) == [("PARIS", "assigned")]
    invariants_hold()


def test_what_comes_up_short_twice_may_find_the_same_place_twice(api: Api, invariants_hold: Any) -> None:
    make_network(paris=3, lille=5, lyon=5)
    number = order(api, ("SKU-1", 3))

    count(api, 2)
    count(api, 1)

    assert places(api, number) == [("PARIS", "assigned"), ("LILLE", "assigned"), ("LILLE", "assigned")]
    assert (reserved("SKU-1", "PARIS"), reserved("SKU-1", "LILLE")) == (1, 2)
    invariants_hold()
    FulfillmentLine.objects.filter(fulfillment__order__number=number).exclude(short=2).update(quantity=2)
    [told] = next(one for one in all_invariants() if "take over" in one.name).broken()
    assert "4 units took over" in told and "lost 2" in told


def test_what_is_picked_already_stays(api: Api, three_orders: list[str], invariants_hold: Any) -> None:
    oldest, middle, youngest = three_orders
    work = api.order(youngest)["fulfillments"][0]["id"]
    api.act(work, "acknowledge")
    api.act(work, "pick", {"lines": [{"line": "l1", "picked": 2}]})

    count(api, 2)

    assert places(api, youngest) == [("PARIS", "picking")]
    assert places(api, middle) == [("PARIS", "canceled"), ("LILLE", "assigned")]
    assert places(api, oldest) == [("PARIS", "canceled"), ("LILLE", "assigned")]
    assert reserved("SKU-1", "PARIS") == 2
    invariants_hold()


def test_of_those_who_lose_the_oldest_chooses_first(api: Api, invariants_hold: Any) -> None:
    make_network(paris=7, lille=2, lyon=0)
    oldest, middle, youngest = [order(api, ("SKU-1", units)) for units in (3, 2, 2)]

    count(api, 3)

    assert places(api, oldest) == [("PARIS", "assigned")]
    assert places(api, middle) == [("PARIS", "canceled"), ("LILLE", "assigned")]
    assert places(api, youngest) == [("PARIS", "canceled")]
    [case] = api.get("exceptions/").json["results"]
    assert case["order"] == youngest
    invariants_hold()


def test_only_what_stands_there_in_good_condition_counts(
    api: Api, three_orders: list[str], invariants_hold: Any
) -> None:
    count(api, 4, condition="damaged")  # besides the five good ones: nobody loses anything
    assert [places(api, number) for number in three_orders] == [[("PARIS", "assigned")]] * 3

    count(api, 1, condition="sellable")

    assert [places(api, number)[-1] for number in three_orders] == [("LILLE", "assigned")] * 3
    assert (level("SKU-1", "PARIS").on_hand, reserved("SKU-1", "PARIS")) == (5, 1)
    invariants_hold()


def test_a_pickup_is_put_before_a_person_with_other_stores_to_offer(api: Api, invariants_hold: Any) -> None:
    make_network(paris=2, lille=5)
    number = api.post("orders/", pickup_body(("SKU-1", 2))).json["number"]

    count(api, 0)

    assert places(api, number) == [("PARIS", "canceled")]
    (case,) = api.get("exceptions/").json["results"]
    assert case["reason"] == "pickup_short"
    assert [offer["location"] for offer in case["facts"]["offers"]] == ["LILLE", "LYON"]
    invariants_hold()


def test_told_twice_it_happens_once(api: Api, three_orders: list[str], invariants_hold: Any) -> None:
    count(api, 3)
    rows = Fulfillment.objects.count()

    assert shortages.settle_shortage(sku="SKU-1", location="PARIS", as_of=now()) == 0
    count(api, 3)

    assert Fulfillment.objects.count() == rows
    assert level("SKU-1", "PARIS").reserved == 3
    invariants_hold()


def test_with_nowhere_else_to_go_it_stands_before_a_person(api: Api, invariants_hold: Any) -> None:
    make_network(paris=2, lille=0, lyon=0)
    number = order(api, ("SKU-1", 2))

    count(api, 1)

    (case,) = api.get("exceptions/").json["results"]
    assert (case["reason"], case["lines"][0]["quantity"]) == ("no_place", 1)
    assert api.order(number)["lines"][0]["quantities"]["open"] == 1
    invariants_hold()
