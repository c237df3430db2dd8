"""The manager's switch "no more orders": it holds from an instant to another, and no sweeper ends it."""

from datetime import datetime


def is_paused(paused_at: datetime | None, paused_until: datetime | None, as_of: datetime) -> bool:
    """Asked about yesterday (a replay), a pause of today does not count."""
    return paused_at is not None and paused_until is not None and paused_at <= as_of < paused_until
