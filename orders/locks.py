"""The only place where rows of this app get locked: order first, then its payments, then its fulfillments.

Everything that changes an order or its work takes the order's lock first, so two changes of one order never
race; `no_key` because rows that point to the order may be inserted meanwhile.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from oms.errors import Missing
from oms.transactions import in_transaction
from orders.models import Fulfillment, FulfillmentLine, Order, Payment


@dataclass(slots=True)
class Work:
    """A locked fulfillment with its order and lines, as they are now."""

    order: Order
    fulfillment: Fulfillment
    lines: list[FulfillmentLine]


@in_transaction
def lock_order(order_id: str) -> Order:
    """Errors: Missing."""
    order = Order.objects.select_for_update(no_key=True).filter(pk=order_id).first()
    if order is None:
        raise Missing()
    return order


@in_transaction
def lock_order_number(number: int) -> Order:
    """Errors: Missing."""
    order = Order.objects.select_for_update(no_key=True).filter(number=number).first()
    if order is None:
        raise Missing()
    return order


@in_transaction
def lock_work(fulfillment_id: str) -> Work:
    """Lock the order of this fulfillment, then the fulfillment. Errors: Missing."""
    order_id = Fulfillment.objects.filter(pk=fulfillment_id).values_list("order_id", flat=True).first()
    if order_id is None:
        raise Missing()
    order = lock_order(order_id)
    fulfillment = Fulfillment.objects.select_for_update(no_key=True).get(pk=fulfillment_id)
    lines = list(FulfillmentLine.objects.filter(fulfillment=fulfillment).order_by("id").select_related("order_line"))
    return Work(order, fulfillment, lines)


@in_transaction
def lock_payments(order: Order) -> Sequence[Payment]:
    """The order's payments in their order; the order is locked already."""
    return list(Payment.objects.select_for_update(no_key=True).filter(order=order).order_by("position"))
