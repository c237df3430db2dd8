"""The cheapest two parcels that serve everything, for orders too large to count all states.

Every two places that together hold all are judged by the least they could ask, and looked into in that order while they
could be better than what is known: every weight that the first could send, with the least its units cost more than at the
second. What is cheaper than that has three parcels.
"""

import numpy as np

from .problem import Problem, Solution, priced
from .types import Budget

MAX_PLACES = 300
#: Weights that a parcel of one pair could have, and pairs looked into: beyond, other searches tell more in the same time.
_MAX_WAYS = 20_000
_MAX_LOOKS = 50
_NEVER = 2**61


def cheapest(problem: Problem, known: Solution | None, budget: Budget) -> tuple[Solution | None, int]:
    """The better of `known` and the best two parcels that serve all, and what no two of them cost less than.

    `known` costs no more than any place that alone serves all.
    """
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
        rows = [int(self.first[number]), int(self.second[number])]
        low, counts = self.low[number], problem.counts
        more = np.zeros(len(counts), np.int64)  # what a unit of the first costs more than one of the second
        costs = offers.fixed[rows].sum()
        if problem.unit_costs is not None:
            first, second = problem.unit_costs[rows]
            more, costs = first - second, costs + low @ first + (counts - low) @ second
        ways = _Ways(self.high[number] - low, problem.weights_g, more)
        if ways.are_too_many:
            return None
        given_g = low @ problem.weights_g + ways.grams
        costs = costs + ways.costs
        for row, grams in zip(rows, (given_g, self.weight_g - given_g), strict=True):
            costs += offers.charges[offers.charge_of[row]].tariff.prices_micro(grams)
            if offers.carbon_per_g is not None:
                costs += np.rint(offers.carbon_per_g[row] * grams).astype(np.int64)
        at = int(costs.argmin())
        given = low + ways.taken(at)
        return int(costs[at]), (rows[0], given), (rows[1], counts - given)


class _Ways:
    """Every weight that some of these units can have together, and the least they cost at it."""

    def __init__(self, free: np.ndarray, weights_g: np.ndarray, costs: np.ndarray):
        self.weights_g = weights_g
        self.grams, self.costs = np.zeros(1, np.int64), np.zeros(1, np.int64)
        self.steps: list[tuple[np.ndarray, np.ndarray]] = []  # by item: the weights, how many of it are among them
        self.are_too_many = False
        for most, weight, cost in zip(free.tolist(), weights_g.tolist(), costs.tolist(), strict=True):
            if len(self.grams) * (most + 1) > _MAX_WAYS:
                self.are_too_many = True
                return
            self._add(np.arange(most + 1), weight, cost)

    def _add(self, numbers: np.ndarray, weight: int, cost: int) -> None:
        grams = (self.grams[:, None] + weight * numbers).ravel()
        costs = (self.costs[:, None] + cost * numbers).ravel()
        order = np.lexsort((costs, grams))
        grams = grams[order]
        first = np.concatenate([[True], grams[1:] != grams[:-1]])
        self.grams, self.costs = grams[first], costs[order][first]
        self.steps.append((self.grams, order[first] % len(numbers)))

    def taken(self, at: int) -> np.ndarray:
        """How many of each item make the weight with that number."""
        grams, found = int(self.grams[at]), []
        for (weights, numbers), weight in zip(self.steps[::-1], self.weights_g[::-1].tolist(), strict=True):
            found.append(int(numbers[np.searchsorted(weights, grams)]))
            grams -= weight * found[-1]
        return np.array(found[::-1], dtype=np.int64)


def _rising(tariff) -> tuple[np.ndarray, np.ndarray]:
    """Prices by weight limit, lowered to the cheapest of all heavier; beyond the last limit no less than any."""
    prices = np.array([tier.price_micro for tier in tariff.tiers], dtype=np.int64)
    prices = np.minimum.accumulate(prices[::-1])[::-1]
    limits = np.array(tariff.limits, dtype=np.int64)
    limits[-1] = np.iinfo(np.int64).max // 4
    return prices, limits
