"""Every status of this app, with its table of moves."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from oms.states import StateTable


class FulfillmentStatus(models.TextChoices):
    PLANNED = "planned", _("Planned")
    ASSIGNED = "assigned", _("Assigned")
    ACCEPTED = "accepted", _("Accepted")
    PICKING = "picking", _("Picking")
    PACKED = "packed", _("Packed")
    SHIPPED = "shipped", _("Shipped")
    DELIVERED = "delivered", _("Delivered")
    READY_FOR_PICKUP = "ready_for_pickup", _("Ready for pickup")
    COLLECTED = "collected", _("Collected")
    IN_TRANSIT = "in_transit", _("In transit")
    RECEIVED = "received", _("Received")
    DECLINED = "declined", _("Declined")
    TIMED_OUT = "timed_out", _("Timed out")
    CANCELED = "canceled", _("Canceled")
    EXPIRED = "expired", _("Expired")


F = FulfillmentStatus
FULFILLMENT_MOVES = StateTable(
    {
        # collected before it is ready: the till was quicker
        F.PLANNED: {F.ASSIGNED, F.CANCELED, F.COLLECTED},  # waits for its release: grace period, money, holds
        # the place has it, the clock runs
        F.ASSIGNED: {F.ACCEPTED, F.DECLINED, F.TIMED_OUT, F.CANCELED, F.PLANNED, F.COLLECTED},
        F.ACCEPTED: {F.PICKING, F.DECLINED, F.TIMED_OUT, F.CANCELED, F.PLANNED, F.COLLECTED},  # the place agreed
        F.PICKING: {F.PACKED, F.DECLINED, F.CANCELED, F.COLLECTED},  # all lines short: declined by the fact
        F.PACKED: {F.SHIPPED, F.READY_FOR_PICKUP, F.IN_TRANSIT, F.CANCELED, F.COLLECTED},
        F.SHIPPED: {F.DELIVERED},
        F.DELIVERED: set(),
        F.READY_FOR_PICKUP: {F.COLLECTED, F.EXPIRED, F.CANCELED},
        F.COLLECTED: set(),
        F.IN_TRANSIT: {F.RECEIVED},  # on its way to the place of hand-over
        F.RECEIVED: {F.READY_FOR_PICKUP},
        F.DECLINED: set(),
        F.TIMED_OUT: set(),
        F.CANCELED: set(),
        F.EXPIRED: set(),
    },
    noun="orders.fulfillment",
    states=F,
    public=[F.ACCEPTED, F.SHIPPED, F.DELIVERED, F.READY_FOR_PICKUP, F.COLLECTED],
    event_names={F.READY_FOR_PICKUP: "ready"},
)
LIVE = frozenset({F.PLANNED, F.ASSIGNED, F.ACCEPTED, F.PICKING, F.PACKED, F.IN_TRANSIT, F.RECEIVED, F.READY_FOR_PICKUP})
BEFORE_PICKING = frozenset({F.PLANNED, F.ASSIGNED, F.ACCEPTED})
LOST = frozenset({F.DECLINED, F.TIMED_OUT})
TAKEN_AWAY = LOST | {F.CANCELED}
"""Work that ended with nothing done: its units are elsewhere, or nowhere."""


class PaymentStatus(models.TextChoices):
    PENDING = "pending", _("Pending")
    AUTHORIZED = "authorized", _("Authorized")
    PARTIALLY_CAPTURED = "partially_captured", _("Partially captured")
    CAPTURED = "captured", _("Captured")
    PARTIALLY_REFUNDED = "partially_refunded", _("Partially refunded")
    REFUNDED = "refunded", _("Refunded")
    VOIDED = "voided", _("Voided")
    FAILED = "failed", _("Failed")
    UNKNOWN = "unknown", _("Unknown")


P = PaymentStatus
_MONEY_IN = {P.PARTIALLY_CAPTURED, P.CAPTURED}
_MONEY_BACK = {P.PARTIALLY_REFUNDED, P.REFUNDED}
PAYMENT_MOVES = StateTable(
    {
        # pay in the store: pending until it is captured at the till, at once or as the goods are collected
        P.PENDING: {P.AUTHORIZED, P.FAILED, P.UNKNOWN, P.VOIDED, *_MONEY_IN},
        P.UNKNOWN: {P.AUTHORIZED, P.FAILED, P.VOIDED},  # silence: settled by asking again, never by a second charge
        P.AUTHORIZED: {P.VOIDED, *_MONEY_IN},
        P.PARTIALLY_CAPTURED: {P.PARTIALLY_CAPTURED, P.CAPTURED, *_MONEY_BACK},
        P.CAPTURED: {*_MONEY_BACK},
        P.PARTIALLY_REFUNDED: {P.PARTIALLY_REFUNDED, P.REFUNDED, *_MONEY_IN},
        P.REFUNDED: {*_MONEY_IN},  # a later parcel of the same payment
        P.VOIDED: set(),
        P.FAILED: set(),
    },
    noun="orders.payment",
    states=P,
)


class OrderStatus(models.TextChoices):
    """Derived, by precedence: see `services/status.py`."""

    DRAFT = "draft", _("Draft")
    PLACED = "placed", _("Placed")
    BACKORDERED = "backordered", _("Back-ordered")
    IN_FULFILLMENT = "in_fulfillment", _("In fulfillment")
    PARTIALLY_FULFILLED = "partially_fulfilled", _("Partially fulfilled")
    FULFILLED = "fulfilled", _("Fulfilled")
    ON_HOLD = "on_hold", _("On hold")
    CLOSED = "closed", _("Closed")
    CANCELED = "canceled", _("Canceled")


class Method(models.TextChoices):
    SHIP = "ship", _("Delivery")
    PICKUP = "pickup", _("Store pickup")


class HoldKind(models.TextChoices):
    FRAUD = "fraud", _("Fraud check")
    PAYMENT = "payment", _("Payment")
    ADDRESS = "address", _("Address")
    MANUAL = "manual", _("Manual")


class DeclineReason(models.TextChoices):
    OUT_OF_STOCK = "out_of_stock", _("Out of stock")
    DAMAGED = "damaged", _("Damaged")
    TOO_BUSY = "too_busy", _("Too busy")
    CLOSED = "closed", _("Closed")
    OTHER = "other", _("Other")


class ShortReason(models.TextChoices):
    NOT_FOUND = "not_found", _("Not found")
    OUT_OF_STOCK = "out_of_stock", _("Out of stock")
    DAMAGED = "damaged", _("Damaged")


KEPT_TOGETHER = "kept_together"
"""Why units leave a place that are not missing there: they are sent in one parcel with what is."""
NOT_AVAILABLE = "not_available"
"""Why units were canceled that could not be had when the order was placed."""
