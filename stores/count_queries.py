"""What the pages of counts show: frozen dataclasses, a fixed number of statements however much was counted."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from inventory import counts, health
from inventory.counts import LineView, Progress, title_of
from inventory.models import CountLine, CountScan, CountScope, CountSession, Product, StockLevel
from inventory.queries import PlaceInfo
from inventory.services.counting import said_by
from inventory.states import COUNT_LIVE, CountLineStatus
from inventory.tally import tally
from oms.actors import Caller
from stores.queries import variant

RECENT_SHOWN, CLOSED_SHOWN, SUGGESTED, NOT_FOUND_SHOWN, DIFFERENCES_SHOWN = 8, 5, 12, 20, 100


@dataclass(frozen=True, slots=True)
class CountCard:
    id: str
    title: str
    note: str
    status: str
    status_label: str
    lines: int
    waiting: int
    recount: int
    opened_by: str
    changed_at: datetime


@dataclass(frozen=True, slots=True)
class CountList:
    live: tuple[CountCard, ...]
    closed: tuple[CountCard, ...]


@dataclass(frozen=True, slots=True)
class CountPage:
    """One count with what its screens show of it."""

    id: str
    place: str
    title: str
    note: str
    status: str
    status_label: str
    is_blind: bool
    not_found_is_zero: bool
    bins: tuple[str, ...]
    actions: frozenset[str]
    progress: Progress
    to_find: int


@dataclass(frozen=True, slots=True)
class Article:
    """The article in front of whoever counts: `units` found in this `bin`, `elsewhere` in others.

    `expected` is None where it may not be told. `home` is the bin where the books have it.
    """

    sku: str
    name: str
    details: str
    image_url: str
    home: str
    bin: str
    units: int
    elsewhere: int
    damaged: int | None
    expected: int | None
    is_open: bool


@dataclass(frozen=True, slots=True)
class Found:
    """A line of the list of what was counted."""

    sku: str
    name: str
    details: str
    image_url: str
    bin: str
    units: int
    status: str


@dataclass(frozen=True, slots=True)
class LastScan:
    """What this person said last, and can take back."""

    id: str
    name: str
    units: int
    is_total: bool


@dataclass(frozen=True, slots=True)
class Difference:
    """`damaged_words`: what differs in how many of the found are damaged. `usual_bin`: where else the books look for it,
    of which this count of some bins saw nothing.
    """

    sku: str
    name: str
    details: str
    image_url: str
    bin: str
    expected: int
    units: int
    difference: int
    damaged: int | None
    damaged_words: str
    value: Decimal
    currency: str
    is_unseen: bool
    needs_headquarters: bool
    attempt: int
    usual_bin: str


@dataclass(frozen=True, slots=True)
class Suggestion:
    sku: str
    name: str
    reason: str


# ---- the counts of a place --------------------------------------------------------------------------


def counts_of(place: PlaceInfo) -> CountList:
    """Those at work, latest first, and the last ones that ended."""
    here = CountSession.objects.filter(location=place.code)
    live = list(here.filter(status__in=COUNT_LIVE))
    closed = list(here.exclude(status__in=COUNT_LIVE)[:CLOSED_SHOWN])
    progress = counts.progress_of([*live, *closed])
    return CountList(
        tuple(_card(session, progress[session.pk]) for session in live),
        tuple(_card(session, progress[session.pk]) for session in closed),
    )


def _card(session: CountSession, progress: Progress) -> CountCard:
    return CountCard(
        id=session.pk,
        title=title_of(session),
        note=session.note,
        status=session.status,
        status_label=session.get_status_display(),
        lines=progress.lines,
        waiting=progress.waiting,
        recount=progress.recount,
        opened_by=session.opened_by.partition(":")[2],
        changed_at=session.updated_at,
    )


def counts_to_approve(place: PlaceInfo) -> int:
    """Counts of this place in which a difference waits."""
    waiting = CountLine.objects.filter(
        session__location=place.code, session__status__in=COUNT_LIVE, status=CountLineStatus.WAITING
    )
    return waiting.values("session").distinct().count()


def suggestions(place: PlaceInfo, *, as_of: datetime) -> list[Suggestion]:
    """What this place should count first."""
    rows = health.to_count(place.code, limit=SUGGESTED, as_of=as_of)
    return [Suggestion(row.sku, row.name, row.words(row.reasons[0])) for row in rows]


# ---- one count --------------------------------------------------------------------------------------


def session_for(count_id: str, caller: Caller) -> CountSession | None:
    return counts.visible_counts(caller).filter(pk=count_id).first()


def count_page(session: CountSession, caller: Caller) -> CountPage:
    progress = counts.progress_of([session])[session.pk]
    return CountPage(
        id=session.pk,
        place=session.location_id,
        title=title_of(session),
        note=session.note,
        status=session.status,
        status_label=session.get_status_display(),
        is_blind=session.is_blind,
        not_found_is_zero=session.not_found_is_zero,
        bins=tuple(session.bins),
        actions=frozenset(counts.actions_of(session, caller, progress.waiting)),
        progress=progress,
        to_find=counts.to_find(session),
    )


def found_lately(session: CountSession) -> tuple[Found, ...]:
    """What was counted last."""
    lines = CountLine.objects.filter(session=session, status=CountLineStatus.COUNTED, is_unseen=False)
    return _found(lines.select_related("product").order_by("-counted_at", "-id")[:RECENT_SHOWN])


def sent_back(session: CountSession) -> tuple[Found, ...]:
    """What is to be counted again."""
    lines = CountLine.objects.filter(session=session, status=CountLineStatus.RECOUNT)
    return _found(lines.select_related("product").order_by("bin", "product"))


def _found(lines: Iterable[CountLine]) -> tuple[Found, ...]:
    return tuple(
        Found(
            sku=line.product_id,
            name=line.product.name,
            details=variant(line.product.attributes),
            image_url=line.product.image_url,
            bin=line.bin,
            units=line.units,
            status=line.status,
        )
        for line in lines
    )


def article(session: CountSession, sku: str, bin_: str, caller: Caller) -> Article | None:
    """None if there is no such product."""
    product = Product.objects.filter(pk=sku).first()
    if product is None:
        return None
    line = counts.lines_of(session).filter(product=sku).first()
    attempt = line.attempt if line else 1
    scans = CountScan.objects.filter(session=session, product=sku, attempt=attempt, undone_at=None)
    said = [said_by(scan) for scan in scans]
    here, there = tally(one for one in said if one.bin == bin_), tally(one for one in said if one.bin != bin_)
    shelf = StockLevel.objects.filter(product=sku, location=session.location_id).values_list("bin", "on_hand").first()
    home, on_hand = shelf or ("", 0)
    view = counts.line_view(session, line, caller=caller) if line else None
    return Article(
        sku=product.pk,
        name=product.name,
        details=variant(product.attributes),
        image_url=product.image_url,
        home=home,
        bin=bin_,
        units=here.units if here else 0,
        elsewhere=there.units if there else 0,
        damaged=here.damaged if here else None,
        expected=view.expected if view else None if session.is_blind else on_hand,
        is_open=line is None or counts.is_countable(line),
    )


def last_scan(session: CountSession, actor: str) -> LastScan | None:
    """Only of what can still be taken back."""
    scan = (
        CountScan.objects.filter(session=session, actor=actor, undone_at=None)
        .select_related("product")
        .order_by("-id")
        .first()
    )
    if scan is None:
        return None
    line = CountLine.objects.filter(session=session, product=scan.product_id).first()
    if line is None or not counts.is_countable(line) or line.attempt != scan.attempt:
        return None
    return LastScan(scan.scan, scan.product.name, scan.units, scan.mode == "set")


def not_found(session: CountSession) -> tuple[int, tuple[str, ...]]:
    """How many articles of the scope nobody found, and the names of the first."""
    skus = counts.not_found(session)
    names = {product.pk: product.name for product in Product.objects.filter(pk__in=skus[:NOT_FOUND_SHOWN])}
    return len(skus), tuple(names[sku] for sku in skus[:NOT_FOUND_SHOWN])


def differences(session: CountSession, caller: Caller) -> tuple[Difference, ...]:
    """What waits for a decision, the greatest value first."""
    lines = counts.differences_of(session, caller=caller).filter(status=CountLineStatus.WAITING)
    views = [counts.line_view(session, line, caller=caller) for line in lines.order_by("-value")[:DIFFERENCES_SHOWN]]
    elsewhere = _bins_not_counted(session, [view.sku for view in views])
    return tuple(_difference(view, elsewhere.get(view.sku, "")) for view in views)


def _bins_not_counted(session: CountSession, skus: list[str]) -> dict[str, str]:
    if session.scope != CountScope.BINS:
        return {}
    levels = StockLevel.objects.filter(location=session.location_id, product__in=skus)
    return dict(levels.exclude(bin__in=["", *session.bins]).values_list("product_id", "bin"))


def _difference(view: LineView, usual_bin: str) -> Difference:
    return Difference(
        sku=view.sku,
        name=view.name,
        details=variant(view.attributes),
        image_url=view.image_url,
        bin=view.bin,
        expected=view.expected or 0,
        units=view.units,
        difference=view.difference or 0,
        damaged=view.damaged,
        damaged_words=view.damaged_words,
        value=view.value or Decimal(0),
        currency=view.currency,
        is_unseen=view.is_unseen,
        needs_headquarters=view.needs == "headquarters",
        attempt=view.attempt,
        usual_bin=usual_bin,
    )
