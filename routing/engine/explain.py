"""Why: what each place would have cost, or why it was left out."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from .assess import Assessment
from .filters import REASONS
from .problem import Problem
from .types import Candidate


def explanation(assessments: Sequence[Assessment], places: int) -> tuple[tuple[Candidate, ...], Mapping[str, int]]:
    """The candidates, and how many of all places were left out for which reason."""
    known = candidates(assessments)
    return known, excluded_counts(places, known)


def candidates(assessments: Sequence[Assessment]) -> tuple[Candidate, ...]:
    """Each place as the last step that let it in saw it, else with the last reason given; by code."""
    seen: dict[str, Candidate] = {}
    for assessment in reversed(assessments):
        for candidate in _of_step(assessment):
            known = seen.get(candidate.location)
            if known is None or (candidate.is_eligible and not known.is_eligible):
                seen[candidate.location] = candidate
    return tuple(seen[code] for code in sorted(seen))


def _of_step(assessment: Assessment) -> Iterable[Candidate]:
    yield from _let_in(assessment.problem)
    km = assessment.distances_km.tolist()
    for row in np.flatnonzero(assessment.why).tolist():
        yield Candidate(assessment.places[row].code, REASONS[assessment.why[row]], distance_km=_known(km[row]))


def _let_in(problem: Problem) -> Iterable[Candidate]:
    """Each with the score of all it could give."""
    offers = problem.offers
    if not len(offers):
        return
    most = problem.filled(problem.counts)
    fits = problem.fits(most).tolist()
    units = (most @ problem.units_each).tolist()
    must_give_all = problem.complete and problem.max_parcels == 1
    km = offers.distances_km.tolist()
    parts = _parts(problem, most)
    for row, place in enumerate(offers.places):
        if must_give_all and units[row] < sum(problem.asked):
            reason = "partial_stock"
        elif not units[row]:
            reason = "group_incomplete"
        else:
            reason = "" if fits[row] else "parcel_value"
        if reason:
            yield Candidate(place.code, reason, distance_km=_known(km[row]))
        else:
            own = {name: values[row] for name, values in parts.items()}
            yield Candidate(place.code, None, sum(own.values()), own, _known(km[row]))


def _parts(problem: Problem, taken: np.ndarray) -> dict[str, list[int]]:
    """The cost of one parcel per place with its row of counts, by cause."""
    offers, weights = problem.offers, taken @ problem.weights_g
    parts = {"shipping": np.zeros(len(offers), np.int64)} | {k: v.copy() for k, v in offers.fixed_parts.items()}
    shipping = np.empty((len(offers), 2), dtype=np.int64)
    for row, (number, weight_g) in enumerate(zip(offers.charge_of.tolist(), weights.tolist(), strict=True)):
        shipping[row] = offers.charges[number].parts(weight_g)
    parts["shipping"] = shipping[:, 0]
    if shipping[:, 1].any() or "lateness" in parts:
        parts["lateness"] = shipping[:, 1]
    if offers.carbon_per_g is not None:
        parts["carbon"] = np.rint(offers.carbon_per_g * weights).astype(np.int64)
    units = _line_units(problem, taken)
    for name, prices in offers.unit_parts.items():
        counted = (units * prices).sum(axis=1)
        parts[name] = parts[name] + counted if name in parts else counted
    return {name: values.tolist() for name, values in parts.items()}


def _line_units(problem: Problem, taken: np.ndarray) -> np.ndarray:
    """Places × lines; equal lines are filled one after the other."""
    units = np.zeros((len(taken), len(problem.lines)), dtype=np.int64)
    for k, item in enumerate(problem.items):
        left = taken[:, k]
        for i in item.lines:
            units[:, i] = left * problem.asked[i] if item.is_kept else np.minimum(left, problem.asked[i])
            left = left if item.is_kept else left - units[:, i]
    return units


def _known(km: float) -> float | None:
    return None if km != km else km


def excluded_counts(places: int, known: Sequence[Candidate]) -> dict[str, int]:
    """Places per reason: those without a single unit wanted, and those left out by the steps."""
    counts = Counter(candidate.reason for candidate in known if candidate.reason)
    if places > len(known):
        counts["no_stock"] += places - len(known)
    return dict(counts)
