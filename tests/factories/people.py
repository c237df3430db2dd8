"""Builders of staff with their roles and places, and of orders that were placed."""

from typing import Any

from django.contrib.auth.models import Group, User

from inventory.models import Membership
from oms.api.body import read
from oms.clock import now
from oms.idempotency import Once, fingerprint
from orders.commands import PlaceOrder
from orders.models import Fulfillment
from orders.services.placement import place_order

PASSWORD = "a-long-password"


def make_user(name: str = "lea", *roles: str, places: tuple[str, ...] = (), **values: Any) -> User:
    """A store associate unless other roles are named."""
    user = User.objects.create_user(name, password=PASSWORD, **values)
    for role in roles or ("store_associate",):
        user.groups.add(Group.objects.get_or_create(name=role)[0])
    Membership.objects.bulk_create([Membership(user=user, location_id=code) for code in places])
    return user


def placed(body: dict[str, Any]) -> Fulfillment:
    """The first piece of work of an order placed with this body."""
    once = Once("test", body["external_id"], fingerprint(body))
    order = place_order(command=read(PlaceOrder, body), once=once, has_key=False, actor="test", as_of=now())
    return Fulfillment.objects.filter(order_id=order.order_id).order_by("id").select_related("order")[0]
