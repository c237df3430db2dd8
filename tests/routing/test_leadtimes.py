"""Counting, leaning on wider groups, and calibrating, beside dull ways to do the same."""

from collections import Counter
from math import exp
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from routing.leadtimes import (
    GIVEN_UP,
    HIGHEST,
    LEVELS,
    MINUTES,
    Calibration,
    Cumulative,
    LeadTimes,
    Observed,
    Tried,
    area_of,
    blend,
    calibrate,
    count,
    kept_by_level,
    preparation_cells,
    share_that_comes,
    slot_of,
    slots_within,
    transit_cells,
)

SLOTS = st.integers(0, 20)
SHARES = st.floats(0, 1, allow_nan=False)
SHARE = st.integers(0, 97).map(lambda share: share / 100)
TRIED = st.builds(Tried, SHARE, st.booleans(), st.booleans())


@given(st.lists(SLOTS, min_size=1, max_size=80))
def test_a_group_without_a_wider_one_says_what_happened(slots):
    shares = blend(count(Observed(("all",), slot) for slot in slots), ("all",))

    assert shares == pytest.approx({slot: cases / len(slots) for slot, cases in Counter(slots).items()})


@given(st.lists(st.tuples(st.sampled_from("abc"), SLOTS), min_size=1, max_size=200), st.sampled_from("abcd"))
def test_a_blend_is_a_distribution_and_lies_between_its_groups(cases, lane):
    counts = count(Observed((lane, "all"), slot) for lane, slot in cases)
    narrow, wide = blend(counts, (lane,)), blend(counts, ("all",))

    shares = blend(counts, (lane, "all"))

    assert sum(shares.values()) == pytest.approx(1)
    for slot, share in shares.items():
        either = (narrow.get(slot, 0.0), wide.get(slot, 0.0)) if narrow else (wide[slot], wide[slot])
        assert min(either) - 1e-9 <= share <= max(either) + 1e-9


def test_thirty_cases_speak_for_half_and_three_hundred_for_ten_elevenths():
    observed = [Observed(("lane", "all"), 1)] * 30 + [Observed(("all",), 9)] * 70
    assert blend(count(observed), ("lane", "all")) == pytest.approx({1: 0.5 + 0.5 * 0.3, 9: 0.5 * 0.7})

    observed = [Observed(("lane", "all"), 1)] * 300 + [Observed(("all",), 9)] * 300
    assert blend(count(observed), ("lane", "all")) == pytest.approx({1: 10 / 11 + 1 / 11 * 0.5, 9: 1 / 11 * 0.5})


def test_nothing_known_is_nothing_said():
    assert blend({}, ("lane", "all")) == {}


@given(st.dictionaries(SLOTS, st.integers(1, 50), min_size=1), SHARES, SHARES)
def test_a_higher_level_is_never_an_earlier_date(cases, one, other):
    times = Cumulative.of({slot: number / sum(cases.values()) for slot, number in cases.items()})
    low, high = sorted((one, other))

    assert times.at(low) <= times.at(high)
    assert times.by(times.at(low)) >= low - 1e-6


@given(st.floats(0, 60 * 1440))
def test_a_slot_has_passed_when_its_minutes_have(minutes):
    slot = slot_of(minutes)

    assert MINUTES[slot] >= minutes
    assert slots_within(MINUTES[slot]) == slot + 1
    assert slot == 0 or MINUTES[slot - 1] < minutes


def test_groups_go_from_the_lane_to_the_lanes_that_are_configured_alike():
    assert transit_cells("post", area_of("FR", "75 011"), area_of("FR", "69002"), 2) == (
        *("post|FR-75>FR-69", "post|FR-7>FR-6", "post=2"),
    )
    assert transit_cells("post", area_of("FR", ""), area_of("BE", ""), 0) == ("post|FR>BE", "post=0")
    assert transit_cells("post", "FR-75", "FR-69", None) == ("post|FR-75>FR-69", "post|FR-7>FR-6")
    assert preparation_cells("S1", "store", "ship", hour=15, backlog=7) == ("S1|ship|an", "S1|ship", "store:ship", "")
    assert preparation_cells("S1", "store", "ship", hour=None, backlog=None) == ("S1|ship", "store:ship", "")


def test_overseas_is_no_part_of_the_region_around_paris_nor_of_another_island():
    reunion, martinique = area_of("FR", "97400"), area_of("FR", "97 200")

    assert (reunion, martinique, area_of("FR", "98800"), area_of("FR", "97")) == ("FR-974", "FR-972", "FR-988", "FR-97")
    assert transit_cells("post", reunion, "FR-75", 8) == ("post|FR-974>FR-75", "post|FR-974>FR-7", "post=8")
    assert transit_cells("post", martinique, reunion, 8) == ("post|FR-972>FR-974", "post=8")
    assert area_of("DE", "97070") == "DE-97"


# ---- calibration ---------------------------------------------------------------------------------


def _to_the_right(tried: list[Tried]) -> list[tuple[float, float]]:
    """The dull way: whoever is still awaited leaves its weight, in equal parts, to all who stand after it."""
    lost = [case for case in tried if case.is_settled and not case.has_come]
    ordered = sorted((case for case in tried if case not in lost), key=lambda case: (case.reached, not case.has_come))
    ordered += lost
    weights = [1 / len(ordered)] * len(ordered)
    for place, case in enumerate(ordered):
        after = len(ordered) - place - 1
        if not case.has_come and after:
            for later in range(place + 1, len(ordered)):
                weights[later] += weights[place] / after
            weights[place] = 0.0
    kept, steps = 0.0, []
    for weight, case in zip(weights, ordered, strict=True):
        if case.has_come:
            kept += weight
            steps.append((case.reached, kept))
    return steps


@given(st.lists(TRIED, min_size=1, max_size=60))
def test_what_is_awaited_counts_as_if_its_weight_went_to_all_who_come_later(tried):
    found, expected = kept_by_level(tried), _to_the_right(tried)

    assert [reached for reached, _kept in found] == [reached for reached, _kept in expected]
    assert [kept for _reached, kept in found] == pytest.approx([kept for _reached, kept in expected])


@given(st.lists(SHARE.map(Tried), min_size=100, max_size=150))
def test_a_calibrated_level_would_have_kept_as_many_as_wanted(tried):
    calibration = calibrate(tried)

    assert list(calibration.levels) == sorted(calibration.levels)
    for wanted in LEVELS:
        level = calibration.level(wanted)
        assert level == HIGHEST or sum(case.reached < level for case in tried) / len(tried) >= wanted - 1e-9


@given(st.lists(TRIED, min_size=150, max_size=200), st.floats(0.5, 0.99), st.floats(0.5, 0.99))
def test_wanting_more_is_never_a_lower_level(tried, one, other):
    low, high = sorted((one, other))
    calibration = calibrate(tried)

    assert calibration.level(low) <= calibration.level(high) + 1e-12


def test_too_few_cases_calibrate_nothing_and_what_is_awaited_makes_dates_later():
    assert calibrate([Tried(0.5)] * 99) == Calibration()
    assert Calibration().level(0.93) == 0.93

    come = [Tried(number / 200) for number in range(200)]
    awaited = Tried(0.5, has_come=False, is_settled=False)
    assert calibrate([*come, *[awaited] * 50]).level(0.8) > calibrate(come).level(0.8)


def test_few_lost_parcels_lean_on_nothing_being_lost():
    lost = Tried(0.99, has_come=False)
    assert share_that_comes([]) == 1
    assert share_that_comes([Tried(0.5, is_settled=False)] * 10 + [lost] * 30) == 0.5  # (0 + 30) of (30 + 30)
    assert share_that_comes([Tried(0.5)] * 870 + [lost] * 100) == 0.9


@given(st.integers(0, 10**6), st.floats(0, 0.15), st.floats(0.7, 1.5))
@settings(max_examples=15)
def test_levels_are_those_that_all_that_ever_comes_would_have_asked_for(seed, lost, slower):
    """Parcels of sixty days, a share of which never comes; dates are for a trade of another pace; many are under way.

    What ought to be said is read off the very parcels once all is over, which the calibration cannot see.
    """

    def by(days):  # how much was to come, as the tables have it: eight days on average
        return 1 - exp(-days / 8)

    chance, tried, in_the_end = Random(seed), [], []
    for _ in range(4_000):
        age, takes, comes = chance.uniform(0, 60), chance.expovariate(1 / 8) * slower, chance.random() >= lost
        has_come = comes and takes < age
        tried.append(Tried(by(takes if has_come else age), has_come, is_settled=by(age) >= GIVEN_UP))
        if comes:
            in_the_end.append(by(takes))

    for wanted in (0.5, 0.7, 0.9):
        level = calibrate(tried).level(wanted)
        assert sum(reached < level for reached in in_the_end) / len(in_the_end) == pytest.approx(wanted, abs=0.035)


def test_tables_are_the_same_after_they_were_stored():
    learned = LeadTimes.learn(
        [Observed(preparation_cells("S1", "store", "ship", hour=9, backlog=0), slot) for slot in (3, 3, 8)],
        [Observed(transit_cells("post", "FR-75", "FR-69", 2), days) for days in (1, 2, 2)],
    )
    learned = LeadTimes(learned.preparation, learned.transit, {"ship": calibrate([Tried(n / 120) for n in range(120)])})

    assert LeadTimes.from_json(learned.as_json()) == learned
