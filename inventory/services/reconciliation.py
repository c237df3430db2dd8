"""The nightly report: how far each feed and the ledger were apart, place by place.

The material is what each import left of the places it spoke of (`ImportPlace`): a difference is a movement that it had to
make. A report can be made again at any time and says the same as long as its day's imports are the same.
"""

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

from inventory.models import ImportPlace, Reconciliation
from inventory.states import ImportStatus
from oms.transactions import in_transaction, use_case

BIGGEST = 10
_CATCH_UP = 3  # nights


def reconcile_lately(*, as_of: datetime) -> int:
    """The days before this one, as many as a clock that stood still may have missed. Returns how many reports."""
    today = as_of.astimezone(UTC).date()
    return sum(reconcile_day(today - timedelta(days=back), as_of=as_of) for back in range(_CATCH_UP, 0, -1))


@use_case
def reconcile_day(day: date, *, as_of: datetime) -> int:
    """Make the reports of a day (UTC), or make them anew. Returns how many: one per source and place."""
    told = _told_on(day)
    before = _latest_before(day, told)
    reports = [
        _report(day, source, location, parts, before.get((source, location)), as_of=as_of)
        for (source, location), parts in sorted(told.items())
    ]
    Reconciliation.objects.bulk_create(
        reports,
        update_conflicts=True,
        unique_fields=["source", "location", "date"],
        update_fields=[name for name in _WRITTEN],
    )
    return len(reports)


Key = tuple[str, str]  # source, location
_FIGURES = ("compared", "different", "units_over", "units_under")
_WRITTEN = (
    *("imports", *_FIGURES, "biggest"),
    *("before_date", "before_compared", "before_different", "before_units_off", "made_at"),
)


def _told_on(day: date) -> dict[Key, list[ImportPlace]]:
    begin = datetime(day.year, day.month, day.day, tzinfo=UTC)
    rows = ImportPlace.objects.filter(
        stock_import__status=ImportStatus.COMPLETED,
        stock_import__finished_at__gte=begin,
        stock_import__finished_at__lt=begin + timedelta(days=1),
    ).select_related("stock_import")
    told: dict[Key, list[ImportPlace]] = defaultdict(list)
    for row in rows.order_by("id"):
        told[row.stock_import.source, row.location_id].append(row)
    return told


@in_transaction
def _latest_before(day: date, told: dict[Key, list[ImportPlace]]) -> dict[Key, Reconciliation]:
    earlier = Reconciliation.objects.filter(date__lt=day, source__in={source for source, _location in told})
    latest = earlier.order_by("source", "location_id", "-date").distinct("source", "location_id")
    return {(row.source, row.location_id): row for row in latest}


def _report(
    day: date,
    source: str,
    location: str,
    parts: Sequence[ImportPlace],
    before: Reconciliation | None,
    *,
    as_of: datetime,
) -> Reconciliation:
    return Reconciliation(
        date=day,
        source=source,
        location_id=location,
        imports=len(parts),
        **{name: sum(getattr(part, name) for part in parts) for name in _FIGURES},
        biggest=_biggest(parts),
        before_date=before.date if before else None,
        before_compared=before.compared if before else None,
        before_different=before.different if before else None,
        before_units_off=before.units_off if before else None,
        made_at=as_of,
    )


def _biggest(parts: Sequence[ImportPlace]) -> list[dict[str, object]]:
    found = [difference for part in parts for difference in part.biggest]
    return sorted(found, key=lambda difference: (-abs(difference["difference"]), difference["sku"]))[:BIGGEST]
