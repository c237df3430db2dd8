"""Cut-offs and carriers' days where clocks change and people have a day off. In 2026 Christmas is a Friday."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inventory.hours import WEEKDAYS, Calendar
from inventory.public_holidays import holidays_of
from routing.dates import add_working_days, pickup_promise, ship_promise
from routing.queries import CarrierTerms, Policy
from tests.inventory.wall_clock import MINUTE, ODD_EVES, Oracle, is_over_at, jumps_of, utc, wall_of
from tests.routing.test_dates import shop

SECOND = timedelta(seconds=1)
DAILY = dict.fromkeys(WEEKDAYS, (("09:00", "19:00"),))
PARIS = ZoneInfo("Europe/Paris")


def local(text: str, zone: str = "Europe/Paris") -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


def promise(place, released, *, transit=1, carrier_cut_off=None, service="standard", to="", zone=PARIS):
    return ship_promise(
        place,
        Policy(),
        service=service,
        carrier=CarrierTerms(carrier_cut_off),
        transit_days=transit,
        release_at=released,
        destination_zone=zone,
        destination_country=to,
    )


def day_of(promised, zone=PARIS):
    return promised.astimezone(zone).date()


# ---- exactly at, a second before and after -------------------------------------------------------


@pytest.mark.parametrize("zone", ["Europe/Paris", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe"])
@pytest.mark.parametrize(("after", "leaves"), [(-SECOND, 3), (timedelta(0), 3), (SECOND, 4)])
def test_the_cut_off_of_a_place_counts_by_its_own_clock_wherever_the_shopper_lives(zone, after, leaves):
    place = shop(
        timezone=zone, calendar=Calendar(zone, DAILY), cut_off="14:00", preparation_minutes=30, country="ZZ"
    )  # nowhere, where nobody ever has a day off
    released = local("2026-11-03 14:00", zone) + after  # a Tuesday

    for shoppers_zone in (PARIS, ZoneInfo("America/New_York"), ZoneInfo("Pacific/Apia")):
        promised = promise(place, released, zone=shoppers_zone)
        assert promised.astimezone(shoppers_zone).strftime("%d %H:%M") == f"{leaves + 1:02} 23:59"


@pytest.mark.parametrize(("after", "leaves"), [(-SECOND, 3), (timedelta(0), 3), (SECOND, 4)])
def test_the_carriers_cut_off_looks_at_the_second_in_which_the_parcel_is_ready(after, leaves):
    place = shop(DAILY, preparation_minutes=60)

    promised = promise(place, local("2026-11-03 16:00") + after, carrier_cut_off=time(17))

    assert day_of(promised) == date(2026, 11, leaves + 1)


def test_a_carriers_cut_off_may_name_a_second():
    place = shop(DAILY, preparation_minutes=60)

    assert day_of(promise(place, local("2026-11-03 16:00:30"), carrier_cut_off=time(17, 0, 30))) == date(2026, 11, 4)
    assert day_of(promise(place, local("2026-11-03 16:00:31"), carrier_cut_off=time(17, 0, 30))) == date(2026, 11, 5)


@pytest.mark.parametrize(
    ("released", "leaves"),
    [
        ("2026-10-25 00:00:00+00:00", 25),  # 02:00, for the first time
        ("2026-10-25 00:45:00+00:00", 25),  # 02:45, but 02:30 is still to come again
        ("2026-10-25 01:30:00+00:00", 25),  # 02:30, for the second time
        ("2026-10-25 01:30:01+00:00", 26),
    ],
)
def test_a_cut_off_in_the_hour_that_comes_twice_passes_once(released, leaves):
    place = shop({}, cut_off="02:30", preparation_minutes=30)

    assert day_of(promise(place, datetime.fromisoformat(released), transit=0)) == date(2026, 10, leaves)


@pytest.mark.parametrize(("released", "leaves"), [("01:30:00", 29), ("01:30:01", 30)])
def test_a_cut_off_that_clocks_skip_passes_as_much_later(released, leaves):
    place = shop({}, cut_off="02:30", preparation_minutes=30)  # 02:30 never comes: it passes at 03:30

    assert day_of(promise(place, utc(f"2026-03-29 {released}"), transit=0)) == date(2026, 3, leaves)


# ---- holidays ------------------------------------------------------------------------------------


def french(hours=DAILY, **more):
    special = more.pop("special", {})
    calendar = Calendar("Europe/Paris", hours, more.pop("closures", ()), special, holidays_of("FR"))
    return shop(calendar=calendar, **more)


def test_a_holiday_moves_the_promise_of_a_pickup():
    assert pickup_promise(
        french(preparation_minutes=60), Policy(), release_at=local("2026-12-24 18:30")
    ) == local("2026-12-26 09:30")  # fmt: skip


def test_special_hours_on_a_holiday_keep_the_promise():
    place = french(preparation_minutes=60, special={"2026-12-25": [("10:00", "12:00")]})

    assert pickup_promise(place, Policy(), release_at=local("2026-12-24 18:30")) == local("2026-12-25 10:30")


def test_a_closure_over_midnight_moves_the_promise():
    place = french({}, preparation_minutes=60, closures=[(local("2026-12-21 20:00"), local("2026-12-22 06:00"))])

    assert pickup_promise(place, Policy(), release_at=local("2026-12-21 19:30")) == local("2026-12-22 06:30")


@pytest.mark.parametrize(
    ("released", "leaves"),
    [
        ("2026-12-24 14:00", "2026-12-24"),
        ("2026-12-24 14:00:01", "2026-12-26"),  # late on the eve: the day after the holiday
        ("2026-12-25 08:00", "2026-12-26"),
        ("2026-12-25 15:00", "2026-12-26"),  # the holiday's own cut-off means nothing: nobody is there
        ("2026-12-25 23:59:59", "2026-12-26"),
        ("2026-12-26 14:00:01", "2026-12-27"),
    ],
)
def test_a_cut_off_on_and_around_a_holiday(released, leaves):
    place = french(cut_off="14:00", preparation_minutes=30)

    assert day_of(promise(place, local(released), transit=0)) == date.fromisoformat(leaves)


def test_working_days_skip_what_is_a_holiday_where_the_parcel_goes():
    december, may = date(2026, 12, 23), date(2026, 5, 12)
    france, germany = holidays_of("FR"), holidays_of("DE")

    assert add_working_days(december, 2, here=france, there=france) == date(2026, 12, 28)  # 24, then Monday the 28th
    assert add_working_days(december, 2, here=france, there=frozenset()) == date(2026, 12, 25)
    assert add_working_days(may, 3, here=france, there=germany) == date(2026, 5, 18)  # Ascension is the 14th in both
    assert add_working_days(date(2026, 7, 13), 1, here=france, there=germany) == date(2026, 7, 14)  # Bastille day


def test_nothing_leaves_on_a_holiday_of_the_place_that_sends():
    assert add_working_days(date(2026, 7, 14), 1, here=holidays_of("FR"), there=holidays_of("DE")) == date(2026, 7, 16)


@pytest.mark.parametrize(
    ("to", "arrives"),
    [("FR", date(2026, 7, 15)), ("BE", date(2026, 7, 14)), ("", date(2026, 7, 14)), ("XX", date(2026, 7, 14))],
)
def test_a_parcel_is_promised_for_a_day_on_which_carriers_come(to, arrives):
    assert day_of(promise(shop(DAILY, preparation_minutes=60), local("2026-07-13 10:00"), to=to)) == arrives


# ---- against the oracle ----------------------------------------------------------------------------

DAYS = 4
BREAKS = st.lists(st.sampled_from([clock * 30 for clock in range(49)]), max_size=4, unique=True).map(sorted)


def _clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"


@st.composite
def parcels(draw):
    zone, eve = draw(st.sampled_from(ODD_EVES))
    start = utc(f"{eve} 00:00")
    jumps = jumps_of(wall_of(zone, start, DAYS)) or {12 * 60}
    near = [minute for jump in jumps for minute in range(jump - 90, jump + 91, 10) if 0 <= minute < 24 * 60]
    cut_offs = st.none() | st.sampled_from(near) | st.integers(0, 23).map(lambda hour: hour * 60)
    pairs = draw(BREAKS.map(lambda ends: [(_clock(a), _clock(b)) for a, b in zip(ends[::2], ends[1::2], strict=False)]))
    days_off = draw(st.sets(st.integers(0, DAYS).map(lambda days: (start + timedelta(days=days)).date()), max_size=2))
    released = start + draw(st.integers(0, 2 * 24 * 60)) * MINUTE
    return zone, start, dict.fromkeys(WEEKDAYS, pairs) if pairs else {}, days_off, released, draw(cut_offs), draw(cut_offs)  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(parcel=parcels(), work=st.integers(1, 600), seconds=st.sampled_from([-1, 0, 1]))
def test_a_parcel_leaves_on_the_day_the_wall_clock_says(parcel, work, seconds):
    zone, start, week, days_off, released, own, carriers = parcel
    released += seconds * SECOND
    calendar = Calendar(zone, week, holidays=frozenset(days_off))
    oracle = Oracle(zone, start, DAYS, week=week, holidays=days_off)
    ready = _ready_at(oracle, released, work)
    if ready is None or oracle.day_of(ready) not in oracle.wall:
        return
    place = shop(timezone=zone, calendar=calendar, preparation_minutes=work, cut_off=None if own is None else _clock(own))  # fmt: skip

    promised = promise(
        place, released, transit=0, carrier_cut_off=None if carriers is None else time(carriers // 60, carriers % 60),
        zone=oracle.zone,
    )  # fmt: skip

    day = oracle.day_of(ready)
    too_late = oracle.day_of(released) == day and _is_over(oracle, day, own, released)
    expected = oracle.next_open_day(day) if too_late or _is_over(oracle, day, carriers, ready) else day
    assert expected is None or day_of(promised, oracle.zone) == expected


def _ready_at(oracle: Oracle, released: datetime, work: int) -> datetime | None:
    """By the oracle, which knows whole minutes only: a started one is worked for what is left of it, then at the end."""
    whole = released.replace(second=0)
    into = released - whole
    if into and oracle.is_open(whole):
        done = oracle.done_at(whole, work + 1)  # `into` less than one minute more than asked
        return done and done - MINUTE + into
    return oracle.done_at(whole + MINUTE if into else whole, work)


def _is_over(oracle: Oracle, day: date, minute: int | None, at: datetime) -> bool:
    if minute is None:
        return False
    over = is_over_at(oracle.wall[day], minute)
    return over is not None and at > over
