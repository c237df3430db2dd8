"""Roles of people, as Django groups of these names, and the API scopes each carries."""

from collections.abc import Iterable
from typing import Any

from oms.actors import ALL_SCOPES

ADMINISTRATOR = "administrator"
OPERATIONS = "operations"
CUSTOMER_SERVICE = "customer_service"
STORE_MANAGER = "store_manager"
STORE_ASSOCIATE = "store_associate"
SUPPLIER = "supplier"

_STORE = frozenset({"catalog:read", "stock:read", "fulfillments:read", "fulfillments:write"})
SCOPES: dict[str, frozenset[str]] = {
    ADMINISTRATOR: ALL_SCOPES,
    OPERATIONS: frozenset(
        {
            "catalog:read",
            "catalog:write",
            "stock:read",
            "stock:write",
            "routing:read",
            "routing:write",
            "orders:read",
            "orders:write",
        }
        | {"fulfillments:read", "fulfillments:write", "exceptions:write", "events:read"}
    ),
    CUSTOMER_SERVICE: frozenset(
        {"catalog:read", "stock:read", "orders:read", "orders:write", "fulfillments:read", "exceptions:write"}
    ),
    STORE_MANAGER: _STORE,
    STORE_ASSOCIATE: _STORE,
    SUPPLIER: frozenset({"fulfillments:read", "fulfillments:write"}),
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
