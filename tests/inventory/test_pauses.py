"""The manager's switch. Paris is an hour ahead of UTC in winter; the 25th of November 2026 is a Wednesday."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import transaction

from inventory.hours import WEEKDAYS
from inventory.models import Location
from inventory.queries import places
from inventory.services import LocationRow, save_locations
from inventory.services.pauses import pause_location, resume_location
from oms.backoffice.sentences import say
from oms.cache import bump
from oms.clock import now
from oms.errors import Invalid, Missing
from oms.models import Event
from tests.factories.inventory import make_location

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 11, 25, 11, tzinfo=UTC)
CLOSING = datetime(2026, 11, 25, 18, tzinfo=UTC)
HOURS = dict.fromkeys(WEEKDAYS, (("10:00", "13:00"), ("14:00", "19:00")))
SECOND = timedelta(seconds=1)


@pytest.fixture
def paris():
    return make_location("PARIS", opening_hours=HOURS)


def pause(code="PARIS", *, until=None, reason="", as_of=NOON):
    pause_location(code=code, until=until, reason=reason, actor="user:maelle", as_of=as_of)


def told():
    return list(Event.objects.filter(root="PARIS").order_by("id").values_list("type", "actor", "payload"))


def test_a_pause_ends_with_the_working_day_and_with_nobody_ringing(paris):
    pause(reason="two are ill")

    place = places()["PARIS"]
    assert [place.takes_orders(at) for at in (NOON - SECOND, NOON, CLOSING - SECOND, CLOSING)] == [
        True,  # asked about the past: a replay
        False,
        False,
        True,
    ]
    assert told() == [
        (
            "inventory.location.paused",
            "user:maelle",
            {"location": "PARIS", "until": "2026-11-25T18:00:00+00:00", "reason": "two are ill"},
        )
    ]


@pytest.mark.parametrize(
    ("hours", "as_of", "ends"),
    [
        (HOURS, datetime(2026, 11, 25, 7, tzinfo=UTC), CLOSING),  # before opening
        (HOURS, datetime(2026, 11, 25, 18, 30, tzinfo=UTC), datetime(2026, 11, 25, 23, tzinfo=UTC)),  # after closing
        ({}, NOON, datetime(2026, 11, 25, 23, tzinfo=UTC)),  # always open: midnight in Paris
        ({}, datetime(2026, 10, 24, 22, 30, tzinfo=UTC), datetime(2026, 10, 25, 23, tzinfo=UTC)),  # a day of 25 hours
    ],
)
def test_today_ends_at_the_last_closing_else_at_midnight_where_the_place_is(hours, as_of, ends):
    make_location("PARIS", opening_hours=hours)

    pause(as_of=as_of)

    assert Location.objects.get().paused_until == ends


def test_pausing_again_moves_the_end_and_saying_the_same_again_says_nothing(paris):
    pause()
    pause(as_of=NOON + SECOND)
    pause(until=CLOSING + timedelta(days=1), as_of=NOON + 2 * SECOND)

    place = Location.objects.get()
    assert (place.paused_at, place.paused_until) == (NOON, CLOSING + timedelta(days=1))
    assert [type_ for type_, *_rest in told()] == ["inventory.location.paused"] * 2


def test_resuming_ends_it_at_once_and_where_nothing_was_paused_says_nothing(paris):
    resume_location(code="PARIS", actor="user:maelle", as_of=NOON)
    pause()
    resume_location(code="PARIS", actor="user:maelle", as_of=NOON + SECOND)
    resume_location(code="PARIS", actor="user:maelle", as_of=NOON + SECOND)

    assert places()["PARIS"].takes_orders(NOON + SECOND)
    assert [type_ for type_, *_rest in told()] == ["inventory.location.paused", "inventory.location.resumed"]


def test_a_pause_that_is_over_by_itself_can_begin_anew(paris):
    pause()
    pause(as_of=CLOSING + SECOND)

    assert Location.objects.get().paused_at == CLOSING + SECOND
    assert not places()["PARIS"].is_paused(NOON)


@pytest.mark.parametrize(
    ("until", "code"), [(NOON, "in_the_past"), (NOON - SECOND, "in_the_past"), (NOON + timedelta(days=32), "too_long")]
)
def test_an_end_that_makes_no_sense_is_refused(paris, until, code):
    with pytest.raises(Invalid) as refusal:
        pause(until=until)

    assert refusal.value.errors[0].code == code
    assert Location.objects.get().paused_until is None and told() == []


def test_a_place_that_does_not_exist_cannot_be_paused():
    with pytest.raises(Missing):
        pause("NOWHERE")


def test_saving_the_place_anew_does_not_end_its_pause(paris):
    pause()

    with transaction.atomic():
        save_locations([LocationRow("PARIS", "New name", "store")], as_of=NOON)

    assert Location.objects.get().paused_until is not None


def test_the_events_read_as_sentences():
    until = {"until": "2026-11-25T18:00:00+00:00", "reason": "two are ill"}

    assert "no more orders until 25 Nov 18:00" in say("inventory.location.paused", until, place="Paris")
    assert "two are ill" in say("inventory.location.paused", until, place="Paris")
    assert say("inventory.location.resumed", {}, place="Paris") == "Paris takes orders again"


# ---- over HTTP -----------------------------------------------------------------------------------


def test_a_key_pauses_and_resumes_a_place(client, paris):
    until = (now() + timedelta(hours=2)).replace(microsecond=0)

    paused = client.post("/api/v1/locations/PARIS/pause/", {"until": until.isoformat()}, format="json")

    assert paused.status_code == 200
    assert datetime.fromisoformat(paused.json()["paused_until"]) == until
    assert [row["code"] for row in client.get("/api/v1/locations/?paused=true").json()["results"]] == ["PARIS"]
    assert client.get("/api/v1/locations/?paused=false").json()["results"] == []
    assert client.post("/api/v1/locations/PARIS/resume/", {}, format="json").json()["paused_until"] is None


def test_a_pause_that_is_over_is_not_shown(client, paris):
    Location.objects.update(paused_at=NOON - timedelta(days=400), paused_until=NOON - timedelta(days=399))

    assert client.get("/api/v1/locations/PARIS/").json()["paused_until"] is None


def test_what_is_read_of_a_paused_place_can_be_written_back_and_leaves_it_paused(client, paris):
    client.post("/api/v1/locations/PARIS/pause/", {}, format="json")
    document = client.get("/api/v1/locations/PARIS/").json()

    written = client.put("/api/v1/locations/PARIS/", document | {"paused_until": None}, format="json")

    assert written.json()["paused_until"] == document["paused_until"] is not None


def test_only_who_may_and_only_their_own_places(client_with, paris):
    make_location("LYON")
    path = "/api/v1/locations/PARIS/pause/"

    assert client_with("catalog:write").post(path, {}, format="json").status_code == 403
    assert client_with("pauses:write", locations=["LYON"]).post(path, {}, format="json").status_code == 404
    assert client_with("pauses:write", locations=["PARIS"]).post(path, {}, format="json").status_code == 200


@pytest.mark.parametrize("body", [{"until": "tomorrow"}, {"until": "2026-11-25T18:00:00"}, {"untill": None}])
def test_a_body_that_makes_no_sense_is_refused(client, paris, body):
    assert client.post("/api/v1/locations/PARIS/pause/", body, format="json").status_code == 422
    assert Location.objects.get().paused_until is None


def test_every_process_hears_of_it(paris):
    assert not places()["PARIS"].is_paused(NOON)
    pause()

    assert places()["PARIS"].is_paused(NOON)
    with transaction.atomic():
        bump("places")
    assert places()["PARIS"].is_paused(NOON)
