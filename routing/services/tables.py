"""Tables that staff edit and planning keeps in memory: a change and its news go in one transaction."""

from collections.abc import Callable

from oms.cache import bump
from oms.transactions import use_case


@use_case
def change_cached(cache_name: str, write: Callable[[], object]) -> None:
    """Run `write` and tell every process that what it cached under `cache_name` is out of date."""
    write()
    bump(cache_name)
