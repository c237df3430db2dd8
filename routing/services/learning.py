"""Learning dates: lead times written down as work goes on, and made into tables on schedule.

The tables count what was over within a window; the calibration comes from a rehearsal of the last weeks
(`routing.rehearsal`), in which work that has not ended yet counts as what it is, still awaited.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings

from inventory import queries as inventory
from inventory.queries import PlaceInfo
from oms.cache import bump
from oms.transactions import use_case
from routing import queries, rehearsal
from routing.leadtimes import MOST_DAYS, Cells, Observed, preparation_cells, slot_of, transit_cells
from routing.models import GivenPromise, LeadTimeObservation, LearnedTable
from routing.queries import USUAL_TERMS
from routing.rehearsal import Case, Known, Share, Trial
from routing.services.promises import PICKUP, SHIP, Asked, Whereto

Kind = LeadTimeObservation.Kind
_MOST_OBSERVATIONS = 200_000
_MOST_CASES = 5_000
_TABLES_KEPT = 30


@use_case
def learn_dates(*, as_of: datetime) -> LearnedTable:
    """Make new tables from what was over by now, and let every process use them."""
    since = as_of - timedelta(days=settings.LEARNING_DAYS)
    past = list(_past(since, as_of))
    made = _rehearse(past, as_of=as_of)
    learned = replace(
        rehearsal.learn(known for known in past if known.at >= since), calibrations=_calibrations(made, as_of)
    )
    table = LearnedTable.objects.create(
        learned_at=as_of,
        window_days=settings.LEARNING_DAYS,
        preparations=sum(known.part == "preparation" for known in past),
        transits=sum(known.part == "transit" for known in past),
        document=learned.as_json(),
        drift=list(_drift(made, as_of)),
    )
    bump(queries.LEAD_TIMES)
    kept = LearnedTable.objects.order_by("-id").values_list("pk", flat=True)[:_TABLES_KEPT]
    LearnedTable.objects.exclude(pk__in=list(kept)).delete()
    return table


@use_case
def forget_lead_times(*, as_of: datetime) -> None:
    """What no table is learned from any more, and promises that ended long ago."""
    LeadTimeObservation.objects.filter(observed_at__lt=as_of - timedelta(days=settings.LEAD_TIME_DAYS)).delete()
    long_ago = as_of - timedelta(days=settings.PROMISE_DAYS)
    GivenPromise.objects.filter(given_at__lt=long_ago).exclude(outcome=GivenPromise.Outcome.OPEN).delete()


# ---- what happened -------------------------------------------------------------------------------

_COLUMNS = (
    *("kind", "reference", "location", "location_kind", "method", "service", "carrier_service", "origin_area"),
    *("destination_area", "configured_days", "hour", "backlog", "value", "started_at", "observed_at"),
)
Row = Mapping[str, Any]


def _past(since: datetime, until: datetime) -> Iterator[Known]:
    rows = LeadTimeObservation.objects.filter(observed_at__gte=since, observed_at__lt=until)
    newest = rows.order_by("-observed_at", "-id").values(*_COLUMNS)[:_MOST_OBSERVATIONS]
    for row in reversed(newest):
        yield Known(row["observed_at"], row["kind"], _observed(row))


def _observed(row: Row) -> Observed:
    if row["kind"] == Kind.TRANSIT:
        return Observed(_lane(row), min(round(row["value"]), MOST_DAYS))
    way = way_of(row["method"])
    cells = preparation_cells(row["location"], row["location_kind"], way, hour=row["hour"], backlog=row["backlog"])
    return Observed(cells, slot_of(row["value"]))


def _lane(row: Row) -> Cells:
    return transit_cells(row["carrier_service"], row["origin_area"], row["destination_area"], row["configured_days"])


def way_of(method: str) -> str:
    return SHIP if method == "ship" else PICKUP


# ---- the rehearsal -------------------------------------------------------------------------------


def _rehearse(past: Sequence[Known], *, as_of: datetime) -> list[Trial]:
    """The newest work of the days of calibration, under tables that were learned before it."""
    since = as_of - timedelta(days=settings.CALIBRATION_DAYS)
    cases = sorted((*_ended(since, as_of), *_awaited(since, as_of)), key=lambda case: case.began_at)[-_MOST_CASES:]
    return rehearsal.trials(cases, past, window_days=settings.LEARNING_DAYS)


def _ended(since: datetime, until: datetime) -> Iterator[Case]:
    """Collected work by its preparation; sent work where both of its parts are known."""
    rows = LeadTimeObservation.objects.filter(started_at__gte=since, observed_at__lt=until).order_by(
        "-started_at", "id"
    )
    parts: dict[str, dict[str, Row]] = {}
    for row in rows.values(*_COLUMNS)[: 2 * _MOST_CASES]:
        parts.setdefault(row["reference"], {})[row["kind"]] = row
    directory = inventory.places()
    for known in parts.values():
        prepared = known.get(Kind.PREPARATION)
        end = prepared if prepared and way_of(prepared["method"]) == PICKUP else known.get(Kind.TRANSIT)
        if prepared and end and (place := directory.get(prepared["location"])):
            asked = _asked(place, {**end, "release_at": prepared["started_at"]})
            yield Case(asked, prepared["backlog"], end["observed_at"], prepared["value"])


def _awaited(since: datetime, until: datetime) -> Iterator[Case]:
    """Promises that are still open, as they were given."""
    rows = GivenPromise.objects.filter(outcome=GivenPromise.Outcome.OPEN, given_at__gte=since, given_at__lt=until)
    columns = (
        "location_id",
        "method",
        "service",
        "carrier_service",
        "destination_area",
        "destination_zone",
        "configured_days",
        "release_at",
    )
    directory = inventory.places()
    for row in rows.order_by("-given_at").values(*columns)[:_MOST_CASES]:
        if place := directory.get(row["location_id"]):
            yield Case(_asked(place, row))


def _asked(place: PlaceInfo, row: Row) -> Asked:
    """As it was asked then. An observation does not know the zone of the address: a day of its country will do."""
    whereto, carrier = None, row["carrier_service"]
    if way_of(row["method"]) == SHIP:
        country, zone = row["destination_area"][:2], row.get("destination_zone")
        whereto = Whereto(ZoneInfo(zone) if zone else queries.zone_of(country, None), country, row["destination_area"])
    policy = queries.policy_for(place, method=row["method"], service=row["service"])
    terms = queries.carriers().terms.get(carrier, USUAL_TERMS)
    return Asked(place, policy, row["service"], row["release_at"], whereto, carrier, terms, row["configured_days"])


def _calibrations(made: Sequence[Trial], as_of: datetime) -> dict[str, Any]:
    return {way: rehearsal.calibrated(those, as_of=as_of, days=settings.CALIBRATION_DAYS) for way, those in _ways(made)}


def _ways(made: Sequence[Trial]) -> Iterator[tuple[str, list[Trial]]]:
    for way in (SHIP, PICKUP):
        if those := [trial for trial in made if trial.case.asked.way == way]:
            yield way, those


def _drift(made: Sequence[Trial], as_of: datetime) -> Iterator[dict[str, Any]]:
    """By way and month: how often a nine-in-ten date would have been kept, calibrated on what was known then, and plain."""
    for way, those in _ways(made):
        plain = rehearsal.by_month(rehearsal.verdicts(those, quantile=0.9, calibration_days=0, as_of=as_of))
        days = settings.CALIBRATION_DAYS
        rolling = rehearsal.verdicts(those, quantile=0.9, calibration_days=days, as_of=as_of)
        for month, found in rehearsal.by_month(rolling).items():
            share, uncalibrated = Share.of(found), Share.of(plain[month])
            yield {
                "method": way,
                "month": month,
                "cases": share.cases,
                "kept": round(share.kept, 4),
                "kept_uncalibrated": round(uncalibrated.kept, 4),
                "days": round(share.days, 2),
            }
