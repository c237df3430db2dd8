"""The clock, the store and the shopper reach for the same work at the same moment: exactly one gets it."""

from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from oms import deadlines
from oms.clock import now
from oms.models import Deadline, Event
from orders.models import Fulfillment
from routing.models import CapacityDay
from tests.concurrency.threads import at_once, both
from tests.factories.inventory import set_stock
from tests.factories.orders import ADDRESS, make_network, order_body, reserved
from tests.flows.conftest import Answer, Api

ROUNDS = 12
LILLE = {**ADDRESS, "postal_code": "59000", "city": "Lille", "latitude": 50.63, "longitude": 3.06}


@pytest.fixture
def orders(api: Api) -> list[dict[str, Any]]:
    make_network(paris=50, lille=50, lyon=50)
    return [api.post("orders/", order_body()).json for _ in range(ROUNDS)]


def _work(order: dict[str, Any]) -> str:
    return order["fulfillments"][0]["id"]


def _told(fulfillment: str) -> list[str]:
    events = Event.objects.filter(subject=fulfillment).order_by("id")
    return [kind.rpartition(".")[2] for kind in events.values_list("type", flat=True)]


def _sweep_later(minutes: int) -> int:
    later = now() + timedelta(minutes=minutes)
    return deadlines.sweep(now=lambda: later, limit=5)


def _only_this_is_due(fulfillment: str) -> None:
    Deadline.objects.exclude(subject=fulfillment).update(retry_at=now() + timedelta(days=9))


def test_of_accepting_and_timing_out_exactly_one_wins(api: Api, orders: Any, invariants_hold: Any) -> None:
    for order in orders:
        work = _work(order)
        _only_this_is_due(work)
        Deadline.objects.filter(subject=work).update(retry_at=now())
        others = Deadline.objects.filter(subject=work).exclude(kind="orders.acknowledge")
        others.update(retry_at=now() + timedelta(days=9))

        accepted, _swept = both(lambda work=work: Api(api.token).act(work, "acknowledge"), lambda: _sweep_later(61))

        found = api.order(order["number"])["fulfillments"]
        if accepted.status == 200:
            assert [f["status"] for f in found] == ["accepted"]
            assert _told(work) == ["planned", "assigned", "accepted"]
        else:
            assert (accepted.status, accepted.json["current"]) == (409, "timed_out")
            assert [(f["status"], f["location"]) for f in found] == [("timed_out", "PARIS"), ("assigned", "LILLE")]
            assert _told(work) == ["planned", "assigned", "timed_out"]
    invariants_hold()


def test_of_canceling_and_starting_to_pick_exactly_one_wins(api: Api, orders: Any, invariants_hold: Any) -> None:
    for order in orders:
        work = _work(order)
        api.act(work, "acknowledge")

        canceled, started = both(
            lambda order=order: Api(api.token).post(f"orders/{order['number']}/cancel/", {}),
            lambda work=work: Api(api.token).act(work, "start"),
        )

        status = api.order(order["number"])["fulfillments"][0]["status"]
        if canceled.status == 200:
            assert (started.status, started.json["code"], status) == (409, "illegal_move", "canceled")
        else:
            assert (canceled.status, canceled.json["code"]) == (409, "too_late")
            assert (started.status, status) == (200, "picking")
    invariants_hold()


def test_a_canceled_order_is_not_accepted_a_moment_later(api: Api, orders: Any, invariants_hold: Any) -> None:
    for order in orders:
        work = _work(order)

        canceled, accepted = both(
            lambda order=order: Api(api.token).post(f"orders/{order['number']}/cancel/", {}),
            lambda work=work: Api(api.token).act(work, "acknowledge"),
        )

        # Accepted work may still be canceled, so canceling always succeeds; accepting only before it.
        assert canceled.status == 200
        assert accepted.status in (200, 409)
        assert _told(work)[-1] == "canceled"
        assert _told(work).count("accepted") == (accepted.status == 200)
    assert reserved("SKU-1", "PARIS") == 0
    invariants_hold()


def test_two_hands_ship_the_same_parcel_once(api: Api, orders: Any, invariants_hold: Any) -> None:
    for order in orders[:4]:
        work = _work(order)
        api.act(work, "acknowledge")
        api.act(work, "pick", {"lines": [{"line": "l1", "picked": 1}]})

        answers = at_once(3, lambda _number, work=work: Api(api.token).act(work, "ship", {}))

        assert [answer.status for answer in answers] == [200] * 3
        assert _told(work).count("shipped") == 1
    assert api.get("stock/?sku=SKU-1&location=PARIS").json["results"][0]["on_hand"] == 46
    invariants_hold()


def test_several_sweepers_act_on_each_deadline_once(orders: Any, invariants_hold: Any) -> None:
    later = now() + timedelta(minutes=121)  # for all the same: who is slow keeps what they have claimed

    def sweep_all(_number: int) -> int:
        rung = 0
        while found := deadlines.sweep(now=lambda: later, limit=5):
            rung += found
        return rung

    rung = at_once(4, sweep_all)

    # A warning, too late to tell anything, and acknowledge; the clock of a payment that is settled has stopped.
    assert sum(rung) == 2 * ROUNDS
    assert Counter(Fulfillment.objects.values_list("location_id", "status")) == {
        ("PARIS", "timed_out"): ROUNDS,
        ("LILLE", "assigned"): ROUNDS,
    }
    assert Event.objects.filter(type="orders.fulfillment.timed_out").count() == ROUNDS
    invariants_hold()


def _decline(api: Api, order: dict[str, Any]) -> Answer:
    return api.act(_work(order), "decline", {"reason": "too_busy"})


def _reroute(api: Api, order: dict[str, Any]) -> Answer:
    return api.post(f"orders/{order['number']}/reroute/", {"fulfillment": _work(order)})


@pytest.mark.parametrize("lose", [_decline, _reroute])
def test_stores_that_lose_work_to_each_other_do_not_wait_in_a_circle(
    api: Api, invariants_hold: Any, lose: Callable[[Api, dict[str, Any]], Answer]
) -> None:
    make_network(paris=50, lille=50, lyon=0)
    bodies = [order_body(shipping_address=address) for _ in range(8) for address in (ADDRESS, LILLE)]
    placed = [api.post("orders/", body).json for body in bodies]
    assert Counter(order["fulfillments"][0]["location"] for order in placed) == {"PARIS": 8, "LILLE": 8}

    answers = at_once(16, lambda number: lose(Api(api.token), placed[number]))

    assert [answer.status for answer in answers] == [200] * 16
    assert (reserved("SKU-1", "PARIS"), reserved("SKU-1", "LILLE")) == (8, 8)
    invariants_hold()


def test_stores_of_little_capacity_that_lose_work_to_each_other_do_not_either(api: Api, invariants_hold: Any) -> None:
    make_network(paris=50, lille=50, lyon=0)
    for code in ("PARIS", "LILLE"):
        assert api.call("PATCH", f"locations/{code}/", {"daily_capacity": 40}).status == 200
    set_stock("SKU-2", "PARIS", 50)
    set_stock("SKU-2", "LILLE", 50)
    # Different goods, so that only the places' days are shared.
    bodies = [
        order_body((sku, 1), shipping_address=address)
        for _ in range(6)
        for sku, address in (("SKU-1", ADDRESS), ("SKU-2", LILLE))
    ]
    placed = [api.post("orders/", body).json for body in bodies]

    answers = at_once(12, lambda number: _decline(Api(api.token), placed[number]))

    assert [answer.status for answer in answers] == [200] * 12
    assert sum(CapacityDay.objects.values_list("booked", flat=True)) == 12
    invariants_hold()
