"""Long work on a row that one worker at a time holds, and that the next one goes on with when it is killed.

Celery is only the alarm clock: what is to be done, and how far it got, stands in the row. Its model has `status`, `lease`,
`leased_until`, `served_at`, `started_at`, `updated_at` and `failures` (in a row).
"""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from secrets import token_hex
from typing import Any, Generic, TypeVar

from django.db import models

from oms.sql import read_rows, update_rows
from oms.transactions import in_transaction, use_case

R = TypeVar("R", bound=models.Model)
Clock = Callable[[], datetime]
_LONGEST_PAUSE_SECONDS = 300


class LeaseLost(Exception):
    """It was called off, or another worker has it now; the transaction must not stand."""


@in_transaction
def claim(model: type[R], *, live: Iterable[str], lease: timedelta, as_of: datetime, only: str = "") -> R | None:
    """Lease the row in one of these states that has waited longest since it was last worked on; or only that one."""
    found = read_rows(
        model,
        "WHERE t.status = ANY(%s) AND (t.leased_until IS NULL OR t.leased_until <= %s) AND %s IN ('', t.id)"
        " ORDER BY t.served_at LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED",
        [sorted(map(str, live)), as_of, only],
    )
    row: Any
    for row in found:
        row.lease, row.leased_until, row.served_at = token_hex(8), as_of + lease, as_of
        row.started_at = row.started_at or as_of
        row.save(update_fields=["lease", "leased_until", "served_at", "started_at"])
    return found[0] if found else None


class LeasedWork(Generic[R]):
    """One worker's hold on one row."""

    def __init__(self, row: R, *, now: Clock, lease: timedelta):
        self.row = row
        self.now = now
        self._lease = lease

    @in_transaction
    def _hold(self, *, seconds: float = 0, **values: Any) -> None:
        """Renew the lease, by so much more, and write `values`, at the end of a transaction. Errors: LeaseLost."""
        row: Any = self.row
        as_of = self.now()
        values |= {"leased_until": as_of + self._lease + timedelta(seconds=seconds), "updated_at": as_of}
        mine = {"id": row.pk, "lease": row.lease, "status": row.status}
        if not update_rows(type(row), [mine | values], only_if="t.lease = r.lease AND t.status = r.status"):
            raise LeaseLost()
        for name, value in values.items():
            setattr(row, name, value)

    @use_case
    def _renew(self, *, seconds: float = 0) -> None:
        self._hold(seconds=seconds)

    def _let_go(self) -> None:
        """Others may go on at once."""
        self._mine.update(lease="", leased_until=None)

    def _pause(self) -> int:
        """Try again later, and later still each time. Returns how often it has failed in a row; 0 if it is not ours."""
        row: Any = self.row
        failures: int = row.failures + 1
        until = self.now() + timedelta(seconds=min(2**failures, _LONGEST_PAUSE_SECONDS))
        return failures if self._mine.update(failures=failures, leased_until=until) else 0

    @property
    def _mine(self) -> models.QuerySet[R]:
        row: Any = self.row
        return type(self.row)._default_manager.filter(pk=row.pk, lease=row.lease)
