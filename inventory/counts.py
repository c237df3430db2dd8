"""What is shown of counts: who sees them, how far they are, and what the books say where it may be told.

In a blind count nobody learns from a count what the books expect before it is submitted, nor, of a difference that
waits, whoever may not decide it.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.db import connection
from django.db.models import Case, Count, F, OuterRef, Q, QuerySet, Subquery, When
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from inventory.models import CountLine, CountScope, CountSession, StockLevel
from inventory.services.count_approval import SCOPE_SQL, needs_headquarters, not_found, scope_parameters
from inventory.states import COUNT_LIVE, COUNTABLE, DECIDED, CountLineStatus, CountStatus
from oms.actors import Caller

L = CountLineStatus
__all__ = [
    "LineView",
    "Progress",
    "actions_of",
    "differences_of",
    "is_countable",
    "line_view",
    "lines_of",
    "most_urgent_first",
    "not_found",
    "progress_of",
    "shows_books",
    "title_of",
    "to_find",
    "visible_counts",
]


@dataclass(frozen=True, slots=True)
class Progress:
    """Articles by how far they are; `to_find` are those of the scope that the books have here and nobody found yet."""

    counted: int = 0
    recount: int = 0
    waiting: int = 0
    applied: int = 0
    rejected: int = 0
    stale: int = 0
    to_find: int | None = None

    @property
    def lines(self) -> int:
        return self.found + self.recount

    @property
    def found(self) -> int:
        """Those that nobody has to count again."""
        return self.counted + self.waiting + self.applied + self.rejected + self.stale


@dataclass(frozen=True, slots=True)
class LineView:
    """A counted article as this caller may see it. `needs`: who decides its difference, if it waits.

    `damaged_difference`: of the found, so many more are damaged than the books said; None also where nobody told apart.
    """

    sku: str
    name: str
    image_url: str
    attributes: dict
    status: str
    status_label: str
    attempt: int
    units: int
    damaged: int | None
    bin: str
    counted_at: datetime
    counted_by: str
    is_unseen: bool
    expected: int | None
    difference: int | None
    damaged_difference: int | None
    value: Decimal | None
    currency: str
    needs: str | None
    decided_by: str
    decided_at: datetime | None

    @property
    def damaged_words(self) -> str:
        """What is found damaged that the books say is not, or the other way round; empty where there is no such."""
        if not self.damaged_difference:
            return ""
        damaged = self.damaged or 0
        facts = {"damaged": damaged, "expected": damaged - self.damaged_difference}
        return _("%(damaged)d of them damaged instead of %(expected)d") % facts


def visible_counts(caller: Caller) -> QuerySet[CountSession]:
    """A caller bound to places sees the counts of those."""
    counts = CountSession.objects.all()
    return counts if caller.locations is None else counts.filter(location_id__in=caller.locations)


def actions_of(session: CountSession, caller: Caller, waiting: int) -> list[str]:
    """What this caller may do now, the usual thing first."""
    may_count, may_approve = caller.may("stock:count"), caller.may("stock:approve")
    possible = {
        "scan": may_count and session.status == CountStatus.OPEN,
        "submit": may_count and session.status == CountStatus.OPEN,
        **dict.fromkeys(("approve", "reject", "recount"), may_approve and session.is_live and waiting > 0),
        "cancel": may_count and session.is_live and (may_approve or not waiting),
    }
    return [name for name, is_possible in possible.items() if is_possible]


def title_of(session: CountSession) -> str:
    """What is counted, in words."""
    if session.scope == CountScope.BINS:
        return ngettext("Bin %(names)s", "Bins %(names)s", len(session.bins)) % {"names": ", ".join(session.bins)}
    if session.scope == CountScope.SKUS:
        count = len(session.skus)
        return ngettext("%(count)d article", "%(count)d articles", count) % {"count": count}
    if session.scope == CountScope.TAG:
        return _("Everything tagged %(tag)s") % {"tag": session.tag}
    return _("The whole place")


# ---- how far --------------------------------------------------------------------------------------


def progress_of(sessions: Iterable[CountSession]) -> dict[str, Progress]:
    """By session, in one statement."""
    ids = [session.pk for session in sessions]
    found: dict[str, dict[str, int]] = {pk: {} for pk in ids}
    rows = CountLine.objects.filter(session__in=ids).order_by().values_list("session_id", "status")
    for pk, status, count in rows.annotate(Count("id")):
        found[pk][status] = count
    return {pk: Progress(**counts) for pk, counts in found.items()}


_TO_FIND = """
SELECT count(*) FROM inventory_stocklevel s
WHERE s.location_id = %(location)s AND s.on_hand <> 0 AND {scope}
    AND NOT EXISTS (SELECT FROM inventory_countline l WHERE l.session_id = %(session)s AND l.sku = s.sku)"""


def to_find(session: CountSession) -> int:
    """How many articles of the scope the books have here that nobody has found yet."""
    with connection.cursor() as cursor:
        cursor.execute(_TO_FIND.format(scope=SCOPE_SQL[CountScope(session.scope)]), scope_parameters(session))
        return int(cursor.fetchone()[0])


# ---- lines ----------------------------------------------------------------------------------------


def lines_of(session: CountSession) -> QuerySet[CountLine]:
    """The lines, each with what the books say now of its level as `on_hand`."""
    here = StockLevel.objects.filter(product=OuterRef("product"), location=session.location_id)
    lines = CountLine.objects.filter(session=session).select_related("product")
    return lines.annotate(on_hand=Subquery(here.values("on_hand")[:1]))


def most_urgent_first(lines: QuerySet[CountLine]) -> QuerySet[CountLine]:
    """What waits, the greatest value first; then what is counted again; then all else."""
    rank = Case(When(status=L.WAITING, then=0), When(status=L.RECOUNT, then=1), default=2)
    return lines.order_by(rank, F("value").desc(nulls_last=True), "product")


def differences_of(session: CountSession, *, caller: Caller) -> QuerySet[CountLine]:
    """The lines that differ from the books, as far as this caller may know that."""
    differs = ~Q(difference=0) | Q(damaged_difference__lt=0) | Q(damaged_difference__gt=0)
    lines = lines_of(session).filter(differs, difference__isnull=False)
    if not session.is_blind:
        return lines
    return lines.filter(status__in=DECIDED | ({L.WAITING} if caller.may("stock:approve") else set()))


def line_view(session: CountSession, line: CountLine, *, caller: Caller) -> LineView:
    """`line` is of `lines_of`."""
    is_told = shows_books(session, line, may_approve=caller.may("stock:approve"))
    is_decidable = line.status == L.WAITING and session.status in COUNT_LIVE
    return LineView(
        sku=line.product_id,
        name=line.product.name,
        image_url=line.product.image_url,
        attributes=line.product.attributes,
        status=line.status,
        status_label=line.get_status_display(),
        attempt=line.attempt,
        units=line.units,
        damaged=line.damaged,
        bin=line.bin,
        counted_at=line.counted_at,
        counted_by=line.counted_by,
        is_unseen=line.is_unseen,
        expected=_expected(line) if is_told else None,
        difference=line.difference if is_told else None,
        damaged_difference=line.damaged_difference if is_told else None,
        value=line.value if is_told else None,
        currency=line.currency,
        needs=_needs(line) if is_decidable else None,
        decided_by=line.decided_by,
        decided_at=line.decided_at,
    )


def is_countable(line: CountLine) -> bool:
    return line.status in COUNTABLE


def shows_books(session: CountSession, line: CountLine, *, may_approve: bool) -> bool:
    return not session.is_blind or line.status in DECIDED or (line.status == L.WAITING and may_approve)


def _expected(line: CountLine) -> int | None:
    """What the books said of its instant; while it is being counted, what they say now."""
    return line.on_hand or 0 if line.status in COUNTABLE else line.expected  # type: ignore[attr-defined]


def _needs(line: CountLine) -> str:
    return "headquarters" if needs_headquarters(line) else "manager"
