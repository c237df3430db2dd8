"""Lines cut over several places: a greedy start, then a mixed-integer programme for the proof.

HiGHS and NumPy are imported on first use only: most plans never come here.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace
from operator import ge, sub

from .cost import Offer, weight_of
from .problem import Problem, Quantities, Solution, floor_of_two_parcels, priced
from .types import Budget

NEVER = 2**62


def cheapest(problem: Problem, known: Solution | None, budget: Budget) -> Solution | None:
    """The best of what is known, greedy answers, pairs of places and, while time is left, the solver's."""
    found = [solution for solution in (known, *greedy(problem)) if solution]
    best = min(found, key=lambda solution: solution.rank, default=None)
    best = best_pair(problem, best, budget) or best
    serves_all = best is not None and best.units == sum(problem.wanted)
    if best and serves_all:
        # Single places were looked at before: whatever is cheaper has two parcels or more.
        best = best.bounded_by(floor_of_two_parcels(problem.offers))
    if budget.is_spent or (best and best.is_proven):
        return best
    from . import milp

    if best and serves_all:
        return milp.beat(promising(problem, best), best, budget)
    return milp.improve(problem, best, budget)


def promising(problem: Problem, known: Solution) -> Problem:
    """Only what could still cost less than `known`, which serves all: fewer parcels, fewer places.

    The places' floors bound how many parcels fit under the known cost, and which place fits beside another.
    Of places that do the same or worse at no lower price, only as many stay as there are parcels.
    """
    floors = {offer.code: offer.floor_micro for offer in problem.offers}
    parcels = _most_parcels(sorted(floors.values()), known.cost_micro, problem.max_parcels)
    least = sorted(floors.values())[:2]
    kept: list[Offer] = []
    for offer in sorted(problem.offers, key=lambda o: (o.fixed_micro, o.code)):
        beside = least[1] if floors[offer.code] == least[0] and len(least) > 1 else least[0]
        if floors[offer.code] + beside < known.cost_micro and not _is_outdone(problem, offer, kept, parcels):
            kept.append(offer)
    return replace(problem, offers=tuple(sorted(kept, key=lambda o: o.code)), max_parcels=parcels)


def _most_parcels(floors: list[int], ceiling: int, limit: int | None) -> int:
    total, parcels = 0, 0
    for floor in floors[:limit]:
        total += floor
        if total >= ceiling:
            break
        parcels += 1
    return parcels


def _is_outdone(problem: Problem, offer: Offer, cheaper: list[Offer], parcels: int) -> bool:
    """As many places as a plan may use give at least as much for no more: a plan can always take one of them."""
    if offer.unit_micro or offer.carbon_micro_per_g:
        return False
    most = tuple(map(min, offer.units, problem.wanted))
    better = 0
    for other in cheaper:
        if other.tariff is offer.tariff and all(map(ge, other.units, most)):
            better += 1
            if better >= parcels:
                return True
    return False


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


def best_pair(problem: Problem, known: Solution | None, budget: Budget) -> Solution | None:
    """The cheapest two places found that serve all, if they beat `known`; pairs are tried by their floors."""
    ceiling = known.cost_micro if known and known.units == sum(problem.wanted) else NEVER
    if problem.max_parcels == 1:
        return None
    offers = sorted(problem.offers, key=lambda offer: (offer.floor_micro, offer.code))
    masked = [(offer.floor_micro, *_masks(problem, offer), offer) for offer in offers]
    every = (1 << len(problem.lines)) - 1
    best: Solution | None = None
    for i, (floor, some, whole, first) in enumerate(masked):
        if budget.is_spent or 2 * floor >= ceiling:
            break
        for other_floor, other_some, other_whole, second in masked[i + 1 :]:
            if floor + other_floor >= ceiling:
                break
            # Each line whole from one of the two, or some of it from both: most pairs fail here.
            if (whole | other_whole | (some & other_some)) == every:
                found = _shared_between(problem, first, second)
                if found and found.cost_micro < ceiling:
                    best, ceiling = found, found.cost_micro
    return best


def _masks(problem: Problem, offer: Offer) -> tuple[int, int]:
    """Lines the place has some units of, and lines it has enough of, as bits."""
    some = whole = 0
    for i, (units, wanted) in enumerate(zip(offer.units, problem.wanted, strict=True)):
        if units:
            some |= 1 << i
        if units >= wanted:
            whole |= 1 << i
    return some, whole


def _shared_between(problem: Problem, first: Offer, second: Offer) -> Solution | None:
    """All lines from two places, each in turn giving all it can before the other."""
    options = []
    for one, other in ((first, second), (second, first)):
        given = fill(problem, one, problem.wanted)
        left = tuple(map(sub, problem.wanted, given))
        rest = fill(problem, other, left)
        if rest == left and problem.is_worth_a_parcel(given) and problem.is_worth_a_parcel(rest):
            options.append(priced(problem, [(one, given), (other, rest)], bound_micro=0))
    return min(options, key=lambda solution: solution.rank, default=None)


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
