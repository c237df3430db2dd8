"""`plan(demand, as_of=…)`: the one question everybody asks routing.

It reads without locks (stock in one statement; capacity in a second one where a place with stock has a
limit; a postal code not seen before in a third) and decides nothing for good: whoever acts on a plan
reserves and books first, and plans again when that is refused.
"""

import time as monotonic_time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from functools import cached_property
from zoneinfo import ZoneInfo

from django.conf import settings

from inventory import queries as inventory
from inventory.exposure import Context
from inventory.hours import WEEKDAYS
from inventory.methods import COLLECTED
from inventory.queries import PlaceInfo
from oms.ids import new_id
from routing import dates, queries
from routing.acceptance import Acceptance
from routing.documents import compact_postal_code
from routing.engine import assess, geo, planner
from routing.engine import types as engine
from routing.engine.conditions import matching_rule
from routing.engine.tariffs import NO_WEIGHT_LIMIT_G, Tariff, Tier, Zone
from routing.engine.types import Budget, Line, PlannedLine, RestLine, Timing, from_micro
from routing.later import Later
from routing.leadtimes import HOUR_CLASSES, LeadTimes, day_part
from routing.queries import ActiveRules
from routing.services.promises import Asked, Promise, Whereto, promise

#: Working days in transit while no carrier service of a standard is known.
DEFAULT_TRANSIT_DAYS = {"standard": 3, "express": 1, "same_day": 0}

__all__ = [
    "COLLECTED",
    "Demand",
    "Destination",
    "Line",
    "PlannedParcel",
    "Planning",
    "Reoptimised",
    "SourcingPlan",
    "order_by",
    "parcel_prices",
    "plan",
]


@dataclass(frozen=True, slots=True)
class Destination:
    country: str
    postal_code: str = ""
    city: str = ""
    latitude: float | None = None
    longitude: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """One delivery of a basket. `lines` are the engine's (key, sku, quantity, group, unit_value, weight_g, tags).

    `location`: the only place that may serve it, because the shopper (or a person here) chose it.
    `excluded`: {line key: place codes}. `taken`: {(sku, place code): units} already spoken for.
    `value`: of the whole order, for the rules' conditions (default: of the lines).
    `wanted_by`: a promise to keep; lateness counts from its day, else from the day of asking.
    `holds`: the holds of carts and offers whose units are this demand's own.
    """

    channel: str
    currency: str
    lines: tuple[Line, ...]
    method: str = "ship"
    service: str = "standard"
    destination: Destination | None = None
    location: str | None = None
    excluded: Mapping[str, Collection[str]] = field(default_factory=dict)
    taken: Mapping[tuple[str, str], int] = field(default_factory=dict)
    value: Decimal | None = None
    wanted_by: datetime | None = None
    holds: tuple[str, ...] = ()
    customer_tags: Collection[str] = ()

    def context(self, as_of: datetime) -> Context:
        """Who asks inventory for stock, and for what."""
        return Context(as_of, channel=self.channel, order_type=self.method, service=self.service, holds=self.holds)

    @property
    def is_collected(self) -> bool:
        """Nothing is carried: the shopper comes."""
        return self.method in COLLECTED


@dataclass(frozen=True, slots=True)
class PlannedParcel:
    """Work for one place. `shipping` is the carrier's part of the cost; `paid` is what is really paid, carriage and
    handling, whatever the rules weigh.

    `capacity_date` is the local day to book, None where nothing limits the place."""

    location: str
    lines: tuple[PlannedLine, ...]
    service: str
    carrier_service: str
    transit_days: int
    cost: Decimal
    shipping: Decimal
    paid: Decimal
    weight_g: int
    distance_km: float | None
    promised_at: datetime
    ready_by: datetime
    capacity_date: date | None
    ignores_capacity: bool
    earliest_at: datetime
    confidence: float | None


@dataclass(frozen=True, slots=True)
class Reoptimised:
    """Why a plan took the place of another: with so many orders, itself among them, it saves this much in all.

    `own_saved`: by this delivery alone; less than nothing where others save more. `kept_for`: by place, the other orders
    that keep what this one could have had there, where there is too little for all.
    """

    orders: int
    saved: Decimal
    own_saved: Decimal = Decimal(0)
    kept_for: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SourcingPlan:
    """A plan with its dates. `decision_id` is free to be recorded (`services.decisions`)."""

    demand: Demand
    as_of: datetime
    release_at: datetime
    zone: ZoneInfo  # in which the shopper's days end
    parcels: tuple[PlannedParcel, ...]
    rest: tuple[RestLine, ...]
    outcome: engine.Plan
    rules: ActiveRules
    notes: tuple[str, ...]
    elapsed_ms: float
    decision_id: str
    reoptimised: Reoptimised | None = None

    @property
    def is_complete(self) -> bool:
        return not self.rest

    @property
    def promised_at(self) -> datetime | None:
        """When the last parcel is promised."""
        return max((parcel.promised_at for parcel in self.parcels), default=None)

    @property
    def is_late(self) -> bool:
        """As rules see it: something of it comes after the day on which it was wanted."""
        wanted_by, promised_at = self.demand.wanted_by, self.promised_at
        if wanted_by is None or promised_at is None:
            return False
        return dates.days_late(promised_at, wanted_by.astimezone(self.zone).date(), self.zone) > 0

    @property
    def shipping(self) -> Decimal:
        """What carriers ask for all parcels."""
        return sum((parcel.shipping for parcel in self.parcels), Decimal(0))


StockReader = Callable[..., dict[str, dict[str, int]]]
"""Answers as `inventory.queries.sellable_units` does; what it gives is the caller's to change."""

CapacityReader = Callable[..., Mapping[str, Mapping[date, int]]]
"""Answers as `routing.queries.booked_by_day` does."""

PriceReader = Callable[..., engine.BySkuAndPlace | None]
"""Answers as `routing.queries.scarcity_prices` does."""


def plan(
    demand: Demand,
    *,
    as_of: datetime,
    release_at: datetime | None = None,
    rules: ActiveRules | None = None,
    stock: StockReader = inventory.sellable_units,
    booked: CapacityReader = queries.booked_by_day,
    scarcity: PriceReader = queries.scarcity_prices,
    learned: LeadTimes | None = None,
    acceptance: Callable[[], Acceptance] = queries.acceptance,
    budget: Budget | None = None,
    at_places: datetime | None = None,
) -> SourcingPlan:
    """The best plan under the channel's published rules, within the planning budget, or another one.

    `release_at`: when the places will learn of it (default: at once). `at_places`: the instant at which they are to be open
    and not paused (default: now). `rules`: others than the published. `stock`: a reader that several plans of one basket
    share, or of another time, as `booked`, prices of `scarcity`, and what was `learned` and known of `acceptance` by then
    may be.
    A destination that cannot be found on the map is planned without distances and noted, never refused.
    """
    started = monotonic_time.perf_counter()
    rules = rules or queries.rules_for(demand.channel)
    planning = Planning(demand, as_of, release_at or as_of, stock, booked)
    planning.learned, planning.scarcity, planning.known_acceptance = learned, scarcity, acceptance
    planning.at_places = at_places or as_of
    budget = budget or Budget.of(settings.PLANNING_BUDGET_MS / 1000, monotonic_time.monotonic)
    outcome = planner.plan(planning.engine_demand(), rules.rules, planning.network(), budget)
    return planning.plan_of(outcome, rules, started=started)


def mates(demand: Demand, lost: Collection[str], *, step: tuple[int, str], as_of: datetime) -> frozenset[str]:
    """The keys of lines that the channel's rules do not send without those that are lost, these among them; none where a
    later step would. `step`: number and name of the one that sent them; of changed rules the first of that name, or of all.
    """
    asked = Planning(demand, as_of, as_of).engine_demand()
    rule = matching_rule(queries.rules_for(demand.channel).rules, asked)
    steps = rule.steps if rule else ()
    served = next((number for number, one in enumerate(steps) if (number, one.name) == step), None)
    if served is None:
        served = next((number for number, one in enumerate(steps) if one.name == step[1]), 0)
    return assess.mates(steps[served:], asked, lost)


def network_today(demand: Demand, codes: Collection[str], *, as_of: datetime, release_at: datetime) -> engine.Network:
    """What can be asked today about that instant: hours and carriers as they are set now, and what is booked by now.

    Of stock it knows nothing but that these places hold some.
    """

    def some(skus: Iterable[str], **_context: object) -> dict[str, dict[str, int]]:
        return {sku: dict.fromkeys(codes, 1) for sku in skus}

    return Planning(demand, as_of, release_at, some).network()


def parcel_prices(
    demand: Demand, codes: Iterable[str], parcels: Sequence[tuple[int, int]], *, as_of: datetime
) -> dict[str, list[int]]:
    """What parcels of so many (units, g) to this destination cost from each place, in millionths, handling and
    packaging included.

    The cheapest carrier service counts; a place that no carrier serves from is left out.
    """
    planning = Planning(demand, as_of, as_of)
    places = queries.engine_places(demand.currency, as_of=as_of)
    found = {}
    for place in (places[code] for code in codes if code in places):
        far = geo.distance_km(place.point, planning.point) if place.point and planning.point else None
        tariffs = planning.tariff(place, far)
        if tariffs:
            fixed = place.handling_micro + place.packaging_micro
            found[place.code] = [
                fixed + units * place.handling_unit_micro + min(t.price_micro(weight_g) for t in tariffs)
                for units, weight_g in parcels
            ]
    return found


_ORDER_BY_HORIZON = timedelta(hours=72)
_MINUTE = timedelta(minutes=1)


def order_by(planned: SourcingPlan) -> datetime | None:
    """Until when the same parcels, ordered later, would still keep the promise; to the minute.

    None when three days later would do as well, or nothing was planned.
    """
    if planned.promised_at is None:
        return None
    promised_at, as_of = planned.promised_at, planned.as_of
    planning = Planning(planned.demand, as_of, as_of)
    wait = planned.release_at - as_of
    minute = as_of.replace(second=0, microsecond=0)
    places = [(planning.directory[p.location], p) for p in planned.outcome.parcels]

    def after(minutes: int) -> datetime:
        return minute + minutes * _MINUTE if minutes else as_of

    def holds(minutes: int) -> bool:
        planning.release_at = after(minutes) + wait
        return all(
            planning.promise(place, p.carrier_service, p.transit_days).promised_at <= promised_at for place, p in places
        )

    begun = 0  # a later order is promised no earlier date, but where another part of the day begins
    for ends in _parts_of_the_days([place for place, _parcel in places], minute + wait):
        if not holds(begun):
            return after(max(0, begun - 1))
        if not holds(ends):
            return after(_last_that_holds(holds, begun, ends))
        begun = ends + 1
    return None


def _last_that_holds(holds: Callable[[int], bool], early: int, late: int) -> int:
    while late - early > 1:
        middle = (early + late) // 2
        early, late = (middle, late) if holds(middle) else (early, middle)
    return early


def _parts_of_the_days(places: Collection[PlaceInfo], release_at: datetime) -> list[int]:
    """The last minutes from then of the spans within which what was learned of these places is the same."""
    until = release_at + _ORDER_BY_HORIZON
    ends = {_ORDER_BY_HORIZON // _MINUTE}
    for zone in {ZoneInfo(place.timezone) for place in places}:
        day = release_at.astimezone(zone).date()
        while (midnight := datetime.combine(day, time(0), zone)) <= until:
            begins = (midnight.replace(hour=hour) for hour in HOUR_CLASSES)
            ends |= {(at - release_at) // _MINUTE - 1 for at in begins if release_at < at <= until}
            day += timedelta(days=1)
    return sorted(minutes for minutes in ends if minutes >= 0)


def _ignores_capacity(rules: ActiveRules, outcome: engine.Plan, parcel: engine.Parcel) -> bool:
    rule = next((rule for rule in rules.rules if rule.name == outcome.rule), None)
    if rule is None or parcel.step >= len(rule.steps):
        return False
    return rule.steps[parcel.step].source.ignore_capacity


class Planning:
    """Answers the engine's questions for one demand. `booked`: the days of the places, where they are read already."""

    def __init__(
        self,
        demand: Demand,
        as_of: datetime,
        release_at: datetime,
        stock: StockReader = inventory.sellable_units,
        booked: CapacityReader = queries.booked_by_day,
    ):
        self.demand = demand
        self.stock = stock
        self.booked = booked
        self.learned: LeadTimes | None = None  # what is known now
        self.scarcity: PriceReader = queries.scarcity_prices
        self.known_acceptance: Callable[[], Acceptance] = queries.acceptance
        self.as_of = as_of
        self.at_places = as_of
        self.release_at = release_at
        self.notes: list[str] = []
        self.directory = inventory.places()
        self.point = self._point()
        self.country = demand.destination.country if demand.destination else ""
        self.zone: ZoneInfo = queries.zone_of(self.country, self.point)
        self.whereto = self._whereto()
        self.carriers = queries.carriers()
        self.offers = self._carriers_that_reach(self.country)
        self._booked: Mapping[str, Mapping[date, int]] | None = None
        self._policies: dict[str, queries.Policy] = {}
        self._preparation_days: dict[str, date] = {}

    # The demand -------------------------------------------------------------------------------

    def _point(self) -> geo.Point | None:
        there = self.demand.destination
        if there is None:
            return None
        if there.latitude is not None and there.longitude is not None:
            return geo.point(there.latitude, there.longitude)
        found = queries.geocode(there.country, there.postal_code)
        if found and not found.is_exact:
            self.notes.append("destination_approximate")
        return geo.point(found.latitude, found.longitude) if found else None

    def _whereto(self) -> Whereto | None:
        if self.demand.is_collected:
            return None
        there = self.demand.destination
        return Whereto.of(self.country, there.postal_code if there else "", self.zone)

    def engine_demand(self) -> engine.Demand:
        demand, local = self.demand, self.as_of.astimezone(self.zone)
        there = demand.destination or Destination("")
        value = demand.value
        if value is None:
            value = sum((line.unit_value * line.quantity for line in demand.lines), Decimal(0))
        return engine.Demand(
            lines=demand.lines,
            channel=demand.channel,
            method=demand.method,
            service=demand.service,
            country=there.country,
            postal_code=compact_postal_code(there.postal_code),
            point=self.point,
            location=demand.location,
            value=value,
            weekday=WEEKDAYS[local.weekday()],
            time=local.time(),
            date=local.date(),
            customer_tags=frozenset(demand.customer_tags),
            excluded={key: frozenset(codes) for key, codes in demand.excluded.items()},
        )

    # The network ------------------------------------------------------------------------------

    def network(self) -> engine.Network:
        demand = self.demand
        only = None if demand.location is None else [demand.location]
        tags = {line.sku: line.tags for line in demand.lines}
        context = demand.context(self.as_of)
        self.sellable = self.stock(sorted(tags), context=context, locations=only, tags=tags)
        for (sku, code), units in demand.taken.items():
            self._take(sku, code, units)
        return engine.Network(
            places=queries.engine_places(demand.currency, as_of=self.at_places),
            sellable=self.sellable,
            tariff=self.tariff,
            capacity_left=self.capacity_left,
            is_open=lambda place: self.directory[place.code].calendar.is_open(self.at_places),
            is_open_that_day=self.is_open_that_day,
            is_before_cut_off=self.is_before_cut_off,
            timing=self.timing,
            days_missed=self.days_missed,
            workload=self.workload,
            booked=lambda place: self._booked_on_the_day(place.code),
            acceptance=self.acceptance,
            scarcity=Later(lambda: self._scarcity_of(tags)),
            markdown=Later(lambda: queries.markdown_gains(demand.currency, list(tags), as_of=self.as_of)),
            confidence=Later(lambda: inventory.confidences(list(tags))),
        )

    def _scarcity_of(self, skus: Iterable[str]) -> engine.BySkuAndPlace:
        prices = self.scarcity(self.demand.currency, as_of=self.as_of)
        return {} if prices is None else {sku: prices.get(sku, {}) for sku in skus}

    def _take(self, sku: str, code: str, units: int) -> None:
        stock = self.sellable.get(sku, {})
        left = stock.pop(code, 0) - units
        if left > 0:
            stock[code] = left

    def _carriers_that_reach(self, country: str) -> list[list[Zone]] | None:
        """Per carrier service its zones for this address, in order; None while no service is known at all."""
        if self.demand.is_collected:
            return None
        services = self.carriers.by_service.get((self.demand.service, self.demand.currency))
        if not services:
            self.notes.append("no_carrier_service")
            return None
        there = self.demand.destination
        code = compact_postal_code(there.postal_code) if there else ""
        return [[zone for zone in service.zones if zone.reaches(country, code)] for service in services]

    def tariff(self, _place: engine.Place, distance_km: float | None) -> tuple[Tariff, ...]:
        """What each carrier service asks; the engine takes the best for the weight and the date."""
        if self._tariffs_anywhere is not None:
            return self._tariffs_anywhere
        covering = (next((z.tariff for z in zones if z.covers(distance_km)), None) for zones in self.offers or ())
        return tuple(tariff for tariff in covering if tariff is not None)

    @cached_property
    def _tariffs_anywhere(self) -> tuple[Tariff, ...] | None:
        """From all places the same; None where the distance decides."""
        if self.offers is None:
            return (_free_ride(self.demand.service),)
        first = [zones[0] for zones in self.offers if zones]
        return tuple(z.tariff for z in first) if all(z.max_distance_km is None for z in first) else None

    def is_open_that_day(self, place: engine.Place) -> bool:
        return dates.is_open_that_day(self.directory[place.code], self.release_at)

    def is_before_cut_off(self, place: engine.Place) -> bool:
        return dates.is_before_cut_off(self.directory[place.code], self.demand.service, self.release_at)

    def capacity_left(self, place: engine.Place) -> int | None:
        capacity = self.directory[place.code].daily_capacity
        return None if capacity is None else max(0, capacity - self._booked_on_the_day(place.code))

    def workload(self, place: engine.Place) -> float:
        """Share of the day's capacity already booked; a place without limit is never full."""
        capacity = self.directory[place.code].daily_capacity
        return self._booked_on_the_day(place.code) / capacity if capacity else 0.0

    def acceptance(self, place: engine.Place) -> float:
        """The probability that the place does the work, given to it when it learns of it."""
        at = self.release_at.astimezone(ZoneInfo(self.directory[place.code].timezone))
        return self.known_acceptance().probability(place.code, day_part(at.hour), self._product_tags)

    @cached_property
    def _product_tags(self) -> frozenset[str]:
        return frozenset().union(*(line.tags for line in self.demand.lines))

    def _booked_on_the_day(self, code: str) -> int:
        if self._booked is None:
            self._booked = self._all_booked()
        days = self._booked.get(code)
        if not days:
            return 0
        day = self._preparation_days.get(code)  # asked for by filters and weights in turn
        if day is None:
            day = self._preparation_days[code] = self.preparation_day(self.directory[code])
        return days.get(day, 0)

    def _all_booked(self) -> Mapping[str, Mapping[date, int]]:
        holders = {code for units in self.sellable.values() for code in units}
        limited = [
            code for code in holders if code in self.directory and self.directory[code].daily_capacity is not None
        ]
        # West of the date line it may still be yesterday.
        return self.booked(limited, from_date=self.release_at.date() - timedelta(days=1))

    # Dates ------------------------------------------------------------------------------------

    def timing(self, place: engine.Place, tier: Tier) -> Timing:
        late_days = self._late_days(self.directory[place.code], tier)
        return Timing(max(0, late_days), self.demand.wanted_by is None or late_days <= 0)

    def days_missed(self, place: engine.Place, tier: Tier) -> int | None:
        """None where the place is closed that day: no cut-off counts then."""
        if self.is_before_cut_off(place) or not self.is_open_that_day(place):
            return None
        there = self.directory[place.code]
        return self._late_days(there, tier) - self._late_days(replace(there, cut_off=None), tier)

    def _late_days(self, place: PlaceInfo, tier: Tier) -> int:
        """Less than none: so many days before the wanted one."""
        promised_at = self.promise(place, tier.carrier_service, tier.transit_days).promised_at
        return dates.days_late(promised_at, self._wanted_day, self.zone)

    @cached_property
    def _wanted_day(self) -> date:
        return (self.demand.wanted_by or self.as_of).astimezone(self.zone).date()

    def promise(self, place: PlaceInfo, carrier_service: str, transit_days: int) -> Promise:
        asked = Asked(
            place,
            self._policy(place),
            self.demand.service,
            self.release_at,
            self.whereto,
            carrier_service,
            self.carriers.terms.get(carrier_service, queries.USUAL_TERMS),
            transit_days,
        )
        return promise(asked, channel=self.demand.channel, learned=self.learned)

    def _policy(self, place: PlaceInfo) -> queries.Policy:
        found = self._policies.get(place.code)
        if found is None:
            found = queries.policy_for(place, method=self.demand.method, service=self.demand.service)
            self._policies[place.code] = found
        return found

    def ready_by(self, place: PlaceInfo) -> datetime:
        return dates.ready_by(place, self._policy(place), assigned_at=self.release_at)

    def preparation_day(self, place: PlaceInfo) -> date:
        return place.calendar.local(self.ready_by(place)).date()

    # The answer -------------------------------------------------------------------------------

    def plan_of(self, outcome: engine.Plan, rules: ActiveRules, *, started: float) -> SourcingPlan:
        """`started`: by the clock of `time.perf_counter`."""
        parcels = tuple(self.parcel(parcel, _ignores_capacity(rules, outcome, parcel)) for parcel in outcome.parcels)
        return SourcingPlan(
            demand=self.demand,
            as_of=self.as_of,
            release_at=self.release_at,
            zone=self.zone,
            parcels=parcels,
            rest=outcome.rest,
            outcome=outcome,
            rules=rules,
            notes=(*outcome.notes, *self.notes),
            elapsed_ms=round((monotonic_time.perf_counter() - started) * 1000, 3),
            decision_id=new_id("dec"),
        )

    def parcel(self, parcel: engine.Parcel, ignores_capacity: bool) -> PlannedParcel:
        place = self.directory[parcel.location]
        ready_by = self.ready_by(place)
        promised = self.promise(place, parcel.carrier_service, parcel.transit_days)
        return PlannedParcel(
            location=parcel.location,
            lines=parcel.lines,
            service=self.demand.service,
            carrier_service=parcel.carrier_service,
            transit_days=parcel.transit_days,
            cost=parcel.cost,
            shipping=from_micro(parcel.parts.get("shipping", 0)),
            paid=from_micro(self._paid_micro(parcel)),
            weight_g=parcel.weight_g,
            distance_km=parcel.distance_km,
            promised_at=promised.promised_at,
            ready_by=ready_by,
            capacity_date=place.calendar.local(ready_by).date() if place.daily_capacity is not None else None,
            ignores_capacity=ignores_capacity,
            earliest_at=promised.earliest_at,
            confidence=promised.confidence,
        )

    def _paid_micro(self, parcel: engine.Parcel) -> int:
        place = queries.engine_places(self.demand.currency, as_of=self.as_of)[parcel.location]
        handling = place.handling_micro + place.packaging_micro
        handling += place.handling_unit_micro * sum(line.quantity for line in parcel.lines)
        if not parcel.carrier_service:
            return handling
        tariffs = self.tariff(place, parcel.distance_km)
        ours = [t for t in tariffs if any(tier.carrier_service == parcel.carrier_service for tier in t.tiers)]
        return handling + min((t.price_micro(parcel.weight_g) for t in ours), default=0)


_free_rides = {
    service: Tariff.of([Tier(NO_WEIGHT_LIMIT_G, 0, transit_days=days)])
    for service, days in DEFAULT_TRANSIT_DAYS.items()
}


def _free_ride(service: str) -> Tariff:
    return _free_rides.get(service, _free_rides["standard"])
