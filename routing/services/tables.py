"""Tables that staff edit and planning keeps in memory: a change and its news go in one transaction."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from oms.cache import bump
from oms.idempotency import idempotent
from oms.transactions import use_case


@use_case
@idempotent
def change_cached(cache_name: str, write: Callable[[], Any], *, as_of: datetime) -> Any:
    """Run `write` and tell every process that what it cached under `cache_name` is out of date.

    Returns what `write` returns: the key of what was made.
    """
    written = write()
    bump(cache_name)
    return written
