"""Learning how surely places take work: what became of offers is told by whoever makes them, rates are made on schedule."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db.models import Max

from inventory import queries as inventory
from oms.cache import bump
from oms.transactions import use_case
from routing.acceptance import Acceptance, Offer, learn
from routing.leadtimes import day_part
from routing.models import AcceptanceRate, OfferOutcome
from routing.queries import ACCEPTANCE

Outcome = OfferOutcome.Outcome
_AGE = timedelta(minutes=50)


@dataclass(frozen=True, slots=True)
class Offered:
    """`tags` of the products that the outcome is about."""

    reference: str
    location: str
    offered_at: datetime
    outcome: Outcome
    tags: frozenset[str]


@use_case
def observe_offers(offered: Sequence[Offered]) -> None:
    """Tell again at will, and in any order: an offer that failed once has failed."""
    taken = [_row(offer) for offer in offered if offer.outcome == Outcome.ACCEPTED]
    failed = {offer.reference: _row(offer) for offer in offered if offer.outcome != Outcome.ACCEPTED}
    OfferOutcome.objects.bulk_create(taken, ignore_conflicts=True, batch_size=1000)
    OfferOutcome.objects.bulk_create(
        failed.values(),
        update_conflicts=True,
        unique_fields=["reference"],
        update_fields=["outcome", "tags"],
        batch_size=1000,
    )


def _row(offer: Offered) -> OfferOutcome:
    place = inventory.places().get(offer.location)
    zone = ZoneInfo(place.timezone if place else "UTC")
    return OfferOutcome(
        reference=offer.reference,
        location=offer.location,
        day_part=day_part(offer.offered_at.astimezone(zone).hour),
        tags=sorted(offer.tags),
        outcome=offer.outcome,
        offered_at=offer.offered_at,
    )


def refresh_if_old(*, as_of: datetime) -> bool:
    """Learn anew unless that was done within the hour. True if it was done now."""
    last = AcceptanceRate.objects.aggregate(at=Max("computed_at"))["at"]
    if last is not None and last > as_of - _AGE:
        return False
    refresh(as_of=as_of)
    return True


def refresh(*, as_of: datetime) -> int:
    """Replace all rates. Returns how many groups have one now."""
    learned = learn(_offers(as_of))
    _replace(learned, as_of=as_of)
    return len(learned.groups)


class AcceptanceThen:
    """What was known at instants of the past: learned anew for every day of it, from offers that were a day old when it
    began, so that it was known what became of them. `latest`: of what comes after, as of then."""

    def __init__(self, latest: datetime):
        self._latest = latest
        self._known: dict[date, Acceptance] = {}

    def at(self, as_of: datetime) -> Acceptance:
        day = min(as_of, self._latest).astimezone(UTC).date()
        if day not in self._known:
            begin = datetime.combine(day, time(), UTC)
            self._known = {day: learn(_offers(begin - timedelta(days=1)))}
        return self._known[day]


def _offers(as_of: datetime) -> Iterator[Offer]:
    since = as_of - timedelta(days=settings.ACCEPTANCE_DAYS)
    rows = OfferOutcome.objects.filter(offered_at__gt=since, offered_at__lte=as_of).order_by()
    for place, part, tags, outcome, at in rows.values_list(
        "location", "day_part", "tags", "outcome", "offered_at"
    ).iterator():
        yield Offer(place, part, tags, outcome == Outcome.ACCEPTED, (as_of - at) / timedelta(days=1))


@use_case
def _replace(learned: Acceptance, *, as_of: datetime) -> None:
    AcceptanceRate.objects.all().delete()
    rows = (
        AcceptanceRate(
            location=place,
            day_part=part,
            tag=tag,
            kept=belief.kept,
            offers=belief.offers,
            probability=belief.probability,
            computed_at=as_of,
        )
        for (place, part, tag), belief in learned.groups.items()
    )
    AcceptanceRate.objects.bulk_create(rows, batch_size=1000)
    bump(ACCEPTANCE)


@use_case
def forget_offers(*, as_of: datetime) -> None:
    """What no rate is learned from any more."""
    OfferOutcome.objects.filter(offered_at__lt=as_of - timedelta(days=settings.ACCEPTANCE_DAYS)).delete()
