"""Files that people sent, from the first look to the last row."""

import gzip
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta

import orjson
from django.db import IntegrityError

from inventory.events import FILE_IMPORTED
from inventory.files.intake import Numbered, Report, bring_in, preview
from inventory.files.reading import Table
from inventory.models import FileImport
from oms.errors import Missing
from oms.outbox import Fact, publish
from oms.transactions import use_case

_CHUNK = 1_000
_UNCONFIRMED = timedelta(days=1)
_FINISHED = timedelta(days=90)


def receive_file(kind: str, file_name: str, table: Table, *, actor: str, as_of: datetime) -> str:
    """Keep a file that was read, with what bringing it in would do. Returns its id."""
    return _keep(kind, file_name[-200:], table, preview(kind, table.rows, as_of=as_of), actor=actor, as_of=as_of)


@use_case
def _keep(kind: str, file_name: str, table: Table, report: Report, *, actor: str, as_of: datetime) -> str:
    _forget(as_of)
    kept = FileImport.objects.create(
        kind=kind,
        file_name=file_name,
        notes=table.notes,
        rows=gzip.compress(orjson.dumps(table.rows), 3),
        rows_total=len(table.rows),
        expected=report.counts,
        sample=report.sample,
        faults=report.faults,
        uploaded_by=actor,
        uploaded_at=as_of,
    )
    return kept.pk


def _forget(as_of: datetime) -> None:
    """Files that nobody confirmed hold their rows; those that are done are a trace for some time."""
    FileImport.objects.filter(confirmed_at=None, uploaded_at__lt=as_of - _UNCONFIRMED).delete()
    FileImport.objects.filter(uploaded_at__lt=as_of - _FINISHED).delete()


def bring_in_file(import_id: str, *, actor: str, as_of: datetime) -> None:
    """Save all rows of a file that are right, a thousand per transaction; what was done before is not done again.

    Any number of callers at once: each thousand is done by one of them. Errors: Missing.
    """
    rows = _rows(import_id)
    while _next_chunk_patiently(import_id, rows, actor=actor, as_of=as_of):
        pass


def _rows(import_id: str) -> Sequence[Numbered]:
    packed = FileImport.objects.filter(pk=import_id).values_list("rows", flat=True).first()
    if packed is None:
        raise Missing()
    return orjson.loads(gzip.decompress(packed)) if packed else []


def _next_chunk_patiently(import_id: str, rows: Sequence[Numbered], *, actor: str, as_of: datetime) -> bool:
    """Once more if somebody else took a barcode, or a time, in the same moment: then it is told as their row's fault."""
    try:
        return _next_chunk(import_id, rows, actor=actor, as_of=as_of)
    except IntegrityError:
        return _next_chunk(import_id, rows, actor=actor, as_of=as_of)


@use_case
def _next_chunk(import_id: str, rows: Sequence[Numbered], *, actor: str, as_of: datetime) -> bool:
    """True if there is more to do."""
    job = _locked(import_id)
    if job.finished_at:
        return False
    if not job.is_begun:
        job.confirmed_by, job.confirmed_at, job.faults = actor, as_of, []
    chunk = rows[job.rows_done : job.rows_done + _CHUNK]
    report = bring_in(job.kind, chunk, before=rows[: job.rows_done], actor=job.confirmed_by, as_of=as_of)
    job.rows_done += len(chunk)
    job.outcome = dict(Counter(job.outcome) + Counter(report.counts))
    job.faults = [*job.faults, *report.faults]
    if job.rows_done == job.rows_total:
        job.finished_at, job.rows = as_of, b""
        _tell(job, as_of)
    job.save()
    return job.finished_at is None


def _locked(import_id: str) -> FileImport:
    return FileImport.objects.select_for_update(no_key=True).defer("rows").get(pk=import_id)


def _tell(job: FileImport, as_of: datetime) -> None:
    payload = {"kind": job.kind, "file": job.file_name, "rows": job.rows_total, **job.outcome}
    publish([Fact(FILE_IMPORTED, job.pk, job.pk, job.confirmed_by, payload)], as_of=as_of)
