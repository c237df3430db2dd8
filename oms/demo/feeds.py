"""Where Orvane's figures come from: two sources that mean different things by them, and the files of two nights.

The files are applied by the importer's own code, at the hour at which they would have come.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, time, timedelta
from functools import partial

from django.conf import settings

from inventory.balances import balances_of
from inventory.imports import upload
from inventory.models import Feed, Reservation, StockLevel
from inventory.services.feeds import FeedRow, put_feed
from inventory.services.import_work import work_on_imports
from inventory.services.reconciliation import reconcile_day
from inventory.services.stock_imports import NewImport, receive_import
from oms.demo import ERP, TILLS
from oms.idempotency import Once, fingerprint
from oms.ids import new_id

FEEDS = (
    FeedRow(TILLS, "Tills in the stores", "pos", reports_our_work=True),
    FeedRow(ERP, "Stock of the night (ERP)", "erp", counts_exclude_reserved=True),
)
_ACTOR = "key:erp"
_PLACES = ("WH-LYON", "PARIS-RIVOLI")
_ROWS_PER_PLACE = 60
_LEAST = 6  # units of a level about which the two may disagree
_HOUR = time(1, 40, tzinfo=UTC)
_SECONDS = 60  # far more than one needs

# By how many units the ERP and the books are apart, one article after the other.
_APART = {2: (0, 0, 0, -1, 0, 0, 0, 0, 2, 0, 0), 1: (0, 0, -2, 0, 0, 0, 1, 0, 0, -3, 0, 0, 0)}
# What no file should say, and some do.
_WRONG = {
    2: ("OR-99999,WH-LYON,4",),
    1: (
        "OR-99999,WH-LYON,4",
        "OR-99998,PARIS-RIVOLI,1",
        "{sku},PARIS-RIVOLI,ten",
        "{sku},WH-LYON,-2",
        "{sku},LYON-9,3",
        "{sku}",
        ",WH-LYON,7",
    ),
}


def save_feeds(*, as_of: datetime) -> None:
    known = set(Feed.objects.values_list("code", flat=True))
    for row in FEEDS:
        if row.code not in known:
            put_feed(row, as_of=as_of)


def load_files(*, as_of: datetime) -> None:
    """The files of the last two nights, and what the nightly report says of them."""
    for nights_ago in sorted(_APART, reverse=True):
        day = (as_of - timedelta(days=nights_ago)).date()
        at = datetime.combine(day, _HOUR)
        _send(nights_ago, at)
        work_on_imports(now=partial(_same, at), seconds=_SECONDS)
        reconcile_day(day, as_of=at + timedelta(hours=23))


def _same(at: datetime) -> datetime:
    return at


def _send(nights_ago: int, at: datetime) -> None:
    """A file that was sent by a load that was cut off is not sent again."""
    name = f"stock-{nights_ago}.csv"
    once = Once("demo feeds", name, fingerprint(name))
    import_id = new_id("imp")
    with upload.Upload(import_id, most_bytes=settings.IMPORT_MAX_BYTES) as file:
        file.add("\n".join(_lines(nights_ago, at)).encode())
        saved = file.finish()
    new = NewImport(
        id=import_id,
        mode="counts",
        location=None,
        source=ERP,
        format="csv",
        bytes_total=saved.bytes,
        digest=saved.digest,
        occurred_at=at - timedelta(minutes=10),
        file_name=f"stock-{at:%Y-%m-%d}.csv",
    )
    if receive_import(new, actor=_ACTOR, as_of=at, once=once) != import_id:
        upload.discard(import_id)


def _lines(nights_ago: int, at: datetime) -> Iterator[str]:
    yield "sku,location,quantity"
    counts = [count for place in _PLACES for count in _counts(place, nights_ago, at)]
    yield from (f"{sku},{place},{units}" for sku, place, units in counts)
    for line in _WRONG[nights_ago]:
        yield line.format(sku=counts[0][0])
    sku, place, units = counts[1]
    yield f"{sku},{place},{units}"  # once more


def _counts(place: str, nights_ago: int, at: datetime) -> Iterator[tuple[str, str, int]]:
    """What stood there by the books, apart by so many where it is apart. Of articles that no order has touched since."""
    keys = [(sku, place) for sku in _quiet(place, since=at - timedelta(hours=1))]
    apart: Sequence[int] = _APART[nights_ago]
    for number, balance in enumerate(balances_of(keys, as_of=at - timedelta(minutes=10))):
        yield balance.sku, place, max(0, balance.on_hand + apart[number % len(apart)])


def _quiet(place: str, *, since: datetime) -> list[str]:
    touched = Reservation.objects.filter(location=place, updated_at__gte=since).values("product")
    levels = StockLevel.objects.filter(location=place, reserved=0, on_hand__gte=_LEAST, suspect_at=None)
    quiet = levels.exclude(product__in=touched).order_by("product")
    return list(quiet.values_list("product_id", flat=True)[:_ROWS_PER_PLACE])
