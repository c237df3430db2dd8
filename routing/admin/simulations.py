"""Simulations: asked for, followed, read as a report; the only way to publish rules where the house wants that."""

import json
from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import F, QuerySet
from django.forms import Script
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import action, display
from unfold.widgets import UnfoldAdminFileFieldWidget, UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from oms.backoffice.actions import actor_of, attempt, require_right
from oms.backoffice.lists import ReadOnlyAdmin
from oms.backoffice.refusals import tell_refusal
from oms.backoffice.words import NOTHING, Tone, badge, instant, who
from oms.clock import now
from oms.errors import DomainError
from routing.admin import simulation_page
from routing.admin.base import percent
from routing.admin.rule_pages import remarks_on
from routing.editing import fingerprint
from routing.models import RuleSet, SimulatedChange, Simulation
from routing.services import simulations
from routing.services.rule_sets import publish_rule_set
from routing.services.simulations import DemandFile, Period
from routing.states import LIVE_SIMULATIONS, RuleSetStatus, SimulationStatus

FOLLOW = Script("routing/simulations.js", type="module")
LOOKS: dict[str, tuple[Tone, str]] = {
    SimulationStatus.PENDING: ("quiet", "schedule"),
    SimulationStatus.RUNNING: ("busy", "sync"),
    SimulationStatus.COMPLETED: ("good", "check_circle"),
    SimulationStatus.CANCELED: ("quiet", "cancel"),
    SimulationStatus.FAILED: ("bad", "error"),
}
_CHANGES_PER_PAGE = 25
_AGREES_FROM = 0.99
_USUAL_DAYS = timedelta(days=7)


class SimulationForm(forms.Form):
    rule_set = forms.ModelChoiceField(
        RuleSet.objects.order_by("-id"),
        label=gettext_lazy("Rules"),
        empty_label=None,
        help_text=gettext_lazy("As if they were published."),
        widget=UnfoldAdminSelectWidget,
    )
    baseline = forms.ModelChoiceField(
        RuleSet.objects.order_by("-id"),
        label=gettext_lazy("Beside"),
        required=False,
        empty_label=gettext_lazy("What decides now"),
        widget=UnfoldAdminSelectWidget,
    )
    placed_after = forms.DateTimeField(
        label=gettext_lazy("Orders from"),
        required=False,
        widget=UnfoldAdminTextInputWidget(attrs={"type": "datetime-local"}),
    )
    placed_before = forms.DateTimeField(
        label=gettext_lazy("until"),
        required=False,
        widget=UnfoldAdminTextInputWidget(attrs={"type": "datetime-local"}),
    )
    file = forms.FileField(
        label=gettext_lazy("Or the orders of a file"),
        required=False,
        help_text=gettext_lazy(
            "CSV with the columns order, placed_at, channel, sku, quantity (method, service, country, postal_code,"
            " latitude, longitude, location, unit_price, group, wanted_by, customer_tags)."
        ),
        widget=UnfoldAdminFileFieldWidget(attrs={"accept": ".csv,text/csv"}),
    )
    stock_as_of = forms.DateTimeField(
        label=gettext_lazy("Stock of"),
        required=False,
        help_text=gettext_lazy("Empty: as it was when the period began, changing as it did; of a file, as it is now."),
        widget=UnfoldAdminTextInputWidget(attrs={"type": "datetime-local"}),
    )

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        if not given.get("file"):
            for name in ("placed_after", "placed_before"):
                if not given.get(name) and name not in self.errors:
                    self.add_error(name, _("Name a period, or send a file"))
        return given

    @property
    def orders(self) -> Period | DemandFile:
        given = self.cleaned_data
        if file := given["file"]:
            return DemandFile(file.read(), file.name or "", given["stock_as_of"])
        return Period(given["placed_after"], given["placed_before"], given["stock_as_of"])


@admin.register(Simulation)
class SimulationAdmin(ReadOnlyAdmin):
    list_display = ["shown_name", "orders", "how_far", "changed", "cost", "asked_for"]
    list_display_links = ["shown_name"]
    list_filter = [("status", ChoicesDropdownFilter), ("source", ChoicesDropdownFilter), "created_at"]
    search_fields = ["id__exact", "rule_set__exact", "name__icontains"]
    search_help_text = gettext_lazy("An id, a rule set's id, or part of the name of rules")
    actions_list = ["simulate"]

    class Media:
        js = [FOLLOW]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Simulation]:
        return super().get_queryset(request).defer("demands", "state", "document", "baseline_document")

    # ---- the list --------------------------------------------------------------------------------

    @display(description=gettext_lazy("rules"), ordering="id")
    def shown_name(self, row: Simulation) -> str:
        return row.name

    @display(description=gettext_lazy("orders"))
    def orders(self, row: Simulation) -> SafeString:
        if row.source == Simulation.Source.FILE:
            return format_html("{}", row.file_name or row.get_source_display())
        return format_html("{} – {}", instant(row.placed_after), instant(row.placed_before))

    @display(description=gettext_lazy("progress"), ordering="status")
    def how_far(self, row: Simulation) -> SafeString:
        return progress_of(row)

    @display(description=gettext_lazy("changed orders"))
    def changed(self, row: Simulation) -> str | SafeString:
        return str(row.figures["comparison"]["changed"]) if row.figures else NOTHING

    @display(description=gettext_lazy("cost per order"))
    def cost(self, row: Simulation) -> str | SafeString:
        if not row.figures:
            return NOTHING
        first = simulation_page.measure_rows(row.figures)[0]
        told = format_html('<span class="bo-change-{}">{}</span>', first.tone, first.share or first.change)
        return format_html('{} <span class="bo-dim">{}</span>', told, first.note) if first.note else told

    @display(description=gettext_lazy("asked for"), ordering="created_at")
    def asked_for(self, row: Simulation) -> SafeString:
        return instant(row.created_at)

    def has_simulate_permission(self, request: HttpRequest) -> bool:
        return self.may_act(request)

    @action(description=gettext_lazy("Simulate rules"), permissions=["simulate"], icon="science")
    def simulate(self, request: HttpRequest) -> HttpResponse:
        return redirect("admin:routing_simulation_new")

    # ---- asking for one --------------------------------------------------------------------------

    def get_urls(self) -> list[URLPattern]:
        def page(route: str, view: Any, name: str) -> URLPattern:
            return path(route, self.admin_site.admin_view(view), name=f"routing_simulation_{name}")

        return [
            page("new/", self.new_view, "new"),
            page("<path:object_id>/orders/<int:change_id>/", self.order_view, "order"),
            page("<path:object_id>/cancel/", require_POST(self.cancel_view), "cancel"),
            page("<path:object_id>/publish/", require_POST(self.publish_view), "publish"),
            *super().get_urls(),
        ]

    def new_view(self, request: HttpRequest) -> HttpResponse:
        require_right(self, request)
        form = SimulationForm(request.POST or None, request.FILES or None, initial=self._usual(request))
        if request.method == "POST" and form.is_valid() and (made := self._ask(request, form)):
            return redirect("admin:routing_simulation_change", made)
        context = {
            **self.admin_site.each_context(request),
            "title": _("Simulate rules"),
            "form": form,
            "back": reverse("admin:routing_simulation_changelist"),
            "opts": self.opts,
        }
        return render(request, "routing/admin/simulate.html", context)

    @staticmethod
    def _usual(request: HttpRequest) -> dict[str, Any]:
        """The week before, and the rules of the page that led here, or else the newest draft."""
        drafts = RuleSet.objects.filter(status=RuleSetStatus.DRAFT).order_by("-id").values_list("pk", flat=True)
        until = timezone.localtime(now())
        return {
            "rule_set": request.GET.get("rule_set") or drafts.first(),
            "placed_after": f"{until - _USUAL_DAYS:%Y-%m-%dT%H:%M}",
            "placed_before": f"{until:%Y-%m-%dT%H:%M}",
        }

    @staticmethod
    def _ask(request: HttpRequest, form: SimulationForm) -> str | None:
        """None: it was refused, in words."""
        given = form.cleaned_data
        try:
            return simulations.request_simulation(
                rule_set=given["rule_set"].pk,
                baseline=given["baseline"].pk if given["baseline"] else None,
                orders=form.orders,
                actor=actor_of(request),
                as_of=now(),
            )
        except DomainError as refusal:
            if not refusal.errors:
                tell_refusal(request, refusal)
            for fault in refusal.errors:
                field = fault.pointer.strip("/").partition("/")[0]
                is_row = fault.pointer.startswith("/rows/")
                detail = f"{fault.pointer.removeprefix('/rows/')}: {fault.detail}" if is_row else fault.detail
                form.add_error("file" if is_row else field if field in form.fields else None, detail)
        return None

    # ---- the report ------------------------------------------------------------------------------

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        row = get_object_or_404(Simulation.objects.defer("demands", "state"), pk=unquote(object_id))
        context = {
            **self.admin_site.each_context(request),
            "title": row.name,
            "simulation": row,
            "badge": badge(row.get_status_display(), *LOOKS[row.status]),
            "progress": progress_of(row),
            "asked_by": who(row.actor),
            "may_act": self.may_act(request),
            "is_live": row.status in LIVE_SIMULATIONS,
            "rules": _rule_set_of(row),
            "remarks": remarks_on(row.document),
            "media": self.media,
            "opts": self.opts,
            "original": row,
            **(_report(request, row) if row.figures else {}),
        }
        return render(request, "routing/admin/simulation.html", context)

    def order_view(self, request: HttpRequest, object_id: str, change_id: int) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        rows = SimulatedChange.objects.select_related("simulation").defer("simulation__demands", "simulation__state")
        change = get_object_or_404(rows, simulation=unquote(object_id), pk=change_id)
        row = simulation_page.change_row(
            change, simulations.order_numbers(change.simulation, [change]).get(change.reference)
        )
        titles = {"baseline": change.simulation.baseline or _("What decided"), "candidate": change.simulation.name}
        context = {
            **self.admin_site.each_context(request),
            "title": row.name,
            "change": change,
            "goods": simulation_page.goods(change.lines),
            "plans": [
                simulation_page.plan_shown(title, getattr(change, side), change.currency)
                for side, title in titles.items()
            ],
            "row": row,
            "order": _order_of(change),
            "back": reverse("admin:routing_simulation_change", args=[change.simulation_id]),
            "opts": self.opts,
        }
        return render(request, "routing/admin/simulated_order.html", context)

    def cancel_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        require_right(self, request)
        row = get_object_or_404(Simulation.objects.only("pk"), pk=unquote(object_id))
        attempt(
            request,
            lambda: simulations.cancel_simulation(simulation_id=row.pk, actor=actor_of(request), as_of=now()),
            done=_("Called off."),
        )
        return redirect("admin:routing_simulation_change", row.pk)

    def publish_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        if not request.user.has_perm("routing.change_ruleset"):
            raise PermissionDenied
        row = get_object_or_404(Simulation.objects.only("pk", "rule_set", "document"), pk=unquote(object_id))
        seen = fingerprint(row.document)  # the text that the report tells of, whatever became of the draft
        attempt(
            request,
            lambda: publish_rule_set(rule_set_id=row.rule_set, actor=actor_of(request), as_of=now(), seen=seen),
            done=_("These rules decide now."),
        )
        return redirect("admin:routing_simulation_change", row.pk)


def _order_of(change: SimulatedChange) -> str:
    """The way to it; a file's orders are nowhere else."""
    if change.simulation.source == Simulation.Source.FILE:
        return ""
    return f"{reverse('admin:orders_order_changelist')}?q={change.reference}"


def progress_of(row: Simulation) -> SafeString:
    """A status and a bar; while it waits or runs, the page's module keeps them true."""
    looks = {status: [str(SimulationStatus(status).label), *look] for status, look in LOOKS.items()}
    is_live = row.status in LIVE_SIMULATIONS
    return format_html(
        '<div class="bo-import"{} data-status="{}">{}<progress max="1" value="{}" aria-label="{}"></progress>'
        '<span class="bo-dim" data-orders>{} / {}</span></div>',
        format_html(' data-simulation="{}" data-looks="{}"', reverse("simulation", args=[row.pk]), json.dumps(looks))
        if is_live
        else "",
        row.status,
        badge(row.get_status_display(), *LOOKS[row.status]),
        row.progress,
        _("progress"),
        row.orders_done,
        row.orders_total,
    )


def _rule_set_of(row: Simulation) -> dict[str, Any]:
    """The rule set whose text this is, if it still is, and whether it may be published from here."""
    found = RuleSet.objects.filter(pk=row.rule_set).first() if row.rule_set else None
    is_same = found is not None and found.document == row.document
    is_draft = found is not None and found.status == RuleSetStatus.DRAFT
    done = row.status == SimulationStatus.COMPLETED
    return {
        "row": found,
        "is_typed": found is None,
        "address": reverse("admin:routing_ruleset_change", args=[found.pk]) if found else "",
        "can_publish": is_same and is_draft and done,
        "has_changed": found is not None and is_draft and not is_same,
    }


def _report(request: HttpRequest, row: Simulation) -> dict[str, Any]:
    figures = row.figures or {}
    kept = SimulatedChange.objects.filter(simulation=row)
    page = Paginator(kept.order_by("id"), _CHANGES_PER_PAGE).get_page(request.GET.get("page"))
    numbers = simulations.order_numbers(row, page.object_list)
    currency = next(iter(figures["candidate"]["cost"]), "")
    as_much = kept.filter(baseline__verdict=F("candidate__verdict"), baseline__rest=F("candidate__rest"))
    rate = figures["agreement"]["rate"]
    return {
        "figures": figures,
        "measures": simulation_page.measure_rows(figures),
        "places": simulation_page.place_rows(figures),
        "histogram": simulation_page.histogram(
            as_much.filter(currency=currency).values_list("cost_change", flat=True), currency
        ),
        "changes": [simulation_page.change_row(change, numbers.get(change.reference)) for change in page],
        "page": page,
        "agreement": "" if rate is None else percent(rate),
        "agrees": rate is None or rate >= _AGREES_FROM,
        "share_changed": percent(figures["comparison"]["changed"] / max(1, row.orders_total)),
    }
