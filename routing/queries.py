"""What planning needs to know, kept in the process and never more than a second old."""

import time as clock
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import date, datetime, time, timedelta
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from django.db import connection

from inventory import queries as inventory
from inventory.hours import WEEKDAYS
from inventory.queries import PlaceInfo
from oms.cache import VersionedCache
from oms.clock import now
from routing.acceptance import Acceptance, Belief
from routing.documents import BUILT_IN, compact_postal_code, parse
from routing.engine import geo
from routing.engine.tariffs import NO_WEIGHT_LIMIT_G, Tariff, Tier, Zone
from routing.engine.types import MICRO, BySkuAndPlace, Place, Rest, Rule, to_micro
from routing.leadtimes import LeadTimes
from routing.models import (
    AcceptanceRate,
    CarrierService,
    DatePolicy,
    LearnedTable,
    RuleSet,
    RuleSetSlot,
    ScarcityPrice,
    ScarcityTable,
    ServiceLevel,
)

# Names of the versions that writers bump.
RULE_SETS, RATES, SERVICE_LEVELS, POSTAL_AREAS = "rule-sets", "rates", "service-levels", "postal-areas"
SCARCITY, ACCEPTANCE = "scarcity", "acceptance"
DATE_POLICIES, LEAD_TIMES = "date-policies", "lead-times"

# ---- rule sets -------------------------------------------------------------------------------


@dataclass(frozen=True)
class ActiveRules:
    """Rules in force. The id is empty for the built-in ones and for a document that came with a request."""

    rules: tuple[Rule, ...]
    id: str = ""
    version: int = 0

    @cached_property
    def offers_around(self) -> bool:
        return any(step.offer_to > 1 for rule in self.rules for step in rule.steps)

    @cached_property
    def lets_wait(self) -> bool:
        """Whether anything may wait for deliveries under them."""
        return any(step.rest is Rest.BACKORDER for rule in self.rules for step in rule.steps)

    @cached_property
    def asks_for_customers(self) -> bool:
        """Whether it matters who orders."""
        return any(
            rule.when.customer_tags or any(step.no_split_customer_tags for step in rule.steps) for rule in self.rules
        )


def _load_rule_sets() -> dict[str, ActiveRules]:
    slots = RuleSetSlot.objects.select_related("rule_set")
    return {slot.channel: active_rules(slot.rule_set) for slot in slots}


def active_rules(rule_set) -> ActiveRules:
    return ActiveRules(parse(rule_set.document).as_engine(), rule_set.id, rule_set.version)


_rule_sets = VersionedCache(RULE_SETS, _load_rule_sets)
_BUILT_IN = ActiveRules(BUILT_IN.as_engine())


def rules_for(channel: str) -> ActiveRules:
    """The channel's published rules, else the default ones, else the built-in."""
    published = _rule_sets.get()
    return published.get(channel) or published.get("") or _BUILT_IN


def live_rules() -> list[tuple[ActiveRules, frozenset[str]]]:
    """Every published rule set, with the channels it decides for; without any: for all that have no rules of their own."""
    published = _rule_sets.get()
    channels: dict[str, set[str]] = {}
    known = {rules.id: rules for rules in published.values()}
    for channel, rules in published.items():
        channels.setdefault(rules.id, set()).update({channel} - {""})
    return [(known[pk], frozenset(named)) for pk, named in channels.items()]


def decides_for(rule_set: RuleSet) -> list[str] | None:
    """The channels for which it decides today, in the order of its text; none named: for all without rules of their own.

    None: it decides nowhere. Another one may have taken some of its channels over. Lists prefetch `slots`.
    """
    here = {slot.channel for slot in rule_set.slots.all()}
    return [channel for channel in rule_set.channels if channel in here] if here else None


# ---- carriers --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CarrierInfo:
    code: str
    zones: tuple[Zone, ...]


WORKING_DAYS = frozenset(range(5))


@dataclass(frozen=True, slots=True)
class CarrierTerms:
    """When a carrier's service leaves a place, and on which weekdays (Monday is 0) it fetches and delivers."""

    cut_off: time | None = None
    pickup_days: frozenset[int] = WORKING_DAYS
    delivery_days: frozenset[int] = WORKING_DAYS


USUAL_TERMS = CarrierTerms()


@dataclass(frozen=True)
class Carriers:
    """Price lists by (service standard, currency)."""

    by_service: Mapping[tuple[str, str], Sequence[CarrierInfo]]
    terms: Mapping[str, CarrierTerms]


def _load_carriers() -> Carriers:
    by_service: dict[tuple[str, str], list[CarrierInfo]] = {}
    services = CarrierService.objects.filter(is_active=True).prefetch_related("zones__rates")
    for service in services:
        zones = [_zone(service, zone) for zone in service.zones.all()]
        info = CarrierInfo(service.code, tuple(zone for zone in zones if zone))
        by_service.setdefault((service.service, service.currency), []).append(info)
    return Carriers(by_service, {service.code: terms_of(service) for service in services})


def terms_of(service: CarrierService) -> CarrierTerms:
    return CarrierTerms(service.cut_off, _weekdays(service.pickup_days), _weekdays(service.delivery_days))


def _weekdays(names: Sequence[str]) -> frozenset[int]:
    return frozenset(map(WEEKDAYS.index, names))


def _zone(service: CarrierService, zone) -> Zone | None:
    """None for a zone without prices: nothing can be sent there."""
    limits = {
        min(rate.max_weight_g or NO_WEIGHT_LIMIT_G, service.max_weight_g or NO_WEIGHT_LIMIT_G): rate
        for rate in sorted(zone.rates.all(), key=lambda rate: -(rate.max_weight_g or NO_WEIGHT_LIMIT_G))
    }
    tiers = [Tier(limit, to_micro(rate.price), zone.transit_days, service.code) for limit, rate in limits.items()]
    if not tiers:
        return None
    prefixes = tuple(map(compact_postal_code, zone.postal_prefixes))
    return Zone(frozenset(zone.countries), prefixes, zone.max_distance_km, Tariff.of(tiers))


_carriers = VersionedCache(RATES, _load_carriers)


def carriers() -> Carriers:
    return _carriers.get()


def services_offered(currency: str) -> list[str]:
    """The shipping services that some carrier has prices for, the slowest first; the standard one at least."""
    known = {service for service, of_currency in carriers().by_service if of_currency == currency}
    return [service for service in ("standard", "express", "same_day") if service in known | {"standard"}]


# ---- service levels --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Policy:
    """What a place owes. `prepare_minutes` None: the place's own preparation time; `hand_over_minutes` None: within it."""

    acknowledge_minutes: float = 120
    prepare_minutes: float | None = None
    hand_over_minutes: float | None = None
    collect_hours: float = 168
    warn_at_share: float = 0.75
    escalate_at_share: float = 0.9
    max_attempts: int = 3


#: Without any service level: two hours to answer, four to prepare where the place says nothing.
DEFAULT_POLICY = Policy()
DEFAULT_PREPARE_MINUTES = 240
OWED = tuple(field.name for field in fields(Policy))  # the service level has columns of these names


def policy_of(level: ServiceLevel) -> Policy:
    return Policy(**{name: getattr(level, name) for name in OWED})


@dataclass(frozen=True, slots=True)
class Applied:
    """What holds for a place, a method and a service, and the id of the level that says so; none: the house's own.

    `named`: what of a piece of work the level names, the most specific first.
    """

    level: str
    policy: Policy
    named: tuple[str, ...] = ()


_HOUSE = Applied("", DEFAULT_POLICY)


#: Place before group before kind, then service before method.
_FROM_THE_MOST_SPECIFIC = ("locations", "groups", "kinds", "services", "methods")


@dataclass(frozen=True, slots=True)
class _ScopedPolicy:
    locations: frozenset[str]
    groups: frozenset[str]
    kinds: frozenset[str]
    methods: frozenset[str]
    services: frozenset[str]
    applied: Applied

    def covers(self, place: PlaceInfo, method: str, service: str) -> bool:
        return (
            (not self.locations or place.code in self.locations)
            and (not self.groups or not self.groups.isdisjoint(place.groups))
            and (not self.kinds or place.kind in self.kinds)
            and (not self.methods or method in self.methods)
            and (not self.services or service in self.services)
        )

    @property
    def specificity(self) -> tuple[bool, ...]:
        return tuple(bool(getattr(self, name)) for name in _FROM_THE_MOST_SPECIFIC)


@dataclass
class _Policies:
    """Most specific first, the newest first among equals. What applies is looked for once per sort of work."""

    scopes: Sequence[_ScopedPolicy]
    _found: dict[tuple[Any, ...], Applied] = field(default_factory=dict)

    def applying(self, place: PlaceInfo, method: str, service: str) -> Applied:
        key = (place.code, place.kind, place.groups, method, service)
        found = self._found.get(key)
        if found is None:
            found = self._found[key] = next(self.covering(place, method, service), _HOUSE)
        return found

    def covering(self, place: PlaceInfo, method: str, service: str) -> Iterator[Applied]:
        return (scope.applied for scope in self.scopes if scope.covers(place, method, service))


def _load_policies() -> _Policies:
    scoped = [
        _ScopedPolicy(
            locations=frozenset(row.locations),
            groups=frozenset(row.groups),
            kinds=frozenset(row.kinds),
            methods=frozenset(row.methods),
            services=frozenset(row.services),
            applied=Applied(
                row.pk, policy_of(row), tuple(name for name in _FROM_THE_MOST_SPECIFIC if getattr(row, name))
            ),
        )
        for row in ServiceLevel.objects.order_by("-created_at", "-id")
    ]
    return _Policies(sorted(scoped, key=lambda scope: scope.specificity, reverse=True))


_policies = VersionedCache(SERVICE_LEVELS, _load_policies)


def policy_for(place: PlaceInfo, *, method: str, service: str) -> Policy:
    """What the most specific service level says; equally specific: the newest."""
    return applying(place, method=method, service=service).policy


def applying(place: PlaceInfo, *, method: str, service: str) -> Applied:
    """The same, with the level it comes from."""
    return _policies.get().applying(place, method, service)


def covering(place: PlaceInfo, *, method: str, service: str) -> list[Applied]:
    """All levels that cover such work; the first one applies."""
    return list(_policies.get().covering(place, method, service))


# ---- dates -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class DateRule:
    """Whether a date may be learned, and the share of such dates that is to be kept."""

    is_learned: bool = True
    quantile: float = 0.9


USUAL_DATES = DateRule()


def _load_date_rules() -> dict[tuple[str, str], DateRule]:
    return {
        (policy.channel_id or "", policy.service): DateRule(policy.mode == DatePolicy.Mode.LEARNED, policy.quantile)
        for policy in DatePolicy.objects.all()
    }


_date_rules = VersionedCache(DATE_POLICIES, _load_date_rules)


def date_rule(channel: str, service: str) -> DateRule:
    """The most specific date policy: channel before service."""
    rules = _date_rules.get()
    if not rules:
        return USUAL_DATES
    scopes = ((channel, service), (channel, ""), ("", service), ("", ""))
    return next((rules[scope] for scope in scopes if scope in rules), USUAL_DATES)


def _load_lead_times() -> LeadTimes:
    document = LearnedTable.objects.order_by("-id").values_list("document", flat=True).first()
    return LeadTimes.from_json(document) if document else LeadTimes()


_lead_times = VersionedCache(LEAD_TIMES, _load_lead_times)


def lead_times() -> LeadTimes:
    """What was learned last; empty tables before that."""
    return _lead_times.get()


class LearnedThen:
    """What had been learned at instants of the past; of before the oldest table that is kept, nothing."""

    def __init__(self) -> None:
        self._tables = list(LearnedTable.objects.order_by("learned_at", "pk").values_list("learned_at", "pk"))
        self._read = {0: LeadTimes()}

    def at(self, as_of: datetime) -> LeadTimes:
        pk = next((pk for learned_at, pk in reversed(self._tables) if learned_at <= as_of), 0)
        if pk not in self._read:
            self._read[pk] = LeadTimes.from_json(LearnedTable.objects.get(pk=pk).document)
        return self._read[pk]


class _EveryMinute(VersionedCache[dict[str, int]]):
    """Read again in each minute of the wall clock, so that all processes change their minds together."""

    def _current_version(self) -> int:
        return int(clock.time() // 60)


def _load_waiting() -> dict[str, int]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT location_id, count(*) FROM routing_givenpromise"
            " WHERE prepared_at IS NULL AND outcome = 'open' GROUP BY location_id"
        )
        return dict(cursor.fetchall())


_waiting = _EveryMinute("", _load_waiting)


def work_waiting(location: str) -> int:
    """How much work this place has still to prepare, as of this minute."""
    return _waiting.get().get(location, 0)


# ---- places as the engine sees them ------------------------------------------------------------


_Shut = tuple[str, frozenset[str], frozenset[str]]  # currency, the places that are paused, those that cannot work


@dataclass(frozen=True)
class _Atlas:
    """What is worked out once from one version of inventory's directory."""

    directory: Mapping[str, PlaceInfo]
    perhaps_shut: Sequence[str]  # places that take no orders, or none until or from some instant
    places: dict[_Shut, Mapping[str, Place]] = field(default_factory=dict)
    zones: dict[tuple[str, geo.Point | None], ZoneInfo] = field(default_factory=dict)
    zoned: dict[str, "_Zoned"] = field(default_factory=dict)  # by country


@dataclass(frozen=True, eq=False)
class _Zoned:
    """Time zones of places, of which those that can be found on the map lie `at` these vectors."""

    zones: Sequence[str]
    located: Sequence[str]
    at: np.ndarray

    @classmethod
    def of(cls, places: Sequence[PlaceInfo]) -> "_Zoned":
        points = [_point_of(place) for place in places]
        located = [place.timezone for place, there in zip(places, points, strict=True) if there]
        return cls([place.timezone for place in places], located, geo.vectors(filter(None, points)))

    def nearest(self, point: geo.Point | None) -> ZoneInfo:
        """The zone of the place nearest to the point, of the first one where nothing is known of either."""
        if not self.zones:
            return ZoneInfo("UTC")
        if point is None or not self.located or len(set(self.zones)) == 1:
            return ZoneInfo(self.zones[0])
        return ZoneInfo(self.located[int(geo.distances_km(self.at, point).argmin())])


_last_atlas = _Atlas({}, ())
_REMEMBERED_PAUSES = 64


def _atlas() -> _Atlas:
    global _last_atlas
    directory = inventory.places()
    if _last_atlas.directory is not directory:
        shut = [code for code, place in directory.items() if place.may_be_shut(now())]
        _last_atlas = _Atlas(directory, shut)
    return _last_atlas


def engine_places(currency: str, *, as_of: datetime) -> Mapping[str, Place]:
    """All places, their order of creation counted from 0, paused or unable to work as they are at that instant.

    Costs of handling and packaging in another currency than the demand's cannot be compared and count nothing.
    """
    atlas = _atlas()
    paused = frozenset(code for code in atlas.perhaps_shut if atlas.directory[code].is_paused(as_of))
    idle = frozenset(code for code in atlas.perhaps_shut if not atlas.directory[code].can_work(as_of))
    if (currency, paused, idle) not in atlas.places:
        if len(atlas.places) > _REMEMBERED_PAUSES:
            atlas.places.clear()
        atlas.places[currency, paused, idle] = {
            code: _engine_place(place, rank, currency, is_paused=code in paused, is_idle=code in idle)
            for rank, (code, place) in enumerate(atlas.directory.items())
        }
    return atlas.places[currency, paused, idle]


def _point_of(place: PlaceInfo) -> geo.Point | None:
    if place.latitude is None or place.longitude is None:
        return None
    return geo.point(place.latitude, place.longitude)


def _engine_place(place: PlaceInfo, rank: int, currency: str, *, is_paused: bool, is_idle: bool) -> Place:
    rate = MICRO if place.currency == currency else 0
    return Place(
        code=place.code,
        kind=place.kind,
        groups=place.groups,
        abilities=place.abilities,
        point=_point_of(place),
        handling_micro=round(rate * place.handling_cost),
        handling_unit_micro=round(rate * place.handling_cost_per_unit),
        packaging_micro=round(rate * place.packaging_cost),
        position=rank,
        is_accepting=place.is_active and place.accepting_orders and not is_idle,
        is_paused=is_paused,
    )


# ---- scarcity -----------------------------------------------------------------------------------


def _load_scarcity() -> dict[str, tuple[datetime, BySkuAndPlace]]:
    """By currency: until when the table holds, and its prices."""
    prices: dict[str, dict[str, dict[str, int]]] = {}
    rows = ScarcityPrice.objects.values_list("currency", "sku", "location", "price")
    for currency, sku, location, price in rows.iterator():
        prices.setdefault(currency, {}).setdefault(sku, {})[location] = to_micro(price)
    tables = ScarcityTable.objects.values_list("currency", "valid_until")
    return {currency: (until, prices.get(currency, {})) for currency, until in tables}


_scarcity = VersionedCache(SCARCITY, _load_scarcity)


def scarcity_prices(currency: str, *, as_of: datetime) -> BySkuAndPlace | None:
    """Price of a unit in millionths, by SKU and place: what is not named is worth nothing. None when no prices were
    worked out lately."""
    until, table = _scarcity.get().get(currency, (as_of, {}))
    return table if as_of < until else None


# ---- acceptance ---------------------------------------------------------------------------------


def _load_acceptance() -> Acceptance:
    rows = AcceptanceRate.objects.values_list("location", "day_part", "tag", "kept", "offers", "probability")
    return Acceptance({(place, part, tag): Belief(*figures) for place, part, tag, *figures in rows.iterator()})


_acceptance = VersionedCache(ACCEPTANCE, _load_acceptance)


def acceptance() -> Acceptance:
    """How surely places take work, as learned last."""
    return _acceptance.get()


# ---- slow stock ----------------------------------------------------------------------------------


def markdown_gains(currency: str, skus: Collection[str], *, as_of: datetime) -> BySkuAndPlace:
    """What is gained by a unit of slow stock in millionths, by SKU and place. Read at each call: there may be millions."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT sku, location, (gain * 1000000)::bigint FROM routing_slowstock"
            " WHERE currency = %s AND sku = ANY(ARRAY(SELECT unnest(%s::text[]))) AND valid_until > %s",
            [currency, list(skus), as_of],
        )
        gains: dict[str, dict[str, int]] = {}
        for sku, location, gain in cursor.fetchall():
            gains.setdefault(sku, {})[location] = gain
    return gains


# ---- the map -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class MapPoint:
    latitude: float
    longitude: float
    is_exact: bool


_REMEMBERED_ADDRESSES = 50_000
_EXACT = """SELECT latitude, longitude FROM routing_postalarea
WHERE country = %s AND code = ANY(%s) ORDER BY length(code) DESC LIMIT 1"""
_AROUND = """SELECT avg(latitude), avg(longitude) FROM routing_postalarea
WHERE country = %s AND code >= %s AND code < %s"""
_AROUND_CHARS = 2

_geocoded: VersionedCache[dict[tuple[str, str], MapPoint | None]] = VersionedCache(POSTAL_AREAS, dict)


def geocode(country: str, postal_code: str) -> MapPoint | None:
    """Where a postal code lies: its own area or the longest known prefix, else the middle of the codes that
    begin with the same two characters (not exact), else None."""
    code = compact_postal_code(postal_code)
    if not country or not code:
        return None
    known = _geocoded.get()
    if (country, code) not in known:
        if len(known) > _REMEMBERED_ADDRESSES:
            known.clear()
        known[country, code] = _look_up(country, code)
    return known[country, code]


def coordinates_of(country: str, postal_code: str) -> tuple[float, float] | None:
    """About where a postal code lies, in degrees (what inventory asks for)."""
    found = geocode(country, postal_code)
    return (found.latitude, found.longitude) if found else None


def _look_up(country: str, code: str) -> MapPoint | None:
    prefixes = [code[:length] for length in range(1, len(code) + 1)]
    with connection.cursor() as cursor:
        cursor.execute(_EXACT, [country, prefixes])
        if row := cursor.fetchone():
            return MapPoint(row[0], row[1], is_exact=True)
        first = code[:_AROUND_CHARS]
        cursor.execute(_AROUND, [country, first, first[:-1] + chr(ord(first[-1]) + 1)])
        row = cursor.fetchone()
    return MapPoint(row[0], row[1], is_exact=False) if row and row[0] is not None else None


def zone_of(country: str, point: geo.Point | None) -> ZoneInfo:
    """The time zone of an address: that of the nearest of our places in its country, else in the world."""
    atlas = _atlas()
    key = (country, point and (round(point[0], 2), round(point[1], 2), round(point[2], 2)))
    if key not in atlas.zones:
        if len(atlas.zones) > _REMEMBERED_ADDRESSES:
            atlas.zones.clear()
        if country not in atlas.zoned:
            places = list(atlas.directory.values())
            atlas.zoned[country] = _Zoned.of([place for place in places if place.country == country] or places)
        atlas.zones[key] = atlas.zoned[country].nearest(key[1])
    return atlas.zones[key]


# ---- capacity ----------------------------------------------------------------------------------


def booked_by_day(locations: Sequence[str], *, from_date: date) -> dict[str, dict[date, int]]:
    """Fulfillments already to be prepared, by place and local day, from that day on; no days, no entry."""
    booked: dict[str, dict[date, int]] = {}
    if not locations:
        return booked
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT location_id, date, booked FROM routing_capacityday WHERE location_id = ANY(%s) AND date >= %s",
            [list(locations), from_date],
        )
        for location, day, count in cursor.fetchall():
            booked.setdefault(location, {})[day] = count
    return booked


@dataclass(frozen=True, slots=True)
class DayOfCapacity:
    """Fulfillments a place can prepare on one of its days. `capacity` None: nothing limits it."""

    date: date
    is_open: bool
    capacity: int | None
    booked: int

    @property
    def left(self) -> int | None:
        return None if self.capacity is None else max(0, self.capacity - self.booked)


def capacity_days(place: PlaceInfo, *, from_date: date, to_date: date) -> list[DayOfCapacity]:
    """Each day from the one to the other, both included; on days on which it is closed the place can nothing."""
    booked = booked_by_day([place.code], from_date=from_date).get(place.code, {})
    days = [from_date + timedelta(days=number) for number in range((to_date - from_date).days + 1)]
    return [_day_of_capacity(place, day, booked.get(day, 0)) for day in days]


def _day_of_capacity(place: PlaceInfo, day: date, booked: int) -> DayOfCapacity:
    is_open = place.calendar.is_open_on(day)
    limited = place.daily_capacity is not None and not is_open
    return DayOfCapacity(day, is_open, 0 if limited else place.daily_capacity, booked)
