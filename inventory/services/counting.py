"""Counting a part of a place, several people at once, with phones that lose their network.

What people say is kept as it was said and added up anew each time, so it may come twice and in any order.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from django.db import connection
from django.utils.translation import gettext as _

from inventory import lookup
from inventory.errors import CountNotOpen
from inventory.locks import lock_count
from inventory.models import CountLine, CountMode, CountScan, CountScope, CountSession, Location, Product
from inventory.queries import products_by_sku
from inventory.states import COUNT_MOVES, COUNTABLE, CountLineStatus, CountStatus
from inventory.tally import Said, Tally, tally
from oms.clock import SKEW
from oms.errors import FieldError, Invalid, Missing
from oms.idempotency import idempotent
from oms.outbox import publish
from oms.sql import insert_rows
from oms.transactions import in_transaction, use_case

COUNTED, DUPLICATE, REJECTED = "counted", "duplicate", "rejected"
MOST_UNITS = 1_000_000


@dataclass(frozen=True, slots=True)
class Scope:
    """What is counted: `kind` of `CountScope`, with the bins, SKUs or the tag it needs."""

    kind: str = CountScope.PLACE
    bins: Sequence[str] = ()
    skus: Sequence[str] = ()
    tag: str = ""


@dataclass(frozen=True, slots=True)
class Scan:
    """`code` is a SKU or a barcode, `id` the phone's own, unique in its session.

    `units` are all that stand in that bin (`is_total`), or so many more than were said before. `scanned_at` None: now.
    """

    id: str
    code: str
    units: int
    is_total: bool = False
    damaged: int | None = None
    bin: str = ""
    scanned_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ScanResult:
    """`counted`, `duplicate`, or `rejected` with a code and a sentence; `units` is what its line comes to now."""

    id: str
    status: str
    sku: str = ""
    units: int | None = None
    code: str = ""
    detail: str = ""


class _Refusal(Exception):
    def __init__(self, code: str, detail: str):
        super().__init__(detail)
        self.code = code
        self.detail = detail


# ---- opening --------------------------------------------------------------------------------------


@use_case
@idempotent
def open_count(
    *,
    location: str,
    scope: Scope,
    is_blind: bool = True,
    not_found_is_zero: bool = False,
    note: str = "",
    actor: str,
    as_of: datetime,
) -> str:
    """Begin a count; returns its id. Errors: Invalid (unknown place or products, a scope without what it needs)."""
    _check(location, scope)
    session = CountSession(
        location_id=location,
        scope=scope.kind,
        bins=sorted(set(scope.bins)),
        skus=sorted(set(scope.skus)),
        tag=scope.tag,
        is_blind=is_blind,
        not_found_is_zero=not_found_is_zero,
        note=note,
        status=CountStatus.OPEN,
        opened_by=actor,
        opened_at=as_of,
        updated_at=as_of,
    )
    session.save(force_insert=True)
    payload = {"location": location, "scope": scope.kind}
    publish([COUNT_MOVES.fact(session, to=CountStatus.OPEN, actor=actor, payload=payload)], as_of=as_of)
    return session.pk


def _check(location: str, scope: Scope) -> None:
    needs = {
        CountScope.BINS: ("bins", scope.bins),
        CountScope.SKUS: ("skus", scope.skus),
        CountScope.TAG: ("tag", scope.tag),
    }
    errors = [
        FieldError(f"/{name}", "not_for_this_scope", _("This does not go with what is counted"))
        for kind, (name, given) in needs.items()
        if given and kind != scope.kind
    ]
    if scope.kind in needs and not needs[CountScope(scope.kind)][1]:
        errors.append(FieldError(f"/{needs[CountScope(scope.kind)][0]}", "required", _("Say which")))
    if not Location.objects.filter(pk=location).exists():
        errors.append(FieldError("/location", "unknown_location", _("There is no such location")))
    known = products_by_sku(scope.skus) if scope.skus else {}
    if unknown := [sku for sku in scope.skus if sku not in known]:
        detail = _("Not known: %(codes)s") % {"codes": ", ".join(unknown)[:200]}
        errors.append(FieldError("/skus", "unknown_sku", detail))
    if errors:
        raise Invalid(errors=errors)


# ---- counting -------------------------------------------------------------------------------------


@use_case
def record_scans(*, session_id: str, scans: Sequence[Scan], actor: str, as_of: datetime) -> list[ScanResult]:
    """Take what was scanned, each answered by itself; one that comes again changes nothing.

    Errors: Missing; CountNotOpen (nothing is kept).
    """
    session = _lock_open(session_id)
    batch = _Batch(session, scans, actor=actor, as_of=as_of)
    results = [batch.take(scan) for scan in scans]
    insert_rows({CountScan: batch.new})
    units = batch.units(_add_up(session, batch.attempts, as_of=as_of))
    return [result if result.code else replace(result, units=units.get(result.sku)) for result in results]


@use_case
def undo_scan(*, session_id: str, scan_id: str, as_of: datetime) -> str:
    """Let a scan count no more; undoing it twice changes nothing. Returns its SKU.

    Errors: Missing (no such session or scan); CountNotOpen, also when its line was decided.
    """
    session = _lock_open(session_id)
    scan = CountScan.objects.filter(session=session, scan=scan_id).first()
    if scan is None:
        raise Missing()
    line = CountLine.objects.filter(session=session, product_id=scan.product_id).first()
    if line and (line.status not in COUNTABLE or line.attempt != scan.attempt):
        raise CountNotOpen(_("This article was submitted already"), current=session.status)
    if scan.undone_at is None:
        CountScan.objects.filter(pk=scan.pk).update(undone_at=as_of)
        _add_up(session, {scan.product_id: scan.attempt}, as_of=as_of)
    return scan.product_id


@in_transaction
def _lock_open(session_id: str) -> CountSession:
    session = lock_count(session_id)
    if session.status != CountStatus.OPEN:
        raise CountNotOpen(current=session.status)
    return session


class _Batch:
    """Scans against a locked session."""

    def __init__(self, session: CountSession, scans: Sequence[Scan], *, actor: str, as_of: datetime):
        self._session = session
        self._actor = actor
        self._as_of = as_of
        self._skus = lookup.skus_of({scan.code for scan in scans})
        self._seen = _stored(session, [scan.id for scan in scans])
        self._lines = {line.product_id: line for line in _lines(session, set(self._skus.values()))}
        self._in_scope = in_scope(session, set(self._skus.values()))
        self.new: list[dict[str, object]] = []
        self.attempts: dict[str, int] = {}

    def take(self, scan: Scan) -> ScanResult:
        sku = self._skus.get(scan.code, "")
        try:
            self._check_known(sku)
            if self._is_repeated(scan, sku):
                return ScanResult(scan.id, DUPLICATE, sku)
            attempt = self._attempt(sku)
            self.new.append(self._row(scan, sku, attempt, self._instant(scan, sku)))
            self.attempts[sku] = attempt
            self._seen[scan.id] = _words_of(scan, sku)
        except _Refusal as refusal:
            return ScanResult(scan.id, REJECTED, sku, code=refusal.code, detail=refusal.detail)
        return ScanResult(scan.id, COUNTED, sku)

    def _check_known(self, sku: str) -> None:
        if not sku:
            raise _Refusal("unknown_product", _("There is no product with this code"))
        if sku not in self._in_scope:
            raise _Refusal("outside_scope", _("This article is not part of this count"))

    def _is_repeated(self, scan: Scan, sku: str) -> bool:
        known = self._seen.get(scan.id)
        if known not in (None, _words_of(scan, sku)):
            raise _Refusal("id_reused", _("This id was used for another scan"))
        return known is not None

    def _attempt(self, sku: str) -> int:
        line = self._lines.get(sku)
        if line is not None and line.status not in COUNTABLE:
            raise _Refusal("already_submitted", _("This article was submitted already"))
        return line.attempt if line else 1

    def _instant(self, scan: Scan, sku: str) -> datetime:
        """When it was scanned: after the count began, which gave the phone its id, whatever the phone's clock says."""
        at = scan.scanned_at or self._as_of
        if at > self._as_of + SKEW:
            raise _Refusal("in_the_future", _("This has not happened yet"))
        line = self._lines.get(sku)
        sent_back = line.recount_at if line else None
        if sent_back and at < sent_back - SKEW:
            raise _Refusal("too_early", _("This was scanned before the article was sent back"))
        return min(max(at, sent_back or self._session.opened_at), self._as_of)

    def _row(self, scan: Scan, sku: str, attempt: int, at: datetime) -> dict[str, object]:
        return {
            "session_id": self._session.pk,
            "scan": scan.id,
            "sku": sku,
            "attempt": attempt,
            "mode": CountMode.SET if scan.is_total else CountMode.ADD,
            "units": scan.units,
            "damaged": scan.damaged,
            "bin": scan.bin,
            "actor": self._actor,
            "scanned_at": at,
            "recorded_at": self._as_of,
        }

    def units(self, tallies: Mapping[str, Tally | None]) -> dict[str, int]:
        """What each line comes to now, those included that nothing new was said of."""
        kept = {sku: line.units for sku, line in self._lines.items()}
        return kept | {sku: found.units for sku, found in tallies.items() if found}


def _words_of(scan: Scan, sku: str) -> tuple[str, str, int, bool]:
    return sku, scan.bin, scan.units, scan.is_total


def _stored(session: CountSession, ids: Collection[str]) -> dict[str, tuple[str, str, int, bool]]:
    rows = CountScan.objects.filter(session=session, scan__in=ids)
    return {
        scan: (sku, bin_, units, mode == CountMode.SET)
        for scan, sku, bin_, units, mode in rows.values_list("scan", "product_id", "bin", "units", "mode")
    }


def _lines(session: CountSession, skus: Collection[str]) -> Iterable[CountLine]:
    return CountLine.objects.filter(session=session, product__in=skus)


def in_scope(session: CountSession, skus: Collection[str]) -> set[str]:
    """Those of these products that the session counts; in a bin anything may be found."""
    if session.scope == CountScope.SKUS:
        return set(skus) & set(session.skus)
    if session.scope == CountScope.TAG:
        tagged = Product.objects.filter(pk__in=skus, tags__contains=[session.tag])
        return set(tagged.values_list("pk", flat=True))
    return set(skus)


# ---- lines are what their scans add up to -----------------------------------------------------------


@in_transaction
def _add_up(session: CountSession, attempts: Mapping[str, int], *, as_of: datetime) -> dict[str, Tally | None]:
    """Bring the lines of these products (with the attempt each is in) to what was said of them."""
    if not attempts:
        return {}
    said: dict[str, list[Said]] = defaultdict(list)
    scans = CountScan.objects.filter(session=session, product__in=attempts, undone_at=None)
    for scan in scans:
        if scan.attempt == attempts[scan.product_id]:
            said[scan.product_id].append(said_by(scan))
    tallies = {sku: tally(said[sku]) for sku in attempts}
    _write_lines(session, {sku: found for sku, found in tallies.items() if found})
    _empty_lines(session, [sku for sku, found in tallies.items() if found is None])
    CountSession.objects.filter(pk=session.pk).update(updated_at=as_of)
    return tallies


def said_by(scan: CountScan) -> Said:
    return Said(
        bin=scan.bin,
        units=scan.units,
        is_total=scan.mode == CountMode.SET,
        damaged=scan.damaged,
        scanned_at=scan.scanned_at,
        actor=scan.actor,
        order=scan.pk,
    )


_UPSERT = """
INSERT INTO inventory_countline
    (session_id, sku, status, attempt, units, damaged, bin, counted_at, counted_by, is_unseen, currency, decided_by)
SELECT %s, sku, 'counted', 1, units, damaged, bin, counted_at, counted_by, false, '', ''
FROM unnest(%s::text[], %s::int[], %s::int[], %s::text[], %s::timestamptz[], %s::text[])
    AS found (sku, units, damaged, bin, counted_at, counted_by)
ON CONFLICT (session_id, sku) DO UPDATE
SET status = 'counted', units = excluded.units, damaged = excluded.damaged, bin = excluded.bin,
    counted_at = excluded.counted_at, counted_by = excluded.counted_by, is_unseen = false"""


def _write_lines(session: CountSession, tallies: Mapping[str, Tally]) -> None:
    if not tallies:
        return
    rows = [
        (sku, min(found.units, MOST_UNITS), found.damaged, found.bin, found.counted_at, found.counted_by)
        for sku, found in sorted(tallies.items())
    ]
    with connection.cursor() as cursor:
        cursor.execute(_UPSERT, [session.pk, *(list(column) for column in zip(*rows, strict=True))])


def _empty_lines(session: CountSession, skus: Collection[str]) -> None:
    """All that was said of them is undone: a line that was sent back still waits, any other is gone."""
    if not skus:
        return
    lines = CountLine.objects.filter(session=session, product__in=skus)
    lines.filter(recount_at=None).delete()
    lines.exclude(recount_at=None).update(status=CountLineStatus.RECOUNT)
