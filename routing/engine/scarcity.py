"""What the last units of a place are worth to those who have not ordered yet.

A linear programme serves the baskets that are expected from the stock there is, at what parcels and units cost.
The dual value of a level's stock tells how much cheaper all of that would be with one unit more there: so much
more should an order pay that takes the unit now (a bid price; Jasin and Sinha, Operations Research 63(6), 2015,
give the programme). Baskets may be cut in it over any number of places, so its value is a lower bound of what
serving these baskets costs.

Where the programme is too large or has no time, `closed_form` looks at one level at a time.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil, exp, fsum, lgamma, log, sqrt

import numpy as np

from . import programme
from .types import MICRO

Level = tuple[str, str]  # (sku, place)


@dataclass(frozen=True, slots=True)
class Basket:
    """One unit each of some SKUs, expected so many times from one zone."""

    zone: str
    skus: tuple[str, ...]
    expected: float


@dataclass(frozen=True, slots=True)
class Lane:
    """What a parcel from a place to a zone costs, and each unit in it."""

    parcel_micro: int
    unit_micro: int

    @property
    def alone_micro(self) -> int:
        return self.parcel_micro + self.unit_micro


@dataclass(frozen=True)
class Market:
    """Expected baskets, stock by level, and the ways between. A way that is not named is not gone.

    `lost` is what it costs not to serve a zone: once per basket, and per unit. It bounds every price.
    """

    baskets: Sequence[Basket]
    stock: Mapping[Level, int]
    lanes: Mapping[tuple[str, str], Lane]  # (zone, place)
    lost: Mapping[str, Lane]


@dataclass(frozen=True, slots=True)
class Prices:
    """Worth of one more unit by level, in millionths; levels that are not named are worth nothing more.

    `value_micro`: the least all baskets together cost; None when the closed form answered.
    """

    by_level: Mapping[Level, int]
    value_micro: int | None


def prices(market: Market, *, seconds: float = 10.0) -> Prices:
    """Dual prices of the programme, or the closed form when it is not solved in that time."""
    return _Programme(market).solve(seconds) or Prices(closed_form(market), None)


def _holders(market: Market) -> dict[str, list[str]]:
    """Places with stock by SKU, in the order of their codes, so that the programme is always the same one."""
    holders: dict[str, list[str]] = defaultdict(list)
    for (sku, place), units in sorted(market.stock.items()):
        if units > 0:
            holders[sku].append(place)
    return holders


# ---- the programme -------------------------------------------------------------------------------


class _Programme:
    """Per basket, place and SKU the baskets whose unit comes from there; per basket and place the parcels."""

    def __init__(self, market: Market):
        self.market = market
        self.cost: list[float] = []
        self.rows: list[programme.Row] = []
        self.drawn: dict[Level, dict[int, float]] = defaultdict(dict)
        holders = _holders(market)
        for basket in market.baskets:
            if basket.expected > 0:
                self._serve(basket, holders)
        self.levels = list(self.drawn)
        self.rows += [(-programme.INFINITY, self.drawn[level], market.stock[level]) for level in self.levels]

    def _column(self, cost_micro: int) -> int:
        self.cost.append(cost_micro / MICRO)
        return len(self.cost) - 1

    def _serve(self, basket: Basket, holders: Mapping[str, list[str]]) -> None:
        lanes, zone, lost = self.market.lanes, basket.zone, self.market.lost[basket.zone]
        nowhere = self._column(lost.parcel_micro)
        parcels: dict[str, int] = {}
        for sku in basket.skus:
            unserved = self._column(lost.unit_micro)
            self.rows.append((0, {nowhere: 1, unserved: -1}, programme.INFINITY))
            takers = {unserved: 1.0}
            for place in holders[sku]:
                if (lane := lanes.get((zone, place))) is None:
                    continue
                if place not in parcels:
                    parcels[place] = self._column(lane.parcel_micro)
                unit = self._column(lane.unit_micro)
                takers[unit] = self.drawn[sku, place][unit] = 1.0
                self.rows.append((0, {parcels[place]: 1, unit: -1}, programme.INFINITY))
            self.rows.append((basket.expected, takers, basket.expected))

    def solve(self, seconds: float) -> Prices | None:
        if not self.cost:
            return Prices({}, 0)
        solver = programme.solved(
            programme.by_rows(self.cost, np.full(len(self.cost), programme.INFINITY), self.rows), seconds
        )
        if not programme.is_optimal(solver):
            return None
        duals = solver.getSolution().row_dual[-len(self.levels) :] if self.levels else []
        worth = {level: round(-dual * MICRO) for level, dual in zip(self.levels, duals, strict=True)}
        value = round(solver.getInfo().objective_function_value * MICRO)
        return Prices({level: price for level, price in worth.items() if price > 0}, value)


# ---- one level at a time -------------------------------------------------------------------------


def closed_form(market: Market) -> dict[Level, int]:
    """Per level: chance that those who would be served from here ask for all of it, times what the next way costs more.

    Each basket counts for the cheapest place that holds the SKU, or for all that are as cheap, by what they hold; demand
    is taken as Poisson. The next way is the cheapest of the dearer places that hold it, else losing the unit.
    """
    demand, dearer = _local_demand(market)
    worth = {level: _price(market.stock[level], mean, dearer[level] / mean) for level, mean in demand.items()}
    return {level: price for level, price in worth.items() if price > 0}


def nearby_demand(market: Market) -> dict[Level, float]:
    """Units expected from those for whom the level is the cheapest that holds any, or its share of them."""
    return _local_demand(market)[0]


def _local_demand(market: Market) -> tuple[dict[Level, float], dict[Level, float]]:
    """Expected units by level, and the same times what the next way costs more."""
    demand: dict[Level, float] = defaultdict(float)
    dearer: dict[Level, float] = defaultdict(float)
    holders = _holders(market)
    ways = {(b.zone, sku): _cheapest(market, b.zone, holders[sku]) for b in market.baskets for sku in b.skus}
    for basket in market.baskets:
        for sku in basket.skus:
            if (found := ways[basket.zone, sku]) and basket.expected > 0:
                places, more = found
                held = sum(market.stock[sku, place] for place in places)
                for place in places:
                    units = basket.expected * (market.stock[sku, place] / held)
                    demand[sku, place] += units
                    dearer[sku, place] += units * more
    return demand, dearer


def _cheapest(market: Market, zone: str, holders: Iterable[str]) -> tuple[list[str], int] | None:
    """The cheapest places for a unit alone, more than one where they ask the same, and how much dearer the next way is."""
    lost, lanes = market.lost[zone], market.lanes
    ways = [(lane.alone_micro, place) for place in holders if (lane := lanes.get((zone, place)))]
    if not ways:
        return None
    least, _first = min(ways)
    next_best = min((cost for cost, _place in ways if cost > least), default=lost.alone_micro)
    return [place for cost, place in ways if cost == least], max(0, next_best - least)


def _price(units: int, mean: float, more_micro: float) -> int:
    return round(more_micro * chance_of_at_least(units, mean))


def chance_of_at_least(units: int, mean: float) -> float:
    """P(D >= units) for Poisson demand; 1 for no units."""
    if mean <= 0:
        return float(units <= 0)
    certain = ceil(mean + 12 * sqrt(mean) + 40)  # nobody will ever ask for so many
    # By logarithms: where hundreds are expected, the chance that nobody asks is below what a float can hold.
    below = fsum(exp(count * log(mean) - mean - lgamma(count + 1)) for count in range(min(units, certain)))
    return max(0.0, 1 - below)


# ---- which levels to look at -----------------------------------------------------------------------


def clusters(baskets: Iterable[Basket], scarce: frozenset[str]) -> list[frozenset[str]]:
    """Scarce SKUs that are bought together, directly or through others: each group is one programme."""
    parent = {sku: sku for sku in scarce}

    def root(sku: str) -> str:
        while parent[sku] != sku:
            parent[sku] = sku = parent[parent[sku]]
        return sku

    for basket in baskets:
        known = [sku for sku in basket.skus if sku in scarce]
        for sku in known[1:]:
            parent[root(sku)] = root(known[0])
    groups: dict[str, set[str]] = defaultdict(set)
    for sku in scarce:
        groups[root(sku)].add(sku)
    return sorted(map(frozenset, groups.values()), key=min)
