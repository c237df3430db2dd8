"""Whatever rules and rates say, an order is answered."""

from decimal import Decimal

import pytest

from oms.clock import now
from oms.idempotency import Once
from orders.commands import PlaceOrder
from orders.models import Fulfillment
from orders.services.placement import place_order
from routing.models import Decision, Rate
from routing.services.rule_sets import create_draft, publish_rule_set
from tests.factories.inventory import set_stock
from tests.factories.orders import make_network, order_body

pytestmark = pytest.mark.django_db(transaction=True)


def test_the_largest_rates_and_weights_do_not_keep_an_order_from_being_placed():
    make_network()
    set_stock("SKU-1", "PARIS", 100_000)
    Rate.objects.update(max_weight_g=400, price="999999999.99")
    weights = {"cost": 1_000_000, "distance_km": 1_000_000, "parcels": 1_000_000}
    draft = create_draft(document={"rules": [{"steps": [{"weights": weights}]}]})
    publish_rule_set(rule_set_id=draft.pk, actor="test", as_of=now())

    body = order_body(("SKU-1", 100_000))
    done = place_order(
        command=PlaceOrder.model_validate(body), once=Once("", "", b"0" * 32), has_key=False, actor="key:t", as_of=now()
    )

    work = Fulfillment.objects.get(order=done.order_id)
    assert (work.location.code, work.lines.get().quantity) == ("PARIS", 100_000)
    assert work.cost > Decimal(10) ** 16
    assert round(Decision.objects.get().cost, 2) == work.cost
