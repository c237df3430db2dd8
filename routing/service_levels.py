"""What a service level may name."""

from collections.abc import Callable, Iterable

from inventory.groups import known_groups
from inventory.queries import places

_FAULTS_SHOWN = 10


def unknown_places(codes: Iterable[str], *, seen: Callable[[str], bool] = lambda _code: True) -> list[str]:
    """Those that are no place, or none that the asker has `seen`; as many as a person can take in."""
    return [code for code in codes if code not in places() or not seen(code)][:_FAULTS_SHOWN]


def unknown_groups(groups: Iterable[str]) -> list[str]:
    """Those that no place is in: a level for nobody is a typing error."""
    known = frozenset(known_groups())
    return [group for group in groups if group not in known][:_FAULTS_SHOWN]
