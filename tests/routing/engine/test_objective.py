"""Weights and limits: what the cheapest plan means."""

from dataclasses import replace
from decimal import Decimal

import pytest

from routing.engine.types import Budget, Rest, Source, Step, Timing, Weights, When

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


def test_cost_is_the_rate_plus_the_handling_of_the_place():
    net = network(
        [place("X", handling="2.00"), place("Y", handling="0.50")],
        {("A", "X"): 1, ("A", "Y"): 1},
        {"X": flat("4.00"), "Y": flat("6.00")},
    )

    result = planned(a_demand(), net)

    assert list(sent(result)) == ["X"]
    assert result.cost == Decimal("6.00")
    assert {c.location: c.score_micro for c in result.candidates} == {"X": 6_000_000, "Y": 6_500_000}
    assert result.parcels[0].parts == {"shipping": 4_000_000, "handling": 2_000_000}


@pytest.mark.parametrize(
    ("weights", "expected"),
    [
        (Weights(cost=1), "CHEAP"),
        (Weights(distance_km=1), "NEAR"),
        (Weights(cost=1, distance_km=0.001), "CHEAP"),  # 3.4 km against 687 km are worth 0.68
        (Weights(cost=1, distance_km=0.01), "NEAR"),
        (Weights(lateness_days=1), "QUICK"),
        (Weights(workload=1), "IDLE"),
        (Weights(scarcity=1), "PLENTY"),
        (Weights(location_order=1), "FIRST"),
        (Weights(carbon_kg=1), "NEAR"),
    ],
)
def test_each_weight_prefers_its_own_best_place(weights, expected):
    places = [
        place("CHEAP", at=NICE, position=1),
        place("NEAR", at=(48.88, 2.38), handling="3", position=2),
        place("QUICK", at=LYON, handling="3", position=3),
        place("IDLE", at=LYON, handling="3", position=4),
        place("PLENTY", at=LYON, handling="3", position=5),
        place("FIRST", at=LYON, handling="3", position=0),
    ]
    net = network(
        places,
        {("A", p.code): 100 if p.code == "PLENTY" else 2 for p in places},
        timing=timely({p.code: 0 if p.code == "QUICK" else 2 for p in places}),
        workload=lambda p: 0.1 if p.code == "IDLE" else 0.8,
    )

    result = planned(a_demand(line("A", weight_g=1000)), net, Step(weights=weights))

    assert list(sent(result)) == [expected]


def test_distance_is_priced_per_parcel():
    net = network([place("X", at=LYON)], {("A", "X"): 3})

    result = planned(a_demand(line("A", 3)), net, Step(weights=Weights(distance_km=1)))

    assert float(result.cost) == pytest.approx(391.5, abs=0.5)  # Paris to Lyon as the crow flies


def test_a_place_without_coordinates_comes_after_all_with_a_distance():
    net = network([place("A-NOWHERE"), place("FAR", at=(-33.87, 151.21))], {("A", "A-NOWHERE"): 1, ("A", "FAR"): 1})
    by_distance = Step(weights=Weights(distance_km=1))

    assert list(sent(planned(a_demand(), net, by_distance))) == ["FAR"]


def test_an_address_off_the_map_is_planned_all_the_same_with_a_note():
    net = network([place("X", at=LYON), place("Y")], {("A", "X"): 1, ("A", "Y"): 1})

    result = planned(a_demand(at=None), net, Step(weights=Weights(distance_km=1)))

    assert list(sent(result)) == ["X"]
    assert result.notes == ("destination_not_placed",)


def test_location_order_follows_the_list_of_the_step():
    net = network([place("X", position=0), place("Y", position=1)], {("A", "X"): 1, ("A", "Y"): 1})
    step = Step(source=Source(locations=("Y", "X")), weights=Weights(location_order=1))

    assert list(sent(planned(a_demand(), net, step))) == ["Y"]


def test_scarcity_and_location_order_count_per_unit():
    net = network([place("X", position=3)], {("A", "X"): 10})
    step = Step(weights=Weights(scarcity=1, location_order=0.5))

    result = planned(a_demand(line("A", 4)), net, step)

    assert result.cost == Decimal("6.4")  # 4 units x (1/10 + 0.5 x 3)


def test_ties_end_by_code():
    net = network([place("Y"), place("X"), place("Z")], {("A", c): 1 for c in "XYZ"}, dict.fromkeys("XYZ", flat("5")))

    assert list(sent(planned(a_demand(), net))) == ["X"]


def test_the_price_of_a_parcel_keeps_the_goods_together():
    """Two cheap places cost 2 x 3.00, one dear place 7.00: a parcel's weight of 2 turns the choice."""
    stock = {("A", "X"): 1, ("B", "Y"): 1, ("A", "Z"): 1, ("B", "Z"): 1}
    net = network([place("X"), place("Y"), place("Z")], stock, {"X": flat("3"), "Y": flat("3"), "Z": flat("7")})
    demand = a_demand(line("A"), line("B"))

    assert sent(planned(demand, net)) == {"X": {"line-A": 1}, "Y": {"line-B": 1}}
    dear_parcels = planned(demand, net, Step(weights=Weights(cost=1, parcels=2)))
    assert sent(dear_parcels) == {"Z": {"line-A": 1, "line-B": 1}}
    assert dear_parcels.cost == Decimal("9")


def test_a_place_is_used_once_where_two_parcels_from_it_would_be_cheaper():
    """Prices leap with weight: 2 kg from X cost 20, two parcels of 1 kg would cost 2, but a place sends one."""
    net = network(
        [place("X"), place("Y")],
        {("A", "X"): 1, ("B", "X"): 1, ("B", "Y"): 1},
        {"X": stepped((1000, "1"), (2000, "20")), "Y": flat("6")},
    )
    demand = a_demand(line("A", weight_g=1000), line("B", weight_g=1000))

    result = planned(demand, net)

    assert sent(result) == {"X": {"line-A": 1}, "Y": {"line-B": 1}}
    assert (result.cost, result.optimal) == (Decimal("7"), True)


def test_goods_beyond_the_last_tier_leave_in_several_packages():
    net = network([place("X")], {("A", "X"): 9}, {"X": stepped((1000, "5"), (2000, "8"))})

    result = planned(a_demand(line("A", 5, weight_g=1000)), net)

    assert result.cost == Decimal("21")  # 2 kg + 2 kg + 1 kg = 8 + 8 + 5


def test_max_parcels_one_takes_the_place_that_has_it_all():
    stock = {("A", "X"): 1, ("B", "Y"): 1, ("A", "Z"): 1, ("B", "Z"): 1}
    net = network([place("X"), place("Y"), place("Z")], stock, {"X": flat("1"), "Y": flat("1"), "Z": flat("9")})

    assert sent(planned(a_demand(line("A"), line("B")), net, Step(max_parcels=1))) == {"Z": {"line-A": 1, "line-B": 1}}


def test_one_parcel_may_cut_lines_to_serve_most():
    net = network([place("X"), place("Y")], {("A", "X"): 3, ("A", "Y"): 2, ("B", "Y"): 2})

    result = planned(a_demand(line("A", 5), line("B", 5)), net, Step(max_parcels=1))

    assert sent(result) == {"Y": {"line-A": 2, "line-B": 2}}
    assert [(r.key, r.quantity) for r in result.rest] == [("line-A", 3), ("line-B", 3)]


def test_a_line_no_place_holds_whole_is_cut():
    net = network(
        [place("X"), place("Y"), place("Z")],
        {("A", "X"): 3, ("A", "Y"): 3, ("A", "Z"): 2},
        {"X": flat("5"), "Y": flat("9"), "Z": flat("6")},
    )

    result = planned(a_demand(line("A", 5)), net)

    assert sent(result) == {"X": {"line-A": 3}, "Z": {"line-A": 2}}
    assert (result.cost, result.lower_bound, result.optimal, result.gap) == (11, 11, True, 0)


def test_without_time_to_prove_it_the_plan_says_so_and_still_serves():
    stock = {("A", "X"): 1, ("A", "Y"): 3, ("A", "Z"): 3}
    net = network([place("X"), place("Y"), place("Z")], stock, {"X": flat("1"), "Y": flat("9"), "Z": flat("9")})
    spent = Budget(now=lambda: 1.0, ends_at=0.0)

    result = planned(a_demand(line("A", 5)), net, budget=spent)

    assert sum(q for lines in sent(result).values() for q in lines.values()) == 5
    assert (result.optimal, result.lower_bound) == (False, 11)  # X twice and Y: 1 + 1 + 9, were that allowed
    assert result.cost == 18
    assert result.gap == pytest.approx(1 - 11 / 18)


def test_a_parcel_under_the_least_value_is_not_sent():
    net = network(
        [place("X"), place("Y"), place("Z")],
        {("A", "X"): 1, ("B", "Y"): 1, ("A", "Z"): 1, ("B", "Z"): 1},
        {"Z": flat("9")},
    )
    lines = line("A", unit_value=Decimal(20)), line("B", unit_value=Decimal(5))

    result = planned(a_demand(*lines), net, Step(min_parcel_value=Decimal(10)))

    assert list(sent(result)) == ["Z"]
    assert planned(a_demand(*lines), net, Step(min_parcel_value=Decimal(26))).parcels == ()


def test_groups_travel_together_unless_the_step_lets_them_part():
    stock = {("A", "X"): 1, ("B", "Y"): 1, ("A", "Z"): 1, ("B", "Z"): 1}
    net = network([place("X"), place("Y"), place("Z")], stock, {"Z": flat("9")})
    lines = line("A", group="set"), line("B", group="set")

    assert list(sent(planned(a_demand(*lines), net))) == ["Z"]
    assert list(sent(planned(a_demand(*lines), net, Step(keep_groups=False)))) == ["X", "Y"]


def test_a_group_no_place_holds_whole_is_not_served():
    net = network([place("X"), place("Y")], {("A", "X"): 1, ("B", "Y"): 1, ("C", "X"): 1})
    lines = line("A", group="set"), line("B", group="set"), line("C")

    result = planned(a_demand(*lines), net)

    assert sent(result) == {"X": {"line-C": 1}}
    assert {r.key for r in result.rest} == {"line-A", "line-B"}


def test_a_complete_step_counts_only_if_it_serves_everything():
    net = network([place("X")], {("A", "X"): 1})
    demand = a_demand(line("A"), line("B"))

    result = planned(demand, net, Step("all", complete=True), Step("some"))

    assert [(s.name, s.outcome) for s in result.steps] == [("all", "incomplete"), ("some", "partly")]
    assert sent(result) == {"X": {"line-A": 1}}


def test_steps_are_tried_in_order_until_all_is_served():
    stock = {("A", "W"): 1, ("A", "S"): 1, ("B", "S"): 1}
    net = network([place("W", kind="warehouse"), place("S")], stock, {"W": flat("5"), "S": flat("1")})
    first = Step("warehouses", Source(kinds=frozenset({"warehouse"})))

    result = planned(a_demand(line("A"), line("B")), net, first, Step("any"))

    assert [(p.location, p.step, p.lines[0].key) for p in result.parcels] == [("W", 0, "line-A"), ("S", 1, "line-B")]
    assert result.cost == Decimal("6")


@pytest.mark.parametrize("rest", ["backorder", "exception", "refuse"])
def test_what_a_step_leaves_goes_where_it_says_and_later_steps_are_not_tried(rest):
    net = network([place("W", kind="warehouse"), place("S")], {("A", "S"): 1})
    first = Step("warehouses", Source(kinds=frozenset({"warehouse"})), rest=Rest(rest))

    result = planned(a_demand(), net, first, Step("any"))

    assert result.parcels == ()
    assert [(r.key, r.quantity, r.disposition) for r in result.rest] == [("line-A", 1, rest)]


def test_after_the_last_step_next_means_a_person():
    assert planned(a_demand(), network([place("X")], {})).rest[0].disposition == "exception"


def test_without_a_matching_rule_everything_goes_to_a_person():
    net = network([place("X")], {("A", "X"): 1})

    result = planned(a_demand(channel="web"), net, when=When(channels=frozenset({"app"})))

    assert (result.parcels, result.rule, result.notes) == ((), None, ("no_rule",))
    assert result.rest[0].disposition == "exception"


def test_a_place_the_shopper_chose_is_the_only_candidate_and_costs_nothing():
    net = network(
        [place("X", handling="2", kind="store"), place("Y")], {("A", "X"): 1, ("A", "Y"): 1}, {"X": flat("9")}
    )
    warehouses_only = Step(source=Source(kinds=frozenset({"warehouse"})))

    result = planned(a_demand(method="pickup", location="X"), net, warehouses_only)

    assert (sent(result), result.cost) == ({"X": {"line-A": 1}}, 0)


def test_a_chosen_place_that_cannot_hand_over_is_refused_with_the_reason():
    net = network([place("W", abilities={"ship"}), place("Y")], {("A", "W"): 1, ("A", "Y"): 1})

    result = planned(a_demand(method="pickup", location="W"), net)

    assert result.parcels == ()
    assert [(c.location, c.reason) for c in result.candidates] == [("W", "ability")]


@pytest.mark.parametrize(
    ("steps", "goes"),
    [
        ([Step()], "c"),
        ([Step(keep_groups=False)], "bc"),
        ([Step(no_split_below=Decimal(999))], ""),
        ([Step(no_split_tags=frozenset({"fragile"}))], ""),
        ([Step(no_split_customer_tags=frozenset({"vip"}), keep_groups=False)], ""),
        ([Step(complete=True, max_parcels=1)], ""),
        ([Step(complete=True, max_parcels=2, keep_groups=False)], "bc"),
        ([Step(complete=True, max_parcels=1, keep_groups=False), Step()], "c"),
        ([Step(no_split_below=Decimal(999)), Step(keep_groups=False)], "bc"),
        ([Step(no_split_below=Decimal(999), rest=Rest.EXCEPTION), Step(keep_groups=False)], ""),
    ],
)
def test_a_place_that_a_person_named_sends_no_part_of_what_the_rules_send_together(steps: list[Step], goes: str):
    lines = (line("A", group="set", key="a", tags=frozenset({"fragile"})), line("B", group="set", key="b"))
    demand = a_demand(
        *lines, line("C", key="c"), location="X", value=Decimal(100), customer_tags=frozenset({"vip"}), method="ship"
    )
    net = network([place("X"), place("Y")], {("A", "Y"): 1, ("B", "X"): 1, ("C", "X"): 1})

    result = planned(demand, net, *steps)

    assert sent(result) == ({"X": dict.fromkeys(goes, 1)} if goes else {})
    if not goes:
        assert reason_of(result, "X") == "partial_stock"
    collected = planned(
        replace(demand, method="pickup"), network([place("X", abilities={"pickup"})], {("B", "X"): 1}), *steps
    )
    assert sent(collected) == {"X": {"b": 1}}


def test_two_lines_of_one_sku_share_the_stock():
    net = network([place("X"), place("Y")], {("A", "X"): 3, ("A", "Y"): 2}, {"X": flat("1"), "Y": flat("2")})

    result = planned(a_demand(line("A", 2, key="l1"), line("A", 2, key="l2")), net)

    units = {code: sum(lines.values()) for code, lines in sent(result).items()}
    assert units["X"] <= 3 and units["Y"] <= 2 and sum(units.values()) == 4
    assert (result.rest, result.cost) == ((), Decimal("3"))


def test_more_lines_than_subsets_can_be_counted_are_still_planned_well():
    skus = [f"S{i:02}" for i in range(14)]
    stock = {(s, "ALL"): 1 for s in skus} | {(s, "HALF"): 1 for s in skus[:7]}
    net = network([place("ALL", at=PARIS), place("HALF", at=LILLE)], stock, {"ALL": flat("4"), "HALF": flat("3.5")})

    result = planned(a_demand(*(line(s) for s in skus)), net)

    assert list(sent(result)) == ["ALL"]
    assert (result.cost, result.optimal) == (Decimal("4"), True)


# Money of every kind ------------------------------------------------------------------------------


def test_packaging_counts_per_parcel_and_handling_per_unit_too():
    net = network(
        [place("X", handling="1.00", handling_unit_micro=250_000, packaging_micro=400_000)],
        {("A", "X"): 4},
        {"X": flat("5")},
    )

    (parcel,) = planned(a_demand(line("A", 4)), net).parcels

    assert parcel.parts == {"shipping": 5_000_000, "handling": 2_000_000, "packaging": 400_000}  # 1 + 4 × 0.25


@pytest.mark.parametrize(("per_day", "service", "cost"), [("0.5", "slow", "5"), ("1.5", "quick", "6")])
def test_a_cheaper_service_that_is_late_pays_for_its_lateness(per_day, service, cost):
    """Slow costs 4 and is two days late, quick costs 6 and is in time."""
    slow, quick = flat("4", transit_days=4, carrier_service="slow"), flat("6", transit_days=2, carrier_service="quick")
    net = network(
        [place("X")],
        {("A", "X"): 1},
        {"X": [slow, quick]},
        timing=lambda _place, tier: Timing(tier.transit_days - 2, tier.transit_days <= 2),
    )

    (parcel,) = planned(a_demand(), net, Step(weights=Weights(cost=1, lateness_days=float(per_day)))).parcels

    assert (parcel.carrier_service, parcel.cost) == (service, Decimal(cost))
    assert parcel.parts["lateness"] == (1_000_000 if service == "slow" else 0)


def test_each_weight_takes_the_service_that_is_cheapest_for_it():
    letters = stepped((500, "2"), (1000, "9"))
    parcels = stepped((2000, "6"))
    net = network([place("X")], {("A", "X"): 9}, {"X": [letters, parcels]})

    costs = [planned(a_demand(line("A", n, weight_g=400)), net).cost for n in (1, 2, 5, 6)]

    assert costs == [2, 6, 6, 8]  # 400 g; 800 g; 2,000 g; 2,400 g in two packages: 6 + 2


def test_a_unit_is_worth_its_scarcity_price_where_one_is_given():
    net = network(
        [place("LYON"), place("METZ", handling="3")],
        {("A", "LYON"): 2, ("A", "METZ"): 10},
        scarcity={"A": {"LYON": 3_100_000, "METZ": 0}},
    )

    result = planned(a_demand(), net, Step(weights=Weights(cost=1, scarcity=1)))

    assert list(sent(result)) == ["METZ"]  # 3.00 against 3.10
    assert list(sent(planned(a_demand(), net, Step(weights=Weights(cost=1, scarcity=0.5))))) == ["LYON"]
    (lyon,) = (c for c in result.candidates if c.location == "LYON")
    assert lyon.parts == {"shipping": 0, "handling": 0, "scarcity": 3_100_000}


def test_slow_stock_goes_first_and_no_parcel_costs_less_than_nothing():
    """What a unit gains less than at the best place counts: FRESH 3 − 0, SLOW 3 − 3."""
    net = network(
        [place("FRESH"), place("SLOW", handling="2")],
        {("A", "FRESH"): 5, ("A", "SLOW"): 5},
        markdown={"A": {"SLOW": 3_000_000}},
    )

    result = planned(a_demand(line("A", 2)), net, Step(weights=Weights(cost=1, markdown=1)))

    assert sent(result) == {"SLOW": {"line-A": 2}}
    assert {c.location: c.score_micro for c in result.candidates} == {"FRESH": 6_000_000, "SLOW": 2_000_000}
    assert result.parcels[0].parts["markdown"] == 0


def test_a_place_that_often_refuses_pays_what_a_failed_attempt_costs():
    net = network(
        [place("LAZY"), place("KEEN", handling="1.99")],
        {("A", "LAZY"): 1, ("A", "KEEN"): 1},
        acceptance=lambda p: 0.6 if p.code == "LAZY" else 1.0,
    )

    result = planned(a_demand(), net, Step(weights=Weights(cost=1, refusal=5)))

    assert list(sent(result)) == ["KEEN"]  # 5 × (1 − 0.6) = 2.00
    assert {c.location: c.parts["refusal"] for c in result.candidates} == {"LAZY": 2_000_000, "KEEN": 0}


# Not split ----------------------------------------------------------------------------------------


def test_an_order_below_the_value_leaves_whole_or_not_at_all():
    stock = {("A", "X"): 1, ("B", "Y"): 1, ("A", "Z"): 1, ("B", "Z"): 1}
    net = network([place("X"), place("Y"), place("Z", handling="9")], stock)
    step = Step(no_split_below=Decimal(50))
    lines = line("A"), line("B")

    assert list(sent(planned(a_demand(*lines, value=Decimal("49.99")), net, step))) == ["Z"]
    assert list(sent(planned(a_demand(*lines, value=Decimal(50)), net, step))) == ["X", "Y"]
    without_z = network([place("X"), place("Y")], {key: 1 for key in stock if key[1] != "Z"})
    refused = planned(a_demand(*lines, value=Decimal("49.99")), without_z, step)
    assert (refused.parcels, [s.outcome for s in refused.steps]) == ((), ["incomplete"])
    assert {c.location: c.reason for c in refused.candidates} == {"X": "partial_stock", "Y": "partial_stock"}


def test_one_product_with_the_tag_keeps_the_order_whole():
    stock = {("A", "X"): 1, ("B", "Y"): 1, ("A", "Z"): 1, ("B", "Z"): 1}
    net = network([place("X"), place("Y"), place("Z", handling="9")], stock)
    step = Step(no_split_tags=frozenset({"set"}))

    assert list(sent(planned(a_demand(line("A", tags=frozenset({"set"})), line("B")), net, step))) == ["Z"]
    assert list(sent(planned(a_demand(line("A", tags=frozenset({"new"})), line("B")), net, step))) == ["X", "Y"]


# The rest, and others who are asked ----------------------------------------------------------------


def test_the_rest_is_told_when_it_will_be_canceled():
    step = Step(rest=Rest.BACKORDER, cancel_after_days=14)

    (rest,) = planned(a_demand(), network([place("X")], {}), step).rest

    assert (rest.disposition, rest.cancel_after_days) == ("backorder", 14)


def test_a_step_that_offers_to_several_names_the_next_best_places_for_each_parcel():
    stock = {(sku, code): 2 for sku in "AB" for code in ("P1", "P2", "P3", "P4")} | {("A", "P5"): 2, ("B", "P6"): 1}
    places = [place(f"P{n}", handling=str(n)) for n in range(1, 7)]
    net = network(places, stock)

    (parcel,) = planned(a_demand(line("A", 2), line("B", 2)), net, Step(offer_to=3)).parcels

    assert parcel.location == "P1"
    assert [(other.location, other.cost, other.lines) for other in parcel.runners_up] == [
        ("P2", 2, parcel.lines),
        ("P3", 3, parcel.lines),
    ]


def test_no_place_is_asked_for_two_parcels_of_one_plan():
    places = [place(code, handling=price) for code, price in (("X", "1"), ("Y", "1"), ("Z", "2"), ("W", "3"))]
    stock = {("A", "X"): 1, ("B", "Y"): 1, ("A", "Z"): 1, ("B", "Z"): 1, ("B", "W"): 1}
    net = network(places, stock, dict.fromkeys("ZW", flat("9")))

    result = planned(a_demand(line("A"), line("B")), net, Step(offer_to=2))

    assert {p.location: [r.location for r in p.runners_up] for p in result.parcels} == {"X": ["Z"], "Y": ["W"]}
