from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.forecasts import Past, Recipe, expected_baskets

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def past(days_ago: float, zone: str = "FR75", **units: int) -> Past:
    return Past(NOON - timedelta(days=days_ago), zone, units or {"x": 1})


def expected(*seen: Past, **recipe: float) -> dict[tuple[str, tuple[str, ...]], float]:
    found = expected_baskets(seen, as_of=NOON, recipe=Recipe(**recipe))
    return {(basket.zone, basket.skus): basket.expected for basket in found}


@pytest.mark.parametrize("half_life", [2.0, 7.0, 500.0])
def test_a_steady_demand_is_expected_to_go_on(half_life):
    steady = [past((hour + 0.5) / 24) for hour in range(28 * 24)]  # one an hour
    (times,) = expected(*steady, half_life_days=half_life).values()
    assert times == pytest.approx(7 * 24, rel=0.001)


def test_what_was_wanted_lately_counts_more():
    found = expected(past(1, "FR75"), past(8, "FR69"))
    assert found["FR75", ("x",)] == pytest.approx(2 * found["FR69", ("x",)])


def test_units_of_one_product_are_all_wanted_up_to_a_handful():
    assert list(expected(past(1, a=2, b=1))) == [("FR75", ("a", "a", "b"))]
    assert list(expected(past(1, a=500))) == [("FR75", ("a",) * 5)]


def test_neither_the_future_nor_the_distant_past_counts():
    assert expected(past(-0.1), past(28.1)) == {}


@given(st.lists(st.tuples(st.floats(0, 27), st.sampled_from(["FR75", "FR69"])), max_size=20))
def test_the_order_in_which_it_is_told_does_not_matter(told):
    seen = [past(age, zone) for age, zone in told]
    assert expected(*seen) == pytest.approx(expected(*reversed(seen)))
