"""Remember what was made under a key, so that a repeat makes nothing.

`@idempotent("name")` sits right under `@use_case`. The remembered thing is the *result* (small, JSON),
not HTTP bytes, so tasks and webhooks use it too. A refusal rolls back, leaves no memory, and is judged
afresh next time.
"""

import functools
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from django.db import OperationalError, connection
from psycopg.errors import LockNotAvailable

from oms.errors import IdempotencyInProgress, IdempotencyKeyReused
from oms.models.idempotency import IdempotencyRecord
from oms.sql import Also, as_json
from oms.transactions import in_transaction


@dataclass(slots=True)
class Once:
    """A request that must happen once: who asks (`scope`), the key, and a digest of what is asked.

    `is_replay` is found out by `begin`: the result was there already.
    """

    scope: str
    key: str
    fingerprint: bytes
    is_replay: bool = False


def fingerprint(body: Any) -> bytes:
    return hashlib.sha256(orjson.dumps(body, option=orjson.OPT_SORT_KEYS, default=str)).digest()


_TAKE = (
    "INSERT INTO oms_idempotencyrecord (scope, key, fingerprint, created_at, result) VALUES (%s, %s, %s, %s, %s::jsonb)"
    " ON CONFLICT (scope, key) DO NOTHING RETURNING key"
)


@in_transaction
def begin(once: Once, *, as_of: datetime, result: Any = None) -> Any | None:
    """Take the key, or return what was remembered under it. `result`, if known already, is remembered now.

    A second request waits on the unique index until the first commits (at most lock_timeout).
    Errors: IdempotencyKeyReused (other body), IdempotencyInProgress (the wait was too long).
    """
    return None if _take(once, as_of=as_of, result=result) else _remembered(once)


@in_transaction
def begin_with(first: Also, once: Once, *, as_of: datetime, result: Any) -> tuple[Any | None, Any]:
    """The same, and the first act in one statement: `first` reads `FROM taken`, which is empty where the key was known.

    Returns what was remembered, or None and the row that `first` returned. Errors: as `begin`.
    """
    row = _take(once, as_of=as_of, result=result, first=first)
    return (None, row) if row else (_remembered(once), None)


def _take(once: Once, *, as_of: datetime, result: Any, first: Also | None = None) -> Any:
    statement = f"WITH taken AS ({_TAKE}) {first.sql}" if first else _TAKE
    key = (once.scope, once.key, once.fingerprint, as_of, as_json(result))
    with connection.cursor() as cursor:
        try:
            cursor.execute(statement, [*key, *(first.parameters if first else ())])
        except OperationalError as error:
            if isinstance(error.__cause__, LockNotAvailable):
                raise IdempotencyInProgress() from error
            raise
        return cursor.fetchone()


def recall(once: Once) -> Any | None:
    """What was made under the key, if anything was. Takes nothing and waits for nobody: `begin` does, later.

    Errors: IdempotencyKeyReused (other body).
    """
    record = IdempotencyRecord.objects.filter(scope=once.scope, key=once.key).first()
    return _told(record, once) if record else None


def _remembered(once: Once) -> Any | None:
    return _told(IdempotencyRecord.objects.get(scope=once.scope, key=once.key), once)


def _told(record: IdempotencyRecord, once: Once) -> Any | None:
    check_same(record.fingerprint, once)
    once.is_replay = record.result is not None
    return record.result


def check_same(remembered: bytes | memoryview, once: Once) -> None:
    if bytes(remembered) != once.fingerprint:
        raise IdempotencyKeyReused()


@in_transaction
def remember(once: Once, result: Any) -> None:
    IdempotencyRecord.objects.filter(scope=once.scope, key=once.key).update(result=result)


@in_transaction
def forget(once: Once) -> None:
    """The request was refused after all, in a transaction that must stand: it may be judged afresh."""
    IdempotencyRecord.objects.filter(scope=once.scope, key=once.key).delete()


def idempotent(func: Callable[..., Any]) -> Callable[..., Any]:
    """Give a use case the keyword `once: Once | None`; its result must be small and JSON.

    Returns what `func` returned, now or the first time.
    """

    @functools.wraps(func)
    def wrapper(*args: Any, once: Once | None = None, **kwargs: Any) -> Any:
        if once is None:
            return func(*args, **kwargs)
        remembered = begin(once, as_of=kwargs["as_of"])
        if remembered is not None:
            return remembered
        result = func(*args, **kwargs)
        remember(once, result)
        return result

    return wrapper
