"""Mending what `check_invariants` found: counted anew, under a lock, from what cannot be wrong."""

from collections.abc import Sequence
from datetime import datetime

from django.db import connection

from oms.invariants import Row
from oms.transactions import use_case
from orders.states import TAKEN_AWAY

_GONE = ", ".join(f"'{status}'" for status in sorted(TAKEN_AWAY))
CAPACITY = f"""
    SELECT coalesce(c.location_id, w.location_id) AS location, coalesce(c.date, w.date) AS date,
           coalesce(c.booked, 0) AS booked, coalesce(w.works, 0) AS works
    FROM routing_capacityday c FULL JOIN (
        SELECT location_id, capacity_date AS date, count(*) AS works FROM orders_fulfillment
        WHERE capacity_date IS NOT NULL AND status NOT IN ({_GONE}) GROUP BY 1, 2
    ) w ON w.location_id = c.location_id AND w.date = c.date
    WHERE coalesce(c.booked, 0) <> coalesce(w.works, 0)
"""
"""Days whose book does not say what work was given for them and not lost; finished work counts, it took the day."""

_MEND = f"""
    INSERT INTO routing_capacityday (location_id, date, booked)
    SELECT location, date, works FROM ({CAPACITY}) wrong
    WHERE (location, date) IN (SELECT * FROM unnest(%s::text[], %s::date[])) ORDER BY location, date
    ON CONFLICT (location_id, date) DO UPDATE SET booked = excluded.booked
    RETURNING location_id, date, booked
"""


@use_case
def mend_capacity(broken: Sequence[Row], *, actor: str, as_of: datetime) -> list[str]:
    """Count these days anew while nobody books: whoever was at it has committed, and its work is counted."""
    places, days = [row["location"] for row in broken], [row["date"] for row in broken]
    with connection.cursor() as cursor:
        cursor.execute("LOCK TABLE routing_capacityday IN SHARE ROW EXCLUSIVE MODE")
        cursor.execute(_MEND, [places, days])
        return [f"{location} on {day}: {booked} booked" for location, day, booked in cursor.fetchall()]
