"""What is on its way: deliveries and transfers, by the day they count from; and what a place could send."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from datetime import date, datetime, time, timedelta
from types import MappingProxyType
from typing import NamedTuple, TypeVar
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import connection

from inventory.exposure import Context
from inventory.queries import places, protections, tags_for
from inventory.sellable import sellable_sql

_DAY = timedelta(days=1)
ARRIVED = "arrived:"
"""Stands before the name of a demand that units on a level are reserved for because they came for it, until it claims them."""


class Supply(NamedTuple):
    """Units that a place is to have from this day on, by its own calendar."""

    date: date
    units: int
    location: str


class Coming(NamedTuple):
    """Units of one line of a delivery that nobody was promised. They count from `available_at` on."""

    line: int
    inbound: str
    sku: str
    location: str
    available_at: datetime
    units: int


_FREE = """
SELECT line.id, i.id, line.sku, i.location_id, i.expected_at, line.remaining - line.promised
FROM inventory_inboundline line
JOIN inventory_inbound i ON i.id = line.inbound_id
JOIN inventory_product p ON p.sku = line.sku AND p.is_active
WHERE line.sku = ANY(ARRAY(SELECT unnest(%(skus)s::text[]))) AND line.remaining > 0 AND i.expected_at > %(trusted)s
    {only}"""
_TO_ANYWHERE = _FREE.format(only="")
_TO_THESE = _FREE.format(only="AND i.location_id = ANY(%(locations)s::text[])")


def future_supply(
    skus: Iterable[str], *, as_of: datetime, locations: Collection[str] | None = None
) -> dict[str, list[Supply]]:
    """What is to come of each SKU and nobody was promised, earliest first; one statement. Every SKU asked for has an entry.

    A delivery counts from the day it is expected, by the calendar of its destination. One that is late counts
    from tomorrow on; after `SUPPLY_TRUSTED_DAYS_LATE` days nobody believes in it any more. Products and places that
    are not active expect nothing.
    """
    return {sku: _by_day(coming) for sku, coming in _coming(skus, as_of=as_of, locations=locations).items()}


def _by_day(coming: Iterable[Coming]) -> list[Supply]:
    units: dict[tuple[date, str], int] = defaultdict(int)
    for one in coming:
        units[one.available_at.date(), one.location] += one.units
    return [Supply(day, total, code) for (day, code), total in sorted(units.items())]


def free_supply(
    skus: Iterable[str], *, context: Context, besides: Mapping[int, int] | None = None
) -> dict[str, list[Coming]]:
    """The same as this asker may see it, line by line.

    `besides`: units by line that are to be counted as free, too, because the asker would give them back; or, less than
    zero, as taken.
    """
    shown = _without_hidden(_coming(skus, as_of=context.as_of, besides=besides or {}), context)
    return {sku: sorted(coming, key=lambda one: (one.available_at, one.line)) for sku, coming in shown.items()}


def _coming(
    skus: Iterable[str],
    *,
    as_of: datetime,
    locations: Collection[str] | None = None,
    besides: Mapping[int, int] = MappingProxyType({}),
) -> dict[str, list[Coming]]:
    found: dict[str, list[Coming]] = {sku: [] for sku in skus}
    known = places()
    for line, inbound, sku, code, expected_at, free in _free_lines(list(found), as_of, locations):
        place, units = known.get(code), free + besides.get(line, 0)
        if place is not None and place.is_active and units > 0:
            at = available_at(expected_at, ZoneInfo(place.timezone), as_of)
            found[sku].append(Coming(line, inbound, sku, code, at, units))
    return found


def _free_lines(skus: list[str], as_of: datetime, locations: Collection[str] | None) -> list[tuple]:
    parameters = {"skus": skus, "trusted": as_of - settings.SUPPLY_TRUSTED_DAYS_LATE * _DAY}
    if locations is not None:
        parameters["locations"] = list(locations)
    with connection.cursor() as cursor:
        cursor.execute(_TO_ANYWHERE if locations is None else _TO_THESE, parameters)
        return cursor.fetchall()


def available_at(expected_at: datetime, zone: ZoneInfo, as_of: datetime) -> datetime:
    """From when on a delivery counts, by the clock of its place: when it is expected; once it is late, from tomorrow."""
    if expected_at <= as_of:
        return datetime.combine(as_of.astimezone(zone).date() + _DAY, time(0), zone)
    return expected_at.astimezone(zone)


def supply_shown(skus: Iterable[str], *, context: Context) -> dict[str, list[Supply]]:
    """`future_supply` as this asker may see it: without what the exposure rules hide or comes where it cannot be served."""
    shown, directory = _without_hidden(future_supply(skus, as_of=context.as_of), context), places()

    def is_of_use(supply: Supply) -> bool:
        return supply.location in directory and directory[supply.location].can_serve(context.order_type)

    return {sku: [one for one in supplies if is_of_use(one)] for sku, supplies in shown.items()}


_S = TypeVar("_S", Supply, Coming)


def _without_hidden(found: dict[str, list[_S]], context: Context) -> dict[str, list[_S]]:
    rules = protections(context)
    coming = [sku for sku, supplies in found.items() if supplies]
    if not coming or not rules.has_rules:
        return found
    tags = tags_for(rules, coming)

    def is_hidden(sku: str, supply: _S) -> bool:
        return rules.kept(sku, tags.get(sku, ()), supply.location).is_hidden

    return {sku: [one for one in supplies if not is_hidden(sku, one)] for sku, supplies in found.items()}


_SENDABLE = f"""
SELECT s.sku, {sellable_sql("s", safety="l.safety_stock", as_of="%(as_of)s")}
FROM inventory_stocklevel s JOIN inventory_location l ON l.code = s.location_id
WHERE s.location_id = %(location)s AND s.sku = ANY(%(skus)s::text[])"""


def sendable_units(location: str, skus: Iterable[str], *, as_of: datetime) -> dict[str, int]:
    """Units that a place could send elsewhere: neither promised nor held by carts nor kept back by its safety stock.

    Exposure rules do not count: they are about who may buy. Products that are off sale may be sent, too.
    """
    with connection.cursor() as cursor:
        cursor.execute(_SENDABLE, {"as_of": as_of, "location": location, "skus": list(skus)})
        return dict(cursor.fetchall())


def inbound_sql(level: str) -> str:
    """Units on their way to the stock level with this alias, whenever they are expected."""
    return _COMING.format(level=level, only="")


def in_transit_sql(level: str) -> str:
    """Those of them that other places have sent."""
    return _COMING.format(level=level, only=" AND i.origin_id IS NOT NULL")


_COMING = """(SELECT coalesce(sum(line.remaining), 0) FROM inventory_inboundline line
    JOIN inventory_inbound i ON i.id = line.inbound_id
    WHERE line.sku = {level}.sku AND line.remaining > 0 AND i.location_id = {level}.location_id{only})"""
