"""Working out what the last units are worth, on schedule: forecast, stock and prices of the ways in, prices out.

Nothing of it is on the way of an order: planning reads a small table from the memory of the process, and a price that
is not renewed in time counts no more.
"""

import time as monotonic_time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal

from django.conf import settings
from django.db.models import Max, QuerySet

from inventory import queries as inventory
from inventory.exposure import Context
from oms.cache import bump
from oms.transactions import use_case
from routing.engine import scarcity
from routing.engine.scarcity import Basket, Lane, Level, Market
from routing.engine.types import from_micro, to_micro
from routing.forecasts import Past, Recipe, expected_baskets
from routing.leadtimes import area_of
from routing.models import DemandFact, ScarcityPrice
from routing.queries import SCARCITY
from routing.services.sourcing import COLLECTED, Demand, Destination, Line, parcel_prices

_SERVICE = "standard"
_WORTH_KEEPING = to_micro(Decimal("0.01"))
#: Baskets × places × SKUs of one programme; beyond, levels are looked at one by one.
_LARGEST_PROGRAMME = 200_000
_USUAL_WEIGHT_G = 500
_METHODS = ScarcityPrice.Method


# ---- working them out --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Outlook:
    """What is expected in one currency. `somewhere`: an address in each zone, to ask prices for."""

    currency: str
    baskets: Sequence[Basket]
    somewhere: Mapping[str, Destination]


def refresh_if_old(*, as_of: datetime) -> bool:
    """Work prices out anew when half their life is over. True if it was done now."""
    last = ScarcityPrice.objects.aggregate(at=Max("computed_at"))["at"]
    if last is not None and last > as_of - _life() / 2:
        return False
    refresh(as_of=as_of)
    return True


def refresh(*, as_of: datetime, seconds: float = 120.0) -> int:
    """Replace all prices. Returns how many levels have one now. `seconds` for all programmes together."""
    until = monotonic_time.monotonic() + seconds
    rows = [row for outlook in _outlooks(as_of) for row in _priced(outlook, as_of, until)]
    _replace(rows)
    return len(rows)


@use_case
def _replace(rows: Sequence[ScarcityPrice]) -> None:
    ScarcityPrice.objects.all().delete()
    ScarcityPrice.objects.bulk_create(rows, batch_size=1000)
    bump(SCARCITY)


def _life() -> timedelta:
    return timedelta(hours=settings.SCARCITY_HOURS)


def _outlooks(as_of: datetime) -> Iterator[_Outlook]:
    recipe = Recipe(horizon_days=settings.SCARCITY_HORIZON_DAYS)
    facts = DemandFact.objects.filter(
        at__gt=as_of - timedelta(days=recipe.window_days), at__lte=as_of, service=_SERVICE, location=""
    ).exclude(method__in=COLLECTED)
    for currency in facts.order_by("currency").values_list("currency", flat=True).distinct():
        somewhere: dict[str, Destination] = {}
        past = _past(facts.filter(currency=currency), somewhere)
        yield _Outlook(currency, expected_baskets(past, as_of=as_of, recipe=recipe), somewhere)


def _past(facts: QuerySet[DemandFact], somewhere: dict[str, Destination]) -> Iterator[Past]:
    """One after the other, however many; the first of each zone is written down as its address."""
    for fact in facts.iterator():
        zone = area_of(fact.country, fact.postal_code)
        there = Destination(fact.country, fact.postal_code, latitude=fact.latitude, longitude=fact.longitude)
        somewhere.setdefault(zone, there)
        yield Past(fact.at, zone, _units(fact.lines))


def _units(lines: Iterable[Sequence]) -> dict[str, int]:
    units: dict[str, int] = defaultdict(int)
    for sku, quantity, *_ in lines:
        units[sku] += quantity
    return units


def _priced(outlook: _Outlook, as_of: datetime, until: float) -> list[ScarcityPrice]:
    """First level by level, which tells what is scarce; then each group of scarce SKUs by its own programme."""
    market = _market(outlook, as_of)
    rough = {level: price for level, price in scarcity.closed_form(market).items() if price >= _WORTH_KEEPING}
    found: list[ScarcityPrice] = []
    scarce = frozenset(sku for sku, _place in rough)
    nearby = scarcity.nearby_demand(market)
    for group in scarcity.clusters(market.baskets, scarce):
        part = _only(market, group)
        left = until - monotonic_time.monotonic()
        answer = scarcity.prices(part, seconds=left) if left > 0 and _size(part) <= _LARGEST_PROGRAMME else None
        exact = answer is not None and answer.value_micro is not None
        worth = answer.by_level if answer and exact else {lv: price for lv, price in rough.items() if lv[0] in group}
        found += _rows(outlook.currency, part.stock, worth, nearby, as_of, exact)
    return found


def _rows(
    currency: str,
    stock: Mapping[Level, int],
    worth: Mapping[Level, int],
    nearby: Mapping[Level, float],
    as_of: datetime,
    exact: bool,
) -> list[ScarcityPrice]:
    cap = to_micro(settings.SCARCITY_CAP)
    return [
        ScarcityPrice(
            sku=level[0],
            location=level[1],
            currency=currency,
            price=from_micro(min(price, cap)),
            units=stock[level],
            expected=round(nearby.get(level, 0.0), 3),
            method=_METHODS.PROGRAMME if exact else _METHODS.CLOSED_FORM,
            computed_at=as_of,
            valid_until=as_of + _life(),
        )
        for level, price in sorted(worth.items())
        if price >= _WORTH_KEEPING
    ]


def _size(market: Market) -> int:
    holders: dict[str, int] = defaultdict(int)
    for sku, _place in market.stock:
        holders[sku] += 1
    return sum(holders[sku] for basket in market.baskets for sku in basket.skus)


def _only(market: Market, skus: frozenset[str]) -> Market:
    """Baskets and stock of these SKUs alone: what else is in a basket lies everywhere, and decides nothing."""
    merged: dict[tuple[str, tuple[str, ...]], float] = defaultdict(float)
    for basket in market.baskets:
        if wanted := tuple(sku for sku in basket.skus if sku in skus):
            merged[basket.zone, wanted] += basket.expected
    baskets = [Basket(zone, wanted, times) for (zone, wanted), times in merged.items()]
    return replace(market, baskets=baskets, stock={lv: units for lv, units in market.stock.items() if lv[0] in skus})


# ---- the market ----------------------------------------------------------------------------------------


def _market(outlook: _Outlook, as_of: datetime) -> Market:
    skus = sorted({sku for basket in outlook.baskets for sku in basket.skus})
    directory = inventory.places()
    open_to_all = {code for code, place in directory.items() if place.takes_orders(as_of) and "ship" in place.abilities}
    found = inventory.sellable_units(skus, context=Context(as_of, order_type="ship", service=_SERVICE))
    stock = {
        (sku, code): units
        for sku, held in found.items()
        for code, units in held.items()
        if code in open_to_all and units
    }
    lanes = {
        (zone, code): lane
        for zone, there in outlook.somewhere.items()
        for code, lane in _lanes(outlook.currency, there, sorted({code for _, code in stock}), as_of).items()
    }
    return Market(outlook.baskets, stock, lanes, _lost(outlook.somewhere, lanes))


def _lanes(currency: str, there: Destination, codes: Sequence[str], as_of: datetime) -> dict[str, Lane]:
    """A parcel's price as a straight line in its units: that of one unit, and what two more cost."""
    asking = Demand(
        channel="", currency=currency, lines=(Line("l", "", 1),), service=_SERVICE, destination=there, method="ship"
    )
    parcels = [(units, units * _USUAL_WEIGHT_G) for units in (1, 3)]
    lanes = {}
    for code, (one, three) in parcel_prices(asking, codes, parcels, as_of=as_of).items():
        unit = max(0, three - one) // 2
        lanes[code] = Lane(max(0, one - unit), unit)
    return lanes


def _lost(zones: Iterable[str], lanes: Mapping[tuple[str, str], Lane]) -> dict[str, Lane]:
    """Not to serve a zone costs twice its dearest way; a zone nobody goes to loses nothing."""
    ways: dict[str, list[Lane]] = defaultdict(list)
    for (zone, _code), lane in lanes.items():
        ways[zone].append(lane)
    return {
        zone: Lane(
            2 * max((lane.parcel_micro for lane in ways[zone]), default=0),
            2 * max((lane.unit_micro for lane in ways[zone]), default=0),
        )
        for zone in zones
    }
