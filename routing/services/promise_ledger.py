"""The ledger of promises: a row with the work it is given for, an end when the work ends. And what the end teaches.

Who prepares and sends goods tells it here; what was told before, or of work that nobody promised, changes nothing.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Q

from inventory import queries as inventory
from inventory.queries import PlaceInfo
from oms.transactions import in_transaction, use_case
from routing import queries
from routing.dates import Way, handed_over_day
from routing.leadtimes import area_of
from routing.models import GivenPromise, LeadTimeObservation
from routing.queries import USUAL_TERMS
from routing.services.sourcing import Demand, PlannedParcel

Outcome, Kind = GivenPromise.Outcome, LeadTimeObservation.Kind
_LOOKS_BACK = timedelta(days=30)  # older work that nobody prepared says nothing about how busy a place is


def promise_row(
    parcel: PlannedParcel,
    *,
    reference: str,
    root: str,
    demand: Demand,
    zone: ZoneInfo,
    promised_at: datetime,
    release_at: datetime,
    given_at: datetime,
) -> dict[str, Any]:
    """The promise of a planned parcel as a row, for the statement that writes the work."""
    place, there = inventory.places()[parcel.location], demand.destination
    is_sent = there is not None and not demand.is_collected
    return {
        "reference": reference,
        "root": root,
        "channel": demand.channel,
        "location_id": parcel.location,
        "method": demand.method,
        "service": demand.service,
        "carrier_service": parcel.carrier_service,
        "destination_country": there.country if there and is_sent else "",
        "destination_area": area_of(there.country, there.postal_code) if there and is_sent else "",
        "destination_zone": zone.key if is_sent else "",
        "configured_days": parcel.transit_days if is_sent else None,
        "given_at": given_at,
        "release_at": release_at,
        "hour": place.calendar.local(release_at).hour,
        "promised_at": promised_at,
        "expected_at": parcel.promised_at,
        "confidence": parcel.confidence,
        "outcome": Outcome.OPEN,
    }


# ---- what it teaches -------------------------------------------------------------------------------


def preparation_of(
    given: GivenPromise,
    *,
    started_at: datetime,
    prepared_at: datetime,
    carrier_service: str = "",
    backlog: int | None = None,
    source: str = LeadTimeObservation.Source.LIVE,
) -> LeadTimeObservation:
    """How long the place took. `carrier_service`: who took it, where that is known; `backlog`: what waited there else."""
    place = inventory.places()[given.location_id]
    return _observation(
        Kind.PREPARATION,
        given,
        place,
        value=place.calendar.open_time_between(started_at, prepared_at).total_seconds() / 60,
        started_at=started_at,
        observed_at=prepared_at,
        carrier_service=_carrier(given, carrier_service),
        hour=place.calendar.local(started_at).hour,
        backlog=backlog,
        source=source,
    )


def transit_of(
    given: GivenPromise,
    *,
    handed_over_at: datetime,
    delivered_at: datetime,
    carrier_service: str = "",
    source: str = LeadTimeObservation.Source.LIVE,
) -> LeadTimeObservation:
    """How long the carrier took."""
    carrier = _carrier(given, carrier_service)
    place, terms = inventory.places()[given.location_id], queries.carriers().terms.get(carrier, USUAL_TERMS)
    zone = ZoneInfo(given.destination_zone or place.timezone)
    left = handed_over_day(place, terms.cut_off, handed_over_at)
    way = Way.of(terms, place, given.destination_country)
    return _observation(
        Kind.TRANSIT,
        given,
        place,
        value=way.days_taken(left, delivered_at.astimezone(zone).date()),
        started_at=handed_over_at,
        observed_at=delivered_at,
        carrier_service=carrier,
        configured_days=given.configured_days if carrier == given.carrier_service else None,
        source=source,
    )


def _carrier(given: GivenPromise, code: str) -> str:
    """What people type for a carrier is believed where it is one."""
    return code if code in queries.carriers().terms else given.carrier_service


def _observation(kind: str, given: GivenPromise, place: PlaceInfo, **values: Any) -> LeadTimeObservation:
    return LeadTimeObservation(
        kind=kind,
        reference=given.reference,
        location=place.code,
        location_kind=place.kind,
        method=given.method,
        service=given.service,
        origin_area=area_of(place.country, place.postal_code),
        destination_area=given.destination_area,
        **values,
    )


# ---- what became of it -----------------------------------------------------------------------------


@use_case
def work_prepared(
    reference: str, *, started_at: datetime, prepared_at: datetime, carrier_service: str = "", is_ready: bool = False
) -> None:
    """It is in the carrier's hands, or ready for the shopper (`is_ready`), which is what was promised then.

    `started_at`: when the place was given it.
    """
    given = GivenPromise.objects.filter(reference=reference).first()
    if given is None:
        return
    GivenPromise.objects.filter(pk=given.pk, prepared_at=None).update(prepared_at=prepared_at)
    backlog = _waiting_then(given, started_at)
    observe(
        [
            preparation_of(
                given,
                started_at=started_at,
                prepared_at=prepared_at,
                carrier_service=carrier_service,
                backlog=backlog,
            )
        ]
    )
    if is_ready:
        _end(reference, prepared_at)


def _waiting_then(given: GivenPromise, at: datetime) -> int:
    """What else the place had to prepare at that instant."""
    others = GivenPromise.objects.filter(location=given.location_id, given_at__lte=at, given_at__gt=at - _LOOKS_BACK)
    waited = Q(prepared_at__gt=at) | Q(prepared_at=None, ended_at=None) | Q(prepared_at=None, ended_at__gt=at)
    return others.filter(waited).exclude(pk=given.pk).count()


@use_case
def work_delivered(
    reference: str, *, handed_over_at: datetime, delivered_at: datetime, carrier_service: str = ""
) -> None:
    """The parcel has arrived."""
    given = GivenPromise.objects.filter(reference=reference).first()
    if given is None:
        return
    observe(
        [transit_of(given, handed_over_at=handed_over_at, delivered_at=delivered_at, carrier_service=carrier_service)]
    )
    _end(reference, delivered_at)


@use_case
def work_collected(reference: str, *, at: datetime) -> None:
    """It was handed to the shopper, perhaps before anybody said that it was ready."""
    _end(reference, at)


@use_case
def work_withdrawn(reference: str, *, at: datetime) -> None:
    """This place will not do it: it lost the work, or the shopper wants it no more."""
    _open(reference).update(outcome=Outcome.WITHDRAWN, ended_at=at)


@in_transaction
def _end(reference: str, at: datetime) -> None:
    _open(reference).filter(promised_at__gte=at).update(outcome=Outcome.KEPT, ended_at=at)
    _open(reference).filter(promised_at__lt=at).update(outcome=Outcome.LATE, ended_at=at)


def _open(reference: str) -> Any:
    return GivenPromise.objects.filter(reference=reference, outcome=Outcome.OPEN)


@in_transaction
def observe(observations: Iterable[LeadTimeObservation]) -> None:
    """Write these down; what was told before stays as it was."""
    LeadTimeObservation.objects.bulk_create(observations, ignore_conflicts=True, batch_size=1000)
