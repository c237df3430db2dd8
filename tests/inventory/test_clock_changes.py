"""Opening hours where clocks do odd things, against an oracle that walks minute by minute."""

from datetime import date, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from inventory.hours import WEEKDAYS, Calendar
from tests.inventory.wall_clock import MINUTE, ODD_EVES, Oracle, jumps_of, utc, wall_of

DAYS = 4
HALF_HOURS = range(0, 24 * 60 + 1, 30)


def clock(minute):
    return f"{minute // 60:02}:{minute % 60:02}"


def hours_of_a_day(boundaries):
    ordered = sorted(boundaries)
    return [(clock(opens), clock(closes)) for opens, closes in zip(ordered[::2], ordered[1::2], strict=False)]


@st.composite
def places(draw):
    """A zone, a day to start from, hours of all kinds; the times on the door lie close to where clocks jump."""
    zone, day = draw(st.sampled_from(ODD_EVES) | st.tuples(st.just("Europe/Paris"), st.dates(*YEARS).map(str)))
    start = utc(f"{day} 00:00")
    jumps = jumps_of(wall_of(zone, start, DAYS))
    near = [minute for jump in jumps for minute in range(jump - 60, jump + 61, 10) if 0 <= minute <= 24 * 60]
    on_the_door = st.sampled_from(near) | st.sampled_from(HALF_HOURS) if near else st.sampled_from(HALF_HOURS)
    hours = st.lists(on_the_door, max_size=6, unique=True).map(hours_of_a_day)
    day_on = st.integers(-1, DAYS + 2).map(lambda days: (start + timedelta(days=days)).date())
    minute_on = st.integers(0, DAYS * 24 * 60).map(lambda minute: start + minute * MINUTE)
    every_day = hours.map(lambda pairs: dict.fromkeys(WEEKDAYS, pairs))
    week = draw(every_day | st.fixed_dictionaries({}, optional=dict.fromkeys(WEEKDAYS, hours)))
    more = {
        "closures": draw(st.lists(st.tuples(minute_on, minute_on).map(sorted), max_size=2)),
        "special": draw(st.dictionaries(day_on.map(str), hours, max_size=2)),
        "holidays": frozenset(draw(st.sets(day_on, max_size=2))),
    }
    return zone, start, week, more if draw(st.booleans()) else {}, draw(minute_on)


YEARS = date(2025, 1, 1), date(2027, 12, 31)


@settings(max_examples=300, deadline=None)
@given(place=places(), work=st.integers(1, 2000))
def test_agrees_with_walking_minute_by_minute(place, work):
    zone, start, week, more, until = place
    calendar, oracle = Calendar(zone, week, **more), Oracle(zone, start, DAYS, week=week, **more)
    later = oracle.after(start)

    assert calendar.is_open(until) == oracle.is_open(until)
    assert calendar.open_time_between(start, until) == sum(1 for minute in later if minute < until) * MINUTE
    if later:
        assert calendar.next_opening(start) == later[0]
    if done := oracle.done_at(start, work):
        assert calendar.add_open_time(start, work * MINUTE) == done


@settings(max_examples=100, deadline=None)
@given(place=places())
def test_work_ends_with_the_last_closing_of_the_day_or_with_the_day(place):
    zone, start, week, more, at = place
    oracle = Oracle(zone, start, DAYS, week=week, **more)
    today = oracle.day_of(at)
    still_open = [minute for minute in oracle.after(at) if oracle.day_of(minute) == today]

    end = still_open[-1] + MINUTE if still_open else oracle.wall[today][-1][0] + MINUTE

    assert Calendar(zone, week, **more).end_of_work(at) == end


# ---- by example: what the oracle's rules mean for people ---------------------------------------------


def test_two_openings_that_the_jump_pushes_together_are_one():
    bar = Calendar("Europe/Paris", {"sun": [("02:10", "02:40"), ("03:00", "04:00")]})  # 2 to 3 never comes

    assert bar.next_opening(utc("2026-03-29 00:00")) == utc("2026-03-29 01:00")
    assert bar.open_time_between(utc("2026-03-29 00:00"), utc("2026-03-30 00:00")) == timedelta(hours=1)


def test_a_closing_that_clocks_skip_comes_as_much_later():
    bar = Calendar("Europe/Paris", {"sun": [("01:00", "02:30")]})

    assert bar.end_of_work(utc("2026-03-29 00:00")) == utc("2026-03-29 01:30")  # 03:30, after an hour and a half


def test_a_day_that_never_was_has_no_hours():
    shop = Calendar("Pacific/Apia", dict.fromkeys(WEEKDAYS, (("09:00", "17:00"),)))

    assert shop.open_time_between(utc("2011-12-29 10:00"), utc("2012-01-01 10:00")) == timedelta(hours=24)


def test_a_closure_may_cross_midnight():
    shop = Calendar("Europe/Paris", {}, [(utc("2026-03-02 21:00"), utc("2026-03-03 05:00"))])

    assert shop.next_opening(utc("2026-03-02 22:30")) == utc("2026-03-03 05:00")
    assert shop.add_open_time(utc("2026-03-02 20:00"), timedelta(hours=2)) == utc("2026-03-03 06:00")


def test_a_holiday_is_closed_unless_the_day_has_hours_of_its_own():
    week = dict.fromkeys(WEEKDAYS, (("10:00", "19:00"),))
    own = {"2026-12-24": [("10:00", "16:00")], "2027-01-01": [("14:00", "18:00")]}
    shop = Calendar("Europe/Paris", week, (), own, frozenset({date(2026, 12, 25), date(2027, 1, 1)}))

    assert shop.next_opening(utc("2026-12-24 15:30")) == utc("2026-12-26 09:00")
    assert shop.is_open(utc("2026-12-24 14:59")) and not shop.is_open(utc("2026-12-24 15:00"))
    assert shop.next_opening(utc("2027-01-01 00:00")) == utc("2027-01-01 13:00")


def test_a_closure_wins_over_the_hours_of_a_special_day():
    shop = Calendar(
        "UTC", {}, [(utc("2026-12-24 12:00"), utc("2026-12-24 13:00"))], {"2026-12-24": [("10:00", "16:00")]}
    )

    assert shop.open_time_between(utc("2026-12-24 00:00"), utc("2026-12-25 00:00")) == timedelta(hours=5)


def test_a_place_without_hours_closes_on_holidays_too():
    depot = Calendar("Europe/Paris", holidays=frozenset({date(2026, 12, 25)}))

    assert depot.next_opening(utc("2026-12-25 12:00")) == utc("2026-12-25 23:00")
    assert depot.add_open_time(utc("2026-12-24 22:30"), timedelta(hours=1)) == utc("2026-12-25 23:30")
