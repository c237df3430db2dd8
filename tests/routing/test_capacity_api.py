from datetime import date, timedelta

import pytest

from inventory.hours import WEEKDAYS
from oms.clock import now
from routing.models import CapacityDay
from tests.factories.inventory import make_location

pytestmark = pytest.mark.django_db

CHRISTMAS = "/api/v1/locations/PARIS/capacity/?from=2026-12-24&to=2026-12-26"


@pytest.fixture
def paris():
    hours = dict.fromkeys(WEEKDAYS[:6], (("10:00", "19:00"),))
    return make_location("PARIS", daily_capacity=3, opening_hours=hours, holiday_calendar="FR")


def test_shows_what_is_booked_and_left_day_by_day(client, paris):
    CapacityDay.objects.create(location_id="PARIS", date=date(2026, 12, 24), booked=2)
    CapacityDay.objects.create(location_id="PARIS", date=date(2026, 12, 26), booked=5)  # forced, beyond what it can

    assert client.get(CHRISTMAS).json() == {
        "location": "PARIS",
        "timezone": "Europe/Paris",
        "daily_capacity": 3,
        "days": [
            {"date": "2026-12-24", "is_open": True, "capacity": 3, "booked": 2, "left": 1},
            {"date": "2026-12-25", "is_open": False, "capacity": 0, "booked": 0, "left": 0},
            {"date": "2026-12-26", "is_open": True, "capacity": 3, "booked": 5, "left": 0},
        ],
    }


def test_nothing_is_counted_where_nothing_limits_the_place(client):
    make_location("PARIS", daily_capacity=None)

    days = client.get(CHRISTMAS).json()["days"]

    assert [(day["capacity"], day["booked"], day["left"]) for day in days] == [(None, 0, None)] * 3


def test_shows_two_weeks_from_today_where_the_place_is(client):
    make_location("APIA", timezone="Pacific/Apia")
    today = (now() + timedelta(hours=13)).date()  # Samoa is thirteen hours ahead

    days = client.get("/api/v1/locations/APIA/capacity/").json()["days"]

    assert [days[0]["date"], days[-1]["date"]] == [str(today), str(today + timedelta(days=13))]


@pytest.mark.parametrize(
    ("query", "pointer", "code"),
    [
        ("from=tomorrow", "/from", "not_a_day"),
        ("from=0001-01-01", "/from", "not_a_day"),
        ("from=9999-12-31", "/from", "not_a_day"),
        ("from=2026-12-24&to=2026-12-23", "/to", "ends_before_it_begins"),
        ("from=2026-01-01&to=2027-01-02", "/to", "too_many_days"),
    ],
)
def test_days_that_make_no_sense_are_refused(client, paris, query, pointer, code):
    answer = client.get(f"/api/v1/locations/PARIS/capacity/?{query}")

    assert answer.status_code == 422
    assert [(error["pointer"], error["code"]) for error in answer.json()["errors"]] == [(pointer, code)]


def test_a_year_is_one_statement(client, paris, django_assert_max_num_queries):
    with django_assert_max_num_queries(4):  # two versions, the places, the days
        client.get("/api/v1/locations/PARIS/capacity/?from=2026-01-01&to=2026-12-31")


def test_a_caller_sees_their_own_places_only(client_with, paris):
    assert client_with("catalog:read", locations=["PARIS"]).get(CHRISTMAS).status_code == 200
    assert client_with("catalog:read", locations=["LYON"]).get(CHRISTMAS).status_code == 404
    assert client_with("stock:read").get(CHRISTMAS).status_code == 403
    assert client_with("all").get("/api/v1/locations/NOWHERE/capacity/").status_code == 404
