"""Dates: what was learned, and what was promised and kept."""

from collections.abc import Sequence
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.contrib.filters.admin import RelatedDropdownFilter
from unfold.decorators import display

from inventory.admin.groups import GroupFilter
from inventory.exposure_words import METHODS
from oms.backoffice.lists import ReadOnlyAdmin
from oms.backoffice.words import NOTHING, Tone, badge, figure, instant
from oms.clock import now
from routing import queries
from routing.admin.base import CachedTableAdmin, html_table, percent
from routing.leadtimes import Calibration
from routing.models import (
    DatePolicy,
    GivenPromise,
    LearnedTable,
)
from routing.promise_figures import USUAL_DAYS, Figures, promise_figures


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
        return _("configured") if promise.confidence is None else percent(promise.confidence)

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
            "kept": NOTHING if figures.share_kept is None else percent(figures.share_kept),
            "missed": figures.late + figures.overdue,
            "days": figure(figures.promised_days, 1),
        }
        for figures in missed
    ]


def _way(method: str) -> str:
    return str(METHODS.get(method, method))


@admin.register(LearnedTable)
class LearnedTableAdmin(ReadOnlyAdmin):
    list_display = ["__str__", "learned", "window_days", "preparations", "transits"]
    fields = ["learned", "window_days", "preparations", "transits", "shown_levels", "shown_drift"]
    readonly_fields = ["learned", "shown_levels", "shown_drift"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[LearnedTable]:
        return super().get_queryset(request).defer("document")

    @display(description=gettext_lazy("learned"), ordering="learned_at")
    def learned(self, table: LearnedTable) -> SafeString:
        return instant(table.learned_at)

    @admin.display(description=gettext_lazy("calibration"))
    def shown_levels(self, table: LearnedTable) -> str:
        said = [
            _("%(method)s: %(level)s of what was learned keeps 90 %% (%(cases)s cases)")
            % {"method": _way(method), "level": percent(Calibration(tuple(levels)).level(0.9)), "cases": cases}
            for method, (cases, *levels) in table.document["calibrations"].items()
            if levels
        ]
        return "; ".join(said) or _("too few cases yet")

    @admin.display(description=gettext_lazy("what such dates would have kept"))
    def shown_drift(self, table: LearnedTable) -> str | SafeString:
        heads = [_("method"), _("month"), _("cases"), _("kept"), _("without calibration"), _("days")]
        rows = [
            (
                _way(d["method"]),
                d["month"],
                d["cases"],
                percent(d["kept"]),
                percent(d["kept_uncalibrated"]),
                figure(d["days"], 1),
            )
            for d in table.drift
        ]
        return html_table(heads, rows) if rows else "-"
