from datetime import UTC, datetime

import pytest

from inventory.models import Location
from inventory.queries import places
from tests.factories.inventory import make_location, make_locations

pytestmark = pytest.mark.django_db

PARIS = {
    "code": "PARIS-1",
    "name": "Paris Rivoli",
    "kind": "store",
    "address": {
        "line1": "1 rue de Rivoli",
        "line2": "",
        "postal_code": "75001",
        "city": "Paris",
        "region": "",
        "country": "FR",
    },
    "latitude": 48.8556,
    "longitude": 2.3601,
    "timezone": "Europe/Paris",
    "opening_hours": {"mon": [["10:00", "13:00"], ["14:00", "19:30"]], "sat": [["10:00", "24:00"]]},
    "closures": [{"from_at": "2026-12-25T00:00:00+01:00", "until_at": "2026-12-26T00:00:00+01:00", "note": "Noël"}],
    "holiday_calendar": "FR-6AE",
    "special_hours": {"2026-12-24": [["10:00", "16:00"]], "2026-12-26": []},
    "abilities": ["ship", "pickup", "curbside"],
    "daily_capacity": 40,
    "accepting_orders": True,
    "paused_until": None,
    "cut_off": {"express": "12:00", "standard": "16:00"},
    "preparation_minutes": 90,
    "handling_cost": "1.50",
    "handling_cost_per_unit": "0.20",
    "packaging_cost": "0.35",
    "currency": "EUR",
    "groups": ["paris", "flagship"],
    "safety_stock": 2,
    "is_active": True,
}


def pointers(answer):
    return [error["pointer"] for error in answer.json()["errors"]]


def test_a_place_reads_back_as_it_was_written(client):
    made = client.post("/api/v1/locations/", PARIS, format="json")

    assert made.status_code == 201
    assert client.get("/api/v1/locations/PARIS-1/").json() == PARIS


@pytest.mark.parametrize("word", ["bulk", "export"])
def test_a_word_of_the_addresses_names_no_place(client, word):
    refused = client.post("/api/v1/locations/", {**PARIS, "code": word}, format="json")
    rows = client.post("/api/v1/locations/bulk/", [{**PARIS, "code": word}, PARIS], format="json").json()["results"]

    assert (refused.status_code, refused.json()["errors"][0]["code"]) == (422, "reserved_word")
    assert pointers(refused) == ["/code"]
    assert [row["status"] for row in rows] == ["rejected", "created"]
    assert list(Location.objects.values_list("pk", flat=True)) == ["PARIS-1"]


def test_what_is_read_can_be_written_back(client):
    client.post("/api/v1/locations/", PARIS, format="json")

    document = client.get("/api/v1/locations/PARIS-1/").json()

    assert client.put("/api/v1/locations/PARIS-1/", document, format="json").json() == PARIS


@pytest.mark.parametrize(
    "kind, abilities",
    [
        ("warehouse", ["ship"]),
        ("store", ["ship", "pickup", "accept_return"]),
        ("supplier", ["ship"]),
        ("third_party", ["ship"]),
        ("locker", ["pickup", "receive_transfer"]),
    ],
)
def test_a_place_can_do_what_is_usual_for_its_kind(client, kind, abilities):
    made = client.post("/api/v1/locations/", {"code": "P", "name": "P", "kind": kind}, format="json")

    assert made.json()["abilities"] == abilities
    assert made.json()["timezone"] == "UTC"


@pytest.mark.parametrize(
    "wrong, pointer",
    [
        ({"latitude": 200}, "/latitude"),
        ({"longitude": -181}, "/longitude"),
        ({"latitude": None}, ""),
        ({"kind": "shop"}, "/kind"),
        ({"timezone": "Mars/Olympus"}, "/timezone"),
        ({"timezone": "localtime"}, "/timezone"),
        ({"abilities": ["fly"]}, "/abilities/0"),
        ({"opening_hours": {"mon": [["10:00"]]}}, "/opening_hours/mon/0/1"),
        ({"opening_hours": {"mon": [["10:00", "25:00"]]}}, "/opening_hours/mon/0/1"),
        ({"opening_hours": {"mon": [["9:00", "12:00"]]}}, "/opening_hours/mon/0/0"),
        ({"opening_hours": {"mon": [["22:00", "02:00"]]}}, "/opening_hours/mon/0"),
        ({"opening_hours": {"mon": [["10:00", "13:00"], ["12:00", "19:00"]]}}, "/opening_hours/mon"),
        ({"opening_hours": {"mon": []}}, "/opening_hours"),
        ({"opening_hours": {"lundi": []}}, "/opening_hours/lundi"),
        ({"closures": [{"from_at": "2026-12-25", "until_at": "x"}]}, "/closures/0/from_at"),
        ({"closures": [{"from_at": "2026-12-26T00:00Z", "until_at": "2026-12-25T00:00Z"}]}, "/closures/0"),
        ({"closures": [{"from_at": "0001-01-01T00:00+14:00", "until_at": "2026-12-25T00:00Z"}]}, "/closures/0/from_at"),
        ({"holiday_calendar": "XX"}, "/holiday_calendar"),
        ({"holiday_calendar": "FR-99"}, "/holiday_calendar"),
        ({"holiday_calendar": ""}, "/holiday_calendar"),
        ({"special_hours": {"24/12/2026": []}}, "/special_hours/24~112~12026"),
        ({"special_hours": {"2026-02-30": []}}, "/special_hours/2026-02-30"),
        ({"special_hours": {"20261224": []}}, "/special_hours/20261224"),
        ({"special_hours": {"2026-12-24": [["16:00", "10:00"]]}}, "/special_hours/2026-12-24/0"),
        ({"daily_capacity": -1}, "/daily_capacity"),
        ({"daily_capacity": 10**10}, "/daily_capacity"),
        ({"handling_cost": "-0.01"}, "/handling_cost"),
        ({"handling_cost_per_unit": "-0.01"}, "/handling_cost_per_unit"),
        ({"packaging_cost": "-0.01"}, "/packaging_cost"),
        ({"safety_stock": 1.5}, "/safety_stock"),
        ({"address": {"country": "France"}}, "/address/country"),
        ({"opening_times": {}}, "/opening_times"),
    ],
)
def test_each_fault_is_pointed_at_and_nothing_stored(client, wrong, pointer):
    answer = client.post("/api/v1/locations/", PARIS | wrong, format="json")

    assert answer.status_code == 422
    assert pointers(answer)[0] == pointer
    assert not Location.objects.exists()


@pytest.mark.parametrize("cut_off", ["25:00", 14, {"express": "noon"}])
def test_a_cut_off_is_a_time_or_one_per_service(client, cut_off):
    answer = client.post("/api/v1/locations/", PARIS | {"cut_off": cut_off}, format="json")

    assert answer.status_code == 422
    assert pointers(answer) == ["/cut_off"]


def test_a_cut_off_is_for_a_service_that_there_is(client):
    answer = client.post("/api/v1/locations/", PARIS | {"cut_off": {"teleport": "10:00"}}, format="json")

    assert answer.status_code == 422
    fault = {"pointer": "/cut_off", "code": "unknown_service"}
    assert answer.json()["errors"] == [fault | {"detail": "The services are standard, express and same_day"}]


def test_patch_can_close_a_place_for_new_orders_and_forget_its_position(client):
    client.post("/api/v1/locations/", PARIS, format="json")

    patch = {"accepting_orders": False, "latitude": None, "longitude": None, "opening_hours": {"sat": None}}
    changed = client.patch("/api/v1/locations/PARIS-1/", patch, format="json")

    assert changed.json() == PARIS | {
        "accepting_orders": False,
        "latitude": None,
        "longitude": None,
        "opening_hours": {"mon": [["10:00", "13:00"], ["14:00", "19:30"]]},
    }


def test_public_holidays_and_special_days_are_kept_by_the_calendar_of_the_place(client):
    client.post("/api/v1/locations/", PARIS | {"opening_hours": {}, "closures": []}, format="json")
    calendar = places()["PARIS-1"].calendar

    assert [calendar.is_open(datetime(2026, 12, day, 12, tzinfo=UTC)) for day in (24, 25, 26, 27)] == [
        True,
        False,  # Christmas
        False,  # its own special day
        True,
    ]
    assert not calendar.is_open(datetime(2027, 3, 26, 12, tzinfo=UTC))  # Good Friday, in Alsace only


def test_a_special_day_is_taken_out_by_a_merge_patch(client):
    client.post("/api/v1/locations/", PARIS, format="json")

    patch = {"special_hours": {"2026-12-24": None, "2026-12-31": [["10:00", "17:00"]]}, "holiday_calendar": None}
    changed = client.patch("/api/v1/locations/PARIS-1/", patch, format="json").json()

    assert changed["special_hours"] == {"2026-12-26": [], "2026-12-31": [["10:00", "17:00"]]}
    assert changed["holiday_calendar"] is None


def test_every_change_is_seen_by_those_who_remember_places(client):
    client.post("/api/v1/locations/", PARIS, format="json")
    assert places()["PARIS-1"].daily_capacity == 40

    client.patch("/api/v1/locations/PARIS-1/", {"daily_capacity": 5}, format="json")
    assert places()["PARIS-1"].daily_capacity == 5

    client.delete("/api/v1/locations/PARIS-1/")
    assert places()["PARIS-1"].is_active is False


def test_places_stand_in_the_order_in_which_they_were_made(client):
    rows = [{"code": code, "name": code, "kind": "store"} for code in ("C", "A", "B")]
    client.post("/api/v1/locations/bulk/", rows, format="json")
    client.put("/api/v1/locations/C/", {"name": "changed", "kind": "store"}, format="json")

    assert [row["code"] for row in client.get("/api/v1/locations/").json()["results"]] == ["C", "A", "B"]
    assert list(places()) == ["C", "A", "B"]


def test_bulk_answers_row_by_row(client):
    make_location("OLD")
    rows = [
        PARIS,
        {"code": "OLD", "name": "New name", "kind": "warehouse"},
        {"code": "X", "name": "X", "kind": "bar"},
        PARIS,
    ]

    answer = client.post("/api/v1/locations/bulk/", rows, format="json")

    assert [(row["status"], row.get("code")) for row in answer.json()["results"]] == [
        ("created", None),
        ("updated", None),
        ("rejected", "invalid"),
        ("rejected", "duplicate_in_list"),
    ]
    assert sorted(Location.objects.values_list("code", "name")) == [("OLD", "New name"), ("PARIS-1", "Paris Rivoli")]


@pytest.mark.parametrize(
    "query, found",
    [
        ("kind=warehouse", ["W"]),
        ("country=DE", ["S2"]),
        ("group=paris", ["S1"]),
        ("ability=pickup", ["S1", "S2"]),
        ("q=lyon", ["W"]),
        ("is_active=true", ["S1", "W"]),
    ],
)
def test_lists_are_filtered(client, query, found):
    make_location("S1", groups=["paris"])
    make_location("S2", country="DE", is_active=False)
    make_location("W", kind="warehouse", city="Lyon")

    assert [row["code"] for row in client.get(f"/api/v1/locations/?{query}").json()["results"]] == found


def test_a_filter_that_makes_no_sense_is_refused(client):
    make_locations("S1")

    answer = client.get("/api/v1/locations/?kind=bar")

    assert answer.status_code == 422
    assert pointers(answer) == ["/kind"]
