"""Files of counts as people and clients handle them: sent, begun, called off. The work is done in `import_work`."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.utils.translation import gettext as _

from inventory.errors import TooManyImports
from inventory.imports import upload
from inventory.imports.staging import Staging, imports_with_tables
from inventory.models import ImportFault, ImportMode, StockImport
from inventory.queries import places
from inventory.states import IMPORT_MOVES, OPEN_IMPORTS, ImportStatus
from oms.clock import SKEW
from oms.errors import FieldError, IllegalMove, Invalid, Missing
from oms.idempotency import idempotent
from oms.outbox import publish
from oms.transactions import in_transaction, use_case

_ORPHANED_AFTER = timedelta(hours=6)  # a file without an import may be one that is still being sent


@dataclass(frozen=True, slots=True)
class NewImport:
    """A file that lies on disk already, under the id of the import to be. `places`: those its sender is bound to."""

    id: str
    mode: str
    location: str | None
    source: str
    format: str
    bytes_total: int
    digest: str
    occurred_at: datetime
    places: Sequence[str] | None = None
    file_name: str = ""
    rows_per_second: int | None = None
    is_draft: bool = False


@use_case
@idempotent
def receive_import(new: NewImport, *, actor: str, as_of: datetime) -> str:
    """Take the file in; a draft then waits for `start_import`. Returns the import's id: a repeat's is that of the first.

    Errors: Invalid (unknown place, a snapshot of no place, a count of the future), TooManyImports.
    """
    _check(new, as_of=as_of)
    row = StockImport(
        id=new.id,
        status=ImportStatus.UPLOADED if new.is_draft else ImportStatus.PENDING,
        mode=new.mode,
        location_id=new.location,
        source=new.source,
        actor=actor,
        places=None if new.places is None else sorted(new.places),
        file_name=new.file_name,
        format=new.format,
        bytes_total=new.bytes_total,
        digest=new.digest,
        occurred_at=min(new.occurred_at, as_of),
        rows_per_second=new.rows_per_second,
        received_at=as_of,
        served_at=as_of,
        updated_at=as_of,
    )
    row.save(force_insert=True)
    facts = {"source": row.source, "mode": row.mode, "location": row.location_id, "bytes": row.bytes_total}
    publish([IMPORT_MOVES.fact(row, to=row.status, actor=actor, payload=facts)], as_of=as_of)
    return row.pk


def _check(new: NewImport, *, as_of: datetime) -> None:
    errors = []
    if new.mode == ImportMode.SNAPSHOT and not new.location:
        detail = _("A snapshot is of one place: say which")
        errors.append(FieldError("/location", "required", detail))
    if new.location and new.location not in places():
        errors.append(FieldError("/location", "unknown_location", _("There is no such location")))
    if new.occurred_at - as_of > SKEW:
        errors.append(FieldError("/occurred_at", "in_the_future", _("This has not happened yet")))
    if errors:
        raise Invalid(errors=errors)
    if StockImport.objects.filter(source=new.source, status__in=OPEN_IMPORTS).count() >= settings.IMPORTS_WAITING:
        raise TooManyImports(limit=settings.IMPORTS_WAITING)


@use_case
def start_import(*, import_id: str, actor: str, as_of: datetime) -> None:
    """Let an uploaded file be applied. Errors: Missing, IllegalMove."""
    row = _locked(import_id)
    IMPORT_MOVES.move(row, to=ImportStatus.PENDING, actor=actor, as_of=as_of, served_at=as_of)


@use_case
def cancel_import(*, import_id: str, actor: str, as_of: datetime) -> None:
    """Stop it where it is: what was applied stays, the rest never will be. Errors: Missing, IllegalMove (it has ended).

    A worker in the middle of a chunk finds out when it wants to commit, and takes that chunk back. Canceling twice
    is no error.
    """
    row = _locked(import_id)
    if row.status == ImportStatus.CANCELED:
        return
    if row.status not in OPEN_IMPORTS:
        raise IllegalMove(current=row.status, actions=[])
    facts = {"rows_done": row.rows_done}
    values: dict[str, Any] = {"lease": "", "leased_until": None, "finished_at": as_of}
    IMPORT_MOVES.move(row, to=ImportStatus.CANCELED, actor=actor, as_of=as_of, facts=facts, **values)


@in_transaction
def _locked(import_id: str) -> StockImport:
    row = StockImport.objects.select_for_update(no_key=True).filter(pk=import_id).first()
    if row is None:
        raise Missing()
    return row


def tidy_imports(*, as_of: datetime) -> int:
    """Throw away the tables and files of imports that have ended, and files that never became one. Returns how many."""
    open_now = set(StockImport.objects.filter(status__in=OPEN_IMPORTS).values_list("pk", flat=True))
    forgotten = imports_with_tables() - open_now
    for import_id in sorted(forgotten):
        _drop_tables(import_id)
    files = upload.import_files(older_than=as_of - _ORPHANED_AFTER)
    ended = set(
        StockImport.objects.filter(pk__in=upload.import_files()).exclude(pk__in=open_now).values_list("pk", flat=True)
    )
    lost = (files - open_now) | ended
    for import_id in lost:
        upload.discard(import_id)
    return len(forgotten) + len(lost)


@use_case
def forget_faults(*, until: datetime) -> int:
    """Rejected rows of imports that ended before; how many there were, and why, stays. Returns how many are gone."""
    return ImportFault.objects.filter(stock_import__finished_at__lt=until).delete()[0]


@use_case
def _drop_tables(import_id: str) -> None:
    Staging(import_id).drop()
