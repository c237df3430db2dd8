from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client

from oms.clock import now
from oms.idempotency import Once
from oms.roles import sync_groups
from orders.commands import PlaceOrder
from orders.models import Fulfillment, Order
from orders.services.placement import place_order
from tests.factories.orders import make_network, order_body


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def administrator(db: None) -> Client:
    return signed_in(User.objects.create_superuser("root", password="x"))


@pytest.fixture
def client_as(db: None) -> Callable[[str], Client]:
    """A signed-in person with one role."""

    def build(role: str) -> Client:
        sync_groups()
        user = User.objects.create_user(role, is_staff=True)
        user.groups.add(Group.objects.get(name=role))
        return signed_in(user)

    return build


@pytest.fixture
def network(db: None) -> None:
    make_network()


def placed(body: dict[str, Any] | None = None) -> Order:
    """An order as the API would place it, handed out to its place."""
    command = PlaceOrder.model_validate(body or order_body())
    done = place_order(command=command, once=Once("", "", b"0" * 32), has_key=False, actor="key:test", as_of=now())
    return Order.objects.get(pk=done.order_id)


@pytest.fixture
def order(network: None) -> Order:
    return placed()


def work_of(order: Order) -> Fulfillment:
    """The newest fulfillment of an order."""
    return order.fulfillments.latest("pk")
