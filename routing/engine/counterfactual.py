"""Why not there, and what would have had to be true for a place to be used.

Nothing is guessed: the first is read off the filters and off the best plan that a step could have made with the place;
the second plans again with one figure changed, until the smallest change is found with which the place is used.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

import numpy as np

from inventory.confidence import PRIOR
from inventory.methods import ability_for

from . import explain
from .assess import Assessment, Scene, assess
from .cost import ways_to_send, weight_of
from .filters import standing_reason
from .planner import Planning
from .problem import Problem, Quantities
from .solve import solve
from .tariffs import Tariff, Tier, per_service
from .types import Budget, Demand, Line, Network, Place, Plan, PlannedLine, Rule, Step, Timing

CENT_MICRO = 10_000
NO_LIMIT = "no_limit"
_MOST_UNITS = 10_000
_SECONDS_OF_ONE_PLAN = 0.5
_PHANTOM = "\0"


@dataclass(frozen=True, eq=False)
class Case:
    """A decision as it can be made again: the steps of its rule in the world of then."""

    demand: Demand
    rule: Rule | None
    steps: tuple[Step, ...]
    network: Network

    def run(self, budget: Budget) -> "Run":
        planning = Planning(Scene(self.demand, self.network), budget)
        return Run(self, planning.run(self.rule, self.steps), planning.assessments)


@dataclass(frozen=True, eq=False)
class Run:
    case: Case
    plan: Plan
    assessments: Sequence[Assessment]

    def uses(self, code: str) -> bool:
        return any(parcel.location == code for parcel in self.plan.parcels)

    def taken_before(self, step: int) -> dict[tuple[str, str], int]:
        taken: dict[tuple[str, str], int] = {}
        for parcel in self.plan.parcels:
            for line in parcel.lines if parcel.step < step else ():
                key = (line.sku, parcel.location)
                taken[key] = taken.get(key, 0) + line.quantity
        return taken

    def places_before(self, step: int) -> list[str]:
        return [parcel.location for parcel in self.plan.parcels if parcel.step < step]


def _of_one_plan(budget: Budget) -> Budget:
    return replace(budget, ends_at=min(budget.ends_at, budget.now() + _SECONDS_OF_ONE_PLAN))


# ---- why not? ----------------------------------------------------------------------------------


class Verdict(StrEnum):
    """What a step made of a place."""

    USED = "used"
    EXCLUDED = "excluded"
    NOT_TRIED = "not_tried"  # the plan was made before this step's turn
    DEARER = "dearer"
    DEARER_TOGETHER = "dearer_together"  # its own parcel costs less than the plan, the whole with it costs more
    AS_GOOD = "as_good"  # a tie: fewer parcels, then the first code wins
    SERVES_LESS = "serves_less"
    IMPOSSIBLE = "impossible"  # no plan of this step contains it
    NOT_FOUND_IN_TIME = "not_found_in_time"  # the plan was not proven, and one with the place is better
    NOT_SEARCHED = "not_searched"  # there was no time to look for a plan with it


@dataclass(frozen=True, slots=True)
class LastUnits:
    """What scarcity asks for the units of one product that a parcel takes."""

    sku: str
    held: int
    cost_micro: int


@dataclass(frozen=True, slots=True)
class Alternative:
    """The best that a step could have done with the place.

    `lines` and `own_cost_micro` are of the place's parcel, `cost_micro` of all parcels; `others` send the rest. `parts`
    is what each cause adds to (or takes from) what the plan's parcels of this step cost. `is_best`: proven, not merely
    the best that was found in time.
    """

    lines: tuple[PlannedLine, ...]
    own_cost_micro: int
    cost_micro: int
    plan_cost_micro: int
    parts: Mapping[str, int]
    others: tuple[str, ...]
    missing_units: int
    last_units: tuple[LastUnits, ...]
    is_best: bool = True

    @property
    def extra_micro(self) -> int:
        return self.cost_micro - self.plan_cost_micro


@dataclass(frozen=True, slots=True)
class StepVerdict:
    """`reason`, and where it is a figure what it was (`actual`) and had to be (`needed`), for the excluded."""

    number: int
    name: str
    verdict: Verdict
    reason: str = ""
    actual: Any = None
    needed: Any = None
    alternative: Alternative | None = None


def why_not(run: Run, code: str, budget: Budget) -> tuple[StepVerdict, ...]:
    """What each step made of the place, in order; nothing where no rule matched."""
    return tuple(_verdict(run, number, code, budget) for number in range(len(run.case.steps)))


def _verdict(run: Run, number: int, code: str, budget: Budget) -> StepVerdict:
    step = run.case.steps[number]
    if any(parcel.location == code and parcel.step == number for parcel in run.plan.parcels):
        return StepVerdict(number, step.name, Verdict.USED)
    if number >= len(run.assessments):
        return StepVerdict(number, step.name, Verdict.NOT_TRIED)
    reason = _reason(run, number, code)
    if reason:
        actual, needed = _figures(run, number, code, reason)
        return StepVerdict(number, step.name, Verdict.EXCLUDED, reason, actual, needed)
    try:
        alternative = best_with(run, number, code, budget)
    except TimeoutError:
        return StepVerdict(number, step.name, Verdict.NOT_SEARCHED)
    return StepVerdict(number, step.name, _judged(run, alternative), alternative=alternative)


def _judged(run: Run, found: Alternative | None) -> Verdict:
    if found is None:
        return Verdict.IMPOSSIBLE
    if found.missing_units > 0:
        return Verdict.SERVES_LESS
    if found.extra_micro < 0 or found.missing_units < 0:
        return Verdict.NOT_FOUND_IN_TIME
    if not found.extra_micro:
        return Verdict.AS_GOOD
    return Verdict.DEARER_TOGETHER if found.others and found.own_cost_micro < found.plan_cost_micro else Verdict.DEARER


def _reason(run: Run, number: int, code: str) -> str:
    """Why the step left the place out; empty: it let it in."""
    chosen = run.case.demand.location
    if chosen is not None and chosen != code:
        return "other_place_chosen"
    found = {c.location: c.reason for c in explain.candidates([run.assessments[number]])}
    if code in found:
        return found[code] or ""
    place = run.case.network.places[code]
    standing = standing_reason(place, run.case.steps[number].source, ability_for(run.case.demand.method))
    return standing or "no_stock"


def _figures(run: Run, number: int, code: str, reason: str) -> tuple[Any, Any]:
    """What was, and what had to be, as the filter compared them."""
    case, step = run.case, run.case.steps[number]
    place, source = case.network.places[code], step.source
    assessment = run.assessments[number]
    if reason in ("kind", "group", "exclude_group", "ability", "location"):
        return _standing_figures(place, step, case.demand, reason)
    if reason in ("no_capacity", "little_capacity"):
        left = (case.network.capacity_left(place) or 0) - run.places_before(number).count(code)
        return left, 1 if reason == "no_capacity" else source.min_capacity_left
    if reason == "too_far":
        row = [p.code for p in assessment.places].index(code)
        return float(assessment.distances_km[row]), source.max_distance_km
    if reason == "distance_unknown":
        return None, source.max_distance_km
    if reason == "too_few_units":
        taken, lines = run.taken_before(number), assessment.problem.lines
        most = max(_held(case, line.sku, code) - taken.get((line.sku, code), 0) for line in lines)
        return most, max(source.min_sellable, source.min_left_after + 1)
    if reason == "low_confidence":
        held = {line.sku for line in assessment.problem.lines if _held(case, line.sku, code)}
        found = [case.network.confidence.get(sku, {}).get(code, PRIOR) for sku in held]
        return min(found), source.min_confidence
    return _figures_of_goods(assessment.problem, code, reason)


def _standing_figures(place: Place, step: Step, demand: Demand, reason: str) -> tuple[Any, Any]:
    source = step.source
    abilities = source.abilities | {ability_for(demand.method)}
    return {
        "kind": (place.kind, sorted(source.kinds)),
        "group": (sorted(place.groups), sorted(source.groups)),
        "exclude_group": (sorted(place.groups & source.exclude_groups), []),
        "ability": (sorted(place.abilities), sorted(abilities)),
        "location": (place.code, list(source.locations)),
    }[reason]


def _figures_of_goods(problem: Problem, code: str, reason: str) -> tuple[Any, Any]:
    row = _row_of(problem, code)
    if row is None:
        return (0, sum(problem.asked)) if reason == "no_stock" else (None, None)
    most = problem.filled(problem.counts)[row]
    if reason == "partial_stock":
        return int(most @ problem.units_each), sum(problem.asked)
    if reason == "parcel_value":
        return int(most @ problem.values_micro), problem.least_value_micro
    return None, None


def _row_of(problem: Problem, code: str) -> int | None:
    return next((row for row, place in enumerate(problem.offers.places) if place.code == code), None)


def _held(case: Case, sku: str, code: str) -> int:
    return case.network.sellable.get(sku, {}).get(code, 0)


# ---- the best plan with the place -----------------------------------------------------------------


def best_with(run: Run, number: int, code: str, budget: Budget) -> Alternative | None:
    """The step's best parcels of which one leaves from there; None where no plan of the step has one.

    A phantom that only this place holds is tied to one unit of a line and must be served, for each line it could send;
    the best of these plans is the best with the place. Errors: TimeoutError when none was found in time.
    """
    problem = run.assessments[number].problem
    row = _row_of(problem, code)
    if row is None:
        return None
    found, is_best = [], True
    for i in np.flatnonzero(problem.offers.units[row]).tolist():
        if budget.is_spent:
            is_best = False
            break
        parcels, is_proven = _served_with(run, number, code, i, budget)
        is_best &= is_proven
        if parcels:
            found.append(_told(run, number, code, parcels))
    if not found and not is_best:
        raise TimeoutError
    best = min(found, key=lambda a: (a.missing_units, a.cost_micro, len(a.others)), default=None)
    return best and replace(best, is_best=is_best)


def _served_with(run: Run, number: int, code: str, i: int, budget: Budget) -> tuple[list[tuple[str, Quantities]], bool]:
    """Parcels (place, units per line) of which that of the place sends some of line `i`, and whether they are the best.

    No parcels: no plan of the step does that.
    """
    problem = _with_line_tied(run, number, code, i)
    solution = solve(problem, _of_one_plan(budget))
    if solution is None:
        return [], not budget.is_spent
    lines = run.assessments[number].problem
    parcels = [(problem.offers.places[row].code, _of_lines(lines, i, q)) for row, q in solution.parcels]
    is_used = any(place == code and sum(q) for place, q in parcels)
    return parcels if is_used else [], solution.is_proven


def _with_line_tied(run: Run, number: int, code: str, i: int) -> Problem:
    """The problem of the step with the phantom in it."""
    case, step, given = run.case, run.case.steps[number], run.assessments[number].problem.lines
    lines = _with_phantom(given, i, step)
    network = case.network
    haunted = replace(
        network,
        sellable={**network.sellable, _PHANTOM: {code: lines[-1].quantity + _MOST_UNITS}},
        scarcity={**network.scarcity, _PHANTOM: {}},
        confidence={**network.confidence, _PHANTOM: {code: 1.0}},
    )
    excluded = {**case.demand.excluded, _PHANTOM + given[i].key: case.demand.excluded.get(given[i].key)}
    demand = replace(
        case.demand,
        lines=(*lines, *case.demand.lines),
        excluded={key: codes for key, codes in excluded.items() if codes},
    )
    tied = replace(step, keep_groups=True)
    return assess(Scene(demand, haunted), tied, lines, run.taken_before(number), run.places_before(number)).problem


def _with_phantom(lines: Sequence[Line], i: int, step: Step) -> tuple[Line, ...]:
    """The lines of the step, one unit of line `i` (or all of its group) and the phantom last, tied together."""
    given = [line if step.keep_groups else replace(line, group=None) for line in lines]
    asked = given[i]
    group = asked.group or _PHANTOM
    phantom = Line(_PHANTOM, _PHANTOM, 1 + sum(line.quantity for line in lines), group)  # worth more than all others
    if asked.group:
        return (*given, phantom)
    one = replace(asked, key=_PHANTOM + asked.key, quantity=1, group=group)
    given[i] = replace(asked, quantity=asked.quantity - 1)
    return (*(line for line in given if line.quantity), one, phantom)


def _of_lines(problem: Problem, i: int, quantities: Quantities) -> Quantities:
    """Units per line of the step, from units per line of `_with_phantom`."""
    given = list(quantities[:-1])
    if problem.keep_groups and problem.lines[i].group:
        return tuple(given)
    one = given.pop()
    if len(given) < len(problem.lines):
        given.insert(i, 0)
    given[i] += one
    return tuple(given)


def _told(run: Run, number: int, code: str, parcels: Sequence[tuple[str, Quantities]]) -> Alternative:
    problem = run.assessments[number].problem
    parts = {place: _parts(problem, place, quantities) for place, quantities in parcels if sum(quantities)}
    costs = {place: sum(own.values()) for place, own in parts.items()}
    quantities = dict(parcels)[code]
    planned = [parcel for parcel in run.plan.parcels if parcel.step == number]
    served = sum(line.quantity for parcel in planned for line in parcel.lines)
    difference = _difference(parts.values(), [parcel.parts for parcel in planned])
    return Alternative(
        lines=tuple(PlannedLine(line.key, line.sku, q) for line, q in zip(problem.lines, quantities, strict=True) if q),
        own_cost_micro=costs[code],
        cost_micro=sum(costs.values()),
        plan_cost_micro=sum(parcel.cost_micro for parcel in planned),
        parts=difference,
        others=tuple(sorted(place for place in parts if place != code)),
        missing_units=served - sum(sum(q) for _place, q in parcels),
        last_units=tuple(_last_units(run.case, problem, code, quantities)),
    )


def _parts(problem: Problem, code: str, quantities: Quantities) -> dict[str, int]:
    row = _row_of(problem, code)
    assert row is not None  # the phantom lets nobody in who was out
    return problem.offers.parts(row, quantities, weight_of(problem.lines, quantities))


def _difference(found: Iterable[Mapping[str, int]], planned: Iterable[Mapping[str, int]]) -> dict[str, int]:
    total: dict[str, int] = {}
    for sign, parcels in ((1, found), (-1, planned)):
        for parts in parcels:
            for name, micro in parts.items():
                total[name] = total.get(name, 0) + sign * micro
    return {name: micro for name, micro in total.items() if micro}


def _last_units(case: Case, problem: Problem, code: str, quantities: Quantities) -> Iterator[LastUnits]:
    row, prices = _row_of(problem, code), problem.offers.unit_parts.get("scarcity")
    if row is None or prices is None:
        return
    asked: dict[str, int] = {}
    for i, quantity in enumerate(quantities):
        sku = problem.lines[i].sku
        asked[sku] = asked.get(sku, 0) + quantity * int(prices[row, i])
    yield from (LastUnits(sku, _held(case, sku, code), micro) for sku, micro in asked.items() if micro)


# ---- what would have had to be true? ---------------------------------------------------------------


class Found(StrEnum):
    """`VALUE`: with it the place is used; `NONE`: with none; `NOT_SEARCHED`: not all was tried, or not to its end."""

    VALUE = "value"
    NONE = "none"
    NOT_SEARCHED = "not_searched"


@dataclass(frozen=True, slots=True)
class Need:
    """One figure, all others as they were: with `needed` the place is used, as planning again has shown.

    `is_smallest`: no smaller change does it, in steps of a unit, a cent, a hundredth or a tenth of a kilometre.
    `is_narrowed`: a limit within which the place stands was made stricter, as far as the place stays within it.
    """

    parameter: str
    found: Found
    actual: Any
    needed: Any = None
    is_smallest: bool = True
    step: int | None = None
    sku: str = ""
    is_narrowed: bool = False


@dataclass(frozen=True, eq=False)
class Parameter:
    """One figure that may be changed: `values` from the smallest change to the largest.

    `is_monotone`: a larger change never undoes what a smaller one did. `is_partial`: it would do more than is tried here, so
    it is never said to be in vain.
    """

    name: str
    actual: Any
    values: Sequence[Any]
    change: Callable[[Any], Case]
    is_monotone: bool = True
    step: int | None = None
    sku: str = ""
    is_narrowed: bool = False
    is_partial: bool = False


def what_would_have_to_be_true(case: Case, code: str, budget: Budget) -> tuple[Need, ...]:
    """For each figure of a place that is not used, the smallest change with which it is."""
    if case.demand.location not in (None, code):
        return ()
    needs = ((parameter, _need(parameter, code, budget)) for parameter in parameters(case, code))
    return tuple(need for parameter, need in needs if not (parameter.is_partial and need.found is Found.NONE))


def _need(parameter: Parameter, code: str, budget: Budget) -> Need:
    search = _Search(parameter, code, budget.half())  # some is left for the figures after it
    found, at, is_smallest = search.run()
    return Need(
        parameter.name,
        found,
        parameter.actual,
        None if at is None else parameter.values[at],
        is_smallest,
        parameter.step,
        parameter.sku,
        parameter.is_narrowed,
    )


@dataclass
class _Search:
    parameter: Parameter
    code: str
    budget: Budget
    known: dict[int, bool] = field(default_factory=dict)
    is_sure: bool = True  # every plan that did not use the place was proven the best

    def run(self) -> tuple[Found, int | None, bool]:
        """What was found, at which of the values, and whether it is the first."""
        last = len(self.parameter.values) - 1
        if last < 0:
            return Found.NONE, None, True
        try:
            found, at, is_first = self._bisected(-1, last, True) if self.parameter.is_monotone else self._scanned(last)
        except TimeoutError:
            return self._so_far()
        if found is Found.NONE and not (is_first and self.is_sure):
            return Found.NOT_SEARCHED, None, False
        return found, at, is_first and self.is_sure

    def _is_used(self, at: int) -> bool:
        if self.budget.is_spent:
            raise TimeoutError
        if at not in self.known:
            budget = _of_one_plan(self.budget)
            run = self.parameter.change(self.parameter.values[at]).run(budget)
            self.known[at] = run.uses(self.code)
            self.is_sure &= self.known[at] or (run.plan.optimal and not budget.is_spent)
        return self.known[at]

    def _bisected(self, unused: int, last: int, is_first: bool) -> tuple[Found, int | None, bool]:
        """`is_first`: nothing up to `unused` does it, because all of it was tried or more never hurts."""
        if not self._is_used(last):
            return Found.NONE, None, is_first
        used = last
        while used - unused > 1:
            middle = (unused + used) // 2
            if self._is_used(middle):
                used = middle
            else:
                unused = middle
        return Found.VALUE, used, is_first

    def _scanned(self, last: int) -> tuple[Found, int | None, bool]:
        """One by one, as more may help, then harm; but half of the time is for what is found without trying all."""
        one_by_one = self.budget.half()
        for at in range(last + 1):
            if one_by_one.is_spent:
                return self._bisected(at - 1, last, False)
            if self._is_used(at):
                return Found.VALUE, at, True
        return Found.NONE, None, True

    def _so_far(self) -> tuple[Found, int | None, bool]:
        used = [at for at, is_used in self.known.items() if is_used]
        return (Found.VALUE, min(used), False) if used else (Found.NOT_SEARCHED, None, False)


# ---- the figures ------------------------------------------------------------------------------------


def parameters(case: Case, code: str) -> Iterator[Parameter]:
    """What can be changed in the place's favour: how it stood, its stock, its cost, and the steps' limits of places,
    units and parcels. Left out are figures at their best, the weights, and what a step wants of a parcel as a whole; nor
    is a step made so strict that it leaves the order to another one.
    """
    changes = _Changes(case, code)
    for found in (changes.of_the_place, changes.of_its_stock, changes.of_its_cost, changes.of_the_steps):
        yield from found()


@dataclass(frozen=True)
class _Changes:
    case: Case
    code: str

    @property
    def place(self) -> Place:
        return self.case.network.places[self.code]

    # How the case looks with one figure changed --------------------------------------------------

    def _network(self, **changes: Any) -> Case:
        return replace(self.case, network=replace(self.case.network, **changes))

    def _of_place(self, **changes: Any) -> Case:
        return self._network(places={**self.case.network.places, self.code: replace(self.place, **changes)})

    def _answer(self, name: str, value: Any) -> Case:
        return self._answers(**{name: value})

    def _answers(self, **values: Any) -> Case:
        return self._network(**{name: self._told(name, value) for name, value in values.items()})

    def _told(self, name: str, value: Any) -> Callable[[Place], Any]:
        asked, code = getattr(self.case.network, name), self.code
        return lambda place: value if place.code == code else asked(place)

    def _figure(self, name: str, sku: str, value: Any) -> Case:
        figures = getattr(self.case.network, name)
        return self._network(**{name: {**figures, sku: {**figures.get(sku, {}), self.code: value}}})

    def _step(self, number: int, **changes: Any) -> Case:
        steps = list(self.case.steps)
        steps[number] = replace(steps[number], **changes)
        return replace(self.case, steps=tuple(steps))

    def _source(self, number: int, **changes: Any) -> Case:
        return self._step(number, source=replace(self.case.steps[number].source, **changes))

    # The place -----------------------------------------------------------------------------------

    def of_the_place(self) -> Iterator[Parameter]:
        place, network, sources = self.place, self.case.network, [step.source for step in self.case.steps]
        if not place.is_accepting:
            yield Parameter("is_accepting", False, [True], lambda value: self._of_place(is_accepting=value))
        if place.is_paused:
            yield Parameter("is_paused", True, [False], lambda value: self._of_place(is_paused=value))
        if any(source.open_now for source in sources) and not network.is_open(place):
            yield self._opening("is_open")
        yield from self._cut_off()
        if any(self.code in codes for codes in self.case.demand.excluded.values()):
            yield Parameter("has_lost_it", True, [False], lambda _value: self._not_excluded())
        yield from self._capacity()

    def _cut_off(self) -> Iterator[Parameter]:
        """It counts where a step looks at it, and where what leaves on a later day comes late."""
        place, network = self.place, self.case.network
        is_filtered = any(step.source.before_cut_off for step in self.case.steps)
        if is_filtered and not network.is_open_that_day(place):
            yield self._opening("is_open_that_day")
        elif (is_filtered and not network.is_before_cut_off(place)) or self._is_late_by_cut_off():
            yield Parameter("is_before_cut_off", False, [True], lambda _value: self._before_cut_off())

    def _opening(self, name: str) -> Parameter:
        """How much sooner things would come from doors that are open is not known."""
        is_late = any(known.is_late for _tier, known in self._timings())
        return Parameter(name, False, [True], lambda value: self._answer(name, value), is_partial=is_late)

    def _is_late_by_cut_off(self) -> bool:
        missed, place = self.case.network.days_missed, self.place
        return any(known.is_late and missed(place, tier) is not None for tier, known in self._timings())

    def _before_cut_off(self) -> Case:
        missed, place = self.case.network.days_missed, self.place
        sooner = self._sooner(lambda tier: missed(place, tier) or 0)
        return self._network(is_before_cut_off=self._told("is_before_cut_off", True), timing=sooner)

    def _not_excluded(self) -> Case:
        excluded = {key: codes - {self.code} for key, codes in self.case.demand.excluded.items()}
        return replace(self.case, demand=replace(self.case.demand, excluded=excluded))

    def _capacity(self) -> Iterator[Parameter]:
        sources = [step.source for step in self.case.steps]
        is_weighed = any(step.weights.workload for step in self.case.steps)
        if not is_weighed and all(source.ignore_capacity and not source.min_capacity_left for source in sources):
            return
        left = self.case.network.capacity_left(self.place)
        if left is not None:
            most = max(_MOST_UNITS if is_weighed else 1, *(source.min_capacity_left for source in sources))
            values = range(left + 1, max(most, left + 1) + 1)
            yield Parameter("capacity_left", left, values, self._more_capacity if is_weighed else self._capacity_left)

    def _capacity_left(self, left: int) -> Case:
        return self._answer("capacity_left", left)

    def _more_capacity(self, left: int) -> Case:
        """What is booked is a smaller share of it."""
        booked = self.case.network.booked(self.place)
        return self._answers(capacity_left=left, workload=booked / (booked + left))

    # Its stock -----------------------------------------------------------------------------------

    def of_its_stock(self) -> Iterator[Parameter]:
        asked: dict[str, int] = {}
        for line in self.case.demand.lines:
            asked[line.sku] = asked.get(line.sku, 0) + line.quantity
        for sku, units in asked.items():
            held = _held(self.case, sku, self.code)
            kept = self.case.network.kept.get(sku, {}).get(self.code, 0)
            values = range(held + 1, self._most_units(sku, units + kept) + 1)
            yield Parameter("stock", held, values, self._stock_change(sku), sku=sku)
        yield from self._confidence(asked)

    def _most_units(self, sku: str, asked: int) -> int:
        """More change nothing: but where the price of a unit falls with their number, they may go on to."""
        steps = self.case.steps
        if sku not in self.case.network.scarcity and any(step.weights.scarcity for step in steps):
            return _MOST_UNITS
        return max((max(s.source.min_sellable, asked + s.source.min_left_after) for s in steps), default=asked)

    def _stock_change(self, sku: str) -> Callable[[int], Case]:
        return lambda units: self._figure("sellable", sku, units)

    def _confidence(self, skus: Iterable[str]) -> Iterator[Parameter]:
        wanted = sorted({step.source.min_confidence for step in self.case.steps})
        for sku in skus:
            known = self.case.network.confidence.get(sku, {}).get(self.code, PRIOR)
            if _held(self.case, sku, self.code) and (values := [least for least in wanted if least > known]):
                yield Parameter("confidence", known, values, self._confidence_change(sku), sku=sku)

    def _confidence_change(self, sku: str) -> Callable[[float], Case]:
        return lambda value: self._figure("confidence", sku, value)

    # Its cost ------------------------------------------------------------------------------------

    def of_its_cost(self) -> Iterator[Parameter]:
        weights = [step.weights for step in self.case.steps]
        if any(weight.cost for weight in weights):
            for name in ("handling_micro", "handling_unit_micro", "packaging_micro"):
                if micro := getattr(self.place, name):
                    yield Parameter(name, micro, _cents_down_from(micro), self._place_change(name))
            yield from self._carriage()
        if any(weight.scarcity for weight in weights):
            yield from self._scarcity()
        if any(weight.workload for weight in weights) and (share := self.case.network.workload(self.place)):
            yield Parameter("workload", share, _hundredths_down_from(share), lambda v: self._answer("workload", v))
        if any(weight.refusal for weight in weights) and (sure := self.case.network.acceptance(self.place)) < 1:
            values = [n / 100 for n in range(int(sure * 100) + 1, 101)]
            yield Parameter("acceptance", sure, values, lambda value: self._answer("acceptance", value))
        yield from self._dates()

    def _place_change(self, name: str) -> Callable[[int], Case]:
        return lambda value: self._of_place(**{name: value})

    def _carriage(self) -> Iterator[Parameter]:
        """By how much it would have to cost less."""
        tariffs = self._tariffs()
        dearest = max((tier.price_micro for tariff in tariffs for tier in tariff.tiers), default=0)
        if dearest:
            values = range(CENT_MICRO, -(-dearest // CENT_MICRO) * CENT_MICRO + 1, CENT_MICRO)
            yield Parameter("carriage_less_micro", 0, values, lambda micro: self._cheaper(tariffs, micro))

    def _tariffs(self) -> Sequence[Tariff]:
        return per_service(self.case.network.tariff(self.place, self._km()))

    def _cheaper(self, tariffs: Sequence[Tariff], micro: int) -> Case:
        asked, code = self.case.network.tariff, self.code
        cheaper = tuple(Tariff.of(_cheaper_tier(tier, micro) for tier in tariff.tiers) for tariff in tariffs)
        return self._network(tariff=lambda place, km: cheaper if place.code == code else asked(place, km))

    def _scarcity(self) -> Iterator[Parameter]:
        for sku, prices in self.case.network.scarcity.items():
            if micro := prices.get(self.code):
                yield Parameter("scarcity_micro", micro, _cents_down_from(micro), self._price_change(sku), sku=sku)

    def _price_change(self, sku: str) -> Callable[[int], Case]:
        return lambda micro: self._figure("scarcity", sku, micro)

    def _dates(self) -> Iterator[Parameter]:
        """By how many days it would have to be earlier."""
        late = [known for _tier, known in self._timings() if known.is_late]
        if late:
            latest = max(known.late_days for known in late)
            yield Parameter("days_earlier", 0, range(1, int(-(-latest // 1)) + 1) or [1], self._days_earlier)

    def _days_earlier(self, days: int) -> Case:
        return self._network(timing=self._sooner(lambda _tier: days))

    def _timings(self) -> Iterator[tuple[Tier, Timing]]:
        """Of every way to send from there; none where no step asks for dates."""
        if any(step.source.on_time or step.weights.lateness_days for step in self.case.steps):
            for tier in ways_to_send(self._tariffs()):
                yield tier, self.case.network.timing(self.place, tier)

    def _sooner(self, days: Callable[[Tier], int]) -> Callable[[Place, Tier], Timing]:
        asked, code = self.case.network.timing, self.code

        def timing(place: Place, tier: Tier) -> Timing:
            known = asked(place, tier)
            if place.code != code:
                return known
            left = max(0, known.late_days - days(tier))
            return Timing(left, known.is_on_time or not left)

        return timing

    def _km(self) -> float | None:
        known = self.case.network.distances_km
        return known.get(self.code) if known is not None else None

    # The rule ------------------------------------------------------------------------------------

    def of_the_steps(self) -> Iterator[Parameter]:
        for number in range(len(self.case.steps)):
            yield from self._standing(number)
            yield from self._distance(number)
            yield from self._least(number)
            yield from self._parcels(number)

    def _standing(self, number: int) -> Iterator[Parameter]:
        step, place = self.case.steps[number], self.place
        source, ability = step.source, ability_for(self.case.demand.method)
        standing = replace(place, is_accepting=True, is_paused=False)
        reason = standing_reason(standing, source, ability)
        if reason == "kind":
            yield self._let_in(number, "kinds", sorted(source.kinds), place.kind, kinds=source.kinds | {place.kind})
        elif reason == "location":
            named = (*source.locations, place.code)
            yield self._let_in(number, "locations", list(source.locations), place.code, locations=named)
        elif reason == "exclude_group":
            of_it = sorted(place.groups & source.exclude_groups)
            left = source.exclude_groups - place.groups
            yield self._let_in(number, "exclude_groups", of_it, sorted(left), exclude_groups=left)
        elif reason == "group":
            more = sorted(source.groups - source.exclude_groups)[:1]
            change = lambda value: self._of_place(groups=place.groups | set(value))  # noqa: E731
            yield Parameter("groups", sorted(place.groups), [more], change, step=number)
        elif reason == "ability":
            more = sorted((source.abilities | {ability}) - place.abilities)
            change = lambda value: self._of_place(abilities=place.abilities | set(value))  # noqa: E731
            yield Parameter("abilities", sorted(place.abilities), [more], change, step=number)

    def _let_in(self, number: int, name: str, actual: Any, needed: Any, **changes: Any) -> Parameter:
        return Parameter(name, actual, [needed], lambda _value: self._source(number, **changes), step=number)

    def _distance(self, number: int) -> Iterator[Parameter]:
        limit = self.case.steps[number].source.max_distance_km
        if limit is None:
            return
        own, known = self._km(), self.case.network.distances_km or {}
        is_within = own is not None and own <= limit
        all_km = [km for km in known.values() if km is not None]
        if own is None:
            values: list[Any] = [NO_LIMIT]
        elif own > limit:  # farther, until it and whom it needs are let in
            values = [*sorted({_tenths_up(km) for km in all_km if km >= own}), NO_LIMIT]
        else:  # nearer, until those are out that are better
            nearer = {_tenths_up(km) - 0.1 for km in all_km if own < km <= limit}
            values = [round(km, 1) for km in sorted(nearer, reverse=True) if km >= own]
        change = self._limit_change(number)
        yield Parameter("max_distance_km", limit, values, change, False, number, is_narrowed=is_within)

    def _limit_change(self, number: int) -> Callable[[Any], Case]:
        return lambda value: self._source(number, max_distance_km=None if value == NO_LIMIT else value)

    def _least(self, number: int) -> Iterator[Parameter]:
        source = self.case.steps[number].source
        for name in ("min_sellable", "min_left_after", "min_capacity_left"):
            if least := getattr(source, name):
                yield Parameter(name, least, range(least - 1, -1, -1), self._least_change(number, name), False, number)

    def _least_change(self, number: int, name: str) -> Callable[[int], Case]:
        return lambda value: self._source(number, **{name: value})

    def _parcels(self, number: int) -> Iterator[Parameter]:
        most = self.case.steps[number].max_parcels
        if most is not None:
            units = self.case.demand.units
            values = range(most + 1, max(most + 1, min(units, len(self.case.network.places))) + 1)
            yield Parameter("max_parcels", most, values, self._parcels_change(number), False, number)

    def _parcels_change(self, number: int) -> Callable[[int], Case]:
        return lambda value: self._step(number, max_parcels=value)


def _cents_down_from(micro: int) -> range:
    return range((micro - 1) // CENT_MICRO * CENT_MICRO, -1, -CENT_MICRO)


def _hundredths_down_from(share: float) -> list[float]:
    return [n / 100 for n in range(-(-int(share * 10_000) // 100) - 1, -1, -1)]


def _tenths_up(km: float) -> float:
    """The smallest tenth of a kilometre that is not less."""
    tenths = round(km * 10)
    return (tenths if tenths / 10 >= km else tenths + 1) / 10


def _cheaper_tier(tier: Tier, micro: int) -> Tier:
    return replace(tier, price_micro=max(0, tier.price_micro - micro))
