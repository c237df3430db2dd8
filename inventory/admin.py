from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import Model, QuerySet
from django.db.models.expressions import RawSQL
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from pydantic import TypeAdapter
from pydantic import ValidationError as InvalidBody
from unfold.admin import TabularInline
from unfold.contrib.filters.admin import ChoicesDropdownFilter, RelatedDropdownFilter
from unfold.decorators import action, display
from unfold.widgets import UnfoldAdminIntegerFieldWidget, UnfoldAdminTextInputWidget

from inventory.api.bodies import Closure, CutOff, OpeningHours, Timezone
from inventory.hours import WEEKDAYS
from inventory.models import Barcode, Location, Membership, Product, Reservation, StockLevel, StockMovement
from inventory.sellable import sellable_sql
from inventory.services import count_stock
from oms.api.body import field_errors
from oms.backoffice.lists import BackOfficeAdmin, ReadOnlyAdmin
from oms.backoffice.refusals import tell_refusal
from oms.backoffice.words import NOTHING, badge, instant, listed, money
from oms.cache import bump
from oms.clock import now
from oms.errors import DomainError

# ---- products ------------------------------------------------------------------------------------


class BarcodeInline(TabularInline):
    model = Barcode
    extra = 1


@admin.register(Product)
class ProductAdmin(BackOfficeAdmin):
    list_display = ["picture", "sku", "shown_name", "shown_price", "shown_tags", "is_active"]
    list_display_links = ["picture", "sku", "shown_name"]
    list_filter = ["is_active", "tax_class"]
    search_fields = ["name_en", "name_fr", "sku__startswith", "barcodes__code__exact"]
    search_help_text = gettext_lazy("Part of a name, start of a SKU, or a barcode")
    inlines = [BarcodeInline]
    fieldsets = [
        (None, {"fields": ["sku", "name_en", "name_fr", "is_active"]}),
        (gettext_lazy("sale"), {"fields": ["price", "currency", "tax_class"]}),
        (gettext_lazy("more"), {"fields": ["weight_g", "tags", "attributes", "image_url"]}),
    ]

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> list[str]:
        return ["sku"] if obj else []

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False  # history names it: `is_active` takes it off sale

    @display(description="")
    def picture(self, product: Product) -> SafeString:
        if not product.image_url:
            return NOTHING
        image = '<img src="{}" alt="" width="40" height="40" loading="lazy" style="object-fit:cover;border-radius:6px">'
        return format_html(image, product.image_url)

    @display(description=gettext_lazy("name"), ordering="name_en")
    def shown_name(self, product: Product) -> str:
        return product.name

    @display(description=gettext_lazy("price"), ordering="price")
    def shown_price(self, product: Product) -> str:
        return money(product.price, product.currency)

    @display(description=gettext_lazy("tags"))
    def shown_tags(self, product: Product) -> str:
        return listed(product.tags)


# ---- places --------------------------------------------------------------------------------------


class LocationForm(forms.ModelForm):
    """What the API asks of hours, closures, cut-off and zone is asked here too."""

    class Meta:
        model = Location
        fields = "__all__"

    def clean_timezone(self) -> str:
        return _checked(Timezone, self.cleaned_data["timezone"])

    def clean_opening_hours(self) -> dict[str, Any]:
        return _checked(OpeningHours, self.cleaned_data["opening_hours"] or {})

    def clean_closures(self) -> list[dict[str, Any]]:
        return _checked(list[Closure], self.cleaned_data["closures"] or [])

    def clean_cut_off(self) -> Any:
        return _checked(CutOff | None, self.cleaned_data["cut_off"] or None)


def _checked(kind: Any, value: Any) -> Any:
    adapter: TypeAdapter[Any] = TypeAdapter(kind)
    try:
        return adapter.dump_python(adapter.validate_python(value), mode="json")
    except InvalidBody as error:
        raise ValidationError([fault.detail for fault in field_errors(error)]) from None


@admin.register(Location)
class LocationAdmin(BackOfficeAdmin):
    form = LocationForm
    list_display = ["code", "name", "kind", "city", "open_now", "daily_capacity", "accepting_orders", "is_active"]
    list_display_links = ["code", "name"]
    list_filter = [("kind", ChoicesDropdownFilter), "country", "accepting_orders", "is_active"]
    search_fields = ["name", "city", "code__startswith"]
    fieldsets = [
        (None, {"fields": ["code", "name", "kind", "is_active", "accepting_orders", "groups"]}),
        (
            gettext_lazy("address"),
            {"fields": ["line1", "line2", "postal_code", "city", "region", "country", "latitude", "longitude"]},
        ),
        (gettext_lazy("hours"), {"fields": ["timezone", "shown_hours", "opening_hours", "closures", "cut_off"]}),
        (
            gettext_lazy("work"),
            {
                "fields": [
                    "abilities",
                    "daily_capacity",
                    "preparation_minutes",
                    "handling_cost",
                    "currency",
                    "safety_stock",
                ]
            },
        ),
    ]

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> list[str]:
        return ["shown_hours", *(["code"] if obj else [])]

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False  # history names it: `is_active` closes it

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        bump("places")

    @display(description=gettext_lazy("open now"), boolean=True)
    def open_now(self, location: Location) -> bool:
        return location.calendar.is_open(now())

    @display(description=gettext_lazy("in words"))
    def shown_hours(self, location: Location) -> str | SafeString:
        if not location.opening_hours:
            return _("Always open")
        names = dict(zip(WEEKDAYS, _weekday_names(), strict=True))
        rows = ((names[day], _spans(location.opening_hours.get(day))) for day in WEEKDAYS)
        return format_html('<dl class="bo-pairs">{}</dl>', format_html_join("", "<dt>{}</dt><dd>{}</dd>", rows))


def _weekday_names() -> list[str]:
    return [_("Monday"), _("Tuesday"), _("Wednesday"), _("Thursday"), _("Friday"), _("Saturday"), _("Sunday")]


def _spans(pairs: list[list[str]] | None) -> str:
    return ", ".join(f"{opens}–{closes}" for opens, closes in pairs or []) or _("closed")


@admin.register(Membership)
class MembershipAdmin(BackOfficeAdmin):
    list_display = ["user", "location"]
    list_filter = [("location", RelatedDropdownFilter)]
    list_select_related = ["user", "location"]
    search_fields = ["user__username", "location__code", "location__name"]
    autocomplete_fields = ["location"]


# ---- stock ---------------------------------------------------------------------------------------


class CountForm(forms.Form):
    quantity = forms.IntegerField(
        label=gettext_lazy("Units found, in any condition"),
        min_value=0,
        max_value=1_000_000_000,
        widget=UnfoldAdminIntegerFieldWidget,
    )
    bin = forms.CharField(label=gettext_lazy("Bin"), max_length=40, required=False, widget=UnfoldAdminTextInputWidget)


@admin.register(StockLevel)
class StockLevelAdmin(ReadOnlyAdmin):
    list_display = ["product", "location", "on_hand", "reserved", "unsellable", "sellable", "bin", "state", "counted"]
    list_display_links = ["product"]
    list_select_related = ["product", "location"]
    list_filter = [("location", RelatedDropdownFilter), ("suspect_at", admin.EmptyFieldListFilter)]
    search_fields = ["product__sku__startswith", "location__code__exact"]
    search_help_text = gettext_lazy("Start of a SKU, or the code of a place")
    actions_detail = ["count"]
    actions_row = ["count"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[StockLevel]:
        sellable = RawSQL(sellable_sql("inventory_stocklevel", "inventory_location.safety_stock"), [])
        return super().get_queryset(request).select_related(*self.list_select_related).annotate(sellable_qty=sellable)

    @display(description=gettext_lazy("unsellable"))
    def unsellable(self, level: StockLevel) -> int:
        return level.unsellable

    @display(description=gettext_lazy("sellable"))
    def sellable(self, level: Any) -> int:
        return level.sellable_qty

    @display(description=gettext_lazy("state"))
    def state(self, level: StockLevel) -> SafeString:
        if level.suspect_at:
            return badge(_("to be counted"), "warn", "search")
        if level.on_hand - level.unsellable < level.reserved:
            return badge(_("oversold"), "bad", "error")
        return NOTHING

    @display(description=gettext_lazy("counted"), ordering="counted_at")
    def counted(self, level: StockLevel) -> SafeString:
        return instant(level.counted_at)

    def has_count_permission(self, request: HttpRequest, _object_id: str | None = None) -> bool:
        return self.may_act(request)

    @action(description=gettext_lazy("Count"), url_path="count", permissions=["count"], icon="inventory")
    def count(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """A form whose outcome is one count, as if a store had sent it."""
        level = get_object_or_404(StockLevel, pk=object_id)
        back = reverse("admin:inventory_stocklevel_change", args=[level.pk])
        form = CountForm(request.POST or None, initial={"bin": level.bin})
        if form.is_valid() and self._count(request, level, form):
            return redirect(back)
        context = {
            **self.admin_site.each_context(request),
            "title": _("Count"),
            "level": level,
            "form": form,
            "back": back,
        }
        return render(request, "inventory/admin/count.html", context)

    def _count(self, request: HttpRequest, level: StockLevel, form: CountForm) -> bool:
        actor = f"user:{request.user.get_username()}"
        try:
            count_stock(sku=level.product_id, location=level.location_id, **form.cleaned_data, actor=actor, as_of=now())
        except DomainError as refusal:
            tell_refusal(request, refusal)
            return False
        messages.success(request, _("%(level)s is counted.") % {"level": level})
        return True


@admin.register(StockMovement)
class StockMovementAdmin(ReadOnlyAdmin):
    list_display = ["when", "product_id", "location_id", "cause", "change", "condition", "reference", "actor"]
    list_filter = [("location", RelatedDropdownFilter), "occurred_at"]
    search_fields = ["product__sku__exact", "location__code__exact", "reference__exact"]
    search_help_text = gettext_lazy("A SKU, the code of a place, or a reference")

    @display(description=gettext_lazy("at"), ordering="id")
    def when(self, movement: StockMovement) -> SafeString:
        return instant(movement.occurred_at)

    @display(description=gettext_lazy("on hand ±"))
    def change(self, movement: StockMovement) -> str:
        return f"{movement.quantity:+}"

    @display(description=gettext_lazy("condition"))
    def condition(self, movement: StockMovement) -> str:
        changes = [(_("damaged"), movement.damaged_delta), (_("quarantined"), movement.quarantined_delta)]
        return listed(f"{name} {units:+}" for name, units in changes if units)


@admin.register(Reservation)
class ReservationAdmin(ReadOnlyAdmin):
    list_display = ["id", "demand", "product_id", "location_id", "quantity", "remaining", "state", "made"]
    list_filter = [("status", ChoicesDropdownFilter), ("location", RelatedDropdownFilter)]
    search_fields = ["demand__exact", "product__sku__exact", "location__code__exact"]
    search_help_text = gettext_lazy("A demand, a SKU, or the code of a place")

    @display(description=gettext_lazy("status"), ordering="status")
    def state(self, reservation: Reservation) -> SafeString:
        return badge(reservation.get_status_display(), "busy" if reservation.remaining else "quiet")

    @display(description=gettext_lazy("made"), ordering="id")
    def made(self, reservation: Reservation) -> SafeString:
        return instant(reservation.created_at)
