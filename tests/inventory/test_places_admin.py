"""A place as staff edit it: rows instead of JSON, read as the API reads it."""

from collections.abc import Callable
from re import findall, search
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client

from inventory.models import Location
from inventory.queries import places
from inventory.services.pauses import pause_location
from oms.clock import now
from oms.roles import sync_groups
from tests.admin.forms import Fields, errors_of, fields_of
from tests.factories.inventory import make_location

pytestmark = pytest.mark.django_db

PAGE = "/admin/inventory/location/LYON/change/"
HOURS = {"mon": [["14:00", "19:00"]], "tue": [["10:00", "12:30"], ["14:00", "19:00"]], "sat": [["00:00", "24:00"]]}
SPECIAL = {"2026-12-24": [["10:00", "16:00"]], "2026-12-26": []}
CLOSURES = [
    {"from_at": "2026-10-25T02:30:15+01:00", "until_at": "2026-10-25T06:00:00+01:00", "note": "Inventory"},
    {"from_at": "2026-12-31T23:00:00Z", "until_at": "2027-01-01T23:00:00Z", "note": ""},
]


@pytest.fixture
def lyon() -> str:
    return make_location(
        "LYON",
        opening_hours=HOURS,
        special_hours=SPECIAL,
        closures=CLOSURES,
        holiday_calendar="FR",
        cut_off={"express": "12:00", "same_day": "11:00"},
        abilities=["ship", "pickup"],
        groups=["aura", "flagship"],
        latitude=45.76,
        longitude=4.84,
        daily_capacity=40,
    )


@pytest.fixture
def boss(db: None) -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("ann", password="x"))
    return client


@pytest.fixture
def form(boss: Client, lyon: str) -> Fields:
    return fields_of(boss, PAGE)


@pytest.fixture
def save(boss: Client, form: Fields) -> Callable[..., Location]:
    """Press Save with these fields as they were changed."""

    def press(**changed: list[str]) -> Location:
        answer = boss.post(PAGE, form | changed)
        assert answer.status_code == 302, errors_of(answer)
        return Location.objects.get()

    return press


def stored() -> dict[str, Any]:
    row = Location.objects.values().get()
    del row["updated_at"]
    return row


def test_saving_what_nobody_touched_changes_nothing(save: Callable[..., Location]) -> None:
    before = stored()

    save()

    assert stored() == before


def test_a_week_is_a_row_a_day(form: Fields, save: Callable[..., Location]) -> None:
    assert form["opening_hours-mode"] == ["hours"]
    assert form["opening_hours-tue-opens"] == ["10:00", "14:00", ""]  # there is always room for one more
    assert form["opening_hours-sat-closes"] == ["00:00", ""]  # midnight

    changed = save(
        **{
            "opening_hours-mon-opens": ["", ""],
            "opening_hours-mon-closes": ["", ""],
            "opening_hours-wed-opens": ["20:00", "08:00"],
            "opening_hours-wed-closes": ["00:00", "12:00"],
        }
    )

    assert changed.opening_hours == {
        **{day: HOURS[day] for day in ("tue", "sat")},
        "wed": [["08:00", "12:00"], ["20:00", "24:00"]],
    }


def test_always_open_is_said_not_left_out(boss: Client, form: Fields, save: Callable[..., Location]) -> None:
    empty = {name: [""] * len(form[name]) for name in form if name.startswith("opening_hours-") and name[-4:] != "mode"}

    refused = boss.post(PAGE, form | empty)
    assert errors_of(refused) == {"opening_hours": ["At least one day needs hours; leave all out if always open"]}

    assert save(**{"opening_hours-mode": ["always"]}).opening_hours == {}


@pytest.mark.parametrize(
    ("changed", "field", "fault"),
    [
        (
            {"opening_hours-thu-opens": ["19:00", ""], "opening_hours-thu-closes": ["10:00", ""]},
            "opening_hours",
            "Thursday: Closing must come after opening; use two days around midnight",
        ),
        (
            {"opening_hours-thu-opens": ["09:00", ""], "opening_hours-thu-closes": ["", ""]},
            "opening_hours",
            "Thursday: A time of day is needed, such as 09:30",
        ),
        ({"special_hours-day": ["2026-12-24"] * 3}, "special_hours", "A day stands here twice."),
        (
            {"special_hours-day": ["", "2026-12-26", ""]},
            "special_hours",
            "A special day needs its date.",
        ),
        (
            {"closures-until": ["2026-10-25T01:00", "", ""]},
            "closures",
            "A closure needs the day and time from which and until which.",
        ),
        ({"closures-until": ["2026-10-25T01:00", "2027-01-02T00:00", ""]}, "closures", "A closure must end after it begins"),
        (
            {"closures-until": ["9999-12-31T23:59", "2027-01-02T00:00", ""]},
            "closures",
            "A moment between the years 1900 and 2200 is needed",
        ),
        (
            {"closures-note": ["a\x0bb", "", ""]},
            "closures",
            "This holds a character that no text may have: U+000B",
        ),
        ({"city": ["a\uffffb"]}, "city", "This holds a character that no text may have: U+FFFF"),
        ({"timezone": ["Mars/Olympus"]}, "timezone", "Unknown time zone"),
        ({"holiday_calendar": ["FR-99"]}, "holiday_calendar", "There is no such calendar; a country (FR) or its region (FR-6AE)"),
        ({"country": ["France"]}, "country", "Ensure this value has at most 2 characters (it has 6)."),
        ({"latitude": [""]}, "__all__", "Latitude and longitude are given together"),
    ],
)  # fmt: skip
def test_each_fault_is_told_at_its_field_and_nothing_is_saved(
    boss: Client, form: Fields, changed: Fields, field: str, fault: str
) -> None:
    before = stored()

    answer = boss.post(PAGE, form | changed)

    assert fault in errors_of(answer)[field]
    assert stored() == before


def test_what_was_typed_stays_when_the_form_comes_back(boss: Client, form: Fields) -> None:
    typed = {"closures-from": ["2026-10-25T02:30", "2026-12-01T08:00", ""], "timezone": ["Mars"]}

    page = boss.post(PAGE, form | typed).content.decode()

    assert 'value="2026-12-01T08:00"' in page and 'value="2026-12-24"' in page


def test_special_days_are_added_changed_and_left_out(form: Fields, save: Callable[..., Location]) -> None:
    assert form["special_hours-day"] == ["2026-12-24", "2026-12-26", ""]
    assert form["special_hours-closes-0"] == ["16:00", "", ""]

    changed = save(
        **{
            "special_hours-day": ["", "2026-12-24", "2027-01-02"],
            "special_hours-opens-0": ["", "09:00", "10:00"],
            "special_hours-closes-0": ["", "00:00", "12:00"],
            "special_hours-opens-1": ["", "", "14:00"],
            "special_hours-closes-1": ["", "", "17:00"],
        }
    )

    assert changed.special_hours == {
        "2026-12-24": [["09:00", "24:00"]],
        "2027-01-02": [["10:00", "12:00"], ["14:00", "17:00"]],
    }


def test_closures_are_wall_times_of_the_place_and_untouched_ones_stay_to_the_second(
    form: Fields, save: Callable[..., Location]
) -> None:
    assert form["closures-from"] == ["2026-10-25T02:30", "2027-01-01T00:00", ""]

    changed = save(
        **{
            "closures-from": [*form["closures-from"][:2], "2026-07-14T00:00"],
            "closures-until": ["2026-10-25T05:00", *form["closures-until"][1:2], "2026-07-15T00:00"],
            "closures-note": ["Inventory", "", "Fair"],
        }
    )

    assert changed.closures == [
        {"from_at": "2026-10-25T02:30:15+01:00", "until_at": "2026-10-25T05:00:00+01:00", "note": "Inventory"},
        CLOSURES[1],
        {"from_at": "2026-07-14T00:00:00+02:00", "until_at": "2026-07-15T00:00:00+02:00", "note": "Fair"},
    ]


@pytest.mark.parametrize(
    ("times", "cut_off"),
    [
        (["14:00", "", "", ""], "14:00"),
        (["14:00", "", "12:00", ""], {"standard": "14:00", "express": "12:00", "same_day": "14:00"}),
        (["", "", "12:00", "11:00"], {"express": "12:00", "same_day": "11:00"}),
        (["", "", "", ""], None),
    ],
)
def test_a_cut_off_is_for_every_service_or_one_by_one(
    form: Fields, save: Callable[..., Location], times: list[str], cut_off: Any
) -> None:
    assert form["cut_off-service"] == ["", "standard", "express", "same_day"]

    assert save(**{"cut_off-time": times}).cut_off == cut_off


def test_a_new_place_can_do_what_is_usual_for_its_kind(boss: Client) -> None:
    fields = fields_of(boss, "/admin/inventory/location/add/")

    made = boss.post("/admin/inventory/location/add/", fields | {"code": "NEW", "name": "New", "kind": "store"})

    assert made.status_code == 302, errors_of(made)
    place = Location.objects.get()
    assert place.abilities == ["ship", "pickup", "accept_return"]
    assert places()["NEW"].calendar.next_opening(now()) is not None


def test_a_word_of_the_addresses_is_no_code(boss: Client) -> None:
    fields = fields_of(boss, "/admin/inventory/location/add/")

    refused = boss.post("/admin/inventory/location/add/", fields | {"code": "export", "name": "New", "kind": "store"})

    assert "code" in errors_of(refused)
    assert not Location.objects.exists()


def test_a_code_that_is_taken_is_refused(boss: Client, lyon: str) -> None:
    fields = fields_of(boss, "/admin/inventory/location/add/")
    before = stored()

    again = boss.post("/admin/inventory/location/add/", fields | {"code": "LYON", "name": "New", "kind": "store"})

    assert "code" in errors_of(again)
    assert stored() == before


def test_saving_is_seen_by_those_who_remember_places(save: Callable[..., Location]) -> None:
    assert places()["LYON"].daily_capacity == 40

    save(daily_capacity=["7"])

    assert places()["LYON"].daily_capacity == 7


def test_saving_does_not_end_a_pause(save: Callable[..., Location]) -> None:
    pause_location(code="LYON", until=None, reason="", actor="user:m", as_of=now())

    assert save(name=["Lyon Bellecour"]).is_paused(now())


def test_the_next_holidays_are_told_by_name(boss: Client, lyon: str) -> None:
    page = boss.get(PAGE, headers={"accept-language": "fr"}).content.decode()

    assert any(name in page for name in ("Noël", "Jour de l&#x27;an", "Lundi de Pâques", "Fête nationale", "Armistice"))


def test_who_only_looks_reads_words(lyon: str) -> None:
    sync_groups()
    client = Client()
    user = User.objects.create_user("sam", is_staff=True)
    user.groups.add(Group.objects.get(name="customer_service"))
    client.force_login(user)

    page = client.get(PAGE).content.decode()

    assert "10:00–12:30, 14:00–19:00" in page and "Hands over at the counter" in page and "Inventory" in page
    assert "&quot;mon&quot;" not in page and "from_at" not in page
    assert client.post("/admin/inventory/location/LYON/pause/", {"how_long": "today"}).status_code == 403
    assert not Location.objects.get().is_paused(now())


# ---- the switch ----------------------------------------------------------------------------------


def test_headquarters_pauses_and_resumes_a_place(boss: Client, lyon: str) -> None:
    assert boss.get("/admin/inventory/location/LYON/pause/").status_code == 200

    boss.post("/admin/inventory/location/LYON/pause/", {"how_long": "2", "reason": "flooded"})

    place = Location.objects.get()
    assert (place.paused_by, place.pause_reason, place.is_paused(now())) == ("user:ann", "flooded", True)
    assert "flooded" in boss.get("/admin/inventory/location/").content.decode()

    assert boss.get("/admin/inventory/location/LYON/resume/").status_code == 200
    assert Location.objects.get().is_paused(now())  # asking changes nothing
    boss.post("/admin/inventory/location/LYON/resume/")

    assert not Location.objects.get().is_paused(now())


@pytest.mark.parametrize(
    ("query", "found"),
    [("orders=paused", ["LYON"]), ("orders=yes", ["NICE"]), ("orders=no", ["PAU"]), ("group=aura", ["LYON"])],
)
def test_lists_are_narrowed_by_group_and_by_who_takes_orders(
    boss: Client, lyon: str, query: str, found: list[str]
) -> None:
    make_location("NICE", groups=["sud"])
    make_location("PAU", accepting_orders=False)
    pause_location(code="LYON", until=None, reason="", actor="user:m", as_of=now())

    listed = boss.get(f"/admin/inventory/location/?{query}").context["cl"].queryset

    assert [place.pk for place in listed] == found


def test_the_switch_of_a_place_is_found_whatever_its_code(boss: Client) -> None:
    make_location("LYON_2 (A)", name="Lyon two")
    listed = boss.get("/admin/inventory/location/").content.decode()
    page = boss.get(search(r'href="([^"]*LYON[^"]*/change/)', listed).group(1)).content.decode()  # type: ignore[union-attr]

    [switch] = findall(r'href="([^"]*/pause/)"', page)

    assert boss.get(switch).status_code == 200
    assert boss.post(switch, {"how_long": "2", "reason": ""}).status_code == 302
    assert Location.objects.get().paused_until is not None
