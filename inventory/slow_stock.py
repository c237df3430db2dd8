"""Stock that hardly moves: what has stood in a place for weeks, and how long it would last."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import connection

from inventory.health import WEEKS_LOOKED_AT
from inventory.sellable import good_sql

_FETCHED_AT_ONCE = 5000


@dataclass(frozen=True, slots=True)
class SlowLevel:
    """`standing`: good units that are left of what was there before the weeks looked at, the oldest gone first: what
    came in lately had little time to go out. `weekly`: units that went out per week since."""

    sku: str
    location: str
    price: Decimal
    currency: str
    standing: int
    weekly: float

    @property
    def cover_weeks(self) -> float | None:
        """None: nothing goes out at all."""
        return self.standing / self.weekly if self.weekly else None


# Movements recorded before then happened before then: older months of the ledger are not read.
_SLOW = f"""
WITH came AS (
    SELECT m.sku, m.location_id, sum(m.quantity) AS units FROM inventory_stockmovement m
    WHERE m.quantity > 0 AND m.recorded_at > %(since)s AND m.occurred_at > %(since)s AND m.occurred_at <= %(as_of)s
    GROUP BY m.sku, m.location_id
)
SELECT s.sku, s.location_id, p.price, p.currency, stands.units, went.units / %(weeks)s::float8
FROM inventory_stocklevel s
JOIN inventory_product p ON p.sku = s.sku AND p.is_active
JOIN inventory_location l ON l.code = s.location_id AND l.is_active
LEFT JOIN inventory_levelpace pace ON pace.sku = s.sku AND pace.location_id = s.location_id
LEFT JOIN came ON came.sku = s.sku AND came.location_id = s.location_id
CROSS JOIN LATERAL (SELECT ({good_sql("s")} - coalesce(came.units, 0))::bigint AS units) stands
CROSS JOIN LATERAL (
    SELECT coalesce(sum(units), 0) AS units FROM unnest(pace.weekly[1:%(weeks)s::int]) AS units
) went
WHERE s.on_hand > 0 AND stands.units > 0 AND stands.units > went.units::numeric / %(weeks)s * %(cover)s"""


def slow_levels(*, cover: int, weeks: int = WEEKS_LOOKED_AT, as_of: datetime) -> Iterator[SlowLevel]:
    """Every level whose standing units would last longer than `cover` weeks at the pace of the last `weeks`.

    Read piece by piece inside the caller's transaction, for there may be millions.
    """
    asked: dict[str, Any] = {"since": as_of - timedelta(weeks=weeks), "as_of": as_of, "weeks": weeks, "cover": cover}
    with connection.chunked_cursor() as cursor:
        cursor.execute(_SLOW, asked)
        while rows := cursor.fetchmany(_FETCHED_AT_ONCE):
            yield from (SlowLevel(*row) for row in rows)
