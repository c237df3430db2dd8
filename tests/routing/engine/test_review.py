"""What is said about rules before they decide, held against what they then do."""

import datetime as dt
from dataclasses import replace
from decimal import Decimal

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from routing.engine import review
from routing.engine.conditions import holds
from routing.engine.coverage import WEEK
from routing.engine.types import Demand, Line, Place, Rest, Rule, Source, Step, Weights, When

from .world import PARIS, a_demand, line, network, place, planned

PLACES = (
    Place("W1", "warehouse", groups=frozenset({"north"}), point=(1.0, 0.0, 0.0)),
    Place("S1", "store", groups=frozenset({"city"}), abilities=frozenset({"pickup"}), point=(1.0, 0.0, 0.0)),
    Place("S2", "store", groups=frozenset({"city"})),
)
GROUPS = frozenset({"north", "city", "empty"})
ANY = (Step(rest=Rest.EXCEPTION),)
CATCH_ALL = Rule("all", ANY)
ALWAYS = When()


def said(*rules: Rule) -> list[tuple[str, str]]:
    return [(finding.pointer, finding.code) for finding in review.review(rules, PLACES, GROUPS)]


def rule(when: When = ALWAYS, *steps: Step, name: str = "r") -> Rule:
    return Rule(name, steps or ANY, when)


def test_nothing_is_said_of_sound_rules():
    assert said(rule(When(channels=frozenset({"web"}))), CATCH_ALL) == []


def test_a_rule_behind_a_wider_one_is_never_reached():
    wide = rule(When(countries=frozenset({"FR", "BE"}), min_value=Decimal(10)), name="wide")
    narrow = rule(When(countries=frozenset({"FR"}), min_value=Decimal(20), weekdays=frozenset({"mon"})))
    (finding, _) = review.review([wide, narrow], PLACES, GROUPS)
    assert (finding.pointer, finding.code, finding.facts) == ("/rules/1", "unreachable_rule", {"rule": "wide"})
    assert said(narrow, wide, CATCH_ALL) == []
    assert said(CATCH_ALL, narrow) == [("/rules/1", "unreachable_rule")]


def test_conditions_that_exclude_each_other_are_told():
    assert said(rule(When(min_value=Decimal(10), max_value=Decimal(9))), CATCH_ALL) == [
        ("/rules/0/when", "never_matches")
    ]
    noon = dt.time(12)
    assert review.contradiction(When(from_time=noon, until_time=noon)) == "hours"
    assert review.contradiction(When(from_time=dt.time(22), until_time=dt.time(6))) is None


def test_days_of_the_week_that_lie_in_no_day_of_the_range_are_told():
    wednesday = dt.date(2026, 11, 25)
    one_day = When(from_date=wednesday, until_date=wednesday, weekdays=frozenset({"sun"}))
    assert review.contradiction(one_day) == "dates"
    assert review.contradiction(replace(one_day, weekdays=frozenset({"wed"}))) is None
    assert review.contradiction(replace(one_day, until_date=wednesday + dt.timedelta(days=4))) is None
    assert review.contradiction(replace(one_day, until_date=None)) is None


def test_a_rule_whose_days_are_over_is_told():
    sale = rule(When(until_date=dt.date(2026, 11, 25)))

    def on(today: dt.date | None) -> list[str]:
        return [f.code for f in review.review([sale, CATCH_ALL], PLACES, GROUPS, today=today)]

    assert on(dt.date(2026, 11, 26)) == ["days_are_over"]
    assert on(dt.date(2026, 11, 25)) == on(None) == []


def test_a_step_behind_one_that_ends_the_rule_is_never_tried():
    steps = (Step("first", rest=Rest.REFUSE), Step("second"), Step("third"))
    assert said(rule(When(), *steps)) == [
        ("/rules/0/steps/1", "unreachable_step"),
        ("/rules/0/steps/2", "unreachable_step"),
    ]


def test_a_filter_that_lets_nobody_in_is_told():
    def of(source: Source, when: When = ALWAYS) -> list[str]:
        return [code for _, code in said(Rule("r", (Step(source=source),), when), CATCH_ALL)]

    assert of(Source(kinds=frozenset({"supplier"}))) == ["nobody_let_in", "unreachable_rule"]
    assert of(Source(groups=frozenset({"empty"}))) == ["nobody_let_in", "unreachable_rule"]
    assert of(Source(kinds=frozenset({"store"}), exclude_groups=frozenset({"city"})))[0] == "nobody_let_in"
    assert of(Source(kinds=frozenset({"warehouse"})), When(methods=frozenset({"curbside"}))) == ["nobody_let_in"]
    assert of(Source(kinds=frozenset({"store"})), When(methods=frozenset({"pickup"}))) == []


def test_a_place_that_takes_no_orders_today_hides_no_filter_that_lets_nobody_in():
    nobody = rule(When(), Step(source=Source(kinds=frozenset({"supplier"}))))
    for resting in (replace(PLACES[0], is_paused=True), replace(PLACES[0], is_accepting=False)):
        found = review.review([nobody], (resting, *PLACES[1:]), GROUPS)
        assert [finding.code for finding in found] == ["nobody_let_in"]
    of_it = rule(When(), Step(source=Source(locations=("W1",))))
    assert review.review([of_it], (replace(PLACES[0], is_paused=True),), GROUPS) == []


def test_places_out_of_use_let_nobody_in_and_are_told():
    def of(source: Source, *closed: str) -> list[str]:
        rules = [rule(When(), Step(source=source))]
        return [f.code for f in review.review(rules, PLACES, GROUPS, out_of_use=frozenset(closed))]

    first, second = PLACES[0].code, PLACES[1].code
    assert of(Source(locations=(first, second)), first) == ["places_out_of_use"]
    assert of(Source(locations=(first,)), first) == ["places_out_of_use", "nobody_let_in"]
    assert of(Source(groups=frozenset({"city"})), *(p.code for p in PLACES if "city" in p.groups)) == ["nobody_let_in"]
    assert of(Source(locations=(second,)), first) == []


def test_names_of_what_is_not_there_are_told():
    gone = Source(groups=frozenset({"gone", "city"}), locations=("W1", "W9"))
    codes = [code for _, code in said(Rule("r", (Step(source=gone),)))]
    assert codes == ["unknown_group", "unknown_location"]


def test_a_place_paused_today_is_still_a_place():
    paused = tuple(replace(place, is_paused=True, is_accepting=False) for place in PLACES)
    assert review.review([CATCH_ALL], paused, GROUPS) == []


def test_places_without_coordinates_are_named_where_distance_counts():
    (finding,) = review.review([Rule("r", (Step(source=Source(max_distance_km=10)),))], PLACES, GROUPS)
    assert (finding.code, finding.facts) == ("places_not_on_the_map", {"locations": ["S2"]})
    by_distance = Rule("r", (Step(weights=Weights(distance_km=1)),))
    assert [f.code for f in review.review([by_distance], PLACES, GROUPS)] == ["places_not_on_the_map"]


def test_a_limited_distance_lets_nobody_in_where_no_place_is_on_the_map():
    near = rule(ALWAYS, Step(source=Source(locations=("S2",), max_distance_km=10)))
    assert said(near) == [("/rules/0/steps/0/from/max_distance_km", "no_distance_known")]
    weighed = rule(ALWAYS, Step(source=Source(locations=("S2",)), weights=Weights(distance_km=1)))
    assert said(weighed) == [("/rules/0/steps/0/from", "places_not_on_the_map")]  # they come last, and may still serve


def test_room_that_is_wanted_and_ignored_at_once_deserves_a_look():
    def of(**source) -> list[tuple[str, str]]:
        return said(rule(ALWAYS, Step(source=Source(locations=("W1",), **source))))

    assert of(ignore_capacity=True, min_capacity_left=1) == [
        ("/rules/0/steps/0/from/min_capacity_left", "room_wanted_and_ignored")
    ]
    assert of(ignore_capacity=True) == of(min_capacity_left=1) == []


def test_a_limit_of_no_distance_only_deserves_a_look():
    def of(*, km: float | None, **source) -> list[tuple[str, str]]:
        return said(rule(ALWAYS, Step(source=Source(locations=("W1",), max_distance_km=km, **source))))

    assert of(km=0) == [("/rules/0/steps/0/from/max_distance_km", "no_distance_allowed")]
    assert of(km=0.1) == of(km=None) == []
    (finding,) = review.review(
        [rule(ALWAYS, Step(source=Source(locations=("W1",), max_distance_km=0)))], PLACES, GROUPS
    )
    assert not finding.is_fault
    at_the_door = planned(
        a_demand(line("A")), network([place("P", at=PARIS)], {("A", "P"): 1}), Step(source=Source(max_distance_km=0))
    )
    assert [parcel.location for parcel in at_the_door.parcels] == ["P"]  # so it is not never


def test_an_order_without_a_unit_is_none():
    assert review.contradiction(When(max_units=0)) == "no_units"
    assert review.contradiction(When(min_units=0, max_units=1)) is None
    assert review.contradiction(When(max_weight_g=0, max_value=Decimal(0))) is None  # a sample weighs and costs nothing


def test_orders_that_no_rule_speaks_for_are_mentioned():
    assert said(rule(When(channels=frozenset({"web"})))) == [("/rules", "not_for_every_order")]


# ---- against what the rules do -----------------------------------------------------------------------

_some = lambda values: st.frozensets(st.sampled_from(values), max_size=2)  # noqa: E731
_bound = st.none() | st.integers(0, 4)
_times = st.none() | st.sampled_from([dt.time(0), dt.time(8), dt.time(16), dt.time(20)])
_days = st.none() | st.sampled_from([dt.date(2026, 1, day) for day in (1, 10, 20)])
WHENS = st.builds(
    When,
    channels=_some(["web", "app"]),
    methods=_some(["ship", "pickup"]),
    countries=_some(["FR", "BE"]),
    postal_prefixes=st.lists(st.sampled_from(["7", "75", "69"]), max_size=2).map(tuple),
    skus=_some(["x", "y"]),
    tags=_some(["heavy", "cold"]),
    customer_tags=_some(["gold"]),
    min_value=_bound,
    max_value=_bound,
    min_units=_bound,
    max_units=_bound,
    weekdays=_some(["tue", "thu"]),
    from_time=_times,
    until_time=_times,
    from_date=_days,
    until_date=_days,
)
DEMANDS = st.builds(
    Demand,
    lines=st.lists(
        st.builds(Line, st.just("l"), st.sampled_from("xyz"), st.integers(1, 3), tags=_some(["heavy", "cold"])),
        min_size=1,
        max_size=2,
    ).map(tuple),
    channel=st.sampled_from(["web", "app"]),
    method=st.sampled_from(["ship", "pickup"]),
    country=st.sampled_from(["FR", "BE"]),
    postal_code=st.sampled_from(["75011", "69001", "13001"]),
    customer_tags=_some(["gold"]),
    value=st.integers(0, 5).map(Decimal),
    time=st.sampled_from([dt.time(0), dt.time(7, 59), dt.time(8), dt.time(16), dt.time(23, 59)]),
    date=st.sampled_from([dt.date(2026, 1, day) for day in (1, 9, 10, 20, 21)]),
).map(lambda demand: replace(demand, weekday=WEEK[demand.date.weekday()]))


@settings(max_examples=400, deadline=None)
@given(WHENS, WHENS, st.lists(DEMANDS, min_size=5, max_size=20))
def test_what_is_covered_is_met_by_no_order_that_the_wider_rule_does_not_meet(wide, narrow, demands):
    if review.covers(wide, narrow):
        assert all(holds(wide, demand) for demand in demands if holds(narrow, demand))


@settings(max_examples=200, deadline=None)
@given(WHENS, st.lists(DEMANDS, min_size=5, max_size=20))
def test_a_contradiction_is_met_by_no_order(when, demands):
    assume(review.contradiction(when))
    assert not any(holds(when, demand) for demand in demands)


SOURCES = st.builds(
    Source,
    min_capacity_left=st.integers(0, 3),
    ignore_capacity=st.booleans(),
    max_distance_km=st.none() | st.just(5000.0),
)


@settings(max_examples=200, deadline=None)
@given(
    SOURCES,
    st.lists(st.none() | st.integers(0, 3), min_size=2, max_size=2),
    st.lists(st.booleans(), min_size=2, max_size=2),
    *[st.none() | st.integers(0, 4).map(Decimal)] * 2,
)
def test_what_is_said_to_serve_nothing_serves_nothing_and_all_else_serves_something(source, rooms, on_map, least, most):
    """The order that is easiest to serve: each of its units worth as much as the rule lets the whole order be."""
    places = [place(code, at=PARIS if is_on else None) for code, is_on in zip("PQ", on_map, strict=True)]
    step = Step(source=source, min_parcel_value=least, rest=Rest.EXCEPTION)
    rooms_of = dict(zip("PQ", rooms, strict=True))
    limits = {code: room for code, room in rooms_of.items() if room is not None}

    found = review.review([rule(When(max_value=most), step)], places, GROUPS, capacities=limits)

    worth = Decimal(9) if most is None else most
    net = network(places, {("A", code): 1 for code in "PQ"}, capacity_left=lambda one: rooms_of[one.code])
    result = planned(a_demand(line("A", unit_value=worth), value=worth), net, step, when=When(max_value=most))
    assert any(finding.is_fault for finding in found) == (not result.parcels)


@given(WHENS)
def test_every_rule_covers_itself_and_nothing_narrower_than_no_condition(when):
    assert review.covers(when, when)
    assert review.covers(When(), when)
