"""Exact for any order small enough to count what may have been served: dynamic programming over those states.

A state says how many of each item are served; a parcel takes a place from one state to another. `cover` is the least
cost of every state if a place could be used again and again: a lower bound, and the answer where its parcels turn out
to come from different places. Otherwise `_Sweep` goes through the places one by one, so that none is used twice, and
keeps only what, completed at that lower bound, could still be better than the best plan known.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from .problem import Problem, Solution, priced
from .types import Budget

NEVER = 2**60

#: More than so many moves between states take longer to count than the solver takes to think.
MAX_MOVES = 250_000
MAX_TABLE = 2_000_000
_BEAM = 12
_CHUNK = 400_000

Parcels = list[tuple[int, np.ndarray]]


def is_small(problem: Problem) -> bool:
    moves = states = 1
    for count in problem.counts.tolist():
        states *= count + 1
        moves *= (count + 1) * (count + 2) // 2
        if moves > MAX_MOVES:
            return False
    return states * len(problem.offers) <= MAX_TABLE


def cheapest(problem: Problem, known: Solution | None, budget: Budget) -> Solution | None:
    """Most units first, then least cost; never worse than `known`, and proven unless the budget runs out."""
    return _Search(problem, budget).run(known)


@dataclass(frozen=True, eq=False)
class _Grid:
    """All states for given counts. Adding two states adds their numbers; `codes` tell whether the sum is one.

    `take` and `rest` are the two parts of every move, those into one state together, from `starts` on.
    """

    digits: np.ndarray
    codes: np.ndarray
    ceiling: int
    guards: int
    take: np.ndarray
    rest: np.ndarray
    starts: np.ndarray

    @property
    def size(self) -> int:
        return len(self.digits)

    def moves_into(self, state: int) -> slice:
        end = self.starts[state] if state < len(self.starts) else len(self.take)
        return slice(self.starts[state - 1], end)


@lru_cache(maxsize=24)
def _grid(counts: tuple[int, ...]) -> _Grid:
    digits = np.indices([count + 1 for count in counts]).reshape(len(counts), -1).T
    codes, guards, ceiling, shift = np.zeros(len(digits), dtype=np.int64), 0, 0, 0
    for i, count in enumerate(counts):
        codes += digits[:, i].astype(np.int64) << shift
        ceiling |= count << shift
        shift += (2 * count).bit_length()
        guards |= 1 << shift
        shift += 1
    into, take = np.zeros(1, dtype=np.intp), np.zeros(1, dtype=np.intp)
    for count in counts:
        pairs = [(state, taken) for state in range(count + 1) for taken in range(state + 1)]
        state, taken = np.array(pairs, dtype=np.intp).T
        into = (into[:, None] * (count + 1) + state).ravel()
        take = (take[:, None] * (count + 1) + taken).ravel()
    some = take > 0
    into, take = into[some], take[some]
    order = np.argsort(into, kind="stable")
    into, take = into[order], take[order]
    return _Grid(
        digits=np.ascontiguousarray(digits),
        codes=codes,
        ceiling=ceiling | guards,
        guards=guards,
        take=take,
        rest=into - take,
        starts=np.searchsorted(into, np.arange(1, len(digits))),
    )


class _Search:
    def __init__(self, problem: Problem, budget: Budget):
        self.problem = problem
        self.budget = budget
        self.grid = _grid(tuple(problem.counts.tolist()))
        self.units = self.grid.digits @ problem.units_each
        self.table = self._cost_table()
        self.limit = min(
            problem.max_parcels or len(problem.offers), int(problem.counts.sum()), max(1, len(problem.offers))
        )

    def run(self, known: Solution | None) -> Solution | None:
        best, self.sender = self.table.min(axis=0), self.table.argmin(axis=0)
        self.layers = _layers(self.grid, best, self.limit)
        reachable = self.layers[-1] < NEVER
        reachable[0] = False
        for level in np.unique(self.units[reachable])[::-1].tolist():
            if self.problem.complete and level < self.problem.most_units:
                break
            targets = np.flatnonzero(reachable & (self.units == level))
            at_level = known if known and known.units == level else None
            found, is_final = self._serve(targets, at_level)
            if found or not is_final:
                return found or known
        return known

    def _serve(self, targets: np.ndarray, known: Solution | None) -> tuple[Solution | None, bool]:
        """The best plan that ends in one of the targets, and whether the search came to its end."""
        cover = self.layers[-1][targets]
        target, bound = int(targets[cover.argmin()]), int(cover.min())
        if known and bound >= known.cost_micro:
            return known.bounded_by(bound), True
        parcels = self._decoded(target)
        if len({row for row, _ in parcels}) == len(parcels):
            return priced(self.problem, parcels), True
        if known and self.budget.is_spent:
            return known.bounded_by(bound), False
        sweep = _Sweep(self, targets, known.cost_micro if known else NEVER)
        better, is_final = sweep.run()
        found = priced(self.problem, better, None if is_final else bound) if better else known
        if found and is_final:
            found = found.bounded_by(found.cost_micro)
        return (found.bounded_by(bound) if found else None), is_final

    # Costs ------------------------------------------------------------------------------------

    def _cost_table(self) -> np.ndarray:
        """Offers × states: what one parcel with these counts costs; NEVER where it cannot be sent."""
        problem, rows = self.problem, len(self.problem.offers)
        able = np.ones((rows, 1), dtype=bool)
        units = None if problem.unit_costs is None else np.zeros((rows, 1), dtype=np.int64)
        for k, count in enumerate(problem.counts.tolist()):
            numbers = np.arange(count + 1)
            able = (able[:, :, None] & (problem.available[:, k, None, None] >= numbers)).reshape(rows, -1)
            if units is not None and problem.unit_costs is not None:
                units = (units[:, :, None] + problem.unit_costs[:, k, None, None] * numbers).reshape(rows, -1)
        able &= self._is_worth_it()
        for shared in problem.shared:
            able &= (self.grid.digits @ shared.takes)[None, :] <= shared.stock[:, None]
        table = self._carriage()
        if units is not None:
            table += units
        table[~able] = NEVER
        return table

    def _is_worth_it(self) -> np.ndarray:
        worth = np.ones(self.grid.size, dtype=bool)
        if self.problem.least_value_micro is not None:
            worth = self.grid.digits @ self.problem.values_micro >= self.problem.least_value_micro
        worth[0] = False
        return worth

    def _carriage(self) -> np.ndarray:
        offers = self.problem.offers
        weights = self.grid.digits @ self.problem.weights_g
        prices = np.stack([charge.tariff.prices_micro(weights) for charge in offers.charges])
        table = offers.fixed[:, None] + prices[offers.charge_of]
        if offers.carbon_per_g is not None:
            table += np.rint(offers.carbon_per_g[:, None] * weights).astype(np.int64)
        return table

    # Covers -----------------------------------------------------------------------------------

    def _decoded(self, state: int) -> Parcels:
        grid, parcels, layer = self.grid, [], len(self.layers) - 1
        while state:
            while layer and self.layers[layer][state] == self.layers[layer - 1][state]:
                layer -= 1
            taken = state
            if layer:
                moves = grid.moves_into(state)
                costs = self.layers[0][grid.take[moves]] + self.layers[layer - 1][grid.rest[moves]]
                taken = int(grid.take[moves][costs.argmin()])
            parcels.append((int(self.sender[taken]), grid.digits[taken]))
            state, layer = state - taken, layer - 1
        return parcels

    def to_go(self, layers: list[np.ndarray], targets: np.ndarray, parcels: int) -> np.ndarray:
        """Least cost from each state to a target in at most so many parcels, places being used again and again."""
        grid = self.grid
        cover = layers[min(parcels, len(layers)) - 1] if parcels else _nothing(grid.size)
        found = np.full(grid.size, NEVER, dtype=np.int64)
        for target in targets.tolist():
            below = np.flatnonzero((grid.codes[target] + grid.guards - grid.codes) & grid.guards == grid.guards)
            found[below] = np.minimum(found[below], cover[target - below])
        return found


def _nothing(size: int) -> np.ndarray:
    cover = np.full(size, NEVER, dtype=np.int64)
    cover[0] = 0
    return cover


def _layers(grid: _Grid, best: np.ndarray, limit: int) -> list[np.ndarray]:
    """Layer k: least cost of each state in at most k + 1 parcels."""
    first = best.copy()
    first[0] = 0
    layers = [first]
    for _ in range(1, limit):
        shared = np.minimum.reduceat(best[grid.take] + layers[-1][grid.rest], grid.starts)
        cover = layers[-1].copy()
        np.minimum(cover[1:], shared, out=cover[1:])
        if (cover == layers[-1]).all():
            break
        layers.append(cover)
    return layers


class _Sweep:
    """Through the places one by one, the most promising first; each sends one parcel or none."""

    def __init__(self, search: _Search, targets: np.ndarray, ceiling: int):
        self.search, self.grid, self.table = search, search.grid, search.table
        self.targets = targets
        self.ceiling = ceiling
        self.budget = search.budget

    def run(self) -> tuple[Parcels | None, bool]:
        """The best parcels below the ceiling, and whether none can be better."""
        best = None
        for beam in (_BEAM, len(self.table)):
            rows = self._promising()
            if not len(rows):
                return best, True
            found, is_final = self._through(rows[:beam])
            best = found or best
            if not is_final or len(rows) <= beam:
                return best, is_final
        return best, True

    @property
    def _parcels(self) -> int:
        """No better plan has more parcels than this: so many of the cheapest are as dear as the best one known."""
        floors = np.sort(self.search.problem.offers.floor)[: self.search.limit]
        return max(1, min(self.search.limit, int(np.searchsorted(np.cumsum(floors), self.ceiling))))

    def _promising(self) -> np.ndarray:
        """Places that could be in a better plan, by what the whole would cost at least."""
        to_go = self.search.to_go(self.search.layers, self.targets, self._parcels - 1)
        least = (self.table + to_go).min(axis=1)
        rows = np.flatnonzero(least < min(self.ceiling, NEVER))
        return rows[np.argsort(least[rows], kind="stable")]

    def _through(self, rows: np.ndarray) -> tuple[Parcels | None, bool]:
        parcels = self._parcels
        # How many parcels a state took matters only if the limit could forbid one more.
        counted = parcels if parcels == self.search.limit and self.search.limit < self._needed() else 0
        to_go = self._bounds(rows, counted, parcels)
        costs = np.full((counted + 1, self.grid.size), NEVER, dtype=np.int64)
        costs[0, 0] = 0
        history: list[tuple[int, np.ndarray]] = []
        is_final = True
        for at, row in enumerate(rows.tolist()):
            if self.ceiling < NEVER and self.budget.is_spent:
                is_final = False
                break
            if at and at & (at - 1) == 0:
                to_go = self._bounds(rows[at:], counted, parcels)
                costs[costs + to_go >= self.ceiling] = NEVER
            history.append((row, costs.copy()))
            self._send(row, costs, to_go)
            self.ceiling = min(self.ceiling, int(costs[:, self.targets].min()) + 1)
        return self._traced(costs, history), is_final

    def _needed(self) -> int:
        """Parcels that no plan needs more than."""
        return min(int(self.search.problem.counts.sum()), len(self.table))

    def _bounds(self, rows: np.ndarray, counted: int, parcels: int) -> np.ndarray:
        """What is still to pay at least, with these places, by parcels used so far."""
        layers = _layers(self.grid, self.table[rows].min(axis=0), parcels)
        used = range(counted + 1) if counted else (0,)
        return np.stack([self.search.to_go(layers, self.targets, parcels - k) for k in used])

    def _send(self, row: int, costs: np.ndarray, to_go: np.ndarray) -> None:
        grid, counted = self.grid, len(costs) - 1
        options = np.flatnonzero(self.table[row] < NEVER)
        prices = self.table[row][options]
        for used in range(counted - 1, -1, -1) if counted else (0,):
            live = np.flatnonzero(costs[used] < NEVER)
            after = used + 1 if counted else 0
            before = costs[used][live]
            per_chunk = max(1, _CHUNK // max(1, len(options)))
            for begin in range(0, len(live), per_chunk):
                states = live[begin : begin + per_chunk]
                sums = grid.codes[states][:, None] + grid.codes[options]
                a, b = np.nonzero((grid.ceiling - sums) & grid.guards == grid.guards)
                reached = states[a] + options[b]
                price = before[begin : begin + per_chunk][a] + prices[b]
                good = price + to_go[after][reached] < self.ceiling
                np.minimum.at(costs[after], reached[good], price[good])

    def _traced(self, costs: np.ndarray, history: list[tuple[int, np.ndarray]]) -> Parcels | None:
        at = costs[:, self.targets]
        used, number = divmod(int(at.argmin()), len(self.targets))
        cost, state = int(at.min()), int(self.targets[number])
        if cost >= NEVER:
            return None
        parcels: Parcels = []
        step = 1 if len(costs) > 1 else 0
        for row, before in reversed(history):
            if before[used, state] == cost:
                continue
            taken = self._taken(row, before[used - step], state, cost)
            parcels.append((row, self.grid.digits[taken]))
            cost -= int(self.table[row][taken])
            state, used = state - taken, used - step
        return parcels

    def _taken(self, row: int, before: np.ndarray, state: int, cost: int) -> int:
        moves = self.grid.moves_into(state)
        take, rest = self.grid.take[moves], self.grid.rest[moves]
        return int(take[np.flatnonzero(before[rest] + self.table[row][take] == cost)[0]])
