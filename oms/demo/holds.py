"""What waits at the moment of opening: orders that somebody holds back, and carts that keep goods for a while."""

import random
from collections.abc import Sequence
from datetime import datetime, timedelta

from inventory.models import CartHold, StockLevel
from inventory.services.cart_holds import HoldLine, hold_cart
from oms.demo.shoppers import Errand, Item, order_body
from oms.demo.trade import WEB
from oms.errors import Conflict
from oms.idempotency import Once, fingerprint
from orders.commands import HoldOrder, PlaceOrder
from orders.models import Hold, Order
from orders.services.holds import hold_order
from orders.services.placement import place_order

_SERVICE = "user:service"
_WAREHOUSES = ("WH-ORLEANS", "WH-LYON")
_CARTS = (("cart-1042", 1), ("cart-1043", 2), ("cart-1044", 1))
_CART_SECONDS = 3600


def load_holds(items: Sequence[Item], *, as_of: datetime) -> None:
    """`items`: what is sold, best sellers first. A load that was cut off finds what it held already."""
    _hold_orders(items, as_of)
    _hold_carts(as_of)


def _hold_orders(items: Sequence[Item], as_of: datetime) -> None:
    """Orders of their own: at a quiet hour nothing of the past may still be open."""
    wanted = (
        HoldOrder(kind="address", note="No house number; the shopper was written to"),
        HoldOrder(kind="manual", note="A gift: not before tomorrow", expires_at=as_of + timedelta(days=1)),
    )
    for number, command in enumerate(wanted, start=1):
        order = _place_order(f"W-HELD-{number}", _plentiful(items), as_of)
        if not Hold.objects.filter(order=order).exists():
            hold_order(number=order.number, command=command, actor=_SERVICE, as_of=as_of)


def _plentiful(items: Sequence[Item]) -> Item:
    """The best seller that a warehouse has enough of."""
    enough = StockLevel.objects.filter(location__in=_WAREHOUSES, on_hand__gte=10, reserved=0)
    skus = set(enough.values_list("product_id", flat=True))
    return next(item for item in items if item.sku in skus)


def _place_order(external_id: str, item: Item, as_of: datetime) -> Order:
    body = order_body(random.Random(external_id), Errand(WEB, "ship", "standard"), [(item, 1)], external_id=external_id)
    once = Once("demo", external_id, fingerprint(external_id))
    command = PlaceOrder.model_validate(body)
    placed = place_order(command=command, once=once, has_key=False, actor="key:web shop", as_of=as_of)
    return Order.objects.get(pk=placed.order_id)


def _hold_carts(as_of: datetime) -> None:
    levels = StockLevel.objects.filter(location="WH-ORLEANS", reserved=0, on_hand__gte=10).order_by("product_id")
    skus = list(levels.values_list("product_id", flat=True)[: len(_CARTS)])
    known = set(CartHold.objects.values_list("cart", flat=True))
    for (cart, units), sku in zip(_CARTS, skus, strict=False):
        if cart in known:
            continue
        try:
            hold_cart(
                cart=cart,
                channel=WEB,
                lines=[HoldLine(sku, units)],
                ttl_seconds=_CART_SECONDS,
                method="ship",
                service="standard",
                fingerprint=fingerprint(cart),
                owner="key:web shop",
                among=None,
                as_of=as_of,
            )
        except Conflict:
            continue  # a rule keeps it back
