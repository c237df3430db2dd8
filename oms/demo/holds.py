"""What waits at the moment of opening: orders that somebody holds back, and carts that keep goods for a while."""

from datetime import datetime, timedelta

from inventory.models import CartHold, StockLevel
from inventory.services.cart_holds import HoldLine, hold_cart
from oms.demo.trade import WEB
from oms.errors import Conflict
from oms.idempotency import fingerprint
from orders.commands import HoldOrder
from orders.models import Hold, Order
from orders.services.holds import hold_order
from orders.states import OrderStatus

_SERVICE = "user:service"
_ENDED = (OrderStatus.CANCELED, OrderStatus.FULFILLED, OrderStatus.CLOSED)
_CARTS = (("cart-1042", 1), ("cart-1043", 2), ("cart-1044", 1))
_CART_SECONDS = 3600


def load_holds(*, as_of: datetime) -> None:
    _hold_orders(as_of)
    _hold_carts(as_of)


def _hold_orders(as_of: datetime) -> None:
    """The latest orders that nothing else holds; those that a load which was cut off held stay."""
    wanted = (
        HoldOrder(kind="address", note="No house number; the shopper was written to"),
        HoldOrder(kind="manual", note="A gift: not before tomorrow", expires_at=as_of + timedelta(days=1)),
    )
    missing = [command for command in wanted if not Hold.objects.filter(note=command.note).exists()]
    held = Hold.objects.filter(released_at=None).values("order")
    free = Order.objects.exclude(status__in=_ENDED).exclude(pk__in=held).order_by("-placed_at", "-id")
    for number, command in zip(free.values_list("number", flat=True)[: len(missing)], missing, strict=False):
        hold_order(number=number, command=command, actor=_SERVICE, as_of=as_of)


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
