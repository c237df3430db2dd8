"""Several orders that are not yet released, planned again together.

One by one, an early order takes the unit that a later one needs more. Here all that may still move is decided at once:
what the present plans hold counts as free, nobody's date gets later than the promise given, and the whole never costs
more than before. It is solved exactly, within the budget, for up to `MAX_TOGETHER` orders and for as many more as have
few enough ways to be served; of still more, the neighbours of one order at a time, the one that paid most for coming
late first, until nothing improves.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import Any

import numpy as np

from . import columns as single
from . import explain, master
from .assess import Assessment, Scene, assess
from .conditions import matching_rule
from .cost import weight_of
from .planner import parcel_of, steps_of, with_runners_up
from .problem import Problem, Solution, priced
from .solve import solve
from .tariffs import Tier
from .types import Budget, BySkuAndPlace, Demand, Network, Parcel, Place, Plan, Rule, Step, StepReport, Timing

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
    will do). An order that is late already may stay as late as it is.
    """

    key: str
    demand: Demand
    rules: Sequence[Rule]
    network: Network
    plan: Plan
    promise: Any = None
    arrives: Callable[[Place, Tier], Any] = lambda _place, _tier: 0


@dataclass(frozen=True)
class Pool:
    """What the orders of the batch have together: units by SKU and place, and the parcels that places can still
    prepare (no entry: no limit), both with what the present plans hold."""

    stock: BySkuAndPlace
    capacity: Mapping[str, int] = field(default_factory=dict)


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
    held = [parcel for one in pending if one.key not in keys for parcel in one.plan.parcels]
    work = _Work(movable, _Left.of(pool, held), budget, max_size)
    work.run()
    changed = [order for order in movable if work.chosen[order.key].parcels != order.present.parcels]
    plans = {one.key: one.plan for one in pending}
    plans |= {order.key: order.plan_of(work.chosen[order.key], work.alone(order)) for order in changed}
    return Batch(
        plans=plans,
        changed=tuple(order.key for order in changed),
        cost_before_micro=sum(order.present.cost_micro for order in movable),
        cost_micro=work.cost_micro,
        lower_bound_micro=min(work.lower_bound_micro, work.cost_micro),
    )


# What is shared ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Left:
    """Units by (SKU, place) and parcels by place that are still to be had."""

    units: Mapping[tuple[str, str], int]
    parcels: Mapping[str, int]

    @classmethod
    def of(cls, pool: Pool, held: Iterable[Parcel]) -> "_Left":
        units = {(sku, code): number for sku, at in pool.stock.items() for code, number in at.items()}
        return cls(units, dict(pool.capacity)).without(held)

    def without(self, held: Iterable[Parcel]) -> "_Left":
        units, parcels = dict(self.units), dict(self.parcels)
        for parcel in held:
            if parcel.location in parcels:
                parcels[parcel.location] -= 1
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
        assessment = _assessed(pending, replace(steps[number], complete=True))
        present = _as_solution(assessment.problem, plan)
        return cls(pending, number, steps, rule, assessment, present) if present else None

    @cached_property
    def columns(self) -> "single.Columns | None":
        found = single.enumerated(self.problem, np.arange(len(self.problem.offers)))
        return found if found is not None and len(found.place) <= _MAX_COLUMNS else None

    def parcels(self, solution: Solution) -> list[Parcel]:
        return [parcel_of(self.problem, row, quantities, self.number) for row, quantities in solution.parcels]

    def plan_of(self, solution: Solution, lower_bound_micro: int) -> Plan:
        """The bound is that of the order alone."""
        step = self.steps[self.number]
        bound = min(lower_bound_micro, solution.cost_micro)
        report = StepReport(step.name, "served", len(self.problem.offers), len(solution.parcels), solution.cost_micro)
        assessments = {self.number: self.assessment}
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
        )


def _assessed(pending: Pending, step: Step) -> Assessment:
    """As the step sees the places, without any way to send that would break the promise."""
    given = network = pending.network
    if pending.promise is not None:
        latest = max([pending.promise, *_arrivals(pending)])
        must_be_on_time = step.source.on_time

        def timing(place: Place, tier: Tier) -> Timing:
            own = given.timing(place, tier)
            keeps = pending.arrives(place, tier) <= latest
            return Timing(own.late_days, keeps and (own.is_on_time or not must_be_on_time))

        network = replace(given, timing=timing)
        step = replace(step, source=replace(step.source, on_time=True))
    return assess(Scene(pending.demand, network), step, pending.demand.lines, {}, [])


def _arrivals(pending: Pending) -> Iterator[Any]:
    for parcel in pending.plan.parcels:
        place = pending.network.places.get(parcel.location)
        if place:
            tier = Tier(parcel.weight_g, 0, parcel.transit_days, parcel.carrier_service)
            yield pending.arrives(place, tier)


def _as_solution(problem: Problem, plan: Plan) -> Solution | None:
    """The plan at the prices of now; None when a place of it is no longer let in, or holds too little."""
    rows = {place.code: row for row, place in enumerate(problem.offers.places)}
    parcels, cost = [], 0
    for parcel in plan.parcels:
        row = rows.get(parcel.location)
        units = {line.key: line.quantity for line in parcel.lines}
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
        self.lower_bound_micro = sum(self.alone(order) for order in self.orders)
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

    def _regret(self, order: _Order) -> int:
        return self.chosen[order.key].cost_micro - self.alone(order)

    def _neighbours(self, order: _Order, others: Sequence[_Order]) -> list[_Order]:
        """Those who hold what this order could use, the nearest to its best places first."""
        places = {place.code for place in order.problem.offers.places}
        skus = {line.sku for line in order.problem.lines}
        found = []
        for other in others:
            if other is order:
                continue
            held = other.parcels(self.chosen[other.key])
            shared = sum(line.sku in skus for parcel in held if parcel.location in places for line in parcel.lines)
            crowded = any(parcel.location in places and parcel.location in self.left.parcels for parcel in held)
            if shared or crowded:
                found.append((-shared, -self._regret(other), other.key, other))
        return [other for *_, other in sorted(found, key=lambda entry: entry[:3])][: _NEIGHBOURS - 1]

    def _improve(self, orders: Sequence[_Order]) -> int:
        """The best plans for these, the others staying as they are; the bound is that of these alone."""
        if not orders:
            return 0
        chosen = {order.key for order in orders}
        held = [p for other in self.orders if other.key not in chosen for p in other.parcels(self.chosen[other.key])]
        joint = _Joint(orders, self.left.without(held))
        before = sum(self.chosen[order.key].cost_micro for order in orders)
        found, bound = joint.solve(before, self.budget)
        if found and sum(solution.cost_micro for solution in found.values()) < before:
            self.chosen |= found
        return bound


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
                if codes[row] in self.left.parcels:
                    self._column(uses, ("parcels", codes[row]))[own] += self.place[own] == row
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
