"""A carrier takes nothing from behind closed doors. In 2026 the 28th of November is a Saturday."""

from collections import Counter
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
import time_machine
from hypothesis import given, settings
from hypothesis import strategies as st

from inventory.hours import WEEKDAYS, Calendar
from inventory.public_holidays import holidays_of
from inventory.queries import places
from routing.dates import Way, arrivals, leaving_days, ship_promise
from routing.leadtimes import MINUTES, Cumulative, slot_of
from routing.models import GivenPromise
from routing.queries import CarrierTerms, Policy
from routing.services import sourcing
from routing.services.promise_ledger import transit_of
from routing.services.sourcing import Demand, Destination, Line, order_by
from tests.factories.inventory import make_location, set_stock
from tests.factories.orders import PARIS, make_network
from tests.inventory.conftest import client, client_with
from tests.inventory.wall_clock import Oracle, is_over_at, utc
from tests.routing.test_dates import shop

__all__ = ["client", "client_with"]
MINUTE = timedelta(minutes=1)
TUESDAY_TO_SATURDAY = {day: [("10:00", "19:00")] for day in ("tue", "wed", "thu", "fri", "sat")}
DAILY = {day: [("10:00", "19:00")] for day in WEEKDAYS}


def local(text: str, zone: str = "Europe/Paris") -> datetime:
    return datetime.fromisoformat(f"2026-{text}").replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


def arrives(released, hours, *, transit=1, carrier=None, country="FR", zone="Europe/Paris", cut_off="15:00", **more):
    """The day, by the calendar of the place, on which it is promised to a country without holidays."""
    calendar = Calendar(zone, hours, **more)
    place = shop(timezone=zone, calendar=calendar, country=country, cut_off=cut_off, preparation_minutes=60)
    promised = ship_promise(
        place, Policy(), service="standard", carrier=carrier or CarrierTerms(), transit_days=transit,
        release_at=local(released, zone), destination_zone=ZoneInfo(zone),
    )  # fmt: skip
    return f"{promised.astimezone(ZoneInfo(zone)):%m-%d}"


@pytest.mark.parametrize("released", ["11-28 11:00", "11-28 16:00", "11-29 12:00", "11-30 12:00", "12-01 15:00"])
def test_the_parcels_of_a_weekend_wait_for_the_place_to_open(released):
    assert arrives(released, TUESDAY_TO_SATURDAY) == "12-02"  # fetched on Tuesday


@pytest.mark.parametrize(("released", "arrival"), [("11-27 15:00", "11-30"), ("11-27 15:01", "12-02")])
def test_what_is_in_time_on_the_last_day_of_the_carrier_is_not_kept_over_the_weekend(released, arrival):
    assert arrives(released, TUESDAY_TO_SATURDAY) == arrival


@pytest.mark.parametrize(
    ("closed", "arrival"),
    [
        (("11-30 00:00", "12-03 00:00"), "12-04"),  # its own, of three days
        (("11-29 12:00", "2026-12-21 00:00"), "12-22"),  # long: Monday, the 21st, is the first day after it
        (("11-30 12:00", "12-03 00:00"), "12-01"),  # begins at noon: on Monday somebody is there
        (("11-30 00:00", "11-30 18:00"), "12-01"),  # ends before the day does
    ],
)
def test_nothing_is_fetched_during_a_closure(closed, arrival):
    span = tuple(local(end.removeprefix("2026-")) for end in closed)

    assert arrives("11-28 11:00", DAILY, closures=[span]) == arrival


def test_special_hours_open_and_close_a_day_for_the_carrier():
    assert arrives("11-28 11:00", TUESDAY_TO_SATURDAY, special={"2026-11-30": [("10:00", "12:00")]}) == "12-01"
    assert arrives("11-28 11:00", DAILY, special={"2026-11-30": []}) == "12-02"


@pytest.mark.parametrize(
    ("region", "country", "special", "arrival"),
    [
        ("FR-6AE", "FR", {}, "12-29"),  # in Alsace the 26th is one, too: fetched on Monday
        ("FR", "FR", {}, "12-28"),  # fetched on Saturday
        ("", "FR", {}, "12-28"),  # open on Christmas Day, when the carrier is not
        ("", "ZZ", {}, "12-26"),  # nobody keeps it
        ("FR", "ZZ", {}, "12-28"),  # the place does, the carrier does not
        ("FR", "FR", {"2026-12-25": [("10:00", "12:00")]}, "12-28"),  # special hours do not bring the carrier
    ],
)
def test_holidays_of_the_place_and_of_the_carrier_both_count(region, country, special, arrival):
    to_saturday = CarrierTerms(None, frozenset(range(6)), frozenset(range(6)))
    hours = {day: DAILY[day] for day in WEEKDAYS[:6]}
    released = "12-24 16:00"  # Thursday after the cut-off

    promised = arrives(
        released, hours, carrier=to_saturday, country=country, special=special, holidays=holidays_of(region)
    )

    assert promised == arrival


def test_a_place_without_hours_is_there_whenever_the_carrier_comes():
    assert arrives("11-28 11:00", {}) == "12-01"


def test_the_day_is_the_places_own():
    """In Auckland it is Monday already when Paris has Sunday; the place is closed on its own Mondays."""
    assert arrives("11-28 11:00", TUESDAY_TO_SATURDAY, zone="Pacific/Auckland", country="ZZ") == "12-02"
    assert arrives("11-28 11:00", TUESDAY_TO_SATURDAY, zone="Pacific/Honolulu", country="ZZ") == "12-02"


def test_what_arrives_on_the_same_day_asks_no_carriers_day():
    assert arrives("11-28 11:00", TUESDAY_TO_SATURDAY, transit=0) == "11-28"


def test_a_carrier_that_never_comes_while_somebody_is_there_has_a_date_all_the_same():
    """By its own days, as the clock of a place that never opens runs by the wall."""
    assert arrives("11-28 11:00", {"sat": [("10:00", "19:00")]}) == "12-01"
    assert Way(frozenset({0}), frozenset(range(5)), doors=Calendar("UTC", {"tue": []})).start(
        date(2026, 11, 28)
    ) == date(2026, 11, 30)  # fmt: skip


# ---- learned ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("released", ["11-28 11:00", "11-28 16:00", "11-29 12:00"])
def test_learned_dates_of_saturday_and_sunday_are_the_same(released):
    place = shop(TUESDAY_TO_SATURDAY, cut_off="15:00")
    hour = Cumulative((slot_of(60),), (1.0,))

    leaving = leaving_days(place, "standard", None, local(released), hour)
    times = arrivals(leaving, Cumulative((1, 2), (0.5, 1.0)), Way.of(CarrierTerms(), place, ""))

    assert [date.fromordinal(day) for day in times.keys] == [date(2026, 12, 2), date(2026, 12, 3)]


@pytest.mark.django_db
@pytest.mark.parametrize("handed_over", ["11-27 12:00", "11-28 12:00", "11-30 12:00", "12-01 12:00"])
@pytest.mark.parametrize("days", [1, 2, 3])
def test_what_arrives_as_promised_teaches_the_days_it_was_promised_with(handed_over, days):
    make_location("WD-A", opening_hours=TUESDAY_TO_SATURDAY, **PARIS)
    place, handed_over_at = places()["WD-A"], local(handed_over)
    day = Way.of(CarrierTerms(), place, "FR").arrival(handed_over_at.date(), days)
    given = GivenPromise(location_id="WD-A", destination_country="FR", destination_zone="Europe/Paris")

    taught = transit_of(given, handed_over_at=handed_over_at, delivered_at=datetime.combine(day, time(12), UTC))

    assert taught.value == days


# ---- told ------------------------------------------------------------------------------------------


@pytest.fixture
def closed_on_mondays(db):
    with time_machine.travel(local("11-28 11:00"), tick=False):
        make_network(lyon=0, lille=0)
        make_location("PARIS", opening_hours=DAILY, cut_off="15:00", preparation_minutes=60, **PARIS)
        yield


def _told(client):
    body = {
        "channel": "web",
        "lines": [{"sku": "SKU-1", "quantity": 1}],
        "destination": {"country": "FR", "postal_code": "75011", "latitude": 48.86, "longitude": 2.38},
    }
    return client.post("/api/v1/routing/plan/", body, format="json").json()["fulfillments"][0]["promised_at"]


@pytest.mark.django_db
def test_hours_that_are_changed_change_the_date(client, closed_on_mondays):
    before = _told(client)

    answer = client.patch("/api/v1/locations/PARIS/", {"opening_hours": {**DAILY, "mon": []}}, format="json")

    assert answer.status_code == 200, answer.json()
    assert (before, _told(client)) == ("2026-12-01T22:59:00+00:00", "2026-12-02T22:59:00+00:00")


@pytest.mark.django_db
@pytest.mark.parametrize("asked", ["11-28 16:00", "11-29 12:00", "11-30 12:00", "12-01 09:00"])
def test_the_countdown_ends_where_the_date_changes(closed_on_mondays, asked):
    make_location("PARIS", opening_hours=TUESDAY_TO_SATURDAY, cut_off="15:00", preparation_minutes=60, **PARIS)
    set_stock("SKU-1", "PARIS", 5)

    def planned(at):
        line = Line("l1", "SKU-1", 1)
        whereto = Destination("FR", "75011", latitude=48.86, longitude=2.38)
        return sourcing.plan(Demand(channel="web", currency="EUR", lines=(line,), destination=whereto), as_of=at)

    first = planned(local(asked))
    until = order_by(first)

    assert until == local("12-01 15:00")
    assert first.promised_at == planned(until).promised_at == local("12-02 23:59")
    assert planned(until + MINUTE).promised_at == local("12-03 23:59")


# ---- against a walk through the days ---------------------------------------------------------------

DAYS = 13
STARTS = [
    *(("Europe/Paris", "2026-12-21", "FR"), ("Europe/Paris", "2026-03-26", "FR"), ("Europe/Paris", "2026-10-23", "")),
    *(("America/New_York", "2026-11-23", "US"), ("Australia/Lord_Howe", "2026-04-01", "AU")),
    ("America/Sao_Paulo", "2018-02-14", "BR"),
]
OPENINGS = ((("09:00", "19:00"),), (("10:00", "12:30"), ("14:00", "18:00")), (("00:00", "24:00"),), (), ())
CARRIERS_DAYS = st.sets(st.integers(0, 6), min_size=1).map(frozenset)
CUT_OFFS = st.none() | st.integers(0, 23).map(lambda hour: hour * 60)


@st.composite
def parcels(draw):
    zone, begins, country = draw(st.sampled_from(STARTS))
    start = utc(f"{begins} 00:00")
    days = [(start + timedelta(days=number)).date() for number in range(DAYS)]
    week = {day: draw(st.sampled_from(OPENINGS)) for day in WEEKDAYS} | {draw(st.sampled_from(WEEKDAYS)): OPENINGS[0]}
    from_at = start + timedelta(hours=draw(st.integers(0, 24 * 6)))
    hours = {
        "week": week,
        "closures": draw(st.sampled_from([[], [(from_at, from_at + timedelta(hours=draw(st.integers(1, 120))))]])),
        "special": {draw(st.sampled_from(days)).isoformat(): draw(st.sampled_from(OPENINGS))},
        "holidays": frozenset(draw(st.sets(st.sampled_from(days), max_size=2))),
    }
    released = start + draw(st.integers(0, 3 * 24 * 60)) * MINUTE
    return zone, start, country, hours, released


def _clock(minute: int | None) -> time | None:
    return None if minute is None else time(minute // 60)


@settings(max_examples=250, deadline=None)
@given(parcels(), CUT_OFFS, CUT_OFFS, st.integers(1, 600), st.integers(1, 3), CARRIERS_DAYS, CARRIERS_DAYS)
def test_a_promise_is_what_a_walk_through_the_days_finds(parcel, own, carriers, work, transit, fetches, moves):
    zone, start, country, hours, released = parcel
    calendar = Calendar(zone, hours["week"], hours["closures"], hours["special"], hours["holidays"])
    own_text = _clock(own) and f"{_clock(own):%H:%M}"
    place = shop(timezone=zone, calendar=calendar, country=country, cut_off=own_text, preparation_minutes=work)
    oracle = Oracle(zone, start, DAYS, **hours)
    expected = _walked(oracle, country, released, own, carriers, work, transit, fetches, moves)
    if expected is None:
        return

    promised = ship_promise(
        place, Policy(), service="standard", carrier=CarrierTerms(_clock(carriers), fetches, moves),
        transit_days=transit, release_at=released, destination_zone=oracle.zone, destination_country=country,
    )  # fmt: skip

    assert promised.astimezone(oracle.zone).date() == expected


def _walked(oracle, country, released, own, carriers, work, transit, fetches, moves) -> date | None:
    """Day by day; None where it leads out of the days that the oracle knows."""
    open_days, off = set(map(oracle.day_of, oracle.open)), holidays_of(country)
    ready = oracle.done_at(released, work)
    if ready is None:
        return None
    day = oracle.day_of(ready)
    if _is_over(oracle, day, carriers, ready) or (
        oracle.day_of(released) == day and _is_over(oracle, day, own, released)
    ):
        day += timedelta(days=1)
    while day.weekday() not in fetches or day in off or day not in open_days:
        day += timedelta(days=1)
        if day not in oracle.wall and day > max(oracle.wall):
            return None
    while transit:
        day += timedelta(days=1)
        transit -= day.weekday() in moves and day not in off
    return day


def _is_over(oracle, day, minute, at) -> bool:
    if minute is None or day not in oracle.wall:
        return False
    over = is_over_at(oracle.wall[day], minute)
    return over is not None and at > over


@settings(max_examples=100, deadline=None)
@given(parcels(), st.integers(0, 30), st.lists(st.integers(1, 6), min_size=1, max_size=5), CARRIERS_DAYS)
def test_learned_and_configured_take_the_same_days(parcel, slot, transits, fetches):
    zone, _start, country, hours, released = parcel
    calendar = Calendar(zone, hours["week"], hours["closures"], hours["special"], hours["holidays"])
    place = shop(timezone=zone, calendar=calendar, country=country)
    carrier = CarrierTerms(None, fetches)
    transit = Cumulative.of({days: cases / len(transits) for days, cases in Counter(transits).items()})

    leaving = leaving_days(place, "standard", None, released, Cumulative((slot,), (1.0,)))
    times = arrivals(leaving, transit, Way.of(carrier, place, country))

    promised = [
        ship_promise(
            place, Policy(prepare_minutes=MINUTES[slot]), service="standard", carrier=carrier, transit_days=days,
            release_at=released, destination_zone=ZoneInfo("UTC"), destination_country=country,
        ).date()
        for days in sorted(set(transits))
    ]  # fmt: skip
    assert [date.fromordinal(day) for day in times.keys] == promised
