"""Celery's entry points into inventory. Safe to run any number of times, at once, and to kill."""

from typing import Any

from celery import shared_task

from inventory.services.ledger_months import open_months
from oms.clock import now


@shared_task
def open_ledger_months(**_later: Any) -> None:
    open_months(as_of=now())
