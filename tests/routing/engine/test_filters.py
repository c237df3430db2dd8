"""Every filter of a step, by the reason it gives."""

import pytest

from routing.engine.types import Source, Step, Timing

from .world import (
    LILLE,
    LYON,
    NICE,
    PARIS,
    a_demand,
    flat,
    line,
    network,
    place,
    planned,
    reason_of,
    sent,
    stepped,
    timely,
)


@pytest.mark.parametrize(
    ("source", "other", "reason"),
    [
        ({"kinds": {"store"}}, {"kind": "warehouse"}, "kind"),
        ({"groups": {"north", "idf"}}, {"groups": {"south"}}, "group"),
        ({"exclude_groups": {"outlet"}}, {"groups": {"idf", "outlet"}}, "exclude_group"),
        ({"locations": ("GOOD",)}, {}, "location"),
        ({"abilities": {"ship", "curbside"}}, {"abilities": {"ship"}}, "ability"),
        ({"max_distance_km": 400}, {"at": NICE}, "too_far"),
        ({"max_distance_km": 400}, {"at": None}, "distance_unknown"),
        ({}, {"abilities": {"pickup"}}, "ability"),  # cannot do the method at all
        ({}, {"is_accepting": False}, "not_accepting"),
    ],
)
def test_a_filter_leaves_out_what_does_not_match(source, other, reason):
    source = {k: frozenset(v) if isinstance(v, set) else v for k, v in source.items()}
    good = place("GOOD", at=PARIS, kind="store", groups={"idf"}, abilities={"ship", "curbside"}, handling="9")
    bad = place("BAD", **{"at": PARIS, "kind": "store", "groups": {"idf"}, "abilities": {"ship", "curbside"}, **other})
    net = network([good, bad], {("A", "GOOD"): 1, ("A", "BAD"): 1})

    result = planned(a_demand(), net, Step(source=Source(**source)))

    assert sent(result) == {"GOOD": {"line-A": 1}}
    assert reason_of(result, "BAD") == reason
    assert reason_of(result, "GOOD") is None
    assert result.excluded_counts == {reason: 1}


def test_min_sellable_leaves_out_a_place_with_fewer_units():
    net = network([place("FEW"), place("MANY", handling="3")], {("A", "FEW"): 2, ("A", "MANY"): 3})

    result = planned(a_demand(), net, Step(source=Source(min_sellable=3)))

    assert sent(result) == {"MANY": {"line-A": 1}}
    assert reason_of(result, "FEW") == "too_few_units"


def test_min_left_after_keeps_units_in_the_place():
    net = network([place("X")], {("A", "X"): 5})

    result = planned(a_demand(line("A", 4)), net, Step(source=Source(min_left_after=2)))

    assert sent(result) == {"X": {"line-A": 3}}
    assert [(r.key, r.quantity) for r in result.rest] == [("line-A", 1)]


def test_min_left_after_also_counts_what_an_earlier_step_of_the_plan_took():
    net = network([place("X")], {("A", "X"): 5})
    first = Step(source=Source(min_left_after=3))
    second = Step(source=Source(min_left_after=1))

    result = planned(a_demand(line("A", 5)), net, first, second)

    assert [(p.step, p.lines[0].quantity) for p in result.parcels] == [(0, 2), (1, 2)]
    assert [r.quantity for r in result.rest] == [1]


def test_open_now_leaves_out_closed_places():
    net = network(
        [place("CLOSED"), place("OPEN", handling="3")],
        {("A", "CLOSED"): 1, ("A", "OPEN"): 1},
        is_open=lambda p: p.code == "OPEN",
    )

    assert sent(planned(a_demand(), net, Step(source=Source(open_now=True)))) == {"OPEN": {"line-A": 1}}
    assert sent(planned(a_demand(), net, Step())) == {"CLOSED": {"line-A": 1}}


def test_on_time_leaves_out_places_that_would_be_late():
    net = network(
        [place("LATE"), place("QUICK", handling="3")],
        {("A", "LATE"): 1, ("A", "QUICK"): 1},
        timing=timely({"LATE": 1}),
    )

    result = planned(a_demand(), net, Step(source=Source(on_time=True)))

    assert sent(result) == {"QUICK": {"line-A": 1}}
    assert reason_of(result, "LATE") == "late"


@pytest.mark.parametrize(("ignore", "expected"), [(False, "ROOMY"), (True, "FULL")])
def test_a_place_without_capacity_left_gets_nothing_unless_the_rule_ignores_it(ignore, expected):
    net = network(
        [place("FULL"), place("ROOMY", handling="3")],
        {("A", "FULL"): 1, ("A", "ROOMY"): 1},
        capacity_left=lambda p: {"FULL": 0, "ROOMY": 1}[p.code],
    )

    assert list(sent(planned(a_demand(), net, Step(source=Source(ignore_capacity=ignore))))) == [expected]


def test_a_second_step_sees_the_capacity_the_first_one_used():
    net = network([place("X")], {("A", "X"): 5}, capacity_left=lambda p: 1)
    first, second = Step(source=Source(min_left_after=3)), Step()

    result = planned(a_demand(line("A", 5)), net, first, second)

    assert sent(result) == {"X": {"line-A": 2}}
    assert [s.outcome for s in result.steps] == ["partly", "nobody"]


def test_a_place_excluded_for_one_line_may_still_serve_another():
    net = network([place("X"), place("Y", handling="3")], {(s, c): 1 for s in "AB" for c in "XY"})
    demand = a_demand(line("A"), line("B"), excluded={"line-A": frozenset({"X"})})

    result = planned(demand, net, Step(max_parcels=2))

    assert sent(result) == {"Y": {"line-A": 1, "line-B": 1}}
    alone = planned(a_demand(line("A"), excluded={"line-A": frozenset({"X"})}), net)
    assert reason_of(alone, "X") == "excluded"


def test_where_no_carrier_goes_nothing_is_sent():
    net = network([place("ISLAND"), place("MAIN")], {("A", "ISLAND"): 1, ("A", "MAIN"): 1}, {"ISLAND": None})

    result = planned(a_demand(), net)

    assert sent(result) == {"MAIN": {"line-A": 1}}
    assert reason_of(result, "ISLAND") == "no_rate"


def test_a_unit_that_fits_no_package_stays():
    net = network([place("X")], {("A", "X"): 1, ("B", "X"): 1}, {"X": stepped((1000, "5"))})
    demand = a_demand(line("A", weight_g=1001), line("B", weight_g=1000))

    result = planned(demand, net)

    assert sent(result) == {"X": {"line-B": 1}}
    assert reason_of(planned(a_demand(line("A", weight_g=1001)), net), "X") == "too_heavy"


def test_places_without_a_single_unit_are_only_counted():
    net = network([place("X"), place("Y"), place("Z", at=LILLE), place("W", at=LYON)], {("A", "X"): 1})

    result = planned(a_demand(), net)

    assert [c.location for c in result.candidates] == ["X"]
    assert result.excluded_counts == {"no_stock": 3}


def test_min_confidence_leaves_out_stock_that_is_too_uncertain():
    net = network(
        [place("VAGUE"), place("SURE", handling="3")],
        {(sku, code): 1 for sku in "AB" for code in ("VAGUE", "SURE")},
        confidence={"A": {"VAGUE": 0.79, "SURE": 0.9}, "B": {"VAGUE": 0.8, "SURE": 0.9}},
    )
    step = Step(source=Source(min_confidence=0.8))

    assert sent(planned(a_demand(line("A")), net, step)) == {"SURE": {"line-A": 1}}
    assert reason_of(planned(a_demand(line("A")), net, step), "VAGUE") == "low_confidence"
    assert sent(planned(a_demand(line("B")), net, step)) == {"VAGUE": {"line-B": 1}}


@pytest.mark.parametrize(("least", "is_let_in"), [(0.5, True), (0.51, False), (1, False)])
def test_stock_nobody_has_looked_at_is_as_sure_as_not(least, is_let_in):
    net = network([place("X"), place("Y")], {("A", "X"): 1}, confidence={"A": {"Y": 0.9}})

    result = planned(a_demand(), net, Step(source=Source(min_confidence=least)))

    assert (sent(result) != {}) is is_let_in
    assert reason_of(result, "X") == (None if is_let_in else "low_confidence")


def test_before_cut_off_leaves_out_places_that_can_no_longer_send_today():
    net = network(
        [place("PAST"), place("EARLY", handling="3")],
        {("A", "PAST"): 1, ("A", "EARLY"): 1},
        is_before_cut_off=lambda p: p.code == "EARLY",
    )

    result = planned(a_demand(), net, Step(source=Source(before_cut_off=True)))

    assert (sent(result), reason_of(result, "PAST")) == ({"EARLY": {"line-A": 1}}, "past_cut_off")
    assert list(sent(planned(a_demand(), net, Step()))) == ["PAST"]


@pytest.mark.parametrize(("least", "chosen"), [(0, "BUSY"), (2, "BUSY"), (3, "ROOMY")])
def test_min_capacity_left_keeps_some_room_for_others(least, chosen):
    net = network(
        [place("BUSY"), place("ROOMY", handling="3")],
        {("A", "BUSY"): 1, ("A", "ROOMY"): 1},
        capacity_left=lambda p: 2 if p.code == "BUSY" else None,
    )

    result = planned(a_demand(), net, Step(source=Source(min_capacity_left=least)))

    assert list(sent(result)) == [chosen]
    assert reason_of(result, "BUSY") == (None if chosen == "BUSY" else "little_capacity")


def test_on_time_leaves_out_the_services_that_would_be_late_not_the_place():
    slow, quick = flat("2", transit_days=3, carrier_service="slow"), flat("5", transit_days=1, carrier_service="quick")
    net = network(
        [place("X")],
        {("A", "X"): 1},
        {"X": [slow, quick]},
        timing=lambda _place, tier: Timing(tier.transit_days - 1, tier.transit_days <= 1),
    )

    cheap = planned(a_demand(), net, Step()).parcels[0]
    in_time = planned(a_demand(), net, Step(source=Source(on_time=True))).parcels[0]

    assert (cheap.carrier_service, cheap.cost) == ("slow", 2)
    assert (in_time.carrier_service, in_time.cost, in_time.transit_days) == ("quick", 5, 1)
