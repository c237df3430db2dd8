import re
from concurrent.futures import ThreadPoolExecutor

import pytest

from oms.ids import new_id


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch):
    """Sets the clock, in milliseconds; no id was made before."""
    monkeypatch.setattr("oms.ids._last", (0, 0))
    return lambda milliseconds: monkeypatch.setattr("oms.ids.time.time_ns", lambda: milliseconds * 1_000_000)


def test_an_id_is_a_prefix_and_a_ulid() -> None:
    assert re.fullmatch(r"ful_[0-9a-hjkmnp-tv-z]{26}", new_id("ful"))


def test_ids_sort_by_the_time_they_were_made(at) -> None:
    ids = []
    for milliseconds in (1, 31, 32, 1_000_000, 1_772_442_000_000, 1_772_442_000_001):
        at(milliseconds)
        ids.append(new_id("ord"))

    assert ids == sorted(ids)
    assert [ids[0][:14], ids[2][:14]] == ["ord_0000000001", "ord_0000000010"]


def test_ids_of_one_millisecond_sort_as_they_were_made(at) -> None:
    at(1)

    ids = [new_id("ord") for _ in range(10_000)]

    assert ids == sorted(set(ids))


def test_a_clock_that_is_set_back_does_not_disturb_the_order(at) -> None:
    at(1000)
    before = new_id("ord")
    at(10)

    assert new_id("ord") > before


def test_threads_do_not_make_the_same_id() -> None:
    with ThreadPoolExecutor(8) as pool:
        ids = [made for batch in pool.map(lambda _n: [new_id("ord") for _ in range(1000)], range(8)) for made in batch]

    assert len(set(ids)) == 8000
