"""What a shopper reads: plain sentences, no status names."""

from collections.abc import Mapping

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from orders.states import NOT_AVAILABLE, OrderStatus
from orders.states import FulfillmentStatus as F
from orders.web.tracking import Part, Tracked

_IN_WORK = frozenset({F.PICKING, F.PACKED})

TIMELINE: Mapping[str, Promise] = {
    "orders.order.placed": gettext_lazy("We have received your order"),
    "orders.order.delayed": gettext_lazy("It will come later than we said"),
    "orders.order.caught_up": gettext_lazy("It will come as promised after all"),
    "orders.order.canceled": gettext_lazy("The order was canceled"),
    "orders.order.lines_canceled": gettext_lazy("Part of the order was canceled"),
    NOT_AVAILABLE: gettext_lazy("Part of the order was not available"),
    "orders.fulfillment.accepted": gettext_lazy("The place that prepares it has confirmed"),
    "orders.fulfillment.shipped": gettext_lazy("A parcel has left"),
    "orders.fulfillment.delivered": gettext_lazy("A parcel has arrived"),
    "orders.fulfillment.ready": gettext_lazy("It is ready to be collected"),
    "orders.fulfillment.collected": gettext_lazy("It was collected"),
}


def headline(order: Tracked) -> str:
    """Where the order stands, in one line."""
    statuses = {part.status for part in order.parts}
    if order.status == OrderStatus.CANCELED:
        return _("Your order is canceled")
    if order.waits_for_payment:
        return _("We are waiting for your payment")
    if order.status == OrderStatus.ON_HOLD:
        return _("We are checking your order")
    if F.READY_FOR_PICKUP in statuses:
        return _("Ready to be collected")
    if order.status == OrderStatus.FULFILLED:
        return _end(statuses)
    if order.status == OrderStatus.PARTIALLY_FULFILLED:
        return _("Part of your order is with you or on its way")
    if order.status == OrderStatus.BACKORDERED:
        return _("Your order waits for new stock")
    return _("We are preparing your order") if statuses & _IN_WORK else _("We have your order")


def _end(statuses: set[str]) -> str:
    if F.SHIPPED in statuses:
        return _("Your order is on its way")
    return _("Collected. Thank you!") if F.COLLECTED in statuses else _("Delivered. Thank you!")


def part_status(part: Part) -> str:
    said = {
        F.PLANNED: _("Waiting"),
        F.ASSIGNED: _("Waiting"),
        F.ACCEPTED: _("Confirmed"),
        F.PICKING: _("In preparation"),
        F.PACKED: _("Packed"),
        F.SHIPPED: _("On its way"),
        F.DELIVERED: _("Delivered"),
        F.READY_FOR_PICKUP: _("Ready"),
        F.COLLECTED: _("Collected"),
        F.IN_TRANSIT: _("On its way to the store"),
        F.RECEIVED: _("Arrived at the store"),
    }
    return said[F(part.status)]
