"""What others may ask of inventory: places from memory, stock and products in one statement each."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from math import asin, cos, radians, sin, sqrt
from typing import Any

from django.db import connection

from inventory.hours import Calendar
from inventory.models import Location, Membership
from inventory.pauses import is_paused
from inventory.sellable import sellable_sql
from oms.cache import VersionedCache
from oms.sql import as_json

_EARTH_RADIUS_KM = 6371.0088


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

    def is_paused(self, as_of: datetime) -> bool:
        """Its manager wants no new work at that instant."""
        return is_paused(self.paused_at, self.paused_until, as_of)

    def takes_orders(self, as_of: datetime) -> bool:
        """In use, accepting, and not paused at that instant: what it has may be given new work."""
        return self.is_active and self.accepting_orders and not self.is_paused(as_of)


@dataclass(frozen=True, slots=True)
class ProductInfo:
    sku: str
    name_en: str
    name_fr: str
    price: Decimal
    currency: str
    tax_class: str
    weight_g: int
    image_url: str
    tags: frozenset[str]
    is_active: bool


@dataclass(frozen=True, slots=True)
class _Network:
    """All places, and what the statements below want to know of them."""

    places: Mapping[str, PlaceInfo]
    usual_protection: int  # units kept back at most places
    protection: str  # JSON: units kept back at the others, by code
    closed: list[str]


def _load_network() -> _Network:
    every = {row.code: _place(row) for row in Location.objects.order_by("position")}
    ((usual, _places),) = Counter(place.safety_stock for place in every.values()).most_common(1) or ((0, 0),)
    return _Network(
        places=every,
        usual_protection=usual,
        protection=as_json({code: p.safety_stock for code, p in every.items() if p.safety_stock != usual}),
        closed=[code for code, place in every.items() if not place.is_active],
    )


def _place(row: Location) -> PlaceInfo:
    return PlaceInfo(
        code=row.code,
        name=row.name,
        kind=row.kind,
        country=row.country,
        postal_code=row.postal_code,
        city=row.city,
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
        currency=row.currency,
        safety_stock=row.safety_stock,
        position=row.position,
        is_active=row.is_active,
        paused_at=row.paused_at,
        paused_until=row.paused_until,
    )


_network: VersionedCache[_Network] = VersionedCache("places", _load_network)


def places() -> Mapping[str, PlaceInfo]:
    """Every location by code, in order of creation, at most a second old. Shared: not to be changed."""
    return _network.get().places


# Places are known by heart, so no row is joined to its place: what each keeps back comes along as one JSON
# object, twice as quick for twenty products in a thousand places; only what differs from the usual is sent.
_PROTECTION = "coalesce((%(protection)s::jsonb ->> s.location_id)::int, %(usual_protection)s::int)"
# `ARRAY(SELECT unnest(%s))` hides the length of the list from the planner, which otherwise plans a list of two
# anew at every call because it looks cheaper than the plan for a list of any length.
_SELLABLE_UNITS = f"""
SELECT p.sku, found.locations, found.units FROM inventory_product p
JOIN LATERAL (
    SELECT array_agg(s.location_id) AS locations, array_agg({sellable_sql("s", _PROTECTION)}) AS units
    FROM inventory_stocklevel s
    WHERE s.sku = p.sku AND p.is_active AND s.location_id <> ALL(%(closed)s::text[]) {{only}}
) found ON true
WHERE p.sku = ANY(ARRAY(SELECT unnest(%(skus)s::text[])))"""
_SELLABLE_ANYWHERE = _SELLABLE_UNITS.format(only="")
_SELLABLE_HERE = _SELLABLE_UNITS.format(only="AND s.location_id = ANY(%(locations)s::text[])")


def sellable_units(skus: Iterable[str], *, locations: Collection[str] | None = None) -> dict[str, dict[str, int]]:
    """Units that can be sold, by SKU and location code, read without locks; only what is more than zero.

    Every SKU asked for has an entry. Products and places that are not active sell nothing.
    """
    wanted = list(skus)
    return {sku: {} for sku in wanted} | sellable_of_known(wanted, locations=locations)


def sellable_of_known(skus: Collection[str], *, locations: Collection[str] | None = None) -> dict[str, dict[str, int]]:
    """Like `sellable_units`, but only products that exist have an entry."""
    network = _network.get()
    parameters = {
        "skus": list(skus),
        "protection": network.protection,
        "usual_protection": network.usual_protection,
        "closed": network.closed,
    }
    if locations is not None:
        parameters["locations"] = list(locations)
    rows = _rows(_SELLABLE_ANYWHERE if locations is None else _SELLABLE_HERE, parameters)
    return {
        sku: {code: units for code, units in zip(codes or (), numbers or (), strict=True) if units}
        for sku, codes, numbers in rows
    }


_PRODUCTS = """
SELECT sku, name_en, name_fr, price, currency, tax_class, weight_g, image_url, tags, is_active
FROM inventory_product WHERE sku = ANY(ARRAY(SELECT unnest(%s::text[])))"""


def products_by_sku(skus: Iterable[str]) -> dict[str, ProductInfo]:
    """Those that exist, active or not."""
    rows = _rows(_PRODUCTS, [list(skus)])
    return {row[0]: ProductInfo(*(*row[:-2], frozenset(row[-2]), row[-1])) for row in rows}


def locations_of_user(user: Any) -> frozenset[str]:
    """The codes of the places where this user works."""
    return frozenset(Membership.objects.filter(user=user).values_list("location_id", flat=True))


def haversine_km(lat1: float, lon1: float, lat2: float, lon2: float) -> float:
    """Distance over the earth's surface."""
    phi1, phi2 = radians(lat1), radians(lat2)
    half = sin((phi2 - phi1) / 2) ** 2 + cos(phi1) * cos(phi2) * sin(radians(lon2 - lon1) / 2) ** 2
    return 2 * _EARTH_RADIUS_KM * asin(min(1.0, sqrt(half)))


def _rows(statement: str, parameters: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return cursor.fetchall()
