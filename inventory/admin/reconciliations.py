"""How far feeds and the ledger were apart, night by night."""

from typing import Any, NamedTuple

from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.formats import date_format, number_format
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.contrib.filters.admin import RelatedDropdownFilter
from unfold.decorators import display

from inventory.admin.ledger import address_of_movements
from inventory.models import Product, Reconciliation
from oms.backoffice.actions import row_or_404
from oms.backoffice.lists import ReadOnlyAdmin
from oms.backoffice.words import Tone, badge, figure

_NIGHTS = 30
_TRENDS: dict[str, tuple[Any, Tone, str]] = {
    "new": (gettext_lazy("first report"), "quiet", "fiber_new"),
    "better": (gettext_lazy("better"), "good", "trending_down"),
    "same": (gettext_lazy("the same"), "quiet", "trending_flat"),
    "worse": (gettext_lazy("worse"), "warn", "trending_up"),
}


class DiffersFilter(admin.SimpleListFilter):
    title = gettext_lazy("differences")
    parameter_name = "differs"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("yes", _("with differences")), ("no", _("all equal"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Reconciliation]) -> QuerySet[Reconciliation]:
        match self.value():
            case "yes":
                return queryset.filter(different__gt=0)
            case "no":
                return queryset.filter(different=0)
        return queryset


@admin.register(Reconciliation)
class ReconciliationAdmin(ReadOnlyAdmin):
    list_display = ["day", "source", "place", "rows_compared", "rows_different", "over", "under", "trend_shown"]
    list_display_links = ["day"]
    list_select_related = ["location"]
    list_filter = [DiffersFilter, ("location", RelatedDropdownFilter), "date"]
    search_fields = ["source__startswith", "location__code__exact"]
    search_help_text = gettext_lazy("A source, or the code of a place")

    @display(description=gettext_lazy("day"), ordering="date")
    def day(self, row: Reconciliation) -> str:
        return date_format(row.date, "SHORT_DATE_FORMAT")

    @display(description=gettext_lazy("place"), ordering="location")
    def place(self, row: Reconciliation) -> str:
        return row.location.name

    @display(description=gettext_lazy("compared"), ordering="compared")
    def rows_compared(self, row: Reconciliation) -> str:
        return _figure(row.compared)

    @display(description=gettext_lazy("different"), ordering="different")
    def rows_different(self, row: Reconciliation) -> str:
        return f"{_figure(row.different)} ({figure(row.share_different * 100, 1)} %)"

    @display(description=gettext_lazy("units over"), ordering="units_over")
    def over(self, row: Reconciliation) -> str:
        return _figure(row.units_over)

    @display(description=gettext_lazy("units under"), ordering="units_under")
    def under(self, row: Reconciliation) -> str:
        return _figure(row.units_under)

    @display(description=gettext_lazy("trend"))
    def trend_shown(self, row: Reconciliation) -> SafeString:
        return badge(*_TRENDS[row.trend])

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        row = row_or_404(Reconciliation.objects.select_related("location"), unquote(object_id))
        context = {
            **self.admin_site.each_context(request),
            "title": f"{row.source} · {row.location.name} · {date_format(row.date, 'SHORT_DATE_FORMAT')}",
            "row": row,
            "trend": self.trend_shown(row),
            "share": figure(row.share_different * 100, 1),
            "biggest": _biggest(row),
            "bars": _bars(row),
            "opts": self.opts,
            "original": row,
        }
        return render(request, "inventory/admin/reconciliation.html", context)


def _figure(number: int) -> str:
    return number_format(number, use_l10n=True, force_grouping=True)


def _biggest(row: Reconciliation) -> list[tuple[str, str, int, str]]:
    """SKU, name, difference, and the way to its movements."""
    skus = [found["sku"] for found in row.biggest]
    names = {product.sku: product.name for product in Product.objects.filter(sku__in=skus)}
    return [
        (
            found["sku"],
            names.get(found["sku"], ""),
            found["difference"],
            address_of_movements(found["sku"], row.location_id),
        )
        for found in row.biggest
    ]


class _Bar(NamedTuple):
    """A night in the picture, 100 high."""

    x: int
    y: int
    height: int
    label: str
    is_this: bool


def _bars(row: Reconciliation) -> list[_Bar]:
    """The share that differed, over the last nights of this source and place."""
    same = Reconciliation.objects.filter(source=row.source, location=row.location_id, date__lte=row.date)
    nights = list(same.order_by("-date")[:_NIGHTS])[::-1]
    highest = max((night.share_different for night in nights), default=0) or 1
    bars = []
    for index, night in enumerate(nights):
        height = max(1, round(100 * night.share_different / highest)) if night.different else 0
        share = figure(night.share_different * 100, 1)
        label = _("%(day)s: %(different)s of %(compared)s differ (%(share)s %%), %(units)s units") % {
            "day": date_format(night.date, "SHORT_DATE_FORMAT"),
            "different": _figure(night.different),
            "compared": _figure(night.compared),
            "share": share,
            "units": _figure(night.units_off),
        }
        bars.append(_Bar(index * 20, 100 - height, height, label, night.pk == row.pk))
    return bars
