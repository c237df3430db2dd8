"""The exception queue: work that stands in front of a person."""

from typing import Any

from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.dateparse import parse_datetime
from django.utils.formats import number_format
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.contrib.filters.admin import ChoicesDropdownFilter, RelatedDropdownFilter
from unfold.decorators import display

from inventory.admin.groups import GroupFilter
from inventory.queries import PlaceInfo, place_name, places
from oms.backoffice.actions import action_page, actor_of, require_right
from oms.backoffice.lists import ReadOnlyAdmin
from oms.backoffice.words import instant, link
from oms.clock import now
from orders.actions import case_actions
from orders.admin import badges
from orders.admin.filters import OpenCasesFilter
from orders.admin.forms import ResolveForm
from orders.admin.page import outcome_of_move
from orders.models import ExceptionCase, Exclusion, Fulfillment
from orders.sentences import reason_words, resolution_words, units_words
from orders.services.resolution import resolve_exception
from orders.states import Method
from routing import words

ACTIONS = {
    "reroute": gettext_lazy("Move it to another place"),
    "backorder": gettext_lazy("Let them wait for the next deliveries"),
    "cancel": gettext_lazy("Cancel these units"),
    "keep": gettext_lazy("Keep it where it is: the shopper waits"),
}


@admin.register(ExceptionCase)
class ExceptionCaseAdmin(ReadOnlyAdmin):
    list_display = ["reason_link", "order_link", "units", "place", "since", "status_shown", "outcome"]
    list_display_links = None
    list_select_related = ["order", "location"]
    list_filter = [
        OpenCasesFilter,
        ("reason", ChoicesDropdownFilter),
        ("location", RelatedDropdownFilter),
        GroupFilter.of("location"),
    ]
    search_fields = ["order__number"]
    search_help_text = gettext_lazy("Order number")
    ordering = ["opened_at"]

    def get_search_results(self, request: HttpRequest, queryset: QuerySet, search_term: str) -> tuple[QuerySet, bool]:
        number = search_term.strip().lstrip("#")
        if not number:
            return queryset, False
        found = (
            queryset.filter(order__number=int(number)) if number.isdecimal() and len(number) < 19 else queryset.none()
        )
        return found, False

    @display(description=gettext_lazy("reason"), ordering="reason")
    def reason_link(self, case: ExceptionCase) -> SafeString:
        return link("orders.ExceptionCase", case.pk, case.get_reason_display())

    @display(description=gettext_lazy("order"), ordering="order__number")
    def order_link(self, case: ExceptionCase) -> SafeString:
        return link("orders.Order", case.order_id, case.order)

    @display(description=gettext_lazy("units"))
    def units(self, case: ExceptionCase) -> str:
        return units_words(case.lines)

    @display(description=gettext_lazy("place"), ordering="location")
    def place(self, case: ExceptionCase) -> str:
        return case.location.name if case.location else ""

    @display(description=gettext_lazy("since"), ordering="opened_at")
    def since(self, case: ExceptionCase) -> SafeString:
        return instant(case.opened_at)

    @display(description=gettext_lazy("status"))
    def status_shown(self, case: ExceptionCase) -> SafeString:
        return badges.case_badge(case)

    @display(description=gettext_lazy("resolution"), empty_value="–")
    def outcome(self, case: ExceptionCase) -> str:
        return resolution_words(case.resolution) if case.resolution else ""

    # ---- one case ------------------------------------------------------------------------------

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        if request.method == "POST":
            require_right(self, request)
        case = get_object_or_404(
            ExceptionCase.objects.select_related("order__customer", "location", "fulfillment", "delivery"),
            pk=unquote(object_id),
        )
        actions = case_actions(case.status, case.reason)
        form = _form(case, actions, request)
        return action_page(
            request,
            form,
            lambda: resolve_exception(case_id=case.pk, command=form.command(), actor=actor_of(request), as_of=now()),
            title=str(_("Exception of order %(order)s") % {"order": case.order}),
            submit=_("Do it"),
            done=lambda: _outcome(case, form),
            back=reverse("admin:orders_exceptioncase_changelist"),
            template="orders/admin/case.html",
            context={
                "case": case,
                "badge": badges.case_badge(case),
                "units": units_words(case.lines),
                "place": place_name(case.location_id) if case.location_id else "",
                "refused": _refused(case),
                "offers": _offers(case),
                "may_act": bool(actions) and self.may_act(request),
                "resolution": resolution_words(case.resolution),
                "opts": self.opts,
                "original": case,
            },
        )


def _form(case: ExceptionCase, actions: list[str], request: HttpRequest) -> ResolveForm:
    offered = {offer["location"]: _offer_words(offer) for offer in case.facts.get("offers", ())}
    method = case.delivery.method
    others = {
        code: place.name for code, place in places().items() if code not in offered and _could_serve(place, method)
    }
    return ResolveForm(
        request.POST or None,
        actions={action: ACTIONS[action] for action in actions},
        offers=offered,
        others=dict(sorted(others.items(), key=lambda other: other[1])),
        is_pickup=method == Method.PICKUP,
    )


def _could_serve(place: PlaceInfo, method: str) -> bool:
    return place.takes_orders(now()) and place.can_serve(method)


def _offer_words(offer: dict[str, Any]) -> str:
    """A store that holds all of it, with how far it is from the first one."""
    if offer["distance_km"] is None:
        return str(offer["name"])
    return _("%(place)s, %(km)s km away") % {"place": offer["name"], "km": number_format(offer["distance_km"], 1)}


def _km(offer: dict[str, Any]) -> str:
    """Empty where one of the two stores has no coordinates."""
    return "" if offer["distance_km"] is None else number_format(offer["distance_km"], 1)


def _offers(case: ExceptionCase) -> list[tuple[str, str, Any]]:
    return [(offer["name"], _km(offer), parse_datetime(offer["promised_at"])) for offer in case.facts.get("offers", ())]


def _refused(case: ExceptionCase) -> list[tuple[str, str]]:
    """Each place that was looked at or had the work, and why it is not the answer."""
    refs = [entry["line"] for entry in case.lines]
    lost = Exclusion.objects.filter(order_line__order=case.order_id, order_line__ref__in=refs)
    had = {code: reason_words(reason) for code, reason in lost.order_by("id").values_list("location_id", "reason")}
    seen = {entry["location"]: words.reason(entry["reason"]) for entry in case.facts.get("places", ())}
    told = {code: _("had it: %(why)s") % {"why": why} for code, why in had.items()}
    return [(place_name(code), why) for code, why in {**seen, **told}.items()]


def _takers(case: ExceptionCase) -> QuerySet[Fulfillment]:
    """The fulfillments that serve the units of this case."""
    if case.fulfillment:
        return case.fulfillment.replacements.all()
    refs = [entry["line"] for entry in case.lines]
    return case.delivery.fulfillments.filter(lines__order_line__ref__in=refs)


def _outcome(case: ExceptionCase, form: ResolveForm) -> str:
    action = form.cleaned_data["action"]
    if action == "reroute":
        return outcome_of_move(_takers(case))
    if action == "backorder":
        return _("The units wait for a delivery now.")
    return _("The units were canceled.") if action == "cancel" else _("The work stays where it is.")
