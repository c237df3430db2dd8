"""The sourcing problem as a mixed-integer programme, solved by HiGHS.

Per place and price step a binary "this parcel leaves, at this step", per place and item the units it
gives. Items are lines, or whole bundles that must stay together (then one unit of the bundle).
First the most units that can be served at all, unless that is plain; then the least cost for them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import floor

import highspy
import numpy as np

from .cost import Offer
from .problem import Problem, Quantities, Solution, priced
from .types import MICRO, Budget

_INFINITY = highspy.kHighsInf
#: Bounds and coefficients of one inequality.
_Row = tuple[float, dict[int, float], float]

_ROUNDING_MICRO = 10  # the solver's objective is a float; the bound is lowered by this much


def improve(problem: Problem, known: Solution | None, budget: Budget) -> Solution | None:
    """The better of `known` and the solver's best within the budget, with the bound it could prove."""
    model = _Model(problem)
    most = sum(problem.wanted)
    found = model.solve(budget, served=most)
    if found.is_impossible:
        if problem.complete:
            return None
        reach = model.most_units(budget)
        most = reach.units
        found = model.solve(budget, served=most) if reach.is_proven and most else reach.as_unproven()
    return _better(problem, known, found, most)


def beat(problem: Problem, known: Solution, budget: Budget) -> Solution:
    """As `improve`, for a known answer that serves all and a problem cut down to what could cost less.

    A better answer has two parcels or more. The bound of `known` stays where the solver finds no better one.
    """
    model = _Model(problem, least_parcels=2) if problem.max_parcels != 1 and len(problem.offers) > 1 else None
    found = model.solve(budget, served=known.units) if model else _Answer(is_impossible=True)
    if found.is_impossible:
        return Solution(known.parcels, known.cost_micro, known.cost_micro, True)
    better = _better(problem, known, found, known.units) or known
    return better.bounded_by(known.lower_bound_micro)


def _better(problem: Problem, known: Solution | None, found: "_Answer", most: int) -> Solution | None:
    bound = max(0, found.bound_micro)
    options = [priced(problem, found.parcels, bound)] if found.parcels else []
    if known:
        # What is known serves fewer units than possible: the bound does not speak about it.
        options.append(priced(problem, known.parcels, bound if known.units == most else 0))
    best = min(options, key=lambda solution: solution.rank, default=None)
    if best and found.is_proven and best.units == most:
        return Solution(best.parcels, best.cost_micro, best.cost_micro, True)
    return best


@dataclass(frozen=True, slots=True)
class _Answer:
    parcels: tuple[tuple[Offer, Quantities], ...] = ()
    bound_micro: int = 0
    is_proven: bool = False
    is_impossible: bool = False

    @property
    def units(self) -> int:
        return sum(sum(quantities) for _, quantities in self.parcels)

    def as_unproven(self) -> "_Answer":
        return _Answer(self.parcels)


@dataclass(frozen=True, slots=True)
class _Item:
    """A line that may be cut, or a bundle taken whole (`quantity` 1)."""

    lines: tuple[int, ...]
    quantity: int
    units_each: int
    weight_g: int
    value: float


class _Model:
    """Columns and rows of the programme; row bounds that differ between the two goals are set late."""

    def __init__(self, problem: Problem, least_parcels: int = 0):
        self.problem = problem
        self.least_parcels = least_parcels
        self.items = [self._item(bundle) for bundle in problem.bundles]
        self.cost: list[float] = []
        self.upper: list[float] = []
        self.parcel_columns: list[list[int]] = []
        self.unit_columns: list[dict[int, int]] = []
        self.rows: list[_Row] = []
        for offer in problem.offers:
            self._add_offer(offer)
        self._limit_parcels()

    def _item(self, bundle: Quantities) -> _Item:
        problem, lines = self.problem, self.problem.lines
        if not problem.is_kept(bundle):
            line = lines[bundle[0]]
            return _Item(bundle, problem.wanted[bundle[0]], 1, line.weight_g, float(line.unit_value))
        units = [problem.wanted[i] for i in bundle]
        weight = sum(lines[i].weight_g * q for i, q in zip(bundle, units, strict=True))
        value = sum(lines[i].unit_value * q for i, q in zip(bundle, units, strict=True))
        return _Item(bundle, 1, sum(units), weight, float(value))

    # Columns and rows of one place ------------------------------------------------------------

    def _column(self, cost_micro: float, upper: float) -> int:
        self.cost.append(cost_micro / MICRO)
        self.upper.append(upper)
        return len(self.cost) - 1

    def _add_offer(self, offer: Offer) -> None:
        units = {k: self._unit_column(offer, item) for k, item in enumerate(self.items) if self._available(offer, item)}
        most_g = sum(self.items[k].weight_g * self._available(offer, self.items[k]) for k in units)
        steps = offer.tariff.steps(most_g)
        parcels = [self._column(offer.fixed_micro + round(offer.money_weight * price), 1) for _, price in steps]
        self.unit_columns.append(units)
        self.parcel_columns.append(parcels)
        self._link(offer, units, parcels)
        self._weigh(units, parcels, [limit for limit, _ in steps])
        self._ask_value(units, parcels)
        self._share_stock(offer, units)

    def _available(self, offer: Offer, item: _Item) -> int:
        problem = self.problem
        if problem.is_kept(item.lines):
            return int(problem.can_give(offer, item.lines, problem.wanted))
        return min(item.quantity, offer.units[item.lines[0]])

    def _unit_column(self, offer: Offer, item: _Item) -> int:
        wanted = self.problem.wanted
        cost = offer.carbon_micro_per_g * item.weight_g
        if offer.unit_micro and self.problem.is_kept(item.lines):
            cost += sum(wanted[i] * offer.unit_micro[i] for i in item.lines)
        elif offer.unit_micro:
            cost += offer.unit_micro[item.lines[0]]
        return self._column(cost, self._available(offer, item))

    def _link(self, offer: Offer, units: dict[int, int], parcels: list[int]) -> None:
        """No unit without a parcel, no parcel at two price steps."""
        for k, column in units.items():
            available = self._available(offer, self.items[k])
            self._row(-_INFINITY, {column: 1, **dict.fromkeys(parcels, -available)}, 0)
        if len(parcels) > 1:
            self._row(0, dict.fromkeys(parcels, 1), 1)

    def _weigh(self, units: dict[int, int], parcels: list[int], limits: Sequence[int]) -> None:
        """The parcel's weight stands within its price step."""
        if len(parcels) == 1:
            return
        # Kilograms keep the coefficients near one.
        weights = {column: self.items[k].weight_g / 1000 for k, column in units.items()}
        upper = {column: -limit / 1000 for column, limit in zip(parcels, limits, strict=True)}
        lower = {column: -(limit + 1) / 1000 for column, limit in zip(parcels[1:], limits, strict=False)}
        self._row(-_INFINITY, {**weights, **upper}, 0)
        self._row(0, {**weights, **lower}, _INFINITY)

    def _ask_value(self, units: dict[int, int], parcels: list[int]) -> None:
        least = self.problem.min_parcel_value
        if least is not None:
            values = {column: self.items[k].value for k, column in units.items()}
            self._row(0, {**values, **dict.fromkeys(parcels, -float(least))}, _INFINITY)

    def _share_stock(self, offer: Offer, units: dict[int, int]) -> None:
        """Lines of one SKU draw on the same units."""
        for same in self.problem.same_sku:
            takers: dict[int, float] = {}
            for k, column in units.items():
                item = self.items[k]
                shared = [i for i in item.lines if i in same]
                if shared:
                    kept = self.problem.is_kept(item.lines)
                    takers[column] = sum(self.problem.wanted[i] for i in shared) if kept else 1
            if len(takers) > 1:
                self._row(-_INFINITY, takers, max(offer.units[i] for i in same))

    def _limit_parcels(self) -> None:
        most = self.problem.max_parcels
        if most is not None or self.least_parcels:
            parcels = {column: 1.0 for columns in self.parcel_columns for column in columns}
            self._row(self.least_parcels, parcels, _INFINITY if most is None else most)

    def _row(self, low: float, coefficients: dict[int, float], high: float) -> None:
        self.rows.append((low, coefficients, high))

    # Solving ----------------------------------------------------------------------------------

    def solve(self, budget: Budget, served: int) -> _Answer:
        """Least cost for exactly `served` units."""
        goals: list[_Row]
        if served == sum(self.problem.wanted):
            goals = [(i.quantity, self._takers(k), i.quantity) for k, i in enumerate(self.items)]
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

    def _at_most_wanted(self) -> list[_Row]:
        return [(0, self._takers(k), item.quantity) for k, item in enumerate(self.items)]

    def _all_units(self) -> dict[int, float]:
        return {c: self.items[k].units_each for columns in self.unit_columns for k, c in columns.items()}

    def _run(self, cost: np.ndarray, goals: list[_Row], budget: Budget) -> _Answer:
        solver = highspy.Highs()
        for option, value in (
            ("output_flag", False),
            ("threads", 1),
            ("time_limit", budget.left_seconds),
            ("mip_rel_gap", 0.0),
            ("mip_abs_gap", 1e-7),
            ("mip_feasibility_tolerance", 1e-9),
            ("primal_feasibility_tolerance", 1e-9),
        ):
            solver.setOptionValue(option, value)
        solver.passModel(self._lp(cost, [*self.rows, *goals]))
        solver.run()
        return self._answer(solver)

    def _lp(self, cost: np.ndarray, rows: list[_Row]) -> "highspy.HighsLp":
        lp = highspy.HighsLp()
        lp.num_col_, lp.num_row_ = len(cost), len(rows)
        lp.col_cost_ = cost
        lp.col_lower_ = np.zeros(len(cost))
        lp.col_upper_ = np.array(self.upper, dtype=float)
        lp.row_lower_ = np.array([low for low, _, _ in rows], dtype=float)
        lp.row_upper_ = np.array([high for _, _, high in rows], dtype=float)
        lp.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
        lp.a_matrix_.start_ = np.cumsum([0, *(len(row) for _, row, _ in rows)])
        lp.a_matrix_.index_ = np.array([column for _, row, _ in rows for column in row])
        lp.a_matrix_.value_ = np.array([value for _, row, _ in rows for value in row.values()], dtype=float)
        lp.integrality_ = [highspy.HighsVarType.kInteger] * len(cost)
        return lp

    def _answer(self, solver: "highspy.Highs") -> _Answer:
        status, info = solver.getModelStatus(), solver.getInfo()
        if status in (highspy.HighsModelStatus.kInfeasible, highspy.HighsModelStatus.kUnboundedOrInfeasible):
            return _Answer(is_impossible=True)
        bound = floor(info.mip_dual_bound * MICRO) - _ROUNDING_MICRO if abs(info.mip_dual_bound) < 1e12 else 0
        if info.primal_solution_status != highspy.SolutionStatus.kSolutionStatusFeasible:
            return _Answer(bound_micro=bound)
        values = solver.getSolution().col_value
        return _Answer(self._parcels(values), bound, status == highspy.HighsModelStatus.kOptimal)

    def _parcels(self, values: Sequence[float]) -> tuple[tuple[Offer, Quantities], ...]:
        parcels = []
        for offer, columns in zip(self.problem.offers, self.unit_columns, strict=True):
            quantities = [0] * len(self.problem.lines)
            for k, column in columns.items():
                self._put(self.items[k], round(values[column]), quantities)
            if any(quantities):
                parcels.append((offer, tuple(quantities)))
        return tuple(parcels)

    def _put(self, item: _Item, count: int, quantities: list[int]) -> None:
        for i in item.lines:
            quantities[i] = count * self.problem.wanted[i] if self.problem.is_kept(item.lines) else count
