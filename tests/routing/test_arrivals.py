"""Preparation and transit convolved on the calendars, beside every pair of them walked by itself."""

from collections import Counter
from datetime import UTC, date, datetime, time, timedelta
from itertools import product
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inventory.hours import WEEKDAYS, Calendar
from inventory.public_holidays import holidays_of
from routing.dates import Way, arrivals, leaving_day, leaving_days
from routing.leadtimes import MINUTES, Cumulative
from routing.queries import WORKING_DAYS, CarrierTerms
from tests.routing.test_dates import shop

AROUND_THE_CLOCK_CHANGE = datetime(2026, 3, 26, tzinfo=UTC)
OPENINGS = ((("09:00", "19:00"),), (("10:00", "12:30"), ("14:00", "18:00")), (("00:00", "24:00"),), ())
CLOCKS = st.none() | st.integers(0, 23).map(time)


@st.composite
def places(draw):
    week = {day: draw(st.sampled_from(OPENINGS)) for day in WEEKDAYS} | {draw(st.sampled_from(WEEKDAYS)): OPENINGS[0]}
    closed_from = AROUND_THE_CLOCK_CHANGE + timedelta(hours=draw(st.integers(-48, 240)))
    closures = [(closed_from, closed_from + timedelta(hours=draw(st.integers(0, 60))))]
    zone = draw(st.sampled_from(["Europe/Paris", "America/New_York", "Asia/Tokyo"]))
    own = draw(CLOCKS)
    calendar = Calendar(zone, week, closures, holidays=holidays_of("FR"))
    return shop(timezone=zone, calendar=calendar, cut_off=own and f"{own:%H:%M}")


def counted(slots: list[int]) -> Cumulative:
    return Cumulative.of({slot: cases / len(slots) for slot, cases in Counter(slots).items()})


DAYS_OF_CARRIERS = st.sets(st.integers(0, 6), min_size=1).map(frozenset)
SLOTS = st.lists(st.integers(0, 45), min_size=1, max_size=12)  # up to seven days of open time
TRANSITS = st.lists(st.integers(0, 9), min_size=1, max_size=12)


@given(places(), st.integers(0, 14 * 24 * 60), CLOCKS, SLOTS, TRANSITS, DAYS_OF_CARRIERS, DAYS_OF_CARRIERS)
@settings(max_examples=150, deadline=None)
def test_the_sum_is_every_pair_walked_by_itself(place, minutes, cut_off, slots, transits, fetches, moves):
    released = AROUND_THE_CLOCK_CHANGE + timedelta(minutes=minutes)
    way = Way(fetches, moves, holidays_of("FR"), holidays_of("DE"), place.calendar)

    leaving = leaving_days(place, "standard", cut_off, released, counted(slots))
    times = arrivals(leaving, counted(transits), way)

    left = [leaving_day(place, "standard", cut_off, released, MINUTES[slot]) for slot in slots]
    days = Counter(way.arrival(day, taken).toordinal() for day, taken in product(left, transits))
    if max(left) - released.date() < timedelta(days=65):  # beyond its horizon all days are one
        pairs = len(slots) * len(transits)
        assert leaving == pytest.approx({day: share / len(slots) for day, share in Counter(left).items()})
        for day in days:
            assert times.by(day) == pytest.approx(sum(n for other, n in days.items() if other <= day) / pairs)


@settings(deadline=None)
@given(st.dates(date(2026, 1, 1), date(2027, 12, 1)), st.integers(0, 30), DAYS_OF_CARRIERS, DAYS_OF_CARRIERS, places())
def test_the_days_taken_are_the_fewest_that_keep_the_promise(ready, later, fetches, moves, place):
    way = Way(fetches, moves, holidays_of("FR"), holidays_of("DE"), place.calendar)
    arrived = ready + timedelta(days=later)

    taken = way.days_taken(ready, arrived)

    assert way.arrival(ready, taken) >= arrived
    assert taken == 0 or way.arrival(ready, taken - 1) < arrived


def test_a_carrier_that_works_on_saturdays_is_there_sooner():
    friday = date(2026, 3, 6)
    saturdays = frozenset(range(6))

    assert Way(WORKING_DAYS, WORKING_DAYS).arrival(friday, 1) == date(2026, 3, 9)
    assert Way(WORKING_DAYS, saturdays).arrival(friday, 1) == date(2026, 3, 7)
    assert Way(frozenset({1}), saturdays).arrival(friday, 1) == date(2026, 3, 11)  # fetched on Tuesday


def test_a_place_that_never_opens_again_sends_nothing():
    assert leaving_days(shop({"mon": []}), "standard", None, AROUND_THE_CLOCK_CHANGE, counted([3])) == {}


def test_what_is_ready_at_midnight_before_a_closed_day_leaves_on_the_next_open_one():
    place = shop({"wed": [["00:00", "24:00"]], "fri": [["09:00", "19:00"]]})
    wednesday = datetime(2026, 3, 4, 0, tzinfo=ZoneInfo("Europe/Paris"))

    assert leaving_day(place, "standard", None, wednesday, 24 * 60) == date(2026, 3, 6)
    assert leaving_day(place, "standard", None, wednesday, 24 * 60 - 1) == date(2026, 3, 4)


def test_the_usual_terms_are_monday_to_friday():
    assert CarrierTerms() == CarrierTerms(None, frozenset(range(5)), frozenset(range(5)))
