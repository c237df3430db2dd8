"""Lines cut over several places: a greedy start, then a mixed-integer programme for the proof.

HiGHS and NumPy are imported on first use only: most plans never come here.
"""

from collections.abc import Callable, Iterable

from .cost import Offer, weight_of
from .problem import Problem, Quantities, Solution, priced
from .types import Budget


def cheapest(problem: Problem, known: Solution | None, budget: Budget) -> Solution | None:
    """The best of what is already known, two greedy answers and, while time is left, the solver's."""
    found = [solution for solution in (known, *greedy(problem)) if solution]
    best = min(found, key=lambda solution: solution.rank, default=None)
    if not budget.is_spent:
        from .milp import improve

        best = improve(problem, best, budget)
    return best


def fill(problem: Problem, offer: Offer, left: Quantities) -> Quantities:
    """The most a place can give of what is left, line by line; kept bundles whole or not at all."""
    if problem.is_plain:
        return tuple(map(min, left, offer.units))
    given = [0] * len(left)
    stock = {problem.lines[i].sku: max(offer.units[j] for j in same) for same in problem.same_sku for i in same}
    for bundle in problem.all_bundles:
        for i, quantity in _portion(problem, offer, bundle, left, stock):
            given[i] = quantity
            if problem.lines[i].sku in stock:
                stock[problem.lines[i].sku] -= quantity
    return tuple(given)


def _portion(
    problem: Problem, offer: Offer, bundle: Quantities, left: Quantities, stock: dict[str, int]
) -> list[tuple[int, int]]:
    if problem.is_kept(bundle):
        needed: dict[str, int] = {}
        for i in bundle:
            needed[problem.lines[i].sku] = needed.get(problem.lines[i].sku, 0) + left[i]
        fits = all(offer.units[i] >= left[i] for i in bundle)
        fits = fits and all(stock.get(sku, quantity) >= quantity for sku, quantity in needed.items())
        return [(i, left[i]) for i in bundle] if fits else []
    return [(i, min(left[i], offer.units[i], stock.get(problem.lines[i].sku, left[i]))) for i in bundle]


def greedy(problem: Problem) -> Iterable[Solution]:
    """Two answers: the cheapest place per unit first, and the place that serves most first."""
    for preference in (_cost_per_unit, _most_units):
        parcels = _greedy_parcels(problem, preference)
        if parcels:
            # Greedy proves nothing: the bound stays at zero until the solver raises it.
            yield priced(problem, parcels, bound_micro=0)


def _greedy_parcels(problem: Problem, preference: Callable) -> list[tuple[Offer, Quantities]]:
    left, unused = problem.wanted, list(problem.offers)
    parcels: list[tuple[Offer, Quantities]] = []
    limit = problem.max_parcels or len(unused)
    while any(left) and len(parcels) < limit:
        options = [(offer, fill(problem, offer, left)) for offer in unused]
        options = [option for option in options if any(option[1]) and problem.is_worth_a_parcel(option[1])]
        if not options:
            break
        offer, given = min(options, key=lambda option: preference(problem, *option))
        parcels.append((offer, given))
        unused.remove(offer)
        left = tuple(quantity - out for quantity, out in zip(left, given, strict=True))
    return parcels


def _cost_per_unit(problem: Problem, offer: Offer, given: Quantities) -> tuple:
    return (offer.cost_micro(given, weight_of(problem.lines, given)) / sum(given), offer.code)


def _most_units(problem: Problem, offer: Offer, given: Quantities) -> tuple:
    return (-sum(given), offer.cost_micro(given, weight_of(problem.lines, given)), offer.code)
