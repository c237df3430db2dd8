"""Lead times of before: a file of what was sent and when it arrived, from another system.

One line per piece of work; what is told again counts once. A line that cannot be read is named and left out.
"""

import csv
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from zoneinfo import ZoneInfo

from inventory import queries as inventory
from inventory.queries import PlaceInfo
from oms.clock import EARLIEST
from oms.transactions import use_case
from routing import queries
from routing.leadtimes import area_of
from routing.models import GivenPromise, LeadTimeObservation
from routing.services.promise_ledger import observe, preparation_of, transit_of

COLUMNS = ("reference", "location", "released_at", "prepared_at")
"""Needed. Also read: delivered_at, method (ship), service (standard), carrier_service, country, postal_code, transit_days
(as configured for the lane then: what others are learned from that are configured alike)."""
_BATCH = 1000
_FAULTS_TOLD = 100
_MOST_DAYS = 365  # of transit, as of carriers
_IMPORTED = LeadTimeObservation.Source.IMPORTED


@dataclass(slots=True)
class Imported:
    """`faults`: (line, why), the first hundred."""

    lines: int = 0
    observations: int = 0
    rejected: int = 0
    faults: list[tuple[int, str]] = field(default_factory=list)


class _Unreadable(ValueError):
    pass


def import_lead_times(lines: Iterable[str], *, as_of: datetime) -> Imported:
    """A thousand lines per transaction, so that a file of any size may be read, and read on. Errors: ValueError (header)."""
    reader = csv.DictReader(lines)
    if missing := [name for name in COLUMNS if name not in (reader.fieldnames or ())]:
        raise ValueError(f"the first line does not name {', '.join(missing)}")
    done = Imported()
    rows = enumerate(reader, start=2)
    while batch := list(islice(rows, _BATCH)):
        _take(batch, done, as_of=as_of)
    return done


@use_case
def _take(batch: Iterable[tuple[int, Mapping[str, str]]], done: Imported, *, as_of: datetime) -> None:
    observations: list[LeadTimeObservation] = []
    for number, row in batch:
        done.lines += 1
        try:
            observations += _observations(row, as_of)
        except _Unreadable as fault:
            done.rejected += 1
            if len(done.faults) < _FAULTS_TOLD:
                done.faults.append((number, str(fault)))
    observe(observations)
    done.observations += len(observations)


def _observations(row: Mapping[str, str], as_of: datetime) -> Iterator[LeadTimeObservation]:
    """Errors: _Unreadable."""
    given = _given(row)
    released_at, prepared_at = _instant(row, "released_at"), _instant(row, "prepared_at")
    delivered_at = _instant(row, "delivered_at") if row.get("delivered_at") else None
    if not EARLIEST < released_at <= prepared_at <= (delivered_at or prepared_at) <= as_of:
        raise _Unreadable("released, prepared and delivered do not follow each other in the past")
    yield preparation_of(given, started_at=released_at, prepared_at=prepared_at, source=_IMPORTED)
    if delivered_at is not None and given.method == "ship":
        yield transit_of(given, handed_over_at=prepared_at, delivered_at=delivered_at, source=_IMPORTED)


def _given(row: Mapping[str, str]) -> GivenPromise:
    """What would stand in the ledger, had the work been promised here."""
    reference = _text(row, "reference", 100)
    if not reference:
        raise _Unreadable("a reference is needed")
    place = inventory.places().get(row["location"] or "")
    if place is None:
        raise _Unreadable(f"there is no place {row['location']}")
    method = row.get("method") or "ship"
    if method not in ("ship", "pickup"):
        raise _Unreadable(f"{method} is not a method: ship or pickup")
    country = (_text(row, "country", 2) or place.country).upper()
    is_sent = method == "ship"
    return GivenPromise(
        reference=reference,
        location_id=place.code,
        method=method,
        service=_text(row, "service", 20) or "standard",
        carrier_service=_text(row, "carrier_service", 64),
        destination_country=country if is_sent else "",
        destination_area=area_of(country, _text(row, "postal_code", 20)) if is_sent else "",
        destination_zone=_zone(place, country).key,
        configured_days=_days(row) if is_sent else None,
    )


def _days(row: Mapping[str, str]) -> int | None:
    text = _text(row, "transit_days", 20)
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and int(text) <= _MOST_DAYS):
        raise _Unreadable(f"transit_days is not a whole number up to {_MOST_DAYS}")
    return int(text)


def _zone(place: PlaceInfo, country: str) -> ZoneInfo:
    return ZoneInfo(place.timezone) if country == place.country else queries.zone_of(country, None)


def _text(row: Mapping[str, str], name: str, most: int) -> str:
    text = (row.get(name) or "").strip()
    if len(text) > most or "\0" in text:
        raise _Unreadable(f"{name} is longer than {most} characters, or holds one that no text has")
    return text


def _instant(row: Mapping[str, str], name: str) -> datetime:
    try:
        at = datetime.fromisoformat(row[name])
    except (TypeError, ValueError):
        raise _Unreadable(f"{name} is not an instant such as 2026-03-02T09:00:00Z") from None
    if at.tzinfo is None:
        raise _Unreadable(f"{name} does not say its time zone")
    return at
