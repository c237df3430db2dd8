"""What waits for a delivery, on the pages of the order and of the delivery, and for the shopper."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from inventory.models import Inbound
from inventory.services.receiving import Receipt, receive_inbound
from oms.clock import now
from orders.models import ExceptionCase, Order
from routing.services.rule_sets import create_draft, publish_rule_set
from tests.admin.conftest import placed
from tests.factories.inventory import make_inbound, set_stock
from tests.factories.orders import make_network, order_body

pytestmark = pytest.mark.django_db


def publish(**step: Any) -> None:
    draft = create_draft(document={"rules": [{"steps": [step]}]})
    publish_rule_set(rule_set_id=draft.pk, actor="test", as_of=now())


@pytest.fixture(autouse=True)
def shop() -> None:
    make_network(paris=0, lyon=0, lille=0)
    publish(rest="backorder", cancel_after_days=30)


@pytest.fixture
def inbound() -> str:
    return make_inbound("PARIS", {"SKU-1": 3}, expected_at=now() + timedelta(days=4), reference="PO-7")


def waiting(units: int = 2) -> Order:
    return placed(order_body(("SKU-1", units), allow_backorder=True))


def page(client: Client, model: str, pk: str, language: str = "en") -> str:
    answer = client.get(reverse(f"admin:{model}_change", args=[pk]), headers={"accept-language": language})
    assert answer.status_code == 200
    return answer.content.decode()


def test_the_page_of_an_order_tells_which_delivery_it_waits_for_and_until_when(
    administrator: Client, inbound: str
) -> None:
    order = waiting()

    shown = page(administrator, "orders_order", order.pk)

    assert "Delivery PO-7" in shown and f"/admin/inventory/inbound/{inbound}/change/" in shown
    assert "With the shopper by" in shown and "canceled if it is not here by" in shown
    assert "Waits for a delivery: 2 × SKU-1" in shown
    receive_inbound(inbound_id=inbound, receipts=[Receipt("SKU-1", 1)], actor="test", as_of=now())
    assert "arrived at Place PARIS" in page(administrator, "orders_order", order.pk)
    assert "annulé si ce n’est pas arrivé d’ici" in page(administrator, "orders_order", order.pk, "fr")


def test_the_page_of_a_delivery_tells_who_waits_for_it(administrator: Client, inbound: str) -> None:
    order = waiting()

    shown = page(administrator, "inventory_inbound", inbound)

    assert "Who waits for it" in shown and "2 promised" in shown
    assert f"/admin/orders/order/{order.pk}/change/" in shown and f"#{order.number}" in shown


def test_the_shopper_reads_what_is_still_to_come_and_when(inbound: str) -> None:
    order = waiting()

    name = order.lines.get().product.name
    shown = Client().get(f"/track/{order.tracking_token}/").content.decode()

    assert "Your order waits for new stock" in shown
    assert "Waiting for new stock" in shown and f"2 × {name}" in shown and "With you by" in shown


def test_a_person_lets_a_case_wait_from_its_page(administrator: Client) -> None:
    publish(rest="exception", **{"from": {"locations": ["LILLE"]}})
    set_stock("SKU-1", "LYON", 1)  # the network has it, the rules do not let it in
    order = placed(order_body(("SKU-1", 1)))
    case = ExceptionCase.objects.get()
    address = reverse("admin:orders_exceptioncase_change", args=[case.pk])

    refused = administrator.post(address, {"action": "backorder", "note": ""})
    assert "No delivery is announced that could serve it" in refused.content.decode()
    make_inbound("LILLE", {"SKU-1": 3}, expected_at=now() + timedelta(days=4))
    answer = administrator.post(address, {"action": "backorder", "note": ""}, follow=True)

    assert "The units wait for a delivery now." in answer.content.decode()
    order.refresh_from_db()
    assert (order.status, Inbound.objects.get().lines.get().promised) == ("backordered", 1)
