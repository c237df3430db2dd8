"""What is told of plans that nobody could look at in full: never more than is true, and within the time there is."""

import itertools
import random

import highspy
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from routing.engine import milp, programme
from routing.engine.assess import Scene, assess
from routing.engine.cost import MOST_MICRO
from routing.engine.problem import Problem
from routing.engine.solve import floor_of_all
from routing.engine.types import Budget, Demand, Network, Step, Weights

from .oracle import enumerated, programmed
from .sides import MICRO_PER_CENT, demand_of, network_of, planned, rules_of
from .test_exactness import large_world, outcome, small_world
from .world import a_demand, line, network, place, stepped
from .world import planned as planned_at

HURRIED = Budget(now=lambda: 0.0, ends_at=0.15)


def problem_of(demand: Demand, net: Network, step: Step) -> Problem:
    return assess(Scene(demand, net), step, demand.lines, {}, []).problem


@settings(max_examples=80, deadline=None)
@given(st.integers(0, 10**6))
def test_no_plan_that_serves_all_costs_less_than_the_floor(seed):
    world = small_world(seed)
    best = enumerated(world)
    problem = problem_of(demand_of(world), network_of(world), rules_of(world)[0].steps[0])

    if best and len(problem.offers) and best[0] == problem.most_units:
        assert floor_of_all(problem) <= best[1] * MICRO_PER_CENT


@pytest.mark.parametrize("seed", [1, 3, 5])
def test_wherever_time_ends_the_plan_keeps_all_limits_and_tells_a_true_bound(seed):
    world = large_world(seed)
    best = programmed(world)

    for looks in (0, 1, 2, 3, 5, 8, 13, 21, 34, 55):
        clock = itertools.count()
        result = planned(world, Budget(now=lambda clock=clock: next(clock) / 1000, ends_at=looks / 1000))

        found = outcome(world, result)
        assert found is not None and found[0] == best[0]
        assert result.lower_bound_micro <= best[1] * MICRO_PER_CENT <= result.cost_micro
        assert result.optimal == (result.lower_bound_micro == result.cost_micro)


# Very many packages -----------------------------------------------------------------------------


@st.composite
def bulks(draw):
    """(units, grams of one, per place: cents of a parcel, tiers in cents)"""
    weight = draw(st.sampled_from([1, 37, 350, 999, 2500]))
    limits = st.lists(st.sampled_from([2500, 5000, 9999, 10_000, 30_000]), min_size=1, max_size=4, unique=True)
    places = []
    for _ in range(2):
        tiers = [(limit, draw(st.integers(0, 1500))) for limit in sorted(draw(limits))]
        places.append((draw(st.integers(0, 300)), tiers))
    return draw(st.sampled_from([50, 800, 3000, 30_000, 100_000])), weight, places


def least_cents(units, weight, places):
    """By looking at every way to part the units between the two places."""

    def curve(handling, tiers):
        taken = np.arange(units + 1)
        top, top_cents = tiers[-1]
        full = np.maximum(0, -(-taken * weight // top) - 1)
        rest = taken * weight - full * top
        last = np.array([cents for _, cents in tiers])[np.searchsorted([limit for limit, _ in tiers], rest)]
        return np.where(taken > 0, handling + full * top_cents + last, 0)

    first, second = (curve(*one) for one in places)
    return int((first + second[::-1]).min())


def network_in_bulk(units, places):
    return network(
        [place(f"P{j}", handling=str(handling / 100)) for j, (handling, _) in enumerate(places)],
        {("A", f"P{j}"): units for j in range(len(places))},
        {
            f"P{j}": stepped(*((limit, str(cents / 100)) for limit, cents in tiers))
            for j, (_, tiers) in enumerate(places)
        },
    )


@settings(max_examples=60, deadline=None)
@given(bulks())
@example((30_000, 999, [(183, [(2500, 410), (9999, 760), (10_000, 1660)]), (267, [(30_000, 455)])]))
@example((100_000, 37, [(57, [(2500, 98)]), (195, [(2500, 529), (5000, 529), (9999, 479), (10_000, 479)])]))
def test_of_very_many_packages_the_bound_is_true_and_what_is_proven_is_best(bulk):
    units, weight, places = bulk
    best = least_cents(units, weight, places) * MICRO_PER_CENT

    result = planned_at(a_demand(line("A", units, weight_g=weight)), network_in_bulk(units, places), budget=HURRIED)

    assert not result.rest
    assert result.lower_bound_micro <= best <= result.cost_micro
    assert result.optimal == (result.lower_bound_micro == result.cost_micro)


STEPS = [(1000, 500), (5000, 800), (10_000, 1100), (30_000, 1580)]


def test_the_programme_for_very_many_packages_is_as_small_as_for_few():
    sizes = []
    for units in (100, 100_000):
        net = network_in_bulk(units, [(100, STEPS), (130, STEPS)])
        problem = problem_of(a_demand(line("A", units, weight_g=350)), net, Step())
        sizes.append(len(milp._Model(problem).cost))

    assert sizes == [12, 12]  # of each place the units, four steps and the full packages


def test_the_bound_of_very_many_packages_is_near_their_cost():
    net = network_in_bulk(100_000, [(100, STEPS), (130, STEPS)])

    result = planned_at(a_demand(line("A", 100_000, weight_g=350)), net, budget=HURRIED)

    assert result.cost_micro == (1_167 * 1580 + 100) * MICRO_PER_CENT  # 1,166 of 30 kg and one of 20, from one place
    assert result.lower_bound_micro >= 0.999 * result.cost_micro


# Very large orders ------------------------------------------------------------------------------


def wide(lines: int, places: int) -> tuple[Demand, Network]:
    draw = random.Random(1)
    codes = [f"P{j:03}" for j in range(places)]
    stock = {(f"S{i}", code): draw.randint(1, 3) for i in range(lines) for code in codes if draw.random() < 0.3}
    net = network(
        [place(code, handling="1") for code in codes],
        stock,
        dict.fromkeys(codes, stepped((1000, "5"), (30_000, "15.80"))),
    )
    return a_demand(*(line(f"S{i}", draw.randint(1, 3), weight_g=400) for i in range(lines))), net


def test_a_programme_too_large_for_the_time_left_is_not_handed_to_the_solver(monkeypatch):
    asked: list[int] = []
    monkeypatch.setattr(programme, "solved", lambda lp, *_, **__: asked.append(lp.num_col_) or highspy.Highs())
    demand, net = wide(lines=200, places=100)

    hurried = planned_at(demand, net, budget=HURRIED)
    assert (asked, hurried.rest, hurried.optimal) == ([], (), False)
    assert 0.5 * hurried.cost_micro < hurried.lower_bound_micro < hurried.cost_micro

    planned_at(demand, net, budget=Budget(now=lambda: 0.0, ends_at=60.0))
    assert len(asked) == 1


# Very large figures -----------------------------------------------------------------------------

DEAREST = 999_999_999_990_000  # 999,999,999.99


@pytest.mark.parametrize("lines", [1, 200])
def test_the_largest_figures_that_documents_allow_are_counted_to_the_end(lines):
    prices = {"DEAR": stepped((1000, "999999999.99")), "CHEAP": stepped((1000, "999999999.98"))}
    places = [place(code, handling="999999999.99") for code in prices]
    net = network(places, {(f"S{i}", code): 100_000 for i in range(lines) for code in prices}, prices)
    demand = a_demand(*(line(f"S{i}", 100_000, weight_g=1000) for i in range(lines)))
    largest = Step(weights=Weights(cost=100, distance_km=1_000_000, location_order=1_000_000))

    result = planned_at(demand, net, largest, budget=HURRIED)

    assert [parcel.location for parcel in result.parcels] == ["CHEAP"]
    assert sum(piece.quantity for piece in result.parcels[0].lines) == 100_000 * lines
    carriage, handling = 100_000 * lines * 100 * (DEAREST - 10_000), 100 * DEAREST
    assert result.parcels[0].parts["shipping"] == carriage
    assert result.cost_micro - carriage - handling == result.parcels[0].parts["distance"]
    assert 0.999 * result.cost_micro < result.lower_bound_micro <= result.cost_micro < 10**26


def test_a_figure_beyond_all_others_counts_as_the_most_a_figure_counts():
    net = network([place("X", handling="999999999.99")], {("A", "X"): 1}, {"X": stepped((1000, "999999999.99"))})

    result = planned_at(a_demand(line("A", weight_g=1000)), net, Step(weights=Weights(cost=1_000_000)))

    assert result.parcels[0].parts == {"shipping": MOST_MICRO, "handling": MOST_MICRO}
