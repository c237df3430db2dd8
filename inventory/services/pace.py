"""What went out of each level, week by week: worked out anew from the ledger, in one statement."""

from datetime import datetime, timedelta

from django.db import connection
from django.db.models import Max

from inventory.models import Cause, LevelPace
from inventory.models.stock import MOST_UNITS
from oms.transactions import use_case

OUTGOING = (Cause.SHIPPED.value, Cause.COLLECTED.value, "sale")
"""Causes of movements that are demand: parcels sent, pickups handed over, and sales that tills report."""
WEEKS = 13
_LONG_ENOUGH = timedelta(minutes=15)
_ONE_AT_A_TIME = 0x70616365  # "pace"


def refresh_pace_if_old(*, older_than: timedelta, as_of: datetime) -> bool:
    """Work it out anew unless that was done lately. True if it was done now."""
    last = LevelPace.objects.aggregate(at=Max("refreshed_at"))["at"]
    if last is not None and last > as_of - older_than:
        return False
    refresh_pace(as_of=as_of)
    return True


@use_case
def refresh_pace(*, as_of: datetime) -> int:
    """Bring every level's pace to what the ledger says now. Repeat it at will; returns how many levels have one."""
    since = as_of - timedelta(weeks=WEEKS)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_ONE_AT_A_TIME])
        cursor.execute("SELECT set_config('statement_timeout', %s, true)", [f"{_LONG_ENOUGH.total_seconds():.0f}s"])
        cursor.execute(_REFRESH, {"as_of": as_of, "since": since, "causes": list(OUTGOING)})
        cursor.execute("DELETE FROM inventory_levelpace WHERE refreshed_at < %s", [as_of])
    return LevelPace.objects.count()


_WEEK = "floor(extract(epoch FROM %(as_of)s::timestamptz - m.occurred_at) / 604800)"
_WEEKLY = ", ".join(
    f"least(coalesce(sum(-m.quantity) FILTER (WHERE {_WEEK} = {week}), 0), {MOST_UNITS})" for week in range(WEEKS)
)
# Only movements recorded since then can have happened since then: older months of the ledger are not read.
_REFRESH = f"""
INSERT INTO inventory_levelpace AS pace (sku, location_id, weekly, last_out_at, refreshed_at)
SELECT m.sku, m.location_id, ARRAY[{_WEEKLY}]::int[], max(m.occurred_at), %(as_of)s
FROM inventory_stockmovement m
WHERE m.cause = ANY(%(causes)s::text[]) AND m.quantity < 0
    AND m.recorded_at > %(since)s AND m.occurred_at > %(since)s AND m.occurred_at <= %(as_of)s
GROUP BY m.sku, m.location_id
ON CONFLICT (sku, location_id) DO UPDATE
SET weekly = excluded.weekly, last_out_at = excluded.last_out_at, refreshed_at = excluded.refreshed_at"""
