"""The nightly report between feeds and ledger: figures worked out by hand, made once a day however often it is made."""

from datetime import UTC, date, datetime, timedelta
from io import StringIO

import pytest
import time_machine
from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import Client
from django.urls import reverse

from inventory.models import ImportFault, RecognizedWork, Reconciliation
from inventory.services.reconciliation import reconcile_day, reconcile_lately
from inventory.tasks import reconcile_stock
from tests.factories.imports import imported, rows
from tests.factories.inventory import make_locations, make_products, set_stocks

pytestmark = pytest.mark.django_db

MONDAY = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def shelves(db, settings, tmp_path):
    settings.IMPORT_DIR = tmp_path
    make_products("A", "B", "C", "D")
    make_locations("S", "T")
    set_stocks({(sku, place): 10 for sku in "ABCD" for place in "ST"})


def told(at, *lines, **values):
    """A file that is sent and applied at that time."""
    with time_machine.travel(at, tick=False):
        done = imported(rows(*lines), **values)
        assert done.status == "completed"
    return done


def figures(**filters):
    names = ("location_id", "imports", "compared", "different", "units_over", "units_under")
    found = Reconciliation.objects.filter(**filters).order_by("date", "source", "location")
    return [(*row, equal) for *row, equal in [(*(getattr(r, n) for n in names), r.equal) for r in found]]


def test_a_day_is_summed_up_by_source_and_place():
    told(MONDAY, "A,S,12", "B,S,10", "C,S,3", "A,T,10", "X,S,5", "D,S,x", source="erp")
    told(MONDAY + timedelta(hours=3), "A,S,12", "D,S,9", source="erp")
    told(MONDAY, "A,T,11", source="wms")

    assert reconcile_day(MONDAY.date(), as_of=MONDAY + DAY) == 3

    # erp at S: A +2, B =, C −7 at noon; A =, D −1 at three. wms at T: A +1.
    assert figures(source="erp") == [("S", 2, 5, 3, 2, 8, 2), ("T", 1, 1, 0, 0, 0, 1)]
    assert figures(source="wms") == [("T", 1, 1, 1, 1, 0, 0)]
    at_s = Reconciliation.objects.get(source="erp", location="S")
    assert at_s.biggest == [
        {"sku": "C", "difference": -7},
        {"sku": "A", "difference": 2},
        {"sku": "D", "difference": -1},
    ]


def test_what_a_snapshot_does_not_name_is_compared_with_zero():
    told(MONDAY, "A,S,10", source="erp", mode="snapshot", location="S")

    reconcile_day(MONDAY.date(), as_of=MONDAY + DAY)

    assert figures() == [("S", 1, 4, 3, 0, 30, 1)]


def test_the_trend_is_told_against_the_report_before():
    told(MONDAY, "A,S,15", "B,S,5", source="erp")
    told(MONDAY + 2 * DAY, "A,S,16", "B,S,5", source="erp")
    told(MONDAY + 3 * DAY, "A,S,17", "B,S,5", source="erp")
    told(MONDAY + 4 * DAY, "A,S,17", "B,S,9", source="erp")
    for days in range(6):
        reconcile_day(MONDAY.date() + days * DAY, as_of=MONDAY + 9 * DAY)

    found = [(row.date.day, row.units_off, row.trend) for row in Reconciliation.objects.order_by("date")]
    assert found == [(2, 10, "new"), (4, 1, "better"), (5, 1, "same"), (6, 4, "worse")]
    last = Reconciliation.objects.latest("date")
    assert (last.before_date, last.before_compared, last.before_different) == (date(2026, 3, 5), 2, 1)


def test_made_again_it_says_the_same_and_made_late_it_says_all():
    told(MONDAY, "A,S,12", source="erp")
    reconcile_day(MONDAY.date(), as_of=MONDAY + DAY)
    reconcile_day(MONDAY.date(), as_of=MONDAY + DAY)
    assert figures() == [("S", 1, 1, 1, 2, 0, 0)]

    told(MONDAY + timedelta(hours=11, minutes=59), "B,S,9", source="erp")
    told(MONDAY + timedelta(hours=12), "C,S,9", source="erp")  # midnight: another day
    assert reconcile_lately(as_of=MONDAY + 2 * DAY) == 2

    assert figures() == [("S", 2, 2, 2, 2, 1, 0), ("S", 1, 1, 1, 0, 1, 0)]
    assert Reconciliation.objects.latest("date").date == date(2026, 3, 3)


def test_a_day_without_files_has_no_report():
    assert reconcile_day(MONDAY.date(), as_of=MONDAY + DAY) == 0
    assert not Reconciliation.objects.exists()


def test_it_is_made_at_night_and_by_a_command(settings):
    told(MONDAY, "A,S,12", "X,S,1", source="erp")
    RecognizedWork.objects.create(reference="1", sku="A", location_id="S", quantity=1, updated_at=MONDAY - 200 * DAY)
    RecognizedWork.objects.create(reference="2", sku="A", location_id="S", quantity=1, updated_at=MONDAY)
    with time_machine.travel(MONDAY + DAY):
        reconcile_stock()
    assert figures() == [("S", 1, 1, 1, 2, 0, 0)]
    assert list(RecognizedWork.objects.values_list("reference", flat=True)) == ["2"]
    assert ImportFault.objects.count() == 1
    with time_machine.travel(MONDAY + 91 * DAY):
        reconcile_stock()
    assert not ImportFault.objects.exists()

    Reconciliation.objects.all().delete()
    said = StringIO()
    call_command("reconcile_stock", date=MONDAY.date(), stdout=said)
    assert said.getvalue() == "1 reports of 2026-03-02\n"
    assert figures() == [("S", 1, 1, 1, 2, 0, 0)]


# ---- over the API, and in the back office ------------------------------------------------------------


@pytest.fixture
def nights():
    told(MONDAY, "A,S,12", "B,S,10", "A,T,10", source="erp")
    told(MONDAY + DAY, "A,S,13", "B,S,7", source="erp")
    told(MONDAY + DAY, "A,T,11", source="wms")
    for days in range(2):
        reconcile_day(MONDAY.date() + days * DAY, as_of=MONDAY + 2 * DAY)


URL = "/api/v1/stock/reconciliations/"


@pytest.mark.usefixtures("nights")
def test_reports_are_listed_latest_first(client):
    found = client.get(URL).json()["results"]

    assert [(row["date"], row["source"], row["location"]) for row in found] == [
        ("2026-03-03", "wms", "T"),
        ("2026-03-03", "erp", "S"),
        ("2026-03-02", "erp", "T"),
        ("2026-03-02", "erp", "S"),
    ]
    assert found[1] == {
        "date": "2026-03-03",
        "source": "erp",
        "location": "S",
        "imports": 1,
        "compared": 2,
        "equal": 0,
        "different": 2,
        "units_over": 1,
        "units_under": 3,
        "biggest": [{"sku": "B", "difference": -3}, {"sku": "A", "difference": 1}],
        "trend": "worse",
        "before": {"date": "2026-03-02", "compared": 2, "different": 1, "units_off": 2},
        "made_at": "2026-03-04T12:00:00+00:00",
    }
    assert found[3]["before"] is None and found[3]["trend"] == "new"


@pytest.mark.usefixtures("nights")
@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("?source=wms", 1),
        ("?location=S", 2),
        ("?date=2026-03-02", 2),
        ("?date_from=2026-03-03", 2),
        ("?date_until=2026-03-03", 2),
        ("?differs=true", 3),
        ("?differs=false", 1),
        ("?source=erp,wms&location=T&differs=true", 1),
    ],
)
def test_reports_are_narrowed_down(client, query, expected):
    assert len(client.get(URL + query).json()["results"]) == expected


@pytest.mark.usefixtures("nights")
def test_who_is_bound_to_places_sees_those(client_with):
    bound = client_with(locations=["T"])

    assert {row["location"] for row in bound.get(URL).json()["results"]} == {"T"}
    assert client_with("catalog:read").get(URL).status_code == 403


@pytest.mark.usefixtures("nights")
def test_staff_read_them_as_pages(django_assert_max_num_queries):
    staff = Client()
    staff.force_login(User.objects.create_superuser("root", password="x"))

    with django_assert_max_num_queries(12):
        listed = staff.get(reverse("admin:inventory_reconciliation_changelist"), {"differs": "yes"}).content.decode()
    row = Reconciliation.objects.get(date=date(2026, 3, 3), source="erp")
    shown = staff.get(reverse("admin:inventory_reconciliation_change", args=[row.pk])).content.decode()

    assert "worse" in listed and "50.0" in listed
    for words in ("Biggest differences", "2 of 2 differ (100.0 %), 4 units", "inventory/stockmovement/?q=B"):
        assert words in shown
    assert shown.count("<rect") == 4
