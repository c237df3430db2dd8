"""`promise(…)`: when the shopper can have it. One answer for product page, cart, placement and simulation.

Configured times speak first; where enough was learned (and the date policy of the channel allows it) the learned ones
do, on the same calendars: opening hours, closures, holidays, cut-offs, the carrier's days, both time zones. What was
learned is a table in the process; a date asked for again within the minute is looked up.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from inventory import queries as inventory
from inventory.queries import PlaceInfo
from routing import dates, queries
from routing.dates import Way, end_of
from routing.leadtimes import Cumulative, LeadTimes, area_of, preparation_cells, transit_cells
from routing.queries import USUAL_TERMS, CarrierTerms, DateRule, Policy

_REMEMBERED = 50_000
_MINUTE = timedelta(minutes=1)
PICKUP, SHIP = "pickup", "ship"


@dataclass(frozen=True, slots=True)
class Promise:
    """`earliest_at`: hardly sooner. `confidence`: how often such a date is kept; None where configured times made it, or
    the carrier's part of it."""

    promised_at: datetime
    earliest_at: datetime
    confidence: float | None = None


@dataclass(frozen=True, slots=True)
class Whereto:
    """Where a parcel goes: the zone in which its days end, the country whose holidays count, the area of its lane."""

    zone: ZoneInfo
    country: str = ""
    area: str = ""

    @classmethod
    def of(cls, country: str, postal_code: str, zone: ZoneInfo) -> "Whereto":
        return cls(zone, country, area_of(country, postal_code))


@dataclass(frozen=True, slots=True)
class Asked:
    """A piece of work at a place. `whereto` None: the shopper comes. `transit_days`: as configured; None where, of work
    of the past, nobody knows."""

    place: PlaceInfo
    policy: Policy
    service: str
    release_at: datetime
    whereto: Whereto | None = None
    carrier_service: str = ""
    terms: CarrierTerms = USUAL_TERMS
    transit_days: int | None = 0

    @property
    def way(self) -> str:
        """Under which name it is learned: all that is collected is prepared alike."""
        return PICKUP if self.whereto is None else SHIP

    @property
    def transit_cells(self) -> tuple[str, ...]:
        origin = area_of(self.place.country, self.place.postal_code)
        destination = self.whereto.area if self.whereto else ""
        return transit_cells(self.carrier_service, origin, destination, self.transit_days)

    def preparation_cells(self, *, backlog: int | None) -> tuple[str, ...]:
        hour = self.place.calendar.local(self.release_at).hour
        return preparation_cells(self.place.code, self.place.kind, self.way, hour=hour, backlog=backlog)


def promise(asked: Asked, *, channel: str, learned: LeadTimes | None = None) -> Promise:
    """`learned`: another table than the newest."""
    rule = queries.date_rule(channel, asked.service)
    learned = queries.lead_times() if learned is None else learned
    if not rule.is_learned or not learned.preparation:
        return configured(asked)
    return _remembered(asked, rule, learned)


def pickup_time(place: PlaceInfo, channel: str, as_of: datetime, method: str = PICKUP) -> datetime:
    """When an order of this instant could be collected there."""
    policy = queries.policy_for(place, method=method, service="standard")
    return promise(Asked(place, policy, "standard", as_of), channel=channel).promised_at


def configured(asked: Asked) -> Promise:
    """By the times that staff have set."""
    if asked.whereto is None:
        at = dates.pickup_promise(asked.place, asked.policy, release_at=asked.release_at)
    else:
        at = dates.ship_promise(
            asked.place,
            asked.policy,
            service=asked.service,
            carrier=asked.terms,
            transit_days=asked.transit_days or 0,
            release_at=asked.release_at,
            destination_zone=asked.whereto.zone,
            destination_country=asked.whereto.country,
        )
    return Promise(at, at)


# ---- learned -------------------------------------------------------------------------------------


@dataclass
class _Memory:
    """Dates given within one minute, of one version of the tables, places and carriers."""

    sources: tuple[Any, ...]
    found: dict[tuple[Any, ...], Promise] = field(default_factory=dict)


_memory = _Memory(())


def _remembered(asked: Asked, rule: DateRule, learned: LeadTimes) -> Promise:
    global _memory
    sources = (learned, inventory.places(), queries.carriers())
    if len(_memory.sources) != len(sources) or any(a is not b for a, b in zip(_memory.sources, sources, strict=True)):
        _memory = _Memory(sources)
    known = _memory.found
    asked = _at_the_minute(asked)
    backlog = queries.work_waiting(asked.place.code)
    key = (
        *(
            asked.place.code,
            asked.way,
            asked.service,
            asked.release_at,
            asked.whereto,
            asked.carrier_service,
            asked.transit_days,
        ),
        *(rule, backlog, asked.policy, asked.place.cut_off is None),  # asked for without its cut-off, too
    )
    if key not in known:
        if len(known) >= _REMEMBERED:
            known.clear()
        known[key] = _learned(asked, rule, learned, backlog) or configured(asked)
    return known[key]


def _at_the_minute(asked: Asked) -> Asked:
    """The whole minute from then on: all who ask within it are told the same."""
    at = asked.release_at.astimezone(UTC)
    whole = at.replace(second=0, microsecond=0)
    whole = whole if whole == at else whole + _MINUTE
    return replace(asked, release_at=whole)


def _learned(asked: Asked, rule: DateRule, learned: LeadTimes, backlog: int) -> Promise | None:
    """None where the cases do not suffice. Whoever has never seen such a way cannot say how surely its date holds."""
    times = possible_times(asked, learned, backlog=backlog)
    if times is None:
        return None
    latest = times.at(learned.level(asked.way, rule.quantile))
    earliest = min(latest, times.at(1 - rule.quantile))
    is_seen = asked.whereto is None or learned.knows_transit(asked.transit_cells)
    return Promise(instant_of(asked, latest), instant_of(asked, earliest), rule.quantile if is_seen else None)


def instant_of(asked: Asked, key: int) -> datetime:
    """Of a key of `possible_times`."""
    if asked.whereto is None:
        return dates.ready_at(asked.place, asked.release_at, key)
    return end_of(date.fromordinal(key), asked.whereto.zone)


def possible_times(asked: Asked, learned: LeadTimes, *, backlog: int | None) -> Cumulative | None:
    """By slot of preparation where the shopper comes, else by day of arrival (its ordinal).

    A part of which too little is known takes its configured time. None where that holds for all of it.
    """
    cells = asked.preparation_cells(backlog=backlog)
    is_configured = bool(asked.place.preparation_minutes or asked.policy.prepare_minutes)
    knows_preparation = learned.knows_preparation(cells, is_configured=is_configured)
    if asked.whereto is None:
        return learned.prepared(cells) if knows_preparation else None
    if learned.knows_transit(asked.transit_cells):
        transit = learned.carried(asked.transit_cells)
    elif knows_preparation and asked.transit_days is not None:
        transit = Cumulative((asked.transit_days,), (1.0,))
    else:
        return None
    leaving = _leaving(asked, learned.prepared(cells) if knows_preparation else None)
    if not leaving:
        return None
    return dates.arrivals(leaving, transit, Way.of(asked.terms, asked.place, asked.whereto.country))


def _leaving(asked: Asked, preparation: Cumulative | None) -> Mapping[date, float]:
    place, cut_off = asked.place, asked.terms.cut_off
    if preparation is not None:
        return dates.leaving_days(place, asked.service, cut_off, asked.release_at, preparation)
    minutes = dates.promised_minutes(place, asked.policy)
    return {dates.leaving_day(place, asked.service, cut_off, asked.release_at, minutes): 1.0}
