"""From what is stored of a place's hours to the `Calendar` that reckons with them."""

import functools
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import orjson

from inventory.hours import Calendar, Pairs
from inventory.public_holidays import holidays_of

_REMEMBERED = 4096


def calendar_of(
    timezone: str,
    opening_hours: Mapping[str, Pairs],
    closures: Sequence[Mapping[str, Any]] = (),
    special_hours: Mapping[str, Pairs] | None = None,
    holiday_calendar: str = "",
) -> Calendar:
    """The calendar of what is stored: hours by weekday and by day, closures as `{from_at, until_at}` in ISO 8601.

    The same hours are the same calendar, so the days it has worked out outlive the next look at the places.
    """
    return _calendar(orjson.dumps([timezone, opening_hours, closures, special_hours or {}, holiday_calendar]))


def _instant(stored: str) -> datetime:
    """Beyond what UTC can say it is for ever, or since ever: one place's closure must not stop all others."""
    at = datetime.fromisoformat(stored)
    try:
        return at.astimezone(UTC)
    except OverflowError:
        return datetime(1, 1, 1, tzinfo=UTC) if at.year == 1 else datetime(9999, 12, 31, tzinfo=UTC)


@functools.lru_cache(_REMEMBERED)
def _calendar(stored: bytes) -> Calendar:
    timezone, opening_hours, closures, special_hours, holiday_calendar = orjson.loads(stored)
    spans = [(_instant(closure["from_at"]), _instant(closure["until_at"])) for closure in closures]
    return Calendar(timezone, opening_hours, spans, special_hours, holidays_of(holiday_calendar))
