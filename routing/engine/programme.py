"""Linear and mixed-integer programmes as HiGHS takes them."""

from collections.abc import Mapping, Sequence

import highspy
import numpy as np

INFINITY = highspy.kHighsInf

#: Bounds and coefficients (by column) of one inequality.
Row = tuple[float, Mapping[int, float], float]

#: Best means best, not nearly so.
EXACT = {"mip_rel_gap": 0.0, "mip_abs_gap": 1e-7, "mip_feasibility_tolerance": 1e-9}


def by_rows(
    cost: Sequence[float] | np.ndarray, upper: Sequence[float] | np.ndarray, rows: Sequence[Row]
) -> highspy.HighsLp:
    """Least `cost` over columns from nothing to `upper`."""
    lp = highspy.HighsLp()
    lp.num_col_, lp.num_row_ = len(cost), len(rows)
    lp.col_cost_ = np.asarray(cost, dtype=float)
    lp.col_lower_, lp.col_upper_ = np.zeros(len(cost)), np.asarray(upper, dtype=float)
    lp.row_lower_ = np.array([low for low, _, _ in rows], dtype=float)
    lp.row_upper_ = np.array([high for _, _, high in rows], dtype=float)
    lp.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
    lp.a_matrix_.start_ = np.cumsum([0, *(len(row) for _, row, _ in rows)])
    lp.a_matrix_.index_ = np.array([column for _, row, _ in rows for column in row])
    lp.a_matrix_.value_ = np.array([value for _, row, _ in rows for value in row.values()], dtype=float)
    return lp


def in_whole_units(lp: highspy.HighsLp) -> highspy.HighsLp:
    lp.integrality_ = [highspy.HighsVarType.kInteger] * lp.num_col_
    return lp


def solved(lp: highspy.HighsLp, seconds: float, **options: float) -> highspy.Highs:
    """The solver after its run, with whatever it found within that time on one thread."""
    solver = highspy.Highs()
    for option, value in {"output_flag": False, "threads": 1, "time_limit": seconds, **options}.items():
        solver.setOptionValue(option, value)
    solver.passModel(lp)
    solver.run()
    return solver


def is_impossible(solver: highspy.Highs) -> bool:
    return solver.getModelStatus() in (
        highspy.HighsModelStatus.kInfeasible,
        highspy.HighsModelStatus.kUnboundedOrInfeasible,
    )


def is_optimal(solver: highspy.Highs) -> bool:
    return solver.getModelStatus() == highspy.HighsModelStatus.kOptimal


def has_answer(solver: highspy.Highs) -> bool:
    return solver.getInfo().primal_solution_status == highspy.SolutionStatus.kSolutionStatusFeasible
