"""Why goods leave from where they leave."""

from dataclasses import dataclass
from typing import Any, cast

from django import forms
from django.contrib import admin
from django.contrib.admin.utils import quote, unquote
from django.contrib.admin.views.main import ChangeList
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.decorators import display
from unfold.widgets import UnfoldAdminSelectWidget

from inventory import queries as inventory
from oms.backoffice.lists import ReadOnlyAdmin
from oms.backoffice.subjects import ids_of_number, named_links
from oms.backoffice.words import instant, money
from oms.errors import DomainError
from routing import whys
from routing.admin.decision_page import decision_view
from routing.evidence_bytes import unpacked
from routing.models import Decision
from routing.services.dry_runs import DRY_RUN
from routing.services.explanations import explain_place


class PlaceForm(forms.Form):
    place = forms.ChoiceField(label=gettext_lazy("Why not"), widget=UnfoldAdminSelectWidget)


@dataclass(frozen=True, slots=True)
class Picker:
    """Asks for one of all places, those first that were looked at."""

    action: str
    form: PlaceForm


@dataclass(frozen=True, slots=True)
class WhyView:
    place: str
    sentences: list[str]
    needs: list[str]
    kept_for: list[SafeString | str]


def picker_of(decision: Decision, asked: str = "") -> Picker | None:
    """None for a decision of before evidence was kept."""
    if not decision.evidence:
        return None
    looked_at = unpacked(bytes(decision.evidence)).codes
    others = sorted(set(inventory.places()) - set(looked_at))
    groups = [(_("Places that were looked at"), looked_at), (_("Places without any of it"), others)]
    form = PlaceForm(initial={"place": asked})
    field = cast(forms.ChoiceField, form.fields["place"])
    field.choices = [
        (title, [(code, f"{inventory.place_name(code)} ({code})") for code in codes])
        for title, codes in groups
        if codes
    ]
    return Picker(f"{reverse('admin:routing_decision_change', args=[quote(decision.pk)])}#why-not", form)


@admin.register(Decision)
class DecisionAdmin(ReadOnlyAdmin):
    list_display = ["id", "subject_shown", "cost_shown", "optimal", "elapsed_ms", "created"]
    list_filter = ["optimal", "created_at"]
    search_fields = ["id", "subject"]
    search_help_text = gettext_lazy("Order number or id, or the decision's id")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Decision], search_term: str
    ) -> tuple[QuerySet[Decision], bool]:
        if ids := ids_of_number(search_term):
            return queryset.filter(subject__in=ids), False
        return super().get_search_results(request, queryset, search_term)

    def get_changelist_instance(self, request: HttpRequest) -> ChangeList:
        """The page's orders are named in one statement."""
        shown = super().get_changelist_instance(request)
        links = _named([decision.subject for decision in shown.result_list])
        for decision in shown.result_list:
            decision.subject_link = links[decision.subject]
        return shown

    def get_queryset(self, request: HttpRequest) -> QuerySet[Decision]:
        return super().get_queryset(request).defer("evidence")

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The decision in words. With `?place=`: why it was not used there."""
        decision = self.get_object(request, unquote(object_id))
        if decision is None or not self.has_view_permission(request, decision):
            return super().change_view(request, object_id, form_url, extra_context)
        context = {
            **self.admin_site.each_context(request),
            **_asked(decision, request.GET.get("place", "")),
            "title": _("Why from there?"),
            "decision": decision,
            "subject": _named([decision.subject])[decision.subject],
            "at": instant(decision.created_at),
            "view": decision_view(decision),
            "is_fullwidth": "1",
        }
        return render(request, "routing/admin/decision.html", context)

    @display(description=gettext_lazy("for"), ordering="subject")
    def subject_shown(self, decision: Decision) -> SafeString | str:
        return decision.subject_link  # type: ignore[attr-defined]

    @display(description=gettext_lazy("cost"), ordering="cost")
    def cost_shown(self, decision: Decision) -> str:
        return money(round(decision.cost, 2), decision.snapshot["demand"]["currency"])

    @display(description=gettext_lazy("at"), ordering="created_at")
    def created(self, decision: Decision) -> SafeString:
        return instant(decision.created_at)


def _named(subjects: list[str]) -> dict[str, SafeString | str]:
    return named_links(subjects) | {DRY_RUN: _("dry run")}


def _asked(decision: Decision, place: str) -> dict[str, Any]:
    context: dict[str, Any] = {"picker": picker_of(decision, place)}
    if not place:
        return context
    try:
        told = explain_place(decision, place)
    except DomainError as refusal:
        return {**context, "why_refusal": refusal.title}
    kept_for = list(named_links(told.kept.named).values()) if told.kept else []
    why = WhyView(inventory.place_name(place), whys.sentences(told), whys.need_sentences(told), kept_for)
    return {**context, "why": why}
