"""Each status as word, colour and icon."""

from datetime import datetime

from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from oms.backoffice.words import NOTHING, Tone, badge, instant
from oms.clock import now
from orders.models import ExceptionCase, Fulfillment, Order, Payment
from orders.models.payment import PaymentOperation
from orders.states import FulfillmentStatus, OrderStatus, PaymentStatus

F, P = FulfillmentStatus, PaymentStatus
Look = tuple[Tone, str]

_ORDERS: dict[str, Look] = {
    OrderStatus.DRAFT: ("quiet", "edit_note"),
    OrderStatus.PLACED: ("busy", "shopping_bag"),
    OrderStatus.BACKORDERED: ("warn", "hourglass"),
    OrderStatus.IN_FULFILLMENT: ("busy", "package_2"),
    OrderStatus.PARTIALLY_FULFILLED: ("busy", "timelapse"),
    OrderStatus.FULFILLED: ("good", "check_circle"),
    OrderStatus.ON_HOLD: ("warn", "pause_circle"),
    OrderStatus.CLOSED: ("quiet", "task_alt"),
    OrderStatus.CANCELED: ("quiet", "cancel"),
}
_FULFILLMENTS: dict[str, Look] = {
    F.PLANNED: ("quiet", "schedule"),
    F.ASSIGNED: ("busy", "notifications"),
    F.ACCEPTED: ("busy", "thumb_up"),
    F.PICKING: ("busy", "shopping_basket"),
    F.PACKED: ("busy", "package_2"),
    F.SHIPPED: ("good", "local_shipping"),
    F.DELIVERED: ("good", "check_circle"),
    F.READY_FOR_PICKUP: ("good", "storefront"),
    F.COLLECTED: ("good", "check_circle"),
    F.IN_TRANSIT: ("busy", "local_shipping"),
    F.RECEIVED: ("busy", "move_to_inbox"),
    F.DECLINED: ("bad", "thumb_down"),
    F.TIMED_OUT: ("bad", "timer_off"),
    F.CANCELED: ("quiet", "cancel"),
    F.EXPIRED: ("warn", "event_busy"),
}
_PAYMENTS: dict[str, Look] = {
    P.PENDING: ("warn", "hourglass"),
    P.AUTHORIZED: ("busy", "lock"),
    P.PARTIALLY_CAPTURED: ("busy", "timelapse"),
    P.CAPTURED: ("good", "check_circle"),
    P.PARTIALLY_REFUNDED: ("quiet", "undo"),
    P.REFUNDED: ("quiet", "undo"),
    P.VOIDED: ("quiet", "cancel"),
    P.FAILED: ("bad", "error"),
    P.UNKNOWN: ("bad", "help"),
}
_OPERATIONS: dict[str, Look] = {
    PaymentOperation.Status.PENDING: ("warn", "hourglass"),
    PaymentOperation.Status.SUCCEEDED: ("good", "check_circle"),
    PaymentOperation.Status.FAILED: ("bad", "error"),
}


def order_badge(order: Order) -> SafeString:
    return badge(order.get_status_display(), *_ORDERS[order.status])


def fulfillment_badge(fulfillment: Fulfillment) -> SafeString:
    return badge(fulfillment.get_status_display(), *_FULFILLMENTS[fulfillment.status])


def due_badge(fulfillment: Fulfillment) -> SafeString:
    """What its place must do next, and until when; red once that is past."""
    if fulfillment.is_stopped and fulfillment.status != F.PLANNED:
        return format_html('<span class="bo-dim">{}</span>', _("clock stopped"))
    word, at = _due(fulfillment)
    if at is None or (at < now() and fulfillment.status == F.PLANNED):  # held back: no place is late with it
        return NOTHING
    tone = "bo-late" if at < now() else "bo-soon" if fulfillment.warned_at else "bo-dim"
    return format_html('<span class="bo-due"><span class="{}">{}</span> {}</span>', tone, word, instant(at))


def _due(work: Fulfillment) -> tuple[str, datetime | None]:
    match work.status:
        case F.PLANNED:
            return _("starts"), work.release_at
        case F.ASSIGNED:
            return _("accept"), work.acknowledge_by
        case F.ACCEPTED | F.PICKING:
            return _("prepare"), work.ready_by
        case F.PACKED if work.hand_over_by:
            return _("hand over"), work.hand_over_by
        case F.READY_FOR_PICKUP:
            return _("collect"), work.collect_by
    return "", None


def payment_badge(payment: Payment) -> SafeString:
    return badge(payment.get_status_display(), *_PAYMENTS[payment.status])


def operation_badge(operation: PaymentOperation) -> SafeString:
    return badge(operation.get_status_display(), *_OPERATIONS[operation.status])


def case_badge(case: ExceptionCase) -> SafeString:
    if case.status == ExceptionCase.Status.OPEN:
        return badge(case.get_status_display(), "bad", "report")
    return badge(case.get_status_display(), "good", "check_circle")
