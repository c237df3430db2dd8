"""The engine against a brute force that shares no code with it."""

import itertools
from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st

from routing.engine.planner import plan
from routing.engine.tariffs import Tariff, Tier
from routing.engine.types import Budget, Demand, Line, Network, Place, Rule, Step, Weights

UNHURRIED = Budget(now=lambda: 0.0, ends_at=60.0)


@st.composite
def worlds(draw, max_lines=4, max_places=4, max_quantity=3):
    """Raw data only: both sides build what they need from it."""
    n, m = draw(st.integers(1, max_lines)), draw(st.integers(1, max_places))
    skus = draw(st.lists(st.sampled_from("ABCD"), min_size=n, max_size=n))
    prices = st.integers(0, 900)
    tariffs = draw(
        st.lists(
            st.lists(
                st.tuples(st.sampled_from([200, 500, 900]), prices), min_size=1, max_size=3, unique_by=lambda t: t[0]
            ),
            min_size=1,
            max_size=2,
        )
    )
    weight_of = {sku: draw(st.sampled_from([0, 100, 150, 200])) for sku in sorted(set(skus))}
    value_of = {sku: draw(st.integers(0, 20)) for sku in sorted(set(skus))}
    return {
        "skus": skus,
        "wanted": draw(st.lists(st.integers(1, max_quantity), min_size=n, max_size=n)),
        "groups": draw(st.lists(st.sampled_from([None, None, "g", "h"]), min_size=n, max_size=n)),
        "weights_g": [weight_of[sku] for sku in skus],
        "values": [value_of[sku] for sku in skus],
        "handling": draw(st.lists(st.integers(0, 500), min_size=m, max_size=m)),
        "tariffs": [sorted(t) for t in tariffs],
        "tariff_of": draw(st.lists(st.integers(0, len(tariffs) - 1), min_size=m, max_size=m)),
        "stock": {(sku, j): draw(st.integers(0, max_quantity + 1)) for sku in sorted(set(skus)) for j in range(m)},
        "max_parcels": draw(st.sampled_from([None, 1, 2, 3])),
        "min_value": draw(st.sampled_from([None, None, 10, 30])),
        "keep_groups": draw(st.booleans()),
        "complete": draw(st.booleans()),
        "parcel_weight": draw(st.sampled_from([0, 150])),
        "order_weight": draw(st.sampled_from([0, 30])),
    }


# The engine's side ------------------------------------------------------------------------------


def engine_plan(world):
    lines = tuple(
        Line(f"l{i}", sku, world["wanted"][i], world["groups"][i], world["values"][i], world["weights_g"][i])
        for i, sku in enumerate(world["skus"])
    )
    tariffs = [Tariff.of([Tier(limit, cents * 10_000) for limit, cents in tiers]) for tiers in world["tariffs"]]
    places = {
        f"P{j}": Place(f"P{j}", handling_micro=cents * 10_000, position=j) for j, cents in enumerate(world["handling"])
    }
    sellable = {}
    for (sku, j), units in world["stock"].items():
        if units:
            sellable.setdefault(sku, {})[f"P{j}"] = units
    step = Step(
        weights=Weights(cost=1, parcels=world["parcel_weight"] / 100, location_order=world["order_weight"] / 100),
        max_parcels=world["max_parcels"],
        min_parcel_value=world["min_value"],
        keep_groups=world["keep_groups"],
        complete=world["complete"],
    )
    network = Network(places, sellable, tariff=lambda place, _km: tariffs[world["tariff_of"][int(place.code[1:])]])
    return plan(Demand(lines), [Rule("r", (step,))], network, UNHURRIED)


def allocation(result, world):
    """(line, place) -> units, as the plan says."""
    found = {}
    for parcel in result.parcels:
        for piece in parcel.lines:
            key = (int(piece.key[1:]), int(parcel.location[1:]))
            assert key not in found
            found[key] = piece.quantity
    return found


# The judge's side -------------------------------------------------------------------------------


def parcel_price(world, j, weight):
    """Cents for a weight: full packages of the last step, then the step the remainder falls in."""
    tiers = world["tariffs"][world["tariff_of"][j]]
    top, top_price = tiers[-1]
    price = 0
    while weight > top:
        price, weight = price + top_price, weight - top
    return price + next(cents for limit, cents in tiers if weight <= limit)


def judge(world, x):
    """Cost in cents of an allocation, or None when it breaks a limit."""
    n = len(world["skus"])
    used = sorted({j for (_, j), q in x.items() if q})
    if world["max_parcels"] and len(used) > world["max_parcels"]:
        return None
    cost = Fraction(0)
    for j in used:
        units = [x.get((i, j), 0) for i in range(n)]
        for sku in set(world["skus"]):
            if sum(q for i, q in enumerate(units) if world["skus"][i] == sku) > world["stock"][sku, j]:
                return None
        if any(
            q and world["weights_g"][i] > world["tariffs"][world["tariff_of"][j]][-1][0] for i, q in enumerate(units)
        ):
            return None
        if world["min_value"] and sum(q * world["values"][i] for i, q in enumerate(units)) < world["min_value"]:
            return None
        weight = sum(q * world["weights_g"][i] for i, q in enumerate(units))
        cost += world["handling"][j] + parcel_price(world, j, weight) + world["parcel_weight"]
        cost += sum(units) * j * world["order_weight"]
    if world["keep_groups"]:
        for group in {g for g in world["groups"] if g}:
            members = [i for i in range(n) if world["groups"][i] == group]
            together = [
                all(x.get((i, j), 0) == world["wanted"][i] for i in members) for j in range(len(world["handling"]))
            ]
            if any(x.get((i, j), 0) for i in members for j in range(len(world["handling"]))) and not any(together):
                return None
    return cost


def splits(quantity, places):
    """All ways to give up to `quantity` units from places."""
    if not places:
        yield {}
        return
    for q in range(quantity + 1):
        for rest in splits(quantity - q, places[1:]):
            yield {places[0]: q, **rest} if q else rest


def all_allocations(world):
    m = len(world["handling"])
    per_line = [list(splits(q, range(m))) for q in world["wanted"]]
    for choice in itertools.product(*per_line):
        yield {(i, j): q for i, given_by in enumerate(choice) for j, q in given_by.items()}


def best_of(world, allocations):
    """(most units, least cents), or None."""
    judged = ((sum(x.values()), judge(world, x)) for x in allocations)
    return min(((-units, cost) for units, cost in judged if cost is not None and units), default=None)


def whole_allocations(world, wanted):
    m = len(world["handling"])
    for choice in itertools.product([None, *range(m)], repeat=len(wanted)):
        yield {(i, j): wanted[i] for i, j in enumerate(choice) if j is not None and wanted[i]}


# The properties ---------------------------------------------------------------------------------


@settings(max_examples=400, deadline=None)
@given(worlds())
def test_no_way_to_serve_whole_lines_costs_less(world):
    best = best_of(world, whole_allocations(world, world["wanted"]))
    asked = sum(world["wanted"])

    result = engine_plan(world)

    if best and -best[0] == asked:
        assert not result.rest
        assert result.optimal
        assert result.cost_micro <= best[1] * 10_000  # cutting a line may cost less still
        assert result.lower_bound_micro == result.cost_micro


@settings(max_examples=150, deadline=None)
@given(worlds(max_lines=2, max_places=3))
def test_what_must_be_cut_is_served_as_far_as_possible_for_the_least_cost(world):
    best = best_of(world, all_allocations(world))
    asked = sum(world["wanted"])
    if world["complete"] and best and -best[0] < asked:
        best = None

    result = engine_plan(world)

    served = asked - sum(rest.quantity for rest in result.rest)
    assert served == (-best[0] if best else 0)
    assert result.optimal
    if best:
        assert result.cost_micro == best[1] * 10_000


@settings(max_examples=200, deadline=None)
@given(worlds(max_lines=5, max_places=5))
def test_every_plan_keeps_the_limits_and_adds_up(world):
    result = engine_plan(world)

    found = allocation(result, world)
    cents = judge(world, found)
    assert cents is not None
    assert result.cost_micro == cents * 10_000 == sum(parcel.cost_micro for parcel in result.parcels)
    assert all(sum(parcel.parts.values()) == parcel.cost_micro for parcel in result.parcels)
    assert result.lower_bound_micro <= result.cost_micro
    rest = {int(r.key[1:]): r.quantity for r in result.rest}
    for i, quantity in enumerate(world["wanted"]):
        assert rest.get(i, 0) + sum(q for (line, _), q in found.items() if line == i) == quantity
    if world["complete"] and result.rest:
        assert not result.parcels
