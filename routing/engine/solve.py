"""The cheapest set of parcels for one step.

Three ways, quickest first. One place that serves all, when no two parcels could cost less. Whole lines
(each line, or group kept together, served by one place): exact by dynamic programming over subsets.
Otherwise lines are cut over several places: greedy start, then a mixed-integer programme within the
time budget, which also proves how far from the best the answer can be.
"""

from . import cut, subsets
from .cost import weight_of
from .problem import Problem, Solution, floor_of_two_parcels, priced
from .types import Budget

#: Up to here all subsets of lines are looked at; 3^10 splits take some tens of milliseconds.
MAX_EXACT_BUNDLES = 10


def solve(problem: Problem, budget: Budget) -> Solution | None:
    """The most units for the least cost; None when the step cannot do what it must."""
    if (problem.complete and problem.wanted != problem.asked) or not any(problem.wanted):
        return None
    single = best_single(problem)
    if problem.max_parcels == 1 and (single or problem.complete):
        return single
    if problem.max_parcels == 1 and not problem.same_sku:
        return best_partial(problem)
    if single and single.cost_micro <= floor_of_two_parcels(problem.offers):
        return single
    return _served(problem, _best_of_several(problem, single, budget))


def _best_of_several(problem: Problem, single: Solution | None, budget: Budget) -> Solution | None:
    found = single
    if len(problem.bundles) <= MAX_EXACT_BUNDLES:
        found = subsets.cheapest(problem, budget)
        if found and found.units == sum(problem.wanted):
            return found
    return cut.cheapest(problem, found, budget)


def _served(problem: Problem, solution: Solution | None) -> Solution | None:
    if solution and problem.complete and solution.units < sum(problem.asked):
        return None
    return solution


def best_single(problem: Problem) -> Solution | None:
    """The cheapest place that alone gives everything that is to be had."""
    wanted, lines = problem.wanted, range(len(problem.lines))
    if not problem.is_worth_a_parcel(wanted):
        return None
    able = [offer for offer in problem.offers if problem.can_give(offer, lines, wanted)]
    if not able:
        return None
    weight_g = weight_of(problem.lines, wanted)
    best = min(able, key=lambda offer: offer.cost_micro(wanted, weight_g))
    return priced(problem, [(best, wanted)])


def best_partial(problem: Problem) -> Solution | None:
    """The place that alone gives most; exact, because taking all it has never serves fewer units."""
    filled = ((offer, cut.fill(problem, offer, problem.asked)) for offer in problem.offers)
    found = [priced(problem, [p]) for p in filled if any(p[1]) and problem.is_worth_a_parcel(p[1])]
    return min(found, key=lambda solution: solution.rank, default=None)
