"""Why: what each place would have cost, or why it was left out."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from . import cut
from .cost import Offer, cost_parts, weight_of
from .problem import Problem
from .types import Candidate


@dataclass(frozen=True, slots=True)
class Assessment:
    """How one step saw the places that hold something: those it let in, and reasons for the others."""

    problem: Problem
    reasons: Mapping[str, str]
    distances: Mapping[str, float | None]


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
    problem = assessment.problem
    for offer in problem.offers:
        yield _candidate(problem, offer)
    for code, reason in assessment.reasons.items():
        yield Candidate(code, reason, distance_km=assessment.distances.get(code))


def _candidate(problem: Problem, offer: Offer) -> Candidate:
    most = cut.fill(problem, offer, problem.asked)
    if problem.complete and problem.max_parcels == 1 and most != problem.asked:
        return Candidate(offer.code, "partial_stock", distance_km=offer.distance_km)
    if not any(most):
        return Candidate(offer.code, "group_incomplete", distance_km=offer.distance_km)
    if not problem.is_worth_a_parcel(most):
        return Candidate(offer.code, "parcel_value", distance_km=offer.distance_km)
    parts = cost_parts(offer, most, weight_of(problem.lines, most))
    return Candidate(offer.code, None, sum(parts.values()), parts, offer.distance_km)


def excluded_counts(places: int, known: Sequence[Candidate]) -> dict[str, int]:
    """Places per reason: those without a single unit wanted, and those left out by the steps."""
    counts = Counter(candidate.reason for candidate in known if candidate.reason)
    if places > len(known):
        counts["no_stock"] += places - len(known)
    return dict(counts)
