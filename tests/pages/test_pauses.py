"""No more orders today, from the manager's phone."""

from typing import Any

import pytest
import time_machine
from django.test import Client

from inventory.models import Location
from inventory.services.pauses import pause_location
from oms.cache import clear_all
from oms.clock import now
from oms.models import Event
from tests.factories.people import make_user

pytestmark = pytest.mark.django_db


def signed_in(name: str, role: str, *places: str) -> Client:
    client = Client()
    client.force_login(make_user(name, role, places=places))
    return client


@pytest.fixture
def manager(network: None) -> Client:
    return signed_in("maelle", "store_manager", "PARIS")


def board(client: Client, code: str = "PARIS") -> str:
    return client.get(f"/store/at/{code}/").content.decode()


def test_a_manager_takes_no_more_orders_and_takes_them_again(manager: Client) -> None:
    assert "Take no more orders today" in board(manager)

    done = manager.post("/store/at/PARIS/pause/", {"how_long": "today", "reason": "two are ill"}, follow=True)

    assert done.redirect_chain == [("/store/at/PARIS/", 302)]
    page = done.content.decode()
    assert "No new orders until" in page and "two are ill" in page and "paused by maelle" in page
    assert Location.objects.get(pk="PARIS").is_paused(now())

    done = manager.post("/store/at/PARIS/resume/", follow=True)

    assert "Orders come again." in done.content.decode()
    assert "No new orders until" not in done.content.decode()
    assert list(Event.objects.filter(root="PARIS").order_by("id").values_list("type", "actor")) == [
        ("inventory.location.paused", "user:maelle"),
        ("inventory.location.resumed", "user:maelle"),
    ]


@pytest.mark.parametrize(("at", "shown"), [("2026-07-06T15:00:00Z", "20:30"), ("2026-01-05T15:00:00Z", "20:30")])
def test_its_end_is_told_by_the_clock_of_the_place(manager: Client, at: str, shown: str) -> None:
    hours = {day: [["10:00", shown]] for day in ("mon", "tue", "wed", "thu", "fri", "sat", "sun")}
    Location.objects.filter(pk="PARIS").update(opening_hours=hours, timezone="Europe/Paris")
    clear_all()

    with time_machine.travel(at, tick=False):
        form = manager.get("/store/at/PARIS/pause/").content.decode()
        page = manager.post("/store/at/PARIS/pause/", {"how_long": "today"}, follow=True).content.decode()

    assert f"until {shown}" in form
    assert f"No new orders until {shown}" in page


def test_a_pause_may_be_an_hour(manager: Client) -> None:
    manager.post("/store/at/PARIS/pause/", {"how_long": "1"})

    place = Location.objects.get(pk="PARIS")
    assert (place.paused_until - place.paused_at).total_seconds() == 3600


def test_an_associate_sees_the_banner_but_has_no_switch(lea: Client) -> None:
    assert "Take no more orders today" not in board(lea)
    pause_location(code="PARIS", until=None, reason="", actor="user:maelle", as_of=now())

    page = board(lea)

    assert "No new orders until" in page and "Take orders again" not in page
    assert lea.get("/store/at/PARIS/pause/").status_code == 403
    assert lea.post("/store/at/PARIS/pause/", {"how_long": "today"}).status_code == 403
    assert lea.post("/store/at/PARIS/resume/").status_code == 403
    assert Location.objects.get(pk="PARIS").is_paused(now())


def test_a_manager_switches_only_their_own_place(manager: Client) -> None:
    assert manager.get("/store/at/LYON/pause/").status_code == 404
    assert manager.post("/store/at/LYON/pause/", {"how_long": "today"}).status_code == 404
    assert manager.post("/store/at/LYON/resume/").status_code == 404
    assert not Location.objects.get(pk="LYON").is_paused(now())


@pytest.mark.parametrize("wrong", [{}, {"how_long": "8760"}, {"how_long": "today", "reason": "x" * 201}])
def test_what_makes_no_sense_is_asked_again(manager: Client, wrong: dict[str, str]) -> None:
    assert manager.post("/store/at/PARIS/pause/", wrong).status_code == 422
    assert not Location.objects.get(pk="PARIS").is_paused(now())


def test_the_picker_shows_which_places_are_paused(network: None) -> None:
    client = signed_in("maelle", "store_manager", "PARIS", "LYON")
    pause_location(code="LYON", until=None, reason="", actor="user:maelle", as_of=now())

    assert client.get("/store/").content.decode().count("no new orders") == 1


def test_the_list_that_refreshes_itself_brings_the_banner(manager: Client) -> None:
    before = manager.get("/store/at/PARIS/list/").content.decode()
    pause_location(code="PARIS", until=None, reason="", actor="user:maelle", as_of=now())
    after = manager.get("/store/at/PARIS/list/").content.decode()

    assert "No new orders until" not in before and "No new orders until" in after


@pytest.mark.browser
@pytest.mark.django_db(transaction=True)
def test_a_manager_pauses_and_undoes_it_with_the_thumb(phone: Any, sign_in: Any) -> None:
    make_user("maelle", "store_manager", places=("PARIS",))
    sign_in("maelle")

    phone.get_by_role("link", name="Take no more orders today").click()
    phone.get_by_label("Why?").fill("two are ill")
    phone.get_by_role("button", name="Take no more orders").click()
    phone.get_by_text("No new orders until").wait_for()
    phone.get_by_role("button", name="Take orders again").click()
    phone.get_by_text("Orders come again.").wait_for()

    assert not Location.objects.get(pk="PARIS").is_paused(now())
