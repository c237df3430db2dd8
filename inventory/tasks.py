"""Celery's entry points into inventory. Safe to run any number of times, at once, and to kill."""

from datetime import timedelta
from typing import Any

from celery import shared_task
from django.conf import settings

from inventory import services
from inventory.services.cart_holds import forget_ended_holds
from inventory.services.ledger_months import months_back, open_months
from inventory.services.order_events import forget_recognized_work
from inventory.services.pace import refresh_pace_if_old
from inventory.services.reconciliation import reconcile_lately
from inventory.services.retention import forget_months
from inventory.services.stock_imports import forget_faults
from oms.actors import CLOCK
from oms.clock import now

_PATIENCE_SECONDS = 20.0  # one alarm works this long at most, then leaves the rest to the next
_PACE_AGE = timedelta(hours=20)  # asked for every hour: worked out once a day, and soon after a night that was missed


@shared_task
def open_ledger_months(**_later: Any) -> None:
    open_months(as_of=now())


@shared_task
def forget_old_movements(**_later: Any) -> None:
    """Nothing, unless the settings say for how many months movements are kept."""
    as_of = now()
    if settings.LEDGER_MONTHS:
        for _old in forget_months(before=months_back(settings.LEDGER_MONTHS, as_of=as_of), actor=CLOCK, as_of=as_of):
            pass


@shared_task
def work_on_imports(**_later: Any) -> None:
    services.work_on_imports(now=now, seconds=_PATIENCE_SECONDS)


@shared_task
def tidy_imports(**_later: Any) -> None:
    services.tidy_imports(as_of=now())


@shared_task
def forget_old(**_later: Any) -> None:
    forget_ended_holds(as_of=now(), older_than=now() - timedelta(days=settings.IDEMPOTENCY_DAYS))


@shared_task
def refresh_pace(**_later: Any) -> None:
    refresh_pace_if_old(older_than=_PACE_AGE, as_of=now())


@shared_task
def reconcile_stock(**_later: Any) -> None:
    """At night: the reports of the days before, and what nobody asks for any more is forgotten."""
    as_of = now()
    reconcile_lately(as_of=as_of)
    forget_recognized_work(until=as_of - timedelta(days=settings.RECOGNIZED_WORK_DAYS))
    forget_faults(until=as_of - timedelta(days=settings.IMPORT_FAULT_DAYS))
