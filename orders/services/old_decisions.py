"""Forgetting why goods left from where they left, once nobody is at it any more."""

from collections.abc import Collection
from datetime import datetime

from orders.models import Order
from orders.states import OrderStatus
from routing.services import decisions

_OVER = [OrderStatus.FULFILLED, OrderStatus.CLOSED, OrderStatus.CANCELED]


def forget_decisions(*, before: datetime) -> int:
    """Chunk by chunk, those made before that instant; open orders keep theirs. Returns how many were forgotten."""
    forgotten, after_id = 0, ""
    while True:
        gone, after_id = decisions.forget_decisions(before=before, after_id=after_id, still_needed=_open_orders)
        forgotten += gone
        if not after_id:
            return forgotten


def _open_orders(ids: Collection[str]) -> Collection[str]:
    return Order.objects.filter(pk__in=ids).exclude(status__in=_OVER).values_list("pk", flat=True)
