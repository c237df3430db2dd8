"""Celery's entry points into routing. Safe to run any number of times, at once, and to kill."""

from typing import Any

from celery import shared_task

from oms.clock import now
from routing.services import learning


@shared_task
def learn_dates(**_later: Any) -> None:
    """At night: what is too old is forgotten, what is left makes new tables."""
    learning.forget_lead_times(as_of=now())
    learning.learn_dates(as_of=now())
