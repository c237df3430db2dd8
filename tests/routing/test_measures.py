"""Bounds of a comparison: what is worse, and what is still let pass."""

import pytest

from routing.measures import Bound, broken, differences, held_to

SAME = {
    "cost_per_order": {"EUR": "5.00"},
    "parcels_per_order": 1.0,
    "split_rate": 0.1,
    "distance_km_per_parcel": 100.0,
    "promised_days": 2.0,
    "late": 0,
    "refused": 0,
    "units_not_served": 3,
    "left_to_people": 0,
    "carbon_kg": 10.0,
}


def found(**candidate):
    return differences({"baseline": SAME, "candidate": {**SAME, **candidate}})


@pytest.mark.parametrize(
    ("bound", "cost", "is_kept"),
    [
        ("+2%", "5.10", True),
        ("+2%", "5.11", False),
        ("+0.05", "5.05", True),
        ("+0.05", "5.06", False),
        ("5.2", "5.20", True),
        ("5.2", "5.21", False),
        ("+0%", "5.00", True),
        ("+0%", "4.00", True),
    ],
)
def test_a_bound_lets_pass_what_it_says(bound, cost, is_kept):
    over = list(broken(found(cost_per_order={"EUR": cost}), {"cost": Bound.read(bound)}))
    assert [one.measure.name for one in over] == ([] if is_kept else ["cost"])


def test_where_there_was_nothing_any_more_is_too_much_by_share():
    assert list(broken(found(refused=1), {"refused": Bound.read("+50%")}))
    assert not list(broken(found(refused=1), {"refused": Bound.read("+1")}))


@pytest.mark.parametrize(
    ("candidate", "asked", "is_kept"),
    [
        ({"units_not_served": 4}, {}, False),
        ({"units_not_served": 4}, {"cost": "+0%"}, False),
        ({"units_not_served": 3, "refused": 2}, {"cost": "+0%"}, True),
        ({"units_not_served": 4}, {"unserved": "+1"}, True),
        ({"units_not_served": 9}, {"unserved": "+1"}, False),
        ({"units_not_served": 4, "refused": 1}, {"refused": "+1"}, True),
        ({"units_not_served": 9, "refused": 2}, {"refused": "+1"}, False),
        ({"units_not_served": 4, "left_to_people": 1}, {"refused": "+1"}, False),
        ({"units_not_served": 4, "left_to_people": 1}, {"refused": "+0", "left": "+1"}, True),
        ({"units_not_served": 4, "cut": 1}, {"refused": "+0", "left": "+0"}, False),
        ({"units_not_served": 4}, {"refused": "+5"}, False),
    ],
)
def test_serving_less_is_worse_unless_somebody_said_how_much_less(candidate, asked, is_kept):
    both = found(cost_per_order={"EUR": "1.00"}, **candidate)
    bounds = held_to(both, {name: Bound.read(text) for name, text in asked.items()})
    assert (not list(broken(both, bounds))) == is_kept


def test_cost_is_judged_in_each_currency():
    over = broken(found(cost_per_order={"EUR": "5.00", "SEK": "60"}), {"cost": Bound.read("+2%")})
    assert [one.measure.currency for one in over] == ["SEK"]


@pytest.mark.parametrize("text", ["", "2%", "-1", "+-2%", "two", "1e3", "+", "nan"])
def test_what_is_no_bound_is_refused(text):
    with pytest.raises(ValueError, match="is not a bound"):
        Bound.read(text)
