"""Groups of places: a group is whatever places say they belong to, so it is as large as they make it, or empty."""

from collections.abc import Iterable

from inventory.queries import places


def known_groups() -> list[str]:
    """Every group some place is in, by name."""
    return sorted({group for place in places().values() for group in place.groups})


def codes_of_groups(groups: Iterable[str]) -> frozenset[str]:
    """The places in any of these groups, from memory; none for a group nobody is in."""
    asked = frozenset(groups)
    return frozenset(code for code, place in places().items() if not asked.isdisjoint(place.groups))
