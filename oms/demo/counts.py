"""Counts in the flagship of Lyon: one that taught what to doubt, one that waits for the manager, one under way."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from inventory.balances import balances_of
from inventory.models import CountScope, CountSession, StockLevel
from inventory.services import (
    Approver,
    Scan,
    Scope,
    approve_count,
    mark_suspect,
    open_count,
    record_scans,
    submit_count,
)
from inventory.services.pace import refresh_pace
from inventory.states import CountStatus
from oms.idempotency import Once, fingerprint
from oms.transactions import use_case

PLACE = "LYON-PART-DIEU"
_ASSOCIATE, _MANAGER = "user:associate", Approver("user:manager", is_headquarters=True)
_MINUTE = timedelta(minutes=1)

# By how many units the shelf differs from the books, one article after the other.
_LAST_WEEK = (0, 0, -3, 0, 0, 4, 0, -2, 0, 0, 0, 2)
_THIS_MORNING = (0, -3, 0, 2, 0, 0, -2, 0)
_UNDER_WAY = (0, 0, -2, 0, 0)
_MISSED = 3


def load_counts(*, as_of: datetime) -> None:
    """Make them; repeating it finishes what a load that was cut off had begun."""
    articles = _articles(as_of)
    _count("Monday round", _take(articles, _LAST_WEEK), at=as_of - timedelta(days=6), until=CountStatus.APPROVED)
    _count("Wall of shoes", _take(articles, _THIS_MORNING), at=as_of - 150 * _MINUTE, until=CountStatus.SUBMITTED)
    _count("Window tables", _take(articles, _UNDER_WAY), at=as_of - 25 * _MINUTE, until=CountStatus.OPEN)
    _miss(articles[:_MISSED], as_of=as_of - 90 * _MINUTE)
    refresh_pace(as_of=as_of)


def _articles(as_of: datetime) -> list[str]:
    """Articles of which there were some when it began, and of which none is promised to anybody."""
    here = StockLevel.objects.filter(location=PLACE, reserved=0, on_hand__gte=4).order_by("product")
    keys = [(sku, PLACE) for sku in here.values_list("product_id", flat=True)]
    then = balances_of(keys, as_of=as_of - timedelta(days=6))
    return [balance.sku for balance in then if balance.on_hand >= 4]


def _take(articles: list[str], differences: Sequence[int]) -> list[tuple[str, int]]:
    taken = list(zip(articles, differences, strict=False))
    del articles[: len(taken)]
    return taken


def _count(note: str, differences: Sequence[tuple[str, int]], *, at: datetime, until: str) -> None:
    """Go on with this count as far as it is to go; each step knows whether it was taken."""
    if not differences:
        return
    skus = [sku for sku, _difference in differences]
    once = Once("demo counts", note, fingerprint(note))
    count = open_count(
        location=PLACE, scope=Scope(CountScope.SKUS, skus=skus), note=note, actor=_ASSOCIATE, as_of=at, once=once
    )
    if _status(count) != CountStatus.OPEN:
        return
    record_scans(session_id=count, scans=_scans(differences, at), actor=_ASSOCIATE, as_of=at + 15 * _MINUTE)
    if until != CountStatus.OPEN:
        submit_count(session_id=count, actor=_ASSOCIATE, as_of=at + 16 * _MINUTE)
    if until == CountStatus.APPROVED and _status(count) == CountStatus.SUBMITTED:
        approve_count(session_id=count, approver=_MANAGER, as_of=at + 60 * _MINUTE)


def _status(count: str) -> str:
    return str(CountSession.objects.values_list("status", flat=True).get(pk=count))


def _scans(differences: Sequence[tuple[str, int]], at: datetime) -> list[Scan]:
    """What lies on the shelf: the books of that moment, and the difference."""
    books = {
        balance.sku: balance.on_hand for balance in balances_of([(sku, PLACE) for sku, _ in differences], as_of=at)
    }
    return [
        Scan(sku, sku, max(0, books[sku] + difference), is_total=True, scanned_at=at + index * _MINUTE)
        for index, (sku, difference) in enumerate(differences)
    ]


@use_case
def _miss(skus: Sequence[str], *, as_of: datetime) -> None:
    """Somebody looked for these and did not find them."""
    mark_suspect([(sku, PLACE) for sku in skus], reference="demo", actor=_ASSOCIATE, as_of=as_of)
