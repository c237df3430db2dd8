"""What can be true about an order and stop what was asked."""

from django.utils.translation import gettext_lazy as _

from oms.errors import Conflict, Invalid


class NoPlaceLeft(Conflict):
    """Stock exists, but the rules let no place serve it. Facts: rest [{sku, quantity}]."""

    code = "no_place"
    title = _("No place may serve this order")


class PaymentMismatch(Invalid):
    """Facts: total, paid."""

    code = "payment_mismatch"
    title = _("The payments do not cover the total")


class TotalsMismatch(Invalid):
    """Facts: total (ours), given."""

    code = "totals_mismatch"
    title = _("The total does not add up")


class PaymentOpen(Conflict):
    code = "payment_open"
    title = _("The money has not come: the order waits for it, or can be canceled")


class TooLate(Conflict):
    """Facts: lines [{id, cancelable}]."""

    code = "too_late"
    title = _("Preparation has begun; this can no longer be changed")


class WrongCode(Invalid):
    """Facts: attempts_left, locked_until."""

    code = "wrong_code"
    title = _("The code is not right")


class CodeLocked(Conflict):
    """Facts: locked_until."""

    code = "code_locked"
    title = _("Too many wrong codes; please wait or check the identity")


class MoreThanAsked(Invalid):
    code = "more_than_asked"
    title = _("More units than were asked for")


class OrderOnHold(Conflict):
    code = "order_on_hold"
    title = _("The order is on hold: nothing may leave until it is released")


class AwaitsDecision(Conflict):
    """What is picked must leave with goods that are missing."""

    code = "awaits_decision"
    title = _("It is to leave in one parcel with what is missing: a person decides first what becomes of that")


class OfferIsOver(Conflict):
    code = "offer_is_over"
    title = _("This work is not offered any more")


class PickupPlaceIsChosen(Conflict):
    code = "pickup_place_is_chosen"
    title = _("The shopper chose this store; another one must be agreed with them")
