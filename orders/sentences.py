"""How this app's events read on a timeline."""

from datetime import datetime
from typing import Any

from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from inventory.queries import place_name
from oms.backoffice.sentences import Payload, register, tells
from oms.backoffice.words import money
from orders.clocks import Step
from orders.models import ExceptionCase
from orders.states import KEPT_TOGETHER, NOT_AVAILABLE, DeclineReason, HoldKind, ShortReason
from routing import words

register(
    {
        "orders.fulfillment.assigned": gettext_lazy("%(place)s got the work; its clock runs"),
        "orders.fulfillment.accepted": gettext_lazy("%(place)s accepted the work"),
        "orders.fulfillment.picking": gettext_lazy("%(place)s began to pick"),
        "orders.fulfillment.packed": gettext_lazy("%(place)s packed the goods"),
        "orders.fulfillment.shipped": gettext_lazy("%(place)s handed the parcel to the carrier"),
        "orders.fulfillment.delivered": gettext_lazy("The parcel from %(place)s was delivered"),
        "orders.fulfillment.ready": gettext_lazy("Ready for pickup at %(place)s"),
        "orders.fulfillment.collected": gettext_lazy("Collected at %(place)s"),
        "orders.fulfillment.in_transit": gettext_lazy("%(place)s sent the goods to the place of hand-over"),
        "orders.fulfillment.received": gettext_lazy("The goods arrived at the place of hand-over"),
        "orders.fulfillment.timed_out": gettext_lazy("%(place)s did not act in time and lost the work"),
        "orders.fulfillment.expired": gettext_lazy("Not collected in time at %(place)s; the goods go back to stock"),
        "orders.fulfillment.late": gettext_lazy("%(place)s is late; its manager was warned"),
        "orders.fulfillment.clock_started": gettext_lazy("The clock of %(place)s runs on with what was left"),
        "orders.fulfillment.extended": gettext_lazy("%(place)s keeps the goods longer for the shopper"),
        "orders.payment.pending": gettext_lazy("Payment awaited"),
        "orders.payment.authorized": gettext_lazy("Payment authorized"),
        "orders.payment.partially_captured": gettext_lazy("Payment captured in part"),
        "orders.payment.captured": gettext_lazy("Payment captured"),
        "orders.payment.partially_refunded": gettext_lazy("Payment refunded in part"),
        "orders.payment.refunded": gettext_lazy("Payment refunded"),
        "orders.payment.voided": gettext_lazy("Payment authorization given back"),
        "orders.payment.asked_again": gettext_lazy("The payment gateway is asked again for what it declined"),
        "orders.payment.unknown": gettext_lazy("The gateway did not answer; it will be asked again"),
    }
)

_WHY = {
    "rerouted": gettext_lazy("moved to another place by hand"),
    "canceled by the order": gettext_lazy("the order was canceled"),
    "payment_expired": gettext_lazy("the payment did not come in time"),
    "exception": gettext_lazy("no place could serve it"),
    "waited_too_long": gettext_lazy("no place could serve it in the time it may wait"),
    KEPT_TOGETHER: gettext_lazy("it is sent in one parcel with what is missing"),
    NOT_AVAILABLE: gettext_lazy("it could not be had when the order was placed"),
    "nothing found": gettext_lazy("nothing was found"),
    "order canceled": gettext_lazy("the order was canceled"),
    "timed_out": gettext_lazy("it did not act in time"),
    "stock_short": gettext_lazy("the stock counted or reported there is less than was promised"),
    "takes_no_orders": gettext_lazy("the place takes no orders"),
    "reoptimised": gettext_lazy("planned again together with other orders"),
    "claimed": gettext_lazy("another place took it first"),
    **{f"hold {kind.value}": kind.label for kind in HoldKind},
    **{reason.value: reason.label for reason in (*DeclineReason, *ShortReason)},
}
_DATES = ("promised_at", "expected_at")
_RESOLUTIONS = {
    "reroute": gettext_lazy("moved to another place"),
    "cancel": gettext_lazy("canceled"),
    "canceled": gettext_lazy("canceled"),
    "keep": gettext_lazy("the shopper waits"),
    "backorder": gettext_lazy("waits for a delivery"),
    "accepted": gettext_lazy("the place accepted after all"),
    "declined": gettext_lazy("the place declined"),
    "picking": gettext_lazy("the place began to pick"),
    "packed": gettext_lazy("the place packed the goods"),
    "done": gettext_lazy("collected after all"),
    "ready": gettext_lazy("ready after all"),
    "stock_short": gettext_lazy("the stock counted or reported there is less than was promised"),
    "takes_no_orders": gettext_lazy("the place takes no orders"),
}


def reason_words(why: str) -> str:
    """A stored reason in words; what a person typed stays as typed."""
    return str(_WHY.get(why, why))


def resolution_words(resolution: str) -> str:
    return str(_RESOLUTIONS.get(resolution, resolution.replace("_", " ")))


def _with_why(sentence: str, payload: Payload) -> str:
    if not payload.get("why"):
        return sentence
    return _("%(sentence)s: %(why)s") % {"sentence": sentence, "why": reason_words(payload["why"])}


def units_words(lines: list[dict[str, Any]]) -> str:
    return ", ".join(f"{line['quantity']} × {line['sku']}" for line in lines)


@tells("orders.order.placed")
def _placed(payload: Payload, place: str) -> str:
    facts = {"amount": money(payload["total"], payload["currency"]), "channel": payload["channel"]}
    return _("Order placed on %(channel)s for %(amount)s") % facts


@tells("orders.order.delayed")
def _delayed(payload: Payload, place: str) -> str:
    dates = {name: _day(payload[name]) for name in _DATES}
    return _("Expected on %(expected_at)s, promised for %(promised_at)s") % dates


@tells("orders.order.caught_up")
def _caught_up(payload: Payload, place: str) -> str:
    dates = {name: _day(payload[name]) for name in _DATES}
    return _("In time again: expected on %(expected_at)s, promised for %(promised_at)s") % dates


@tells("orders.order.backordered")
def _backordered(payload: Payload, place: str) -> str:
    told = [
        _("%(units)s, expected on %(day)s") % {"units": units_words([line]), "day": _day(line["expected_at"])}
        for line in payload.get("lines", ())
    ]
    return _("Waits for a delivery: %(what)s") % {"what": "; ".join(told)}


def _day(at: str) -> str:
    return date_format(localtime(datetime.fromisoformat(at)), _("j M"))


@tells("orders.order.held")
def _held(payload: Payload, place: str) -> str:
    sentence = _("Put on hold (%(kind)s)") % {"kind": HoldKind(payload["kind"]).label}
    return _with_why(sentence, {"why": payload.get("note", "")})


@tells("orders.order.released")
def _released(payload: Payload, place: str) -> str:
    return _("Hold released (%(kind)s)") % {"kind": HoldKind(payload["kind"]).label}


@tells("orders.order.reoptimised")
def _reoptimised(payload: Payload, place: str) -> str:
    why = words.reoptimised(payload, money(payload["saved"], payload["currency"]))
    return _("%(why)s %(before)s → %(after)s") % {
        "why": why,
        "before": ", ".join(map(place_name, payload["before"])),
        "after": ", ".join(map(place_name, payload["after"])),
    }


@tells("orders.order.canceled")
def _canceled(payload: Payload, place: str) -> str:
    return _with_why(_("The order was canceled"), payload)


@tells("orders.order.lines_canceled")
def _lines_canceled(payload: Payload, place: str) -> str:
    return _with_why(_("Canceled: %(units)s") % {"units": units_words(payload["lines"])}, payload)


_STEPS = {
    Step.ACKNOWLEDGE: gettext_lazy("to accept"),
    Step.PREPARE: gettext_lazy("to prepare"),
    Step.HAND_OVER: gettext_lazy("to hand over"),
}


def _about_step(payload: Payload, place: str) -> dict[str, Any]:
    due_at = localtime(datetime.fromisoformat(payload["due_at"]))
    return {"place": place, "step": _STEPS[Step(payload["step"])], "due": date_format(due_at, _("j M H:i"))}


@tells("orders.fulfillment.due_soon")
def _due_soon(payload: Payload, place: str) -> str:
    return _("%(place)s was warned: its time %(step)s ends at %(due)s") % _about_step(payload, place)


@tells("orders.fulfillment.escalated")
def _escalated(payload: Payload, place: str) -> str:
    return _("The manager of %(place)s was told: the time %(step)s ends at %(due)s") % _about_step(payload, place)


@tells("orders.fulfillment.planned")
def _planned(payload: Payload, place: str) -> str:
    if payload.get("left"):
        return _with_why(_("The work was called back from %(place)s and its clock stopped") % {"place": place}, payload)
    if payload.get("from"):
        return _with_why(_("The work was called back from %(place)s") % {"place": place}, payload)
    return _("Work was planned for %(place)s") % {"place": place}


@tells("orders.fulfillment.clock_stopped")
def _clock_stopped(payload: Payload, place: str) -> str:
    return _with_why(_("The clock of %(place)s stands still") % {"place": place}, payload)


@tells("orders.fulfillment.offered")
def _offered(payload: Payload, place: str) -> str:
    return _("Offered to others, too: %(places)s") % {"places": ", ".join(map(place_name, payload["locations"]))}


@tells("orders.fulfillment.declined")
def _declined(payload: Payload, place: str) -> str:
    units = units_words(payload.get("lines", []))
    sentence = _("%(place)s declined %(units)s") if units else _("%(place)s declined the work")
    sentence = _with_why(sentence % {"place": place, "units": units}, payload)
    return f"{sentence} – {payload['note']}" if payload.get("note") else sentence


@tells("orders.fulfillment.canceled")
def _work_canceled(payload: Payload, place: str) -> str:
    units = units_words(payload.get("lines", []))
    sentence = (
        _("The work was taken away from %(place)s (%(units)s)")
        if units
        else _("The work was taken away from %(place)s")
    )
    return _with_why(sentence % {"place": place, "units": units}, payload)


_LOOKED_FOR = frozenset({ShortReason.NOT_FOUND, ShortReason.OUT_OF_STOCK})


@tells("orders.fulfillment.short")
def _short(payload: Payload, place: str) -> str:
    why = payload.get("why")
    if why == KEPT_TOGETHER:
        sentence = _("%(place)s does not send %(units)s either")
    elif why in _LOOKED_FOR:
        sentence = _("%(place)s could not find %(units)s")
    else:
        sentence = _("%(place)s cannot provide %(units)s")
    return _with_why(sentence % {"place": place, "units": units_words(payload.get("lines", []))}, payload)


@tells("orders.payment.failed")
def _payment_failed(payload: Payload, place: str) -> str:
    return _with_why(_("Payment failed"), payload)


@tells("orders.payment.operation_failed")
def _operation_failed(payload: Payload, place: str) -> str:
    return _with_why(_("The payment gateway refused an operation"), payload)


@tells("orders.exception.opened")
def _exception_opened(payload: Payload, place: str) -> str:
    return _("Put before a person: %(reason)s") % {"reason": ExceptionCase.Reason(payload["reason"]).label}


@tells("orders.exception.resolved")
def _exception_resolved(payload: Payload, place: str) -> str:
    sentence = _("Exception resolved: %(resolution)s") % {"resolution": resolution_words(payload["resolution"])}
    return f"{sentence} – {payload['note']}" if payload.get("note") else sentence
