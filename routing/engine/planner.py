"""From a demand to a plan: find the rule, try its steps in order, say where the rest goes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np

from inventory.methods import COLLECTED

from . import explain
from .assess import Assessment, Scene, assess, is_sent_whole, tried
from .conditions import matching_rule
from .cost import weight_of
from .evidence import Evidence, Witness, evidence
from .problem import Problem, Quantities, Solution
from .solve import solve
from .types import (
    Budget,
    Demand,
    Line,
    Network,
    Parcel,
    Plan,
    PlannedLine,
    Rest,
    RestLine,
    Rule,
    Source,
    Step,
    StepReport,
    Weights,
)

CHOSEN_PLACE = "chosen place"
"""The step that stands for a place that a person chose, in place of the rule's own."""


def plan(demand: Demand, rules: Sequence[Rule], network: Network, budget: Budget) -> Plan:
    """The best plan under the first rule that matches; without one, everything goes to a person.

    A place that was chosen is not the rules' to change: it is the only candidate, at no cost, and the rule only says where the
    rest goes, and what is sent from there in one parcel or not at all. What is collected there may be had in part.
    """
    rule = matching_rule(rules, demand)
    witness = Witness(network)
    steps = steps_of(demand, rule)
    planning = Planning(Scene(demand, witness.network), budget)
    planned = planning.run(rule, steps)
    return replace(planned, evidence=partial(evidence, planning.scene, witness, rule, steps))


def plan_again(told: Evidence, budget: Budget) -> Plan:
    """The plan that was made of this evidence."""
    return Planning(Scene(told.demand, told.network()), budget).run(told.rule, told.steps)


def steps_of(demand: Demand, rule: Rule | None) -> tuple[Step, ...]:
    steps = rule.steps if rule else ()
    if demand.location is None:
        return steps
    last = steps[-1] if steps else Step(rest=Rest.EXCEPTION)
    asked = [] if demand.method in COLLECTED else tried(steps)
    return (
        Step(
            CHOSEN_PLACE,
            Source(locations=(demand.location,)),
            Weights(),
            max_parcels=1,
            complete=bool(asked) and all(is_sent_whole(step, demand) for step in asked),
            keep_groups=bool(asked) and all(step.keep_groups or is_sent_whole(step, demand) for step in asked),
            rest=last.rest,
            cancel_after_days=last.cancel_after_days,
        ),
    )


@dataclass
class Planning:
    """One run of the steps; what earlier steps took is gone for later ones."""

    scene: Scene
    budget: Budget
    taken: dict[tuple[str, str], int] = field(default_factory=dict)
    parcels: list[Parcel] = field(default_factory=list)
    solutions: list[Solution] = field(default_factory=list)
    reports: list[StepReport] = field(default_factory=list)
    assessments: list[Assessment] = field(default_factory=list)

    def run(self, rule: Rule | None, steps: Sequence[Step]) -> Plan:
        left = self.scene.demand.lines
        rest, cancel_after_days = Rest.EXCEPTION, None
        for number, step in enumerate(steps):
            left = self._take_step(number, step, left)
            if not left:
                break
            cancel_after_days = step.cancel_after_days
            if step.rest is not Rest.NEXT:
                rest = step.rest
                break
        self.parcels = with_runners_up(self.parcels, steps, self.assessments)
        return self._plan(rule, left, rest, cancel_after_days)

    def _take_step(self, number: int, step: Step, left: tuple[Line, ...]) -> tuple[Line, ...]:
        assessment = assess(self.scene, step, left, self.taken, [parcel.location for parcel in self.parcels])
        self.assessments.append(assessment)
        problem = assessment.problem
        solution = solve(problem, self.budget) if len(problem.offers) else None
        self._report(step, problem, solution)
        if solution is None:
            return left
        self.solutions.append(solution)
        for row, quantities in solution.parcels:
            self._send(parcel_of(problem, row, quantities, number))
        return _what_is_left(problem, solution)

    def _send(self, parcel: Parcel) -> None:
        self.parcels.append(parcel)
        for line in parcel.lines:
            key = (line.sku, parcel.location)
            self.taken[key] = self.taken.get(key, 0) + line.quantity

    # Outcome ----------------------------------------------------------------------------------

    def _report(self, step: Step, problem: Problem, solution: Solution | None) -> None:
        eligible = len(problem.offers)
        if solution is None:
            self.reports.append(StepReport(step.name, "incomplete" if eligible else "nobody", eligible, 0, 0))
            return
        outcome = "served" if solution.units == sum(problem.asked) else "partly"
        self.reports.append(StepReport(step.name, outcome, eligible, len(solution.parcels), solution.cost_micro))

    def _plan(self, rule: Rule | None, left: tuple[Line, ...], rest: Rest, cancel_after_days: int | None) -> Plan:
        return Plan(
            parcels=tuple(self.parcels),
            rest=tuple(RestLine(line.key, line.sku, line.quantity, rest, cancel_after_days) for line in left),
            cost_micro=sum(solution.cost_micro for solution in self.solutions),
            lower_bound_micro=sum(solution.lower_bound_micro for solution in self.solutions),
            optimal=all(solution.is_proven for solution in self.solutions),
            rule=rule.name if rule else None,
            steps=tuple(self.reports),
            explain=partial(explain.explanation, tuple(self.assessments), len(self.scene.network.places)),
            notes=self._notes(rule),
        )

    def _notes(self, rule: Rule | None) -> tuple[str, ...]:
        notes = []
        demand = self.scene.demand
        if demand.location is None and rule is None:
            notes.append("no_rule")
        if demand.location is None and demand.point is None:
            notes.append("destination_not_placed")
        return tuple(notes)


def parcel_of(problem: Problem, row: int, quantities: Sequence[int], step: int) -> Parcel:
    offers = problem.offers
    weight_g = weight_of(problem.lines, quantities)
    tier = offers.charges[offers.charge_of[row]].tariff.tier(weight_g)
    parts = offers.parts(row, quantities, weight_g)
    km = float(offers.distances_km[row])
    given = zip(problem.lines, quantities, strict=True)
    return Parcel(
        location=offers.places[row].code,
        lines=tuple(PlannedLine(line.key, line.sku, q) for line, q in given if q),
        step=step,
        cost_micro=sum(parts.values()),
        parts=parts,
        weight_g=weight_g,
        distance_km=None if km != km else km,
        carrier_service=tier.carrier_service,
        transit_days=tier.transit_days,
    )


def with_runners_up(
    parcels: Sequence[Parcel], steps: Sequence[Step], assessments: Sequence[Assessment] | Mapping[int, Assessment]
) -> list[Parcel]:
    """Each parcel with the next best places for it, where its step offers work to several places at once."""
    busy = {parcel.location for parcel in parcels}
    found = []
    for parcel in parcels:
        asked = steps[parcel.step].offer_to - 1
        if asked > 0:
            runners_up = _runners_up(parcel, assessments[parcel.step].problem, busy)[:asked]
            busy |= {runner_up.location for runner_up in runners_up}
            parcel = replace(parcel, runners_up=tuple(runners_up))
        found.append(parcel)
    return found


def _runners_up(parcel: Parcel, problem: Problem, busy: set[str]) -> list[Parcel]:
    units = {line.key: line.quantity for line in parcel.lines}
    quantities: Quantities = tuple(units.get(line.key, 0) for line in problem.lines)
    able = (problem.offers.units >= np.array(quantities)).all(axis=1) & problem.has_stock(quantities)
    rows = [row for row in np.flatnonzero(able).tolist() if problem.offers.places[row].code not in busy]
    others = [parcel_of(problem, row, quantities, parcel.step) for row in rows]
    return sorted(others, key=lambda other: (other.cost_micro, other.location))


def _what_is_left(problem: Problem, solution: Solution) -> tuple[Line, ...]:
    served = [sum(column) for column in zip(*(q for _, q in solution.parcels), strict=True)]
    return tuple(
        replace(line, quantity=line.quantity - out)
        for line, out in zip(problem.lines, served, strict=True)
        if line.quantity > out
    )
