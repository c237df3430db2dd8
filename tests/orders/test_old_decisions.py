"""Decisions are forgotten after a while, but not while somebody is at the order."""

from datetime import timedelta

import pytest

from oms.clock import now
from oms.ids import first_id, new_id
from orders.models import Order
from orders.services.old_decisions import forget_decisions
from orders.states import OrderStatus
from routing.models import Decision
from routing.services import decisions
from tests.admin.conftest import placed
from tests.factories.orders import make_network

pytestmark = pytest.mark.django_db(transaction=True)


def test_old_decisions_are_forgotten_chunk_by_chunk_but_for_open_orders(monkeypatch):
    monkeypatch.setattr(decisions, "_CHUNK", 2)
    make_network(LYON=9)
    orders = [placed() for _ in range(4)]
    statuses = [OrderStatus.CLOSED, OrderStatus.IN_FULFILLMENT, OrderStatus.FULFILLED, OrderStatus.CANCELED]
    for order, status in zip(orders, statuses, strict=True):
        Order.objects.filter(pk=order.pk).update(status=status)
    dry_run = Decision.objects.first()
    dry_run.pk, dry_run.subject = new_id("dec"), "dry run"
    dry_run.save(force_insert=True)

    assert forget_decisions(before=now() - timedelta(hours=1)) == 0
    assert forget_decisions(before=now() + timedelta(seconds=1)) == 4

    assert list(Decision.objects.values_list("subject", flat=True)) == [orders[1].pk]


def test_a_decision_is_as_old_as_its_making_whatever_instant_it_was_made_for():
    made = now()

    assert first_id("dec", made - timedelta(seconds=1)) < new_id("dec") < first_id("dec", made + timedelta(seconds=5))
