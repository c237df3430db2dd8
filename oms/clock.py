"""The clock is read at the edge (view, task, command) and passed in as `as_of`."""

from datetime import UTC, datetime, timedelta

EARLIEST, LATEST = datetime(1900, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
"""What a trade can mean. Around the years 1 and 9999 a moment in one zone cannot be told in another: what was stored
could not be read again."""

SKEW = timedelta(minutes=5)
"""Clocks of others may be so much ahead of ours: what they say has just happened, has."""


def now() -> datetime:
    return datetime.now(UTC)
