"""What is on its way: deliveries and transfers, by the day they count from; and what a place could send."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from datetime import date, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import connection

from inventory.exposure import Context
from inventory.queries import PlaceInfo, places, protections, tags_for
from inventory.sellable import sellable_sql

_DAY = timedelta(days=1)


class Supply(NamedTuple):
    """Units that a place is to have from this day on, by its own calendar."""

    date: date
    units: int
    location: str


_OPEN_LINES = """
SELECT line.sku, i.location_id, i.expected_at, sum(line.remaining)
FROM inventory_inboundline line
JOIN inventory_inbound i ON i.id = line.inbound_id
JOIN inventory_product p ON p.sku = line.sku AND p.is_active
WHERE line.sku = ANY(ARRAY(SELECT unnest(%(skus)s::text[]))) AND line.remaining > 0 AND i.expected_at > %(trusted)s
    {only}
GROUP BY line.sku, i.location_id, i.expected_at"""
_TO_ANYWHERE = _OPEN_LINES.format(only="")
_TO_THESE = _OPEN_LINES.format(only="AND i.location_id = ANY(%(locations)s::text[])")


def future_supply(
    skus: Iterable[str], *, as_of: datetime, locations: Collection[str] | None = None
) -> dict[str, list[Supply]]:
    """What is to come of each SKU, earliest first; one statement. Every SKU asked for has an entry.

    A delivery counts from the day it is expected, by the calendar of its destination. One that is late counts
    from tomorrow on; after `SUPPLY_TRUSTED_DAYS_LATE` days nobody believes in it any more. Products and places that
    are not active expect nothing.
    """
    wanted = list(skus)
    parameters = {"skus": wanted, "trusted": as_of - settings.SUPPLY_TRUSTED_DAYS_LATE * _DAY}
    if locations is not None:
        parameters["locations"] = list(locations)
    with connection.cursor() as cursor:
        cursor.execute(_TO_ANYWHERE if locations is None else _TO_THESE, parameters)
        rows = cursor.fetchall()
    return {sku: [] for sku in wanted} | _by_day(rows, places(), as_of)


def _by_day(
    rows: Iterable[tuple[str, str, datetime, int]], known: Mapping[str, PlaceInfo], as_of: datetime
) -> dict[str, list[Supply]]:
    units: dict[str, dict[tuple[date, str], int]] = defaultdict(lambda: defaultdict(int))
    for sku, code, expected_at, quantity in rows:
        place = known.get(code)
        if place is not None and place.is_active:
            units[sku][_counts_from(expected_at, ZoneInfo(place.timezone), as_of), code] += quantity
    return {sku: [Supply(day, units, code) for (day, code), units in sorted(of.items())] for sku, of in units.items()}


def _counts_from(expected_at: datetime, zone: ZoneInfo, as_of: datetime) -> date:
    if expected_at <= as_of:
        return as_of.astimezone(zone).date() + _DAY
    return expected_at.astimezone(zone).date()


def supply_shown(skus: Iterable[str], *, context: Context) -> dict[str, list[Supply]]:
    """`future_supply` as this asker may see it: without what the exposure rules hide."""
    found = future_supply(skus, as_of=context.as_of)
    rules = protections(context)
    coming = [sku for sku, supplies in found.items() if supplies]
    if not coming or not rules.has_rules:
        return found
    tags = tags_for(rules, coming)

    def is_hidden(sku: str, supply: Supply) -> bool:
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
