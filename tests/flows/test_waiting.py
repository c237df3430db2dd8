"""What nobody can serve waits as many days as the rules say, then it is canceled and the money given back."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from oms.clock import now
from oms.models import Event
from orders.models import ExceptionCase
from routing.services.rule_sets import create_draft, publish_rule_set
from tests.factories.orders import make_network, order_body
from tests.flows.conftest import Api, pass_time


def publish(**step: Any) -> None:
    document = {"rules": [{"steps": [{"from": {"locations": ["LILLE"]}, "rest": "exception", **step}]}]}
    publish_rule_set(rule_set_id=create_draft(document=document).pk, actor="test", as_of=now())


def case_of(api: Api) -> dict[str, Any]:
    [case] = api.get("exceptions/").json["results"]
    return case


@pytest.fixture
def waiting(api: Api) -> str:
    """The number of an order for two, of which LILLE, the only place the rules let in, has none."""
    make_network(lille=0)
    publish(cancel_after_days=3)
    return api.post("orders/", order_body(("SKU-1", 2))).json["number"]


def test_it_waits_its_days_and_no_longer(api: Api, waiting: str, invariants_hold: Any) -> None:
    case = case_of(api)
    until = datetime.fromisoformat(case["cancel_at"]) - datetime.fromisoformat(case["opened_at"])
    assert until == timedelta(days=3)

    pass_time(days=2, hours=23)
    assert (case_of(api)["status"], api.order(waiting)["status"]) == ("open", "placed")

    pass_time(days=3, minutes=1)

    order = api.order(waiting)
    assert (order["status"], order["payment_status"]) == ("canceled", "voided")
    assert (case_of(api)["status"], case_of(api)["resolution"]) == ("resolved", "cancel")
    told = Event.objects.get(type="orders.order.canceled")
    assert (told.payload["why"], told.payload["lines"]) == (
        "waited_too_long",
        [{"line": "l1", "sku": "SKU-1", "quantity": 2}],
    )
    invariants_hold()
    assert pass_time(days=9) == 0


def test_what_is_solved_before_is_not_canceled(api: Api, waiting: str, invariants_hold: Any) -> None:
    case = case_of(api)["id"]
    assert api.post(f"exceptions/{case}/resolve/", {"action": "reroute", "location": "PARIS"}).status == 200
    [work] = api.order(waiting)["fulfillments"]
    api.act(work["id"], "acknowledge")
    api.act(work["id"], "start")

    pass_time(days=4)

    assert api.order(waiting)["lines"][0]["quantities"]["canceled"] == 0
    invariants_hold()


def test_only_the_rest_is_canceled(api: Api, invariants_hold: Any) -> None:
    make_network(lille=1)
    publish(cancel_after_days=3)
    order = api.post("orders/", order_body(("SKU-1", 3))).json
    [work] = order["fulfillments"]
    for action in ("acknowledge", "start"):
        api.act(work["id"], action)

    pass_time(days=3, minutes=1)

    [line] = api.order(order["number"])["lines"]
    assert (line["quantities"]["canceled"], line["quantities"]["allocated"]) == (2, 1)
    assert Event.objects.get(type="orders.order.lines_canceled").payload["why"] == "waited_too_long"
    invariants_hold()


def test_work_that_was_lost_waits_from_then_on(api: Api, invariants_hold: Any) -> None:
    make_network(lille=2)
    publish(cancel_after_days=3)
    api.post("orders/", order_body(("SKU-1", 2)))

    pass_time(minutes=121)  # LILLE sleeps, and nobody else is let in

    case = ExceptionCase.objects.get()
    assert case.cancel_at == case.opened_at + timedelta(days=3)
    pass_time(days=4)
    case.refresh_from_db()
    assert (case.status, case.resolution) == ("resolved", "cancel")
    invariants_hold()


def test_without_days_it_waits_for_a_person(api: Api) -> None:
    make_network(lille=0)
    publish()
    api.post("orders/", order_body())

    pass_time(days=300)

    assert (case_of(api)["status"], case_of(api)["cancel_at"]) == ("open", None)


def test_units_that_join_others_let_all_wait_longer(api: Api, invariants_hold: Any) -> None:
    """The later instant holds for all of them, and none for ever."""
    from django.db import transaction

    from orders.locks import lock_order_number
    from orders.models import Delivery, OrderLine
    from orders.services import exceptions

    make_network(lille=0)
    publish(cancel_after_days=3)
    number = api.post("orders/", order_body(("SKU-1", 2))).json["number"]
    case = ExceptionCase.objects.get()
    line, delivery = OrderLine.objects.get(), Delivery.objects.get()

    def join(days: int | None) -> Any:
        with transaction.atomic():
            order = lock_order_number(int(number))
            joined = exceptions.open_case(
                order,
                delivery,
                None,
                reason="no_place",
                units={line: 0},
                facts={},
                as_of=now(),
                cancel_at=None if days is None else case.opened_at + timedelta(days=days),
            )
        return joined.cancel_at and (joined.cancel_at - case.opened_at).days

    assert [join(1), join(5)] == [3, 5]
    pass_time(days=4)
    assert case_of(api)["status"] == "open"
    assert [join(None), join(1)] == [None, None]
    pass_time(days=9)
    assert case_of(api)["status"] == "open"
