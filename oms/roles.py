"""Roles of people, as Django groups of these names, and the API scopes each carries."""

from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import Any

from django.contrib.auth.models import Group, Permission

from oms.actors import ALL_SCOPES
from oms.transactions import use_case

ADMINISTRATOR = "administrator"
OPERATIONS = "operations"
CUSTOMER_SERVICE = "customer_service"
STORE_MANAGER = "store_manager"
STORE_ASSOCIATE = "store_associate"
SUPPLIER = "supplier"

_STORE = frozenset({"catalog:read", "stock:read", "stock:count", "fulfillments:read", "fulfillments:write"})
SCOPES: dict[str, frozenset[str]] = {
    ADMINISTRATOR: ALL_SCOPES,
    OPERATIONS: frozenset(
        {
            "catalog:read",
            "catalog:write",
            "stock:read",
            "stock:write",
            "reservations:write",
            "routing:read",
            "routing:write",
            "orders:read",
            "orders:write",
        }
        | {"fulfillments:read", "fulfillments:write", "exceptions:write", "events:read", "pauses:write"}
    ),
    CUSTOMER_SERVICE: frozenset(
        {"catalog:read", "stock:read", "reservations:write", "orders:read", "orders:write", "fulfillments:read"}
        | {"exceptions:write"}
    ),
    STORE_MANAGER: _STORE | {"stock:adjust", "stock:approve", "pauses:write"},
    STORE_ASSOCIATE: _STORE,
    SUPPLIER: frozenset({"fulfillments:read", "fulfillments:write"}),
}
# What each role may see and do in the back office: permissions by pattern. To act on an order or an
# exception is its `change` permission; nobody writes their rows.
PERMISSIONS: dict[str, tuple[str, ...]] = {
    ADMINISTRATOR: tuple(
        f"{app}.*" for app in ("oms", "inventory", "routing", "orders", "returns", "stores", "reporting", "auth")
    ),
    OPERATIONS: (
        "orders.view_*",
        "orders.change_order",
        "orders.change_customer",
        "orders.change_exceptioncase",
        "orders.change_payment",
        "orders.change_reoptimisation",
        "inventory.*",
        "routing.*",
        "oms.view_channel",
        "oms.view_event",
        "oms.view_deadline",
        "oms.view_setaside",
        "oms.change_setaside",
    ),
    CUSTOMER_SERVICE: (
        "orders.view_*",
        "orders.change_order",
        "orders.change_customer",
        "orders.change_exceptioncase",
        "orders.change_payment",
        "inventory.view_product",
        "inventory.view_productprice",
        "inventory.view_location",
        "inventory.view_stocklevel",
        "routing.view_decision",
    ),
    STORE_MANAGER: (),  # the store's phone asks for the role, not for permissions
    STORE_ASSOCIATE: (),
    SUPPLIER: (),
}
EVERYWHERE = frozenset({ADMINISTRATOR, OPERATIONS, CUSTOMER_SERVICE})


def of_user(user: Any) -> frozenset[str]:
    if user.is_superuser:
        return frozenset({ADMINISTRATOR})
    return frozenset(user.groups.values_list("name", flat=True))


def scopes_for(names: Iterable[str]) -> frozenset[str]:
    return frozenset().union(*(SCOPES.get(name, frozenset()) for name in names))


def is_everywhere(names: Iterable[str]) -> bool:
    """Headquarters sees every place; the others only where they work."""
    return not EVERYWHERE.isdisjoint(names)


@use_case
def sync_groups() -> None:
    """Make the groups of all roles, each with exactly its permissions. Repeating it changes nothing."""
    known = {
        f"{permission.content_type.app_label}.{permission.codename}": permission
        for permission in Permission.objects.select_related("content_type")
    }
    for role, patterns in PERMISSIONS.items():
        group, _created = Group.objects.get_or_create(name=role)
        group.permissions.set(
            permission for name, permission in known.items() if any(fnmatchcase(name, pattern) for pattern in patterns)
        )
