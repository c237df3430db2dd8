"""Each role sees its own rooms, and may do only its own things."""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client
from django.urls import reverse

from oms import roles
from oms.roles import sync_groups
from orders.models import Hold, Order
from tests.admin.conftest import signed_in

As = Callable[[str], Client]


def status_of(client: Client, name: str, *args: str) -> int:
    return client.get(reverse(f"admin:{name}", args=args)).status_code


def test_making_the_groups_twice_changes_nothing(db: None) -> None:
    sync_groups()
    before = {group.name: set(group.permissions.values_list("codename", flat=True)) for group in Group.objects.all()}

    sync_groups()

    after = {group.name: set(group.permissions.values_list("codename", flat=True)) for group in Group.objects.all()}
    assert set(after) == set(roles.PERMISSIONS)
    assert after == before


def test_a_right_given_by_hand_to_a_role_is_taken_back(db: None) -> None:
    sync_groups()
    service = Group.objects.get(name=roles.CUSTOMER_SERVICE)
    known = service.permissions.count()
    operations = Group.objects.get(name=roles.OPERATIONS)
    service.permissions.add(operations.permissions.get(codename="change_ruleset"))

    sync_groups()

    assert service.permissions.count() == known


def test_customer_service_sees_orders_and_no_rules_keys_or_people(client_as: As, order: Order) -> None:
    client = client_as(roles.CUSTOMER_SERVICE)

    assert status_of(client, "orders_order_changelist") == 200
    assert status_of(client, "orders_order_change", order.pk) == 200
    assert status_of(client, "orders_exceptioncase_changelist") == 200
    assert status_of(client, "inventory_stocklevel_changelist") == 200
    for closed in ("routing_ruleset", "routing_servicelevel", "routing_carrierservice", "inventory_stockmovement"):
        assert status_of(client, f"{closed}_changelist") == 403
    for closed in ("oms_channel", "oms_apikey", "oms_event", "oms_deadline", "auth_user", "auth_group"):
        assert status_of(client, f"{closed}_changelist") == 403


def test_customer_service_may_not_change_a_place_or_a_price(client_as: As, network: None) -> None:
    client = client_as(roles.CUSTOMER_SERVICE)

    assert client.post(reverse("admin:inventory_location_change", args=["PARIS"]), {"name": "Mine"}).status_code == 403
    assert client.post(reverse("admin:inventory_product_change", args=["SKU-1"]), {"price": "0"}).status_code == 403


def test_operations_see_the_machinery_but_neither_keys_nor_people(client_as: As, network: None) -> None:
    client = client_as(roles.OPERATIONS)

    for open_ in (
        "orders_order",
        "routing_ruleset",
        "routing_servicelevel",
        "oms_event",
        "oms_deadline",
        "oms_channel",
    ):
        assert status_of(client, f"{open_}_changelist") == 200
    for closed in ("oms_apikey", "auth_user", "auth_group"):
        assert status_of(client, f"{closed}_changelist") == 403
    assert client.post(reverse("admin:oms_channel_change", args=["web"]), {"name": "Mine"}).status_code == 403
    channel = client.get(reverse("admin:oms_channel_change", args=["web"])).content.decode()
    assert "grace (minutes)" in channel.lower() and 'name="grace_ship"' not in channel


def test_a_role_of_the_store_finds_no_room_in_the_back_office(client_as: As, order: Order) -> None:
    client = client_as(roles.STORE_MANAGER)

    home = client.get(reverse("admin:index"))

    assert home.status_code == 200
    assert "Your role has no work in the back office" in home.content.decode()
    assert status_of(client, "orders_order_change", order.pk) == 403


def test_who_only_reads_orders_may_not_act_on_them(order: Order, db: None) -> None:
    sync_groups()
    reader = User.objects.create_user("reader", is_staff=True)
    service = Group.objects.get(name=roles.CUSTOMER_SERVICE)
    reader.user_permissions.set(service.permissions.filter(codename__startswith="view_"))
    client = signed_in(reader)

    page = client.get(reverse("admin:orders_order_change", args=[order.pk])).content.decode()
    hold = client.post(reverse("admin:orders_order_hold", args=[order.pk]), {"kind": "fraud", "note": "x"})
    cancel = client.get(reverse("admin:orders_order_cancel", args=[order.pk]))

    assert reverse("admin:orders_order_cancel", args=[order.pk]) not in page
    assert (hold.status_code, cancel.status_code) == (403, 403)
    assert not Hold.objects.exists()


def test_the_sidebar_shows_only_open_rooms(client_as: As, network: None) -> None:
    home = client_as(roles.CUSTOMER_SERVICE).get(reverse("admin:index")).content.decode()

    assert reverse("admin:orders_order_changelist") in home
    assert reverse("admin:routing_ruleset_changelist") not in home
    assert reverse("admin:oms_apikey_changelist") not in home


def test_an_administrator_who_is_no_superuser_makes_none(client_as: As, administrator: Client) -> None:
    client = client_as(roles.ADMINISTRATOR)
    root = User.objects.get(username="root")
    colleague = User.objects.create_user("colleague")
    form = {"username": "colleague", "is_active": "on", "is_superuser": "on", "first_name": "Ada", "last_name": ""}

    touched_root = client.post(reverse("admin:auth_user_change", args=[root.pk]), form)
    changed = client.post(reverse("admin:auth_user_change", args=[colleague.pk]), form)

    colleague.refresh_from_db()
    assert touched_root.status_code == 403
    assert changed.status_code == 302
    assert (colleague.first_name, colleague.is_superuser) == ("Ada", False)


@pytest.mark.parametrize("name", ["order", "fulfillment", "payment", "customer", "exceptioncase"])
def test_nobody_adds_or_deletes_rows_of_orders(name: str, administrator: Client, order: Order) -> None:
    assert administrator.get(reverse(f"admin:orders_{name}_add")).status_code == 403
    assert administrator.post(reverse(f"admin:orders_{name}_delete", args=[order.pk])).status_code in (302, 403, 404)
    assert Order.objects.filter(pk=order.pk).exists()
