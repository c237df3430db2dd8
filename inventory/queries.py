"""What others may ask of inventory: places from memory, stock and products in one statement each."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from math import asin, cos, radians, sin, sqrt
from typing import Any, NamedTuple

import orjson
from django.db import connection

from inventory.exposure import Context, Kept, Protections, Rule
from inventory.hours import Calendar
from inventory.methods import ability_for
from inventory.models import CartHold, CartHoldLine, ExposureRule, Location, Membership
from inventory.pauses import is_paused
from inventory.prices import PRICE, PRICED_PRODUCTS
from inventory.sellable import good_sql, sellable_sql
from oms import roles
from oms.cache import VersionedCache
from oms.clock import now

EARTH_RADIUS_KM = 6371.0088


@dataclass(frozen=True, slots=True)
class PlaceInfo:
    """A location as the hot paths see it. Not only active ones: history and staff pages ask too."""

    code: str
    name: str
    kind: str
    country: str
    postal_code: str
    city: str
    latitude: float | None
    longitude: float | None
    timezone: str
    calendar: Calendar
    abilities: frozenset[str]
    groups: frozenset[str]
    daily_capacity: int | None
    accepting_orders: bool
    cut_off: str | Mapping[str, str] | None
    preparation_minutes: int
    handling_cost: Decimal
    currency: str
    safety_stock: int
    position: int
    is_active: bool
    paused_at: datetime | None = None
    paused_until: datetime | None = None
    region: str = ""
    handling_cost_per_unit: Decimal = Decimal(0)
    packaging_cost: Decimal = Decimal(0)

    def is_paused(self, as_of: datetime) -> bool:
        """Its manager wants no new work at that instant."""
        return is_paused(self.paused_at, self.paused_until, as_of)

    def can_work(self, as_of: datetime) -> bool:
        """It opens again, and may do some work on a day."""
        return self.daily_capacity != 0 and self.calendar.opens_again(as_of)

    def takes_orders(self, as_of: datetime) -> bool:
        """In use, accepting, able to work, and not paused at that instant: what it has may be given new work."""
        return self.is_active and self.accepting_orders and not self.is_paused(as_of) and self.can_work(as_of)

    def may_be_shut(self, as_of: datetime) -> bool:
        """Whether at some instant of the year from then it takes no orders, though nobody changes it: who asks for many
        places asks these alone (`takes_orders`)."""
        is_steady = self.is_active and self.accepting_orders and self.daily_capacity != 0 and not self.paused_until
        return not (is_steady and self.calendar.keeps_opening(as_of))

    def can_serve(self, method: str) -> bool:
        """Able to do what this method needs; where none is named, it need not do anything."""
        return not method or ability_for(method) in self.abilities

    def serves(self, context: Context) -> bool:
        """What it has may be given to this asker."""
        return self.can_serve(context.order_type) and self.takes_orders(context.as_of)


@dataclass(frozen=True, slots=True)
class ProductInfo:
    sku: str
    price: Decimal
    currency: str
    name_en: str
    name_fr: str
    tax_class: str
    weight_g: int
    image_url: str
    tags: frozenset[str]
    is_active: bool


def _load_places() -> dict[str, PlaceInfo]:
    return {row.code: _place(row) for row in Location.objects.order_by("position")}


def _place(row: Location) -> PlaceInfo:
    return PlaceInfo(
        code=row.code,
        name=row.name,
        kind=row.kind,
        country=row.country,
        postal_code=row.postal_code,
        city=row.city,
        region=row.region,
        latitude=row.latitude,
        longitude=row.longitude,
        timezone=row.timezone,
        calendar=row.calendar,
        abilities=frozenset(row.abilities),
        groups=frozenset(row.groups),
        daily_capacity=row.daily_capacity,
        accepting_orders=row.accepting_orders,
        cut_off=row.cut_off,
        preparation_minutes=row.preparation_minutes,
        handling_cost=row.handling_cost,
        handling_cost_per_unit=row.handling_cost_per_unit,
        packaging_cost=row.packaging_cost,
        currency=row.currency,
        safety_stock=row.safety_stock,
        position=row.position,
        is_active=row.is_active,
        paused_at=row.paused_at,
        paused_until=row.paused_until,
    )


_places: VersionedCache[dict[str, PlaceInfo]] = VersionedCache("places", _load_places)


def places() -> Mapping[str, PlaceInfo]:
    """Every location by code, in order of creation, at most a second old. Shared: not to be changed."""
    return _places.get()


def units_for(method: str, units: Mapping[str, int]) -> dict[str, int]:
    """Of units by place those that stand where this method can be served."""
    directory = places()
    return {code: n for code, n in units.items() if code in directory and directory[code].can_serve(method)}


def units_served(context: Context, units: Mapping[str, int]) -> int:
    """Of units by place what may be given to this asker."""
    directory = places()
    return sum(n for code, n in units.items() if code in directory and directory[code].serves(context))


def place_name(code: str) -> str:
    """Of a place that is no more, its code."""
    place = places().get(code)
    return place.name if place else code


# ---- what the exposure rules keep back -----------------------------------------------------------

EXPOSURE = "exposure"
"""Name of the version that writers of exposure rules bump."""


def _load_rules() -> list[Rule]:
    return [exposure_rule(row) for row in ExposureRule.objects.filter(is_active=True).order_by("-created_at", "-id")]


def exposure_rule(row: ExposureRule) -> Rule:
    return Rule(
        id=row.pk,
        channel=row.channel_id or "",
        order_type=row.order_type,
        service=row.service,
        countries=frozenset(row.countries),
        groups=frozenset(row.groups),
        locations=frozenset(row.locations),
        tags=frozenset(row.tags),
        skus=frozenset(row.skus),
        below_confidence=row.below_confidence,
        keep_units=row.keep_units or 0,
        keep_share=int((row.keep_share or 0) * 10_000),
        hidden=row.hidden,
    )


_rules: VersionedCache[list[Rule]] = VersionedCache(EXPOSURE, _load_rules)


@dataclass(frozen=True)
class _Worked:
    """What is worked out once from one version of the rules and of the places, by kind of context.

    `perhaps_shut`: places in use that take no orders, or none until or from some instant.
    """

    rules: list[Rule]
    places: Mapping[str, PlaceInfo]
    perhaps_shut: Sequence[PlaceInfo]
    by_context: dict[tuple[str, str, str, str], Protections]


_worked = _Worked([], {}, [], {})


def _work_out() -> _Worked:
    global _worked
    rules, every = _rules.get(), places()
    worked = _worked
    if worked.rules is not rules or worked.places is not every:
        shut = [one for one in every.values() if one.is_active and one.may_be_shut(now())]
        worked = _worked = _Worked(rules, every, shut, {})
    return worked


def protections(context: Context) -> Protections:
    """The exposure rules as they bear on this kind of asker, over the places as they are, at most a second old."""
    return _protections(_work_out(), context)


def _protections(worked: _Worked, context: Context, *, method: str = "") -> Protections:
    """`method`: besides, nothing is sold where that cannot be served."""
    rules, every = worked.rules, worked.places
    # What no rule speaks of makes no difference.
    asker = (context.channel, context.order_type, context.service)
    kind = (*(asker if rules else ("", "", "")), method and ability_for(method))
    found = worked.by_context.get(kind)
    if found is None:
        unable = frozenset(code for code, place in every.items() if not place.can_serve(method))
        matching = [rule for rule in rules if rule.is_for(*asker)]
        found = worked.by_context[kind] = Protections(matching, every, unable)
    return found


def tags_for(rules: Protections, skus: Collection[str]) -> Mapping[str, frozenset[str]]:
    """The tags of these products; not looked up where no rule asks for them."""
    if not rules.asks_for_tags:
        return {}
    statement = "SELECT sku, tags FROM inventory_product WHERE sku = ANY(ARRAY(SELECT unnest(%s::text[])))"
    return {sku: frozenset(tags) for sku, tags in _rows(statement, [list(skus)])}


# ---- what can be sold -----------------------------------------------------------------------------

# Places are known by heart, so no row is joined to its place: what each keeps back comes along, one JSON profile per
# kind of product (`Protections.profile`). A level at a place of the usual class, as most are, is weighed by a row of
# numbers; looking up those of another class takes longer. One JSON object per product is read quicker than rows are.
# `unnest((SELECT %s::text[]))` hides the length of the list from the planner, which otherwise plans a list of two
# anew at every call because it looks cheaper than the plan for a list of any length.
# `OFFSET 0` keeps Postgres from working the same expression out again for every use of it.
_KEPT = ("safety", *Kept._fields)


def _weighed(kept: str) -> str:
    return sellable_sql("s", safety=f"{kept}.safety", kept=kept, as_of="%(as_of)s", own_holds="%(holds)s")


def _of_class(number: str) -> str:
    return ", ".join(f"profile.{name}[{number}] AS {name}" for name in _KEPT)


def _sellable_statement(
    *,
    levels: str = "inventory_stocklevel",
    only: str = "",
    spread: str = "",
    besides: str = "",
    sums: str = "",
    named: str = "units > 0",
) -> str:
    """Per product its units by place, of the places that are `named`, and what else is asked for."""
    columns = (f"(columns ->> '{name}')::{'float8' if name == 'doubt_below' else 'int'}[] AS {name}" for name in _KEPT)
    return f"""
SELECT p.sku, found.units{besides}
FROM unnest((SELECT %(skus)s::text[]), (SELECT %(kinds)s::int[])) AS asked (sku, kind)
CROSS JOIN LATERAL (SELECT (SELECT %(profiles)s::jsonb) -> asked.kind AS columns OFFSET 0) AS given
CROSS JOIN LATERAL (SELECT columns -> 'others' AS others, {", ".join(columns)} OFFSET 0) AS profile
JOIN inventory_product p ON p.sku = asked.sku
CROSS JOIN LATERAL (SELECT {_of_class("1")} OFFSET 0) AS usual
{spread}
CROSS JOIN LATERAL (
    SELECT {sums} (json_object_agg(location_id, units) FILTER (WHERE {named}))::text AS units FROM (
        SELECT s.location_id, s.class,
            CASE WHEN s.class IS NULL THEN {_weighed("usual")} ELSE {_weighed("other")} END AS units
        FROM (
            SELECT *, (profile.others ->> location_id)::int AS class FROM {levels}
            WHERE sku = p.sku AND p.is_active {only} OFFSET 0
        ) AS s CROSS JOIN LATERAL (SELECT {_of_class("abs(s.class)")}) AS other OFFSET 0
    ) AS level
) AS found"""


_SELLABLE_ANYWHERE = _sellable_statement()
_SELLABLE_HERE = _sellable_statement(only="AND location_id = ANY(%(locations)s::text[])")
# As if these units were not reserved. Not the whole row: `reserved` would be there twice.
_SELLABLE_ONCE_GIVEN_BACK = _sellable_statement(
    levels="""(
                SELECT s.sku, s.location_id, s.on_hand, s.damaged, s.quarantined, s.held_until, s.safety_stock,
                    s.confidence, s.suspect_at, s.reserved - coalesce(back.units, 0) AS reserved
                FROM inventory_stocklevel s LEFT JOIN unnest(
                    %(back_skus)s::text[], %(back_locations)s::text[], %(back_units)s::int[]
                ) AS back (sku, location, units) ON back.sku = s.sku AND back.location = s.location_id
            ) AS level"""
)


def _network_statement(only: str = "") -> str:
    """Places that are asked for have their class below zero."""
    return _sellable_statement(
        only=only,
        spread="""CROSS JOIN LATERAL (
    SELECT %(is_narrow)s AND EXISTS (SELECT FROM inventory_stocklevel WHERE sku = p.sku OFFSET %(many)s) AS is_wide OFFSET 0
) AS spread""",
        sums="sum(units)::bigint AS total,",
        named="units > 0 AND (class < 0 OR NOT is_wide)",
        besides=", coalesce(found.total, 0), NOT is_wide,"
        " EXISTS (SELECT FROM inventory_inboundline line WHERE line.sku = p.sku AND line.remaining > 0)",
    )


_NETWORK_STOCK = _network_statement()
_NETWORK_STOCK_BUT = _network_statement(only="AND location_id <> ALL(%(shut)s::text[])")


def sellable_units(
    skus: Iterable[str],
    *,
    context: Context,
    locations: Collection[str] | None = None,
    tags: Mapping[str, Collection[str]] | None = None,
) -> dict[str, dict[str, int]]:
    """Units that can be sold to this asker, by SKU and location code, read without locks; only what is more than zero.

    Every SKU asked for has an entry. Products and places that are not active sell nothing; that a place takes orders and
    can do what is asked for (`PlaceInfo.serves`) is for the caller to ask, who may have to say why it is left out. `tags` of the products,
    where the caller knows them already, save looking them up.
    """
    wanted = list(dict.fromkeys(skus))
    if locations is None:
        found = _sellable(_SELLABLE_ANYWHERE, wanted, context, tags)
    else:
        found = _sellable(_SELLABLE_HERE, wanted, context, tags, locations=list(locations))
    return {sku: {} for sku in wanted} | found


def holds_for_offers(skus: Iterable[str], *, as_of: datetime) -> tuple[str, ...]:
    """The holds that keep units of these where work is offered to several places, whose stock is reserved elsewhere."""
    alive = CartHoldLine.objects.filter(product__in=skus, hold__owner=CartHold.OFFERS, expires_at__gt=as_of)
    return tuple(alive.values_list("hold", flat=True).distinct())


class NetworkStock(NamedTuple):
    """What can be sold of a product: in all, and by place.

    Where it is not `is_whole`, of the places only those are told that were asked for. `is_awaited`: more is on its way,
    whether or not this asker may know.
    """

    units: Mapping[str, int]
    total: int
    is_whole: bool
    is_awaited: bool


def network_stock(
    skus: Iterable[str], *, context: Context, near: Collection[str] | None = None
) -> dict[str, NetworkStock]:
    """Like `sellable_units` at the places that serve the asker, added up; only products that exist have an entry.

    `near`: of a product that lies in most places these are enough. A thousand levels are read quicker than told.
    """
    wanted, worked = list(dict.fromkeys(skus)), _work_out()
    shut = [place.code for place in worked.perhaps_shut if not place.takes_orders(context.as_of)]
    rows = _sellable_rows(
        _NETWORK_STOCK_BUT if shut else _NETWORK_STOCK,
        wanted,
        context,
        _protections(worked, context, method=context.order_type),
        None,
        near=near,
        is_narrow=near is not None,
        many=len(worked.places) // 2,
        shut=shut,
    )
    return {sku: NetworkStock(_units(units), *others) for sku, units, *others in rows}


def _sellable(
    statement: str,
    skus: Sequence[str],
    context: Context,
    tags: Mapping[str, Collection[str]] | None,
    **parameters: Any,
) -> dict[str, dict[str, int]]:
    rules = protections(context)
    found = _sellable_rows(statement, skus, context, rules, tags, **parameters)
    return {sku: _at(rules.places, _units(units)) for sku, units in found}


def _at(known: Mapping[str, Any], units: dict[str, int]) -> dict[str, int]:
    """Without a place of the last second, of which this process knows nothing yet."""
    return units if units.keys() <= known.keys() else {code: n for code, n in units.items() if code in known}


def _sellable_rows(
    statement: str,
    skus: Sequence[str],
    context: Context,
    rules: Protections,
    tags: Mapping[str, Collection[str]] | None,
    near: Collection[str] | None = None,
    **parameters: Any,
) -> list[tuple[Any, ...]]:
    known = tags_for(rules, skus) if tags is None else tags
    kinds: dict[str, int] = {}  # by profile
    own = {
        "skus": skus,
        "kinds": [kinds.setdefault(rules.profile(sku, known.get(sku, ())), len(kinds)) for sku in skus],
        "profiles": f"[{','.join(_asking_for(near, profile) for profile in kinds)}]",
        "as_of": context.as_of,
        "holds": list(context.holds),
    }
    return _rows(statement, {**own, **parameters})


def _asking_for(near: Collection[str] | None, profile: str) -> str:
    if not near:
        return profile
    changed = orjson.loads(profile)
    changed["others"] |= {code: -changed["others"].get(code, 1) for code in near}
    return orjson.dumps(changed).decode()


def _units(told: str | None) -> dict[str, int]:
    return orjson.loads(told) if told else {}


def sellable_once_given_back(
    skus: Iterable[str],
    given_back: Mapping[tuple[str, str], int],
    *,
    context: Context,
    tags: Mapping[str, Collection[str]],
) -> dict[str, dict[str, int]]:
    """`sellable_units` as they would be, were these units, by (SKU, location), reserved no more.

    That is less than their sum where a level owes units already: what comes back is owed first.
    """
    wanted = list(dict.fromkeys(skus))
    found = _sellable(
        _SELLABLE_ONCE_GIVEN_BACK,
        wanted,
        context,
        tags,
        back_skus=[sku for sku, _location in given_back],
        back_locations=[location for _sku, location in given_back],
        back_units=list(given_back.values()),
    )
    return {sku: {} for sku in wanted} | found


_CONFIDENCES = """
SELECT sku, json_object_agg(location_id, round(confidence::numeric, 4))::text FROM inventory_stocklevel
WHERE sku = ANY(ARRAY(SELECT unnest(%s::text[]))) AND confidence IS NOT NULL GROUP BY sku"""


def confidences(skus: Collection[str]) -> dict[str, dict[str, float]]:
    """How far levels can be believed, from 0 to 1 as it is told (`confidence.told`), by SKU and location code, with stock
    now or without.

    What nobody has looked at yet, and a level that is still to come, is not named: it is as sure as
    `inventory.confidence.PRIOR`.
    """
    return {sku: orjson.loads(levels) for sku, levels in _rows(_CONFIDENCES, [list(skus)])}


def promised_too_much(sku: str, location: str) -> int:
    """Units that are reserved there, by orders, and do not stand there in good condition."""
    statement = f"""
    SELECT greatest(0, s.reserved - greatest(0, {good_sql("s")})) FROM inventory_stocklevel s
    WHERE s.sku = %s AND s.location_id = %s"""
    rows = _rows(statement, [sku, location])
    return rows[0][0] if rows else 0


_DESCRIBED = "name_en, name_fr, tax_class, weight_g, image_url, tags, is_active"
_PRODUCTS = f"""
SELECT sku, price, currency, {_DESCRIBED} FROM inventory_product WHERE sku = ANY(ARRAY(SELECT unnest(%s::text[])))"""
_PRODUCTS_OF_CHANNEL = f"SELECT p.sku, {PRICE}, {_DESCRIBED} FROM {PRICED_PRODUCTS}"


def products_by_sku(skus: Iterable[str]) -> dict[str, ProductInfo]:
    """Those that exist, active or not, at their own price."""
    return _products(_rows(_PRODUCTS, [list(skus)]))


def products_of_channel(skus: Iterable[str], *, channel: str, as_of: datetime) -> dict[str, ProductInfo]:
    """The same at the price that holds in a channel at an instant (`inventory.prices.prices_at`)."""
    return _products(_rows(_PRODUCTS_OF_CHANNEL, {"skus": list(skus), "channel": channel, "as_of": as_of}))


def _products(rows: Iterable[tuple[Any, ...]]) -> dict[str, ProductInfo]:
    return {row[0]: ProductInfo(*(*row[:-2], frozenset(row[-2]), row[-1])) for row in rows}


def tags_in_use(among: Collection[str] | None = None) -> frozenset[str]:
    """The tags some product has; of some named ones without looking at all products."""
    if among is None:
        return frozenset(tag for (tag,) in _rows("SELECT DISTINCT unnest(tags) FROM inventory_product", []))
    statement = (
        "SELECT tag FROM unnest(%s::text[]) AS tag"
        " WHERE EXISTS (SELECT FROM inventory_product WHERE tags @> ARRAY[tag::varchar])"
    )
    return frozenset(tag for (tag,) in _rows(statement, [sorted(among)])) if among else frozenset()


def locations_of_user(user: Any) -> frozenset[str]:
    """The codes of the places where this user works."""
    return frozenset(Membership.objects.filter(user=user).values_list("location_id", flat=True))


def managers_of(location: str) -> list[str]:
    """The usernames of the managers who work in this place."""
    people = Membership.objects.filter(location=location, user__is_active=True, user__groups__name=roles.STORE_MANAGER)
    return list(people.order_by("user__username").values_list("user__username", flat=True))


def haversine_km(lat1: float, lon1: float, lat2: float, lon2: float) -> float:
    """Distance over the earth's surface."""
    phi1, phi2 = radians(lat1), radians(lat2)
    half = sin((phi2 - phi1) / 2) ** 2 + cos(phi1) * cos(phi2) * sin(radians(lon2 - lon1) / 2) ** 2
    return 2 * EARTH_RADIUS_KM * asin(min(1.0, sqrt(half)))


def _rows(statement: str, parameters: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return cursor.fetchall()
