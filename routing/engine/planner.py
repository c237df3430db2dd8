"""From a demand to a plan: find the rule, try its steps in order, say where the rest goes."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from . import explain, filters, geo
from .conditions import matching_rule
from .cost import Offer, cost_parts, offer, weight_of
from .explain import Assessment
from .problem import Problem, Quantities, Solution
from .solve import solve
from .tariffs import Tariff
from .types import (
    Budget,
    Demand,
    Line,
    Network,
    Parcel,
    Place,
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


def plan(demand: Demand, rules: Sequence[Rule], network: Network, budget: Budget) -> Plan:
    """The best plan under the first rule that matches; without one, everything goes to a person.

    A place the shopper chose is not the rules' to change: it is the only candidate, at no cost, and the
    rule only says where the rest goes.
    """
    rule = matching_rule(rules, demand)
    steps = _steps(demand, rule)
    return _Planning(demand, network, budget).run(rule, steps)


def _steps(demand: Demand, rule: Rule | None) -> tuple[Step, ...]:
    if demand.location is None:
        return rule.steps if rule else ()
    rest = rule.steps[-1].rest if rule and rule.steps else Rest.EXCEPTION
    chosen = Source(locations=(demand.location,))
    return (Step("chosen place", chosen, Weights(), max_parcels=1, keep_groups=False, rest=rest),)


@dataclass
class _Planning:
    """One run of the steps; what earlier steps took is gone for later ones."""

    demand: Demand
    network: Network
    budget: Budget
    distances: dict[str, float | None] = field(default_factory=dict)
    taken: dict[tuple[str, str], int] = field(default_factory=dict)
    parcels: list[Parcel] = field(default_factory=list)
    solutions: list[Solution] = field(default_factory=list)
    reports: list[StepReport] = field(default_factory=list)
    assessments: list[Assessment] = field(default_factory=list)

    def run(self, rule: Rule | None, steps: Sequence[Step]) -> Plan:
        left = self.demand.lines
        rest = Rest.EXCEPTION
        for number, step in enumerate(steps):
            left = self._take_step(number, step, left)
            if not left:
                break
            if step.rest is not Rest.NEXT:
                rest = step.rest
                break
        return self._plan(rule, left, rest)

    def _take_step(self, number: int, step: Step, left: tuple[Line, ...]) -> tuple[Line, ...]:
        assessment = self._assess(step, left)
        self.assessments.append(assessment)
        problem = assessment.problem
        solution = solve(problem, self.budget) if problem.offers else None
        self._report(step, problem, solution)
        if solution is None:
            return left
        self.solutions.append(solution)
        for chosen, quantities in solution.parcels:
            self._send(number, problem, chosen, quantities)
        return _what_is_left(problem, solution)

    # Places -----------------------------------------------------------------------------------

    def _assess(self, step: Step, left: tuple[Line, ...]) -> Assessment:
        offers, reasons = [], {}
        orders = {code: rank for rank, code in enumerate(step.source.locations)}
        ability = filters.ability_for(self.demand.method)
        for code in self._holders(left):
            place = self.network.places.get(code)
            if place is None:
                continue
            reason = filters.standing_reason(place, step.source, ability)
            found = reason or self._offer(place, step, left, orders.get(code, place.position))
            if isinstance(found, Offer):
                offers.append(found)
            else:
                reasons[code] = found
        problem = Problem(
            lines=left,
            offers=tuple(offers),
            max_parcels=step.max_parcels,
            min_parcel_value=step.min_parcel_value,
            keep_groups=step.keep_groups,
            complete=step.complete,
        )
        return Assessment(problem, reasons, self.distances)

    def _holders(self, lines: tuple[Line, ...]) -> list[str]:
        sellable = self.network.sellable
        if self.demand.location is not None:
            return [self.demand.location] if any(self.demand.location in sellable.get(x.sku, ()) for x in lines) else []
        holders: set[str] = set()
        for line in lines:
            holders.update(sellable.get(line.sku, ()))
        return sorted(holders)

    def _offer(self, place: Place, step: Step, lines: tuple[Line, ...], position: int) -> Offer | str:
        """The place with its prices, or the reason why this step does without it."""
        units, reason = filters.usable_units(place, lines, self.demand, step.source, self.network, self.taken)
        if not any(units):
            return reason
        km = self._distance_km(place)
        if out := filters.distance_reason(km, step.source):
            return out
        if out := filters.current_reason(place, step, self.network, self._parcels_from(place.code)):
            return out
        tariff = self.network.tariff(place, km)
        if tariff is None:
            return "no_rate"
        units = _that_can_be_carried(units, lines, tariff)
        if not any(units):
            return "too_heavy"
        return self._priced_offer(place, step, lines, position, units, tariff, km)

    def _priced_offer(self, place, step, lines, position, units, tariff, km) -> Offer | str:
        timing = None
        if step.source.on_time or step.weights.lateness_days:
            timing = self.network.timing(place, tariff.tier(self._weight_g(lines, units)))
            if step.source.on_time and not timing.is_on_time:
                return "late"
        sellable = self.network.sellable
        return offer(
            place=place,
            units=units,
            sellable=[sellable.get(line.sku, {}).get(place.code, 0) for line in lines]
            if step.weights.scarcity
            else units,
            tariff=tariff,
            distance_km=km,
            destination_known=self.demand.point is not None,
            timing=timing,
            workload=self.network.workload(place) if step.weights.workload else 0.0,
            position=position,
            weights=step.weights,
        )

    @staticmethod
    def _weight_g(lines: tuple[Line, ...], units: Quantities) -> int:
        """Of the heaviest parcel the place could be asked for."""
        return sum(line.weight_g * min(line.quantity, usable) for line, usable in zip(lines, units, strict=True))

    def _distance_km(self, place: Place) -> float | None:
        if place.code not in self.distances:
            here, there = place.point, self.demand.point
            self.distances[place.code] = geo.distance_km(here, there) if here and there else None
        return self.distances[place.code]

    def _parcels_from(self, code: str) -> int:
        return sum(parcel.location == code for parcel in self.parcels)

    # Outcome ----------------------------------------------------------------------------------

    def _send(self, number: int, problem: Problem, chosen: Offer, quantities: Quantities) -> None:
        weight_g = weight_of(problem.lines, quantities)
        tier = chosen.tariff.tier(weight_g)
        given = [(line, q) for line, q in zip(problem.lines, quantities, strict=True) if q]
        parts = cost_parts(chosen, quantities, weight_g)
        self.parcels.append(
            Parcel(
                location=chosen.code,
                lines=tuple(PlannedLine(line.key, line.sku, q) for line, q in given),
                step=number,
                cost_micro=sum(parts.values()),
                parts=parts,
                weight_g=weight_g,
                distance_km=chosen.distance_km,
                carrier_service=tier.carrier_service,
                transit_days=tier.transit_days,
            )
        )
        for line, q in given:
            self.taken[line.sku, chosen.code] = self.taken.get((line.sku, chosen.code), 0) + q

    def _report(self, step: Step, problem: Problem, solution: Solution | None) -> None:
        if solution is None:
            outcome = "incomplete" if problem.offers else "nobody"
            self.reports.append(StepReport(step.name, outcome, len(problem.offers), 0, 0))
            return
        outcome = "served" if solution.units == sum(problem.asked) else "partly"
        self.reports.append(
            StepReport(step.name, outcome, len(problem.offers), len(solution.parcels), solution.cost_micro)
        )

    def _plan(self, rule: Rule | None, left: tuple[Line, ...], rest: Rest) -> Plan:
        known = explain.candidates(self.assessments)
        return Plan(
            parcels=tuple(self.parcels),
            rest=tuple(RestLine(line.key, line.sku, line.quantity, rest) for line in left),
            cost_micro=sum(solution.cost_micro for solution in self.solutions),
            lower_bound_micro=sum(solution.lower_bound_micro for solution in self.solutions),
            optimal=all(solution.is_proven for solution in self.solutions),
            rule=rule.name if rule else None,
            steps=tuple(self.reports),
            candidates=known,
            excluded_counts=explain.excluded_counts(len(self.network.places), known),
            notes=self._notes(rule),
        )

    def _notes(self, rule: Rule | None) -> tuple[str, ...]:
        notes = []
        if self.demand.location is None and rule is None:
            notes.append("no_rule")
        if self.demand.location is None and self.demand.point is None:
            notes.append("destination_not_placed")
        return tuple(notes)


def _that_can_be_carried(units: Quantities, lines: tuple[Line, ...], tariff: Tariff) -> Quantities:
    limit = tariff.max_unit_weight_g
    if all(line.weight_g <= limit for line in lines):
        return units
    return tuple(q if line.weight_g <= limit else 0 for q, line in zip(units, lines, strict=True))


def _what_is_left(problem: Problem, solution: Solution) -> tuple[Line, ...]:
    served = [sum(column) for column in zip(*(q for _, q in solution.parcels), strict=True)]
    return tuple(
        replace(line, quantity=line.quantity - out)
        for line, out in zip(problem.lines, served, strict=True)
        if line.quantity > out
    )
