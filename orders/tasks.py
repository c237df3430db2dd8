"""Celery's entry points into orders. Safe to run any number of times, at once, and to kill."""

from datetime import timedelta
from typing import Any

from celery import shared_task
from django.conf import settings

from oms.actors import CLOCK
from oms.clock import now
from orders.services import backorders, demand_history, old_decisions, reoptimisation
from routing.services.demand_facts import forget_demands


@shared_task
def reoptimise(**_later: Any) -> None:
    """What no place was told of yet is planned again together."""
    reoptimisation.reoptimise(actor=CLOCK, as_of=now())


@shared_task
def serve_backorders(**_later: Any) -> None:
    """Orders that wait for deliveries may have what came by another way."""
    backorders.serve_from_stock(as_of=now())


@shared_task
def tell_demands(**_later: Any) -> None:
    """Behind the orders: routing learns what was wanted, and forgets what is too old."""
    demand_history.tell_demands(as_of=now())
    forget_demands(before=now() - timedelta(days=settings.DEMAND_DAYS))


@shared_task
def forget_decisions(**_later: Any) -> None:
    """At night: decisions of long ago, but for orders that are still open."""
    old_decisions.forget_decisions(before=now() - timedelta(days=settings.DECISION_DAYS))
