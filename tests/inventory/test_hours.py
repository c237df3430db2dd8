"""Opening hours by example; `test_clock_changes.py` holds them against an oracle."""

import timeit
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from inventory.calendars import calendar_of
from inventory.hours import Calendar, NeverOpen, minutes_of

MINUTE = timedelta(minutes=1)
PARIS = ZoneInfo("Europe/Paris")
SHOP = {day: [("10:00", "13:00"), ("14:00", "19:00")] for day in ("mon", "tue", "wed", "thu", "fri", "sat")}


def paris(text):
    return datetime.fromisoformat(text).replace(tzinfo=PARIS)


def utc(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


# ---- by example --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "at, is_open, opens",
    [
        ("2026-03-02 09:59", False, "2026-03-02 10:00"),
        ("2026-03-02 10:00", True, "2026-03-02 10:00"),
        ("2026-03-02 13:00", False, "2026-03-02 14:00"),
        ("2026-03-02 18:59", True, "2026-03-02 18:59"),
        ("2026-03-07 19:00", False, "2026-03-09 10:00"),  # Saturday evening: Monday
    ],
)
def test_knows_when_it_is_open_and_when_it_opens(at, is_open, opens):
    shop = Calendar("Europe/Paris", SHOP)

    assert shop.is_open(paris(at)) is is_open
    assert shop.next_opening(paris(at)) == paris(opens)


@pytest.mark.parametrize(
    "start, minutes, end",
    [
        ("2026-03-02 10:00", 60, "2026-03-02 11:00"),
        ("2026-03-02 12:30", 60, "2026-03-02 14:30"),  # over lunch
        ("2026-03-02 18:30", 30, "2026-03-02 19:00"),  # ends with the day
        ("2026-03-02 18:30", 31, "2026-03-03 10:01"),
        ("2026-03-07 18:00", 120, "2026-03-09 11:00"),  # over Sunday
        ("2026-03-01 12:00", 0, "2026-03-02 10:00"),  # nothing to do, but nobody there to do it
    ],
)
def test_counts_only_open_time(start, minutes, end):
    shop = Calendar("Europe/Paris", SHOP)

    assert shop.add_open_time(paris(start), minutes * MINUTE) == paris(end)


def test_no_hours_mean_always_open():
    depot = Calendar("Europe/Paris")
    at = utc("2026-03-01 03:00")

    assert depot.is_open(at)
    assert depot.next_opening(at) == at
    assert depot.add_open_time(at, timedelta(days=3)) == at + timedelta(days=3)
    assert depot.open_time_between(at, at + timedelta(days=3)) == timedelta(days=3)


def test_closures_are_cut_out_even_of_places_without_hours():
    strike = (utc("2026-03-01 04:00"), utc("2026-03-01 06:00"))
    depot = Calendar("UTC", {}, [strike])

    assert not depot.is_open(utc("2026-03-01 04:00"))
    assert depot.next_opening(utc("2026-03-01 05:00")) == utc("2026-03-01 06:00")
    assert depot.add_open_time(utc("2026-03-01 03:00"), timedelta(hours=2)) == utc("2026-03-01 07:00")


def test_a_stored_closure_that_utc_cannot_tell_is_for_ever_and_stops_no_other_place():
    closures = [
        {"from_at": "0001-01-01T00:00:00+14:00", "until_at": "2026-03-01T00:00:00Z"},
        {"from_at": "2026-04-01T00:00:00Z", "until_at": "9999-12-31T23:59:59-12:00"},
    ]

    place = calendar_of("Europe/Paris", {}, closures)

    assert not place.is_open(utc("2026-02-28 12:00"))
    assert place.is_open(utc("2026-03-15 12:00"))
    assert not place.is_open(utc("2100-01-01 12:00"))


def test_a_night_is_two_intervals_that_meet_at_midnight():
    bar = Calendar("Europe/Paris", {"fri": [("22:00", "24:00")], "sat": [("00:00", "02:00")]})

    assert bar.is_open(paris("2026-03-07 00:00"))
    assert bar.add_open_time(paris("2026-03-06 23:00"), timedelta(hours=2)) == paris("2026-03-07 01:00")
    assert bar.open_time_between(paris("2026-03-06 00:00"), paris("2026-03-08 00:00")) == timedelta(hours=4)


def test_the_night_the_clocks_go_forward_is_an_hour_shorter():
    all_day = Calendar("Europe/Paris", {"sun": [("00:00", "24:00")]})

    assert all_day.open_time_between(paris("2026-03-28 12:00"), paris("2026-03-30 12:00")) == timedelta(hours=23)


def test_the_night_the_clocks_go_back_is_an_hour_longer():
    bar = Calendar("Europe/Paris", {"sun": [("01:00", "02:30")]})

    assert bar.open_time_between(paris("2026-10-24 12:00"), paris("2026-10-26 12:00")) == timedelta(hours=2.5)
    assert bar.is_open(utc("2026-10-25 01:15"))  # 02:15, shown for the second time


def test_a_time_that_clocks_skip_counts_as_much_later():
    bar = Calendar("Europe/Paris", {"sun": [("02:15", "05:00")]})

    assert bar.next_opening(paris("2026-03-29 00:00")) == utc("2026-03-29 01:15")  # 03:15


def test_a_place_closed_for_good_says_so():
    closed = Calendar("UTC", SHOP, [(utc("2026-01-01 00:00"), utc("2099-01-01 00:00"))])
    at = utc("2026-03-01 12:00")

    assert closed.next_opening(at) is None
    assert closed.open_time_between(at, at + timedelta(days=30)) == timedelta(0)
    with pytest.raises(NeverOpen):
        closed.add_open_time(at, MINUTE)


@pytest.mark.parametrize("closed_days", [0, 300, 700, 731, 732, 733, 900, 30_000])
@pytest.mark.parametrize("weekly", [{}, SHOP, {"sun": [("02:15", "05:00")]}, {"mon": []}])
def test_whether_it_opens_again_is_whether_a_next_opening_is_found(weekly, closed_days):
    start = utc("2026-03-05 11:30")
    place = Calendar("Europe/Paris", weekly, [(start, start + timedelta(days=closed_days))])

    for _again in range(2):  # what was found is remembered
        for days in (-3, -0.001, 0, 0.1, 0.5, 30, 200, 366, 500, 1000):
            at = start + timedelta(days=days)
            assert place.opens_again(at) is (place.next_opening(at) is not None)
            within = [at + timedelta(days=later) for later in range(0, 367, 6)]
            if place.keeps_opening(at):
                assert all(map(place.opens_again, within))


def test_a_place_without_hours_keeps_opening():
    assert Calendar("UTC").opens_again(utc("2026-03-01 12:00")) and Calendar("UTC").keeps_opening(
        utc("2026-03-01 12:00")
    )


def test_the_end_of_the_calendar_is_no_trap():
    assert Calendar("UTC", SHOP).next_opening(datetime.max.replace(tzinfo=UTC)) is None


def test_nothing_lies_between_an_instant_and_an_earlier_one():
    assert Calendar("UTC").open_time_between(utc("2026-03-02 12:00"), utc("2026-03-02 11:00")) == timedelta(0)


@pytest.mark.parametrize("text", ["9:00", "24:01", "12:60", "12", "12h30", "-1:30", "1²:00", ""])
def test_refuses_what_is_no_time_of_day(text):
    with pytest.raises(ValueError, match="not a time of day"):
        minutes_of(text)


MONDAYS = frozenset({0})


class Asked(frozenset):
    """Days off that count how often they were asked."""

    times = 0

    def __contains__(self, day):
        Asked.times += 1
        return super().__contains__(day)


def test_the_first_open_day_is_of_the_right_weekdays_and_not_one_of_those_off():
    shop = Calendar("Europe/Paris", SHOP, closures=[(paris("2026-03-09 00:00"), paris("2026-03-10 00:00"))])
    first, off = date(2026, 3, 2), frozenset({date(2026, 3, 16)})

    assert shop.first_open_day(first, weekdays=MONDAYS, days_off=off) == first
    assert shop.first_open_day(date(2026, 3, 3), weekdays=MONDAYS, days_off=off) == date(2026, 3, 23)
    assert shop.first_open_day(date.max, weekdays=MONDAYS, days_off=off) is None


def test_a_first_open_day_that_never_comes_is_looked_for_once():
    shop, off = Calendar("Europe/Paris", {"sat": [("10:00", "19:00")]}), Asked()

    for _ in range(3):
        assert shop.first_open_day(date(2026, 3, 2), weekdays=MONDAYS, days_off=off) is None

    assert Asked.times == 105  # the Mondays of two years


def test_is_quick_enough_to_be_asked_for_every_candidate():
    shop = Calendar("Europe/Paris", SHOP)
    start, hours = paris("2026-03-02 18:00"), timedelta(hours=6)

    best = min(timeit.repeat(lambda: shop.add_open_time(start, hours), number=200, repeat=5)) / 200

    assert best < 30e-6
