"""Many places measured at once come out as few measured one by one."""

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inventory import nearest
from inventory.nearest import by_distance


@dataclass(frozen=True)
class Spot:
    latitude: float | None
    longitude: float | None


degrees = st.tuples(st.integers(-90, 90), st.integers(-180, 180))
spots = st.one_of(st.just(Spot(None, None)), degrees.map(lambda at: Spot(*map(float, at))))


@given(point=degrees, spots=st.lists(spots, min_size=1, max_size=12), data=st.data())
def test_both_ways_agree(point, spots, data):
    directory = {f"S{n}": spot for n, spot in enumerate(spots)}
    codes = set(data.draw(st.lists(st.sampled_from(sorted(directory)), min_size=1, unique=True)))

    one_by_one = by_distance(point, codes, directory)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(nearest, "_FEW", 0)
        at_once = by_distance(point, codes, directory)

    assert set(at_once) == codes
    assert at_once == pytest.approx(one_by_one, abs=1e-6)
    far = list(at_once.values())
    assert far == sorted(far)
    assert [code for code, km in at_once.items() if km == 0] == [code for code, km in one_by_one.items() if km == 0]


def test_ties_and_places_off_the_map_go_by_their_code():
    directory = {code: Spot(48.0, 2.0) for code in ("B", "A", "C")} | {"Z": Spot(None, None), "Y": Spot(None, None)}

    for few in (0, 50):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(nearest, "_FEW", few)
            assert list(by_distance((48.0, 2.0), directory.keys(), directory)) == ["A", "B", "C", "Y", "Z"]
