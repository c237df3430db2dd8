"""How full the places' days were at an instant of the past, and how they filled up from then on, in memory.

Written from the ledger of promises: a promise that was given booked the day on which its work was to be prepared, one
that was withdrawn gave it back. Days that work was moved to afterwards, because it was handed out late, are not told.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import NamedTuple

from django.db.models import Q

from inventory.queries import places
from routing import dates, queries
from routing.models import GivenPromise

#: Work is prepared within so many days of its promise, or its day has no more room to tell of.
_LONGEST_PREPARATION = timedelta(days=21)

Days = dict[str, dict[date, int]]


class Booked(NamedTuple):
    """So many more or fewer pieces of work on a place's day, from an instant on."""

    at: datetime
    location: str
    date: date
    units: int


class CapacityBook:
    """Booked work by place and local day, and what is still to be booked. Owns what it is given."""

    def __init__(self, days: Days | None = None, changes: Iterable[Booked] = ()):
        self._days = days or {}
        self._changes = sorted(changes, key=lambda change: change.at)
        self._next = 0

    def advance(self, until: datetime) -> None:
        """Let happen what happened before that instant."""
        while self._next < len(self._changes) and self._changes[self._next].at < until:
            change = self._changes[self._next]
            self._next += 1
            self.book(change.location, change.date, change.units)

    def book(self, location: str, day: date, units: int = 1) -> None:
        days = self._days.setdefault(location, {})
        days[day] = max(0, days.get(day, 0) + units)

    def booked_by_day(self, locations: Sequence[str], *, from_date: date) -> Mapping[str, Mapping[date, int]]:
        """As `routing.queries.booked_by_day` answers, with earlier days besides."""
        return {code: self._days[code] for code in locations if code in self._days}

    def fullest(self, location: str) -> int:
        """The most pieces of work on any day that it knows."""
        return max(self._days.get(location, {}).values(), default=0)


def capacity_book(*, as_of: datetime, until: datetime | None = None, follows: bool = False) -> CapacityBook:
    """The days from `as_of` on; with `until`, changing as they did up to then. `follows`: by all new promises; without,
    the first ones of an order are left out, for somebody who decides them anew."""
    limited = [code for code, place in places().items() if place.daily_capacity is not None]
    given = GivenPromise.objects.filter(
        Q(ended_at=None) | ~Q(outcome=GivenPromise.Outcome.WITHDRAWN) | Q(ended_at__gt=as_of),
        location_id__in=limited,
        given_at__gt=as_of - _LONGEST_PREPARATION,
        given_at__lte=until or as_of,
    )
    days: Days = {}
    changes = []
    first: dict[str, datetime] = {}
    fields = ("root", "location_id", "method", "service", "given_at", "release_at", "ended_at", "outcome")
    rows = given.order_by("given_at").values_list(*fields)
    for root, code, method, service, given_at, release_at, ended_at, outcome in rows.iterator():
        begun = first.setdefault(root, given_at)
        day = preparation_day(code, method, service, release_at)
        if given_at <= as_of:
            of_place = days.setdefault(code, {})
            of_place[day] = of_place.get(day, 0) + 1
        elif follows or given_at > begun:
            changes.append(Booked(given_at, code, day, 1))
        if outcome == GivenPromise.Outcome.WITHDRAWN and until is not None and ended_at <= until:
            changes.append(Booked(ended_at, code, day, -1))
    return CapacityBook(days, changes)


def preparation_day(code: str, method: str, service: str, release_at: datetime) -> date:
    place = places()[code]
    policy = queries.policy_for(place, method=method, service=service)
    return place.calendar.local(dates.ready_by(place, policy, assigned_at=release_at)).date()
