"""Why goods leave from where they leave."""

from dataclasses import dataclass
from typing import Any, cast

from django import forms
from django.contrib import admin
from django.contrib.admin.utils import quote, unquote
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import UnfoldAdminSelectWidget

from inventory import queries as inventory
from oms.backoffice.lists import ReadOnlyAdmin
from oms.backoffice.words import money
from oms.errors import DomainError
from routing import whys, words
from routing.admin.base import html_table
from routing.evidence_bytes import unpacked
from routing.models import Decision
from routing.services.explanations import explain_place
from routing.snapshots import explanation


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
        (title, [(code, f"{whys.place_name(code)} ({code})") for code in codes]) for title, codes in groups if codes
    ]
    return Picker(f"{reverse('admin:routing_decision_change', args=[quote(decision.pk)])}#why-not", form)


@admin.register(Decision)
class DecisionAdmin(ReadOnlyAdmin):
    change_form_outer_after_template = "routing/admin/why_not.html"
    list_display = ["id", "subject", "cost", "optimal", "elapsed_ms", "created_at"]
    list_filter = ["optimal", "created_at"]
    search_fields = ["id", "subject"]
    fields = ["subject", "created_at", "shown_rules", "cost", "lower_bound", "optimal", "elapsed_ms"]
    fields += ["shown_notes", "shown_steps", "shown_places"]
    readonly_fields = ["shown_rules", "shown_notes", "shown_steps", "shown_places"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Decision]:
        return super().get_queryset(request).defer("evidence")

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """With `?place=`: why it was not used there."""
        decision = self.get_object(request, unquote(object_id))
        if decision is not None and self.has_view_permission(request, decision):
            extra_context = {**(extra_context or {}), **_asked(decision, request.GET.get("place", ""))}
        return super().change_view(request, object_id, form_url, extra_context)

    @admin.display(description=gettext_lazy("rules"))
    def shown_rules(self, decision: Decision) -> str:
        rule = decision.snapshot["rule"] or _("no rule")
        rule_set = decision.rule_set or _("built-in")
        return f"{rule_set} v{decision.rule_set_version}: {rule}"

    @admin.display(description=gettext_lazy("notes"))
    def shown_notes(self, decision: Decision) -> str:
        told = [str(words.NOTES.get(note, note)) for note in decision.snapshot["notes"]]
        if why := decision.snapshot.get("reoptimised"):
            told.append(words.reoptimised(why, money(why["saved"], decision.snapshot["demand"]["currency"])))
        return " ".join(told) or "-"

    @admin.display(description=gettext_lazy("steps"))
    def shown_steps(self, decision: Decision) -> SafeString:
        rows = (
            (step["name"], words.OUTCOMES.get(step["outcome"], step["outcome"]), step["eligible"], step["cost"])
            for step in explanation(decision)["steps"]
        )
        return html_table([_("step"), _("outcome"), _("places let in"), _("cost")], rows)

    @admin.display(description=gettext_lazy("places"))
    def shown_places(self, decision: Decision) -> SafeString:
        told = explanation(decision)
        chosen = {place["location"] for place in told["chosen"]}
        candidates = sorted(
            told["candidates"], key=lambda c: (c["location"] not in chosen, c["score"] is None, float(c["score"] or 0))
        )
        rows = [(c["location"], *_verdict(c, chosen), c["distance_km"] or "") for c in candidates]
        if without := told["excluded_counts"].get("no_stock", 0):
            rows.append(("", _("%(count)d more places have none of it") % {"count": without}, "", "", ""))
        return html_table([_("place"), _("verdict"), _("score"), _("made of"), _("km")], rows)


def _asked(decision: Decision, place: str) -> dict[str, Any]:
    context: dict[str, Any] = {"picker": picker_of(decision, place)}
    if not place:
        return context
    try:
        told = explain_place(decision, place)
    except DomainError as refusal:
        return {**context, "why_refusal": refusal.title}
    return {**context, "why": WhyView(whys.place_name(place), whys.sentences(told), whys.need_sentences(told))}


def _verdict(candidate: dict[str, Any], chosen: set[str]) -> tuple[str, str, str]:
    if candidate["excluded_because"]:
        return words.reason(candidate["excluded_because"]), "", ""
    parts = ", ".join(f"{words.PARTS.get(name, name)} {amount}" for name, amount in candidate["cost"].items())
    return _("chosen") if candidate["location"] in chosen else _("possible"), candidate["score"], parts
