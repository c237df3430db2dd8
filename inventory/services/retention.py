"""Forgetting old months of the ledger without changing what it says.

What a month moved is added to the opening balances, and the month's partition dropped, in one transaction: killed
anywhere, a month is either there or in the balances, and repeating goes on with what is left. Nobody but the two
statements that lock the ledger at the end of it is held up.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import OperationalError, connection, transaction
from django.utils.translation import gettext as _

from inventory.balances import forgotten_until
from inventory.events import LEDGER_FORGOTTEN
from inventory.services.ledger_months import (
    DEFAULT,
    TABLE,
    later_month,
    lock_upkeep,
    month_of,
    months_kept,
    partition_of,
)
from oms.errors import Busy, Invalid
from oms.outbox import Fact, publish
from oms.transactions import use_case

_IDS_KEPT = timedelta(days=1)  # beyond the clock skew that events are allowed
_ID_BATCH = 20_000
_LOCK_ATTEMPTS, _LOCK_SECONDS = 30, 0.3


@dataclass(frozen=True, slots=True)
class OldMonth:
    """A month of the ledger that may go, or is gone. `month` None: what stands in no month's partition."""

    month: datetime | None
    movements: int
    levels: int


@use_case
def old_months(*, before: datetime, as_of: datetime) -> list[OldMonth]:
    """What `forget_months` would forget, oldest first. Errors: Invalid."""
    check_horizon(before, as_of=as_of)
    with connection.cursor() as cursor:
        cursor.execute(_NO_TIMEOUT)
    unsorted = _size(DEFAULT, None, before)
    return [
        *(_size(partition_of(month), month, before) for month in months_kept() if month < before),
        *([unsorted] if unsorted.movements else []),
    ]


def check_horizon(before: datetime, *, as_of: datetime) -> None:
    """Errors: Invalid when it is no first of a month, or would forget the present month."""
    if before != month_of(before):
        raise Invalid(_("Whole months are forgotten"))
    if before > month_of(as_of):
        raise Invalid(_("The present month is not forgotten"))


def _size(table: str, month: datetime | None, before: datetime) -> OldMonth:
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT count(*), count(DISTINCT (sku, location_id)) FROM {table} WHERE recorded_at < %s",
            [before],
        )
        return OldMonth(month, *cursor.fetchone())


def forget_months(*, before: datetime, actor: str, as_of: datetime) -> Iterator[OldMonth]:
    """Forget all movements recorded before, month by month, yielding each when it is gone; then ids as old.

    What stands in no partition goes with the first month that is younger.
    Errors: Invalid; Busy when the ledger could not be locked (what was yielded is gone; go on later).
    """
    check_horizon(before, as_of=as_of)
    for month in [*(month for month in months_kept() if month < before), None]:
        gone = _forget(month, before=before, actor=actor, as_of=as_of)
        if gone:
            yield gone
    forget_event_ids()


_NO_TIMEOUT = "SET LOCAL statement_timeout = 0"
_STOP_WRITING = "LOCK TABLE {} IN SHARE MODE"  # who reads the month goes on
# Rows of the default partition are deleted there: the ledger's own rule, that nothing is, holds for the whole.
# The ledger begins later from then on, unless nothing was forgotten and it had never begun otherwise.
_FOLD = f"""
WITH unsorted AS (
    DELETE FROM {DEFAULT} WHERE recorded_at < %(until)s
    RETURNING sku, location_id, quantity, damaged_delta, quarantined_delta
), gone AS (
    SELECT sku, location_id, sum(quantity) AS on_hand, sum(damaged_delta) AS damaged,
        sum(quarantined_delta) AS quarantined, count(*) AS movements
    FROM (SELECT * FROM unsorted{{month}}) m GROUP BY sku, location_id
), folded AS (
    INSERT INTO inventory_stockbalance AS b (sku, location_id, on_hand, damaged, quarantined)
    SELECT sku, location_id, on_hand, damaged, quarantined FROM gone
    ON CONFLICT (sku, location_id) DO UPDATE SET on_hand = b.on_hand + excluded.on_hand,
        damaged = b.damaged + excluded.damaged, quarantined = b.quarantined + excluded.quarantined
), begun AS (
    INSERT INTO inventory_ledgerstart AS l (id, begins_at)
    SELECT 1, %(until)s WHERE EXISTS (SELECT FROM gone) OR {{moves_on}}
    ON CONFLICT (id) DO UPDATE SET begins_at = greatest(l.begins_at, excluded.begins_at)
)
SELECT coalesce(sum(movements), 0)::bigint, count(*) FROM gone"""
_MONTH = " UNION ALL SELECT sku, location_id, quantity, damaged_delta, quarantined_delta FROM {}"
_FOLD_MONTH = _FOLD.replace("{month}", _MONTH).replace("{moves_on}", "EXISTS (SELECT FROM inventory_ledgerstart)")
_FOLD_UNSORTED = _FOLD.replace("{month}", "").replace("{moves_on}", "false")


@use_case
def _forget(month: datetime | None, *, before: datetime, actor: str, as_of: datetime) -> OldMonth | None:
    """None where there was nothing to forget: no such month any more, or nothing that stands in none."""
    lock_upkeep()
    if month is not None and month not in months_kept():
        return None  # somebody else was quicker
    until = later_month(month, 1) if month else before
    with connection.cursor() as cursor:
        cursor.execute(_NO_TIMEOUT)
        if month is None:
            cursor.execute(_FOLD_UNSORTED, {"until": until})
        else:
            cursor.execute(_STOP_WRITING.format(partition_of(month)))
            cursor.execute(_FOLD_MONTH.format(partition_of(month)), {"until": until})
        gone = OldMonth(month, *cursor.fetchone())
        if gone.movements:
            publish([_told(gone, until, actor)], as_of=as_of)
        if month is not None:
            _lock_whole_ledger()
            cursor.execute(f"DROP TABLE {partition_of(month)}")
    return gone if month or gone.movements else None


def _told(gone: OldMonth, until: datetime, actor: str) -> Fact:
    payload = {"movements": gone.movements, "levels": gone.levels, "begins_at": until.isoformat()}
    return Fact(LEDGER_FORGOTTEN, "ledger", "ledger", actor, payload)


def _lock_whole_ledger() -> None:
    """In short spells: whoever comes to the ledger meanwhile queues behind us. Errors: Busy."""
    for _attempt in range(_LOCK_ATTEMPTS):
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute(f"SET LOCAL lock_timeout = '{int(_LOCK_SECONDS * 1000)}ms'")
                cursor.execute(f"LOCK TABLE ONLY {TABLE} IN ACCESS EXCLUSIVE MODE")
                return
        except OperationalError:
            time.sleep(_LOCK_SECONDS)
    raise Busy(_("The ledger is read or written without a pause"))


def forget_event_ids() -> int:
    """Forget the ids of events that would be refused as too old if they came again. Returns how many."""
    begins_at = forgotten_until()
    total = 0
    while begins_at is not None and (gone := _forget_some_ids(begins_at - _IDS_KEPT)):
        total += gone
    return total


@use_case
def _forget_some_ids(before: datetime) -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM inventory_stockeventid WHERE ctid = ANY(ARRAY("
            "SELECT ctid FROM inventory_stockeventid WHERE recorded_at < %s LIMIT %s))",
            [before, _ID_BATCH],
        )
        return cursor.rowcount
