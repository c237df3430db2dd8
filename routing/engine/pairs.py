"""The cheapest two parcels that serve everything, for orders too large to count all states.

Every two places that together hold all are judged by the least they could ask, and looked into from there on, every way
to part the units between them, while it could be better than what is known. What is cheaper than that has three parcels.
"""

import numpy as np

from .problem import Problem, Solution, priced
from .types import Budget

MAX_PLACES = 300
#: Of one pair to part its units, and pairs looked into: beyond, other searches tell more in the same time.
_MAX_WAYS = 20_000
_MAX_LOOKS = 50
_NEVER = 2**61


def cheapest(problem: Problem, known: Solution | None, budget: Budget) -> tuple[Solution | None, int]:
    """The better of `known` and the best two parcels that serve all, and what no two of them cost less than."""
    pairs = _Pairs(problem)
    best, ceiling = None, known.cost_micro if known and known.units == problem.most_units else _NEVER
    floor = ceiling
    for looks, number in enumerate(np.argsort(pairs.least, kind="stable").tolist()):
        least = int(pairs.least[number])
        if least >= ceiling:
            break
        if looks >= _MAX_LOOKS or budget.is_spent:
            floor = min(floor, least)
            break
        split = pairs.split(number)
        if split is None:
            floor = min(floor, least)
        elif split[0] < ceiling:
            ceiling, best = split[0], split[1:]
    floor = min(floor, ceiling)
    return (priced(problem, best, bound_micro=0) if best else known), floor


def is_meant_for(problem: Problem) -> bool:
    return (
        len(problem.offers) <= MAX_PLACES
        and (problem.max_parcels is None or problem.max_parcels > 1)
        and problem.least_value_micro is None
        and not problem.shared
    )


class _Pairs:
    """Every two places that together hold all; `least`: no two parcels from there cost less."""

    def __init__(self, problem: Problem):
        self.problem, self.offers = problem, problem.offers
        self.weight_g = int(problem.counts @ problem.weights_g)
        available = problem.available
        able = np.triu(np.ones((len(available), len(available)), dtype=bool), 1)
        for k, count in enumerate(problem.counts.tolist()):
            able &= available[:, k, None] + available[:, k] >= count
        self.first, self.second = np.nonzero(able)
        #: What the first must give, and what it can.
        self.low = np.maximum(0, problem.counts - available[self.second])
        self.high = available[self.first]
        self.least = self._least()

    def _least(self) -> np.ndarray:
        least = self.offers.fixed[self.first] + self.offers.fixed[self.second] + self._least_carriage()
        unit_costs = self.problem.unit_costs
        if unit_costs is not None:
            of_first, of_second = unit_costs[self.first], unit_costs[self.second]
            given = self.low * of_first + (self.problem.counts - self.high) * of_second
            least += (given + (self.high - self.low) * np.minimum(of_first, of_second)).sum(axis=1)
        return least

    def _least_carriage(self) -> np.ndarray:
        """By every price step that the first parcel could be at; the second weighs what is then left at least."""
        low_g, high_g = self.low @ self.problem.weights_g, self.high @ self.problem.weights_g
        charges, charge_of = self.offers.charges, self.offers.charge_of
        least = np.full(len(self.first), _NEVER // 2)
        for one, first in enumerate(charges):
            prices, limits = _rising(first.tariff)
            of_first = charge_of[self.first] == one
            for other, second in enumerate(charges):
                which = np.flatnonzero(of_first & (charge_of[self.second] == other))
                if not len(which):
                    continue
                other_prices, other_limits = _rising(second.tariff)
                before = -1
                for price, limit in zip(prices.tolist(), limits.tolist(), strict=True):
                    at = which[(low_g[which] <= limit) & (high_g[which] > before)]
                    left = self.weight_g - np.minimum(limit, high_g[at])
                    step = np.minimum(np.searchsorted(other_limits, left), len(other_prices) - 1)
                    least[at] = np.minimum(least[at], price + other_prices[step])
                    before = limit
        return least

    def split(self, number: int) -> tuple | None:
        """(cost, parcel, parcel) of the best way to part the units, None where there are too many ways."""
        problem, offers = self.problem, self.offers
        low, free = self.low[number], self.high[number] - self.low[number]
        if np.prod(free + 1.0) > _MAX_WAYS:
            return None
        rows = int(self.first[number]), int(self.second[number])
        of_first = np.indices(free + 1, dtype=np.int64).reshape(len(free), -1).T + low
        weights = of_first @ problem.weights_g
        costs = np.full(len(of_first), int(offers.fixed[list(rows)].sum()))
        for row, grams in zip(rows, (weights, self.weight_g - weights), strict=True):
            costs += offers.charges[offers.charge_of[row]].tariff.prices_micro(grams)
            if offers.carbon_per_g is not None:
                costs += np.rint(offers.carbon_per_g[row] * grams).astype(np.int64)
        if problem.unit_costs is not None:
            first, second = problem.unit_costs[list(rows)]
            costs += of_first @ (first - second) + int(problem.counts @ second)
        given = of_first.sum(axis=1)
        costs[(given == 0) | (given == problem.counts.sum())] = _NEVER  # one parcel only
        at = int(costs.argmin())
        return int(costs[at]), (rows[0], of_first[at]), (rows[1], problem.counts - of_first[at])


def _rising(tariff) -> tuple[np.ndarray, np.ndarray]:
    """Prices by weight limit, lowered to the cheapest of all heavier; beyond the last limit no less than any."""
    prices = np.array([tier.price_micro for tier in tariff.tiers], dtype=np.int64)
    prices = np.minimum.accumulate(prices[::-1])[::-1]
    limits = np.array(tariff.limits, dtype=np.int64)
    limits[-1] = np.iinfo(np.int64).max // 4
    return prices, limits
