"""What a look at the shelf does to how far a level is believed: worked by hand, as properties, and in the books."""

from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import strategies as st

from inventory import queries
from inventory.confidence import Difference, after_look, agrees
from inventory.services import StockEvent, apply_stock_events, count_stock, mark_suspect
from tests.factories.inventory import NOW, level, make_location, make_product, set_stock

looks = st.lists(st.booleans(), max_size=40)
confidences = st.none() | st.floats(0, 1)


def after(confidence, outcomes):
    for outcome in outcomes:
        confidence = after_look(confidence, agrees=outcome)
    return confidence


@pytest.mark.parametrize(
    ("outcomes", "confidence"),
    [
        ([True], 0.6),  # (4 · 0.5 + 1) / 5
        ([False], 0.4),
        ([True, True], 0.68),  # (4 · 0.6 + 1) / 5
        ([False, False], 0.32),
        ([True, False], 0.48),
        ([False, True], 0.52),  # the later look weighs more
        ([True] * 10, 0.9463),  # 1 − 0.5 · 0.8¹⁰
    ],
)
def test_each_look_moves_the_belief_by_a_fifth_of_the_way(outcomes, confidence):
    assert after(None, outcomes) == pytest.approx(confidence, abs=1e-4)


@given(confidence=confidences, outcomes=looks.filter(bool))
def test_a_confidence_stays_between_none_and_full(confidence, outcomes):
    assert 0 <= after(confidence, outcomes) <= 1


@given(confidence=confidences)
def test_an_agreement_never_lowers_and_a_difference_never_raises_it(confidence):
    before = 0.5 if confidence is None else confidence

    assert after_look(confidence, agrees=False) <= before <= after_look(confidence, agrees=True)


@given(confidence=confidences, outcomes=looks.filter(bool), data=st.data())
def test_one_better_look_in_a_history_never_leaves_less_confidence(confidence, outcomes, data):
    index = data.draw(st.integers(0, len(outcomes) - 1))
    better = [*outcomes[:index], True, *outcomes[index + 1 :]]

    assert after(confidence, better) >= after(confidence, outcomes)


@given(low=st.floats(0, 1), high=st.floats(0, 1), outcomes=looks)
def test_where_it_came_from_is_forgotten_slowly_and_by_four_fifths_a_look(low, high, outcomes):
    distance = abs(after(high, outcomes) - after(low, outcomes))

    assert distance == pytest.approx(abs(high - low) * 0.8 ** len(outcomes), abs=1e-9)


@pytest.mark.parametrize(
    ("found", "expected", "within", "is_agreement"),
    [
        (7, 7, 0, True),
        (7, 8, 0, False),
        (7, 8, 1, True),
        (9, 7, 1, False),
        (0, 1, 5, False),
        (1, 0, 5, False),
        (0, -2, 2, True),
        (0, 0, 0, True),
    ],
)
def test_a_count_agrees_within_the_tolerance_but_something_is_never_nothing(found, expected, within, is_agreement):
    assert agrees(found=found, difference=Difference(found - expected), within=within) == is_agreement


@pytest.mark.parametrize(
    ("found", "damaged", "difference", "is_agreement"),
    [
        (9, 1, Difference(0, 1), True),
        (9, 2, Difference(0, 2), False),
        (9, 0, Difference(0, -2), False),
        (9, 1, Difference(-1, 1), False),  # one is gone and another broke: two fewer to sell
        (9, 2, Difference(1, 2), False),
        (9, 2, Difference(-1, -1), True),
        (1, 1, Difference(0, 1), False),  # the last one that could be sold
        (1, 0, Difference(0, -1), False),
        (1, 1, Difference(1, 1), True),
    ],
)
def test_units_in_another_condition_do_not_agree_either(found, damaged, difference, is_agreement):
    assert agrees(found=found, damaged=damaged, difference=difference, within=1) == is_agreement


@given(units=st.integers(-9, 9), damaged=st.integers(-9, 9))
def test_so_many_units_at_least_are_gone_or_came_or_are_in_another_condition(units, damaged):
    """Tried out: so many broke or were mended, of either sort so many came or left."""
    least = min(abs(changed) + abs(damaged - changed) + abs(units - damaged + changed) for changed in range(-30, 31))

    assert Difference(units, damaged).in_question == least


# ---- in the books -----------------------------------------------------------------------------------


@pytest.fixture
def shelf(db):
    make_product("A")
    make_location("S")
    set_stock("A", "S", 10)


def look(found, *, at=NOW, damaged=None, within=1):
    event = StockEvent(f"look-{at}-{found}", "A", "S", "count", found, at, damaged=damaged, confirms_within=within)
    with transaction.atomic():
        [result] = apply_stock_events([event], source="t", actor="t", as_of=at)
    return result.status


def test_what_another_system_believes_teaches_nothing(shelf):
    assert level("A", "S").confidence is None


def test_a_count_that_agrees_raises_it_and_one_that_does_not_lowers_it(shelf):
    count_stock(sku="A", location="S", quantity=10, actor="t", as_of=NOW)
    agreed = level("A", "S").confidence
    count_stock(sku="A", location="S", quantity=4, actor="t", as_of=NOW)

    assert (agreed, level("A", "S").confidence) == (pytest.approx(0.6), pytest.approx(0.48))


def test_a_belief_is_compared_as_it_is_told(shelf):
    """Two looks that agree make 0.6799999999999999 of it: a rule that asks for 0.68 means those."""
    for _look in range(2):
        count_stock(sku="A", location="S", quantity=10, actor="t", as_of=NOW)

    assert queries.confidences(["A"]) == {"A": {"S": 0.68}}


def test_what_moved_after_the_look_is_no_difference(shelf):
    with transaction.atomic():
        sale = StockEvent("sale", "A", "S", "delta", -3, NOW + timedelta(minutes=2), reason="sale")
        apply_stock_events([sale], source="till", actor="t", as_of=NOW + timedelta(minutes=2))

    assert look(10, at=NOW + timedelta(minutes=1)) == "applied"

    assert (level("A", "S").on_hand, level("A", "S").confidence) == (7, pytest.approx(0.6))


def test_a_stale_look_teaches_nothing(shelf):
    assert look(10, at=NOW - timedelta(minutes=1)) == "stale"
    assert level("A", "S").confidence is None


def test_a_look_that_tells_the_broken_ones_apart_corrects_both_numbers_in_one_movement(shelf):
    assert look(9, damaged=2) == "applied"

    assert (level("A", "S").on_hand, level("A", "S").damaged) == (9, 2)
    assert level("A", "S").confidence == pytest.approx(0.4)  # of ten that could be sold three cannot


def test_a_look_that_finds_other_units_damaged_lowers_it(shelf):
    assert [look(10, damaged=1), look(10, damaged=10, at=NOW + timedelta(minutes=1))] == ["applied"] * 2

    assert level("A", "S").confidence == pytest.approx(0.48)  # one unit is within the tolerance, nine are not


def test_goods_not_found_cost_confidence_once_until_somebody_counts(shelf):
    with transaction.atomic():
        mark_suspect([("A", "S")], reference="ful_1", actor="t", as_of=NOW)
        mark_suspect([("A", "S")], reference="ful_2", actor="t", as_of=NOW)
    missed = level("A", "S").confidence
    count_stock(sku="A", location="S", quantity=0, actor="t", as_of=NOW)

    assert (missed, level("A", "S").confidence) == (pytest.approx(0.4), pytest.approx(0.32))


def test_learning_takes_no_statement_of_its_own(shelf):
    told = StockEvent("told", "A", "S", "count", 10, NOW)
    seen = StockEvent("seen", "A", "S", "count", 10, NOW, confirms_within=0)

    def statements(event):
        with transaction.atomic(), CaptureQueriesContext(connection) as captured:
            apply_stock_events([event], source="t", actor="t", as_of=NOW)
        return len(captured)

    assert statements(seen) == statements(told)
    assert level("A", "S").confidence is not None
