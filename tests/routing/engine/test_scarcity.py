"""Prices of the last units, held against what a unit more or less truly changes."""

from decimal import Decimal
from itertools import product
from math import exp, factorial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from routing.engine.scarcity import (
    Basket,
    Lane,
    Market,
    chance_of_at_least,
    closed_form,
    clusters,
    nearby_demand,
    prices,
)

M = 1_000_000
ZONES, PLACES, SKUS = ("north", "south"), ("A", "B", "C"), ("x", "y")
LOST = {zone: Lane(50 * M, 20 * M) for zone in ZONES}


def market(baskets, stock, lanes, lost=LOST) -> Market:
    return Market(tuple(baskets), stock, {key: Lane(p * M, u * M) for key, (p, u) in lanes.items()}, lost)


@st.composite
def markets(draw, most_skus=2):
    lanes = {
        (zone, place): Lane(draw(st.integers(1, 20)) * M, draw(st.integers(0, 5)) * M)
        for zone in ZONES
        for place in PLACES
        if draw(st.integers(0, 4))
    }
    stock = {(sku, place): draw(st.integers(0, 4)) for sku in SKUS for place in PLACES}
    kinds = [("x",), ("y",), ("x", "y")] if most_skus > 1 else [("x",)]
    baskets = [
        Basket(zone, skus, float(draw(st.integers(0, 3)))) for zone in ZONES for skus in draw(st.permutations(kinds))
    ]
    return Market(tuple(baskets), stock, lanes, LOST)


def with_units(found: Market, level, more: int) -> Market:
    return Market(found.baskets, {**found.stock, level: found.stock[level] + more}, found.lanes, found.lost)


@settings(max_examples=60, deadline=None)
@given(markets())
def test_a_price_lies_between_what_one_unit_more_saves_and_one_less_costs(found):
    """What a dual price is: the slope of a convex value, from both sides."""
    answer = prices(found)
    assert not any(found.stock[level] == 0 for level in answer.by_level)  # Nothing there: nothing to ask for.
    for level in (level for level, units in found.stock.items() if units):
        saved = answer.value_micro - prices(with_units(found, level, 1)).value_micro
        lost = prices(with_units(found, level, -1)).value_micro - answer.value_micro
        assert saved - 10 <= answer.by_level.get(level, 0) <= lost + 10


def dull_cost(found: Market) -> int:
    """Every way to give whole units to baskets of one SKU, tried in turn."""
    wanted = [basket.zone for basket in found.baskets for _ in range(int(basket.expected))]
    best = None
    for given_by in product((*PLACES, None), repeat=len(wanted)):
        if any(given_by.count(place) > found.stock["x", place] for place in PLACES):
            continue
        ways = [found.lost[z] if p is None else found.lanes.get((z, p)) for z, p in zip(wanted, given_by, strict=True)]
        if None not in ways:
            cost = sum(way.parcel_micro + way.unit_micro for way in ways)
            best = cost if best is None else min(best, cost)
    return best


@settings(max_examples=40, deadline=None)
@given(markets(most_skus=1).filter(lambda m: sum(b.expected for b in m.baskets) <= 5))
def test_single_units_cost_what_the_best_of_all_ways_costs(found):
    assert prices(found).value_micro == pytest.approx(dull_cost(found), abs=10)


def test_a_unit_that_is_the_last_near_someone_is_worth_the_longer_way():
    """South has only A nearby, North has B as well: the last unit in A is kept for South."""
    lanes = {("north", "A"): (5, 0), ("north", "B"): (8, 0), ("south", "A"): (6, 0), ("south", "B"): (20, 0)}
    found = market([Basket("north", ("x",), 1), Basket("south", ("x",), 2)], {("x", "A"): 1, ("x", "B"): 9}, lanes)
    assert prices(found).by_level["x", "A"] == 14 * M  # South would pay 20 instead of 6.


def test_what_nobody_expects_is_worth_nothing():
    lanes = {("north", "A"): (5, 0)}
    assert prices(market([], {("x", "A"): 1}, lanes)).by_level == {}
    assert prices(market([Basket("north", ("x",), 0)], {("x", "A"): 1}, lanes)).by_level == {}
    plenty = market([Basket("north", ("x",), 3)], {("x", "A"): 10}, lanes)
    assert prices(plenty).by_level == {}


def test_no_price_is_above_what_losing_the_unit_costs():
    found = market([Basket("north", ("x",), 9)], {("x", "A"): 1}, {("north", "A"): (5, 1)})
    assert prices(found).by_level["x", "A"] == (50 + 20 - 5 - 1) * M


def test_without_time_the_closed_form_answers():
    found = market([Basket("north", ("x",), 2)], {("x", "A"): 1}, {("north", "A"): (5, 1)})
    answer = prices(found, seconds=0.0)
    assert answer.value_micro is None
    assert answer.by_level == closed_form(found)
    assert answer.by_level["x", "A"] == pytest.approx(64 * M * (1 - exp(-2)), abs=1)


@given(st.integers(0, 12), st.floats(0, 8))
def test_the_chance_of_selling_out_is_that_of_poisson(units, mean):
    dull = 1 - sum(exp(-mean) * mean**n / factorial(n) for n in range(units))
    assert chance_of_at_least(units, mean) == pytest.approx(max(0.0, dull), abs=1e-9)


@pytest.mark.parametrize(("units", "mean"), [(700, 740.5), (800, 800.0), (820, 800.0), (1000, 1100.0), (3000, 3000.25)])
def test_where_many_are_expected_the_chance_is_still_that_of_poisson(units, mean):
    """A float holds no `exp(-800)`; a decimal does."""
    chance, below = (-Decimal(mean)).exp(), Decimal(0)
    for count in range(units):
        below += chance
        chance *= Decimal(mean) / (count + 1)
    assert chance_of_at_least(units, mean) == pytest.approx(float(1 - below), abs=1e-9)


def test_plenty_is_worth_nothing_however_many_are_expected():
    lanes = {("north", "A"): (3, 0), ("north", "B"): (5, 0)}
    found = market([Basket("north", ("x",), 1000.0)], {("x", "A"): 5000, ("x", "B"): 5}, lanes)
    assert closed_form(found) == {}


def test_places_that_are_as_cheap_share_those_who_want_it():
    """Else each would be the other's next way, for nothing, and the last units of both worth nothing."""
    lanes = {("north", "A"): (5, 0), ("north", "B"): (5, 0), ("north", "C"): (8, 0)}
    found = market([Basket("north", ("x",), 4.0)], {("x", "A"): 1, ("x", "B"): 3, ("x", "C"): 9}, lanes)

    assert nearby_demand(found) == {("x", "A"): 1.0, ("x", "B"): 3.0}
    assert closed_form(found)["x", "A"] == pytest.approx(3 * M * (1 - exp(-1)), abs=1)
    assert closed_form(found)["x", "B"] == pytest.approx(3 * M * (1 - exp(-3) * (1 + 3 + 4.5)), abs=1)
    assert "C" not in {place for _sku, place in closed_form(found)}


@settings(max_examples=60, deadline=None)
@given(markets())
def test_the_closed_form_stays_within_what_a_loss_costs(found):
    for (sku, place), price in closed_form(found).items():
        assert found.stock[sku, place] > 0
        assert 0 < price <= LOST["north"].alone_micro


def test_skus_bought_together_are_priced_together():
    baskets = [Basket("north", ("a", "b"), 1), Basket("north", ("b", "c", "plenty"), 1), Basket("north", ("d",), 1)]
    groups = clusters(baskets, frozenset("abcd"))
    assert groups == [frozenset("abc"), frozenset("d")]
