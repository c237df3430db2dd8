from collections.abc import Sequence
from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.formats import number_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.admin import TabularInline
from unfold.contrib.filters.admin import RelatedDropdownFilter
from unfold.decorators import display

from inventory.admin.groups import GroupFilter
from oms.backoffice.lists import BackOfficeAdmin, ReadOnlyAdmin
from oms.backoffice.refusals import tell_refusal
from oms.backoffice.words import NOTHING, Tone, badge, instant
from oms.cache import bump
from oms.clock import now
from oms.errors import DomainError
from routing import queries, words
from routing.errors import InvalidDocument
from routing.leadtimes import Calibration
from routing.models import (
    CapacityDay,
    CarrierService,
    DatePolicy,
    Decision,
    DemandFact,
    GivenPromise,
    LearnedTable,
    PostalArea,
    Rate,
    RuleSet,
    RuleSetSlot,
    ScarcityPrice,
    ServiceLevel,
    Zone,
)
from routing.promise_figures import USUAL_DAYS, Figures, promise_figures
from routing.services import rule_sets
from routing.snapshots import explanation
from routing.states import RuleSetStatus


class CachedTableAdmin(BackOfficeAdmin):
    """A table planning keeps in memory: the admin's transaction also tells every process of the change."""

    cache_name: str

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        bump(self.cache_name)

    def delete_model(self, request: HttpRequest, obj: Model) -> None:
        super().delete_model(request, obj)
        bump(self.cache_name)


# ---- rule sets -----------------------------------------------------------------------------------


class RuleSetForm(forms.ModelForm):
    """The document carries name and channels too; each fault is shown with its place in the document."""

    class Meta:
        model = RuleSet
        fields = ["document"]

    def clean_document(self) -> dict[str, Any]:
        try:
            return rule_sets.checked_document(self.cleaned_data["document"]).as_json()
        except InvalidDocument as refusal:
            raise ValidationError([f"{fault.pointer or '/'}: {fault.detail}" for fault in refusal.errors]) from None


class SlotInline(TabularInline):
    model = RuleSetSlot
    verbose_name = gettext_lazy("channel it decides for")
    verbose_name_plural = gettext_lazy("channels it decides for")
    fields = ["shown_channel"]
    readonly_fields = ["shown_channel"]
    extra = 0
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    @admin.display(description=gettext_lazy("channel"))
    def shown_channel(self, slot: RuleSetSlot) -> str:
        return str(slot)


@admin.register(RuleSet)
class RuleSetAdmin(BackOfficeAdmin):
    form = RuleSetForm
    list_display = ["name", "version", "status", "shown_channels", "first_rule", "published_at"]
    list_filter = ["status", "name"]
    search_fields = ["name", "id"]
    fields = ["name", "version", "status", "shown_channels", "in_words", "document", "created_at", "published_at"]
    readonly_fields = ["name", "version", "status", "shown_channels", "in_words", "created_at", "published_at"]
    inlines = [SlotInline]
    actions = ("publish",)  # type: ignore[assignment]

    def has_change_permission(self, request: HttpRequest, obj: RuleSet | None = None) -> bool:
        is_draft = obj is None or obj.status == RuleSetStatus.DRAFT
        return is_draft and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: RuleSet | None = None) -> bool:
        is_draft = obj is None or obj.status == RuleSetStatus.DRAFT
        return is_draft and super().has_delete_permission(request, obj)

    def save_model(self, request: HttpRequest, obj: RuleSet, form: Any, change: bool) -> None:
        rule_sets.write_draft(obj, rule_sets.checked_document(obj.document))

    @admin.display(description=gettext_lazy("channels"))
    def shown_channels(self, rule_set: RuleSet) -> str:
        return ", ".join(rule_set.channels) or _("all other channels")

    @admin.display(description=gettext_lazy("first rule"))
    def first_rule(self, rule_set: RuleSet) -> str:
        return words.document_sentences(rule_set.document)[0]

    @admin.display(description=gettext_lazy("in words"))
    def in_words(self, rule_set: RuleSet) -> str | SafeString:
        if not rule_set.document:
            return "-"
        sentences = words.document_sentences(rule_set.document)
        return format_html("<ol>{}</ol>", format_html_join("", "<li>{}</li>", ((text,) for text in sentences)))

    @admin.action(description=gettext_lazy("Publish the selected drafts"))
    def publish(self, request: HttpRequest, queryset: QuerySet[RuleSet]) -> None:
        for rule_set in queryset.order_by("id"):
            try:
                rule_sets.publish_rule_set(
                    rule_set_id=rule_set.pk, actor=f"user:{request.user.get_username()}", as_of=now()
                )
                self.message_user(request, _("%(rules)s decides now.") % {"rules": rule_set})
            except DomainError as refusal:
                tell_refusal(request, refusal)


# ---- tables --------------------------------------------------------------------------------------


@admin.register(ServiceLevel)
class ServiceLevelAdmin(CachedTableAdmin):
    cache_name = queries.SERVICE_LEVELS
    list_display = ["__str__", "acknowledge_minutes", "prepare_minutes", "collect_hours", "max_attempts"]
    fieldsets = [
        (gettext_lazy("covers"), {"fields": ["locations", "groups", "kinds", "methods", "services"]}),
        (
            gettext_lazy("allows"),
            {"fields": ["acknowledge_minutes", "prepare_minutes", "collect_hours", "warn_at_share", "max_attempts"]},
        ),
    ]


class ZoneInline(TabularInline):
    model = Zone
    extra = 0
    show_change_link = True


class RateInline(TabularInline):
    model = Rate
    extra = 0


@admin.register(CarrierService)
class CarrierServiceAdmin(CachedTableAdmin):
    cache_name = queries.RATES
    list_display = ["code", "carrier", "name", "service", "currency", "is_active"]
    list_filter = ["carrier", "service", "is_active"]
    search_fields = ["code", "carrier", "name"]
    inlines = [ZoneInline]


@admin.register(Zone)
class ZoneAdmin(CachedTableAdmin):
    cache_name = queries.RATES
    list_display = ["carrier_service", "code", "position", "transit_days", "max_distance_km"]
    list_filter = ["carrier_service"]
    list_select_related = ["carrier_service"]
    search_fields = ["code", "carrier_service__code"]
    inlines = [RateInline]


@admin.register(PostalArea)
class PostalAreaAdmin(CachedTableAdmin):
    cache_name = queries.POSTAL_AREAS
    list_display = ["country", "code", "name", "latitude", "longitude"]
    list_filter = ["country"]
    search_fields = ["=code", "name"]


@admin.register(CapacityDay)
class CapacityDayAdmin(ReadOnlyAdmin):
    list_display = ["location", "date", "capacity", "booked", "left"]
    list_filter = [("location", RelatedDropdownFilter), GroupFilter.of("location"), "date"]
    list_select_related = ["location"]
    search_fields = ["location__code", "location__name"]

    @admin.display(description=gettext_lazy("capacity"))
    def capacity(self, day: CapacityDay) -> str:
        limit = day.location.daily_capacity
        return _("no limit") if limit is None else str(limit)

    @admin.display(description=gettext_lazy("left"))
    def left(self, day: CapacityDay) -> str | SafeString:
        limit = day.location.daily_capacity
        return NOTHING if limit is None else str(max(0, limit - day.booked))


# ---- dates ---------------------------------------------------------------------------------------


@admin.register(DatePolicy)
class DatePolicyAdmin(CachedTableAdmin):
    cache_name = queries.DATE_POLICIES
    list_display = ["__str__", "mode", "quantile"]
    list_filter = ["channel", "service", "mode"]
    list_select_related = ["channel"]


@admin.register(GivenPromise)
class GivenPromiseAdmin(ReadOnlyAdmin):
    """The ledger of promises. Above the list, what is chosen in it is summed up by place, carrier and hour."""

    list_before_template = "routing/admin/promise_figures.html"
    list_display = [
        "reference",
        "location",
        "carrier_service",
        "given",
        "promised",
        "ended",
        "shown_outcome",
        "sureness",
    ]
    list_filter = ["outcome", ("location", RelatedDropdownFilter), GroupFilter.of("location")]
    list_filter += ["carrier_service", "service", "method", "channel", "given_at"]
    list_select_related = ["location"]
    search_fields = ["reference__exact", "root__exact", "location__code__exact"]
    search_help_text = gettext_lazy("A fulfillment, an order, or the code of a place")

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        response = super().changelist_view(request, extra_context)
        shown = getattr(response, "context_data", None)
        if shown and "cl" in shown:
            shown |= {"promise_summaries": _summaries(shown["cl"].queryset), "promise_days": USUAL_DAYS.days}
        return response

    @display(description=gettext_lazy("given"), ordering="given_at")
    def given(self, promise: GivenPromise) -> SafeString:
        return instant(promise.given_at)

    @display(description=gettext_lazy("promised"), ordering="promised_at")
    def promised(self, promise: GivenPromise) -> SafeString:
        return instant(promise.promised_at)

    @display(description=gettext_lazy("ended"), ordering="ended_at")
    def ended(self, promise: GivenPromise) -> SafeString:
        return instant(promise.ended_at)

    @display(description=gettext_lazy("confidence"))
    def sureness(self, promise: GivenPromise) -> str:
        return _("configured") if promise.confidence is None else _percent(promise.confidence)

    @display(description=gettext_lazy("outcome"), ordering="outcome")
    def shown_outcome(self, promise: GivenPromise) -> SafeString:
        if promise.outcome == Outcome.OPEN and promise.promised_at < now():
            return badge(_("Overdue"), "warn", "schedule")
        return badge(promise.get_outcome_display(), *_OUTCOMES[promise.outcome])


Outcome = GivenPromise.Outcome
_OUTCOMES: dict[str, tuple[Tone, str]] = {
    Outcome.OPEN: ("busy", "hourglass_empty"),
    Outcome.KEPT: ("good", "check_circle"),
    Outcome.LATE: ("bad", "running_with_errors"),
    Outcome.WITHDRAWN: ("quiet", "undo"),
}
_SUMMED = (
    ("location", gettext_lazy("By place")),
    ("carrier_service", gettext_lazy("By carrier service")),
    ("hour", gettext_lazy("By hour of the place")),
)
_GROUPS_SHOWN = 12


def _summaries(promises: QuerySet[GivenPromise]) -> list[dict[str, Any]]:
    """The groups with the most promises that were not kept, in words and figures."""
    as_of = now()
    promises = promises.filter(given_at__gte=as_of - USUAL_DAYS)
    return [{"title": title, "rows": _worst(promise_figures(promises, by=by, as_of=as_of))} for by, title in _SUMMED]


def _worst(found: Sequence[Figures]) -> list[dict[str, Any]]:
    missed = sorted(found, key=lambda figures: -(figures.late + figures.overdue))[:_GROUPS_SHOWN]
    return [
        {
            "group": figures.group or _("none"),
            "given": figures.given,
            "kept": NOTHING if figures.share_kept is None else _percent(figures.share_kept),
            "missed": figures.late + figures.overdue,
            "days": number_format(figures.promised_days, 1),
        }
        for figures in missed
    ]


def _percent(share: float) -> str:
    return f"{number_format(share * 100, 1)} %"


@admin.register(LearnedTable)
class LearnedTableAdmin(ReadOnlyAdmin):
    list_display = ["__str__", "learned_at", "window_days", "preparations", "transits"]
    fields = ["learned_at", "window_days", "preparations", "transits", "shown_levels", "shown_drift"]
    readonly_fields = ["shown_levels", "shown_drift"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[LearnedTable]:
        return super().get_queryset(request).defer("document")

    @admin.display(description=gettext_lazy("calibration"))
    def shown_levels(self, table: LearnedTable) -> str:
        said = [
            _("%(method)s: %(level)s of what was learned keeps 90 %% (%(cases)s cases)")
            % {"method": method, "level": _percent(Calibration(tuple(levels)).level(0.9)), "cases": cases}
            for method, (cases, *levels) in table.document["calibrations"].items()
            if levels
        ]
        return "; ".join(said) or _("too few cases yet")

    @admin.display(description=gettext_lazy("what such dates would have kept"))
    def shown_drift(self, table: LearnedTable) -> str | SafeString:
        heads = [_("method"), _("month"), _("cases"), _("kept"), _("without calibration"), _("days")]
        rows = [
            (d["method"], d["month"], d["cases"], _percent(d["kept"]), _percent(d["kept_uncalibrated"]), d["days"])
            for d in table.drift
        ]
        return _table(heads, rows) if rows else "-"


# ---- what was wanted, and what the last units are worth ----------------------------------------------


@admin.register(DemandFact)
class DemandFactAdmin(ReadOnlyAdmin):
    list_display = ["reference", "at", "channel", "method", "service", "country", "postal_code", "shown_units", "value"]
    list_filter = ["channel", "method", "source", "at"]
    search_fields = ["reference"]
    fields = ["reference", "at", "channel", "method", "service", "country", "postal_code", "location"]
    fields += ["value", "currency", "shown_lines", "source"]
    readonly_fields = ["shown_lines"]

    @admin.display(description=gettext_lazy("units"))
    def shown_units(self, fact: DemandFact) -> int:
        return sum(quantity for _sku, quantity, *_ in fact.lines)

    @admin.display(description=gettext_lazy("lines"))
    def shown_lines(self, fact: DemandFact) -> str:
        return ", ".join(f"{quantity} × {sku}" for sku, quantity, *_ in fact.lines)


@admin.register(ScarcityPrice)
class ScarcityPriceAdmin(ReadOnlyAdmin):
    list_display = ["sku", "location", "shown_price", "units", "expected", "method", "valid_until"]
    list_filter = ["method", "currency"]
    search_fields = ["sku", "location"]
    fields = ["sku", "location", "shown_price", "shown_reason", "method", "computed_at", "valid_until"]
    readonly_fields = ["shown_price", "shown_reason"]

    @admin.display(description=gettext_lazy("price of a unit"), ordering="price")
    def shown_price(self, price: ScarcityPrice) -> str:
        return f"{number_format(round(price.price, 2), 2)} {price.currency}"

    @admin.display(description=gettext_lazy("because"))
    def shown_reason(self, price: ScarcityPrice) -> str:
        return _("%(units)d there, about %(expected)s wanted nearby in the days ahead") % {
            "units": price.units,
            "expected": number_format(price.expected, 1),
        }


# ---- decisions -------------------------------------------------------------------------------------


@admin.register(Decision)
class DecisionAdmin(ReadOnlyAdmin):
    list_display = ["id", "subject", "cost", "optimal", "elapsed_ms", "created_at"]
    list_filter = ["optimal", "created_at"]
    search_fields = ["id", "subject"]
    fields = ["subject", "created_at", "shown_rules", "cost", "lower_bound", "optimal", "elapsed_ms"]
    fields += ["shown_notes", "shown_steps", "shown_places"]
    readonly_fields = ["shown_rules", "shown_notes", "shown_steps", "shown_places"]

    @admin.display(description=gettext_lazy("rules"))
    def shown_rules(self, decision: Decision) -> str:
        rule = decision.snapshot["rule"] or _("no rule")
        rule_set = decision.rule_set or _("built-in")
        return f"{rule_set} v{decision.rule_set_version}: {rule}"

    @admin.display(description=gettext_lazy("notes"))
    def shown_notes(self, decision: Decision) -> str:
        return " ".join(str(words.NOTES.get(note, note)) for note in decision.snapshot["notes"]) or "-"

    @admin.display(description=gettext_lazy("steps"))
    def shown_steps(self, decision: Decision) -> SafeString:
        rows = (
            (step["name"], words.OUTCOMES.get(step["outcome"], step["outcome"]), step["eligible"], step["cost"])
            for step in explanation(decision.snapshot)["steps"]
        )
        return _table([_("step"), _("outcome"), _("places let in"), _("cost")], rows)

    @admin.display(description=gettext_lazy("places"))
    def shown_places(self, decision: Decision) -> SafeString:
        told = explanation(decision.snapshot)
        chosen = {place["location"] for place in told["chosen"]}
        candidates = sorted(
            told["candidates"], key=lambda c: (c["location"] not in chosen, c["score"] is None, float(c["score"] or 0))
        )
        rows = [(c["location"], *_verdict(c, chosen), c["distance_km"] or "") for c in candidates]
        without = told["excluded_counts"].get("no_stock", 0)
        rows.append(("", _("%(count)d more places have none of it") % {"count": without}, "", "", ""))
        return _table([_("place"), _("verdict"), _("score"), _("made of"), _("km")], rows)


def _verdict(candidate: dict[str, Any], chosen: set[str]) -> tuple[str, str, str]:
    if candidate["excluded_because"]:
        return words.reason(candidate["excluded_because"]), "", ""
    parts = ", ".join(f"{words.PARTS.get(name, name)} {amount}" for name, amount in candidate["cost"].items())
    return _("chosen") if candidate["location"] in chosen else _("possible"), candidate["score"], parts


def _table(heads: list[str], rows: Any) -> SafeString:
    head = format_html_join("", "<th style='text-align:left;padding-right:1rem'>{}</th>", ((head,) for head in heads))
    body = format_html_join(
        "",
        "<tr>{}</tr>",
        ((format_html_join("", "<td style='padding-right:1rem'>{}</td>", ((c,) for c in row)),) for row in rows),
    )
    return format_html("<table><thead><tr>{}</tr></thead><tbody>{}</tbody></table>", head, body)
