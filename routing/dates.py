"""When things are due and when the shopper can have them. Pure: calendars in, instants out.

due times count in the place's opening hours; a promise goes release → preparation → cut-offs → a day on which the
carrier comes and the place is open → the carrier's working days → the end of a day where the shopper lives.
"""

import functools
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

from inventory.hours import Calendar, NeverOpen
from inventory.public_holidays import holidays_of
from inventory.queries import PlaceInfo
from routing.leadtimes import MINUTES, MOST_DAYS, Cumulative, slots_within
from routing.queries import DEFAULT_PREPARE_MINUTES, WORKING_DAYS, CarrierTerms, Policy

END_OF_DAY = time(23, 59)
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class DueTimes:
    acknowledge_by: datetime
    ready_by: datetime


def due_times(place: PlaceInfo, policy: Policy, *, assigned_at: datetime) -> DueTimes:
    return DueTimes(
        acknowledge_by=_open_time_later(place.calendar, assigned_at, policy.acknowledge_minutes),
        ready_by=ready_by(place, policy, assigned_at=assigned_at),
    )


def time_left(place: PlaceInfo, *, due_at: datetime, as_of: datetime) -> timedelta:
    """Opening hours until then; at a place that does not open again, by the wall clock."""
    left = place.calendar.open_time_between(as_of, due_at)
    if not left and due_at > as_of and place.calendar.next_opening(as_of) is None:
        return due_at - as_of
    return left


def later(place: PlaceInfo, left: timedelta, *, as_of: datetime) -> datetime:
    """When what was left of a time is over that runs on from now, in opening hours."""
    return _open_time_later(place.calendar, as_of, left.total_seconds() / 60)


def share_gone_at(place: PlaceInfo, minutes: float, share: float, *, due_at: datetime, as_of: datetime) -> datetime:
    """When this share of so many minutes that end at `due_at` is gone; if it is already: at once, while it is open."""
    left = time_left(place, due_at=due_at, as_of=as_of).total_seconds() / 60
    return _open_time_later(place.calendar, as_of, max(0.0, left - minutes * (1 - share)))


def ready_by(place: PlaceInfo, policy: Policy, *, assigned_at: datetime) -> datetime:
    return _open_time_later(place.calendar, assigned_at, prepare_minutes(place, policy))


def prepare_minutes(place: PlaceInfo, policy: Policy) -> float:
    """The policy speaks first, then the place, then the house."""
    if policy.prepare_minutes is not None:
        return policy.prepare_minutes
    return place.preparation_minutes or DEFAULT_PREPARE_MINUTES


def hand_over_by(place: PlaceInfo, policy: Policy, *, packed_at: datetime) -> datetime | None:
    """Until when the carrier must have it; None where the time to prepare covers that."""
    if policy.hand_over_minutes is None:
        return None
    return _open_time_later(place.calendar, packed_at, policy.hand_over_minutes)


def collect_by(policy: Policy, *, ready_at: datetime) -> datetime:
    """Hours on the wall clock: the shopper counts days, not opening hours."""
    return ready_at + timedelta(hours=policy.collect_hours)


def pickup_promise(place: PlaceInfo, policy: Policy, *, release_at: datetime) -> datetime:
    return _open_time_later(place.calendar, release_at, promised_minutes(place, policy))


def promised_minutes(place: PlaceInfo, policy: Policy) -> float:
    """What the place usually needs; where it says nothing, what it is allowed."""
    return place.preparation_minutes or prepare_minutes(place, policy)


def ship_promise(
    place: PlaceInfo,
    policy: Policy,
    *,
    service: str,
    carrier: CarrierTerms,
    transit_days: int,
    release_at: datetime,
    destination_zone: ZoneInfo,
    destination_country: str = "",
) -> datetime:
    """The end of the day on which the parcel arrives, where the shopper lives."""
    day = leaving_day(place, service, carrier.cut_off, release_at, promised_minutes(place, policy))
    if not transit_days:
        return end_of(day, destination_zone)
    fetched = fetching_day(place.calendar, carrier.pickup_days, holidays_of(place.country), day)
    return _arrives_at(carrier.delivery_days, destination_country, fetched, transit_days, destination_zone)


@functools.lru_cache(4096)  # of a thousand places most send at the same time to one address
def _arrives_at(moves: frozenset[int], to_country: str, fetched: date, transit_days: int, zone: ZoneInfo) -> datetime:
    days = moving_days(moves, holidays_of(to_country), fetched)
    return end_of(_nth(days, transit_days), zone)


def days_late(promised_at: datetime, wanted_date: date, zone: ZoneInfo) -> int:
    """By the days of the shopper, who lives there: at whatever hour of the wanted one it comes, it is in time."""
    return (promised_at.astimezone(zone).date() - wanted_date).days


def end_of(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, END_OF_DAY, zone).astimezone(UTC)


def leaving_day(
    place: PlaceInfo, service: str, carrier_cut_off: time | None, release_at: datetime, minutes: float
) -> date:
    """On which day a parcel leaves that takes so long to prepare."""
    ready_at = _open_time_later(place.calendar, release_at, minutes)
    return _leaving_day(place, service, carrier_cut_off, release_at, ready_at)


def handed_over_day(place: PlaceInfo, carrier_cut_off: time | None, at: datetime) -> date:
    """The day from which transit counts for what was handed over at this instant."""
    day = place.calendar.local(at).date()
    return _next_open_day(place, day) if _has_passed(place.calendar, day, carrier_cut_off, at) else day


def _leaving_day(
    place: PlaceInfo, service: str, carrier_cut_off: time | None, release_at: datetime, ready_at: datetime
) -> date:
    """The day of readiness, or the next open one when a cut-off has passed or, ready at midnight, that day is closed.

    The place's cut-off looks at when the order came, the carrier's at when the parcel is ready; both by the
    clock of the place. What comes just at the cut-off is in time.
    """
    calendar = place.calendar
    day = calendar.local(ready_at).date()
    is_late = _comes_too_late(place, service, release_at, day)
    if not is_late and calendar.is_open_on(day) and not _has_passed(calendar, day, carrier_cut_off, ready_at):
        return day
    return _next_open_day(place, day)


def _next_open_day(place: PlaceInfo, day: date) -> date:
    midnight = datetime.combine(day + timedelta(days=1), time(0), ZoneInfo(place.timezone))
    opening = place.calendar.next_opening(midnight)
    return place.calendar.local(opening or midnight).date()


def _comes_too_late(place: PlaceInfo, service: str, release_at: datetime, day: date) -> bool:
    """An order of this day, after the place's own cut-off, leaves on a later one."""
    cut_off = cut_off_of(place, service)
    came_that_day = cut_off is not None and place.calendar.local(release_at).date() == day
    return came_that_day and _has_passed(place.calendar, day, cut_off, release_at)


def _has_passed(calendar: Calendar, day: date, cut_off: time | None, at: datetime) -> bool:
    return cut_off is not None and at > calendar.passes_at(day, cut_off)


def is_open_that_day(place: PlaceInfo, at: datetime) -> bool:
    return place.calendar.is_open_on(place.calendar.local(at).date())


def is_before_cut_off(place: PlaceInfo, service: str, at: datetime) -> bool:
    """The place's own cut-off of that day for the service has not passed; what comes at it is in time."""
    day = place.calendar.local(at).date()
    return not _has_passed(place.calendar, day, cut_off_of(place, service), at)


def cut_off_of(place: PlaceInfo, service: str) -> time | None:
    own = place.cut_off
    text = own if own is None or isinstance(own, str) else own.get(service)
    return time.fromisoformat(text) if text and text != "24:00" else None


# ---- the carrier's days --------------------------------------------------------------------------


_ALWAYS_OPEN = Calendar("UTC")


def fetching_day(doors: Calendar, fetches: frozenset[int], holidays: Container[date], day: date) -> date:
    """The first day from this one on which the carrier comes and somebody is there to hand over.

    Where that is never, the carrier's own: a date there must be, as the clock of a place that never opens runs out.
    """
    found = doors.first_open_day(day, weekdays=fetches, days_off=holidays)
    return found or _ALWAYS_OPEN.first_open_day(day, weekdays=fetches, days_off=holidays) or day


def is_never_fetched(
    doors: Calendar, fetches: frozenset[int], holidays: Container[date], day: date, *, days: int = 28
) -> bool:
    """It opens in that time, but on no day on which the carrier comes: what `fetching_day` says then is far or not true."""
    is_ever_open = False
    for later in filter(doors.is_open_on, (day + number * _DAY for number in range(days))):
        if later.weekday() in fetches and later not in holidays:
            return False
        is_ever_open = True
    return is_ever_open


def moving_days(moves: frozenset[int], holidays: Container[date], fetched: date) -> Iterator[date]:
    """The days on which a parcel that was fetched on that day comes nearer."""
    day = fetched
    while True:
        day += _DAY
        if day.weekday() in moves and day not in holidays:
            yield day


def _nth(days: Iterator[date], number: int) -> date:
    return next(islice(days, number - 1, None))


@dataclass(frozen=True, slots=True)
class Way:
    """On which days a carrier fetches parcels here, and moves and delivers them there.

    Holidays here and closed doors stop only the fetching, holidays there all that comes after it.
    """

    fetches: frozenset[int]
    moves: frozenset[int]
    here: Container[date] = ()
    there: Container[date] = ()
    doors: Calendar = _ALWAYS_OPEN

    @classmethod
    def of(cls, carrier: CarrierTerms, place: PlaceInfo, to_country: str) -> "Way":
        here, there = holidays_of(place.country), holidays_of(to_country)
        return cls(carrier.pickup_days, carrier.delivery_days, here, there, place.calendar)

    def start(self, day: date) -> date:
        """The first day from this one on which a parcel is fetched."""
        return fetching_day(self.doors, self.fetches, self.here, day)

    def days_after(self, day: date) -> Iterator[date]:
        """The days on which a parcel that was fetched on that day comes nearer."""
        return moving_days(self.moves, self.there, day)

    def arrival(self, ready: date, days: int) -> date:
        """No day of transit is the same day, whatever the carrier does on others."""
        return _nth(self.days_after(self.start(ready)), days) if days else ready

    def days_taken(self, ready: date, arrived: date) -> int:
        """The fewest days of transit with which a promise would have been kept."""
        if arrived <= ready:
            return 0
        days = islice(self.days_after(self.start(ready)), MOST_DAYS)
        return next((taken for taken, day in enumerate(days, start=1) if day >= arrived), MOST_DAYS)


def add_working_days(day: date, days: int, *, here: Container[date] = (), there: Container[date] = ()) -> date:
    """Carriers move Monday to Friday: what is ready on a weekend leaves on Monday.

    On public holidays `here` nothing leaves, on those `there` nothing comes nearer.
    """
    way = Way(WORKING_DAYS, WORKING_DAYS, here, there)
    return way.arrival(day, days) if days else way.start(day)


# ---- many possible times at once: the sums of what was learned -----------------------------------

_HORIZON_DAYS = 70
_ALMOST_ALL = 1 - 1e-9
_MOMENT = timedelta(microseconds=1)


def leaving_days(
    place: PlaceInfo, service: str, carrier_cut_off: time | None, release_at: datetime, preparation: Cumulative
) -> dict[date, float]:
    """With which chance a parcel leaves on which day: `leaving_day` for every preparation time at once.

    A parcel has left by the end of an open day if it was ready by that day's cut-off.
    Empty for a place that does not open again.
    """
    calendar = place.calendar
    opening = calendar.next_opening(release_at)
    if opening is None:
        return {}
    first = day = calendar.local(opening).date()
    left: dict[date, float] = {}
    gone = 0.0
    for day in (first + timedelta(days=number) for number in range(_HORIZON_DAYS)):
        if gone >= _ALMOST_ALL:
            break
        if not calendar.is_open_on(day) or _comes_too_late(place, service, release_at, day):
            continue
        ends_at = calendar.passes_at(day, carrier_cut_off) if carrier_cut_off else _last_moment_of(place, day)
        share = _ready_within(calendar.open_time_between(release_at, ends_at), preparation)
        if share > gone:
            left[day], gone = share - gone, share
    if gone < _ALMOST_ALL:  # the rest of it is so far away that one day is as good as another
        left[day] = left.get(day, 0.0) + 1 - gone
    return left


def _last_moment_of(place: PlaceInfo, day: date) -> datetime:
    """What is ready at midnight is ready on the next day."""
    return datetime.combine(day + _DAY, time(0), ZoneInfo(place.timezone)).astimezone(UTC) - _MOMENT


def _ready_within(open_time: timedelta, preparation: Cumulative) -> float:
    return preparation.by(slots_within(open_time.total_seconds() / 60) - 1)


def arrivals(leaving: Mapping[date, float], transit: Cumulative, way: Way) -> Cumulative:
    """With which chance a parcel has arrived by the end of which day (as ordinals): preparation and transit, convolved."""
    shares: dict[int, float] = {}
    steps = list(zip(transit.keys, _steps(transit.shares), strict=True))
    days: dict[date, list[int]] = {}
    for day, share in leaving.items():
        start = way.start(day)
        if start not in days:
            days[start] = [later.toordinal() for later in islice(way.days_after(start), transit.keys[-1])]
        for taken, step in steps:
            reached = days[start][taken - 1] if taken else day.toordinal()
            shares[reached] = shares.get(reached, 0.0) + share * step
    return Cumulative.of(shares)


def _steps(rising: tuple[float, ...]) -> Iterator[float]:
    before = 0.0
    for share in rising:
        yield share - before
        before = share


def ready_at(place: PlaceInfo, release_at: datetime, slot: int) -> datetime:
    """When a preparation time of this slot is over."""
    return _open_time_later(place.calendar, release_at, MINUTES[slot])


def _open_time_later(calendar: Calendar, start: datetime, minutes: float) -> datetime:
    """A place that will never open again is counted by the wall clock: its clock must still run out."""
    duration = timedelta(minutes=minutes)
    try:
        return calendar.add_open_time(start, duration)
    except NeverOpen:
        return start.astimezone(UTC) + duration
