"""What a place owes once it has the work, step by step, and what becomes of it when time runs out."""

from datetime import datetime, timedelta
from typing import Any

import pytest
import time_machine

from inventory.models import Location
from inventory.queries import managers_of
from oms import deadlines
from oms.models import Deadline, Event
from routing.models import ServiceLevel
from tests.factories.orders import make_network, order_body, pickup_body
from tests.factories.people import make_user
from tests.flows.conftest import Api, pass_time

PICKED = {"lines": [{"line": "l1", "picked": 1}]}


def level(api: Api, **values: Any) -> dict[str, Any]:
    made = api.post("service-levels/", {"acknowledge_minutes": 60, "prepare_minutes": 120, **values})
    assert made.status == 201, made
    return made.json


def packed(api: Api, body: dict[str, Any] | None = None) -> str:
    """The one piece of work of a new order, packed at once."""
    work = api.post("orders/", body or order_body()).json["fulfillments"][0]["id"]
    for action, given in (("acknowledge", None), ("pick", PICKED), ("pack", {})):
        assert api.act(work, action, given).status == 200
    return work


def work_of(api: Api, work: str) -> dict[str, Any]:
    return api.get(f"fulfillments/{work}/").json


def told(work: str) -> list[str]:
    """What the timeline says of this work, in order."""
    return [
        kind.rpartition(".")[2]
        for kind in Event.objects.filter(subject=work).order_by("id").values_list("type", flat=True)
    ]


def waiting(work: str) -> set[str]:
    return set(Deadline.objects.filter(subject=work, done_at=None).values_list("kind", flat=True))


# ---- handing over ----------------------------------------------------------------------------------


def test_the_time_to_hand_over_begins_when_it_is_packed(api: Api) -> None:
    make_network()
    level(api, hand_over_minutes=90)

    before = work_of(api, api.post("orders/", order_body()).json["fulfillments"][0]["id"])
    after = work_of(api, packed(api))

    assert before["hand_over_by"] is None
    packed_at = Event.objects.get(subject=after["id"], type="orders.fulfillment.packed").occurred_at
    assert datetime.fromisoformat(after["hand_over_by"]) == packed_at + timedelta(minutes=90)


def test_late_goods_are_not_taken_away_but_told_and_put_before_a_person(api: Api, invariants_hold: Any) -> None:
    make_network()
    level(api, hand_over_minutes=90)
    work = packed(api)

    pass_time(minutes=91)
    warned, queue_when_warned = work_of(api, work), api.get("exceptions/").json["results"]
    pass_time(minutes=91 + 61)

    assert (warned["status"], warned["location"], warned["late_since"] is not None) == ("packed", "PARIS", True)
    assert queue_when_warned == []
    (case,) = api.get("exceptions/").json["results"]
    assert (case["reason"], case["actions"], case["fulfillment"]) == ("late_hand_over", ["keep"], work)
    assert work_of(api, work)["status"] == "packed"
    invariants_hold()

    assert api.act(work, "ship", {}).status == 200
    assert api.get("exceptions/?status=open").json["results"] == []
    assert waiting(work) == set()
    invariants_hold()


def test_a_person_may_let_it_wait_once_more(api: Api) -> None:
    make_network()
    level(api, hand_over_minutes=90)
    work = packed(api)
    pass_time(minutes=91)
    pass_time(minutes=91 + 61)
    (case,) = api.get("exceptions/").json["results"]

    assert api.post(f"exceptions/{case['id']}/resolve/", {"action": "keep"}).status == 200

    assert api.get("exceptions/?status=open").json["results"] == []
    assert "orders.escalate" in waiting(work)


def test_what_was_late_before_it_was_packed_is_in_time_again(api: Api, invariants_hold: Any) -> None:
    make_network()
    level(api, hand_over_minutes=300)
    work = api.post("orders/", order_body()).json["fulfillments"][0]["id"]
    api.act(work, "acknowledge")
    api.act(work, "pick", PICKED)
    pass_time(minutes=121)
    pass_time(minutes=121 + 61)
    (case,) = api.get("exceptions/").json["results"]
    assert case["reason"] == "late_work"

    api.act(work, "pack", {})

    assert work_of(api, work)["late_since"] is None
    (closed,) = api.get("exceptions/").json["results"]
    assert (closed["status"], closed["resolution"]) == ("resolved", "packed")
    assert waiting(work) == {"orders.hand_over", "orders.warn"}
    invariants_hold()


def test_without_a_time_of_its_own_the_time_to_prepare_covers_the_hand_over(api: Api) -> None:
    make_network()
    level(api)
    work = packed(api)

    pass_time(minutes=121)

    found = work_of(api, work)
    assert (found["hand_over_by"], found["late_since"] is not None) == (None, True)


def test_a_pickup_waits_for_its_shopper_and_for_no_carrier(api: Api) -> None:
    make_network()
    level(api, hand_over_minutes=1, collect_hours=48)
    work = packed(api, pickup_body())
    assert work_of(api, work)["hand_over_by"] is None

    api.act(work, "ready", {})

    assert waiting(work) == {"orders.collect"}


def test_the_most_specific_level_says_how_long(api: Api) -> None:
    make_network()
    Location.objects.filter(pk="PARIS").update(groups=["hub"])
    level(api, hand_over_minutes=500)
    level(api, hand_over_minutes=60, scope={"locations": ["PARIS"], "methods": ["ship"]})
    level(api, hand_over_minutes=300, scope={"locations": ["PARIS"]})
    level(api, hand_over_minutes=10, scope={"services": ["express"]})

    work = work_of(api, packed(api))

    pass_time(minutes=61)
    assert work_of(api, work["id"])["late_since"] is not None


def test_shipping_in_one_go_starts_no_clock(api: Api) -> None:
    make_network()
    level(api, hand_over_minutes=90)
    work = api.post("orders/", order_body()).json["fulfillments"][0]["id"]
    for action, given in (("acknowledge", None), ("pick", PICKED), ("ship", {})):
        assert api.act(work, action, given).status == 200

    assert not Deadline.objects.filter(kind="orders.hand_over").exists()


@pytest.mark.parametrize("minutes", [-1, 0, 527_041, "nan"])
def test_a_time_to_hand_over_is_more_than_nothing_and_at_most_a_year(api: Api, minutes: Any) -> None:
    refused = api.post("service-levels/", {"acknowledge_minutes": 1, "hand_over_minutes": minutes})

    assert refused.status == 422
    assert [fault["pointer"] for fault in refused.json["errors"]] == ["/hand_over_minutes"]
    assert not ServiceLevel.objects.exists()


# ---- before it is late -----------------------------------------------------------------------------


def ring(work: str, *kinds: str) -> None:
    """Each of these clocks of the work rings at its very instant."""
    for kind in kinds:
        at = Deadline.objects.get(subject=work, kind=kind, done_at=None).due_at
        deadlines.sweep(now=lambda at=at: at)


def facts(work: str, kind: str) -> list[dict[str, Any]]:
    return list(Event.objects.filter(subject=work, type=f"orders.fulfillment.{kind}").values_list("payload", flat=True))


def new_work(api: Api, body: dict[str, Any] | None = None) -> dict[str, Any]:
    return api.post("orders/", body or order_body()).json["fulfillments"][0]


def after(instant: str, minutes: float) -> datetime:
    return datetime.fromisoformat(instant) + timedelta(minutes=minutes)


def test_the_place_is_told_before_it_is_late_and_then_its_manager_each_once(api: Api, invariants_hold: Any) -> None:
    make_network()
    level(api, warn_at_share=0.5, escalate_at_share=0.9)
    given = new_work(api)
    work = given["id"]

    ring(work, "orders.warn", "orders.warn_manager")
    found = work_of(api, work)

    assert told(work) == ["planned", "assigned", "due_soon", "escalated"]
    assert datetime.fromisoformat(found["warned_at"]) == after(given["assigned_at"], 30)
    assert datetime.fromisoformat(found["escalated_at"]) == after(given["assigned_at"], 54)
    assert (found["status"], found["late_since"]) == ("assigned", None)
    expected = {"location": "PARIS", "step": "acknowledge", "due_at": given["acknowledge_by"]}
    assert [_instants(fact) for fact in facts(work, "due_soon") + facts(work, "escalated")] == [_instants(expected)] * 2
    assert waiting(work) == {"orders.acknowledge", "orders.prepare"}
    invariants_hold()

    pass_time(minutes=61)
    assert told(work)[-1] == "timed_out"


def _instants(fact: dict[str, Any]) -> dict[str, Any]:
    return {**fact, "due_at": datetime.fromisoformat(fact["due_at"])}


def test_each_step_warns_anew(api: Api) -> None:
    make_network()
    level(api, hand_over_minutes=90)
    work = new_work(api)["id"]
    ring(work, "orders.warn", "orders.warn_manager")

    api.act(work, "acknowledge")
    accepted = work_of(api, work)
    ring(work, "orders.warn")
    api.act(work, "pick", PICKED)
    ring(work, "orders.warn_manager")
    api.act(work, "pack", {})
    packed = work_of(api, work)
    ring(work, "orders.warn", "orders.warn_manager")
    api.act(work, "ship", {})

    assert (accepted["warned_at"], accepted["escalated_at"]) == (None, None)
    assert (packed["warned_at"], packed["escalated_at"]) == (None, None)
    steps = ["acknowledge", "prepare", "hand_over"]
    assert [fact["step"] for fact in facts(work, "due_soon")] == steps
    assert [fact["step"] for fact in facts(work, "escalated")] == steps
    assert waiting(work) == set()


def test_who_acts_in_time_is_told_nothing(api: Api) -> None:
    make_network()
    level(api, hand_over_minutes=90)
    work = new_work(api, pickup_body())["id"]
    for action, given in (("acknowledge", None), ("pick", PICKED), ("ready", {})):
        assert api.act(work, action, given).status == 200

    pass_time(hours=5)

    assert told(work) == ["planned", "assigned", "accepted", "picking", "packed", "ready"]


def test_what_is_late_already_is_told_as_late_only(api: Api) -> None:
    """The clock stood still for an hour: nobody is told of a time that is over."""
    make_network()
    work = new_work(api, pickup_body())["id"]

    pass_time(minutes=121)

    assert told(work) == ["planned", "assigned", "late"]
    assert waiting(work) == {"orders.prepare", "orders.escalate"}


def test_the_share_is_of_opening_hours(api: Api) -> None:
    make_network()
    hours = {day: [["09:00", "19:00"]] for day in ("mon", "tue", "wed", "thu", "fri", "sat")}
    api.call("PATCH", "locations/PARIS/", {"opening_hours": hours, "timezone": "Europe/Paris"})
    level(api, acknowledge_minutes=600, warn_at_share=0.5)
    with time_machine.travel("2026-03-07 17:00+00:00", tick=False):  # a Saturday, an hour before it closes
        work = new_work(api, pickup_body())["id"]

    at = Deadline.objects.get(subject=work, kind="orders.warn").due_at

    assert at == datetime.fromisoformat("2026-03-09 12:00+00:00")  # four hours of Monday


def test_of_whom_an_event_speaks_is_asked_of_the_place(api: Api) -> None:
    make_network()
    make_user("marie", "store_manager", places=("PARIS",))
    make_user("gone", "store_manager", places=("PARIS",), is_active=False)
    make_user("lea", places=("PARIS",))
    make_user("paul", "store_manager", places=("LYON",))

    assert managers_of("PARIS") == ["marie"]


def test_the_manager_is_told_no_sooner_than_the_place(api: Api) -> None:
    refused = api.post("service-levels/", {"acknowledge_minutes": 1, "warn_at_share": 0.9, "escalate_at_share": 0.8})
    assert (refused.status, refused.json["errors"][0]["pointer"]) == (422, "/escalate_at_share")
    assert refused.json["errors"][0]["code"] == "before_the_place"
    assert not ServiceLevel.objects.exists()

    made = level(api, warn_at_share=0.8, escalate_at_share=0.8)
    changed = api.call("PATCH", f"service-levels/{made['id']}/", {"warn_at_share": 0.95})
    assert (changed.status, changed.json["errors"][0]["code"]) == (422, "before_the_place")
    assert ServiceLevel.objects.get().warn_at_share == 0.8
