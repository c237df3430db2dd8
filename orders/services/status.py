"""The status of an order is derived from its lines and open holds, never set by hand."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db.models import Max, Q, Sum

from oms.models import Event
from oms.outbox import Fact, publish
from oms.transactions import in_transaction
from orders.models import Fulfillment, Hold, Order, OrderLine
from orders.models.order import BUCKETS
from orders.states import LIVE, FulfillmentStatus, OrderStatus

S = OrderStatus
DELAYED, CAUGHT_UP = "orders.order.delayed", "orders.order.caught_up"


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
    """When the last of what is under way, or waits for a delivery, is expected today: nobody knows while units have no place.
    Once nothing is left to come, what was said last stays; the promise given at placement always does.

    That it will be later than promised, and later than was said last, is an event; so is that it is not late any more.
    """
    under_way = Fulfillment.objects.filter(order=order, status__in=[*LIVE, FulfillmentStatus.SHIPPED])
    works = under_way.aggregate(latest=Max("expected_at"))
    lines = OrderLine.objects.filter(order=order).aggregate(
        latest=Max("expected_at", filter=Q(backordered__gt=0)), homeless=Sum("open")
    )
    coming = max(filter(None, [works["latest"], lines["latest"]]), default=order.expected_at)
    expected_at = None if lines["homeless"] else coming
    if expected_at != order.expected_at:
        told, order.expected_at = order.expected_at, expected_at
        Order.objects.filter(pk=order.pk).update(expected_at=expected_at)
        publish(_news(order, told, actor=actor), as_of=as_of)


def _news(order: Order, told: datetime | None, *, actor: str) -> list[Fact]:
    """Of an expectation that has changed."""
    promised_at, expected_at = order.promised_at, order.expected_at
    if promised_at is None or expected_at is None:
        return []
    dates = {"id": order.pk, "promised_at": promised_at, "expected_at": expected_at}
    delay = _delay_told_last(order)
    if expected_at > promised_at:
        return delays(dates, told=told or delay, actor=actor)
    return [_about(dates, CAUGHT_UP, actor=actor)] if delay else []


def _delay_told_last(order: Order) -> datetime | None:
    """The date that was told; None where the last news was that it is in time again, or nothing was told."""
    news = Event.objects.filter(root=order.pk, type__in=[DELAYED, CAUGHT_UP]).order_by("-id").first()
    return datetime.fromisoformat(news.payload["expected_at"]) if news and news.type == DELAYED else None


def delays(order: Mapping[str, Any], *, told: datetime | None, actor: str) -> list[Fact]:
    """The news that an order is expected after its promise, and after the date that was `told` before; or none."""
    promised_at, expected_at = order["promised_at"], order["expected_at"]
    if promised_at is None or expected_at is None or expected_at <= max(promised_at, told or promised_at):
        return []
    return [_about(order, DELAYED, actor=actor)]


def _about(order: Mapping[str, Any], news: str, *, actor: str) -> Fact:
    dates = {name: order[name].isoformat() for name in ("promised_at", "expected_at")}
    return Fact(news, order["id"], order["id"], actor, dates, is_public=True)
