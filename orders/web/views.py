"""The shopper's page: no login, the address is the secret."""

from typing import Any

import segno
from babel.numbers import format_currency
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import override
from django.views import View

from oms.clock import now
from orders.commands import CancelOrder
from orders.errors import TooLate
from orders.services.cancellation import cancel_order
from orders.states import OrderStatus
from orders.web import words
from orders.web.tracking import Part, Tracked, find_tracked

_DONE = frozenset({OrderStatus.CANCELED, OrderStatus.FULFILLED, OrderStatus.CLOSED})


class TrackingPage(View):
    referrer_policy = "no-referrer"

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Nobody may keep, index or pass on the address of the page."""
        response = super().dispatch(request, *args, **kwargs)
        response["Cache-Control"] = "no-store"
        response["X-Robots-Tag"] = "noindex, nofollow"
        response["Referrer-Policy"] = self.referrer_policy
        return response

    def order(self, token: str) -> Tracked:
        order = find_tracked(token, as_of=now())
        if order is None:
            raise Http404
        return order

    def page(self, template: str, order: Tracked, *, status: int = 200, **context: Any) -> HttpResponse:
        """In the language of the order and the shopper's time, whatever the browser says."""
        with override(order.language), timezone.override(order.zone):
            total = format_currency(order.total, order.currency, locale=order.language)
            described = {
                "order": order,
                "headline": words.headline(order),
                "total": total,
                "is_done": order.status in _DONE and not order.is_on_its_way,
                "now": now(),
            }
            return render(self.request, template, {**described, **context}, status=status)


class Track(TrackingPage):
    def get(self, request: HttpRequest, token: str) -> HttpResponse:
        order = self.order(token)
        with override(order.language):
            parts = [{"part": part, "said": words.part_status(part), "qr": _qr(part)} for part in order.parts]
            told = [moment for moment in order.timeline if moment.type in words.TIMELINE]
            timeline = [{"said": words.TIMELINE[moment.type], "at": moment.at} for moment in told]
        return self.page("orders/track.html", order, parts=parts, timeline=timeline)


class Cancel(TrackingPage):
    """Asks once more, then cancels all of it."""

    # Under `no-referrer` browsers send `Origin: null` with a form, which the CSRF check refuses.
    referrer_policy = "same-origin"

    def get(self, request: HttpRequest, token: str) -> HttpResponse:
        order = self.order(token)
        return self.page("orders/track_cancel.html", order) if order.can_cancel else redirect("track:page", token)

    def post(self, request: HttpRequest, token: str) -> HttpResponse:
        order = self.order(token)
        command = CancelOrder(reason="asked by the shopper")
        try:
            cancel_order(number=order.number, command=command, actor="shopper", as_of=now())
        except TooLate:
            return self.page("orders/track_cancel.html", self.order(token), is_too_late=True, status=409)
        return redirect("track:page", token)


def _qr(part: Part) -> str:
    """The code as an image, black on white also where the page is dark."""
    return segno.make_qr(part.code).svg_data_uri(scale=8, border=2, dark="#000", light="#fff") if part.code else ""
