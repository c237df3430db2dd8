"""Celery's entry points into routing. Safe to run any number of times, at once, and to kill."""

from datetime import timedelta
from typing import Any

from celery import shared_task
from django.conf import settings

from oms.clock import now
from routing.services import acceptance, learning, markdown, scarcity, shadows, simulations
from routing.services import simulation_work as work

_PATIENCE_SECONDS = 300.0  # one alarm works this long at most, then leaves the rest to the next


@shared_task
def learn_dates(**_later: Any) -> None:
    """At night: what is too old is forgotten, what is left makes new tables."""
    learning.forget_lead_times(as_of=now())
    learning.learn_dates(as_of=now())


@shared_task
def price_scarcity(**_later: Any) -> None:
    """Asked for often, done when half the life of the prices is over."""
    scarcity.refresh_if_old(as_of=now())


@shared_task
def learn_acceptance(**_later: Any) -> None:
    """Every hour: a store that declines all day is asked less often the same day."""
    if acceptance.refresh_if_old(as_of=now()):
        acceptance.forget_offers(as_of=now())


@shared_task
def price_slow_stock(**_later: Any) -> None:
    """Asked for every hour, done once a day."""
    markdown.refresh_if_old(as_of=now())


@shared_task
def work_on_simulations(**_later: Any) -> None:
    work.work_on_simulations(now=now, seconds=_PATIENCE_SECONDS)


@shared_task
def forget_simulations(**_later: Any) -> None:
    simulations.forget_simulations(before=now() - timedelta(days=settings.SIMULATION_DAYS))


@shared_task
def judge_shadows(**_later: Any) -> None:
    """Behind the orders: drafts decide beside the live rules what has been told since."""
    shadows.judge_shadows(as_of=now())
