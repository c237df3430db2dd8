"""Orders planned together: exact for a few, never worse for anyone's promise or in total."""

import random
from dataclasses import replace

import pytest

from routing.engine.batch import NO_PLAN, Batch, Pending, Pool, present_plan, reoptimise
from routing.engine.planner import plan, plan_again
from routing.engine.tariffs import NO_WEIGHT_LIMIT_G, Tariff, Tier
from routing.engine.types import Budget, Plan, Rest, Rule, Source, Step
from routing.evidence_bytes import packed, unpacked

from .oracle import World, judged, programmed_jointly, random_world
from .sides import MICRO_PER_CENT, UNHURRIED, allocation, demand_of, network_of, rules_of
from .world import a_demand, flat, line, network, place, planned

ANYWHERE = [Rule("rule", (Step(),))]


# The toy ----------------------------------------------------------------------------------------

TOY = [[2, 5, 6], [7, 19, 20], [8, 15, 18]]  # what each order costs from A, B and C, which hold one unit each


def toy() -> list[Pending]:
    """Orders served one after the other, each by the cheapest place that still has the unit."""
    pending, gone = [], set()
    for number, prices in enumerate(TOY):
        tariffs = {code: flat(price) for code, price in zip("ABC", prices, strict=True)}
        places = [place(code) for code in "ABC"]
        demand = a_demand(line("A", key=f"o{number}"))
        now = network(places, {("A", code): 1 for code in "ABC" if code not in gone}, tariffs)
        present = plan(demand, ANYWHERE, now, UNHURRIED)
        gone.add(present.parcels[0].location)
        free = network(places, {("A", code): 1 for code in "ABC"}, tariffs)
        pending.append(Pending(f"o{number}", demand, ANYWHERE, free, present))
    return pending


def test_three_orders_and_three_places_cost_28_instead_of_39():
    batch = reoptimise(toy(), Pool({"A": dict.fromkeys("ABC", 1)}), UNHURRIED)

    assert (batch.cost_before_micro, batch.cost_micro) == (39_000_000, 28_000_000)
    assert batch.optimal
    assert {key: found.parcels[0].location for key, found in batch.plans.items()} == {"o0": "C", "o1": "A", "o2": "B"}
    assert set(batch.changed) == {"o0", "o1", "o2"}
    assert [batch.plans[key].cost for key in ("o0", "o1", "o2")] == [6, 7, 15]


def test_an_order_whose_promise_would_break_stays_in_time():
    """From C order 0 would come on day 3; it was promised for day 2, so order 2 keeps C."""
    pending = toy()
    pending[0] = replace(pending[0], promise=2, arrives=lambda at, _tier: 3 if at.code == "C" else 2)

    batch = reoptimise(pending, Pool({"A": dict.fromkeys("ABC", 1)}), UNHURRIED)

    assert {key: found.parcels[0].location for key, found in batch.plans.items()} == {"o0": "B", "o1": "A", "o2": "C"}
    assert batch.cost_micro == (5 + 7 + 18) * 10**6


def test_an_order_that_is_late_already_may_stay_where_it_is_but_gets_no_later():
    (order, *_) = toy()
    order = replace(order, promise=1, arrives=lambda at, _tier: {"A": 4, "B": 5, "C": 3}[at.code])

    batch = reoptimise([order], Pool({"A": dict.fromkeys("ABC", 1)}), UNHURRIED)

    assert (batch.changed, batch.plans["o0"]) == ((), order.plan)


def test_orders_that_cannot_move_keep_what_they_have():
    pending = toy()
    waiting = Pending("o3", a_demand(line("A", 9)), ANYWHERE, pending[0].network, pending[0].plan)
    short = planned(waiting.demand, network([place("A")], {("A", "A"): 1}))
    waiting = replace(waiting, plan=short)  # has a rest, holds the unit in A

    batch = reoptimise([*pending[1:], waiting], Pool({"A": dict.fromkeys("ABC", 1)}), UNHURRIED)

    assert batch.plans["o3"] is short
    assert {key: batch.plans[key].parcels[0].location for key in ("o1", "o2")} == {"o1": "C", "o2": "B"}
    assert (batch.cost_before_micro, batch.cost_micro) == (37_000_000, 35_000_000)  # without the one that stays


def test_the_capacity_of_a_place_is_shared():
    """X is best for both and could prepare one parcel; the second order gains more from it."""
    places = [place("X"), place("Y")]
    pending = []
    for key, (x, y), now_at in (("o0", ("1", "2"), "X"), ("o1", ("1", "9"), "Y")):
        prices = {"X": flat(x), "Y": flat(y)}
        demand = a_demand(line("A", key=key))
        present = planned(demand, network(places, {("A", now_at): 1}, prices))
        pending.append(Pending(key, demand, ANYWHERE, network(places, {("A", c): 9 for c in "XY"}, prices), present))

    batch = reoptimise(pending, Pool({"A": {"X": 9, "Y": 9}}, {"X": 1}), UNHURRIED)

    assert {key: found.parcels[0].location for key, found in batch.plans.items()} == {"o0": "Y", "o1": "X"}
    assert (batch.cost_before_micro, batch.cost_micro) == (10_000_000, 3_000_000)


def test_places_that_prepare_the_orders_on_other_days_have_room_for_both():
    places, prices = [place("X"), place("Y")], {"X": flat("1"), "Y": flat("2")}
    pending = []
    for key, now_at in (("o0", "X"), ("o1", "Y")):
        demand = a_demand(line("A", key=key))
        present = planned(demand, network(places, {("A", now_at): 1}, prices))
        pending.append(Pending(key, demand, ANYWHERE, network(places, {("A", c): 9 for c in "XY"}, prices), present))
    room = {("X", 1): 1, ("X", 2): 1}

    on_one_day = [replace(one, slot=lambda code: (code, 1)) for one in pending]
    on_two_days = [replace(one, slot=lambda code, day=day: (code, day)) for day, one in enumerate(pending, start=1)]

    for orders, cost in ((on_one_day, 3), (on_two_days, 2)):
        assert reoptimise(orders, Pool({"A": {"X": 9, "Y": 9}}, room), UNHURRIED).cost_micro == cost * 10**6


def test_a_line_that_was_promised_sooner_than_the_others_comes_no_later():
    """Both lines would cost less in one parcel from Y, which comes on day 4; line A was promised for day 2."""
    places, prices = [place("X"), place("Y")], {"X": flat("3"), "Y": flat("3")}
    demand = a_demand(line("A", key="A"), line("B", key="B"))
    free = network(places, {("A", "X"): 1, ("A", "Y"): 1, ("B", "Y"): 1}, prices)
    order = Pending("o", demand, ANYWHERE, free, NO_PLAN, promise=4, arrives=lambda at, _: {"X": 2, "Y": 4}[at.code])
    pool = Pool({"A": {"X": 1, "Y": 1}, "B": {"Y": 1}})
    two_parcels = [("X", {"A": 1}), ("Y", {"B": 1})]

    for sooner, cost in (({}, 3), ({"A": 2}, 6)):
        one = replace(order, sooner=sooner)
        one = replace(one, plan=present_plan(one, two_parcels))
        assert reoptimise([one], pool, UNHURRIED).cost_micro == cost * 10**6


def test_a_place_that_might_send_a_line_too_late_is_left_out_for_it():
    slow_or_quick = Tariff.of([Tier(NO_WEIGHT_LIMIT_G, 10**6, transit_days=4, carrier_service="slow")])
    demand = a_demand(line("A", key="A"), line("B", key="B"))
    free = network([place("X"), place("Y")], {("A", "X"): 1, ("B", "Y"): 1}, {"X": slow_or_quick, "Y": flat("1")})
    order = Pending("o", demand, ANYWHERE, free, NO_PLAN, promise=5, arrives=lambda _, tier: tier.transit_days)

    assert present_plan(order, [("X", {"A": 1}), ("Y", {"B": 1})])
    assert present_plan(replace(order, sooner={"A": 3}), [("X", {"A": 1}), ("Y", {"B": 1})]) is None


def test_an_order_with_too_many_ways_to_list_is_finished_from_what_the_others_leave():
    """Sixteen products in two parcels could be in one, but the other place's last unit of one of them is another's."""
    skus = [f"S{n}" for n in range(16)]
    places, prices = [place("X"), place("Y"), place("Z")], {"X": flat("4"), "Y": flat("5"), "Z": flat("9")}
    stock = {(sku, code): 1 for sku in skus for code in "XYZ"}
    large = a_demand(*(line(sku, key=sku) for sku in skus))
    half = [("X", dict.fromkeys(skus[:8], 1)), ("Y", dict.fromkeys(skus[8:], 1))]
    order = Pending("large", large, ANYWHERE, network(places, stock, prices), NO_PLAN)
    order = replace(order, plan=present_plan(order, half))
    small = a_demand(line("S0", key="s"))
    other = Pending("small", small, ANYWHERE, network(places, {("S0", "X"): 1, ("S0", "Z"): 1}, prices), NO_PLAN)
    other = replace(other, plan=present_plan(other, [("X", {"s": 1})]))
    pool = Pool({sku: dict.fromkeys("XYZ", 1) for sku in skus})
    without_x = replace(order, plan=present_plan(order, [("Y", half[1][1]), ("Z", half[0][1])]))

    alone = reoptimise([order], pool, UNHURRIED)
    together = reoptimise([without_x, other], pool, UNHURRIED)

    assert [parcel.location for parcel in alone.plans["large"].parcels] == ["X"]
    assert [parcel.location for parcel in together.plans["large"].parcels] == ["Y"]  # S0 in X is the other's
    assert (together.cost_before_micro, together.cost_micro) == (18 * 10**6, 9 * 10**6)


# What stands already ------------------------------------------------------------------------------

BY_STEPS = [
    Rule(
        "steps",
        (
            Step("one", max_parcels=1, complete=True),
            Step("depots", Source(kinds=frozenset({"warehouse"})), rest=Rest.NEXT),
            Step("all", rest=Rest.EXCEPTION),
        ),
    )
]


def standing(*parcels: tuple[str, dict[str, int]]) -> Plan | None:
    places = [place("D", kind="warehouse"), place("S"), place("T")]
    stock = {(sku, code): 1 for sku in "AB" for code in "DST"}
    free = network(places, stock, {code: flat("1") for code in "DST"})
    order = Pending("o", a_demand(line("A", key="A"), line("B", key="B")), BY_STEPS, free, NO_PLAN)
    return present_plan(order, list(parcels))


def test_what_stands_is_of_the_first_step_that_would_have_made_it():
    one, two = standing(("S", {"A": 1, "B": 1})), standing(("S", {"A": 1}), ("T", {"B": 1}))

    assert one and two
    assert ([p.step for p in one.parcels], [p.step for p in two.parcels]) == ([0], [2, 2])
    assert (one.cost_micro, two.cost_micro) == (10**6, 2 * 10**6)


def test_what_may_be_partly_of_an_earlier_step_is_none_of_a_later_one():
    assert standing(("D", {"A": 1}), ("S", {"B": 1})) is None


def test_what_no_step_would_make_or_not_so_late_does_not_stand():
    demand, places = a_demand(line("A", key="A")), [place("S")]
    order = Pending("o", demand, ANYWHERE, network(places, {("A", "S"): 1}), NO_PLAN, arrives=lambda *_: 3)

    assert present_plan(replace(order, promise=3), [("S", {"A": 1})])
    assert present_plan(replace(order, promise=2), [("S", {"A": 1})]) is None
    assert present_plan(order, [("ELSEWHERE", {"A": 1})]) is None
    assert present_plan(replace(order, rules=[]), [("S", {"A": 1})]) is None


# Random batches -----------------------------------------------------------------------------------


class RandomBatch:
    """Orders over the same places and goods, each with prices and dates of its own, planned one after the other."""

    def __init__(self, seed: int, orders: int, places: tuple[int, int] = (3, 5)):
        draw = random.Random(seed)
        first = random_world(7 * seed + 6, places=places, spread=0.9)
        skus = sorted({sku for sku, _ in first.stock})[:4]
        self.stock = {(sku, j): draw.choice((1, 1, 2)) for sku in skus for j in first.places if draw.random() < 0.9}
        self.capacity = {j: draw.choice((1, 2, 2, 3)) for j in first.places if draw.random() < 0.5}
        self.worlds = [self._world(draw, first, skus) for _ in range(orders)]
        self.pending: list[Pending] = []
        self.served: list[World] = []
        self.left, self.room = dict(self.stock), dict(self.capacity)
        for number, world in enumerate(self.worlds):
            self._place(number, world, draw)

    def _world(self, draw, first: World, skus: list[str]) -> World:
        other = random_world(7 * draw.randrange(10**6) + 6, places=(len(first.handling),) * 2)
        lines = draw.sample(skus, draw.choice((1, 1, 2, 2, 3)))
        return replace(
            first,
            skus=lines,
            wanted=[draw.choice((1, 1, 2)) for _ in lines],
            groups=["g" if len(lines) > 2 and draw.random() < 0.3 else None for _ in lines],
            keep_groups=True,
            services=other.services,
            stock=self.stock,
            excluded={},
            markdown={key: cents for key, cents in first.markdown.items() if key in self.stock},
            scarcity={key: cents for key, cents in first.scarcity.items() if key in self.stock},
            capacity=[self.capacity.get(j) for j in first.places],
            max_parcels=draw.choice((None, None, 1, 2)),
            min_value=draw.choice((0, 0, 10)),
            complete=True,
        )

    def _place(self, number: int, world: World, draw) -> None:
        now = replace(
            world,
            stock={key: units for key, units in self.left.items() if units},
            capacity=[self.room.get(j) for j in world.places],
        )
        present = plan(demand_of(now), rules_of(now), network_of(now), UNHURRIED)
        x = allocation(present)
        if not x:
            return
        for (i, j), q in x.items():
            self.left[world.skus[i], j] -= q
        for j in {j for _, j in x}:
            if j in self.room:
                self.room[j] -= 1
        arrival = max(world.delay[int(p.location[1:])] + p.transit_days for p in present.parcels)
        promise = arrival + draw.choice((0, 0, 1, 9))
        self.served.append(replace(world, days=promise, on_time=True))
        self.pending.append(
            Pending(
                f"o{number}",
                demand_of(world),
                rules_of(world),
                network_of(world),
                present,
                promise,
                lambda at, tier: world.delay[int(at.code[1:])] + tier.transit_days,
            )
        )

    @property
    def pool(self) -> Pool:
        stock: dict[str, dict[str, int]] = {}
        for (sku, j), units in self.stock.items():
            stock.setdefault(sku, {})[f"P{j:03}"] = units
        return Pool(stock, {f"P{j:03}": parcels for j, parcels in self.capacity.items()})

    def standing(self) -> list[Plan]:
        """What the parcels alone say of the plans, at the prices of now."""
        found = []
        for one in self.pending:
            parcels = [(p.location, {line.key: line.quantity for line in p.lines}) for p in one.plan.parcels]
            plan = present_plan(one, parcels)
            assert plan and allocation(plan) == allocation(one.plan)
            found.append(plan)
        return found

    def assert_sound(self, batch: Batch) -> int:
        """Every order whole, in time and within what is shared; returns the cents of all."""
        units: dict[tuple[str, int], int] = {}
        parcels: dict[int, int] = {}
        cents = 0
        for world, pending in zip(self.served, self.pending, strict=True):
            x = allocation(batch.plans[pending.key])
            own = judged(world, x)  # also whole, by what the place alone may give and the promise allows
            assert own is not None
            assert sum(x.values()) == sum(world.wanted)
            cents += own
            for (i, j), q in x.items():
                units[world.skus[i], j] = units.get((world.skus[i], j), 0) + q
            for j in {j for _, j in x}:
                parcels[j] = parcels.get(j, 0) + 1
            for parcel in batch.plans[pending.key].parcels:
                assert world.delay[int(parcel.location[1:])] + parcel.transit_days <= pending.promise
        assert all(q <= self.stock[key] for key, q in units.items())
        assert all(number <= self.capacity.get(j, 99) for j, number in parcels.items())
        assert batch.cost_micro == cents * MICRO_PER_CENT
        return cents

    def assert_told(self, batch: Batch, key: str) -> None:
        """What is kept of the plan makes it again, for this order alone, and names what the others have of the rest."""
        decided = batch.plans[key]
        told = unpacked(packed(decided.evidence()))
        again = plan_again(told, UNHURRIED)
        assert (allocation(again), again.cost_micro) == (allocation(decided), decided.cost_micro)
        others = [p for other, plan in batch.plans.items() if other != key for p in plan.parcels]
        for sku, here in told.kept.items():
            for code, units in here.items():
                assert units == sum(x.quantity for p in others for x in p.lines if (p.location, x.sku) == (code, sku))
        for code, parcels in told.kept_parcels.items():
            assert self.capacity[int(code[1:])] == parcels == sum(p.location == code for p in others)


def assert_best(seed: int) -> bool:
    """Returns whether anything changed."""
    case = RandomBatch(seed, orders=random.Random(seed).randint(2, 6))
    batch = reoptimise(case.pending, case.pool, UNHURRIED)
    assert sum(plan.cost_micro for plan in case.standing()) == batch.cost_before_micro
    cents = case.assert_sound(batch)
    assert batch.cost_micro <= batch.cost_before_micro
    assert batch.optimal
    assert cents == (programmed_jointly(case.served, case.stock, case.capacity) if case.pending else 0)
    for key in batch.changed:
        case.assert_told(batch, key)
    return bool(batch.changed)


@pytest.mark.parametrize("part", range(4))
def test_up_to_six_orders_cost_together_what_the_joint_programme_says(part):
    assert any([assert_best(seed) for seed in range(part, 120, 4)])


@pytest.mark.long
def test_five_hundred_batches_equal_the_joint_programme():
    changed = sum(assert_best(seed) for seed in range(120, 620))
    assert changed >= 100  # the others were at their best already


@pytest.mark.parametrize("max_size", [5_000_000, 0])
@pytest.mark.parametrize("seed", range(4))
def test_many_orders_get_no_dearer_and_no_later(seed, max_size):
    """As one problem, and neighbours by neighbours."""
    case = RandomBatch(1000 + seed, orders=30, places=(10, 14))

    batch = reoptimise(case.pending, case.pool, UNHURRIED, max_size)

    case.assert_sound(batch)
    best = programmed_jointly(case.served, case.stock, case.capacity) * MICRO_PER_CENT
    assert batch.lower_bound_micro <= best <= batch.cost_micro <= batch.cost_before_micro
    assert batch.optimal == (max_size > 0)
    saved, possible = batch.cost_before_micro - batch.cost_micro, batch.cost_before_micro - best
    assert saved >= 0.8 * possible


def test_without_time_the_present_plans_stay():
    case = RandomBatch(7, orders=6)

    batch = reoptimise(case.pending, case.pool, Budget(now=lambda: 1.0, ends_at=0.0))

    case.assert_sound(batch)
    assert batch.cost_micro <= batch.cost_before_micro
    assert batch.lower_bound_micro <= batch.cost_micro


def test_an_empty_batch_is_no_work():
    batch = reoptimise([], Pool({}), UNHURRIED)

    assert (batch.plans, batch.changed, batch.cost_micro, batch.optimal) == ({}, (), 0, True)
