"""How good are decisions one by one, when today's order takes what tomorrow's will need?

The recipe of Jasin and Sinha (Operations Research 63(6), 2015) with the data that Ma (Manufacturing & Service
Operations Management, 2023) published: ten metropolitan areas, five fulfilment centres, 20 items, 25 kinds of
orders, one order per period, stock that about suffices and is not replenished. Each policy serves the same orders
from the same stock; what it paid is divided by what the linear programme, knowing all orders beforehand, says
that nobody could undercut.

The orders are decided by the product's own engine; prices of scarce stock come from the product's own programme.
"""

import argparse
import json
import math
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from statistics import mean, stdev

import numpy as np

from routing.engine import geo, planner, scarcity
from routing.engine.scarcity import Basket, Lane, Level, Market
from routing.engine.tariffs import Tariff, Tier
from routing.engine.types import Budget, Demand, Line, Network, Place, Rest, Rule, Step, Weights, to_micro

# latitude, longitude, inhabitants
CITIES = {
    "New York": (40.6943, -73.9249, 18_680_025),
    "Los Angeles": (34.1141, -118.4068, 12_531_334),
    "Chicago": (41.8375, -87.6866, 8_586_888),
    "Miami": (25.7840, -80.2101, 6_076_316),
    "Dallas": (32.7935, -96.7667, 5_910_669),
    "Houston": (29.7860, -95.3885, 5_724_418),
    "Philadelphia": (40.0077, -75.1339, 5_540_199),
    "Atlanta": (33.7628, -84.4220, 5_151_496),
    "Washington": (38.9047, -77.0163, 5_066_973),
    "Boston": (42.3188, -71.0852, 4_465_966),
}
CENTRES = {
    "AVP3": (41.2776, -75.4973),
    "CAE1": (33.9114, -81.0501),
    "DFW7": (32.9709, -97.3348),
    "IND1": (39.9797, -86.3833),
    "OAK4": (37.7448, -121.3985),
}
ITEMS = tuple(f"item-{number:02}" for number in range(20))
LARGEST, KINDS_PER_SIZE = 5, 5
PARCEL, PER_UNIT, PER_UNIT_MILE, KM_PER_MILE = 8.759, 0.423, 0.000541, 1.61
UNFILLED = "unfilled"
CHOSEN = "with scarcity prices, θ chosen"
_UNIT_G = 1000  # every unit weighs the same, so that a price list by weight is one by units
_FOREVER = Budget(now=lambda: 0.0, ends_at=1.0)


# ---- the recipe ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Costs:
    """Money per parcel and unit. Not serving counts as a parcel from nowhere."""

    lanes: Mapping[tuple[str, str], tuple[float, float]]
    km: Mapping[tuple[str, str], float]

    @classmethod
    def of(cls, lost_per_unit: float | None) -> "Costs":
        """`lost_per_unit` None: twice the dearest unit, as published."""
        points = {name: geo.point(*at[:2]) for name, at in (CITIES | CENTRES).items()}
        km = {(c, f): geo.distance_km(points[c], points[f]) for c in CITIES for f in CENTRES}
        lanes = {way: (PARCEL, PER_UNIT + PER_UNIT_MILE * far / KM_PER_MILE) for way, far in km.items()}
        for city in CITIES:
            dearest = max(lanes[city, centre][1] for centre in CENTRES)
            lanes[city, UNFILLED] = (2 * PARCEL, 2 * dearest if lost_per_unit is None else lost_per_unit)
        return cls(lanes, km)

    def of_parcels(self, city: str, given: Mapping[str, str]) -> float:
        """An order's cost; `given`: the centre of each item."""
        units = Counter(given.values())
        return sum(self.lanes[city, place][0] + n * self.lanes[city, place][1] for place, n in units.items())


Order = tuple[str, tuple[str, ...]]  # a city and its items


@dataclass(frozen=True)
class Instance:
    rates: Mapping[Order, float]  # probability per period
    stock: Mapping[Level, int]
    history: Sequence[Order]  # as many periods as will come
    orders: Sequence[Order]


def instance(seed: int, periods: int, carried: float, costs: Costs) -> Instance:
    random = np.random.default_rng(seed)
    kinds = [
        tuple(sorted(ITEMS[i] for i in random.permutation(len(ITEMS))[:size]))
        for size in range(1, LARGEST + 1)
        for _ in range(KINDS_PER_SIZE)
    ]
    sizes = random.random(LARGEST + 1)  # the first one: no order in this period
    shares = []
    for size in sizes[1:] / sizes.sum():
        within = random.random(KINDS_PER_SIZE)
        shares += list(size * within / within.sum())
    people = sum(inhabitants for _, _, inhabitants in CITIES.values())
    rates: dict[Order, float] = {}
    for kind, share in zip(kinds, shares, strict=True):
        for city, (_, _, inhabitants) in CITIES.items():
            rates[city, kind] = rates.get((city, kind), 0.0) + share * inhabitants / people
    stock = _stock(random, rates, periods, carried, costs)
    return Instance(rates, stock, _draw(random, rates, periods), _draw(random, rates, periods))


def _stock(random, rates: Mapping[Order, float], periods: int, carried: float, costs: Costs) -> dict[Level, int]:
    """Each city's demand stands at its nearest centre that carries the item, and half a deviation more."""
    stock = {}
    for item in ITEMS:
        carries = [centre for centre in CENTRES if random.random() < carried]
        demand = dict.fromkeys(carries, 0.0)
        for (city, kind), rate in rates.items():
            if item in kind and carries:
                demand[min(carries, key=lambda centre, city=city: costs.km[city, centre])] += rate
        for centre, d in demand.items():
            stock[item, centre] = round(periods * d + 0.5 * math.sqrt(periods * d * (1 - d)))
    return stock


def _draw(random, rates: Mapping[Order, float], periods: int) -> list[Order]:
    """Periods without an order are left out: nothing is decided in them."""
    orders = list(rates)
    chances = np.array([*rates.values(), max(0.0, 1 - sum(rates.values()))])
    drawn = random.choice(len(chances), periods, p=chances / chances.sum())
    return [orders[number] for number in drawn if number < len(orders)]


def market(expected: Mapping[Order, float], stock: Mapping[Level, int], costs: Costs) -> Market:
    lanes = {way: Lane(to_micro(parcel), to_micro(unit)) for way, (parcel, unit) in costs.lanes.items()}
    return Market(
        baskets=[Basket(city, kind, times) for (city, kind), times in expected.items()],
        stock=stock,
        lanes={way: lane for way, lane in lanes.items() if way[1] != UNFILLED},
        lost={city: lanes[city, UNFILLED] for city in CITIES},
    )


def bound(case: Instance, costs: Costs) -> float:
    value = scarcity.prices(market(Counter(case.orders), case.stock, costs), seconds=300).value_micro
    if value is None:
        raise SystemExit("the bound was not solved in time")
    return value / 1e6


# ---- policies --------------------------------------------------------------------------------------

Given = dict[str, str]
Decide = Callable[[Order, Mapping[Level, int], float], Given]
"""Who serves each item of an order from what is left; the third: the share of the time that is still to come."""


class Engine:
    """The product's engine over the centres; not serving is one more place, with everything."""

    def __init__(self, costs: Costs, scale: float = 0.0):
        self.scale = scale
        self.places = {code: Place(code, "warehouse") for code in (*CENTRES, UNFILLED)}
        self.tariffs = {
            way: Tariff.of([Tier(n * _UNIT_G, to_micro(parcel + n * unit)) for n in range(1, LARGEST + 1)])
            for way, (parcel, unit) in costs.lanes.items()
        }
        weights = Weights(cost=1, scarcity=scale)
        self.rules = (Rule("all", (Step("all", weights=weights, complete=True, rest=Rest.REFUSE),)),)

    def decide(self, order: Order, left: Mapping[Level, int], prices: Mapping[Level, int]) -> Given:
        city, items = order
        sellable = {i: {c: left[i, c] for c in CENTRES if left.get((i, c), 0) > 0} | {UNFILLED: 1} for i in items}
        network = Network(
            self.places,
            sellable,
            tariff=lambda place, _km: self.tariffs[city, place.code],
            scarcity={i: {c: prices.get((i, c), 0) for c in held} for i, held in sellable.items()}
            if self.scale
            else {},
        )
        lines = tuple(Line(item, item, 1, weight_g=_UNIT_G, unit_value=Decimal(10)) for item in items)
        plan = planner.plan(Demand(lines, country="US"), self.rules, network, _FOREVER)
        if not plan.optimal or plan.rest:
            raise SystemExit(f"not proven best: {order}")
        return {line.key: parcel.location for parcel in plan.parcels for line in parcel.lines}


def exact(costs: Costs) -> Decide:
    engine = Engine(costs)
    return lambda order, left, _to_come: engine.decide(order, left, {})


Forecast = Callable[[float], Mapping[Order, float]]
"""Orders expected in the share of the time that is still to come."""


def with_prices(costs: Costs, forecast: Forecast, scale: float, refreshes: int) -> Decide:
    engine = Engine(costs, scale)
    prices: Mapping[Level, int] = {}
    refreshed = None

    def decide(order: Order, left: Mapping[Level, int], to_come: float) -> Given:
        nonlocal prices, refreshed
        if (now := math.ceil(to_come * refreshes)) != refreshed:
            refreshed = now
            prices = scarcity.prices(market(forecast(to_come), left, costs), seconds=60).by_level
        return engine.decide(order, left, prices)

    return decide


def _within(items: Sequence[str], left: Mapping[Level, int], centre: str) -> list[str]:
    return [item for item in items if left.get((item, centre), 0) > 0]


def _fill(items: Sequence[str], left: Mapping[Level, int], centres: Sequence[str]) -> Given:
    """Each centre in turn gives what it has."""
    given: Given = {}
    for centre in centres:
        given |= dict.fromkeys(_within([item for item in items if item not in given], left, centre), centre)
    return given | {item: UNFILLED for item in items if item not in given}


def nearest_first(costs: Costs) -> Decide:
    def decide(order: Order, left: Mapping[Level, int], _to_come: float) -> Given:
        city, items = order
        return _fill(items, left, sorted(CENTRES, key=lambda centre: costs.km[city, centre]))

    return decide


def warehouse_first(costs: Costs, warehouse: str = "IND1") -> Decide:
    """The central warehouse if it has all, else the nearest that has all, else warehouse, then by distance."""

    def decide(order: Order, left: Mapping[Level, int], _to_come: float) -> Given:
        city, items = order
        by_distance = sorted(CENTRES, key=lambda centre: (centre != warehouse, costs.km[city, centre]))
        able = (centre for centre in by_distance if len(_within(items, left, centre)) == len(items))
        return _fill(items, left, [*able, *by_distance])

    return decide


def set_cover(costs: Costs) -> Decide:
    """Again and again the place that gives most of what is missing; the nearest of equals."""

    def decide(order: Order, left: Mapping[Level, int], _to_come: float) -> Given:
        city, items = order
        given: Given = {}
        while missing := [item for item in items if item not in given]:
            best = max(CENTRES, key=lambda c: (len(_within(missing, left, c)), -costs.km[city, c]))
            if not (served := _within(missing, left, best)):
                break
            given |= dict.fromkeys(served, best)
        return given | {item: UNFILLED for item in items if item not in given}

    return decide


# ---- running them ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Outcome:
    cost: float
    splits: int  # parcels beyond the first of an order
    unfilled: int


def serve(orders: Sequence[Order], stock: Mapping[Level, int], costs: Costs, decide: Decide) -> Outcome:
    left = dict(stock)
    cost, splits, unfilled = 0.0, 0, 0
    for number, order in enumerate(orders):
        given = decide(order, left, 1 - number / len(orders))
        for item, place in given.items():
            if place == UNFILLED:
                unfilled += 1
            else:
                left[item, place] -= 1
        cost += costs.of_parcels(order[0], given)
        splits += max(0, len(set(given.values()) - {UNFILLED}) - 1)
    if min(left.values(), default=0) < 0:
        raise SystemExit("a unit was given twice")
    return Outcome(cost, splits, unfilled)


def known(case: Instance, periods: int) -> Forecast:
    """As published: the true rates."""
    return lambda to_come: {order: rate * periods * to_come for order, rate in case.rates.items()}


def mistaken(case: Instance, periods: int, sigma: float, seed: int) -> Forecast:
    """The true rates times a lognormal error with mean one for each kind of order."""
    random = np.random.default_rng(seed)
    kinds = sorted({kind for _, kind in case.rates})
    error = dict(zip(kinds, np.exp(sigma * random.standard_normal(len(kinds)) - sigma**2 / 2), strict=True))
    return lambda to_come: {o: rate * error[o[1]] * periods * to_come for o, rate in case.rates.items()}


def learned(case: Instance) -> Forecast:
    """What was ordered in the period before, and nothing else."""
    return lambda to_come: {order: times * to_come for order, times in Counter(case.history).items()}


SCALES = (0.0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5)
_chosen: dict[str, list[float]] = {}  # by policy, one after the other


def best_scale(
    orders: Sequence[Order], stock: Mapping[Level, int], costs: Costs, forecast: Forecast, refreshes: int
) -> float:
    """The scale with which these orders would have cost least, without more splits or unfilled units than without."""
    found = {scale: serve(orders, stock, costs, with_prices(costs, forecast, scale, refreshes)) for scale in SCALES}
    without = found[0.0]
    able = [s for s, o in found.items() if o.splits <= without.splits and o.unfilled <= without.unfilled]
    return min(able, key=lambda scale: (found[scale].cost, scale))


def chosen_by_replay(
    case: Instance, costs: Costs, options: argparse.Namespace, wrong: Forecast
) -> Iterator[tuple[str, Decide]]:
    """Walk-forward: θ is chosen on the period before, which has other orders; where the forecast comes from that period
    itself, on its second half after a forecast from its first."""
    half = len(case.history) // 2
    first = Counter(case.history[:half])
    half_stock = {level: math.ceil(units / 2) for level, units in case.stock.items()}
    true = known(case, options.periods)
    ways = (
        (f"{CHOSEN}", true, true, case.history, case.stock),
        (
            "… forecast from the period before, θ chosen",
            lambda to_come: {order: times * to_come for order, times in first.items()},
            learned(case),
            case.history[half:],
            half_stock,
        ),
        (f"… forecast wrong by σ = {options.sigma}, θ chosen", wrong, wrong, case.history, case.stock),
    )
    for name, forecast_before, forecast, orders, stock in ways:
        scale = best_scale(orders, stock, costs, forecast_before, options.refreshes)
        _chosen.setdefault(name, []).append(scale)
        yield name, with_prices(costs, forecast, scale, options.refreshes)


def policies(case: Instance, costs: Costs, options: argparse.Namespace, seed: int) -> Iterator[tuple[str, Decide]]:
    yield "nearest first", nearest_first(costs)
    yield "warehouse, then nearest", warehouse_first(costs)
    yield "greedy set cover", set_cover(costs)
    yield "exact per order", exact(costs)
    refreshes, scale, periods = options.refreshes, options.scale, options.periods
    yield "with scarcity prices", with_prices(costs, known(case, periods), scale, refreshes)
    yield "… forecast from the period before", with_prices(costs, learned(case), scale, refreshes)
    wrong = mistaken(case, periods, options.sigma, 10_000 + seed)
    yield f"… forecast wrong by σ = {options.sigma}", with_prices(costs, wrong, scale, refreshes)
    if options.choose_scale:
        yield from chosen_by_replay(case, costs, options, wrong)


def interval(values: Sequence[float]) -> tuple[float, float]:
    """Mean and half of its 95 % interval."""
    return mean(values), 1.96 * stdev(values) / math.sqrt(len(values)) if len(values) > 1 else 0.0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--instances", type=int, default=18, help="seeds 1 to this many")
    parser.add_argument("--periods", type=int, default=1000)
    parser.add_argument("--carried", type=float, default=0.75, help="chance that a centre carries an item")
    parser.add_argument("--refreshes", type=int, default=10, help="how often prices are worked out anew")
    parser.add_argument("--scale", type=float, default=0.8, help="θ: the share of the price that counts")
    parser.add_argument("--sigma", type=float, default=0.5)
    parser.add_argument("--lost-per-unit", type=float, help="what an unserved unit costs (default: as published)")
    parser.add_argument("--choose-scale", action="store_true", help="also with θ chosen on the period before")
    options = parser.parse_args()
    costs = Costs.of(options.lost_per_unit)
    ratios: dict[str, list[float]] = {}
    outcomes: dict[str, list[Outcome]] = {}
    started = time.process_time()
    for seed in range(1, options.instances + 1):
        case = instance(seed, options.periods, options.carried, costs)
        least = bound(case, costs)
        for name, decide in policies(case, costs, options, seed):
            outcome = serve(case.orders, case.stock, costs, decide)
            outcomes.setdefault(name, []).append(outcome)
            ratios.setdefault(name, []).append(outcome.cost / least)
        print(f"· seed {seed}: " + ", ".join(f"{r[-1]:.4f}" for r in ratios.values()), file=sys.stderr, flush=True)
    gates = _report(options, ratios, outcomes)
    print(f"\n{time.process_time() - started:.0f} s of processor")
    return 0 if all(gates.values()) else 1


def _report(options, ratios: Mapping[str, list[float]], outcomes: Mapping[str, list[Outcome]]) -> dict[str, bool]:
    print(f"\n{options.instances} instances of {options.periods} periods; cost / bound in hindsight, mean ± 95 %\n")
    print("| policy | cost / bound | splits | unfilled units | gap closed |\n|---|---|---|---|---|")
    alone = mean(ratios["exact per order"])
    for name, values in ratios.items():
        middle, half = interval(values)
        splits, unfilled = mean(o.splits for o in outcomes[name]), mean(o.unfilled for o in outcomes[name])
        closed = f"{(alone - middle) / (alone - 1):.0%}" if middle < alone else ""
        print(f"| {name} | {middle:.4f} ± {half:.4f} | {splits:.1f} | {unfilled:.1f} | {closed} |")
    wrong = f"… forecast wrong by σ = {options.sigma}"
    gates = _gates("with scarcity prices", wrong, ratios, outcomes)
    if options.choose_scale:
        gates |= {
            f"θ chosen: {gate}": ok for gate, ok in _gates(CHOSEN, f"{wrong}, θ chosen", ratios, outcomes).items()
        }
        for name, scales in _chosen.items():
            told = ", ".join(f"{scale:g} × {times}" for scale, times in sorted(Counter(scales).items()))
            print(f"\nθ of “{name}”: {told}")
    print()
    for gate, holds in gates.items():
        print(f"{'ok  ' if holds else 'MISS'} {gate}")
    print(json.dumps({name: [round(v, 5) for v in values] for name, values in ratios.items()}))
    return gates


def _gates(priced: str, wrong: str, ratios, outcomes) -> dict[str, bool]:
    alone = "exact per order"
    means = {name: mean(values) for name, values in ratios.items()}
    total = {n: (sum(o.splits for o in found), sum(o.unfilled for o in found)) for n, found in outcomes.items()}
    closed = (means[alone] - means[priced]) / (means[alone] - 1)
    return {
        f"exact per order {means[alone]:.4f} ≤ 1.075": means[alone] <= 1.075,
        f"with scarcity prices {means[priced]:.4f} ≤ 1.045 (aim 1.032)": means[priced] <= 1.045,
        f"gap closed {closed:.0%} ≥ 45 %": closed >= 0.45,
        f"never more splits in all ({total[priced][0]} ≤ {total[alone][0]})": total[priced][0] <= total[alone][0],
        f"never more unfilled units in all ({total[priced][1]} ≤ {total[alone][1]})": total[priced][1]
        <= total[alone][1],
        f"wrong forecast {means[wrong]:.4f} ≤ {means[alone]:.4f} + 0.2 %": means[wrong] <= means[alone] + 0.002,
    }


if __name__ == "__main__":
    sys.exit(main())
