"""Several orders that are not yet released, planned again together.

One by one, an early order takes the unit that a later one needs more. Here all that may still move is decided at once:
what the present plans hold counts as free, nobody's date gets later than the promise given, and the whole never costs
more than before. It is solved exactly, within the budget, for up to `MAX_TOGETHER` orders and for as many more as have
few enough ways to be served; of still more, the neighbours of one order at a time, the one that paid most for coming
late first, until nothing improves. An order with too many ways to list is planned by itself, from what the others leave.
"""

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import Any

import numpy as np

from . import columns as single
from . import explain, geo, master
from .assess import Assessment, Scene, assess
from .conditions import matching_rule
from .cost import ways_to_send, weight_of
from .evidence import Evidence, Witness, evidence
from .planner import parcel_of, steps_of, with_runners_up
from .problem import Problem, Solution, priced
from .solve import solve
from .tariffs import Tier, per_service
from .types import (
    Budget,
    BySkuAndPlace,
    Demand,
    Network,
    Parcel,
    Place,
    Plan,
    Rest,
    Rule,
    Step,
    StepReport,
    Timing,
    has_not_passed,
)

MAX_TOGETHER = 6
#: Numbers in the table of all ways to serve the orders (columns × what they serve).
MAX_SIZE = 5_000_000
_NEIGHBOURS = 16
_MAX_COLUMNS = 60_000
_SLACK_MICRO = 4


@dataclass(frozen=True)
class Pending:
    """An order that may still move, with its present plan.

    `network` is the world for this demand as if none of the plans of the batch had been made. `arrives(place, tier)`
    tells when a parcel would come, in any measure that can be compared with `promise`, the date given (None: any date
    will do); `sooner` names, by key, the lines that were promised earlier. An order that is late already may stay as
    late as it is. `slot(place)` is what a parcel from there takes of the pool's capacity.
    """

    key: str
    demand: Demand
    rules: Sequence[Rule]
    network: Network
    plan: Plan
    promise: Any = None
    arrives: Callable[[Place, Tier], Any] = lambda _place, _tier: 0
    sooner: Mapping[str, Any] = field(default_factory=dict)
    slot: Callable[[str], Hashable] = str


@dataclass(frozen=True)
class Pool:
    """What the orders of the batch have together: units by SKU and place, and the parcels that places can still
    prepare, by slot (no entry: no limit), both with what the present plans hold."""

    stock: BySkuAndPlace
    capacity: Mapping[Hashable, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Batch:
    """`plans`: one for each order, by key; those not in `changed` are the very ones that were given.

    `cost_before_micro` is what the given plans cost at the same prices, for the orders that could move at all.
    """

    plans: Mapping[str, Plan]
    changed: tuple[str, ...]
    cost_before_micro: int
    cost_micro: int
    lower_bound_micro: int

    @property
    def optimal(self) -> bool:
        return self.lower_bound_micro >= self.cost_micro


def reoptimise(pending: Sequence[Pending], pool: Pool, budget: Budget, max_size: int = MAX_SIZE) -> Batch:
    """New plans for the orders, together no dearer than the present ones and none later than promised.

    Only an order whose present plan serves all of it in one step, at places that this step still lets in, can move, and
    within that step; the others keep what they have. More orders than `MAX_TOGETHER` are solved as one problem up to
    `max_size`.
    """
    movable = [order for order in (_Order.of(one) for one in pending) if order]
    keys = {order.key for order in movable}
    held = [(one, parcel) for one in pending if one.key not in keys for parcel in one.plan.parcels]
    work = _Work(movable, _Left.of(pool, held), budget, max_size)
    work.run()
    changed = [order for order in movable if work.chosen[order.key].parcels != order.present.parcels]
    plans = {one.key: one.plan for one in pending}
    plans |= {order.key: work.plan_of(order) for order in changed}
    return Batch(
        plans=plans,
        changed=tuple(order.key for order in changed),
        cost_before_micro=sum(order.present.cost_micro for order in movable),
        cost_micro=work.cost_micro,
        lower_bound_micro=min(work.lower_bound_micro, work.cost_micro),
    )


#: Of an order whose present plan is still to be found.
NO_PLAN = Plan((), (), 0, 0, False, None, (), lambda: ((), {}))


def present_plan(pending: Pending, parcels: Sequence[tuple[str, Mapping[str, int]]]) -> Plan | None:
    """What these parcels (place, units by line) are under the rules and at the prices of now, as `pending.plan` has it.

    The plan that `pending` comes with is not looked at. None where no step would have made them, where a part may be
    an earlier step's, which goes first, or where they would come too late.
    """
    rule = matching_rule(pending.rules, pending.demand)
    steps = steps_of(pending.demand, rule)
    for number, step in enumerate(steps):
        problem = _View.of(pending, step, pending.promise).assessment().problem
        found = _solution(problem, parcels)
        if found and problem.allows(found):
            sent = tuple(parcel_of(problem, row, quantities, number) for row, quantities in found.parcels)
            return replace(NO_PLAN, parcels=sent, cost_micro=found.cost_micro, rule=rule.name if rule else None)
        let_in = {place.code for place in problem.offers.places}
        may_be_partly_its = not problem.complete and any(code in let_in for code, _ in parcels)
        if may_be_partly_its or step.rest is not Rest.NEXT:
            return None
    return None


# What is shared ---------------------------------------------------------------------------------

_Held = tuple[Pending, Parcel]


@dataclass(frozen=True)
class _Left:
    """Units by (SKU, place) and parcels by slot that are still to be had."""

    units: Mapping[tuple[str, str], int]
    parcels: Mapping[Hashable, int]

    @classmethod
    def of(cls, pool: Pool, held: Iterable[_Held]) -> "_Left":
        units = {(sku, code): number for sku, at in pool.stock.items() for code, number in at.items()}
        return cls(units, dict(pool.capacity)).without(held)

    def without(self, held: Iterable[_Held]) -> "_Left":
        units, parcels = dict(self.units), dict(self.parcels)
        for pending, parcel in held:
            slot = pending.slot(parcel.location)
            if slot in parcels:
                parcels[slot] -= 1
            for line in parcel.lines:
                key = (line.sku, parcel.location)
                units[key] = units.get(key, 0) - line.quantity
        return _Left(units, parcels)


# One order --------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class _Order:
    """What an order may be served from, and the plan it has, both at the prices of now."""

    pending: Pending
    number: int
    steps: Sequence[Step]
    rule: Rule | None
    view: "_View"
    assessment: Assessment
    present: Solution

    @property
    def key(self) -> str:
        return self.pending.key

    @property
    def problem(self) -> Problem:
        return self.assessment.problem

    @classmethod
    def of(cls, pending: Pending) -> "_Order | None":
        """None for an order that cannot move."""
        plan, demand = pending.plan, pending.demand
        numbers = {parcel.step for parcel in plan.parcels}
        rule = matching_rule(pending.rules, demand)
        steps = steps_of(demand, rule)
        if plan.rest or len(numbers) != 1 or demand.location is not None or max(numbers) >= len(steps):
            return None
        number = numbers.pop()
        latest = None if pending.promise is None else max([pending.promise, *_arrivals(pending)])
        view = _View.of(pending, replace(steps[number], complete=True), latest)
        assessment = view.assessment()
        present = _as_solution(assessment.problem, plan)
        return cls(pending, number, steps, rule, view, assessment, present) if present else None

    @cached_property
    def columns(self) -> "single.Columns | None":
        found = single.enumerated(self.problem, np.arange(len(self.problem.offers)))
        return found if found is not None and len(found.place) <= _MAX_COLUMNS else None

    def parcels(self, solution: Solution) -> list[Parcel]:
        return [parcel_of(self.problem, row, quantities, self.number) for row, quantities in solution.parcels]

    def plan_of(self, solution: Solution, lower_bound_micro: int, left: _Left) -> Plan:
        """The bound is that of the order alone; `left`: what the others leave."""
        step = self.steps[self.number]
        bound = min(lower_bound_micro, solution.cost_micro)
        report = StepReport(step.name, "served", len(self.problem.offers), len(solution.parcels), solution.cost_micro)
        assessments = {self.number: self.assessment}
        told = self._evidence(left)
        return Plan(
            parcels=tuple(with_runners_up(self.parcels(solution), self.steps, assessments)),
            rest=(),
            cost_micro=solution.cost_micro,
            lower_bound_micro=bound,
            optimal=bound == solution.cost_micro,
            rule=self.rule.name if self.rule else None,
            steps=(report,),
            explain=partial(explain.explanation, (self.assessment,), len(self.pending.network.places)),
            notes=self.pending.plan.notes,
            evidence=lambda: told,
        )

    def _evidence(self, left: _Left) -> Evidence:
        """All that the order could have had, as its one step saw it, and what others keep of that where it matters.

        Whoever plans again from it plans this order alone, from what the others leave.
        """
        view = self.view
        rule = Rule(self.rule.name, (view.step,)) if self.rule else None
        parcels = self._kept_parcels(left)  # asks for what the witness must have heard
        told = evidence(view.scene, view.witness, rule, (view.step,))
        return replace(told, kept=self._kept(told, left), kept_parcels=parcels)

    def _kept(self, told: Evidence, left: _Left) -> dict[str, dict[str, int]]:
        """Of which units the others leave fewer than this order asks for, by SKU and place."""
        asked: Counter[str] = Counter()
        for line in self.problem.lines:
            asked[line.sku] += line.quantity
        kept: dict[str, dict[str, int]] = {}
        for sku, column in told.stock.items():
            for code, units in zip(told.codes, column, strict=True):
                over = max(0, left.units.get((sku, code), 0))
                if over < min(units, asked[sku]):
                    kept.setdefault(sku, {})[code] = units - over
        return kept

    def _kept_parcels(self, left: _Left) -> dict[str, int]:
        """Where the others are all that can be prepared, how many they are."""
        kept = {}
        for place in self.problem.offers.places:
            over = left.parcels.get(self.pending.slot(place.code), 1)
            capacity = self.view.scene.network.capacity_left(place) if over < 1 else None
            if capacity:
                kept[place.code] = capacity - over
        return kept


@dataclass(frozen=True, eq=False)
class _View:
    """The places as a step sees them for one order; the witness remembers what it was told."""

    scene: Scene
    step: Step
    witness: Witness

    @classmethod
    def of(cls, pending: Pending, step: Step, latest: Any) -> "_View":
        """Without any way to send that would come after `latest`, or too late for a line."""
        network, demand = pending.network, pending.demand
        if latest is not None:
            demand = replace(demand, excluded=_too_slow(pending, latest))
            must_be_on_time = step.source.on_time

            def timing(place: Place, tier: Tier) -> Timing:
                own = pending.network.timing(place, tier)
                keeps = pending.arrives(place, tier) <= latest
                return Timing(own.late_days, keeps and (own.is_on_time or not must_be_on_time))

            # Nobody knows whether it would come before `latest` without the days that a cut-off cost.
            network = replace(network, timing=timing, days_missed=has_not_passed)
            step = replace(step, source=replace(step.source, on_time=True))
        witness = Witness(network)
        return cls(Scene(demand, witness.network), step, witness)

    def assessment(self) -> Assessment:
        return assess(self.scene, self.step, self.scene.demand.lines, {}, [])


def _too_slow(pending: Pending, latest: Any) -> Mapping[str, frozenset[str]]:
    """The places that must not get a line: also those that could send so that it comes after its own date."""
    excluded = dict(pending.demand.excluded)
    skus = {line.key: line.sku for line in pending.demand.lines}
    for key, date in pending.sooner.items():
        holders = [pending.network.places[code] for code in pending.network.sellable.get(skus[key], ())]
        slow = {place.code for place in holders if any(date < at <= latest for at in _ways(pending, place))}
        excluded[key] = excluded.get(key, frozenset()) | slow
    return excluded


def _ways(pending: Pending, place: Place) -> Iterator[Any]:
    """When a parcel from there could come."""
    there = pending.demand.point
    found = pending.network.tariff(place, geo.distance_km(place.point, there) if place.point and there else None)
    for tier in ways_to_send(per_service(found)):
        yield pending.arrives(place, tier)


def _arrivals(pending: Pending) -> Iterator[Any]:
    for parcel in pending.plan.parcels:
        place = pending.network.places.get(parcel.location)
        if place:
            tier = Tier(parcel.weight_g, 0, parcel.transit_days, parcel.carrier_service)
            yield pending.arrives(place, tier)


def _as_solution(problem: Problem, plan: Plan) -> Solution | None:
    return _solution(
        problem, [(parcel.location, {line.key: line.quantity for line in parcel.lines}) for parcel in plan.parcels]
    )


def _solution(problem: Problem, given: Iterable[tuple[str, Mapping[str, int]]]) -> Solution | None:
    """These parcels at the prices of now; None when a place of them is no longer let in, or holds too little."""
    rows = {place.code: row for row, place in enumerate(problem.offers.places)}
    parcels, cost = [], 0
    for code, units in given:
        row = rows.get(code)
        quantities = tuple(units.get(line.key, 0) for line in problem.lines)
        if row is None or (problem.offers.units[row] < np.array(quantities)).any():
            return None
        parcels.append((row, quantities))
        cost += problem.offers.cost(row, quantities, weight_of(problem.lines, quantities))
    is_whole = tuple(map(sum, zip(*(q for _, q in parcels), strict=True))) == problem.asked
    return Solution(tuple(sorted(parcels)), cost, 0) if is_whole else None


# Together ---------------------------------------------------------------------------------------


class _Work:
    """The plans chosen so far, at first the present ones."""

    def __init__(self, orders: Sequence[_Order], left: _Left, budget: Budget, max_size: int):
        self.orders = orders
        self.left = left
        self.budget = budget
        self.max_size = max_size
        self.chosen = {order.key: order.present for order in orders}
        self._alone: dict[str, int] = {}
        self.lower_bound_micro = 0

    @property
    def cost_micro(self) -> int:
        return sum(solution.cost_micro for solution in self.chosen.values())

    def alone(self, order: _Order) -> int:
        """No plan of this order costs less, were it the only one."""
        if order.key not in self._alone:
            found = solve(order.problem, self.budget)
            self._alone[order.key] = min(found.lower_bound_micro if found else 0, order.present.cost_micro)
        return self._alone[order.key]

    def run(self) -> None:
        self._search()
        for order in self.orders:
            if self.chosen[order.key].parcels != order.present.parcels and not self.budget.is_spent:
                self._settle(order)

    def _search(self) -> None:
        self.lower_bound_micro = sum(self.alone(order) for order in self.orders)
        for order in self.orders:
            if order.columns is None and self._regret(order) > 0 and not self.budget.is_spent:
                self._improve_alone(order)
        able = [order for order in self.orders if order.columns is not None]
        if len(able) <= MAX_TOGETHER or _size(able) <= self.max_size:
            bound = self._improve(able)
            if len(able) == len(self.orders):
                self.lower_bound_micro = max(self.lower_bound_micro, bound)
        while len(able) > MAX_TOGETHER and self.lower_bound_micro < self.cost_micro and not self.budget.is_spent:
            before = self.cost_micro
            for order in sorted(able, key=lambda o: (-self._regret(o), o.key)):
                if self._regret(order) > 0 and not self.budget.is_spent:
                    self._improve([order, *self._neighbours(order, able)])
            if self.cost_micro == before:
                return

    def plan_of(self, order: _Order) -> Plan:
        return order.plan_of(self.chosen[order.key], self.alone(order), self._left_for([order]))

    def _regret(self, order: _Order) -> int:
        return self.chosen[order.key].cost_micro - self.alone(order)

    def _neighbours(self, order: _Order, others: Sequence[_Order]) -> list[_Order]:
        """Those who hold what this order could use, the nearest to its best places first."""
        places = {place.code for place in order.problem.offers.places}
        slots = {order.pending.slot(code) for code in places} & set(self.left.parcels)
        skus = {line.sku for line in order.problem.lines}
        found = []
        for other in others:
            if other is order:
                continue
            held = other.parcels(self.chosen[other.key])
            shared = sum(line.sku in skus for parcel in held if parcel.location in places for line in parcel.lines)
            crowded = any(other.pending.slot(parcel.location) in slots for parcel in held)
            if shared or crowded:
                found.append((-shared, -self._regret(other), other.key, other))
        return [other for *_, other in sorted(found, key=lambda entry: entry[:3])][: _NEIGHBOURS - 1]

    def _improve(self, orders: Sequence[_Order]) -> int:
        """The best plans for these, the others staying as they are; the bound is that of these alone."""
        if not orders:
            return 0
        joint = _Joint(orders, self._left_for(orders))
        before = sum(self.chosen[order.key].cost_micro for order in orders)
        found, bound = joint.solve(before, self.budget)
        if found and sum(solution.cost_micro for solution in found.values()) < before:
            self.chosen |= found
        return bound

    def _improve_alone(self, order: _Order) -> None:
        """The best plan for an order whose ways are too many to list, the others staying as they are."""
        found = self._alone_now(order)
        if found and found.cost_micro < self.chosen[order.key].cost_micro:
            self.chosen[order.key] = found

    def _settle(self, order: _Order) -> None:
        """Of equals, the plan that is made whenever the order is planned again from what the others leave."""
        found = self._alone_now(order)
        if found and found.cost_micro <= self.chosen[order.key].cost_micro:
            self.chosen[order.key] = found

    def _alone_now(self, order: _Order) -> Solution | None:
        problem = _limited(order, self._left_for([order]))
        found = solve(problem, self.budget)
        return found if found and found.units == sum(problem.asked) else None

    def _left_for(self, orders: Sequence[_Order]) -> _Left:
        """What those who stay as they are leave."""
        moving = {order.key for order in orders}
        others = [other for other in self.orders if other.key not in moving]
        held = [(other.pending, parcel) for other in others for parcel in other.parcels(self.chosen[other.key])]
        return self.left.without(held)


def _limited(order: _Order, left: _Left) -> Problem:
    """The order's problem with no more than what is left."""
    offers = order.problem.offers
    units = offers.units.copy()
    for row, place in enumerate(offers.places):
        is_full = left.parcels.get(order.pending.slot(place.code), 1) < 1
        for i, line in enumerate(order.problem.lines):
            most = 0 if is_full else max(0, left.units.get((line.sku, place.code), 0))
            units[row, i] = min(units[row, i], most)
    return replace(order.problem, offers=replace(offers, units=units))


def _size(orders: Sequence[_Order]) -> int:
    """Numbers in the table of all columns over all that they serve."""
    columns = sum(len(order.columns.place) for order in orders if order.columns is not None)
    return columns * sum(len(order.problem.counts) for order in orders)


class _Joint:
    """The columns of several orders over what they share."""

    def __init__(self, orders: Sequence[_Order], left: _Left):
        self.orders = orders
        self.left = left
        self.owner, self.place, self.counts, self.costs = self._gathered()
        self.wanted = np.concatenate([order.problem.counts for order in orders])
        self.serves = self._serves()
        self.uses, self.limits = self._uses()

    def _gathered(self) -> tuple[np.ndarray, np.ndarray, list[np.ndarray], np.ndarray]:
        parts = [order.columns for order in self.orders]
        found = [part for part in parts if part is not None]
        return (
            np.concatenate([np.full(len(part.place), k) for k, part in enumerate(found)]),
            np.concatenate([part.place for part in found]),
            [part.counts for part in found],
            np.concatenate([part.costs for part in found]),
        )

    def _serves(self) -> np.ndarray:
        serves = np.zeros((len(self.costs), len(self.wanted)))
        row = column = 0
        for counts in self.counts:
            serves[row : row + len(counts), column : column + counts.shape[1]] = counts
            row, column = row + len(counts), column + counts.shape[1]
        return serves

    def _uses(self) -> tuple[np.ndarray, np.ndarray]:
        """Columns × limits: units of a SKU at a place and parcels of a place, where they could be too few; and the
        parcels of an order whose step limits them."""
        uses: dict[tuple, np.ndarray] = {}
        start = 0
        for k, (order, counts) in enumerate(zip(self.orders, self.counts, strict=True)):
            own = slice(start, start + len(counts))
            start += len(counts)
            codes = [place.code for place in order.problem.offers.places]
            for sku, units in _units_by_sku(order.problem, counts).items():
                for row in np.unique(self.place[own]).tolist():
                    here = self._column(uses, ("units", sku, codes[row]))
                    here[own] += np.where(self.place[own] == row, units, 0)
            for row in np.unique(self.place[own]).tolist():
                slot = order.pending.slot(codes[row])
                if slot in self.left.parcels:
                    self._column(uses, ("parcels", slot))[own] += self.place[own] == row
            if order.problem.max_parcels is not None:
                self._column(uses, ("order", k))[own] = 1
        limits = {key: self._limit(key) for key in uses}
        pressing = [key for key, used in uses.items() if self._most(key, used) > limits[key]]
        table = [uses[key] for key in pressing]
        return (
            np.stack(table, axis=1) if table else np.zeros((len(self.costs), 0)),
            np.array([limits[key] for key in pressing], dtype=float),
        )

    def _column(self, uses: dict[tuple, np.ndarray], key: tuple) -> np.ndarray:
        return uses.setdefault(key, np.zeros(len(self.costs)))

    def _limit(self, key: tuple) -> int:
        if key[0] == "units":
            return max(0, self.left.units.get((key[1], key[2]), 0))
        if key[0] == "parcels":
            return max(0, self.left.parcels[key[1]])
        return self.orders[key[1]].problem.max_parcels or 0

    def _most(self, key: tuple, used: np.ndarray) -> float:
        """What all orders together could ask for at most."""
        if key[0] == "order":
            return float(self.orders[key[1]].problem.counts.sum())
        return sum(float(used[self.owner == k].max(initial=0)) for k in range(len(self.orders)))

    def solve(self, ceiling_micro: int, budget: Budget) -> tuple[dict[str, Solution] | None, int]:
        """The best plans cheaper than the ceiling, if any was found, and what the orders cost at least."""
        keys = self.owner * (self.place.max() + 1) + self.place
        _, group = np.unique(keys, return_inverse=True)
        every = master.Columns(group, self.costs, self.serves, self.uses)
        try:
            prices = master.priced(every, self.wanted, self.limits, budget)
        except master.Short:
            return None, 0
        bound = max(0, int(prices.bound_micro) - _SLACK_MICRO)
        if bound >= ceiling_micro:
            return None, ceiling_micro
        kept = np.flatnonzero(prices.losses < ceiling_micro - bound + _SLACK_MICRO)
        _, group = np.unique(keys[kept], return_inverse=True)
        part = master.Columns(group, self.costs[kept], self.serves[kept], self.uses[kept])
        chosen, reached, is_final = master.cheapest_set(part, self.wanted, self.limits, budget.left_seconds)
        if chosen is None:
            return None, ceiling_micro if is_final else bound
        found = self._solutions(kept[chosen])
        cost = sum(solution.cost_micro for solution in found.values())
        if is_final:
            return found, min(cost, ceiling_micro)
        return found, max(bound, min(int(reached) - _SLACK_MICRO, ceiling_micro))

    def _solutions(self, chosen: np.ndarray) -> dict[str, Solution]:
        found, start = {}, 0
        for k, (order, counts) in enumerate(zip(self.orders, self.counts, strict=True)):
            own = [c for c in chosen.tolist() if self.owner[c] == k]
            parcels = [(int(self.place[c]), counts[c - start]) for c in own]
            found[order.key] = priced(order.problem, parcels, bound_micro=0)
            start += len(counts)
        return found


def _units_by_sku(problem: Problem, counts: np.ndarray) -> dict[str, np.ndarray]:
    """Units of each SKU that each column takes."""
    found: dict[str, np.ndarray] = {}
    for k, item in enumerate(problem.items):
        for i in item.lines if item.is_kept else item.lines[:1]:
            line = problem.lines[i]
            units = counts[:, k] * (line.quantity if item.is_kept else 1)
            found[line.sku] = found.get(line.sku, 0) + units
    return found
