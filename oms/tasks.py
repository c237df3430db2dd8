"""Celery's entry points into the kernel. Safe to run any number of times, at once, and to kill."""

import time
from datetime import timedelta
from typing import Any

from celery import shared_task
from django.conf import settings

from oms import deadlines, outbox
from oms.clock import now
from oms.models import Deadline, IdempotencyRecord

_PATIENCE_SECONDS = 20.0  # one alarm works this long at most, then leaves the rest to the next
_BATCH = 10  # small, so that several workers share a rush, and a killed one delays little (see the lease)


@shared_task
def sweep_deadlines(**_later: Any) -> None:
    until = time.monotonic() + _PATIENCE_SECONDS
    while deadlines.sweep(now=now, limit=_BATCH) and time.monotonic() < until:
        pass


@shared_task
def relay_outbox(**_later: Any) -> None:
    until = time.monotonic() + _PATIENCE_SECONDS
    while outbox.relay(as_of=now()) and time.monotonic() < until:
        pass


@shared_task
def forget_old(**_later: Any) -> None:
    horizon = now() - timedelta(days=settings.IDEMPOTENCY_DAYS)
    IdempotencyRecord.objects.filter(created_at__lt=horizon).delete()
    Deadline.objects.filter(done_at__lt=horizon).delete()
