"""Promises given beside promises kept, in figures."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Avg, Count, DateField, DurationField, ExpressionWrapper, F, Q, QuerySet
from django.db.models.functions import Cast, TruncMonth

from routing.models import GivenPromise

Outcome = GivenPromise.Outcome
GROUPS: dict[str, Any] = {
    "location": F("location_id"),
    "carrier_service": F("carrier_service"),
    "service": F("service"),
    "method": F("method"),
    "channel": F("channel"),
    "hour": F("hour"),
    "month": Cast(TruncMonth("given_at"), DateField()),
}
MOST_GROUPS = 1000
USUAL_DAYS = timedelta(days=90)
"""So far back one looks who does not say since when."""
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Figures:
    """Of one group. `overdue`: still open after the date. `share_kept`: of those whose date has passed or that were kept."""

    group: str
    given: int
    kept: int
    late: int
    overdue: int
    open: int
    withdrawn: int
    promised_days: float
    late_hours: float | None

    @property
    def share_kept(self) -> float | None:
        judged = self.kept + self.late + self.overdue
        return round(self.kept / judged, 4) if judged else None


def promise_figures(promises: QuerySet[GivenPromise], *, by: str, as_of: datetime) -> Sequence[Figures]:
    """One statement; the groups by name, at most a thousand. `by`: one of `GROUPS`."""
    is_overdue = Q(outcome=Outcome.OPEN, promised_at__lt=as_of)
    ahead = ExpressionWrapper(F("promised_at") - F("given_at"), output_field=DurationField())
    behind = ExpressionWrapper(F("ended_at") - F("promised_at"), output_field=DurationField())
    rows = (
        promises.order_by()
        .values(group=GROUPS[by])
        .annotate(
            given=Count("id"),
            kept=Count("id", filter=Q(outcome=Outcome.KEPT)),
            late=Count("id", filter=Q(outcome=Outcome.LATE)),
            overdue=Count("id", filter=is_overdue),
            open=Count("id", filter=Q(outcome=Outcome.OPEN) & ~is_overdue),
            withdrawn=Count("id", filter=Q(outcome=Outcome.WITHDRAWN)),
            ahead=Avg(ahead),
            behind=Avg(behind, filter=Q(outcome=Outcome.LATE)),
        )
        .order_by("group")[:MOST_GROUPS]
    )
    return [_of(dict(row), by) for row in rows]


def _of(row: dict[str, Any], by: str) -> Figures:
    group, ahead, behind = row.pop("group"), row.pop("ahead"), row.pop("behind")
    return Figures(group=_name(by, group), promised_days=round(ahead / _DAY, 2), late_hours=_hours(behind), **row)


def _name(by: str, group: Any) -> str:
    return f"{group:%Y-%m}" if by == "month" else str(group)


def _hours(behind: timedelta | None) -> float | None:
    return None if behind is None else round(behind / timedelta(hours=1), 2)
