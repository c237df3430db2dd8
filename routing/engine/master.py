"""The linear programme over parcels that could be sent ("columns"), solved by adding columns as they are needed.

Any prices of what is served, and wages of what is limited, give a lower bound: what all is worth, less what each place
gains at most, less the wages. The programme looks for the prices with the highest bound. What a column costs beyond
them is its loss; no column gains, and a plan costs more than the bound by at least the sum of its losses.
"""

from dataclasses import dataclass

import highspy
import numpy as np

from . import programme
from .programme import INFINITY
from .types import MICRO, Budget

_ROUNDS = 40
_TOLERANCE = 1e-4


@dataclass(frozen=True, eq=False)
class Columns:
    """`serves`: columns × what is wanted, `uses`: columns × what is limited. Of one `group` at most one is taken.

    Sorted by group; groups are numbered from 0 without gaps.
    """

    group: np.ndarray
    costs: np.ndarray
    serves: np.ndarray
    uses: np.ndarray


@dataclass(frozen=True, eq=False)
class Prices:
    bound_micro: float
    losses: np.ndarray


class Short(Exception):
    """The columns cannot serve all, not even in fractions; `is_final`: there is no doubt.

    `prices` hold nevertheless; None where there are no columns.
    """

    def __init__(self, is_final: bool, prices: Prices | None = None):
        self.is_final = is_final
        self.prices = prices


def priced(columns: Columns, wanted: np.ndarray, limits: np.ndarray, budget: Budget) -> Prices:
    """The best prices found. Errors: Short."""
    if not len(columns.costs):
        raise Short(is_final=True)
    master = _Master(columns, wanted, limits)
    start = columns.costs.min() / MICRO / max(1.0, float(wanted.sum()))
    best = found = master.judged(np.full(len(wanted), start), np.zeros(len(limits)))
    is_final = False
    for _ in range(_ROUNDS):
        is_final = not master.add_best(found)
        if is_final or budget.is_spent:
            break
        found = master.judged(*master.solve())
        best = max(best, found, key=lambda prices: prices.bound_micro)
    if master.unserved > _TOLERANCE:
        raise Short(is_final, best)
    return best


class _Master:
    def __init__(self, columns: Columns, wanted: np.ndarray, limits: np.ndarray):
        self.columns = columns
        self.wanted = wanted.astype(float)
        self.limits = limits.astype(float)
        self.serves = columns.serves.astype(float)
        self.uses = columns.uses.astype(float)
        self.starts = np.searchsorted(columns.group, np.arange(columns.group[-1] + 1))
        self.is_in = np.zeros(len(columns.costs), dtype=bool)
        self.unserved = 0.0
        #: Rows that may be missed at first: what is wanted, and a limit below nothing, which asks for a least number.
        self.missing = np.concatenate([np.arange(len(wanted)), len(wanted) + np.flatnonzero(limits < 0)])
        self.solver = self._solver()

    def _solver(self) -> "highspy.Highs":
        """Rows: what is wanted, what is limited, the groups. Columns at first: what is missing, very dear."""
        items, others = len(self.wanted), len(self.limits) + len(self.starts)
        missing = self.missing
        lp = highspy.HighsLp()
        lp.num_col_, lp.num_row_ = len(missing), items + others
        lp.col_cost_ = np.full(len(missing), 10 * self.columns.costs.max() / MICRO + 1)
        lp.col_lower_, lp.col_upper_ = np.zeros(len(missing)), np.full(len(missing), INFINITY)
        lp.row_lower_ = np.concatenate([self.wanted, np.full(others, -INFINITY)])
        lp.row_upper_ = np.concatenate([self.wanted, self.limits, np.ones(len(self.starts))])
        lp.a_matrix_.format_ = highspy.MatrixFormat.kColwise
        lp.a_matrix_.start_ = np.arange(len(missing) + 1)
        lp.a_matrix_.index_ = missing
        lp.a_matrix_.value_ = np.where(missing < items, 1.0, -1.0)
        solver = highspy.Highs()
        for option, value in (("output_flag", False), ("threads", 1), ("presolve", "off")):
            solver.setOptionValue(option, value)
        solver.passModel(lp)
        return solver

    def judged(self, prices: np.ndarray, wages: np.ndarray) -> Prices:
        losses = self.columns.costs - MICRO * (self.serves @ prices - self.uses @ wages)
        gains = np.maximum(0.0, -np.minimum.reduceat(losses, self.starts))
        bound = MICRO * float(self.wanted @ prices - self.limits @ wages) - float(gains.sum())
        return Prices(bound, losses + gains[self.columns.group])

    def add_best(self, prices: Prices) -> bool:
        """For each group the column that loses least (it loses nothing where the group gains)."""
        group = self.columns.group
        least = np.minimum.reduceat(prices.losses, self.starts)[group]
        good = np.flatnonzero((prices.losses <= least) & ~self.is_in)
        if not len(good):
            return False
        _, first = np.unique(group[good], return_index=True)
        self.is_in[good[first]] = True
        self._add(good[first])
        return True

    def _add(self, which: np.ndarray) -> None:
        number = len(which)
        table = np.concatenate([self.serves[which], self.uses[which]], axis=1)
        at, row = np.nonzero(table)
        at, row = (
            np.concatenate([at, np.arange(number)]),
            np.concatenate([row, table.shape[1] + self.columns.group[which]]),
        )
        value = np.concatenate([table[table != 0], np.ones(number)])
        order = np.argsort(at, kind="stable")
        self.solver.addCols(
            number,
            self.columns.costs[which] / MICRO,
            np.zeros(number),
            np.full(number, INFINITY),
            len(at),
            np.searchsorted(at[order], np.arange(number)).astype(np.int32),
            row[order].astype(np.int32),
            value[order],
        )

    def solve(self) -> tuple[np.ndarray, np.ndarray]:
        self.solver.run()
        solution = self.solver.getSolution()
        items, limits = len(self.wanted), len(self.limits)
        self.unserved = sum(solution.col_value[: len(self.missing)])
        duals = np.array(solution.row_dual)
        return duals[:items], np.maximum(0.0, -duals[items : items + limits])


def cheapest_set(
    columns: Columns, wanted: np.ndarray, limits: np.ndarray, seconds: float
) -> tuple[np.ndarray | None, float, bool]:
    """The cheapest columns that serve all within the limits, by mixed-integer programming.

    Returns the numbers of the columns (None: none found), a lower bound in millionths, and whether that is final.
    """
    number, groups = len(columns.costs), columns.group[-1] + 1 if len(columns.costs) else 0
    if not number:
        return None, 0.0, True
    table = np.concatenate([columns.serves, columns.uses], axis=1).astype(float)
    at, row = np.nonzero(table)
    at, row = np.concatenate([at, np.arange(number)]), np.concatenate([row, table.shape[1] + columns.group])
    value = np.concatenate([table[table != 0], np.ones(number)])
    order = np.argsort(at, kind="stable")
    lp = highspy.HighsLp()
    lp.num_col_, lp.num_row_ = number, table.shape[1] + groups
    lp.col_cost_ = columns.costs / MICRO
    lp.col_lower_, lp.col_upper_ = np.zeros(number), np.ones(number)
    lp.row_lower_ = np.concatenate([wanted, np.full(len(limits) + groups, -INFINITY)]).astype(float)
    lp.row_upper_ = np.concatenate([wanted, limits, np.ones(groups)]).astype(float)
    lp.a_matrix_.format_ = highspy.MatrixFormat.kColwise
    lp.a_matrix_.start_ = np.searchsorted(at[order], np.arange(number + 1))
    lp.a_matrix_.index_ = row[order]
    lp.a_matrix_.value_ = value[order]
    solver = programme.solved(programme.in_whole_units(lp), seconds, **programme.EXACT)
    info = solver.getInfo()
    if programme.is_impossible(solver):
        return None, float("inf"), True
    bound = info.mip_dual_bound * MICRO if abs(info.mip_dual_bound) < 1e15 else 0.0
    if not programme.has_answer(solver):
        return None, bound, False
    chosen = np.flatnonzero(np.array(solver.getSolution().col_value) > 0.5)
    return chosen, bound, programme.is_optimal(solver)
