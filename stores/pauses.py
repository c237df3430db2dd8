"""Whether a place takes orders now, as its board tells it: read fresh, because whoever pauses wants to see it at once."""

from dataclasses import dataclass
from datetime import datetime

from inventory.models import Location


@dataclass(frozen=True, slots=True)
class PauseShown:
    until: datetime
    reason: str
    by: str


def pause_of(code: str, *, as_of: datetime) -> PauseShown | None:
    """The pause that holds now, if one does."""
    rows = Location.objects.filter(pk=code, paused_at__lte=as_of, paused_until__gt=as_of)
    place = rows.only("paused_until", "pause_reason", "paused_by").first()
    if place is None or place.paused_until is None:
        return None
    return PauseShown(place.paused_until, place.pause_reason, place.paused_by.partition(":")[2] or place.paused_by)


def end_of_today(code: str, *, as_of: datetime) -> datetime:
    """When the place's working day is over: where a pause ends that names no end."""
    return Location.objects.get(pk=code).calendar.end_of_work(as_of)
