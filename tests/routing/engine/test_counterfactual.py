"""Why not there, and what would have had to be true: each answer is held against worlds that are changed by hand."""

from copy import deepcopy
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from routing.engine.counterfactual import NO_LIMIT, Case, Found, Need, Verdict, what_would_have_to_be_true, why_not
from routing.engine.planner import plan
from routing.engine.types import Budget, Demand, Line, Network, Place, Rule, Source, Step
from routing.evidence_bytes import packed, unpacked

from .told import CENT, demand_of, network_of, planned, random_world, steps_of
from .world import UNHURRIED


def case_of(world: dict) -> Case:
    steps = steps_of(world)
    return Case(demand_of(world), Rule("rule", steps), steps, network_of(world))


def uses(world: dict, code: str) -> bool:
    return any(parcel.location == code for parcel in planned(world).parcels)


def unused(world: dict) -> list[str]:
    return [code for code in world["places"] if not uses(world, code)]


# ---- what would have had to be true ----------------------------------------------------------------


def changed(world: dict, code: str, need: Need, value) -> dict:
    """The raw world with this one figure at another value."""
    other = deepcopy(world)
    place = other["places"][code]
    step = other["steps"][need.step] if need.step is not None else {}
    match need.parameter:
        case "is_accepting" | "is_paused" | "is_open" | "is_before_cut_off" | "workload" | "acceptance":
            place[need.parameter] = value
        case "capacity_left":
            place |= {"capacity_left": value, "workload": place["booked"] / (place["booked"] + value)}
        case "is_open_that_day":  # as long as nothing else is asked, it comes no sooner
            place["late_days"] += 0 if place["is_before_cut_off"] else -place["missed_days"]
            place[need.parameter] = value
        case "has_lost_it":
            other["excluded"] = {key: [c for c in codes if c != code] for key, codes in other["excluded"].items()}
        case "stock" | "confidence":
            other[need.parameter][need.sku, code] = value
        case "handling_micro" | "handling_unit_micro" | "packaging_micro":
            place[need.parameter.removesuffix("_micro")] = value // CENT
        case "scarcity_micro":
            other["scarcity"][need.sku, code] = value // CENT
        case "carriage_less_micro":
            other["less_carriage"] = {code: value // CENT}
        case "days_earlier":
            place["late_days"] -= value
        case "max_distance_km":
            step["source"]["max_distance_km"] = None if value == NO_LIMIT else value
        case "min_sellable" | "min_left_after" | "min_capacity_left":
            step["source"][need.parameter] = value
        case "max_parcels":
            step["max_parcels"] = value
        case "kinds":
            step["source"]["kinds"] = [*step["source"]["kinds"], value]
        case "locations":
            step["source"]["locations"] = [*step["source"]["locations"], value]
        case "exclude_groups":
            step["source"]["exclude_groups"] = value
        case "groups":
            place["groups"] = [*place["groups"], *value]
        case _:
            raise AssertionError(need.parameter)
    return other


_UNIT = {
    "stock": -1,
    "capacity_left": -1,
    "days_earlier": -1,
    "max_parcels": -1,
    "handling_micro": CENT,
    "handling_unit_micro": CENT,
    "packaging_micro": CENT,
    "scarcity_micro": CENT,
    "carriage_less_micro": -CENT,
    "min_sellable": 1,
    "min_left_after": 1,
    "min_capacity_left": 1,
    "workload": 0.01,
    "acceptance": -0.01,
}
"""How a little less of the change looks."""


def a_little_less(need: Need):
    """None where nothing lies between what was and what was needed."""
    if need.parameter == "max_distance_km" and need.needed != NO_LIMIT:
        return round(need.needed + (-0.1 if need.needed > need.actual else 0.1), 1)
    if need.parameter not in _UNIT or need.needed == NO_LIMIT:
        return None
    less = need.needed + _UNIT[need.parameter]
    is_between = need.actual < less if _UNIT[need.parameter] < 0 else less < need.actual
    return round(less, 2) if is_between else None


EXTREMES = {
    "stock": [9_999],
    "capacity_left": [1, 2, 99, 9999],
    "handling_micro": [0],
    "handling_unit_micro": [0],
    "packaging_micro": [0],
    "scarcity_micro": [0],
    "carriage_less_micro": [99_999 * CENT],
    "days_earlier": [99],
    "workload": [0.0],
    "acceptance": [1.0],
    "confidence": [1.0],
    "min_sellable": [0, 1],
    "min_left_after": [0],
    "min_capacity_left": [0, 1],
    "is_accepting": [True],
    "is_paused": [False],
    "is_open": [True],
    "is_before_cut_off": [True],
    "is_open_that_day": [True],
    "has_lost_it": [False],
    "max_parcels": [2, 3, 4, 9],
    "max_distance_km": [NO_LIMIT, 60.0, 110.0, 160.0, 210.0, 310.0, 500.0],
}


@settings(max_examples=60, deadline=None)
@given(st.randoms(use_true_random=False))
def test_each_answer_is_what_planning_again_says(draw):
    world = random_world(draw, most_places=5)
    for code in unused(world)[:2]:
        for need in what_would_have_to_be_true(case_of(world), code, UNHURRIED):
            if need.found is Found.NONE:
                for value in EXTREMES.get(need.parameter, []):
                    other = changed(world, code, need, value)
                    is_nearer = need.parameter == "max_distance_km" and _lets_in_as_before(world, other, need, code)
                    assert is_nearer or not uses(other, code), (need, value)
                continue
            assert need.found is Found.VALUE and need.is_smallest
            assert uses(changed(world, code, need, need.needed), code), need
            less = a_little_less(need)
            assert less is None or not uses(changed(world, code, need, less), code), need


def _lets_in_as_before(world: dict, other: dict, need: Need, code: str) -> bool:
    """A limit is moved towards the place only: from beyond it outwards, from within inwards, not past it."""
    limit, own = other["steps"][need.step]["source"]["max_distance_km"], network_of(world).distances_km[code]
    was = world["steps"][need.step]["source"]["max_distance_km"]
    if own is None:
        return limit is not None
    return (limit or 9999) < was if own > was else limit is None or limit > was or limit < own


def test_a_place_that_is_used_or_not_the_chosen_one_needs_nothing_that_figures_could_give():
    world = a_world(lyon=(1, 0), paris=(1, 500))
    case = case_of(world)

    other = replace(case, demand=replace(case.demand, location="paris"))

    assert what_would_have_to_be_true(other, "lyon", UNHURRIED) == ()


def test_without_time_nothing_is_claimed():
    world = a_world(lyon=(1, 900), paris=(1, 0))
    spent = Budget(now=lambda: 1.0, ends_at=0.0)

    needs = what_would_have_to_be_true(case_of(world), "lyon", spent)

    assert {need.found for need in needs if need.parameter != "stock"} == {Found.NOT_SEARCHED}
    (verdict,) = why_not(case_of(world).run(UNHURRIED), "lyon", spent)
    assert verdict.verdict is Verdict.NOT_SEARCHED


def test_what_was_not_planned_to_its_end_is_not_said_to_be_of_no_use():
    """Lyon is of the wrong kind; the time ends while the first plan is being made that shows so."""
    world = a_world(lyon=(1, 900), paris=(1, 0))
    world["places"]["paris"]["kind"] = "warehouse"
    world["steps"][0]["source"] = {"kinds": ["warehouse"]}
    clock = iter([0.0, 0.0])  # before the plan, and where its own time begins
    ending = Budget(now=lambda: next(clock, 9.0), ends_at=1.0)

    cut_off, enough = (
        {need.parameter: need.found for need in what_would_have_to_be_true(case_of(world), "lyon", budget)}
        for budget in (ending, UNHURRIED)
    )

    assert (cut_off["handling_micro"], enough["handling_micro"]) == (Found.NOT_SEARCHED, Found.NONE)


class Ticking:
    """A thousandth of a second passes whenever it is looked at."""

    def __init__(self):
        self.seconds = 0.0

    def __call__(self) -> float:
        self.seconds += 0.001
        return self.seconds


def in_a_hurry() -> Budget:
    return Budget.of(1.0, Ticking())


@pytest.mark.parametrize(
    ("others", "budget", "found"),
    [(20, in_a_hurry(), Found.NONE), (180, in_a_hurry(), Found.NOT_SEARCHED), (180, UNHURRIED, Found.NONE)],
)
def test_where_there_is_no_time_to_try_all_limits_none_is_not_claimed(others, budget, found):
    """However far the limit reaches, Lyon is dearer than Paris."""
    world = a_world(lyon=(1, 900), paris=(1, 0), **{f"z{n}": (1, 950) for n in range(others)})
    for n, code in enumerate(world["places"]):
        world["places"][code]["km"] = 100.0 + n
    world["places"]["paris"]["km"] = 10.0
    world["steps"][0]["source"] = {"max_distance_km": 50.0}

    needs = {need.parameter: need for need in what_would_have_to_be_true(case_of(world), "lyon", budget)}

    assert needs["max_distance_km"].found is found


@pytest.mark.parametrize(("limit", "needed"), [("min_left_after", 2), ("min_sellable", 3), ("min_capacity_left", 3)])
def test_however_high_a_limit_is_the_smallest_change_is_found_while_there_is_time(limit, needed):
    world = a_world(lyon=(3, 0), paris=(500, 100))
    world["places"]["lyon"]["capacity_left"] = 3
    world["steps"][0]["source"] = {limit: 300}

    found = {
        budget: next(n for n in what_would_have_to_be_true(case_of(world), "lyon", budget) if n.parameter == limit)
        for budget in (UNHURRIED, Budget.of(1.0, Ticking()))
    }

    assert [(need.found, need.needed) for need in found.values()] == [(Found.VALUE, needed)] * 2
    assert [need.is_smallest for need in found.values()] == [True, False]


def test_the_group_it_would_have_to_be_in_is_none_that_the_step_leaves_out():
    world = a_world(lyon=(1, 0), paris=(1, 900))
    world["places"]["paris"]["groups"] = ["south"]
    world["steps"][0]["source"] = {"groups": ["north", "south"], "exclude_groups": ["north"]}

    needs = {need.parameter: need for need in what_would_have_to_be_true(case_of(world), "lyon", UNHURRIED)}

    assert (needs["groups"].found, needs["groups"].needed) == (Found.VALUE, ["south"])


def test_what_it_would_have_to_be_able_to_do_is_told():
    places = {"X": Place("X", abilities=frozenset({"pickup"})), "Y": Place("Y", handling_micro=CENT)}
    demand, steps = Demand((Line("l", "A", 1),)), (Step(source=Source(abilities=frozenset({"curbside"}))),)
    places["Y"] = replace(places["Y"], abilities=frozenset({"ship", "curbside"}))
    case = Case(demand, Rule("rule", steps), steps, Network(places, {"A": {"X": 1, "Y": 1}}))

    (verdict,) = why_not(case.run(UNHURRIED), "X", UNHURRIED)
    needs = {need.parameter: need for need in what_would_have_to_be_true(case, "X", UNHURRIED)}

    assert (verdict.reason, verdict.actual, verdict.needed) == ("ability", ["pickup"], ["curbside", "ship"])
    assert (needs["abilities"].found, needs["abilities"].needed) == (Found.VALUE, ["curbside", "ship"])


@pytest.mark.parametrize("step", [{"source": {"on_time": True}}, {"weights": {"cost": 1, "lateness_days": 3}}])
@pytest.mark.parametrize(("missed_days", "found"), [(1, Found.VALUE), (0, Found.NONE)])
def test_a_cut_off_counts_also_where_it_only_makes_the_place_late(step, missed_days, found):
    """It comes a day late, whether by the cut-off that it missed or by itself; told from what is remembered."""
    world = a_world(lyon=(1, 0), paris=(1, 100))
    world["places"]["lyon"] |= {"is_before_cut_off": False, "missed_days": missed_days, "late_days": 1 - missed_days}
    world["steps"][0] |= step
    case = case_of(world)
    told = unpacked(packed(planned(world).evidence()))
    remembered = replace(case, network=told.network())

    needs = {need.parameter: need for need in what_would_have_to_be_true(remembered, "lyon", UNHURRIED)}

    assert needs["is_before_cut_off"].found is found
    assert needs["days_earlier"].found is Found.VALUE
    world["places"]["lyon"]["is_before_cut_off"] = True
    assert uses(world, "lyon") is (found is Found.VALUE)


def test_a_cut_off_that_leaves_out_and_makes_late_does_both():
    world = a_world(lyon=(1, 0), paris=(1, 100))
    world["places"]["lyon"] |= {"is_before_cut_off": False, "missed_days": 1}
    world["steps"][0]["source"] = {"before_cut_off": True, "on_time": True}

    needs = {need.parameter: need for need in what_would_have_to_be_true(case_of(world), "lyon", UNHURRIED)}

    assert needs["is_before_cut_off"].found is Found.VALUE
    assert needs["days_earlier"].found is Found.NONE


def test_where_a_place_is_closed_that_day_no_cut_off_is_spoken_of():
    world = a_world(lyon=(1, 0), paris=(1, 100))
    world["places"]["lyon"] |= {"is_open_that_day": False, "is_before_cut_off": False}
    world["steps"][0]["source"] = {"before_cut_off": True}

    needs = {need.parameter: need for need in what_would_have_to_be_true(case_of(world), "lyon", UNHURRIED)}

    assert "is_before_cut_off" not in needs


@pytest.mark.parametrize(
    ("name", "source"), [("is_open_that_day", {"before_cut_off": True}), ("is_open", {"open_now": True})]
)
def test_an_opening_that_would_also_bring_it_sooner_is_not_said_to_be_in_vain(name, source):
    """Nobody knows how much sooner."""

    def needs(late_days):
        world = a_world(lyon=(1, 0), paris=(1, 100))
        world["places"]["lyon"] |= {name: False, "late_days": late_days}
        world["steps"][0]["source"] = {**source, "on_time": True}
        found = what_would_have_to_be_true(case_of(world), "lyon", UNHURRIED)
        return {need.parameter: need.found for need in found}

    assert needs(late_days=0)[name] is Found.VALUE
    assert name not in needs(late_days=1)


def test_capacity_is_told_where_it_is_only_weighed():
    world = a_world(lyon=(1, 0), paris=(1, 100))
    world["places"]["lyon"] |= {"capacity_left": 2, "booked": 2, "workload": 0.5}
    world["steps"][0] |= {"source": {"ignore_capacity": True}, "weights": {"cost": 1, "workload": 4}}
    case = case_of(world)
    remembered = plan(case.demand, [case.rule], case.network, UNHURRIED).evidence()
    case = Case(case.demand, case.rule, case.steps, remembered.network(case_of(a_world(lyon=(0, 0))).network))

    [need] = [n for n in what_would_have_to_be_true(case, "lyon", UNHURRIED) if n.parameter == "capacity_left"]

    assert (need.found, need.actual, need.needed) == (
        Found.VALUE,
        2,
        6,
    )  # 4 × 2/8 is 1.00, as dear as Paris; 4 × 2/7 is more


def test_how_far_its_stock_is_believed_is_told_of_what_it_holds():
    world = a_world(lyon=(1, 0), paris=(1, 900))
    world["lines"] = [("l0", "A", 1, None, 100), ("l1", "B", 1, None, 100)]
    world["stock"]["B", "paris"] = 1
    world["confidence"] = {("A", "lyon"): 0.5, ("B", "lyon"): 0.1}  # of B it has none
    world["steps"][0]["source"] = {"min_confidence": 0.6}

    found = verdict_of(world, "lyon")

    assert (found.reason, found.actual, found.needed) == ("low_confidence", 0.5, 0.6)


# ---- why not? --------------------------------------------------------------------------------------


def a_world(**places) -> dict:
    """{code: (units of A, cents of handling)}; carriage is free."""
    usual = {"km": 10.0, "kind": "store", "groups": [], "is_accepting": True, "is_paused": False, "handling_unit": 0}
    usual |= {"packaging": 0, "capacity_left": None, "is_open": True, "is_before_cut_off": True, "workload": 0.0}
    usual |= {"acceptance": 1.0, "late_days": 0, "is_open_that_day": True, "missed_days": 0, "booked": 0}
    return {
        "places": {code: {**usual, "handling": cents} for code, (_units, cents) in places.items()},
        "stock": {("A", code): units for code, (units, _cents) in places.items()},
        "scarcity": {},
        "markdown": {},
        "confidence": {},
        "lines": [("l0", "A", 1, None, 100)],
        "services": [("post", 3, [(2000, 0)])],
        "near": 100,
        "excluded": {},
        "is_placed": True,
        "steps": [
            {
                "source": {},
                "weights": {"cost": 1},
                "max_parcels": None,
                "complete": False,
                "keep_groups": False,
                "min_parcel_value": None,
            }
        ],
    }


def verdict_of(world: dict, code: str):
    (verdict,) = why_not(case_of(world).run(UNHURRIED), code, UNHURRIED)
    return verdict


def test_a_dearer_place_tells_by_how_much_and_through_what():
    world = a_world(lyon=(2, 0), paris=(9, 250))
    world["scarcity"] = {("A", "lyon"): 310}
    world["steps"][0]["weights"]["scarcity"] = 1

    found = verdict_of(world, "lyon")

    assert found.verdict is Verdict.DEARER
    assert found.alternative.extra_micro == 60 * CENT
    assert found.alternative.parts == {"handling": -250 * CENT, "scarcity": 310 * CENT}
    assert [(last.sku, last.held, last.cost_micro) for last in found.alternative.last_units] == [("A", 2, 310 * CENT)]


def test_a_place_may_be_cheaper_alone_and_dearer_together():
    """Lyon sends one of two units for 3.00 and Nice must send the other for 5.00; Paris sends both for 7.00."""
    world = a_world(lyon=(1, 300), nice=(1, 500), paris=(2, 700))
    world["lines"] = [("l0", "A", 2, None, 100)]

    found = verdict_of(world, "lyon")

    assert found.verdict is Verdict.DEARER_TOGETHER
    assert (found.alternative.own_cost_micro, found.alternative.others) == (300 * CENT, ("nice",))
    assert (found.alternative.cost_micro, found.alternative.plan_cost_micro) == (800 * CENT, 700 * CENT)


def test_a_tie_says_so():
    assert verdict_of(a_world(lyon=(1, 100), paris=(1, 100)), "paris").verdict is Verdict.AS_GOOD


def test_a_place_that_could_only_serve_less_says_how_much_less():
    world = a_world(lyon=(1, 0), paris=(3, 900))
    world["lines"] = [("l0", "A", 3, None, 100)]
    world["steps"][0]["max_parcels"] = 1

    found = verdict_of(world, "lyon")

    assert (found.verdict, found.alternative.missing_units) == (Verdict.SERVES_LESS, 2)


def test_a_step_whose_turn_did_not_come_says_so():
    world = a_world(lyon=(1, 300), paris=(1, 0))
    world["steps"] = [{**world["steps"][0], "source": {"locations": ["paris"]}}, world["steps"][0]]

    first, second = why_not(case_of(world).run(UNHURRIED), "lyon", UNHURRIED)

    assert (first.verdict, first.reason, first.actual, first.needed) == (
        Verdict.EXCLUDED,
        "location",
        "lyon",
        ["paris"],
    )
    assert second.verdict is Verdict.NOT_TRIED


@pytest.mark.parametrize(
    ("told", "source", "reason", "actual", "needed"),
    [
        ({"km": 62.34}, {"max_distance_km": 50.0}, "too_far", 62.34, 50.0),
        ({"km": None}, {"max_distance_km": 50.0}, "distance_unknown", None, 50.0),
        ({}, {"kinds": ["warehouse"]}, "kind", "store", ["warehouse"]),
        ({"groups": ["big"]}, {"groups": ["north", "outlet"]}, "group", [], ["north", "outlet"]),
        ({"groups": ["outlet"]}, {"exclude_groups": ["outlet"]}, "exclude_group", ["outlet"], []),
        ({}, {"min_sellable": 3}, "too_few_units", 1, 3),
        ({}, {"min_left_after": 2}, "too_few_units", 1, 3),
        ({"capacity_left": 0}, {}, "no_capacity", 0, 1),
        ({"capacity_left": 1}, {"min_capacity_left": 4}, "little_capacity", 1, 4),
        ({"is_open": False}, {"open_now": True}, "closed_now", None, None),
        ({"is_before_cut_off": False}, {"before_cut_off": True}, "past_cut_off", None, None),
        ({"is_open_that_day": False}, {"before_cut_off": True}, "closed_that_day", None, None),
        ({"is_paused": True}, {}, "paused", None, None),
        ({"late_days": 2}, {"on_time": True}, "late", None, None),
    ],
)
def test_who_was_left_out_is_told_what_was_and_what_had_to_be(told, source, reason, actual, needed):
    world = a_world(lyon=(1, 0), paris=(5, 0))
    world["places"]["lyon"] |= told
    world["places"]["paris"] |= {"kind": "warehouse", "groups": ["north"]}
    world["steps"][0]["source"] = source

    case = case_of(world)
    remembered = plan(case.demand, [case.rule], case.network, UNHURRIED).evidence()
    case = Case(case.demand, case.rule, case.steps, remembered.network(case.network))

    (found,) = why_not(case.run(UNHURRIED), "lyon", UNHURRIED)

    assert (found.verdict, found.reason, found.actual, found.needed) == (Verdict.EXCLUDED, reason, actual, needed)


@settings(max_examples=80, deadline=None)
@given(st.randoms(use_true_random=False))
def test_a_place_is_dearer_by_what_its_handling_would_have_to_cost_less(draw):
    """Two ways to the same figure: the best plan with the place, and the cent at which planning again turns to it."""
    world = random_world(draw, most_places=5)
    world["steps"] = world["steps"][:1]
    for place in world["places"].values():
        place["handling"] += 5_000
    case = case_of(world)
    for code in unused(world):
        (verdict,) = why_not(case.run(UNHURRIED), code, UNHURRIED)
        needs = {need.parameter: need for need in what_would_have_to_be_true(case, code, UNHURRIED)}
        turns_at = needs["handling_micro"]
        if verdict.verdict in (Verdict.DEARER, Verdict.DEARER_TOGETHER, Verdict.AS_GOOD):
            found = verdict.alternative
            assert found.is_best
            assert sum(found.parts.values()) == found.extra_micro
            if turns_at.found is Found.VALUE:
                less = turns_at.actual - turns_at.needed
                assert found.extra_micro <= less <= found.extra_micro + CENT
            else:  # cheaper than nothing it cannot be
                assert found.extra_micro >= turns_at.actual
        else:
            assert verdict.verdict in (Verdict.EXCLUDED, Verdict.SERVES_LESS, Verdict.IMPOSSIBLE)
            assert turns_at.found is Found.NONE
