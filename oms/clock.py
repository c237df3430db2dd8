"""The clock is read at the edge (view, task, command) and passed in as `as_of`."""

from datetime import UTC, datetime


def now() -> datetime:
    return datetime.now(UTC)
