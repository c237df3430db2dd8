"""Hours, special days and closures in the back office, by keyboard and on a phone's width."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from inventory.models import Location
from tests.factories.inventory import make_location

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def place(_orm_beside_the_browser: None, live_server: Any, page: Any) -> Any:
    """The page of a place, signed in as an administrator; it must not throw."""
    make_location("LYON", opening_hours={"mon": [["10:00", "12:30"], ["14:00", "19:00"]]})
    client = Client()
    client.force_login(User.objects.create_superuser("ann", password="x"))
    session = client.cookies["sessionid"].value
    page.context.add_cookies([{"name": "sessionid", "value": session, "url": live_server.url}])
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(f"{live_server.url}/admin/inventory/location/LYON/change/")
    yield page
    assert complaints == []


def save(page: Any) -> Location:
    page.get_by_role("button", name="Save", exact=True).click()
    page.wait_for_url("**/admin/inventory/location/")
    return Location.objects.get()


def test_a_day_takes_the_hours_of_the_day_above_and_gets_a_third_opening(place: Any) -> None:
    place.get_by_role("button", name="As above (Tuesday)").press("Enter")
    place.get_by_role("button", name="More hours (Tuesday)").press("Enter")
    place.keyboard.type("0900PM")
    place.get_by_label("Tuesday, closes").last.fill("22:00")
    place.get_by_label("Wednesday, opens (1)").fill("10:00")
    place.get_by_label("Wednesday, closes (1)").fill("00:00")

    assert save(place).opening_hours == {
        "mon": [["10:00", "12:30"], ["14:00", "19:00"]],
        "tue": [["10:00", "12:30"], ["14:00", "19:00"], ["21:00", "22:00"]],
        "wed": [["10:00", "24:00"]],
    }


def test_who_types_hours_of_a_place_that_never_closes_means_them(place: Any) -> None:
    place.get_by_label("Always open").check()
    place.get_by_label("Sunday, opens (1)").fill("10:00")
    place.get_by_label("Sunday, closes (1)").fill("12:00")

    assert place.get_by_label("At these hours").is_checked()
    assert "sun" in save(place).opening_hours


def test_days_and_closures_come_and_go(place: Any) -> None:
    place.get_by_label("Day", exact=True).fill("2026-12-24")
    place.get_by_role("button", name="Add a day").press("Enter")
    place.get_by_label("Day", exact=True).nth(1).fill("2026-12-26")
    place.get_by_role("button", name="Add a closure").press("Enter")
    place.get_by_label("Closed from").nth(1).fill("2026-07-14T00:00")
    place.get_by_label("Closed until").nth(1).fill("2026-07-15T00:00")
    place.get_by_role("button", name="Remove").first.press("Enter")

    saved = save(place)

    assert saved.special_hours == {"2026-12-26": []}
    assert [closure["from_at"] for closure in saved.closures] == ["2026-07-14T00:00:00+02:00"]


def test_nothing_is_wider_than_a_phone(place: Any) -> None:
    for rows in place.locator(".hours").all():
        assert rows.evaluate("box => box.scrollWidth <= box.clientWidth")


_CROWDED = """() => {
  const boxes = [...document.querySelectorAll(".form-row .field-line > *, .form-row .field-line label")]
    .filter((part) => part.offsetWidth)
    .map((part) => ({ part, line: part.closest(".field-line"), box: part.getBoundingClientRect() }));
  const meet = (a, b) => a.left < b.right - 1 && b.left < a.right - 1 && a.top < b.bottom - 1 && b.top < a.bottom - 1;
  const crowded = boxes.filter((one) => boxes.some((other) => other.line !== one.line && meet(one.box, other.box)));
  const cut = boxes.filter((one) => one.box.right > innerWidth);
  return [...crowded, ...cut].map((one) => `${one.line.className.match(/field-[a-z_]+$|field-(?!line)[a-z_]+/)}`);
}"""


@pytest.mark.parametrize("width", [360, 800, 1030, 1300, 1600])
def test_fields_side_by_side_neither_overlap_nor_run_off_the_page(place: Any, width: int) -> None:
    place.set_viewport_size({"width": width, "height": 900})

    assert place.evaluate(_CROWDED) == []
    assert place.evaluate("document.documentElement.scrollWidth <= innerWidth")
