"""The status of an order is derived from its lines and open holds, never set by hand."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db.models import Max, Sum

from oms.outbox import Fact, publish
from oms.transactions import in_transaction
from orders.models import Fulfillment, Hold, Order, OrderLine
from orders.models.order import BUCKETS
from orders.states import LIVE, FulfillmentStatus, OrderStatus

S = OrderStatus


def derive_status(units: Mapping[str, int], *, on_hold: bool) -> OrderStatus:
    """`units` per bucket over all lines.

    Precedence: canceled > on_hold > fulfilled > partially_fulfilled > in_fulfillment > backordered > placed.
    """
    total = sum(units.values())
    gone = units["shipped"] + units["delivered"] + units["collected"]
    in_work = units["allocated"] + units["picked"] + units["packed"] + units["in_transit"]
    if units["canceled"] == total:
        return S.CANCELED
    if on_hold:
        return S.ON_HOLD
    if gone and gone + units["canceled"] == total:
        return S.FULFILLED
    if gone:
        return S.PARTIALLY_FULFILLED
    if in_work:
        return S.IN_FULFILLMENT
    return S.BACKORDERED if units["backordered"] else S.PLACED


@in_transaction
def refresh_status(order: Order) -> None:
    """Write the derived status after lines or holds changed; the order is locked."""
    units = OrderLine.objects.filter(order=order).aggregate(**{bucket: Sum(bucket, default=0) for bucket in BUCKETS})
    on_hold = Hold.objects.filter(order=order, released_at=None).exists()
    status = derive_status(units, on_hold=on_hold)
    if status != order.status:
        order.status = status
        Order.objects.filter(pk=order.pk).update(status=status)


@in_transaction
def refresh_expectation(order: Order, *, actor: str, as_of: datetime) -> None:
    """When the last of what is under way, or waits for a delivery, is expected today; the promise given at placement stays as it was.

    That it will be later than promised, and later than was said last, is an event.
    """
    under_way = Fulfillment.objects.filter(order=order, status__in=[*LIVE, FulfillmentStatus.SHIPPED])
    waiting = OrderLine.objects.filter(order=order, backordered__gt=0)
    latest = (found.aggregate(latest=Max("expected_at"))["latest"] for found in (under_way, waiting))
    expected_at = max(filter(None, latest), default=None)
    if expected_at and expected_at != order.expected_at:
        told, order.expected_at = order.expected_at, expected_at
        Order.objects.filter(pk=order.pk).update(expected_at=expected_at)
        dates = {"id": order.pk, "promised_at": order.promised_at, "expected_at": expected_at}
        publish(delays(dates, told=told, actor=actor), as_of=as_of)


def delays(order: Mapping[str, Any], *, told: datetime | None, actor: str) -> list[Fact]:
    """The news that an order is expected after its promise, and after the date that was `told` before; or none."""
    promised_at, expected_at = order["promised_at"], order["expected_at"]
    if promised_at is None or expected_at is None or expected_at <= max(promised_at, told or promised_at):
        return []
    facts = {"promised_at": promised_at.isoformat(), "expected_at": expected_at.isoformat()}
    return [Fact("orders.order.delayed", order["id"], order["id"], actor, facts, is_public=True)]
