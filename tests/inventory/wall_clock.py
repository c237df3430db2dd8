"""An oracle for opening hours and cut-offs: it walks through some days minute by minute and reads the clock on the wall.

It shares nothing with `inventory.hours` but the time zone database. Rules, in its own words: a door opens in the
minute in which the wall shows the opening time for the first time that day, and shuts after the last minute that
shows a time before the closing one. A time the wall never shows, because clocks jump over it, comes as many
minutes after the jump as it lies behind the point where they jumped. A day ends when the next one begins.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from itertools import pairwise
from zoneinfo import ZoneInfo

MINUTE = timedelta(minutes=1)
DAY_NAMES = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
Wall = Sequence[tuple[datetime, int]]  # what is shown when: instants with minutes since midnight

ODD_EVES = [  # around which clocks do something, as the day begins in UTC
    *(("Europe/Paris", "2026-03-28"), ("Europe/Paris", "2026-10-24")),
    *(("America/New_York", "2026-03-07"), ("America/New_York", "2026-10-31")),
    *(("America/Havana", "2026-03-07"), ("America/Havana", "2026-10-31")),  # at midnight
    *(("Australia/Lord_Howe", "2026-04-04"), ("Australia/Lord_Howe", "2026-10-03")),  # by half an hour
    *(("Africa/Casablanca", "2026-02-14"), ("Africa/Casablanca", "2026-03-21")),  # back for the month of Ramadan
    *(("America/Sao_Paulo", "2018-02-17"), ("America/Sao_Paulo", "2018-11-03")),  # 23:00 twice; no midnight
    *(("Pacific/Apia", "2011-12-29"), ("Pacific/Apia", "2012-03-31")),  # a day that never was
    *(("Antarctica/Troll", "2026-03-28"), ("Antarctica/Troll", "2026-10-24")),  # by two hours
    ("Asia/Kolkata", "2026-03-28"),  # never changes, half an hour off
]


@lru_cache(200)
def wall_of(zone: str, start: datetime, days: int) -> Mapping[date, Wall]:
    """What the wall shows on each local day that lies whole within two days before `start` and `days` after it."""
    place = ZoneInfo(zone)
    shown: dict[date, list[tuple[datetime, int]]] = {}
    for number in range(-3 * 24 * 60, (days + 4) * 24 * 60):
        at = start + number * MINUTE
        local = at.astimezone(place)
        shown.setdefault(local.date(), []).append((at, local.hour * 60 + local.minute))
    return {day: shown[day] for day in sorted(shown)[1:-1]}


def jumps_of(wall: Mapping[date, Wall]) -> set[int]:
    """The times of day from which and to which clocks jump in these days."""
    shown = [minute for of_day in wall.values() for _at, minute in of_day]
    return {side for was, to in pairwise(shown) if to != (was + 1) % 1440 for side in (was + 1, to)}


def minutes(text: str) -> int:
    return int(text[:2]) * 60 + int(text[3:])


def _jumped_over(wall: Wall, minute: int) -> datetime | None:
    """When a time that is not shown comes all the same; None when the day is over before."""
    before = -1
    for at, shown in wall:
        if shown > minute:
            return at + (minute - before - 1) * MINUTE
        before = shown
    return None


def opens_at(wall: Wall, minute: int) -> datetime | None:
    for at, shown in wall:
        if shown == minute:
            return at
    return _jumped_over(wall, minute)


def is_over_at(wall: Wall, minute: int) -> datetime | None:
    """From when on no earlier time of the day is shown any more; None at the end of the day."""
    if minute not in {shown for _at, shown in wall}:
        return _jumped_over(wall, minute)
    earlier = [at for at, shown in wall if shown < minute]
    return earlier[-1] + MINUTE if earlier else wall[0][0]


class Oracle:
    """The open minutes of a place in the days around `start`."""

    def __init__(
        self,
        zone: str,
        start: datetime,
        days: int,
        *,
        week: Mapping[str, Sequence[tuple[str, str]]],
        closures: Sequence[tuple[datetime, datetime]] = (),
        special: Mapping[str, Sequence[tuple[str, str]]] | None = None,
        holidays: Collection[date] = (),
    ):
        self.zone = ZoneInfo(zone)
        self.wall = wall_of(zone, start, days)
        self.open: list[datetime] = []
        for day, wall in self.wall.items():
            if day.isoformat() in (special or {}):
                pairs = (special or {})[day.isoformat()]
            elif day in holidays:
                pairs = ()
            elif week:
                pairs = week.get(DAY_NAMES[day.weekday()], ())
            else:
                pairs = (("00:00", "24:00"),)
            by_hours = {at for pair in pairs for at in self._between(wall, *pair)}
            self.open += sorted(at for at in by_hours if not any(a <= at < b for a, b in closures))
        self._is_open = frozenset(self.open)

    @staticmethod
    def _between(wall: Wall, opens: str, closes: str) -> list[datetime]:
        begin, end = opens_at(wall, minutes(opens)), is_over_at(wall, minutes(closes))
        first = len(wall) if begin is None else (begin - wall[0][0]) // MINUTE
        last = len(wall) if end is None else (end - wall[0][0]) // MINUTE
        return [at for at, _shown in wall[first:last]]

    def is_open(self, at: datetime) -> bool:
        return at in self._is_open

    def after(self, at: datetime) -> list[datetime]:
        """The open minutes from this one on."""
        return [minute for minute in self.open if minute >= at]

    def done_at(self, start: datetime, work: int) -> datetime | None:
        """When so many minutes of open time (at least one) are over."""
        ahead = self.after(start)
        return ahead[work - 1] + MINUTE if len(ahead) >= work else None

    def day_of(self, at: datetime) -> date:
        return at.astimezone(self.zone).date()

    def next_open_day(self, after: date) -> date | None:
        return next((day for day in map(self.day_of, self.open) if day > after), None)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)
