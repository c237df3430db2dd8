"""The cheapest set of parcels for one step.

Quickest first. One place that serves all, when no two parcels could cost less. Then a greedy start and the exact
search over states (`states`). Orders too large for that: the best two parcels (`pairs`), then all possible parcels, priced
and combined (`columns`), or a mixed-integer programme (`milp`), within the time budget; both also prove how far from the
best the answer can be.
"""

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from . import pairs, states
from .cost import weight_of
from .problem import Problem, Solution, priced
from .types import Budget

NEVER = 2**62
COUNTABLE = 2**59


def solve(problem: Problem, budget: Budget) -> Solution | None:
    """The most units for the least cost; None when the step cannot do what it must."""
    unit = coarseness(problem)
    return _solve(problem, budget) if unit == 1 else _solve_coarsely(problem, unit, budget)


def coarseness(problem: Problem) -> int:
    """The least unit, in millionths, in which no plan costs more than can be counted."""
    offers = problem.offers
    units, parcels = sum(problem.asked), min(sum(problem.asked), len(offers))
    dearest = max(tier.price_micro for charge in offers.charges for tier in charge.tariff.tiers)
    # No unit is heavier than a package, so there are no more packages than units.
    most = parcels * int(offers.fixed.max()) + 2 * units * dearest
    if offers.unit is not None:
        most += units * int(offers.unit.max())
    if offers.carbon_per_g is not None:
        most += math.ceil(float(offers.carbon_per_g.max()) * weight_of(problem.lines, problem.asked))
    return max(1, -(-most // COUNTABLE))


def _solve_coarsely(problem: Problem, unit: int, budget: Budget) -> Solution | None:
    found = _solve(replace(problem, offers=problem.offers.coarser(unit)), budget)
    if found is None:
        return None
    cost = sum(problem.offers.cost(row, q, weight_of(problem.lines, q)) for row, q in found.parcels)
    # Rounded down, all plans cost less, but for their carbon.
    bound = max(0, found.lower_bound_micro - len(problem.offers)) * unit
    return Solution(found.parcels, cost, min(bound, cost))


def _solve(problem: Problem, budget: Budget) -> Solution | None:
    if not problem.most_units or (problem.complete and problem.most_units < sum(problem.asked)):
        return None
    single = best_single(problem)
    if single and (problem.max_parcels == 1 or single.cost_micro <= floor_of_two_parcels(problem)):
        return single.bounded_by(single.cost_micro)
    found = _best_of_several(problem, single, budget)
    if found and problem.complete and found.units < sum(problem.asked):
        return None
    return found


def _best_of_several(problem: Problem, single: Solution | None, budget: Budget) -> Solution | None:
    start = min((s for s in (single, *greedy(problem)) if s), key=lambda s: s.rank, default=None)
    if start and start.units == problem.most_units:
        # Single places were looked at before: whatever is cheaper has two parcels or more.
        start = start.bounded_by(min(start.cost_micro, floor_of_two_parcels(problem)))
        if start.is_proven:
            return start
    if states.is_small(problem):
        return states.cheapest(problem, start, budget)
    least_parcels = 2
    if pairs.is_meant_for(problem):
        start, floor = pairs.cheapest(problem, start, budget)
        if start and start.units == problem.most_units:
            start = start.bounded_by(min(floor, floor_of_all(problem, 3)))
            if start.is_proven:
                return start
            least_parcels = 3 if floor >= start.cost_micro else 2
    from . import columns  # HiGHS is loaded on first use only: most plans never come here

    found = columns.cheapest(problem, start, budget, least_parcels)
    return found.bounded_by(floor_of_all(problem)) if found and found.units == problem.most_units else found


def best_single(problem: Problem) -> Solution | None:
    """The cheapest place that alone gives everything that is to be had; several may cost less."""
    is_whole = (problem.available == problem.counts).all(axis=1)
    taken = problem.available * is_whole[:, None]
    able = np.flatnonzero(problem.fits(taken))
    if not len(able):
        return None
    costs = problem.costs(taken)[able]
    return priced(problem, [(int(able[costs.argmin()]), problem.counts)], bound_micro=0)


def floor_of_two_parcels(problem: Problem) -> int:
    """No plan with two or more parcels costs less than the two cheapest places for the least they may ask."""
    floors = problem.offers.floor
    return int(np.partition(floors, 1)[:2].sum()) if len(floors) > 1 else NEVER


def floor_of_all(problem: Problem, least_parcels: int = 1) -> int:
    """No plan that serves all there is to be had in so many parcels or more costs less.

    It has as many parcels as can hold all at least, each with the least its place may ask, or with its share of the
    cheapest price of a gram; and every unit adds what it does where that is least.
    """
    offers, unit_costs = problem.offers, problem.unit_costs
    holds = np.sort(problem.available @ problem.units_each)[::-1]
    fewest = max(least_parcels, int(np.searchsorted(np.cumsum(holds), problem.most_units)) + 1)
    units = np.zeros(problem.available.shape) if unit_costs is None else unit_costs
    grams = units + offers.per_g[:, None] * problem.weights_g

    def least(fixed: np.ndarray, each: np.ndarray) -> float:
        cheapest = np.where(problem.available > 0, each, np.inf).min(axis=0)
        return float(np.sort(fixed)[:fewest].sum() + cheapest @ problem.counts)

    floor = max(least(offers.floor, units), least(offers.fixed, grams))
    # Each parcel's carbon is rounded by itself, and floats keep fifteen digits.
    return max(0, math.floor(floor * (1 - 1e-12)) - len(offers) // 2 - 1)


def greedy(problem: Problem) -> list[Solution]:
    """Two answers: the cheapest place per unit first, and the place that serves most first."""
    found = [_greedy_parcels(problem, preference) for preference in (_cost_per_unit, _most_units)]
    # Greedy proves nothing: the bound stays at zero until a search raises it.
    return [priced(problem, parcels, bound_micro=0) for parcels in found if parcels]


def _greedy_parcels(problem: Problem, preference: Callable) -> list[tuple[int, np.ndarray]]:
    left = problem.counts.copy()
    unused = np.ones(len(problem.offers), dtype=bool)
    parcels: list[tuple[int, np.ndarray]] = []
    limit = problem.max_parcels or len(unused)
    while left.any() and len(parcels) < limit:
        taken = problem.filled(left)
        able = problem.fits(taken) & unused
        if not able.any():
            break
        keys = preference(problem.costs(taken), taken @ problem.units_each, able)
        row = int(np.lexsort(keys[::-1])[0])
        parcels.append((row, taken[row]))
        unused[row] = False
        left = left - taken[row]
    return parcels


def _cost_per_unit(costs: np.ndarray, units: np.ndarray, able: np.ndarray) -> tuple[np.ndarray, ...]:
    return (~able, costs / np.maximum(units, 1))


def _most_units(costs: np.ndarray, units: np.ndarray, able: np.ndarray) -> tuple[np.ndarray, ...]:
    return (~able, -units, costs)
