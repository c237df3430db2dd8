"""An order is held while its work is at a place: no time passes for the place, and none is lost or won."""

from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

import pytest
import time_machine
from django.test import Client

from oms import deadlines
from oms.clock import now
from oms.models import Deadline, Event
from orders.models import Fulfillment, Order
from tests.factories.orders import make_network, order_body, pickup_body
from tests.flows.conftest import Api
from tests.flows.test_service_levels import PICKED, level, told, waiting, work_of

STEPS = {"pick": PICKED}
HOURS = {day: [["09:00", "19:00"]] for day in ("mon", "tue", "wed", "thu", "fri", "sat")}


def at(text: str) -> datetime:
    """March 2026 in UTC; the 2nd is a Monday, Paris is one hour ahead until the 29th."""
    return datetime.fromisoformat(f"2026-03-{text}+00:00")


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text)


@pytest.fixture
def shop_hours(api: Api) -> None:
    """Paris is open from 8:00 to 18:00 UTC; an hour to accept, four to prepare, two to hand over."""
    make_network()
    api.call("PATCH", "locations/PARIS/", {"opening_hours": HOURS, "timezone": "Europe/Paris"})
    level(api, acknowledge_minutes=60, prepare_minutes=240, hand_over_minutes=120)


class Story:
    """One order and its work, acted upon at given times."""

    def __init__(self, api: Api, begins: str, body: dict[str, Any] | None = None):
        self.api = api
        with time_machine.travel(at(begins), tick=False):
            order = api.post("orders/", body or order_body()).json
        self.number, self.work = order["number"], order["fulfillments"][0]["id"]
        self.promised_at = order["promised_at"]

    def do(self, when: str, *actions: str, **body: Any) -> None:
        with time_machine.travel(at(when), tick=False):
            for action in actions:
                if action in ("hold", "release"):
                    answer = self.api.post(f"orders/{self.number}/{action}/", body)
                else:
                    answer = self.api.act(self.work, action, STEPS.get(action, {}))
                assert answer.status in (200, 201), answer

    def sweep(self, when: str) -> None:
        while deadlines.sweep(now=lambda: at(when)):
            pass

    @property
    def now(self) -> dict[str, Any]:
        return work_of(self.api, self.work)


def hold(story: Story, when: str, kind: str = "fraud", **values: Any) -> None:
    story.do(when, "hold", kind=kind, **values)


def due(story: Story, kind: str) -> datetime:
    return Deadline.objects.get(subject=story.work, kind=f"orders.{kind}", done_at=None).due_at


def ends_shown(story: Story) -> dict[str, str]:
    """Until when something is due, as the API tells."""
    names = ("acknowledge_by", "ready_by", "hand_over_by", "collect_by")
    return {name: story.now[name] for name in names if story.now[name]}


# ---- work that was not begun -----------------------------------------------------------------------


def test_called_back_work_comes_back_with_the_time_it_had_left(
    api: Api, shop_hours: None, invariants_hold: Any
) -> None:
    story = Story(api, "02 10:00")  # accept by 11:00, prepare by 14:00
    hold(story, "02 10:20")
    assert waiting(story.work) == set()
    assert story.now["clocks_left"] == {"acknowledge": 2400, "prepare": 13_200}
    assert ends_shown(story) == {}
    invariants_hold()
    story.sweep("03 10:00")

    story.do("03 10:00", "release")

    found = story.now
    assert found["status"] == "assigned"
    assert instant(found["acknowledge_by"]) == due(story, "acknowledge") == at("03 10:40")
    assert instant(found["ready_by"]) == due(story, "prepare") == at("03 13:40")
    assert due(story, "warn") == at("03 10:25")  # a quarter of the hour before its end
    assert found["clocks_left"] is None
    assert found["promised_at"] == story.promised_at == api.order(story.number)["promised_at"]
    invariants_hold()


def test_nothing_is_due_while_it_stands_still(api: Api, shop_hours: None, admin_client: Client) -> None:
    story = Story(api, "02 10:00")
    late = f"fulfillments/?due_before={quote(at('03 10:00').isoformat())}"
    page = f"/admin/orders/fulfillment/{story.work}/change/"
    assert [work["id"] for work in api.get(late).json["results"]] == [story.work]
    assert at("02 14:00").isoformat() in admin_client.get(page).content.decode()

    hold(story, "02 10:20")

    assert api.get(late).json["results"] == []
    assert at("02 14:00").isoformat() not in admin_client.get(page).content.decode()


def test_accepted_work_is_asked_for_anew_and_keeps_its_time_to_prepare(api: Api, shop_hours: None) -> None:
    story = Story(api, "02 10:00")
    story.do("02 10:30", "acknowledge")
    hold(story, "02 13:30")

    story.do("02 15:00", "release")

    found = story.now
    assert instant(found["ready_by"]) == at("02 15:30")
    assert instant(found["acknowledge_by"]) == at("02 15:30")  # the hour to accept, but no longer than all it has


def test_released_at_night_it_runs_on_in_the_morning(api: Api, shop_hours: None) -> None:
    story = Story(api, "02 17:30")  # half an hour before closing
    hold(story, "02 17:45")

    story.do("02 23:00", "release")

    assert instant(story.now["acknowledge_by"]) == at("03 08:45")
    assert instant(story.now["ready_by"]) == at("03 11:45")


def test_the_night_on_which_clocks_change_takes_nothing_from_it(api: Api, shop_hours: None) -> None:
    always = {day: [["00:00", "24:00"]] for day in ("sat", "sun")}
    api.call("PATCH", "locations/PARIS/", {"opening_hours": always})
    story = Story(api, "28 22:00")  # 23:00 in Paris, where it is 3 an hour after 1:59
    hold(story, "28 22:30")

    story.do("29 00:30", "release")

    assert instant(story.now["ready_by"]) == at("29 04:00")  # three hours and a half of real time


def test_work_of_a_place_that_takes_no_orders_by_then_begins_anew_elsewhere(api: Api, shop_hours: None) -> None:
    story = Story(api, "02 10:00")
    hold(story, "02 10:50")
    with time_machine.travel(at("02 12:00"), tick=False):
        api.post("locations/PARIS/pause/", {"until": at("02 20:00").isoformat()})

    story.do("02 12:00", "release")

    elsewhere = api.order(story.number)["fulfillments"][-1]
    assert (elsewhere["location"], elsewhere["clocks_left"]) == ("LILLE", None)
    assert instant(elsewhere["acknowledge_by"]) == at("02 13:00")


def test_a_pause_of_its_place_stops_nothing(api: Api, shop_hours: None) -> None:
    """What a place has when its manager pauses it stays there, and is due as ever."""
    story = Story(api, "02 10:00")
    with time_machine.travel(at("02 10:10"), tick=False):
        api.post("locations/PARIS/pause/", {"until": at("02 20:00").isoformat()})

    assert (due(story, "acknowledge"), due(story, "prepare")) == (at("02 11:00"), at("02 14:00"))
    story.sweep("02 11:01")
    assert story.now["status"] == "timed_out"


# ---- work that was begun ---------------------------------------------------------------------------


def test_picking_goes_on_without_a_clock(api: Api, shop_hours: None, invariants_hold: Any) -> None:
    story = Story(api, "02 10:00")
    story.do("02 10:30", "acknowledge", "start")
    hold(story, "02 12:00")
    held = story.now
    assert (held["status"], held["clocks_left"], waiting(story.work)) == ("picking", {"prepare": 7200}, set())
    assert ends_shown(story) == {}
    story.sweep("04 10:00")
    assert story.now["late_since"] is None
    invariants_hold()

    story.do("04 10:00", "release")

    found = story.now
    assert (found["status"], found["clocks_left"], found["promised_at"]) == ("picking", None, story.promised_at)
    assert instant(found["ready_by"]) == due(story, "prepare") == at("04 12:00")
    assert due(story, "warn") == at("04 11:00")
    assert told(story.work)[-2:] == ["clock_stopped", "clock_started"]
    invariants_hold()
    story.sweep("04 12:00")
    assert story.now["late_since"] is not None


def test_each_start_of_the_clock_warns_once_more(api: Api, shop_hours: None) -> None:
    story = Story(api, "02 10:00")
    story.do("02 10:00", "acknowledge", "start")
    story.sweep("02 13:00")
    story.sweep("02 13:36")
    assert told(story.work)[-2:] == ["due_soon", "escalated"]
    hold(story, "02 13:40")

    story.do("02 15:00", "release")
    story.sweep("02 15:00")
    story.sweep("02 15:00")

    assert instant(story.now["ready_by"]) == at("02 15:20")
    assert told(story.work)[-4:] == ["clock_stopped", "clock_started", "due_soon", "escalated"]
    story.sweep("02 15:19")
    assert told(story.work).count("due_soon") == 2


def test_packed_while_held_the_time_to_hand_over_waits_with_it(
    api: Api, shop_hours: None, invariants_hold: Any
) -> None:
    story = Story(api, "02 10:00")
    story.do("02 10:30", "acknowledge", "start")
    hold(story, "02 11:00", "address")

    story.do("02 11:30", "pick", "pack")
    assert story.now["clocks_left"] == {"hand_over": 7200}
    assert ends_shown(story) == {}
    assert waiting(story.work) == set()
    assert api.act(story.work, "ship", {}).status == 409
    invariants_hold()

    story.do("02 17:00", "release")
    assert instant(story.now["hand_over_by"]) == due(story, "hand_over") == at("03 09:00")
    invariants_hold()


def test_what_waits_for_its_shopper_waits_longer(api: Api, shop_hours: None, invariants_hold: Any) -> None:
    story = Story(api, "02 10:00", pickup_body())
    story.do("02 10:30", "acknowledge", "pick", "ready")
    first = instant(story.now["collect_by"])
    hold(story, "04 10:30")
    story.sweep("20 10:00")
    assert api.get("exceptions/").json["results"] == []

    story.do("06 10:30", "release")

    assert instant(story.now["collect_by"]) == due(story, "collect") == first + timedelta(days=2)  # by the wall clock
    invariants_hold()


def test_a_shopper_who_gets_more_time_meanwhile_has_all_of_it(api: Api, shop_hours: None) -> None:
    story = Story(api, "02 10:00", pickup_body())
    story.do("02 10:30", "acknowledge", "pick", "ready")
    hold(story, "04 10:30")

    story.do("05 10:30", "extend")
    assert waiting(story.work) == set()
    assert story.now["clocks_left"] == {"collect": 168 * 3600}
    story.do("06 10:30", "release")

    assert instant(story.now["collect_by"]) == at("13 10:30")


def test_ready_while_held_the_shopper_has_the_whole_time_afterwards(api: Api, shop_hours: None) -> None:
    story = Story(api, "02 10:00", pickup_body())
    story.do("02 10:30", "acknowledge", "pick")
    hold(story, "02 11:00")
    story.do("02 12:00", "ready")
    assert story.now["clocks_left"] == {"collect": 168 * 3600}
    assert ends_shown(story) == {}
    page = f"/track/{Order.objects.get().tracking_token}/"
    assert "Until" not in Client().get(page).content.decode()

    story.do("03 12:00", "release")

    assert "Until Tuesday 10 March, 13:00" in Client().get(page).content.decode()
    assert instant(story.now["collect_by"]) == at("10 12:00")
    assert waiting(story.work) == {"orders.collect"}


def test_the_grace_of_a_warned_manager_stands_still_too(api: Api, shop_hours: None, invariants_hold: Any) -> None:
    story = Story(api, "02 10:00")
    story.do("02 10:30", "acknowledge", "start")
    story.sweep("02 14:00")  # late: an hour until a person looks at it
    hold(story, "02 14:20")
    assert story.now["clocks_left"] == {"escalate": 2400}
    story.sweep("03 10:00")

    story.do("03 10:00", "release")
    story.sweep("03 10:39")
    assert api.get("exceptions/").json["results"] == []
    story.sweep("03 10:40")

    (case,) = api.get("exceptions/").json["results"]
    assert case["reason"] == "late_work"
    invariants_hold()


# ---- several holds ---------------------------------------------------------------------------------


def test_the_second_hold_stops_nothing_and_only_the_last_release_starts(
    api: Api, shop_hours: None, invariants_hold: Any
) -> None:
    story = Story(api, "02 10:00")
    story.do("02 10:30", "acknowledge", "start")
    hold(story, "02 11:00", "fraud")
    hold(story, "02 12:00", "address")
    first = api.order(story.number)["holds"][0]["id"]

    story.do("02 13:00", "release", hold=first)
    assert (story.now["clocks_left"], waiting(story.work)) == ({"prepare": 10_800}, set())
    story.do("02 14:00", "release")

    assert instant(story.now["ready_by"]) == at("02 17:00")
    assert [kind for kind in told(story.work) if kind.startswith("clock")] == ["clock_stopped", "clock_started"]
    invariants_hold()


def test_stopped_again_and_again_the_whole_time_stays_what_it_was(api: Api, shop_hours: None) -> None:
    story = Story(api, "02 10:00")
    story.do("02 10:00", "acknowledge", "start")
    for day in ("02 11", "02 13", "02 15"):
        hold(story, f"{day}:00")
        story.do(f"{day}:30", "release")

    # Held from 11:00, 13:00 and 15:00 for half an hour each: one and a half hours more than the four.
    assert instant(story.now["ready_by"]) == at("02 15:30")
    story.do("02 15:31", "pick", "pack")
    assert waiting(story.work) == {"orders.hand_over", "orders.warn"}


def test_a_hold_that_expires_starts_the_clock(api: Api, shop_hours: None, invariants_hold: Any) -> None:
    story = Story(api, "02 10:00")
    story.do("02 10:30", "acknowledge", "start")
    hold(story, "02 11:00", expires_at=at("02 12:00").isoformat())

    story.sweep("02 12:00")

    assert instant(story.now["ready_by"]) == at("02 15:00")
    invariants_hold()


def test_a_refused_second_hold_changes_no_clock(api: Api, shop_hours: None) -> None:
    story = Story(api, "02 10:00")
    story.do("02 10:30", "acknowledge", "start")
    hold(story, "02 11:00", "fraud")
    before, events = story.now, Event.objects.count()

    with time_machine.travel(at("02 12:00"), tick=False):
        assert api.post(f"orders/{story.number}/hold/", {"kind": "fraud"}).status == 409

    assert (story.now, Event.objects.count()) == (before, events)


def test_a_canceled_order_leaves_no_clock_behind(api: Api, shop_hours: None, invariants_hold: Any) -> None:
    story = Story(api, "02 10:00")
    hold(story, "02 10:30")

    with time_machine.travel(at("02 11:00"), tick=False):
        assert api.post(f"orders/{story.number}/cancel/", {}).status == 200

    assert (story.now["status"], waiting(story.work)) == ("canceled", set())
    invariants_hold()


def test_a_clock_that_runs_under_a_hold_is_found(api: Api, shop_hours: None, invariants_hold: Any) -> None:
    story = Story(api, "02 10:00")
    story.do("02 10:30", "acknowledge", "start")
    hold(story, "02 11:00")

    Deadline.objects.filter(subject=story.work, kind="orders.prepare").update(done_at=None)
    with pytest.raises(AssertionError, match="the clocks of places"):
        invariants_hold()
    Deadline.objects.filter(subject=story.work, kind="orders.prepare").update(done_at=now())
    story.do("02 12:00", "release")
    Fulfillment.objects.filter(pk=story.work).update(clocks_left={})
    with pytest.raises(AssertionError, match="the clocks of places"):
        invariants_hold()
