"""`routing/promises/`, its sums, and what dates are learned from."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from rest_framework.test import APIClient

from routing.models import GivenPromise, LearnedTable
from tests.admin.conftest import administrator
from tests.factories.inventory import make_location
from tests.factories.orders import make_channel, make_key
from tests.inventory.conftest import client, client_with

__all__ = ["administrator", "client", "client_with"]
pytestmark = pytest.mark.django_db
MONDAY = datetime(2026, 3, 2, 9, tzinfo=UTC)
DAY = timedelta(days=1)
LIST, SUMMARY = "/api/v1/routing/promises/", "/api/v1/routing/promises/summary/"


def promised(number, *, outcome="open", location="PARIS", promised_in=2, ended_in=None, **values):
    given_at = values.pop("given_at", MONDAY)
    return GivenPromise(
        reference=f"ful_{number}",
        root=f"ord_{number}",
        location_id=location,
        given_at=given_at,
        release_at=given_at,
        promised_at=given_at + promised_in * DAY,
        expected_at=given_at + promised_in * DAY,
        ended_at=None if ended_in is None else given_at + ended_in * DAY,
        outcome=outcome,
        **{"channel": "web", "method": "ship", "service": "standard", "carrier_service": "post", "hour": 10} | values,
    )


@pytest.fixture(autouse=True)
def ledger(db):
    """Three days later: of PARIS two kept, one a day late, one overdue, one withdrawn; of LYON one that is still open."""
    with time_machine.travel(MONDAY + 3 * DAY, tick=False):
        make_channel()
        make_channel("app")
        make_location("PARIS")
        make_location("LYON")
        GivenPromise.objects.bulk_create(
            [
                promised(1, outcome="kept", ended_in=1, confidence=0.9),
                promised(2, outcome="kept", ended_in=2, hour=17),
                promised(3, outcome="late", ended_in=3, hour=17),
                promised(4),
                promised(5, outcome="withdrawn", ended_in=0.5, carrier_service=""),
                promised(6, location="LYON", promised_in=5, channel="app"),
            ]
        )
        yield


def references(answer):
    assert answer.status_code == 200, answer.json()
    return [row["fulfillment"] for row in answer.json()["results"]]


def test_the_newest_promise_comes_first_page_by_page(client):
    first = client.get(LIST, {"page_size": 4})
    assert references(first) == ["ful_6", "ful_5", "ful_4", "ful_3"]
    assert references(client.get(first.json()["next"])) == ["ful_2", "ful_1"]
    row = client.get(LIST).json()["results"][-1]
    assert (row["order"], row["location"], row["confidence"], row["outcome"]) == ("ord_1", "PARIS", 0.9, "kept")


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({"location": "LYON"}, [6]),
        ({"location": "LYON,PARIS", "outcome": "late"}, [3]),
        ({"outcome": ["late", "withdrawn"]}, [5, 3]),
        ({"carrier_service": "post", "channel": "app"}, [6]),
        ({"given_after": "2026-03-02T10:00:00Z"}, []),
        ({"given_before": "2026-03-02T10:00:00Z", "method": "pickup"}, []),
    ],
)
def test_filters_narrow_the_ledger(client, asked, found):
    assert references(client.get(LIST, asked)) == [f"ful_{number}" for number in found]


@pytest.mark.parametrize("asked", [{"outcome": "lost"}, {"given_after": "yesterday"}, {"colour": "red"}])
def test_what_cannot_be_read_is_refused(client, asked):
    assert client.get(LIST, asked).status_code == 422
    assert client.get(SUMMARY, asked).status_code == 422


@pytest.mark.parametrize(
    ("asked", "fault"),
    [
        ({"location": "PARIS,ATLANTIS"}, ("/location", "unknown_location")),
        ({"group": "gone"}, ("/group", "unknown_group")),
        (
            {"given_after": "2026-03-02T10:00:01Z", "given_before": "2026-03-02T10:00:00Z"},
            ("/given_before", "empty_range"),
        ),
    ],
)
def test_what_can_find_nothing_is_refused(client, asked, fault):
    for address in (LIST, SUMMARY):
        answer = client.get(address, asked)
        assert answer.status_code == 422
        assert [(e["pointer"], e["code"]) for e in answer.json()["errors"]] == [fault]


def test_of_a_place_that_a_key_does_not_see_nothing_more_is_told_than_of_none(client_with):
    store = client_with("routing:read", locations=["LYON"])
    unseen, unknown = (store.get(LIST, {"location": code}) for code in ("PARIS", "ATLANT"))
    assert (unseen.status_code, unknown.status_code) == (422, 422)
    assert unseen.json()["errors"][0]["code"] == unknown.json()["errors"][0]["code"] == "unknown_location"


def test_the_sums_per_place(client):
    answer = client.get(SUMMARY)

    assert answer.json() == {
        "group_by": "location",
        "results": [
            {
                "group": "LYON",
                "given": 1,
                "kept": 0,
                "late": 0,
                "overdue": 0,
                "open": 1,
                "withdrawn": 0,
                "share_kept": None,
                "promised_days": 5.0,
                "late_hours": None,
            },
            {
                "group": "PARIS",
                "given": 5,
                "kept": 2,
                "late": 1,
                "overdue": 1,
                "open": 0,
                "withdrawn": 1,
                "share_kept": 0.5,
                "promised_days": 2.0,
                "late_hours": 24.0,
            },
        ],
    }


@pytest.mark.parametrize(
    ("by", "found"),
    [
        ("hour", {"10": (4, 0.5), "17": (2, 0.5)}),
        ("carrier_service", {"": (1, None), "post": (5, 0.5)}),
        ("month", {"2026-03": (6, 0.5)}),
        ("channel", {"app": (1, None), "web": (5, 0.5)}),
    ],
)
def test_the_sums_of_other_groups(client, by, found):
    results = client.get(SUMMARY, {"group_by": by}).json()["results"]

    assert {row["group"]: (row["given"], row["share_kept"]) for row in results} == found


def test_sums_look_back_ninety_days_unless_asked_for_more(client):
    promised(7, given_at=MONDAY - 100 * DAY, ended_in=1, outcome="kept").save()

    assert sum(row["given"] for row in client.get(SUMMARY).json()["results"]) == 6
    asked = {"given_after": "2025-01-01T00:00:00Z"}
    assert sum(row["given"] for row in client.get(SUMMARY, asked).json()["results"]) == 7
    assert client.get(SUMMARY, {"group_by": "sku"}).json()["errors"][0]["code"] == "unknown_group"


def test_bound_keys_see_their_own(client_with):
    assert references(client_with("routing:read", locations=["LYON"]).get(LIST)) == ["ful_6"]
    app = APIClient()
    app.credentials(HTTP_AUTHORIZATION=f"Bearer {make_key('app', scopes=('routing:read',), channel='app')}")
    assert references(app.get(LIST)) == ["ful_6"]
    assert client_with("routing:read", locations=["LYON"]).get("/api/v1/routing/lead-times/").status_code == 403
    assert client_with("orders:read").get(LIST).status_code == 403


def test_a_page_and_its_sums_are_one_statement_each(client):
    client.get(LIST)
    for address in (LIST, SUMMARY):
        with CaptureQueriesContext(connection) as seen:
            client.get(address)
        assert len([query for query in seen if "givenpromise" in query["sql"]]) == 1


def test_says_what_was_learned_and_how_it_drifts(client):
    assert client.get("/api/v1/routing/lead-times/").json()["version"] is None
    levels = [0.5 + n / 100 for n in range(50)]
    drift = {"method": "ship", "month": "2026-02", "cases": 120, "kept": 0.91, "kept_uncalibrated": 0.86, "days": 2.5}
    table = LearnedTable.objects.create(
        learned_at=MONDAY,
        window_days=180,
        preparations=300,
        transits=200,
        document={"preparation": {}, "transit": {}, "calibrations": {"ship": [120, *levels]}},
        drift=[drift],
    )

    answer = client.get("/api/v1/routing/lead-times/").json()

    assert (answer["version"], answer["preparations"], answer["drift"]) == (table.pk, 300, [drift])
    assert answer["calibrations"] == [{"method": "ship", "cases": 120, "level": 0.9}]


def test_the_back_office_sums_up_what_is_listed(administrator: Client):
    page = administrator.get(reverse("admin:routing_givenpromise_changelist"), {"location__code": "PARIS"})

    assert page.status_code == 200
    text = page.content.decode()
    assert "By carrier service" in text and "50.0 %" in text and "Overdue" in text
    LearnedTable.objects.create(learned_at=MONDAY, window_days=1, preparations=1, transits=1, document={}, drift=[])
    learned = administrator.get(reverse("admin:routing_learnedtable_changelist"))
    assert "2 Mar 09:00" in learned.content.decode()
    assert administrator.get(reverse("admin:routing_datepolicy_add")).status_code == 200
