"""What several people said they found, added up."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inventory.tally import Said, tally
from tests.factories.inventory import NOW


def at(second, bin_, units, *, total=False, damaged=None, actor="lea"):
    return Said(bin_, units, total, damaged, NOW + timedelta(seconds=second), actor, order=second)


def result(*sayings):
    found = tally(sayings)
    return found and (found.units, found.damaged, found.bin)


@pytest.mark.parametrize(
    ("sayings", "expected"),
    [
        ([], None),
        ([at(1, "A", 1), at(2, "A", 1), at(3, "A", 1)], (3, None, "A")),
        ([at(1, "A", 2), at(2, "B", 5)], (7, None, "B")),
        ([at(1, "A", 2), at(2, "A", 9, total=True), at(3, "A", 1)], (10, None, "A")),
        ([at(1, "A", 9, total=True), at(2, "B", 4, total=True), at(3, "A", 3, total=True)], (7, None, "B")),
        ([at(1, "A", 2), at(2, "A", -1)], (1, None, "A")),
        ([at(1, "A", -3), at(2, "B", 2)], (2, None, "B")),  # a bin never holds fewer than none
        ([at(1, "A", 0, total=True)], (0, None, "A")),
        ([at(1, "A", 5, damaged=2), at(2, "B", 3)], (8, 2, "A")),
        ([at(1, "A", 5, total=True, damaged=2), at(2, "A", 4, total=True, damaged=0)], (4, 0, "A")),
        ([at(1, "A", 2, damaged=2), at(2, "A", -1)], (1, 1, "A")),
    ],
)
def test_bins_add_up_and_the_last_total_of_a_bin_replaces_what_was_said_before(sayings, expected):
    assert result(*sayings) == expected


def test_the_line_is_as_of_the_last_word_and_its_speaker():
    found = tally([at(9, "A", 1, actor="tom"), at(2, "A", 1)])

    assert (found.counted_at, found.counted_by) == (NOW + timedelta(seconds=9), "tom")


said = st.builds(
    lambda second, bin_, units, total, damaged: at(
        second, bin_, abs(units) if total else units, total=total, damaged=damaged
    ),
    st.integers(0, 50),
    st.sampled_from(["", "A", "B"]),
    st.integers(-3, 20),
    st.booleans(),
    st.none() | st.integers(0, 5),
)


@given(sayings=st.lists(said, max_size=12, unique_by=lambda one: one.order), data=st.data())
def test_the_order_in_which_messages_arrive_does_not_matter(sayings, data):
    assert tally(data.draw(st.permutations(sayings))) == tally(sayings)


@given(sayings=st.lists(said, min_size=1, max_size=12))
def test_there_are_never_fewer_than_none_nor_more_damaged_ones_than_units(sayings):
    found = tally(sayings)

    assert found.units >= 0
    assert found.damaged is None or 0 <= found.damaged <= found.units
