"""Stock health as headquarters reads it: three lists with their definitions, and the way from doubt to a count."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.formats import number_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import UnfoldAdminIntegerFieldWidget, UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from inventory import health
from inventory.health import After, OutOfStock, Overstock, Suspect, Where
from inventory.models import CountScope, LevelPace
from inventory.queries import places
from inventory.services import Scope, open_count
from oms.backoffice.actions import actor_of, attempt
from oms.backoffice.lists import ReadOnlyAdmin
from oms.backoffice.words import NOTHING, badge, figure, instant, link, listed, money
from oms.clock import now

_ROWS = 50
_LISTS = {
    health.OUT_OF_STOCK: gettext_lazy("Out of stock"),
    health.OVERSTOCK: gettext_lazy("Overstock"),
    health.SUSPECT: gettext_lazy("Suspect stock"),
}
_Cell = str | SafeString


class FilterForm(forms.Form):
    """What stands in the address. What cannot be read does not filter."""

    location = forms.ChoiceField(label=gettext_lazy("Place"), required=False, widget=UnfoldAdminSelectWidget)
    group = forms.CharField(
        label=gettext_lazy("Group of places"), required=False, max_length=64, widget=UnfoldAdminTextInputWidget
    )
    tag = forms.CharField(
        label=gettext_lazy("Tag of products"), required=False, max_length=64, widget=UnfoldAdminTextInputWidget
    )
    weeks = forms.IntegerField(
        label=gettext_lazy("Weeks looked at"),
        required=False,
        min_value=1,
        max_value=health.MOST_WEEKS,
        widget=UnfoldAdminIntegerFieldWidget(attrs={"placeholder": health.WEEKS_LOOKED_AT}),
    )

    def __init__(self, data: Any):
        super().__init__(data, auto_id="filter_%s")
        named = sorted((place.name, code) for code, place in places().items() if place.is_active)
        self.fields["location"].choices = [("", _("All places")), *((code, name) for name, code in named)]  # type: ignore[attr-defined]
        self.is_valid()

    def given(self, name: str) -> Any:
        return self.cleaned_data.get(name)

    @property
    def where(self) -> Where:
        location = self.given("location")
        return Where([location] if location else None, self.given("group") or "", self.given("tag") or "")


class OutOfStockForm(FilterForm):
    scope = forms.ChoiceField(
        label=gettext_lazy("Missing"),
        required=False,
        choices=[("", gettext_lazy("at a place")), ("network", gettext_lazy("at all of these places"))],
        widget=UnfoldAdminSelectWidget,
    )


class OverstockForm(FilterForm):
    cover = forms.IntegerField(
        label=gettext_lazy("Weeks of cover"),
        required=False,
        min_value=1,
        max_value=520,
        widget=UnfoldAdminIntegerFieldWidget(attrs={"placeholder": health.WEEKS_OF_COVER}),
    )


class SuspectForm(FilterForm):
    reason = forms.ChoiceField(
        label=gettext_lazy("Reason"),
        required=False,
        choices=[("", gettext_lazy("All but never counted")), *health.REASONS.items()],
        widget=UnfoldAdminSelectWidget,
    )


@dataclass(frozen=True, slots=True)
class _Table:
    """Columns and cells, each with whether it is a number, which stands to the right."""

    columns: Sequence[tuple[str, bool]]
    rows: Sequence[Sequence[tuple[_Cell, bool]]]
    skus: Sequence[str]
    after: After | None


def _table(
    columns: Sequence[tuple[str, bool]], cells: Callable[[Any], Sequence[_Cell]], page: health.Page[Any]
) -> _Table:
    numbers = [is_number for _name, is_number in columns]
    rows = [list(zip(cells(row), numbers, strict=True)) for row in page.rows]
    return _Table(columns, rows, [row.sku for row in page.rows], page.after)


@admin.register(LevelPace)
class StockHealthAdmin(ReadOnlyAdmin):
    """The lists stand where the rows of the table would be listed: nobody reads those."""

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        name = request.GET.get("list", health.OUT_OF_STOCK)
        name = name if name in _LISTS else health.OUT_OF_STOCK
        form = _FORMS[name](request.GET)
        if request.method == "POST":
            return self._count(request, form)
        table = _TABLES[name](form, after=_after(request))
        return render(request, "inventory/admin/health.html", self._context(request, name, form, table))

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """A row by itself says nothing: it leads to its level."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        row = self.get_object(request, unquote(object_id))
        search = {"q": row.product_id} if row else {}
        return redirect(f"{reverse('admin:inventory_stocklevel_changelist')}?{urlencode(search)}")

    def _context(self, request: HttpRequest, name: str, form: FilterForm, table: _Table) -> dict[str, Any]:
        filters = {key: value for key, value in request.GET.items() if key not in ("list", "after") and value}
        here = reverse("admin:inventory_levelpace_changelist")
        location = form.given("location")
        return {
            **self.admin_site.each_context(request),
            "title": _("Stock health"),
            "tabs": [
                (f"{here}?{urlencode({'list': key, **filters})}", label, key == name) for key, label in _LISTS.items()
            ],
            "name": name,
            "form": form,
            "table": table,
            "definition": health.definitions()[name],
            "refreshed_at": health.refreshed_at(),
            "here": here,
            "next": table.after and f"{here}?{urlencode({'list': name, **filters, 'after': table.after.text})}",
            "has_begun": "after" in request.GET,
            "first": f"{here}?{urlencode({'list': name, **filters})}",
            "may_count": bool(location and table.skus and name == health.SUSPECT and self._may_count(request)),
            "opts": self.opts,
        }

    def _may_count(self, request: HttpRequest) -> bool:
        return request.user.has_perm("inventory.change_countsession")

    def _count(self, request: HttpRequest, form: FilterForm) -> HttpResponse:
        """Open a count of what the page shows."""
        if not self._may_count(request):
            raise PermissionDenied
        opened: list[str] = []
        scope = Scope(CountScope.SKUS, skus=request.POST.getlist("sku")[:_ROWS])
        location = form.given("location") or ""
        attempt(
            request,
            lambda: opened.append(open_count(location=location, scope=scope, actor=actor_of(request), as_of=now())),
            done=_("The count is open; the place finds it on its phone."),
        )
        if opened:
            return redirect("admin:inventory_countsession_change", opened[0])
        return redirect(request.get_full_path())


def _after(request: HttpRequest) -> After | None:
    try:
        return After.of(request.GET["after"]) if request.GET.get("after") else None
    except ValueError:
        return None


def _place(code: str | None) -> str:
    place = places().get(code or "")
    return place.name if place else code or _("all places")


def _product(sku: str, name: str) -> SafeString:
    return format_html('{}<br><span class="bo-dim">{}</span>', link("inventory.Product", sku), name)


def _out_of_stock(form: FilterForm, *, after: After | None) -> _Table:
    everywhere, weeks = form.given("scope") == "network", form.given("weeks") or health.WEEKS_LOOKED_AT
    page = health.out_of_stock(form.where, everywhere=everywhere, weeks=weeks, after=after, limit=_ROWS, as_of=now())
    columns = [
        (_("product"), False),
        (_("place"), False),
        (_("on hand"), True),
        (_("reserved"), True),
        (_("out a week"), True),
        (_("last went out"), False),
        (_("lost units"), True),
        (_("lost value"), True),
    ]
    return _table(columns, _missing, page)


def _missing(row: OutOfStock) -> Sequence[_Cell]:
    note = badge(_("to be counted"), "warn", "search") if row.is_suspect else ""
    return [
        _product(row.sku, row.name),
        format_html("{} {}", _place(row.location), note),
        str(row.on_hand),
        str(row.reserved),
        number_format(row.weekly),
        instant(row.last_out_at),
        number_format(row.lost_units),
        money(row.lost_value, row.currency),
    ]


def _overstock(form: FilterForm, *, after: After | None) -> _Table:
    cover, weeks = form.given("cover") or health.WEEKS_OF_COVER, form.given("weeks") or health.WEEKS_LOOKED_AT
    page = health.overstock(form.where, cover=cover, weeks=weeks, after=after, limit=_ROWS, as_of=now())
    columns = [
        (_("product"), False),
        (_("place"), False),
        (_("in good condition"), True),
        (_("out a week"), True),
        (_("weeks of cover"), True),
        (_("surplus"), True),
        (_("value"), True),
        (_("last came in"), False),
    ]
    return _table(columns, _too_much, page)


def _too_much(row: Overstock) -> Sequence[_Cell]:
    return [
        _product(row.sku, row.name),
        _place(row.location),
        str(row.good),
        number_format(row.weekly),
        _("none went out") if row.cover_weeks is None else number_format(row.cover_weeks),
        str(row.surplus),
        money(row.value, row.currency),
        instant(row.last_in_at),
    ]


def _suspect(form: FilterForm, *, after: After | None) -> _Table:
    reasons = [form.given("reason")] if form.given("reason") else health.PLAIN
    weeks = form.given("weeks") or health.WEEKS_LOOKED_AT
    page = health.suspects(form.where, reasons=reasons, weeks=weeks, after=after, limit=_ROWS, as_of=now())
    columns = [
        (_("product"), False),
        (_("place"), False),
        (_("bin"), False),
        (_("on hand"), True),
        (_("reserved"), True),
        (_("confidence"), True),
        (_("why"), False),
        (_("last went out"), False),
        (_("counted"), False),
        (_("what to do"), False),
    ]
    return _table(columns, _doubted, page)


def _doubted(row: Suspect) -> Sequence[_Cell]:
    is_urgent = row.suggestion == "count_now"
    return [
        _product(row.sku, row.name),
        _place(row.location),
        row.bin,
        str(row.on_hand),
        str(row.reserved),
        NOTHING if row.confidence is None else figure(row.confidence, 2),
        listed(_reason(reason, row) for reason in row.reasons),
        instant(row.last_out_at),
        instant(row.counted_at),
        badge(_("count now"), "warn", "priority_high") if is_urgent else badge(_("count soon"), "quiet", "schedule"),
    ]


def _reason(reason: str, row: Suspect) -> str:
    words = row.words(reason)
    if reason == "silent" and row.chance is not None:
        return _("%(reason)s (chance %(percent)s %%)") % {
            "reason": words,
            "percent": figure(float(row.chance) * 100, 1),
        }
    return words


_FORMS: dict[str, type[FilterForm]] = {
    health.OUT_OF_STOCK: OutOfStockForm,
    health.OVERSTOCK: OverstockForm,
    health.SUSPECT: SuspectForm,
}
_TABLES = {health.OUT_OF_STOCK: _out_of_stock, health.OVERSTOCK: _overstock, health.SUSPECT: _suspect}
