"""Working out what the last units are worth, on schedule: forecast, stock and prices of the ways in, prices out.

Nothing of it is on the way of an order: planning reads a small table from the memory of the process, and a price that
is not renewed in time counts no more.
"""

import time as monotonic_time
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.db.models import Max, QuerySet

from inventory import queries as inventory
from inventory.exposure import Context
from oms.cache import bump
from oms.transactions import use_case
from routing.engine import scarcity
from routing.engine.scarcity import Basket, Lane, Level, Market
from routing.engine.types import BySkuAndPlace, from_micro, to_micro
from routing.forecasts import Past, Recipe, expected_baskets
from routing.leadtimes import area_of
from routing.models import DemandFact, ScarcityPrice, ScarcityTable
from routing.queries import SCARCITY
from routing.services.sourcing import COLLECTED, Demand, Destination, Line, StockReader, parcel_prices

_SERVICE = "standard"
_WORTH_KEEPING = to_micro(Decimal("0.01"))
#: Baskets × places × SKUs of one programme; beyond, levels are looked at one by one.
_LARGEST_PROGRAMME = 200_000
_USUAL_WEIGHT_G = 500
_METHODS = ScarcityPrice.Method


# ---- working them out --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Wish:
    """A delivery that was wanted, as forecasts know it. `there`: where to, more or less."""

    past: Past
    currency: str
    there: Destination


@dataclass(frozen=True, slots=True)
class _Outlook:
    """What is expected in one currency. `somewhere`: an address in each zone, to ask prices for."""

    currency: str
    baskets: Sequence[Basket]
    somewhere: Mapping[str, Destination]


@dataclass(frozen=True, slots=True)
class _Worth:
    """What is priced in one group of products. `exact`: by its programme."""

    stock: Mapping[Level, int]
    by_level: Mapping[Level, int]
    exact: bool


Lanes = Mapping[tuple[str, str], Lane]  # (zone, place)


def refresh_if_old(*, as_of: datetime) -> bool:
    """Work prices out anew when half their life is over. True if it was done now."""
    last = ScarcityTable.objects.aggregate(at=Max("computed_at"))["at"]
    if last is not None and last > as_of - _life() / 2:
        return False
    refresh(as_of=as_of)
    return True


def refresh(*, as_of: datetime, seconds: float = 120.0) -> int:
    """Replace all prices. Returns how many levels have one now. `seconds` for all programmes together."""
    until = monotonic_time.monotonic() + seconds
    tables: list[ScarcityTable] = []
    rows: list[ScarcityPrice] = []
    for outlook in _outlooks(as_of):
        stock = _on_offer(outlook.baskets, as_of)
        market = _market(outlook, stock, _lanes_of(outlook, {code for _sku, code in stock}, as_of))
        nearby = scarcity.nearby_demand(market)
        for worth in _priced(market, until, _LARGEST_PROGRAMME):
            rows += _rows(outlook.currency, worth, nearby, as_of)
        tables.append(ScarcityTable(currency=outlook.currency, computed_at=as_of, valid_until=as_of + _life()))
    _replace(tables, rows)
    return len(rows)


@use_case
def _replace(tables: Sequence[ScarcityTable], rows: Sequence[ScarcityPrice]) -> None:
    for model in (ScarcityTable, ScarcityPrice):
        model.objects.all().delete()
    ScarcityTable.objects.bulk_create(tables)
    ScarcityPrice.objects.bulk_create(rows, batch_size=1000)
    bump(SCARCITY)


def _life() -> timedelta:
    return timedelta(hours=settings.SCARCITY_HOURS)


def _recipe() -> Recipe:
    return Recipe(horizon_days=settings.SCARCITY_HORIZON_DAYS)


def _outlooks(as_of: datetime) -> Iterator[_Outlook]:
    facts = _lately(as_of)
    for currency in facts.order_by("currency").values_list("currency", flat=True).distinct():
        yield _outlook(currency, map(wish_of, facts.filter(currency=currency).iterator()), as_of)


def _outlook(currency: str, wishes: Iterable[Wish], as_of: datetime) -> _Outlook:
    """Takes one after the other, however many; the first of each zone gives its address."""
    somewhere: dict[str, Destination] = {}

    def past() -> Iterator[Past]:
        for wish in wishes:
            somewhere.setdefault(wish.past.zone, wish.there)
            yield wish.past

    baskets = expected_baskets(past(), as_of=as_of, recipe=_recipe())
    return _Outlook(currency, baskets, somewhere)


def _lately(as_of: datetime) -> QuerySet[DemandFact]:
    """What forecasts are made of."""
    begin = as_of - timedelta(days=_recipe().window_days)
    return DemandFact.objects.filter(at__gt=begin, at__lte=as_of, service=_SERVICE, location="").exclude(
        method__in=COLLECTED
    )


def wish_of(fact: DemandFact) -> Wish:
    zone = area_of(fact.country, fact.postal_code)
    there = Destination(fact.country, fact.postal_code, latitude=fact.latitude, longitude=fact.longitude)
    return Wish(Past(fact.at, zone, _units(fact.lines)), fact.currency, there)


def _units(lines: Iterable[Sequence]) -> dict[str, int]:
    units: dict[str, int] = defaultdict(int)
    for sku, quantity, *_ in lines:
        units[sku] += quantity
    return units


def _priced(market: Market, until: float, largest: int) -> Iterator[_Worth]:
    """First level by level, which tells what is scarce; then each group of scarce SKUs by its own programme."""
    rough = {level: price for level, price in scarcity.closed_form(market).items() if price >= _WORTH_KEEPING}
    scarce = frozenset(sku for sku, _place in rough)
    for group in scarcity.clusters(market.baskets, scarce):
        part = _only(market, group)
        left = until - monotonic_time.monotonic()
        answer = scarcity.prices(part, seconds=left) if left > 0 and _size(part) <= largest else None
        if answer and answer.value_micro is not None:
            yield _Worth(part.stock, answer.by_level, exact=True)
        else:
            yield _Worth(part.stock, {lv: price for lv, price in rough.items() if lv[0] in group}, exact=False)


def _kept(worth: _Worth) -> Iterator[tuple[Level, int]]:
    """What is worth keeping, up to the cap."""
    cap = to_micro(settings.SCARCITY_CAP)
    return ((lv, min(price, cap)) for lv, price in sorted(worth.by_level.items()) if price >= _WORTH_KEEPING)


def _rows(currency: str, worth: _Worth, nearby: Mapping[Level, float], as_of: datetime) -> Iterator[ScarcityPrice]:
    for level, price in _kept(worth):
        yield ScarcityPrice(
            sku=level[0],
            location=level[1],
            currency=currency,
            price=from_micro(price),
            units=worth.stock[level],
            expected=round(nearby.get(level, 0.0), 3),
            method=_METHODS.PROGRAMME if worth.exact else _METHODS.CLOSED_FORM,
            computed_at=as_of,
            valid_until=as_of + _life(),
        )


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


def _market(outlook: _Outlook, stock: Mapping[Level, int], lanes: Lanes) -> Market:
    return Market(outlook.baskets, stock, lanes, _lost(outlook.somewhere, lanes))


def _on_offer(
    baskets: Iterable[Basket], as_of: datetime, read: StockReader = inventory.sellable_units
) -> dict[Level, int]:
    """Stock by level, at places that send parcels now."""
    skus = sorted({sku for basket in baskets for sku in basket.skus})
    directory = inventory.places()
    context = Context(as_of, order_type="ship", service=_SERVICE)
    open_to_all = {code for code, place in directory.items() if place.serves(context)}
    found = read(skus, context=context)
    return {
        (sku, code): units
        for sku, held in found.items()
        for code, units in held.items()
        if code in open_to_all and units
    }


def _lanes_of(outlook: _Outlook, codes: Collection[str], as_of: datetime) -> Lanes:
    return {
        (zone, code): lane
        for zone, there in outlook.somewhere.items()
        for code, lane in _lanes(outlook.currency, there, sorted(codes), as_of).items()
    }


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


# ---- what could be known then ----------------------------------------------------------------------------

#: So many baskets × places × SKUs are solved in no time: a replay does it again and again, and must not wait.
_LARGEST_OF_THE_PAST = 20_000
_SECONDS_OF_THE_PAST = 60.0


class Foresight:
    """Prices of the last units as they could be worked out at instants of the past: from what was wanted before, and
    from stock as somebody else tells it. `read` gives the wishes; it is asked once, and only if prices are."""

    def __init__(self, read: Callable[[], Iterable[Wish]]):
        self._read = read
        self._wishes: dict[str, list[Wish]] | None = None  # by currency, then by time
        self._lanes: dict[tuple[str, str], dict[str, Lane]] = {}  # by currency and zone

    def prices(self, currency: str, *, as_of: datetime, stock: StockReader) -> dict[str, dict[str, int]] | None:
        """By SKU and place, in millionths; None where nothing was wanted before."""
        outlook = _outlook(currency, self._before(currency, as_of), as_of)
        if not outlook.baskets:
            return None
        offered = _on_offer(outlook.baskets, as_of, stock)
        market = _market(outlook, offered, self._lanes_of(outlook, {code for _sku, code in offered}, as_of))
        found: dict[str, dict[str, int]] = {}
        until = monotonic_time.monotonic() + _SECONDS_OF_THE_PAST
        for worth in _priced(market, until, _LARGEST_OF_THE_PAST):
            for (sku, code), price in _kept(worth):
                found.setdefault(sku, {})[code] = price
        return found

    def _before(self, currency: str, as_of: datetime) -> list[Wish]:
        if self._wishes is None:
            self._wishes = {}
            for wish in sorted(self._read(), key=lambda wish: wish.past.at):
                self._wishes.setdefault(wish.currency, []).append(wish)
        wishes = self._wishes.get(currency, [])
        begin = bisect_left(wishes, as_of - timedelta(days=_recipe().window_days), key=lambda wish: wish.past.at)
        return wishes[begin : bisect_left(wishes, as_of, key=lambda wish: wish.past.at)]

    def _lanes_of(self, outlook: _Outlook, codes: Collection[str], as_of: datetime) -> Lanes:
        """Carriers' prices are not remembered: those of now."""
        found: dict[tuple[str, str], Lane] = {}
        for zone, there in outlook.somewhere.items():
            known = self._lanes.get((outlook.currency, zone))
            if known is None:
                known = _lanes(outlook.currency, there, sorted(inventory.places()), as_of)
                self._lanes[outlook.currency, zone] = known
            found |= {(zone, code): lane for code, lane in known.items() if code in codes}
        return found


class PricesThen:
    """Prices of the last units in one world of a replay, worked out anew every `SIMULATION_SCARCITY_HOURS`.

    Answers as `routing.queries.scarcity_prices` does. What it has worked out can be written down and gone on with: who
    worked it out anew later would find other stock."""

    def __init__(self, foresight: Foresight, stock: StockReader):
        self._foresight = foresight
        self._stock = stock
        self._number = -1  # of the hours that it was worked out in
        self._tables: dict[str, dict[str, dict[str, int]] | None] = {}

    def __call__(self, currency: str, *, as_of: datetime) -> BySkuAndPlace | None:
        number = int(as_of.timestamp() // (3600 * settings.SIMULATION_SCARCITY_HOURS))
        if number != self._number:
            self._number, self._tables = number, {}
        if currency not in self._tables:
            self._tables[currency] = self._foresight.prices(currency, as_of=as_of, stock=self._stock)
        return self._tables[currency]

    def as_json(self) -> list[Any]:
        return [self._number, self._tables]

    def resume(self, told: Sequence[Any]) -> None:
        self._number, self._tables = told


def wishes_before(as_of: datetime) -> Iterator[Wish]:
    """What was wanted lately, as of then."""
    return map(wish_of, _lately(as_of).iterator())


def wishes_of(facts: Iterable[DemandFact]) -> Iterator[Wish]:
    """Of all that is wanted, what forecasts are made of."""
    usual = (f for f in facts if f.service == _SERVICE and not f.location and f.method not in COLLECTED)
    return map(wish_of, usual)
