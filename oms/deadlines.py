"""Every business timer is a row. Celery only wakes up early; this table says what is due.

A deadline is (kind, subject, generation), unique. Re-timing or pausing schedules the next generation;
an older one does nothing. The sweep leases what is due (SKIP LOCKED), then calls the handler of its
kind outside any transaction. The handler does its work in one use case and calls `finish(deadline)`
in it: whoever finishes a row second is rolled back, so a deadline is acted on exactly once, whatever
is killed.
"""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection
from django.db.models import Max

from oms.models.deadline import Deadline
from oms.sql import Also, Tables, insert_rows
from oms.transactions import in_transaction, use_case

log = logging.getLogger(__name__)

_LEASE = timedelta(seconds=20)  # how long a killed sweeper delays what it had claimed
_MAX_PAUSE = timedelta(minutes=10)


class AlreadyActed(Exception):
    """Someone else finished this deadline first; the transaction must not stand."""


@dataclass(frozen=True, slots=True)
class Due:
    kind: str
    subject: str
    due_at: datetime
    generation: int = 1


@dataclass(frozen=True, slots=True)
class Claimed:
    """A leased deadline, as its handler gets it."""

    id: int
    kind: str
    subject: str
    generation: int
    due_at: datetime
    attempts: int


Handler = Callable[[Claimed, datetime], None]
_handlers: dict[str, Handler] = {}


def on_deadline(kind: str) -> Callable[[Handler], Handler]:
    """Register what “late” does: `handler(claimed, as_of)`. Used in the owning app's `handlers.py`."""

    def register(handler: Handler) -> Handler:
        if kind in _handlers:
            raise ValueError(f"two handlers for deadline {kind}")
        _handlers[kind] = handler
        return handler

    return register


@in_transaction
def schedule(dues: Sequence[Due]) -> None:
    insert_rows(deadline_rows(dues))


def deadline_rows(dues: Sequence[Due]) -> Tables:
    """The deadlines as rows, for a statement that writes more than them."""
    return {
        Deadline: [
            {
                "kind": d.kind,
                "subject": d.subject,
                "generation": d.generation,
                "due_at": d.due_at,
                "retry_at": d.due_at,
                "attempts": 0,
            }
            for d in dues
        ]
    }


@in_transaction
def finish(deadline: Claimed) -> None:
    """Mark as acted on, in the transaction of the act, right after its locks are taken. Errors: AlreadyActed."""
    if not Deadline.objects.filter(id=deadline.id, done_at=None).update(
        done_at=datetime.now(tz=deadline.due_at.tzinfo)
    ):
        raise AlreadyActed(f"{deadline.kind} {deadline.subject} {deadline.generation}")


@in_transaction
def drop(subjects: Iterable[str], *, as_of: datetime, kinds: Iterable[str] | None = None) -> None:
    """What these subjects waited for has happened or no longer matters."""
    waiting = Deadline.objects.filter(subject__in=list(subjects), done_at=None)
    if kinds is not None:
        waiting = waiting.filter(kind__in=list(kinds))
    waiting.update(done_at=as_of)


def dropped(subjects: Sequence[str], *, kinds: Sequence[str], as_of: datetime) -> Also:
    """The same, for a statement that changes what they waited for; what it schedules itself is not meant."""
    # Lists whose length the planner cannot see: else it would plan the whole statement anew each time.
    waiting = (
        "UPDATE oms_deadline SET done_at = %s WHERE subject = ANY(ARRAY(SELECT unnest(%s::text[])))"
        " AND kind = ANY(ARRAY(SELECT unnest(%s::text[]))) AND done_at IS NULL"
    )
    return Also(waiting, (as_of, list(subjects), list(kinds)))


@in_transaction
def retime(kind: str, subject: str, due_at: datetime, *, as_of: datetime) -> None:
    """Replace the pending deadline of this kind and subject by a new generation."""
    retime_all(kind, {subject: due_at}, as_of=as_of)


@in_transaction
def retime_all(kind: str, due_at: Mapping[str, datetime], *, as_of: datetime) -> None:
    """The same for many subjects."""
    known = Deadline.objects.filter(kind=kind, subject__in=list(due_at)).values_list("subject")
    last = dict(known.annotate(last=Max("generation")))
    drop(due_at, as_of=as_of, kinds=[kind])
    schedule([Due(kind, subject, at, generation=last.get(subject, 0) + 1) for subject, at in due_at.items()])


@in_transaction
def ensure(kind: str, subject: str, due_at: datetime, *, as_of: datetime) -> None:
    """Schedule the next generation, unless one of this kind is pending already."""
    if not Deadline.objects.filter(kind=kind, subject=subject, done_at=None).exists():
        retime(kind, subject, due_at, as_of=as_of)


def pending(subject: str, *, kinds: Iterable[str]) -> dict[str, datetime]:
    """For what of these kinds the subject waits, and until when."""
    waiting = Deadline.objects.filter(subject=subject, kind__in=list(kinds), done_at=None)
    return dict(waiting.values_list("kind", "due_at"))


# Materialized: as a subquery that a join looks at again and again, it would each time lock as many more.
_CLAIM = """
WITH due AS MATERIALIZED (
    SELECT id FROM oms_deadline WHERE done_at IS NULL AND retry_at <= %s
    ORDER BY retry_at, id LIMIT %s FOR UPDATE SKIP LOCKED)
UPDATE oms_deadline d SET retry_at = %s, attempts = attempts + 1 FROM due
WHERE d.id = due.id RETURNING d.id, d.kind, d.subject, d.generation, d.due_at, d.attempts"""


def claim(*, as_of: datetime, limit: int = 100) -> list[Claimed]:
    """Lease up to `limit` due deadlines, earliest first."""
    with connection.cursor() as cursor:
        cursor.execute(_CLAIM, [as_of, limit, as_of + _LEASE])
        claimed = [Claimed(*row) for row in cursor.fetchall()]
    return sorted(claimed, key=lambda c: (c.due_at, c.id))


def sweep(*, now: Callable[[], datetime], limit: int = 100) -> int:
    """Claim one batch and act on it. Returns how many were claimed."""
    batch = claim(as_of=now(), limit=limit)
    for deadline in batch:
        _act(deadline, now())
    return len(batch)


def _act(deadline: Claimed, as_of: datetime) -> None:
    try:
        _handlers[deadline.kind](deadline, as_of)
    except AlreadyActed:
        log.debug("deadline was settled meanwhile", extra={"deadline": deadline.id})
    except Exception:
        log.exception(
            "deadline failed", extra={"deadline": deadline.id, "kind": deadline.kind, "subject": deadline.subject}
        )
        _postpone(deadline, as_of)


@use_case
def _postpone(deadline: Claimed, as_of: datetime) -> None:
    pause = min(timedelta(seconds=2 ** min(deadline.attempts, 10)), _MAX_PAUSE)
    Deadline.objects.filter(id=deadline.id, done_at=None).update(retry_at=as_of + pause)
