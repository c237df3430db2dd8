"""Booking a place's day: so many fulfillments to prepare, no more than it said it can."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from django.db import connection

from oms.transactions import in_transaction


@dataclass(frozen=True, slots=True)
class Booking:
    """`is_forced`: the rule that chose the place ignores its capacity; it is counted all the same."""

    location: str
    date: date
    units: int = 1
    is_forced: bool = False


_BOOK = """
INSERT INTO routing_capacityday (location_id, date, booked)
SELECT w.location_id, w.date, w.units
FROM unnest(%s::text[], %s::date[], %s::int[], %s::bool[]) AS w (location_id, date, units, is_forced)
JOIN inventory_location l ON l.code = w.location_id
WHERE w.is_forced OR w.units <= coalesce(l.daily_capacity, w.units)
ORDER BY w.location_id, w.date
ON CONFLICT (location_id, date) DO UPDATE SET booked = routing_capacityday.booked + excluded.booked
WHERE (excluded.location_id, excluded.date) IN (SELECT * FROM unnest(%s::text[], %s::date[]))
   OR routing_capacityday.booked + excluded.booked
      <= (SELECT coalesce(l.daily_capacity, 2147483647) FROM inventory_location l WHERE l.code = excluded.location_id)
RETURNING location_id, date"""


@in_transaction
def book_capacity(bookings: Sequence[Booking]) -> set[tuple[str, date]]:
    """Book all that fits in one statement, days locked in (place, day) order.

    Returns the (place, day) pairs refused; nothing is booked for those. Name only places with a capacity.
    """
    if not bookings:
        return set()
    wanted: Counter[tuple[str, date]] = Counter()
    for booking in bookings:
        wanted[booking.location, booking.date] += booking.units
    forced = {(booking.location, booking.date) for booking in bookings if booking.is_forced}
    days = sorted(wanted)
    with connection.cursor() as cursor:
        cursor.execute(
            _BOOK,
            [*_columns(days), [wanted[day] for day in days], [d in forced for d in days], *_columns(sorted(forced))],
        )
        return set(days) - {(location, day) for location, day in cursor.fetchall()}


def _columns(days: Iterable[tuple[str, date]]) -> tuple[list[str], list[date]]:
    pairs = list(days)
    return [location for location, _ in pairs], [day for _, day in pairs]


_RELEASE = """
UPDATE routing_capacityday c SET booked = greatest(0, c.booked - w.units)
FROM (SELECT * FROM unnest(%s::text[], %s::date[], %s::int[]) AS w (location_id, date, units)) w
WHERE c.location_id = w.location_id AND c.date = w.date"""

_LOCK = """
SELECT 1 FROM routing_capacityday
WHERE (location_id, date) IN (SELECT * FROM unnest(%s::text[], %s::date[]))
ORDER BY location_id, date FOR NO KEY UPDATE"""


@in_transaction
def lock_capacity(bookings: Iterable[Booking]) -> None:
    """Lock these days in (place, day) order, for a use case that gives back here and books there."""
    days = sorted({(booking.location, booking.date) for booking in bookings})
    if days:
        with connection.cursor() as cursor:
            cursor.execute(_LOCK, _columns(days))


@in_transaction
def release_capacity(bookings: Sequence[Booking]) -> None:
    """Give booked work back; a day that was never booked stays as it is."""
    if not bookings:
        return
    given: Counter[tuple[str, date]] = Counter()
    for booking in bookings:
        given[booking.location, booking.date] += booking.units
    days = sorted(given)
    if len(days) > 1:
        lock_capacity(bookings)
    with connection.cursor() as cursor:
        cursor.execute(_RELEASE, [*_columns(days), [given[day] for day in days]])
