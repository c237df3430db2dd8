"""What orders wanted reaches routing, once, however often it is told."""

from datetime import timedelta

import pytest

from oms.clock import now
from orders.models import Delivery, Fulfillment
from orders.services import demand_history
from routing.models import DemandFact
from tests.factories.orders import make_key, make_network, order_body
from tests.flows.conftest import Api

pytestmark = pytest.mark.django_db(transaction=True)


def test_each_delivery_is_told_once_as_the_shopper_asked(monkeypatch):
    monkeypatch.setattr(demand_history, "_BATCH", 2)
    make_network()
    api = Api(make_key())
    for _ in range(3):
        assert api.post("orders/", order_body(("SKU-1", 1))).status == 201

    assert demand_history.tell_demands(as_of=now()) == 3
    demand_history.tell_demands(as_of=now())

    assert set(DemandFact.objects.values_list("reference", flat=True)) == set(
        Delivery.objects.values_list("pk", flat=True)
    )
    fact = DemandFact.objects.first()
    assert (fact.channel, fact.method, fact.country, fact.location) == ("web", "ship", "FR", "")
    assert [line[:2] for line in fact.lines] == [["SKU-1", 1]]
    assert fact.decision == Fulfillment.objects.get(delivery=fact.reference).decision

    assert api.post("orders/", order_body(("SKU-1", 1))).status == 201
    demand_history.tell_demands(as_of=now() + timedelta(seconds=1))
    assert DemandFact.objects.count() == 4
