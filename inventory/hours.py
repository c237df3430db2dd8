"""Opening hours as arithmetic: when a place opens next, and when so much open time will have passed.

A `Calendar` is plain frozen data; it knows no clock and no database. Times on a place's door are wall
times of its zone. On the two days a year on which clocks change, a door opens when its opening time is first
shown and closes when no time before its closing will be shown again; a time that clocks skip counts as much later.
"""

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
HORIZON_DAYS = 2 * 366
"""How far ahead an opening is looked for: a place with none in two years is closed for good."""

_YEAR = timedelta(days=HORIZON_DAYS // 2)
_DAYS_REMEMBERED = 1000
_NOTHING = timedelta(0)
_MINUTE = timedelta(minutes=1)

Span = tuple[datetime, datetime]  # open from … until, UTC
Pairs = Sequence[Sequence[str]]  # (opens, closes) as "HH:MM"


class NeverOpen(Exception):
    """The place is not open long enough within `HORIZON_DAYS`."""


def minutes_of(clock_time: str) -> int:
    """Minutes from midnight of "HH:MM"; "24:00" is the end of the day. Errors: ValueError."""
    hours, colon, minutes = clock_time.partition(":")
    if not (
        colon and len(hours) == len(minutes) == 2 and (hours + minutes).isascii() and (hours + minutes).isdecimal()
    ):
        raise ValueError(f"not a time of day: {clock_time!r}")
    total = int(hours) * 60 + int(minutes)
    if int(minutes) > 59 or total > 24 * 60:
        raise ValueError(f"not a time of day: {clock_time!r}")
    return total


def _minutes(pairs: Pairs) -> list[tuple[int, int]]:
    return [(minutes_of(opens), minutes_of(closes)) for opens, closes in pairs]


@dataclass(frozen=True, eq=False)
class Calendar:
    """A place's hours.

    `weekly` maps "mon" … "sun" to (opens, closes) pairs; a day without a pair is closed. An empty
    mapping means no hours were given: always open. `special` maps days ("2026-12-24") to the pairs that
    hold on them instead; on the other `holidays` it is closed. `closures` (half-open, aware instants) win over all.
    Instants that come in must be aware; those that go out are UTC.
    """

    timezone: str
    weekly: Mapping[str, Pairs] = field(default_factory=dict)
    closures: Sequence[Span] = ()
    special: Mapping[str, Pairs] = field(default_factory=dict)
    holidays: Container[date] = frozenset()

    def __post_init__(self) -> None:
        week = [_minutes(self.weekly.get(day, ())) for day in WEEKDAYS] if self.weekly else [[(0, 24 * 60)]] * 7
        special = {date.fromisoformat(day): _minutes(pairs) for day, pairs in self.special.items()}
        object.__setattr__(self, "_zone", ZoneInfo(self.timezone))
        object.__setattr__(self, "_week", week)
        object.__setattr__(self, "_special", special)
        object.__setattr__(self, "_closed", sorted((a.astimezone(UTC), b.astimezone(UTC)) for a, b in self.closures))
        object.__setattr__(self, "_always_open", not (self.weekly or self.closures or self.special or self.holidays))
        object.__setattr__(self, "_days", {})
        object.__setattr__(self, "_passed", {})
        object.__setattr__(self, "_first_open", {})
        object.__setattr__(self, "_opens_later", {})

    _zone: ZoneInfo = field(init=False, repr=False)
    _week: list[list[tuple[int, int]]] = field(init=False, repr=False)
    _special: dict[date, list[tuple[int, int]]] = field(init=False, repr=False)
    _closed: list[Span] = field(init=False, repr=False)
    _always_open: bool = field(init=False, repr=False)
    _days: dict[int, tuple[Span, ...]] = field(init=False, repr=False)
    _passed: dict[tuple[date, time], datetime] = field(init=False, repr=False)
    _first_open: dict[tuple[date, frozenset[int], Container[date]], date | None] = field(init=False, repr=False)
    _opens_later: dict[int, bool] = field(init=False, repr=False)

    def local(self, at: datetime) -> datetime:
        return at.astimezone(self._zone)

    def is_open(self, at: datetime) -> bool:
        return any(opens <= at < closes for opens, closes in self._spans_of(self.local(at).toordinal()))

    def next_opening(self, at: datetime) -> datetime | None:
        """`at` itself when open then, else the next instant at which the doors open; None if they never do."""
        first = next(self._spans_from(at, HORIZON_DAYS), None)
        return first and max(first[0], at.astimezone(UTC))

    def opens_again(self, at: datetime) -> bool:
        """Whether there is a `next_opening`. What the days to come say is remembered: two years are long to look through."""
        if self._always_open:
            return True
        day = self.local(at).toordinal()
        if any(closes > at for _opens, closes in self._spans_of(day)):
            return True
        later = self._opens_later.get(day)
        if later is None:
            if len(self._opens_later) >= _DAYS_REMEMBERED:
                self._opens_later.clear()
            ahead = self._days_from(day + 1, HORIZON_DAYS - 1)
            later = self._opens_later[day] = any(map(self._spans_of, ahead))
        return later

    def keeps_opening(self, at: datetime) -> bool:
        """Whether for a year from then `opens_again` is true at any instant."""
        opening = self.next_opening(at + _YEAR)
        return opening is not None and opening <= at + 2 * _YEAR

    def add_open_time(self, start: datetime, duration: timedelta) -> datetime:
        """The instant at which the place will have been open for `duration` since `start`.

        A duration that ends with the day ends at its closing time, not at the next opening. No duration
        gives `next_opening(start)`. Errors: NeverOpen.
        """
        if self._always_open:
            return start.astimezone(UTC) + duration
        left = duration
        for opens, closes in self._spans_from(start, HORIZON_DAYS):
            begin = opens if opens > start else start
            if closes - begin >= left:
                return begin.astimezone(UTC) + left
            left -= closes - begin
        raise NeverOpen(f"not open for {duration} within {HORIZON_DAYS} days")

    def open_time_between(self, from_at: datetime, until_at: datetime) -> timedelta:
        """How long the place is open in [from_at, until_at); zero if that is empty."""
        if until_at <= from_at:
            return _NOTHING
        if self._always_open:
            return until_at - from_at
        days = (until_at - from_at).days + 2
        spans = self._spans_from(from_at, days)
        return sum(
            (min(closes, until_at) - max(opens, from_at) for opens, closes in spans if opens < until_at), _NOTHING
        )

    def end_of_work(self, at: datetime) -> datetime:
        """When the local day of `at` is over for who works there: its last closing, or midnight if none is to come."""
        day = self.local(at).toordinal()
        closings = [closes for _opens, closes in self._spans_of(day) if closes > at]
        return closings[-1] if closings else self._first_shown(date.fromordinal(day), 24 * 60)

    def passes_at(self, day: date, clock_time: time) -> datetime:
        """The last instant at which this time of that local day has not yet passed, by the rule for closing times."""
        passes = self._passed.get((day, clock_time))
        if passes is None:
            if len(self._passed) >= _DAYS_REMEMBERED:
                self._passed.clear()
            minute = self._shown_no_more(day, clock_time.hour * 60 + clock_time.minute)
            passes = self._passed[day, clock_time] = minute + timedelta(seconds=clock_time.second)
        return passes

    def is_open_on(self, day: date) -> bool:
        """Whether it is open at any time of that local day."""
        return bool(self._spans_of(day.toordinal()))

    def first_open_day(self, day: date, *, weekdays: frozenset[int], days_off: Container[date]) -> date | None:
        """From this local day on, the first on which it is open of these days of the week (Monday is 0), less some days.

        None when there is no such day within `HORIZON_DAYS`. What was found is remembered by `days_off`: hashable.
        """
        key = (day, weekdays, days_off)
        try:
            return self._first_open[key]
        except KeyError:
            if len(self._first_open) >= _DAYS_REMEMBERED:
                self._first_open.clear()
        ahead = map(date.fromordinal, self._days_from(day.toordinal(), HORIZON_DAYS))
        right = (day for day in ahead if day.weekday() in weekdays and day not in days_off)
        found = self._first_open[key] = next(filter(self.is_open_on, right), None)
        return found

    def hours_on(self, day: date) -> Sequence[tuple[int, int]]:
        """The minutes from midnight between which it is open by its hours, closures not counted."""
        special = self._special.get(day)
        if special is not None:
            return special
        return () if day in self.holidays else self._week[day.weekday()]

    def _spans_from(self, at: datetime, days: int) -> Iterator[Span]:
        """Open spans that end after `at`, in order, of the local day of `at` and the `days` after it."""
        for day in self._days_from(self.local(at).toordinal(), days):
            for span in self._spans_of(day):
                if span[1] > at:
                    yield span

    @staticmethod
    def _days_from(day: int, days: int) -> range:
        return range(day, min(day + days, date.max.toordinal() - 1) + 1)

    def _spans_of(self, day: int) -> tuple[Span, ...]:
        spans = self._days.get(day)
        if spans is None:
            if len(self._days) >= _DAYS_REMEMBERED:
                self._days.clear()
            spans = self._days[day] = tuple(self._work_out(date.fromordinal(day)))
        return spans

    def _work_out(self, day: date) -> Iterator[Span]:
        """The open spans of one local day: disjoint, in order, none empty, closures cut out."""
        hours = self.hours_on(day)
        end_of_day = self._first_shown(day, 24 * 60)
        spans = ((self._first_shown(day, a), min(self._shown_no_more(day, b), end_of_day)) for a, b in hours)
        for opens, closes in _disjoint(spans):
            yield from self._without_closures(opens, closes)

    def _without_closures(self, opens: datetime, closes: datetime) -> Iterator[Span]:
        for closed_from, closed_until in self._closed:
            if closed_from >= closes:
                break
            if closed_until <= opens:
                continue
            if closed_from > opens:
                yield opens, closed_from
            opens = closed_until
        if opens < closes:
            yield opens, closes

    def _first_shown(self, day: date, minutes: int) -> datetime:
        wall = datetime.combine(day, time.min, self._zone) + timedelta(minutes=minutes)
        return wall.astimezone(UTC)

    def _shown_no_more(self, day: date, minutes: int) -> datetime:
        """When no earlier time of that day will be shown again."""
        wall = datetime.combine(day, time.min, self._zone) + timedelta(minutes=minutes)
        minute_before = (wall - _MINUTE).replace(fold=1)
        return max(wall.astimezone(UTC), minute_before.astimezone(UTC) + _MINUTE)


def _disjoint(spans: Iterable[Span]) -> Iterator[Span]:
    """The same time in order, none of it twice: what clocks skip may have moved one span into another."""
    done_until = datetime.min.replace(tzinfo=UTC)
    for opens, closes in sorted(spans):
        begin = max(opens, done_until)
        if begin < closes:
            done_until = closes
            yield begin, closes
