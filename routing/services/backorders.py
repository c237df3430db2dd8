"""`await_supply(…)`: which deliveries bring what stock cannot serve, and when the shopper has it. Nothing is written.

Each line takes the earliest units that nobody was promised, and each delivery is asked about as any other stock: it is
planned, under the same rules, as if its units stood in their place when it is expected. So a place that may not serve the
order brings it nothing, what the rules keep together comes to one place, and product page, quote and placement tell one date.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from inventory.queries import places
from inventory.supply import Coming, free_supply
from routing.services import sourcing
from routing.services.sourcing import Demand, Line, SourcingPlan

_DAYS_TRIED = 7

SupplyReader = Callable[..., Mapping[str, Sequence[Coming]]]
"""Answers as `inventory.supply.free_supply` does."""


@dataclass(frozen=True, slots=True)
class AwaitedPart:
    """Units of a line of the demand, and the line of the delivery that brings them. `promised_at`: when they are there."""

    key: str
    sku: str
    quantity: int
    inbound_line: int
    location: str
    available_at: datetime
    promised_at: datetime


@dataclass(frozen=True, slots=True)
class Awaited:
    """`lacking`: units by line of which nothing comes."""

    parts: tuple[AwaitedPart, ...]
    lacking: Mapping[str, int]

    @property
    def is_complete(self) -> bool:
        return not self.lacking

    @property
    def available_at(self) -> datetime:
        """When the last of it has come."""
        return max(part.available_at for part in self.parts)

    @property
    def promised_at(self) -> datetime | None:
        return max((part.promised_at for part in self.parts), default=None)


def await_rest(
    planned: SourcingPlan, *, besides: Mapping[int, int] | None = None, supply: SupplyReader = free_supply
) -> Awaited | None:
    """What is to come for what a plan leaves to wait, as `await_supply`; None where its rules let nothing wait.

    What comes when the rules have given up waiting is no supply: its date would be promised to be broken.
    """
    rest = awaitable(planned)
    if rest is None:
        return None
    until = waits_until(planned)
    return await_supply(
        rest, as_of=planned.as_of, release_at=planned.release_at, besides=besides, until=until, supply=supply
    )


def waits_until(planned: SourcingPlan) -> datetime | None:
    """When what waits for deliveries is canceled; None: it waits for as long as it takes."""
    days = [rest.cancel_after_days for rest in planned.rest if rest.disposition == "backorder"]
    least = min((n for n in days if n is not None), default=None)
    return None if least is None else planned.as_of + timedelta(days=least)


def await_supply(
    demand: Demand,
    *,
    as_of: datetime,
    release_at: datetime | None = None,
    besides: Mapping[int, int] | None = None,
    until: datetime | None = None,
    supply: SupplyReader = free_supply,
) -> Awaited:
    """What is to come for the lines of this demand, `until` then.

    `besides`: by line of a delivery the units to be counted as free, too (its own), or, less than zero, as taken.
    """
    asked = replace(demand, taken={}, holds=(), wanted_by=None)  # no date that was told makes a delivery come sooner
    skus = list(dict.fromkeys(line.sku for line in demand.lines))
    coming = supply(skus, context=asked.context(as_of), besides=besides or {})
    if until is not None:
        coming = {sku: [one for one in lines if one.available_at < until] for sku, lines in coming.items()}
    if asked.location is not None:  # nothing that comes elsewhere is of use
        coming = {sku: [one for one in lines if one.location == asked.location] for sku, lines in coming.items()}
    awaited = _earliest(asked, coming, as_of, release_at or as_of)
    if _may_leave_so(asked, awaited, as_of):
        return awaited
    whole = (_from(place, asked, coming, as_of, release_at or as_of) for place in _places_of(coming))
    return min(filter(None, whole), key=_when_all_is_there, default=_nothing_of(asked))


def _earliest(demand: Demand, coming: Mapping[str, Sequence[Coming]], as_of: datetime, release_at: datetime) -> Awaited:
    free = {one.line: one.units for supply in coming.values() for one in supply}
    parts, lacking = [], Counter[str]()
    for line in demand.lines:
        left = line.quantity
        for one in coming[line.sku]:
            units = min(left, free[one.line])
            if not units:
                continue
            planned = _as_if_it_stood_there(demand, replace(line, quantity=units), one, as_of, release_at)
            if planned.promised_at is not None and planned.is_complete:
                free[one.line] -= units
                left -= units
                parts.append(_part(line, units, one, planned.promised_at))
        if left:
            lacking[line.key] = left
    return Awaited(tuple(parts), dict(lacking))


def _may_leave_so(demand: Demand, awaited: Awaited, as_of: datetime) -> bool:
    """Whether the rules let what comes to several places leave from there: groups stay together, and some orders whole."""
    if len({part.location for part in awaited.parts}) < 2:
        return True
    here, units = Counter[tuple[str, str]](), Counter[str]()
    for part in awaited.parts:
        here[part.sku, part.location] += part.quantity
        units[part.key] += part.quantity
    lines = tuple(replace(line, quantity=units[line.key]) for line in demand.lines if units[line.key])
    return _as_if_given_then(replace(demand, lines=lines), here, as_of, awaited.available_at).is_complete


def _places_of(coming: Mapping[str, Sequence[Coming]]) -> list[str]:
    """Those to which some of everything comes."""
    places_of = [{one.location for one in supply} for supply in coming.values()]
    return sorted(set.intersection(*places_of))


def _from(
    place: str, demand: Demand, coming: Mapping[str, Sequence[Coming]], as_of: datetime, release_at: datetime
) -> Awaited | None:
    """All of it from this place."""
    there = {sku: [one for one in supply if one.location == place] for sku, supply in coming.items()}
    awaited = _earliest(demand, there, as_of, release_at)
    return awaited if awaited.is_complete else None


def _when_all_is_there(awaited: Awaited) -> datetime:
    return max(part.promised_at for part in awaited.parts)


def _nothing_of(demand: Demand) -> Awaited:
    return Awaited((), {line.key: line.quantity for line in demand.lines})


def _as_if_it_stood_there(
    demand: Demand, line: Line, coming: Coming, as_of: datetime, release_at: datetime
) -> SourcingPlan:
    here = {(coming.sku, coming.location): coming.units}
    at = max(coming.available_at, release_at)
    return _as_if_given_then(replace(demand, lines=(line,)), here, as_of, at)


def served_later(demand: Demand, here: Mapping[tuple[str, str], int], *, as_of: datetime) -> datetime | None:
    """When the shopper has what stands in these places for them, by (SKU, place), though none can take it today: their
    day is full, they are closed or paused. None: nor can they in the days to come.
    """
    asked = replace(demand, taken={}, holds=(), wanted_by=None)
    directory = places()
    zone = ZoneInfo(next(directory[code].timezone for _sku, code in here))
    today = as_of.astimezone(zone).date()
    for days in range(1, _DAYS_TRIED + 1):
        at = datetime.combine(today + timedelta(days=days), time(0), zone)
        planned = _as_if_given_then(asked, here, as_of, at)
        if planned.is_complete:
            return planned.promised_at
    return None


def _as_if_given_then(
    demand: Demand, here: Mapping[tuple[str, str], int], as_of: datetime, at: datetime
) -> SourcingPlan:
    """With this stock and no other, given to its place at that instant, or once that opens."""

    def stock(
        skus: Sequence[str], *, locations: Collection[str] | None = None, **_asked: object
    ) -> dict[str, dict[str, int]]:
        found: dict[str, dict[str, int]] = {sku: {} for sku in skus}
        for (sku, code), units in here.items():
            if sku in found and (locations is None or code in locations):
                found[sku][code] = units
        return found

    calendar = places()[next(code for _sku, code in here)].calendar
    return sourcing.plan(demand, as_of=as_of, release_at=at, at_places=calendar.next_opening(at) or at, stock=stock)


def carriage(demand: Demand, awaited: Awaited, *, as_of: datetime, release_at: datetime) -> Decimal:
    """What carriers ask for it: what comes to one place on one day leaves from there together."""
    together = defaultdict(list)
    for part in awaited.parts:
        day = places()[part.location].calendar.local(max(part.available_at, release_at)).date()
        together[part.location, day].append(part)
    asked = replace(demand, taken={}, holds=(), wanted_by=None)
    return sum((_carriage(asked, parts, as_of, release_at) for parts in together.values()), Decimal(0))


def _carriage(demand: Demand, parts: Sequence[AwaitedPart], as_of: datetime, release_at: datetime) -> Decimal:
    """Of parts of one place and day. Where the rules do not let them leave together, each leaves as it was planned."""
    units, here = Counter[str](), Counter[tuple[str, str]]()
    for part in parts:
        units[part.key] += part.quantity
        here[part.sku, part.location] += part.quantity
    lines = tuple(replace(line, quantity=units[line.key]) for line in demand.lines if units[line.key])
    at = max(release_at, *(part.available_at for part in parts))
    planned = _as_if_given_then(replace(demand, lines=lines), here, as_of, at)
    if planned.is_complete or len(parts) == 1:
        return planned.shipping
    return sum((_carriage(demand, [part], as_of, release_at) for part in parts), Decimal(0))


def _part(line: Line, units: int, coming: Coming, promised_at: datetime) -> AwaitedPart:
    return AwaitedPart(
        line.key, line.sku, units, coming.line, coming.location, coming.available_at, promised_at=promised_at
    )


def awaitable(planned: SourcingPlan) -> Demand | None:
    """What a plan leaves to wait for deliveries, as a demand of its own; None where its rules let nothing wait."""
    waiting = {rest.key: rest.quantity for rest in planned.rest if rest.disposition == "backorder"}
    if not waiting:
        return None
    lines = tuple(replace(line, quantity=waiting[line.key]) for line in planned.demand.lines if line.key in waiting)
    return replace(planned.demand, lines=lines)
