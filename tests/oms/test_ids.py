import re

from oms.ids import new_id


def test_an_id_is_a_prefix_and_a_ulid() -> None:
    assert re.fullmatch(r"ful_[0-9a-hjkmnp-tv-z]{26}", new_id("ful"))


def test_ids_sort_by_the_time_they_were_made(monkeypatch) -> None:
    ids = []
    for milliseconds in (1, 31, 32, 1_000_000, 1_772_442_000_000, 1_772_442_000_001):
        monkeypatch.setattr("oms.ids.time.time_ns", lambda at=milliseconds: at * 1_000_000)
        ids.append(new_id("ord"))

    assert ids == sorted(ids)
    assert ids[0].startswith("ord_0000000001")


def test_ids_of_the_same_moment_differ(monkeypatch) -> None:
    monkeypatch.setattr("oms.ids.time.time_ns", lambda: 0)

    assert len({new_id("ord") for _ in range(10_000)}) == 10_000
