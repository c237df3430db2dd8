"""The nightly learning: what it reads, what it calibrates on, and what it tells of the months."""

from datetime import UTC, datetime, time, timedelta

import pytest
import time_machine
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from inventory.public_holidays import holidays_of
from oms.cache import bump
from routing.dates import Way
from routing.models import GivenPromise, LeadTimeObservation, LearnedTable, Zone
from routing.queries import RATES, WORKING_DAYS, lead_times
from routing.services.learning import learn_dates
from routing.services.sourcing import Demand, Destination, Line, plan
from routing.tasks import learn_dates as at_night
from tests.factories.inventory import make_locations_of, set_stocks
from tests.factories.orders import make_network

pytestmark = pytest.mark.django_db
TODAY = datetime(2026, 5, 4, 3, tzinfo=UTC)  # a Monday
SAME = {"location": "PARIS", "location_kind": "store", "service": "standard", "carrier_service": "post"}
LANE = {"method": "ship", "origin_area": "FR-75", "destination_area": "FR-69", "configured_days": 2}


@pytest.fixture(autouse=True)
def _network(db):
    with time_machine.travel(TODAY, tick=False):
        make_network()
        yield


def sent(count, *, days_ago, transit, **lane):
    """So many parcels, evenly over these days until three weeks ago; `transit(n)` days each."""
    lane = LANE | lane
    rows = []
    for number in range(count):
        began = TODAY - timedelta(days=days_ago - (days_ago - 21) * number / count)
        left = began + timedelta(minutes=60)
        day = Way(WORKING_DAYS, WORKING_DAYS, holidays_of("FR"), holidays_of("FR")).arrival(
            left.date(), transit(number)
        )
        arrived = max(left, datetime.combine(day, time(12), UTC))
        reference = f"{lane['origin_area']}-{days_ago}-{number}"
        rows += [
            observed("preparation", reference, began, left, 60, hour=9, backlog=0, **lane),
            observed("transit", reference, left, arrived, transit(number), **lane),
        ]
    LeadTimeObservation.objects.bulk_create(rows)


def observed(kind, reference, started_at, observed_at, value, **values):
    values = SAME | values
    return LeadTimeObservation(
        kind=kind, reference=reference, started_at=started_at, observed_at=observed_at, value=value, **values
    )


def test_too_few_cases_are_counted_and_not_calibrated():
    sent(60, days_ago=55, transit=lambda number: 2)

    table = learn_dates(as_of=TODAY)

    assert (table.preparations, table.transits, table.window_days) == (60, 60, 180)
    assert lead_times().level("ship", 0.9) == 0.9
    assert lead_times().carried(("post|FR-75>FR-69", "post=2")).at(0.9) == 2


def test_a_trade_that_becomes_slower_is_calibrated_upwards():
    sent(200, days_ago=170, transit=lambda number: 1 + number % 2)
    sent(150, days_ago=58, transit=lambda number: 1 + number % 4)

    table = learn_dates(as_of=TODAY)

    learned = lead_times()
    assert learned.calibrations["ship"].cases >= 100
    assert learned.level("ship", 0.9) > 0.9
    drift = {row["month"]: row for row in table.drift}
    assert set(drift) == {"2026-03", "2026-04"}
    assert all(row["method"] == "ship" and row["kept"] >= row["kept_uncalibrated"] for row in table.drift)


def test_a_lane_without_a_case_leans_on_lanes_that_are_configured_alike_and_on_no_others():
    """Beyond 300 km eight days are configured. Nothing was ever delivered from the island, but its store is well known."""
    Zone.objects.filter(code="z2").update(transit_days=8)
    with transaction.atomic():
        bump(RATES)
    make_locations_of({"ISLAND": {"latitude": -20.879, "longitude": 55.448, "postal_code": "97400"}})
    set_stocks({("SKU-1", code): units for code, units in {"PARIS": 0, "LYON": 0, "LILLE": 0, "ISLAND": 9}.items()})
    sent(60, days_ago=55, transit=lambda number: 1)
    sent(60, days_ago=55, transit=lambda number: 1, location="ISLAND", origin_area="FR-974")
    LeadTimeObservation.objects.filter(kind="transit", location="ISLAND").delete()
    configured = promise_to_paris()

    learn_dates(as_of=TODAY)
    assert promise_to_paris() == configured == (datetime(2026, 5, 18, 21, 59, tzinfo=UTC), None)

    sent(30, days_ago=55, transit=lambda number: 5, origin_area="FR-69", destination_area="FR-59", configured_days=8)
    learn_dates(as_of=TODAY)
    assert promise_to_paris() == (datetime(2026, 5, 12, 21, 59, tzinfo=UTC), 0.9)


def promise_to_paris():
    line = Line("l1", "SKU-1", 1, weight_g=400)
    there = Destination("FR", "75011", latitude=48.86, longitude=2.38)
    (parcel,) = plan(Demand(channel="web", currency="EUR", lines=(line,), destination=there), as_of=TODAY).parcels
    return parcel.promised_at, parcel.confidence


def test_what_is_still_awaited_makes_dates_later():
    sent(200, days_ago=170, transit=lambda number: 1 + number % 5)
    sent(150, days_ago=58, transit=lambda number: 1 + number % 5)
    learn_dates(as_of=TODAY)
    alone = lead_times().level("ship", 0.8)

    GivenPromise.objects.bulk_create(
        GivenPromise(
            reference=f"ful_{number}",
            root="ord",
            channel="web",
            location_id="PARIS",
            method="ship",
            service="standard",
            carrier_service="post",
            destination_country="FR",
            destination_area="FR-69",
            destination_zone="Europe/Paris",
            configured_days=2,
            given_at=TODAY - timedelta(days=3),
            release_at=TODAY - timedelta(days=3),
            hour=9,
            promised_at=TODAY,
            expected_at=TODAY,
        )
        for number in range(60)
    )
    learn_dates(as_of=TODAY)

    assert lead_times().level("ship", 0.8) > alone


def test_more_history_takes_no_more_statements(settings):
    settings.VERSIONED_CACHE_SECONDS = 3600

    def statements():
        with CaptureQueriesContext(connection) as seen:
            learn_dates(as_of=TODAY)
        return len(seen)

    sent(30, days_ago=50, transit=lambda number: 2)
    learn_dates(as_of=TODAY)  # what is known by heart afterwards
    few = statements()
    sent(300, days_ago=58, transit=lambda number: 2)

    assert statements() == few


def test_old_tables_make_room(monkeypatch):
    for _ in range(32):
        at_night()

    assert LearnedTable.objects.count() == 30


def test_nothing_to_learn_from_is_no_fault():
    table = learn_dates(as_of=TODAY)

    assert (table.preparations, table.document["calibrations"], table.drift) == (0, {}, [])
