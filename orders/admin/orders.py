from collections.abc import Collection
from typing import Any

from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import URLPattern, path
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST
from unfold.contrib.filters.admin import ChoicesDropdownFilter, RelatedDropdownFilter
from unfold.decorators import display

from inventory.queries import place_name
from oms.backoffice.actions import action_page, actor_of, attempt, require_right
from oms.backoffice.lists import ReadOnlyAdmin
from oms.backoffice.subjects import Numbers, go_by_number
from oms.backoffice.words import instant, money
from oms.clock import now
from oms.idempotency import Once, fingerprint
from orders.admin import badges
from orders.admin.filters import OpenHoldFilter, PlacedFilter
from orders.admin.forms import CancelForm, ConfirmForm, HoldForm
from orders.admin.page import line_views, order_address, order_page, outcome_of_move
from orders.commands import ReleaseHold, Reroute
from orders.models import Fulfillment, Order
from orders.search import find_orders
from orders.services.cancellation import cancel_order
from orders.services.holds import hold_order, release_hold
from orders.services.resolution import reroute


def _numbers(ids: Collection[str]) -> dict[str, int]:
    return dict(Order.objects.filter(pk__in=ids).values_list("pk", "number"))


def _ids(number: int) -> list[str]:
    return list(Order.objects.filter(number=number).values_list("pk", flat=True))


go_by_number("ord", Numbers(of=_numbers, to=_ids))


@admin.register(Order)
class OrderAdmin(ReadOnlyAdmin):
    list_display = [
        "number_shown",
        "status_shown",
        "channel",
        "customer",
        "total_shown",
        "placed",
        "promised",
        "expected",
    ]
    list_select_related = ["channel", "customer"]
    list_filter = [
        ("status", ChoicesDropdownFilter),
        ("channel", RelatedDropdownFilter),
        PlacedFilter,
        OpenHoldFilter,
    ]
    search_fields = ["number"]
    search_help_text = gettext_lazy("Number, external id, e-mail, name or telephone")
    ordering = ["-placed_at"]

    def get_search_results(self, request: HttpRequest, queryset: QuerySet, search_term: str) -> tuple[QuerySet, bool]:
        text = search_term.strip()
        return (find_orders(queryset, text) if text else queryset), False

    @display(description=gettext_lazy("number"), ordering="number")
    def number_shown(self, order: Order) -> str:
        return f"#{order.number}"

    @display(description=gettext_lazy("status"), ordering="status")
    def status_shown(self, order: Order) -> SafeString:
        return badges.order_badge(order)

    @display(description=gettext_lazy("total"), ordering="total")
    def total_shown(self, order: Order) -> str:
        return money(order.total, order.currency)

    @display(description=gettext_lazy("placed"), ordering="placed_at")
    def placed(self, order: Order) -> SafeString:
        return instant(order.placed_at)

    @display(description=gettext_lazy("promised"), ordering="promised_at")
    def promised(self, order: Order) -> SafeString:
        return instant(order.promised_at)

    @display(description=gettext_lazy("expected"), ordering="expected_at")
    def expected(self, order: Order) -> SafeString:
        return instant(order.expected_at)

    # ---- one order ---------------------------------------------------------------------------

    def get_urls(self) -> list[URLPattern]:
        def one(route: str, view: Any, name: str) -> URLPattern:
            return path(f"<path:object_id>/{route}", self.admin_site.admin_view(view), name=f"orders_order_{name}")

        return [
            one("cancel/", self.cancel_view, "cancel"),
            one("hold/", self.hold_view, "hold"),
            one("release/<str:hold>/", require_POST(self.release_view), "release"),
            one("reroute/<str:fulfillment>/", self.reroute_view, "reroute"),
            *super().get_urls(),
        ]

    def _order(self, object_id: str) -> Order:
        return get_object_or_404(
            Order.objects.select_related("channel", "customer", "placed_at_location"), pk=unquote(object_id)
        )

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        order = self._order(object_id)
        context = {
            **self.admin_site.each_context(request),
            "title": str(order),
            "opts": self.opts,
            "original": order,
            "page": order_page(order),
            "may_act": self.may_act(request),
            "sees_customers": request.user.has_perm("orders.view_customer"),
            "sees_decisions": request.user.has_perm("routing.view_decision"),
            "is_fullwidth": "1",
        }
        return render(request, "orders/admin/order.html", context)

    def cancel_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        require_right(self, request)
        order = self._order(object_id)
        form = CancelForm(request.POST or None, lines=line_views(order))
        actor = actor_of(request)

        def act() -> None:
            command = form.command()
            once = Once(
                f"{actor} admin.cancel", form.cleaned_data["token"], fingerprint([order.number, command.model_dump()])
            )
            cancel_order(number=order.number, command=command, actor=actor, as_of=now(), once=once)

        return action_page(
            request,
            form,
            act,
            title=_("Cancel order %(order)s") % {"order": order},
            explanation=_(
                "Stock is given back at once, and money that was only authorized too. Set a line to 0 to keep it."
            ),
            submit=_("Cancel these units"),
            done=_("The units were canceled."),
            back=order_address(order.pk),
            is_dangerous=True,
        )

    def hold_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        require_right(self, request)
        order = self._order(object_id)
        form = HoldForm(request.POST or None)
        return action_page(
            request,
            form,
            lambda: hold_order(number=order.number, command=form.command(), actor=actor_of(request), as_of=now()),
            title=_("Hold order %(order)s") % {"order": order},
            explanation=_("Work that was not begun is called back from its places; what is being picked goes on."),
            submit=_("Put on hold"),
            done=_("The order is on hold."),
            back=order_address(order.pk),
        )

    def release_view(self, request: HttpRequest, object_id: str, hold: str) -> HttpResponse:
        require_right(self, request)
        order = self._order(object_id)
        attempt(
            request,
            lambda: release_hold(
                number=order.number, command=ReleaseHold(hold=hold), actor=actor_of(request), as_of=now()
            ),
            done=_("The hold was released."),
        )
        return redirect(order_address(order.pk))

    def reroute_view(self, request: HttpRequest, object_id: str, fulfillment: str) -> HttpResponse:
        require_right(self, request)
        order = self._order(object_id)
        work = Fulfillment.objects.filter(pk=fulfillment, order=order).first()
        if work is None:
            raise Http404
        form = ConfirmForm(request.POST if request.method == "POST" else None)
        return action_page(
            request,
            form,
            lambda: reroute(
                number=order.number, command=Reroute(fulfillment=work.pk), actor=actor_of(request), as_of=now()
            ),
            title=_("Move work of order %(order)s") % {"order": order},
            explanation=_(
                "%(place)s loses this work and the next best place gets it."
                " If there is none, it goes to the exception queue."
            )
            % {"place": place_name(work.location_id)},
            submit=_("Move to the next best place"),
            done=lambda: outcome_of_move(work.replacements.all()),
            back=order_address(order.pk),
        )
