"""The ledger: its list with filters that stay on indexes, and what it says on the page of a level."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.dateparse import parse_date
from django.utils.html import format_html
from django.utils.http import urlencode
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.contrib.filters.admin import DropdownFilter, RangeDateFilter, RelatedDropdownFilter, TextFilter
from unfold.decorators import display
from unfold.widgets import UnfoldAdminTextInputWidget

from inventory.admin.groups import GroupFilter
from inventory.balances import Balance, balances_of, causes, check_instant
from inventory.models import Cause, Location, Product, StockLevel, StockMovement
from oms.backoffice.lists import ReadOnlyAdmin
from oms.backoffice.words import NOTHING, instant, listed, subject_link, who
from oms.clock import now
from oms.errors import DomainError

_SHOWN = 20


_FROM_FEEDS = {"sale": gettext_lazy("Sale"), "return": gettext_lazy("Return"), "delivery": gettext_lazy("Delivery")}


def cause_name(cause: str) -> str:
    """Ours, and what our documentation lets feeds say, in the reader's language; feeds bring words of their own as well."""
    if cause in Cause.values:
        return str(Cause(cause).label)
    return str(_FROM_FEEDS.get(cause, cause.replace("_", " ").capitalize()))


def belongs_to(movement: StockMovement) -> SafeString | str:
    """What is behind a movement: the way to the order's work, the import …; else the event that told it."""
    if movement.reference:
        return subject_link(movement.reference)
    if movement.external_id is None:
        return NOTHING
    return format_html("{} <span class='bo-dim'>{}</span>", subject_link(movement.source), movement.external_id)


def conditions(movement: StockMovement) -> SafeString | str:
    changes = [(_("damaged"), movement.damaged_delta), (_("quarantined"), movement.quarantined_delta)]
    return listed(f"{name} {units:+}" for name, units in changes if units)


# ---- the list ------------------------------------------------------------------------------------


class CauseFilter(DropdownFilter):
    title = gettext_lazy("cause")
    parameter_name = "cause"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Sequence[tuple[str, str]]:
        return [(cause, cause_name(cause)) for cause in causes()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[StockMovement]) -> QuerySet[StockMovement]:
        return queryset.filter(cause=self.value()) if self.value() else queryset


class ReferenceFilter(TextFilter):
    title = gettext_lazy("reference")
    parameter_name = "reference"

    def queryset(self, request: HttpRequest, queryset: QuerySet[StockMovement]) -> QuerySet[StockMovement]:
        text = (self.value() or "").strip()
        # said once more, because the index leaves out what refers to nothing
        return queryset.filter(reference=text).exclude(reference="") if text else queryset


class RecordedFilter(RangeDateFilter):
    """By days of the zone of the back office. When it was recorded, because the ledger is partitioned by that."""

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        from_at, until_at = self._begin("from"), self._begin("to", later=1)
        if from_at:
            queryset = queryset.filter(recorded_at__gte=from_at)
        return queryset.filter(recorded_at__lt=until_at) if until_at else queryset

    def _begin(self, end: str, *, later: int = 0) -> datetime | None:
        """Of the day that was typed, in any of the reader's formats, or so many later; None where there is none."""
        text = str(self.used_parameters.get(f"{self.parameter_name}_{end}") or "")
        try:
            day = parse_date(text) or forms.DateField().to_python(text)
            return timezone.make_aware(datetime.combine(day + timedelta(days=later), time.min)) if day else None
        except (ValueError, OverflowError, forms.ValidationError):
            return None


@admin.register(StockMovement)
class StockMovementAdmin(ReadOnlyAdmin):
    list_display = ["when", "sku", "place", "cause_shown", "change", "condition", "behind", "author"]
    list_filter = [
        ("location", RelatedDropdownFilter),
        GroupFilter.of("location"),
        CauseFilter,
        ReferenceFilter,
        ("recorded_at", RecordedFilter),
    ]
    search_fields = ["product__sku"]  # makes the box appear; see get_search_results
    search_help_text = gettext_lazy("A SKU, the code of a place, or a reference")
    fields = [
        *("when", "recorded", "product", "location", "cause_shown", "change", "condition", "behind", "author"),
        *("source", "external_id"),
    ]
    readonly_fields = fields

    def get_search_results(self, request: HttpRequest, queryset: QuerySet, search_term: str) -> tuple[QuerySet, bool]:
        """Whichever of the three it is: asked for one at a time, each has an index."""
        text = search_term.strip()
        if not text:
            return queryset, False
        if Product.objects.filter(pk=text).exists():
            return queryset.filter(product=text), False
        if Location.objects.filter(pk=text).exists():
            return queryset.filter(location=text), False
        return queryset.filter(reference=text).exclude(reference=""), False

    @display(description=gettext_lazy("at"), ordering="id")
    def when(self, movement: StockMovement) -> SafeString:
        return instant(movement.occurred_at)

    @display(description=gettext_lazy("SKU"))
    def sku(self, movement: StockMovement) -> str:
        return movement.product_id

    @display(description=gettext_lazy("place"))
    def place(self, movement: StockMovement) -> str:
        return movement.location_id

    @display(description=gettext_lazy("recorded"))
    def recorded(self, movement: StockMovement) -> SafeString:
        return instant(movement.recorded_at)

    @display(description=gettext_lazy("cause"))
    def cause_shown(self, movement: StockMovement) -> str:
        return cause_name(movement.cause)

    @display(description=gettext_lazy("on hand ±"))
    def change(self, movement: StockMovement) -> str:
        return f"{movement.quantity:+}"

    @display(description=gettext_lazy("condition"))
    def condition(self, movement: StockMovement) -> SafeString | str:
        return conditions(movement)

    @display(description=gettext_lazy("belongs to"))
    def behind(self, movement: StockMovement) -> SafeString | str:
        return belongs_to(movement)

    @display(description=gettext_lazy("author"))
    def author(self, movement: StockMovement) -> str:
        return who(movement.actor)


# ---- on the page of a level ----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class MovementView:
    at: SafeString
    cause: str
    change: str
    condition: SafeString | str
    behind: SafeString | str
    author: str


class BalanceForm(forms.Form):
    at = forms.DateTimeField(
        label=gettext_lazy("What stood here at"),
        widget=UnfoldAdminTextInputWidget(attrs={"type": "datetime-local"}),
    )


@dataclass(frozen=True, slots=True)
class LevelLedger:
    movements: list[MovementView]
    has_more: bool
    all_address: str
    form: BalanceForm
    balance: Balance | None
    refusal: str


class LedgerOnPage:
    """Mixin for the admin of levels: the last movements, and the balance at an instant asked for by `?at=`."""

    change_form_outer_after_template = "inventory/admin/level_ledger.html"

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        level = self.get_object(request, unquote(object_id))  # type: ignore[attr-defined]
        if level is not None and request.user.has_perm("inventory.view_stockmovement"):
            extra_context = {**(extra_context or {}), "ledger": _ledger_of(level, request)}
        return super().change_view(request, object_id, form_url, extra_context)  # type: ignore[misc]


def address_of_movements(sku: str, location: str) -> str:
    """Where the back office shows them all."""
    here = urlencode({"q": sku, "location__code__exact": location})
    return f"{reverse('admin:inventory_stockmovement_changelist')}?{here}"


def _ledger_of(level: StockLevel, request: HttpRequest) -> LevelLedger:
    rows = StockMovement.objects.filter(product=level.product_id, location=level.location_id)
    newest = list(rows.order_by("-occurred_at", "-id")[: _SHOWN + 1])
    form = BalanceForm(request.GET if "at" in request.GET else None)
    balance, refusal = _balance_of(level, form)
    return LevelLedger(
        movements=list(_views(newest[:_SHOWN])),
        has_more=len(newest) > _SHOWN,
        all_address=address_of_movements(level.product_id, level.location_id),
        form=form,
        balance=balance,
        refusal=refusal,
    )


def _balance_of(level: StockLevel, form: BalanceForm) -> tuple[Balance | None, str]:
    if not form.is_valid():
        return None, ""
    try:
        check_instant(form.cleaned_data["at"], as_of=now())
    except DomainError as error:
        return None, str(error.errors[0].detail)
    [balance] = balances_of([(level.product_id, level.location_id)], as_of=form.cleaned_data["at"])
    return balance, ""


def _views(movements: Sequence[StockMovement]) -> Iterator[MovementView]:
    for movement in movements:
        yield MovementView(
            at=instant(movement.occurred_at),
            cause=cause_name(movement.cause),
            change=f"{movement.quantity:+}",
            condition=conditions(movement),
            behind=belongs_to(movement),
            author=who(movement.actor),
        )
