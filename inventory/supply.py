"""What is on its way: deliveries and transfers, by the day they count from; and what a place could send."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from types import MappingProxyType
from typing import NamedTuple
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import connection

from inventory.exposure import Context, Kept
from inventory.queries import places, protections, tags_for
from inventory.sellable import good_sql, held_sql, own_sql, sellable_sql, units_kept

_DAY = timedelta(days=1)
ARRIVED = "arrived:"
"""Stands before the name of a demand that units on a level are reserved for because they came for it, until it claims them."""


class Supply(NamedTuple):
    """Units that a place is to have from this day on, by its own calendar."""

    date: date
    units: int
    location: str


class Coming(NamedTuple):
    """Units of one line of a delivery that can be promised to who asks. They count from `available_at` on."""

    line: int
    inbound: str
    sku: str
    location: str
    available_at: datetime
    units: int


class _Line(NamedTuple):
    """A line of a delivery with all that still comes of it, and what stands in its place: in good condition, spoken for,
    and kept by the asker's own holds."""

    id: int
    inbound: str
    sku: str
    location: str
    expected_at: datetime
    remaining: int
    promised: int
    good: int
    taken: int
    confidence: float | None
    own: int | None

    @property
    def level(self) -> tuple[str, str]:
        return self.sku, self.location


_TAKEN = f"""coalesce(s.reserved, 0) + {held_sql("s", as_of="%(as_of)s", own_holds="%(holds)s")}"""
_FREE = f"({good_sql('s')} - ({_TAKEN}))"
_LINES = f"""
SELECT line.id, i.id, line.sku, i.location_id, i.expected_at, line.remaining, line.promised, coalesce({good_sql("s")}, 0),
    {_TAKEN}, s.confidence, {own_sql("s", as_of="%(as_of)s", own_holds="%(holds)s", free=_FREE)}
FROM inventory_inboundline line
JOIN inventory_inbound i ON i.id = line.inbound_id
JOIN inventory_product p ON p.sku = line.sku AND p.is_active
LEFT JOIN inventory_stocklevel s ON s.sku = line.sku AND s.location_id = i.location_id
WHERE line.sku = ANY(ARRAY(SELECT unnest(%(skus)s::text[]))) AND line.remaining > 0 AND i.expected_at > %(trusted)s"""


def future_supply(skus: Iterable[str], *, context: Context) -> dict[str, list[Supply]]:
    """`free_supply` by the day it counts from and place, without what comes where the method asked for cannot be done, or
    where nothing can by then (`PlaceInfo.can_work`)."""
    found, directory = free_supply(skus, context=context), places()

    def is_of_use(coming: Coming) -> bool:
        place = directory[coming.location]
        return place.can_serve(context.order_type) and place.can_work(coming.available_at)

    return {sku: _by_day(filter(is_of_use, coming)) for sku, coming in found.items()}


def _by_day(coming: Iterable[Coming]) -> list[Supply]:
    units: dict[tuple[date, str], int] = defaultdict(int)
    for one in coming:
        units[one.available_at.date(), one.location] += one.units
    return [Supply(day, total, code) for (day, code), total in sorted(units.items())]


def free_supply(
    skus: Iterable[str], *, context: Context, besides: Mapping[int, int] = MappingProxyType({})
) -> dict[str, list[Coming]]:
    """What is to come of each SKU and this asker may be promised, line by line, the earliest first; one statement, and
    one more where rules ask for tags. Every SKU asked for has an entry.

    A delivery counts from when it is expected, by the clock of its destination. One that is late counts
    from tomorrow on; after `SUPPLY_TRUSTED_DAYS_LATE` days nobody believes in it any more. Products and places that
    are not active expect nothing.

    Of a delivery the asker may have what could be sold to them besides once it stands there: what its level owes and
    what the exposure rules keep of the stock standing there then is none of it. Safety stock is not added.

    `besides`: units by line that are the asker's already and stay so, whatever the rules keep by now; or, less than
    zero, that they have taken besides what is promised.
    """
    found: dict[str, list[Coming]] = {sku: [] for sku in skus}
    at_level = _lines_by_level(list(found), context)
    if not at_level:
        return found
    rules = protections(context)
    tags = tags_for(rules, list({sku for sku, _code in at_level}))
    for (sku, code), lines in at_level.items():
        found[sku] += _offered(lines, rules.kept(sku, tags.get(sku, ()), code), besides)
    return {sku: sorted(coming, key=_by_arrival) for sku, coming in found.items()}


def _by_arrival(coming: Coming) -> tuple[datetime, str]:
    return coming.available_at, coming.inbound


def _lines_by_level(skus: list[str], context: Context) -> dict[tuple[str, str], list[tuple[datetime, _Line]]]:
    """With the instant each counts from, the earliest first."""
    found: dict[tuple[str, str], list[tuple[datetime, _Line]]] = defaultdict(list)
    known = places()
    for line in _lines(skus, context):
        place = known.get(line.location)
        if place is not None and place.is_active:
            at = available_at(line.expected_at, ZoneInfo(place.timezone), context.as_of)
            found[line.level].append((at, line))
    return {level: sorted(lines, key=lambda one: (one[0], one[1].inbound)) for level, lines in found.items()}


def _lines(skus: list[str], context: Context) -> list[_Line]:
    trusted = context.as_of - settings.SUPPLY_TRUSTED_DAYS_LATE * _DAY
    with connection.cursor() as cursor:
        parameters = {"skus": skus, "trusted": trusted, "as_of": context.as_of, "holds": list(context.holds)}
        cursor.execute(_LINES, parameters)
        return [_Line(*row) for row in cursor.fetchall()]


def _offered(lines: Sequence[tuple[datetime, _Line]], kept: Kept, besides: Mapping[int, int]) -> Iterator[Coming]:
    """Of what comes to one level, the earliest first. What can be sold there grows with a delivery, or shrinks where its
    units are promised and a share is kept; to be had of it is what it adds to the most that could be sold before.
    """
    _at, first = lines[0]
    good, taken = first.good, first.taken
    most = max(first.own or 0, _left(good, taken, first.confidence, kept))
    for at, line in lines:
        own = besides.get(line.id, 0)
        good += line.remaining
        taken += line.promised + max(0, -own)
        left = _left(good, taken, first.confidence, kept)
        if units := max(0, left - most) + max(0, own):
            yield Coming(line.id, line.inbound, line.sku, line.location, at, units)
        most = max(most, left)


def _left(good: int, taken: int, confidence: float | None, kept: Kept) -> int:
    """Units of a level that can be sold but for its safety stock, which guards what is in the books, not what is to come."""
    if kept.is_hidden:
        return 0
    return max(0, good - taken - units_kept(good, safety=0, confidence=confidence, kept=kept))


def available_at(expected_at: datetime, zone: ZoneInfo, as_of: datetime) -> datetime:
    """From when on a delivery counts, by the clock of its place: when it is expected; once it is late, from tomorrow."""
    if expected_at <= as_of:
        return datetime.combine(as_of.astimezone(zone).date() + _DAY, time(0), zone)
    return expected_at.astimezone(zone)


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
