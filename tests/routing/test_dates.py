"""Due times and promises. March 2026: the 2nd is a Monday, Paris is one hour ahead of UTC."""

from datetime import UTC, date, datetime, time
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from inventory.hours import Calendar
from inventory.queries import PlaceInfo
from routing.dates import (
    add_working_days,
    collect_by,
    due_times,
    hand_over_by,
    pickup_promise,
    prepare_minutes,
    share_gone_at,
    ship_promise,
)
from routing.queries import CarrierTerms, Policy

PARIS = ZoneInfo("Europe/Paris")
SHOP_HOURS = {day: [("10:00", "19:00")] for day in ("mon", "tue", "wed", "thu", "fri", "sat")}


def at(day: int, clock: str) -> datetime:
    """An instant of March 2026 by the clock of Paris."""
    return datetime.combine(date(2026, 3, day), time.fromisoformat(clock), PARIS).astimezone(UTC)


def shop(hours: dict | None = None, **more) -> PlaceInfo:
    values = {
        "code": "S1", "name": "Shop", "kind": "store", "country": "FR", "postal_code": "75011", "city": "Paris",
        "latitude": None, "longitude": None, "timezone": "Europe/Paris",
        "abilities": frozenset(), "groups": frozenset(),
        "calendar": Calendar("Europe/Paris", SHOP_HOURS if hours is None else hours),
        "daily_capacity": None, "accepting_orders": True, "cut_off": None, "preparation_minutes": 0,
        "handling_cost": Decimal(0), "currency": "EUR", "safety_stock": 0, "position": 1, "is_active": True,
    }  # fmt: skip
    return PlaceInfo(**{**values, **more})


def test_due_times_run_in_opening_hours():
    policy = Policy(acknowledge_minutes=60, prepare_minutes=120)

    due = due_times(shop(), policy, assigned_at=at(7, "18:30"))  # Saturday, half an hour before closing

    assert due.acknowledge_by == at(9, "10:30")
    assert due.ready_by == at(9, "11:30")


def test_durations_may_be_fractions_of_a_minute():
    policy = Policy(acknowledge_minutes=0.05, prepare_minutes=0.1)

    due = due_times(shop({}), policy, assigned_at=at(2, "12:00"))

    assert (due.acknowledge_by - at(2, "12:00")).total_seconds() == 3
    assert (due.ready_by - at(2, "12:00")).total_seconds() == 6


def test_the_clock_of_a_place_that_never_opens_runs_out_all_the_same():
    never = shop({"mon": []})

    due = due_times(never, Policy(acknowledge_minutes=60, prepare_minutes=60), assigned_at=at(2, "12:00"))

    assert due.acknowledge_by == at(2, "13:00")


@pytest.mark.parametrize(
    ("policy_minutes", "place_minutes", "expected"), [(30, 90, 30), (None, 90, 90), (None, 0, 240)]
)
def test_preparation_time_is_the_policys_then_the_places_then_the_houses(policy_minutes, place_minutes, expected):
    place = shop(preparation_minutes=place_minutes)

    assert prepare_minutes(place, Policy(prepare_minutes=policy_minutes)) == expected


@pytest.mark.parametrize(
    ("share", "minutes", "left_from", "expected"),
    [
        (0.5, 120, at(7, "18:30"), at(9, "10:30")),  # half of two hours that began half an hour before closing
        (1, 120, at(7, "18:30"), at(9, "11:30")),
        (0, 120, at(7, "18:30"), at(7, "18:30")),
        (0.75, 120, at(9, "11:15"), at(9, "11:15")),  # begun anew with a quarter of an hour left: at once
        (0.75, 120, at(8, "12:00"), at(9, "11:00")),  # the last half hour of what ends at 11:30
        (0.75, 480, at(8, "12:00"), at(9, "10:00")),  # less is left than the share: as soon as it opens
    ],
)
def test_a_share_of_the_time_is_gone_in_opening_hours(share, minutes, left_from, expected):
    assert share_gone_at(shop(), minutes, share, due_at=at(9, "11:30"), as_of=left_from) == expected


def test_where_it_never_opens_the_share_is_of_the_wall_clock():
    never = shop({"mon": []})

    assert share_gone_at(never, 60, 0.75, due_at=at(2, "13:00"), as_of=at(2, "12:00")) == at(2, "12:45")


def test_handing_over_is_counted_in_opening_hours_from_the_packing():
    assert hand_over_by(shop(), Policy(hand_over_minutes=90), packed_at=at(7, "18:30")) == at(9, "11:00")
    assert hand_over_by(shop(), Policy(), packed_at=at(7, "18:30")) is None


def test_collection_is_counted_by_the_wall_clock():
    assert collect_by(Policy(collect_hours=48), ready_at=at(7, "18:00")) == at(9, "18:00")


def test_a_pickup_is_promised_once_prepared_in_opening_hours():
    assert pickup_promise(shop(preparation_minutes=90), Policy(), release_at=at(2, "18:00")) == at(3, "10:30")


@pytest.mark.parametrize(
    ("release", "more", "transit", "expected"),
    [
        (at(2, "11:00"), {}, 2, at(4, "23:59")),  # Monday, two working days
        (at(5, "11:00"), {}, 2, at(9, "23:59")),  # Thursday: Friday, then Monday
        (at(7, "11:00"), {}, 1, at(10, "23:59")),  # Saturday's parcel leaves on Monday
        (at(2, "15:00"), {"cut_off": "14:00"}, 1, at(4, "23:59")),  # after the cut-off: leaves on Tuesday
        (at(2, "13:00"), {"cut_off": "14:00"}, 1, at(3, "23:59")),
        (at(2, "13:00"), {"cut_off": {"express": "12:00"}}, 1, at(3, "23:59")),  # another service's cut-off
        (at(2, "18:30"), {"cut_off": "14:00"}, 1, at(4, "23:59")),  # ready on Tuesday: that day's cut-off is met
        (at(2, "11:00"), {}, 0, at(2, "23:59")),  # same day
        (at(7, "18:30"), {}, 0, at(9, "23:59")),  # same day, but closed on Sunday
    ],
)
def test_a_parcel_is_promised_for_the_end_of_a_day(release, more, transit, expected):
    place = shop(preparation_minutes=60, **more)

    promised = ship_promise(
        place, Policy(), service="standard", carrier=CarrierTerms(), transit_days=transit,
        release_at=release, destination_zone=PARIS,
    )  # fmt: skip

    assert promised == expected


@pytest.mark.parametrize(("cut_off", "expected"), [(time(17), at(3, "23:59")), (time(11), at(4, "23:59"))])
def test_the_carriers_cut_off_looks_at_when_the_parcel_is_ready(cut_off, expected):
    promised = ship_promise(
        shop(preparation_minutes=60), Policy(), service="standard", carrier=CarrierTerms(cut_off), transit_days=1,
        release_at=at(2, "11:00"), destination_zone=PARIS,
    )  # fmt: skip

    assert promised == expected


def test_the_day_ends_where_the_shopper_lives():
    promised = ship_promise(
        shop(preparation_minutes=60), Policy(), service="standard", carrier=CarrierTerms(), transit_days=1,
        release_at=at(2, "11:00"), destination_zone=ZoneInfo("America/Guadeloupe"),
    )  # fmt: skip

    assert promised == datetime(2026, 3, 4, 3, 59, tzinfo=UTC)  # 23:59 on the 3rd, four hours behind UTC


def test_working_days_skip_weekends():
    assert add_working_days(date(2026, 3, 6), 1) == date(2026, 3, 9)
    assert add_working_days(date(2026, 3, 7), 0) == date(2026, 3, 9)
    assert add_working_days(date(2026, 3, 2), 5) == date(2026, 3, 9)
