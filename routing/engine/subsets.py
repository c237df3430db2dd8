"""Whole lines over several places, exactly.

`best[S]` is the cheapest single place for each subset S of the bundles, and `cover[S]` the cheapest
partition of S into such subsets. Nothing there forbids one place to be used twice, so it is a lower
bound; when a place does turn up twice (prices may leap with weight) a branch-and-bound search
with that bound finds the cheapest partition over distinct places.
"""

from collections.abc import Iterator

from .cost import Offer
from .problem import Problem, Quantities, Solution, priced
from .types import Budget

NEVER = 2**62

Part = tuple[Offer, int]  # one parcel: a place, and the subset it gives


def cheapest(problem: Problem, budget: Budget) -> Solution | None:
    """Most units first, then least cost; every line whole and every place used once at most."""
    return _Search(problem, budget).run()


class _Search:
    def __init__(self, problem: Problem, budget: Budget):
        self.problem = problem
        self.budget = budget
        self.size = 1 << len(problem.bundles)
        self.limit = min(problem.max_parcels or len(problem.bundles), len(problem.bundles))
        self.weight_g = self._sums(
            [sum(problem.lines[i].weight_g * problem.wanted[i] for i in b) for b in problem.bundles]
        )
        self.units = self._sums([sum(problem.wanted[i] for i in b) for b in problem.bundles])
        self.masks = [self._mask(offer) for offer in problem.offers]
        self.shipping: dict[int, list[int]] = {}
        self.allowed = self._allowed()
        self.ranked: dict[int, list[tuple[int, Offer]]] = {}

    def run(self) -> Solution | None:
        self.best_cost, self.best_offer = self._best_singles()
        self.layers, self.choices = self._layers()
        found: tuple[int, list[Part]] | None = None
        found_units = 0
        promising = self._by_promise()
        for subset in promising:
            if found and (self.units[subset] < found_units or self.layers[-1][subset] >= found[0]):
                break
            parts = self._partition(subset, len(self.layers))
            if not _is_distinct(parts):
                parts = self._distinct_partition(subset, found[0] if found else NEVER)
            if parts:
                found, found_units = (self._cost(parts), parts), self.units[subset]
        return self._solution(found[1], promising[0]) if found else None

    # What one place asks for a subset ---------------------------------------------------------

    def _sums(self, values: list[int]) -> list[int]:
        sums = [0]
        for value in values:
            sums += [value + other for other in sums]
        return sums

    def _mask(self, offer: Offer) -> int:
        wanted, mask = self.problem.wanted, 0
        for bit, bundle in enumerate(self.problem.bundles):
            if self.problem.can_give(offer, bundle, wanted):
                mask |= 1 << bit
        return mask

    def _allowed(self) -> list[bool] | None:
        """Subsets worth a parcel; None when all are."""
        if self.problem.min_parcel_value is None:
            return None
        return [self.problem.is_worth_a_parcel(self._quantities(subset)) for subset in range(self.size)]

    def _quantities(self, subset: int) -> Quantities:
        quantities = [0] * len(self.problem.lines)
        for i in self._indexes(subset):
            quantities[i] = self.problem.wanted[i]
        return tuple(quantities)

    def _indexes(self, subset: int) -> list[int]:
        return [i for bit, bundle in enumerate(self.problem.bundles) if subset >> bit & 1 for i in bundle]

    def _costs(self, offer: Offer) -> list[int]:
        """What the place asks for every subset, whether it has the goods or not."""
        if id(offer.tariff) not in self.shipping:
            self.shipping[id(offer.tariff)] = [offer.shipping_micro(weight) for weight in self.weight_g]
        fixed = offer.fixed_micro
        costs = [fixed + price for price in self.shipping[id(offer.tariff)]]
        if offer.carbon_micro_per_g:
            costs = [cost + offer.carbon_micro(weight) for cost, weight in zip(costs, self.weight_g, strict=True)]
        if offer.unit_micro:
            wanted = self.problem.wanted
            per_bundle = [sum(wanted[i] * offer.unit_micro[i] for i in b) for b in self.problem.bundles]
            costs = [cost + units for cost, units in zip(costs, self._sums(per_bundle), strict=True)]
        return costs

    def _servable(self, offer: Offer, mask: int) -> Iterator[int]:
        """The subsets this place could send as one parcel."""
        is_simple = self.allowed is None and not self.problem.same_sku
        subset = mask
        while subset:
            if is_simple or self._is_servable(offer, subset):
                yield subset
            subset = (subset - 1) & mask

    def _is_servable(self, offer: Offer, subset: int) -> bool:
        """Whether a subset of what the place can give line by line also goes as one parcel."""
        if self.allowed is not None and not self.allowed[subset]:
            return False
        problem = self.problem
        return not problem.same_sku or problem.can_give(offer, self._indexes(subset), problem.wanted)

    def _best_singles(self) -> tuple[list[int], dict[int, Offer]]:
        best_cost: list[int] = [NEVER] * self.size
        best_offer: dict[int, Offer] = {}
        for offer, mask in zip(self.problem.offers, self.masks, strict=True):
            costs = self._costs(offer) if mask else ()
            for subset in self._servable(offer, mask):
                if costs[subset] < best_cost[subset]:
                    best_cost[subset], best_offer[subset] = costs[subset], offer
        return best_cost, best_offer

    # The cheapest partition, places not yet distinct ------------------------------------------

    def _layers(self) -> tuple[list[list[int]], list[list[int]]]:
        """Layer k: least cost of each subset in at most k + 1 parcels, and the first parcel of that cover."""
        layers, choices = [self.best_cost], [list(range(self.size))]
        layers[0][0] = 0
        for _ in range(1, self.limit):
            cover, first = self._next_layer(layers[-1], choices[-1])
            if cover == layers[-1]:
                break
            layers.append(cover)
            choices.append(first)
        return layers, choices

    def _next_layer(self, previous: list[int], previous_first: list[int]) -> tuple[list[int], list[int]]:
        best, cover, first = self.best_cost, list(previous), list(previous_first)
        for subset in range(1, self.size):
            low = subset & -subset
            others = subset ^ low
            least, chosen = cover[subset], 0
            part = (others - 1) & others if others else 0
            while others:
                cost = best[part | low] + previous[others ^ part]
                if cost < least:
                    least, chosen = cost, part | low
                if not part:
                    break
                part = (part - 1) & others
            if chosen:
                cover[subset], first[subset] = least, chosen
        return cover, first

    def _by_promise(self) -> list[int]:
        """Subsets that can be covered, most units first, then cheapest."""
        cover = self.layers[-1]
        reachable = [subset for subset in range(1, self.size) if cover[subset] < NEVER]
        return sorted(reachable, key=lambda subset: (-self.units[subset], cover[subset], -subset))

    def _partition(self, subset: int, parcels: int) -> list[Part]:
        parts = []
        while subset:
            parcels -= 1
            first = self.choices[parcels][subset]
            parts.append((self.best_offer[first], first))
            subset ^= first
        return parts

    # Distinct places --------------------------------------------------------------------------

    def _distinct_partition(self, subset: int, ceiling: int) -> list[Part]:
        """The cheapest cover below `ceiling` in which no place appears twice; empty when there is none."""
        self._ceiling = ceiling
        self._best_parts: list[Part] = []
        self._branch(subset, self.limit, 0, [])
        return self._best_parts

    def _branch(self, subset: int, parcels: int, cost: int, parts: list[Part]) -> None:
        if not subset:
            self._ceiling, self._best_parts = cost, list(parts)
            return
        if not parcels or self.budget.is_spent:
            return
        low = subset & -subset
        others = part = subset ^ low
        while True:
            self._place(subset, part | low, parcels, cost, parts)
            if not part:
                return
            part = (part - 1) & others

    def _place(self, subset: int, part: int, parcels: int, cost: int, parts: list[Part]) -> None:
        """Try the places for one part, cheapest first; after as many as there are parcels none can help."""
        rest = subset ^ part
        to_go = self._cover(rest, parcels - 1)
        used = {offer.code for offer, _ in parts}
        for price, offer in self._ranked(part):
            if cost + price + to_go >= self._ceiling:
                return
            if offer.code not in used:
                parts.append((offer, part))
                self._branch(rest, parcels - 1, cost + price, parts)
                parts.pop()

    def _cover(self, subset: int, parcels: int) -> int:
        if not subset:
            return 0
        return self.layers[min(parcels, len(self.layers)) - 1][subset] if parcels else NEVER

    def _ranked(self, subset: int) -> list[tuple[int, Offer]]:
        """The cheapest places for a subset: in a cover of k parcels each needs only its k best."""
        if subset not in self.ranked:
            quantities = self._quantities(subset)
            able = [
                (offer.cost_micro(quantities, self.weight_g[subset]), offer)
                for offer, mask in zip(self.problem.offers, self.masks, strict=True)
                if mask & subset == subset and self._is_servable(offer, subset)
            ]
            able.sort(key=lambda pair: (pair[0], pair[1].code))
            self.ranked[subset] = able[: self.limit]
        return self.ranked[subset]

    # The answer -------------------------------------------------------------------------------

    def _cost(self, parts: list[Part]) -> int:
        return sum(offer.cost_micro(self._quantities(part), self.weight_g[part]) for offer, part in parts)

    def _solution(self, parts: list[Part], promised: int) -> Solution:
        """`promised` is the subset that should have been served for least: its cover bounds the cost."""
        served = sum(part for _, part in parts)
        bound = self.layers[-1][promised] if self.units[served] == self.units[promised] else 0
        parcels = [(offer, self._quantities(part)) for offer, part in parts]
        return priced(self.problem, parcels, bound if self.budget.is_spent else None)


def _is_distinct(parts: list[Part]) -> bool:
    return len({offer.code for offer, _ in parts}) == len(parts)
