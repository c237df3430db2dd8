"""Splitting money, held against exact fractions."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oms.money import round_money, spread

cents = st.integers(0, 10_000_000)


def _money(number: int) -> Decimal:
    return Decimal(number).scaleb(-2)


@pytest.mark.parametrize(
    ("amount", "currency", "rounded"),
    [
        ("0.005", "EUR", "0.01"),
        ("0.015", "EUR", "0.02"),
        ("0.0049999", "EUR", "0.00"),
        ("2.675", "USD", "2.68"),
        ("0.5", "JPY", "1"),
        ("1.49", "JPY", "1"),
    ],
)
def test_rounding_is_half_up_to_the_currencys_last_digit(amount: str, currency: str, rounded: str) -> None:
    assert str(round_money(Decimal(amount), currency)) == rounded


@pytest.mark.parametrize(
    ("amount", "weights", "shares"),
    [
        ("5.00", ["35.80", "10.00"], ["3.91", "1.09"]),
        ("10.00", ["1", "1", "1"], ["3.34", "3.33", "3.33"]),  # the cent left over: to the (first) largest
        ("0.02", ["1", "1", "1"], ["0.00", "0.01", "0.01"]),  # a cent too many: from the largest
        ("1.00", ["0", "0"], ["1.00", "0"]),
        ("0.00", ["3", "4"], ["0.00", "0.00"]),
        ("7.00", [], []),
    ],
)
def test_cents_left_over_go_to_the_largest(amount: str, weights: list[str], shares: list[str]) -> None:
    assert [str(share) for share in spread(Decimal(amount), [Decimal(w) for w in weights], "EUR")] == shares


def test_many_small_lines_do_not_push_the_largest_below_zero() -> None:
    shares = spread(Decimal("0.50"), [Decimal("1.00")] * 100, "EUR")  # each 0.005, rounded up: 0.50 too much

    assert sorted(shares) == [0] * 50 + [Decimal("0.01")] * 50


def test_many_small_lines_do_not_push_the_largest_above_its_value() -> None:
    shares = spread(Decimal("0.40"), [Decimal("0.01")] * 100, "EUR")  # each 0.004, rounded down: nothing

    assert sorted(shares) == [0] * 60 + [Decimal("0.01")] * 40


@given(weights=st.lists(cents, min_size=1, max_size=200), share=st.fractions(0, 1))
def test_shares_add_up_and_fit_their_lines(weights: list[int], share: Fraction) -> None:
    amount = int(sum(weights) * share)

    shares = spread(_money(amount), [_money(weight) for weight in weights], "EUR")

    assert sum(shares) == _money(amount)
    assert all(0 <= part <= _money(weight) for part, weight in zip(shares, weights, strict=True))


@given(weights=st.lists(cents, min_size=1, max_size=30), share=st.fractions(0, 1))
def test_all_but_the_corrected_lines_get_their_exact_part_rounded_half_up(weights: list[int], share: Fraction) -> None:
    amount, total = int(sum(weights) * share), sum(weights)
    exact = [Fraction(amount * weight, total) if total else Fraction(0) for weight in weights]
    half_up = [int(part + Fraction(1, 2)) for part in exact]
    largest = max(range(len(weights)), key=lambda i: weights[i])
    expected = list(half_up)
    expected[largest] += amount - sum(half_up)

    shares = spread(_money(amount), [_money(weight) for weight in weights], "EUR")

    if total and 0 <= expected[largest] <= weights[largest]:
        assert shares == [_money(part) for part in expected]
