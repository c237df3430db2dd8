from datetime import datetime
from typing import Any

from django.conf import settings
from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.admin import TabularInline
from unfold.contrib.filters.admin import ChoicesDropdownFilter, RelatedDropdownFilter
from unfold.decorators import display

from inventory.admin.groups import GroupFilter
from inventory.queries import managers_of, place_name
from oms.backoffice.lists import ReadOnlyAdmin
from oms.backoffice.words import instant, link, listed, money, who
from orders.admin import badges
from orders.admin.filters import DueFilter
from orders.admin.page import order_address
from orders.models import Fulfillment, FulfillmentLine
from orders.sentences import reason_words, units_words
from routing.admin.decision_page import decision_view
from routing.admin.decisions import picker_of
from routing.models import Decision


class LineInline(TabularInline):
    model = FulfillmentLine
    fields = ["sku", "quantity", "picked", "short", "why_short", "canceled"]
    readonly_fields = fields
    extra = 0
    can_delete = False
    hide_title = True
    verbose_name_plural = gettext_lazy("units")

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @display(description=gettext_lazy("why missing"), empty_value="–")
    def why_short(self, line: FulfillmentLine) -> str:
        return reason_words(line.short_reason) if line.short_reason else ""


def _end_of_clock(work: Fulfillment, at: datetime | None) -> SafeString:
    return instant(None if work.is_stopped else at)


@admin.register(Fulfillment)
class FulfillmentAdmin(ReadOnlyAdmin):
    list_display = ["order_link", "place", "method", "status_shown", "due", "attempt", "promised"]
    list_select_related = ["order", "location"]
    list_display_links = None
    list_filter = [
        DueFilter,
        ("status", ChoicesDropdownFilter),
        ("location", RelatedDropdownFilter),
        GroupFilter.of("location"),
        ("method", ChoicesDropdownFilter),
    ]
    search_fields = ["order__number"]
    search_help_text = gettext_lazy("Order number, fulfillment id or place")
    ordering = ["-pk"]
    inlines = [LineInline]
    fieldsets = [
        (
            None,
            {
                "fields": [
                    ("order_link", "status_shown"),
                    ("place", "hand_over"),
                    ("method", "service"),
                    ("promised", "expected"),
                ]
            },
        ),
        (
            gettext_lazy("Clock"),
            {
                "fields": [
                    ("released", "assigned"),
                    ("answer_by", "prepare_by"),
                    ("leaves_by", "collect_until"),
                    ("warned", "manager_told"),
                    ("late", "worker"),
                    "staging",
                ]
            },
        ),
        (
            gettext_lazy("Choice of the place"),
            {"fields": [("attempt", "replaced"), ("cost_shown", "distance"), "why_here"]},
        ),
        (gettext_lazy("Parcels"), {"fields": ["parcels", "carrier"]}),
    ]

    def get_search_results(self, request: HttpRequest, queryset: QuerySet, search_term: str) -> tuple[QuerySet, bool]:
        text = search_term.strip()
        number = text.lstrip("#")
        if not text:
            return queryset, False
        if number.isdecimal() and len(number) < 19:
            return queryset.filter(order__number=int(number)), False
        if text.startswith("ful_"):
            return queryset.filter(pk=text), False
        return queryset.filter(location__name__icontains=text) | queryset.filter(location=text), False

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.why_view)
        return [path("<path:object_id>/why/", view, name="orders_fulfillment_why"), *super().get_urls()]

    def why_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """The decision that chose this place, told to a person."""
        if not (self.has_view_permission(request) and request.user.has_perm("routing.view_decision")):
            raise PermissionDenied
        work = get_object_or_404(Fulfillment.objects.select_related("order"), pk=unquote(object_id))
        decision = Decision.objects.filter(pk=work.decision).first()
        if decision is None:
            said = _("Nobody knows any more why: decisions are kept for %(days)d days, or while their order is open.")
            messages.info(request, said % {"days": settings.DECISION_DAYS})
            return redirect(order_address(work.order_id))
        context = {
            **self.admin_site.each_context(request),
            "title": _("Why %(place)s for order %(order)s?")
            % {"place": place_name(work.location_id), "order": work.order},
            "view": decision_view(decision),
            "picker": picker_of(decision),
            "back": order_address(work.order_id),
            "bench": _bench_address(work) if request.user.has_perm("routing.view_ruleset") else "",
            "is_fullwidth": "1",
        }
        return render(request, "orders/admin/decision.html", context)

    # ---- list and page -------------------------------------------------------------------------

    @display(description=gettext_lazy("order"), ordering="order__number")
    def order_link(self, work: Fulfillment) -> SafeString:
        return link("orders.Order", work.order_id, work.order)

    @display(description=gettext_lazy("place"), ordering="location")
    def place(self, work: Fulfillment) -> SafeString:
        return link("orders.Fulfillment", work.pk, work.location.name)

    @display(description=gettext_lazy("status"), ordering="status")
    def status_shown(self, work: Fulfillment) -> SafeString:
        return badges.fulfillment_badge(work)

    @display(description=gettext_lazy("due"), ordering="ready_by")
    def due(self, work: Fulfillment) -> SafeString:
        return badges.due_badge(work)

    @display(description=gettext_lazy("accept by"), ordering="acknowledge_by")
    def answer_by(self, work: Fulfillment) -> SafeString:
        return _end_of_clock(work, work.acknowledge_by)

    @display(description=gettext_lazy("ready by"), ordering="ready_by")
    def prepare_by(self, work: Fulfillment) -> SafeString:
        return _end_of_clock(work, work.ready_by)

    @display(description=gettext_lazy("promised"), ordering="promised_at")
    def promised(self, work: Fulfillment) -> SafeString:
        return instant(work.promised_at)

    @display(description=gettext_lazy("expected"))
    def expected(self, work: Fulfillment) -> SafeString:
        return instant(work.expected_at)

    @display(description=gettext_lazy("hand-over place"), empty_value="–")
    def hand_over(self, work: Fulfillment) -> str:
        return place_name(work.pickup_location_id) if work.pickup_location_id else ""

    @display(description=gettext_lazy("released from"))
    def released(self, work: Fulfillment) -> SafeString:
        return instant(work.release_at)

    @display(description=gettext_lazy("assigned"))
    def assigned(self, work: Fulfillment) -> SafeString:
        return instant(work.assigned_at)

    @display(description=gettext_lazy("hand over by"))
    def leaves_by(self, work: Fulfillment) -> SafeString:
        return _end_of_clock(work, work.hand_over_by)

    @display(description=gettext_lazy("collect by"))
    def collect_until(self, work: Fulfillment) -> SafeString:
        return _end_of_clock(work, work.collect_by)

    @display(description=gettext_lazy("place warned"))
    def warned(self, work: Fulfillment) -> SafeString:
        return instant(work.warned_at)

    @display(description=gettext_lazy("manager told"))
    def manager_told(self, work: Fulfillment) -> SafeString | str:
        managers = ", ".join(managers_of(work.location_id)) or _("nobody manages this place")
        return format_html("{} ({})", instant(work.escalated_at), managers) if work.escalated_at else instant(None)

    @display(description=gettext_lazy("late since"))
    def late(self, work: Fulfillment) -> SafeString:
        return instant(work.late_since)

    @display(description=gettext_lazy("worked on by"), empty_value="–")
    def worker(self, work: Fulfillment) -> str:
        return who(work.claimed_by) if work.claimed_by else ""

    @display(description=gettext_lazy("replaces"), empty_value="–")
    def replaced(self, work: Fulfillment) -> SafeString | str:
        lost = work.replaces
        return link("orders.Fulfillment", lost.pk, place_name(lost.location_id)) if lost else ""

    @display(description=gettext_lazy("planned cost"))
    def cost_shown(self, work: Fulfillment) -> str:
        return money(work.cost, work.order.currency)

    @display(description=gettext_lazy("distance"), empty_value="–")
    def distance(self, work: Fulfillment) -> str:
        return "" if work.distance_km is None else _("%(km)s km") % {"km": round(work.distance_km)}

    @display(description=gettext_lazy("decision"), empty_value="–")
    def why_here(self, work: Fulfillment) -> SafeString | str:
        address = reverse("admin:orders_fulfillment_why", args=[work.pk])
        return format_html('<a class="bo-link" href="{}">{}</a>', address, _("Why here?")) if work.decision else ""

    @display(description=gettext_lazy("parcels"))
    def parcels(self, work: Fulfillment) -> SafeString | str:
        return listed(_parcel(package.weight_g, package.contents) for package in work.packages.all())

    @display(description=gettext_lazy("carrier"), empty_value="–")
    def carrier(self, work: Fulfillment) -> str:
        shipment = getattr(work, "shipment", None)
        return f"{shipment.carrier_service} {shipment.tracking_number}".strip() if shipment else ""


def _bench_address(work: Fulfillment) -> str:
    """Where the same order is planned under other rules."""
    return f"{reverse('admin:routing_ruleset_bench')}?order={work.order.number}&take=1"


def _parcel(weight_g: int | None, contents: list[dict[str, Any]]) -> str:
    units = units_words(contents)
    return _("%(units)s (%(weight)s g)") % {"units": units, "weight": weight_g} if weight_g else units
