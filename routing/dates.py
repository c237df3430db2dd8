"""When things are due and when the shopper can have them. Pure: calendars in, instants out.

due times count in the place's opening hours; a promise goes release → preparation → cut-offs →
carrier's working days → the end of a day where the shopper lives.
"""

from collections.abc import Container, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from inventory.hours import Calendar, NeverOpen
from inventory.public_holidays import holidays_of
from inventory.queries import PlaceInfo
from routing.queries import DEFAULT_PREPARE_MINUTES, Policy, policy_for

END_OF_DAY = time(23, 59)
_SATURDAY = 5
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class DueTimes:
    """`warn_at`: when so much of the preparation time has gone that the manager should know."""

    acknowledge_by: datetime
    ready_by: datetime
    warn_at: datetime


def due_times(place: PlaceInfo, policy: Policy, *, assigned_at: datetime) -> DueTimes:
    warn_after = prepare_minutes(place, policy) * policy.warn_at_share
    return DueTimes(
        acknowledge_by=_open_time_later(place.calendar, assigned_at, policy.acknowledge_minutes),
        ready_by=ready_by(place, policy, assigned_at=assigned_at),
        warn_at=_open_time_later(place.calendar, assigned_at, warn_after),
    )


def ready_by(place: PlaceInfo, policy: Policy, *, assigned_at: datetime) -> datetime:
    return _open_time_later(place.calendar, assigned_at, prepare_minutes(place, policy))


def prepare_minutes(place: PlaceInfo, policy: Policy) -> float:
    """The policy speaks first, then the place, then the house."""
    if policy.prepare_minutes is not None:
        return policy.prepare_minutes
    return place.preparation_minutes or DEFAULT_PREPARE_MINUTES


def collect_by(policy: Policy, *, ready_at: datetime) -> datetime:
    """Hours on the wall clock: the shopper counts days, not opening hours."""
    return ready_at + timedelta(hours=policy.collect_hours)


def pickup_promise(place: PlaceInfo, policy: Policy, *, release_at: datetime) -> datetime:
    return _open_time_later(place.calendar, release_at, promised_minutes(place, policy))


def pickup_time(place: PlaceInfo, as_of: datetime) -> datetime:
    """`pickup_promise` under the place's own policy, for an order of this instant."""
    return pickup_promise(place, policy_for(place, method="pickup", service="standard"), release_at=as_of)


def promised_minutes(place: PlaceInfo, policy: Policy) -> float:
    """What the place usually needs; where it says nothing, what it is allowed."""
    return place.preparation_minutes or prepare_minutes(place, policy)


def ship_promise(
    place: PlaceInfo,
    policy: Policy,
    *,
    service: str,
    carrier_cut_off: time | None,
    transit_days: int,
    release_at: datetime,
    destination_zone: ZoneInfo,
    destination_country: str = "",
) -> datetime:
    """The end of the day on which the parcel arrives, where the shopper lives."""
    ready_at = _open_time_later(place.calendar, release_at, promised_minutes(place, policy))
    day = _leaving_day(place, service, carrier_cut_off, release_at, ready_at)
    here, there = holidays_of(place.country), holidays_of(destination_country)
    arrival = add_working_days(day, transit_days, here=here, there=there) if transit_days else day
    return datetime.combine(arrival, END_OF_DAY, destination_zone).astimezone(UTC)


def _leaving_day(
    place: PlaceInfo, service: str, carrier_cut_off: time | None, release_at: datetime, ready_at: datetime
) -> date:
    """The day of readiness, or the next open one when a cut-off has passed.

    The place's cut-off looks at when the order came, the carrier's at when the parcel is ready; both by the
    clock of the place. What comes just at the cut-off is in time.
    """
    calendar = place.calendar
    day = calendar.local(ready_at).date()
    own_cut_off = cut_off_of(place, service)
    came_that_day = own_cut_off is not None and calendar.local(release_at).date() == day
    is_late = came_that_day and _has_passed(calendar, day, own_cut_off, release_at)
    if not is_late and not _has_passed(calendar, day, carrier_cut_off, ready_at):
        return day
    midnight = datetime.combine(day + timedelta(days=1), time(0), ZoneInfo(place.timezone))
    opening = calendar.next_opening(midnight)
    return calendar.local(opening or midnight).date()


def _has_passed(calendar: Calendar, day: date, cut_off: time | None, at: datetime) -> bool:
    return cut_off is not None and at > calendar.passes_at(day, cut_off)


def cut_off_of(place: PlaceInfo, service: str) -> time | None:
    text = place.cut_off.get(service) if isinstance(place.cut_off, Mapping) else place.cut_off
    return time.fromisoformat(text) if text and text != "24:00" else None


def add_working_days(day: date, days: int, *, here: Container[date] = (), there: Container[date] = ()) -> date:
    """Carriers move Monday to Friday: what is ready on a weekend leaves on Monday.

    On public holidays `here` nothing leaves, on those `there` nothing comes nearer.
    """
    while not _moves(day, here):
        day += _DAY
    for _ in range(days):
        day += _DAY
        while not _moves(day, there):
            day += _DAY
    return day


def _moves(day: date, holidays: Container[date]) -> bool:
    return day.weekday() < _SATURDAY and day not in holidays


def _open_time_later(calendar: Calendar, start: datetime, minutes: float) -> datetime:
    """A place that will never open again is counted by the wall clock: its clock must still run out."""
    duration = timedelta(minutes=minutes)
    try:
        return calendar.add_open_time(start, duration)
    except NeverOpen:
        return start.astimezone(UTC) + duration
