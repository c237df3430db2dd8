"""Reading and applying files of counts: whichever worker has the lease goes on where the last one stopped.

A chunk, its figures and how far it got are one transaction, which stands only if the worker still has the lease
(`oms.leases`). So a worker that is killed, or that was thought dead and is not, neither loses a row nor applies one twice.
"""

import logging
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import DatabaseError, connection

from inventory.feeds import feed_of
from inventory.imports import upload
from inventory.imports.faults import Fault, FileRefused
from inventory.imports.merging import LevelsMissing, Terms, compare_places, merge_rows, zero_unnamed
from inventory.imports.reading import Block, StockFile
from inventory.imports.staging import Staging
from inventory.imports.unpacking import Unpacked, UnpackLimits
from inventory.models import ImportFault, ImportMode, StockImport
from inventory.states import IMPORT_MOVES, LIVE_IMPORTS, ImportStatus
from oms.actors import CLOCK
from oms.leases import Clock, LeasedWork, LeaseLost, claim
from oms.sql import insert_rows
from oms.transactions import in_transaction, use_case

log = logging.getLogger(__name__)

S = ImportStatus
_BATCH_ROWS = 50_000  # staged between two renewals of the lease
_SORTED_PER_SECOND = 20_000  # a pessimist's guess
_MOST_FAILURES = 20


def work_on_imports(*, now: Clock, seconds: float) -> int:
    """Work on whatever waits, longest first, for about so long. Returns how many imports were worked on."""
    until, served = time.monotonic() + seconds, 0
    while time.monotonic() < until and (row := _claim(now())):
        _Work(row, now=now).go_on(until)
        served += 1
    return served


@use_case
def _claim(as_of: datetime) -> StockImport | None:
    return claim(StockImport, live=LIVE_IMPORTS, lease=_lease_time(), as_of=as_of)


def _lease_time() -> timedelta:
    return timedelta(seconds=settings.IMPORT_LEASE_SECONDS)


@dataclass(slots=True)
class _Tally:
    """What was wrong with the rows of a file: all counted, the first few kept."""

    keep: int
    rows: int = 0
    codes: Counter[str] = field(default_factory=Counter)
    kept: list[Fault] = field(default_factory=list)
    nameless: int = 0  # rows of which it is not known whose they are

    def add(self, block: Block) -> None:
        self.rows += block.rows
        for fault in block.faults:
            self.codes[fault.code] += 1
            self.nameless += not fault.is_named
        self.kept += block.faults[: max(0, self.keep - len(self.kept))]


class _Work(LeasedWork[StockImport]):
    def __init__(self, row: StockImport, *, now: Clock):
        super().__init__(row, now=now, lease=_lease_time())
        self.staging = Staging(row.pk)
        self._opens_levels = False  # until a row is met that has none: in most files there is no such row

    def go_on(self, until: float) -> None:
        """Until the import ends, or so late. Whatever goes wrong in between is tried again, after a pause."""
        try:
            self._go_on(until)
        except LeaseLost:
            log.info("import was taken from us", extra={"import": self.row.pk})
        except FileRefused as refusal:
            self._fail(refusal)
        except (DatabaseError, OSError):  # a disk that fails, too, is given time, and given up in the end
            log.exception("import will be tried again", extra={"import": self.row.pk})
            connection.close()  # it may be the connection that is broken
            if self._pause() >= _MOST_FAILURES:
                self._fail(FileRefused("given_up"))

    def _go_on(self, until: float) -> None:
        if self.row.status != S.APPLYING:
            self._read_file()
        elif not self.staging.is_whole():
            self._sort_again()
        while self.row.status == S.APPLYING and time.monotonic() < until:
            self._take_step()
        if self.row.status == S.APPLYING:
            self._let_go()

    # ---- reading the file ------------------------------------------------------------------------

    def _read_file(self) -> None:
        """Stage every row; only then the first one is applied. A reading that was cut off begins anew."""
        self._begin()
        tally = self._fill()
        if not tally.rows:
            raise FileRefused("no_rows")
        self._staged(tally)

    @use_case
    def _begin(self) -> None:
        self._hold()
        if self.row.status == S.PENDING:
            IMPORT_MOVES.move(self.row, to=S.STAGING, actor=CLOCK, as_of=self.now())

    def _fill(self) -> _Tally:
        """Errors: FileRefused."""
        self._clear()
        limits = UnpackLimits(settings.IMPORT_MAX_UNPACKED_BYTES, settings.IMPORT_MAX_RATIO)
        unpacked = Unpacked(upload.path_of(self.row.pk), limits)
        tally = _Tally(keep=settings.IMPORT_FAULTS_KEPT)
        for batch in _batches(self._file(unpacked).blocks()):
            for block in batch:
                tally.add(block)
            self._stage(batch, read=unpacked.taken)
        return tally

    def _file(self, unpacked: Unpacked) -> StockFile:
        row = self.row
        return StockFile(
            unpacked.pieces(),
            format="csv" if row.format == "csv" else "ndjson",
            location=row.location_id or "",
            is_only=row.mode == ImportMode.SNAPSHOT,
            places=None if row.places is None else frozenset(row.places),
            received_at=row.received_at,
        )

    @use_case
    def _clear(self) -> None:
        self._hold()
        self.staging.begin()

    @use_case
    def _stage(self, blocks: list[Block], *, read: int) -> None:
        _commit_lightly()
        self.staging.add(blocks, with_named=self.row.mode == ImportMode.SNAPSHOT)
        self._hold(bytes_done=read)

    def _sort_again(self) -> None:
        """The database died and forgot the rows: they are made again, the figures stand."""
        self._fill()
        self._renew(seconds=(self.row.staged_until or 0) / _SORTED_PER_SECOND)
        with use_case:
            self.staging.finish(is_snapshot=self.row.mode == ImportMode.SNAPSHOT, keep=0)
            self._hold()

    def _staged(self, tally: _Tally) -> None:
        self._renew(seconds=tally.rows / _SORTED_PER_SECOND)
        with use_case:
            is_snapshot = self.row.mode == ImportMode.SNAPSHOT
            last, earlier, faults = self.staging.finish(is_snapshot=is_snapshot, keep=tally.keep - len(tally.kept))
            if earlier:
                tally.codes["duplicate_row"] += earlier
            self._keep(sorted(tally.kept + faults))
            rejected = sum(tally.codes.values())
            self._hold(
                staged_until=last,
                rows_total=tally.rows,
                rows_done=rejected,
                rows_rejected=rejected,
                faults=dict(tally.codes),
                leaves_unnamed=not is_snapshot or bool(tally.nameless),
                failures=0,
            )
            IMPORT_MOVES.move(self.row, to=S.APPLYING, actor=CLOCK, as_of=self.now(), facts={"rows": tally.rows})

    @in_transaction
    def _keep(self, faults: list[Fault]) -> None:
        insert_rows(
            {
                ImportFault: [
                    {
                        "stock_import_id": self.row.pk,
                        "line": fault.line,
                        "code": fault.code,
                        "value": fault.value,
                        "sku": fault.sku,
                        "location_code": fault.location,
                    }
                    for fault in faults
                ]
            }
        )

    # ---- applying it -----------------------------------------------------------------------------

    def _take_step(self) -> None:
        """One chunk, or the end."""
        begun = time.monotonic()
        row = self.row
        if row.done_until < (row.staged_until or 0):
            try:
                self._merge_rows()
            except LevelsMissing:
                self._opens_levels = True
                self._merge_rows()
        elif row.zeroes_nothing or not self._zero_unnamed():
            self._finish()
        if row.rows_per_second and row.status == S.APPLYING:
            pause = self._chunk / row.rows_per_second - (time.monotonic() - begun)
            time.sleep(max(0.0, pause))

    @property
    def _chunk(self) -> int:
        """Rows per transaction; slow imports take smaller ones, so that they pause often instead of long."""
        rate = self.row.rows_per_second
        return min(settings.IMPORT_CHUNK_ROWS, max(1, rate // 4)) if rate else settings.IMPORT_CHUNK_ROWS

    @use_case
    def _merge_rows(self) -> None:
        _commit_lightly()
        row = self.row
        until = min(row.done_until + self._chunk, row.staged_until or 0)
        merged = merge_rows(
            self._terms,
            self.staging,
            after=row.done_until,
            until=until,
            opens_levels=self._opens_levels,
            as_of=self._recorded_at,
        )
        codes = Counter(row.faults) + Counter(fault.code for fault in merged.faults)
        self._keep(merged.faults[: max(0, settings.IMPORT_FAULTS_KEPT - row.rows_rejected)])
        self._hold(
            done_until=until,
            rows_done=row.rows_done + merged.applied + len(merged.faults),
            rows_applied=row.rows_applied + merged.applied,
            rows_changed=row.rows_changed + merged.changed,
            rows_rejected=row.rows_rejected + len(merged.faults),
            faults=dict(codes),
            failures=0,
        )

    @use_case
    def _zero_unnamed(self) -> bool:
        """A chunk of the place's levels that the file does not name. False when there are no more."""
        _commit_lightly()
        row = self.row
        merged = zero_unnamed(
            self._terms, self.staging, after=row.zeroed_until, limit=self._chunk, as_of=self._recorded_at
        )
        if merged is None:
            return False
        self._hold(
            zeroed_until=merged.last_sku,
            levels_unnamed=row.levels_unnamed + merged.applied,
            levels_zeroed=row.levels_zeroed + merged.changed,
            failures=0,
        )
        return True

    @property
    def _recorded_at(self) -> datetime:
        """Now; but what the web received is not recorded before, though the worker's clock may be a little slow."""
        return max(self.now(), self.row.received_at)

    @property
    def _terms(self) -> Terms:
        row = self.row
        return Terms(
            import_id=row.pk,
            source=row.source,
            actor=row.actor,
            location=row.location_id,
            occurred_at=row.occurred_at,
            counts_exclude_reserved=feed_of(row.source).counts_exclude_reserved,
        )

    # ---- the end ---------------------------------------------------------------------------------

    def _finish(self) -> None:
        row = self.row
        self._renew(seconds=(row.rows_total or 0) / _SORTED_PER_SECOND)
        with use_case:
            self._hold()
            since = row.started_at or row.received_at
            compare_places(self._terms, self.staging, unnamed=row.levels_unnamed, since=since)
            facts = {"rows": row.rows_total, "changed": row.rows_changed, "rejected": row.rows_rejected}
            self._end(S.COMPLETED, facts=facts)
        upload.discard(row.pk)

    def _fail(self, refusal: FileRefused) -> None:
        """The file cannot be read (on). What was applied before stays, and is told."""
        try:
            with use_case:
                self._hold(failure=refusal.facts)
                self._end(S.FAILED, facts=refusal.facts | {"rows_done": self.row.rows_done})
        except LeaseLost:
            log.info("import was taken from us", extra={"import": self.row.pk})
            return
        upload.discard(self.row.pk)

    @in_transaction
    def _end(self, status: ImportStatus, *, facts: dict[str, Any]) -> None:
        as_of = self.now()
        self.staging.drop()
        values: dict[str, Any] = {"finished_at": as_of, "lease": "", "leased_until": None}
        IMPORT_MOVES.move(self.row, to=status, actor=CLOCK, as_of=as_of, facts=facts, **values)


def _batches(blocks: Iterator[Block]) -> Iterator[list[Block]]:
    batch: list[Block] = []
    for block in blocks:
        batch.append(block)
        if sum(block.rows for block in batch) >= _BATCH_ROWS:
            yield batch
            batch = []
    if batch:
        yield batch


@in_transaction
def _commit_lightly() -> None:
    """Don't wait for the disk: a database that dies may forget the last chunks, with all that tells of them."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL synchronous_commit = off")
