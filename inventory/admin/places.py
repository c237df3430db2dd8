"""Places, their hours and who works there."""

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import Model
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from pydantic import TypeAdapter
from pydantic import ValidationError as InvalidBody
from unfold.contrib.filters.admin import ChoicesDropdownFilter, RelatedDropdownFilter
from unfold.decorators import display

from inventory.api.bodies import Closure, CutOff, OpeningHours, Timezone
from inventory.hours import WEEKDAYS
from inventory.models import Location, Membership
from oms.api.body import field_errors
from oms.backoffice.lists import BackOfficeAdmin
from oms.cache import bump
from oms.clock import now


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
