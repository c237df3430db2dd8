"""What a decision was based on is enough to make it again."""

import zlib
from dataclasses import fields, replace

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from routing.engine.evidence import QUESTIONS
from routing.engine.explain import excluded_counts
from routing.engine.planner import plan, plan_again
from routing.engine.tariffs import Tariff, Tier
from routing.engine.types import Demand, Line, Network, Place, Plan, Rule, Source, Step, Timing
from routing.evidence_bytes import packed, unpacked

from .told import demand_of, network_of, planned, random_world, steps_of
from .world import UNHURRIED, a_demand, line, network, place


def again(result: Plan) -> Plan:
    return plan_again(unpacked(packed(result.evidence())), UNHURRIED)


@settings(max_examples=100, deadline=None)
@given(st.randoms(use_true_random=False))
def test_planning_again_gives_the_same_plan_and_the_same_words(draw):
    world = random_world(draw)

    result = planned(world)

    repeated = again(result)
    assert repeated == result
    assert repeated.candidates == result.candidates
    assert excluded_counts(len(world["places"]), repeated.candidates) == result.excluded_counts


@settings(max_examples=100, deadline=None)
@given(st.randoms(use_true_random=False))
def test_what_nobody_asked_then_can_be_asked_of_another_network(draw):
    world = random_world(draw)
    told = unpacked(packed(planned(world).evidence()))
    whole = network_of(world)
    asked_anew: set[str] = set()

    answering = told.network(whole, asked_anew)

    for code in told.codes:
        here = whole.places[code]
        assert all(getattr(answering, name)(here) == getattr(whole, name)(here) for name in QUESTIONS)
        for name, days, _tiers in world["services"]:
            tier = Tier(0, 0, days, name)
            assert answering.timing(here, tier) == whole.timing(here, tier)
            if whole.timing(here, tier).is_late:
                assert answering.days_missed(here, tier) == whole.days_missed(here, tier)
    assert asked_anew <= set(told.codes)


def test_a_place_that_is_no_more_answers_as_usual_what_nobody_asked_then():
    step = Step(source=Source(kinds=frozenset({"warehouse"})))
    net = network([place("X")], {("A", "X"): 1}, capacity_left=lambda _place: 0)
    told = plan(a_demand(line("A")), [Rule("rule", (step,))], net, UNHURRIED).evidence()

    today = told.network(replace(net, places={}))

    assert today.capacity_left(today.places["X"]) is None
    assert told.network(net).capacity_left(today.places["X"]) == 0


def test_a_place_the_shopper_chose_is_planned_again_without_rule_or_address():
    net = network([place("X", abilities={"pickup"}), place("Y")], {("A", "X"): 1, ("A", "Y"): 1})

    result = plan(a_demand(line("A"), at=None, method="pickup", location="X"), [], net, UNHURRIED)

    assert again(result) == result
    assert result.evidence().codes == ["X"]


def test_older_evidence_knows_no_closed_days_and_plans_as_it_did():
    step = Step(source=Source(before_cut_off=True))
    net = network([place("X")], {("A", "X"): 1}, is_before_cut_off=lambda _place: False)
    result = plan(a_demand(line("A")), [Rule("rule", (step,))], net, UNHURRIED)
    columns = orjson.loads(zlib.decompress(packed(result.evidence())))
    del columns["days_missed"]

    old = unpacked(zlib.compress(orjson.dumps(columns)))

    today = replace(net, is_open_that_day=lambda _place: False)
    assert old.network(today).is_open_that_day(today.places["X"])
    assert plan_again(old, UNHURRIED) == result


def test_a_customer_whose_orders_are_not_split_is_remembered():
    step = Step(no_split_customer_tags=frozenset({"gold"}))
    net = network([place("X"), place("Y")], {("A", "X"): 1, ("A", "Y"): 1})

    split, whole = (
        plan(replace(a_demand(line("A", 2)), customer_tags=frozenset(tags)), [Rule("all", (step,))], net, UNHURRIED)
        for tags in ((), ("gold", "new"))
    )

    assert (len(again(split).parcels), len(again(whole).parcels)) == (2, 0)


def test_only_groups_that_the_rule_names_are_kept():
    net = network([place("X", groups={"north", "secret"})], {("A", "X"): 1})
    step = Step(source=Source(groups=frozenset({"north", "south"})))

    result = plan(a_demand(line("A")), [Rule("rule", (step,))], net, UNHURRIED)

    assert [profile.groups for profile in result.evidence().profiles] == [frozenset({"north"})]
    assert again(result) == result


@settings(max_examples=60, deadline=None)
@given(st.randoms(use_true_random=False))
def test_each_place_is_asked_once_and_for_the_records_sake_for_carriage_and_cut_offs_of_what_is_late(draw):
    world = random_world(draw)
    calls: list[tuple] = []
    result = plan(demand_of(world), [Rule("rule", steps_of(world))], counted(network_of(world), calls), UNHURRIED)
    while_planning = len(calls)

    told = result.evidence()

    assert len(calls) == len(set(calls))
    asked = calls[while_planning:]
    assert {name for name, *_ in asked} <= {"tariff", "days_missed", "booked", "capacity_left"}
    late = {
        (code, way) for name, code, *ways in calls if name == "timing" for way in ways if is_late(world, code, *way)
    }
    assert {tuple(told) for name, *told in asked if name == "days_missed"} == late
    assert {code for _, code, *_ in calls} <= set(told.codes)


def counted(net: Network, calls: list[tuple]) -> Network:
    def watched(name: str):
        def answer(asked: Place, *more):
            calls.append(
                (name, asked.code, *((m.carrier_service, m.transit_days) for m in more if isinstance(m, Tier)))
            )
            return getattr(net, name)(asked, *more)

        return answer

    return replace(net, **{name: watched(name) for name in (*QUESTIONS, "tariff", "timing", "days_missed")})


def is_late(world: dict, code: str, service: str, days: int) -> bool:
    net = network_of(world)
    return net.timing(net.places[code], Tier(0, 0, days, service)).is_late


def test_everything_that_demands_and_carriers_tell_is_kept():
    """Whoever gives them another field keeps it in `evidence_bytes`, and says so here. Steps are kept whole."""
    kept_of_demands = {"lines", "method", "location", "value", "point", "excluded", "customer_tags"}
    only_choose_the_rule = {"channel", "service", "country", "postal_code", "weekday", "time", "date"}

    assert {field.name for field in fields(Demand)} == kept_of_demands | only_choose_the_rule
    assert [field.name for field in fields(Line)] == [
        "key",
        "sku",
        "quantity",
        "group",
        "unit_value",
        "weight_g",
        "tags",
    ]
    assert [field.name for field in fields(Tier)] == ["max_weight_g", "price_micro", "transit_days", "carrier_service"]
    assert [field.name for field in fields(Tariff)] == ["tiers", "limits"]  # the limits are the tiers'
    assert [field.name for field in fields(Timing)] == ["late_days", "is_on_time"]


def test_everything_that_a_network_tells_is_kept():
    """Whoever gives networks or places another field keeps it in the evidence, and says so here."""
    kept = {"places", "sellable", "tariff", "timing", "scarcity", "markdown", "confidence", "distances_km", *QUESTIONS}
    kept |= {"days_missed"}  # of what comes late
    kept |= {"kept", "kept_parcels"}  # by the batch, which alone has them
    kept_of_places = {"code", "kind", "groups", "abilities", "is_accepting", "is_paused"}
    kept_of_places |= {"handling_micro", "handling_unit_micro", "packaging_micro", "position"}

    assert {field.name for field in fields(Network)} == kept
    assert {field.name for field in fields(Place)} == kept_of_places | {"point"}  # the distance stands for it
