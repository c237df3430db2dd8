"""The sourcing problem as a mixed-integer programme, solved by HiGHS.

Per place and price step a binary "this parcel leaves, and the last of its packages is at this step", the number of
full packages before that one, and per place and item the units it gives. Items are lines, or whole bundles that must
stay together (then one unit of the bundle). First the most units that can be served at all, unless that is plain; then
the least cost for them.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import floor

import highspy
import numpy as np

from . import programme
from .problem import Problem, Solution, priced
from .programme import INFINITY, Row
from .types import MICRO, Budget

_ROUNDING_MICRO = 10  # the solver's objective is a float; the bound is lowered by this much

#: Whether anything can be served at all is asked for longer than the budget, if need be: no order is refused for
#: want of milliseconds.
_GRACE_SECONDS = 1.0

#: What it takes to write an entry of the programme down and to look at it once, which nothing interrupts.
SECONDS_PER_ENTRY = 5e-6

#: With larger numbers of units or packages the solver's arithmetic may pass the best over. What it finds is used then,
#: what it proves is not.
_MOST_EXACT = 1_000


def cheapest(problem: Problem, known: Solution | None, budget: Budget, least_parcels: int = 2) -> Solution | None:
    """The better of `known` and the solver's best within the budget, with the bound it could prove.

    Where `known` serves all, nothing that has fewer than `least_parcels` may be better.
    """
    if known and (known.is_proven or budget.is_spent):
        return known
    if known and known.units == problem.most_units:
        return _beat(problem, known, budget, least_parcels)
    return _improve(problem, known, budget)


def _improve(problem: Problem, known: Solution | None, budget: Budget) -> Solution | None:
    model = _Model(problem)
    most = problem.most_units
    found = model.solve(budget if known else budget.at_least(_GRACE_SECONDS), served=most)
    if found.is_impossible:
        if problem.complete:
            return None
        reach = model.most_units(budget if known else budget.at_least(_GRACE_SECONDS))
        most = reach.units
        found = model.solve(budget, served=most) if reach.is_proven and most else reach.as_unproven()
        if not found.parcels and not found.is_impossible:
            found = reach.as_unproven()
    return _better(problem, known, found, most)


def _beat(problem: Problem, known: Solution, budget: Budget, least_parcels: int) -> Solution:
    """For a known answer that serves all, single places included: a better one has so many parcels or more."""
    rows, parcels = promising(problem, known, least_parcels)
    if len(rows) < least_parcels or parcels < least_parcels:
        return known.bounded_by(known.cost_micro)
    part = problem.only(rows, parcels)
    if _entries(part) * SECONDS_PER_ENTRY > budget.left_seconds:
        return known
    model = _Model(part, least_parcels)
    found = model.solve(budget, served=known.units)
    if found.is_impossible:
        return known.bounded_by(known.cost_micro) if model.is_exact else known
    found = found.at_rows(rows)
    better = _better(problem, known, found, known.units) or known
    return better.bounded_by(known.lower_bound_micro)


def _entries(problem: Problem) -> int:
    """How large the programme would be: per place and unit column about as many entries as the place has price steps."""
    steps = np.array([len(charge.tariff.tiers) + 4 for charge in problem.offers.charges])[problem.offers.charge_of]
    return int(((problem.available > 0).sum(axis=1) + 1) @ steps)


def promising(problem: Problem, known: Solution, least_parcels: int) -> tuple[np.ndarray, int]:
    """The places that could still be part of something cheaper than `known`, and the most parcels that could have."""
    floors = problem.offers.floor
    cheapest_first = np.sort(floors)
    limit = min(problem.max_parcels or len(floors), len(floors))
    parcels = int(np.searchsorted(np.cumsum(cheapest_first[:limit]), known.cost_micro))
    least = np.maximum(floors, cheapest_first[:least_parcels][-1]) + cheapest_first[: least_parcels - 1].sum()
    return np.flatnonzero(least < known.cost_micro), parcels


def _better(problem: Problem, known: Solution | None, found: "_Answer", most: int) -> Solution | None:
    bound = max(0, found.bound_micro)
    options = [priced(problem, found.parcels, bound)] if found.parcels else []
    if known:
        # What is known serves fewer units than possible: the bound does not speak about it.
        options.append(known.bounded_by(bound) if known.units == most else known)
    best = min(options, key=lambda solution: solution.rank, default=None)
    if best and found.is_proven and best.units == most:
        return best.bounded_by(best.cost_micro)
    return best


@dataclass(frozen=True, slots=True)
class _Answer:
    """Parcels as (row of the offers, counts per item)."""

    parcels: tuple[tuple[int, tuple[int, ...]], ...] = ()
    units: int = 0
    bound_micro: int = 0
    is_proven: bool = False
    is_impossible: bool = False

    def as_unproven(self) -> "_Answer":
        return _Answer(self.parcels, self.units)

    def at_rows(self, rows: np.ndarray) -> "_Answer":
        parcels = tuple((int(rows[row]), counts) for row, counts in self.parcels)
        return _Answer(parcels, self.units, self.bound_micro, self.is_proven, self.is_impossible)


class _Model:
    """Columns and rows of the programme; row bounds that differ between the two goals are set late."""

    def __init__(self, problem: Problem, least_parcels: int = 0):
        self.problem = problem
        self.least_parcels = least_parcels
        self.cost: list[float] = []
        self.upper: list[float] = []
        self.parcel_columns: list[list[int]] = []
        self.unit_columns: list[dict[int, int]] = []
        self.rows: list[Row] = []
        for row in range(len(problem.offers)):
            self._add_offer(row)
        self._limit_parcels()

    @property
    def is_exact(self) -> bool:
        return max(self.upper) <= _MOST_EXACT

    # Columns and rows of one place ------------------------------------------------------------

    def _column(self, cost_micro: float, upper: float) -> int:
        self.cost.append(cost_micro / MICRO)
        self.upper.append(upper)
        return len(self.cost) - 1

    def _add_offer(self, row: int) -> None:
        problem, offers = self.problem, self.problem.offers
        available = problem.available[row].tolist()
        units = {k: self._unit_column(row, k, count) for k, count in enumerate(available) if count}
        most_g = sum(problem.items[k].weight_g * available[k] for k in units)
        tariff = offers.charges[offers.charge_of[row]].tariff
        most_full, last = tariff.packages(most_g)
        tiers = tariff.tiers if most_full else tariff.tiers[: last + 1]
        parcels = [self._column(int(offers.fixed[row]) + tier.price_micro, 1) for tier in tiers]
        full = {self._column(tariff.tiers[-1].price_micro, most_full): most_full} if most_full else {}
        self.unit_columns.append(units)
        self.parcel_columns.append(parcels)
        self._link({column: available[k] for k, column in units.items()} | full, parcels)
        self._weigh(units, parcels, full, tariff.limits)
        self._ask_value(units, parcels)
        self._share_stock(row, units)

    def _unit_column(self, row: int, k: int, available: int) -> int:
        problem, cost = self.problem, 0.0
        if problem.offers.carbon_per_g is not None:
            cost += float(problem.offers.carbon_per_g[row]) * problem.items[k].weight_g
        if problem.unit_costs is not None:
            cost += float(problem.unit_costs[row, k])
        return self._column(cost, available)

    def _link(self, most: Mapping[int, int], parcels: list[int]) -> None:
        """No unit and no full package without a parcel, no parcel at two price steps."""
        for column, count in most.items():
            self._row(-INFINITY, {column: 1, **dict.fromkeys(parcels, -count)}, 0)
        if len(parcels) > 1:
            self._row(0, dict.fromkeys(parcels, 1), 1)

    def _weigh(self, units: dict[int, int], parcels: list[int], full: Iterable[int], limits: Sequence[int]) -> None:
        """What the full packages leave of the parcel's weight stands within its price step.

        A first step with nothing left for it is not forbidden: it costs no less than what it stands for.
        """
        if len(parcels) == 1 and not full:
            return
        # Kilograms keep the coefficients near one.
        weights = {column: self.problem.items[k].weight_g / 1000 for k, column in units.items()}
        weights |= dict.fromkeys(full, -limits[-1] / 1000)
        upper = {column: -limit / 1000 for column, limit in zip(parcels, limits, strict=False)}
        lower = {column: -(limit + 1) / 1000 for column, limit in zip(parcels[1:], limits, strict=False)}
        self._row(-INFINITY, {**weights, **upper}, 0)
        self._row(0, {**weights, **lower}, INFINITY)

    def _ask_value(self, units: dict[int, int], parcels: list[int]) -> None:
        least = self.problem.least_value_micro
        if least:
            # As shares of the least value.
            values = {column: self.problem.items[k].value_micro / least for k, column in units.items()}
            self._row(0, {**values, **dict.fromkeys(parcels, -1.0)}, INFINITY)

    def _share_stock(self, row: int, units: dict[int, int]) -> None:
        """Items of one SKU draw on the same units."""
        for shared in self.problem.shared:
            takers = {column: float(shared.takes[k]) for k, column in units.items() if shared.takes[k]}
            if len(takers) > 1:
                self._row(-INFINITY, takers, int(shared.stock[row]))

    def _limit_parcels(self) -> None:
        most = self.problem.max_parcels
        if most is not None or self.least_parcels:
            parcels = {column: 1.0 for columns in self.parcel_columns for column in columns}
            self._row(self.least_parcels, parcels, INFINITY if most is None else most)

    def _row(self, low: float, coefficients: dict[int, float], high: float) -> None:
        self.rows.append((low, coefficients, high))

    # Solving ----------------------------------------------------------------------------------

    def solve(self, budget: Budget, served: int) -> _Answer:
        """Least cost for exactly `served` units."""
        goals: list[Row]
        if served == self.problem.most_units:
            goals = [(count, self._takers(k), count) for k, count in enumerate(self.problem.counts.tolist())]
        else:
            goals = [*self._at_most_wanted(), (served, self._all_units(), served)]
        return self._run(np.array(self.cost), goals, budget)

    def most_units(self, budget: Budget) -> _Answer:
        """As many units as the limits of the step allow, at any cost."""
        gain = np.zeros(len(self.cost))
        for column, units in self._all_units().items():
            gain[column] = -units
        return self._run(gain, self._at_most_wanted(), budget)

    def _takers(self, k: int) -> dict[int, float]:
        return {columns[k]: 1 for columns in self.unit_columns if k in columns}

    def _at_most_wanted(self) -> list[Row]:
        return [(0, self._takers(k), count) for k, count in enumerate(self.problem.counts.tolist())]

    def _all_units(self) -> dict[int, float]:
        return {c: self.problem.items[k].units_each for columns in self.unit_columns for k, c in columns.items()}

    def _run(self, cost: np.ndarray, goals: list[Row], budget: Budget) -> _Answer:
        lp = programme.in_whole_units(programme.by_rows(cost, self.upper, [*self.rows, *goals]))
        seconds = budget.left_seconds  # now: writing it down took some
        return self._answer(programme.solved(lp, seconds, **programme.EXACT, primal_feasibility_tolerance=1e-9))

    def _answer(self, solver: "highspy.Highs") -> _Answer:
        info = solver.getInfo()
        if programme.is_impossible(solver):
            return _Answer(is_impossible=True)
        is_told = self.is_exact and abs(info.mip_dual_bound) < 1e12
        bound = floor(info.mip_dual_bound * MICRO) - _ROUNDING_MICRO if is_told else 0
        if not programme.has_answer(solver):
            return _Answer(bound_micro=bound)
        values = solver.getSolution().col_value
        parcels = self._parcels(values)
        units = sum(self.problem.items[k].units_each * count for _, counts in parcels for k, count in enumerate(counts))
        return _Answer(parcels, units, bound, self.is_exact and programme.is_optimal(solver))

    def _parcels(self, values: Sequence[float]) -> tuple[tuple[int, tuple[int, ...]], ...]:
        parcels = []
        for row, columns in enumerate(self.unit_columns):
            counts = [0] * len(self.problem.items)
            for k, column in columns.items():
                counts[k] = round(values[column])
            if any(counts):
                parcels.append((row, tuple(counts)))
        return tuple(parcels)
