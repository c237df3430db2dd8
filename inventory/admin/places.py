"""Places, their hours and who works there."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date, timedelta
from typing import Any
from zoneinfo import available_timezones

from django import forms
from django.contrib import admin
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.formats import date_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _
from unfold.contrib.filters.admin import ChoicesDropdownFilter, DropdownFilter, RelatedDropdownFilter
from unfold.decorators import action, display
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminRadioSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
)

from inventory.admin.files import FileAdmin
from inventory.admin.groups import GroupFilter
from inventory.admin.hours import WEEKDAY_NAMES, ClosuresField, CutOffField, SpecialDaysField, WeekField
from inventory.api.bodies import LocationBody
from inventory.api.documents import location_document
from inventory.cells import read_list, write_list
from inventory.files.columns import PLACES
from inventory.files.writing import Documents, in_pages
from inventory.hours import WEEKDAYS, Calendar
from inventory.models import Ability, Location, Membership
from inventory.place_review import remarks_on
from inventory.public_holidays import countries, names_of, regions_of
from inventory.services import LocationRow, judge_locations, save_locations
from inventory.services.pauses import pause_location, resume_location
from oms.api.body import read
from oms.backoffice.actions import action_page, actor_of
from oms.backoffice.lists import BackOfficeAdmin
from oms.backoffice.words import NOTHING, badge, instant, listed, remarks
from oms.clock import now
from oms.errors import FieldError, Invalid

_ADDRESS = ("line1", "line2", "postal_code", "city", "region", "country")
_LOOK_AHEAD_DAYS, _SHOWN_DAYS = 120, 8


# ---- the form ------------------------------------------------------------------------------------


class CalendarInput(UnfoldAdminTextInputWidget):
    """A country or one of its regions, with what can be typed offered below."""

    template_name = "inventory/admin/holiday_calendar.html"
    country = ""

    def get_context(self, name: str, value: Any, attrs: Any) -> dict[str, Any]:
        context = super().get_context(name, value, {**(attrs or {}), "list": f"{name}-choices"})
        near = [(f"{self.country}-{region}", "") for region in sorted(regions_of(self.country))]
        context["widget"]["choices"] = [*countries().items(), *near]
        return context


class LocationForm(forms.ModelForm):
    """Read as the API reads a place, and saved by the same service."""

    opening_hours = WeekField(label=gettext_lazy("Opening hours"), required=False)
    special_hours = SpecialDaysField(label=gettext_lazy("Special days"), required=False)
    closures = ClosuresField(label=gettext_lazy("Closures"), required=False)
    cut_off = CutOffField(label=gettext_lazy("Cut-off"), required=False)
    abilities = forms.MultipleChoiceField(
        label=gettext_lazy("Abilities"),
        choices=Ability.choices,
        required=False,
        help_text=gettext_lazy("None chosen for a new place: those usual for its kind."),
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
    )
    groups = forms.CharField(
        label=gettext_lazy("Groups"),
        required=False,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}),
        help_text=gettext_lazy("One a line."),
    )
    row: LocationRow

    class Meta:
        model = Location
        fields = "__all__"
        widgets = {"holiday_calendar": CalendarInput}

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        if "holiday_calendar" not in self.fields:  # who only looks types nothing
            return
        self.fields["closures"].widget.timezone = self.instance.timezone
        self.fields["holiday_calendar"].widget.country = self.instance.country
        if self.instance.pk:
            self.initial["groups"] = write_list(self.instance.groups, separator="\n")

    def clean_groups(self) -> list[Any]:
        return read_list(self.cleaned_data["groups"])

    def clean_closures(self) -> list[dict[str, str]]:
        field: Any = self.fields["closures"]
        zone = self.cleaned_data.get("timezone", "")
        return field.instants(self.cleaned_data["closures"] or (), zone if zone in available_timezones() else "UTC")

    def clean(self) -> dict[str, Any]:
        super().clean()  # a code is given once
        if not self.errors:
            try:
                row = read(LocationBody, self._body()).row()
                self.row = replace(row, opening_hours={day: pairs for day, pairs in row.opening_hours.items() if pairs})
                self._judge()
            except Invalid as refusal:
                for found in refusal.errors:
                    self.add_error(self._field_of(found), _told(found))
        return self.cleaned_data

    def _judge(self) -> None:
        (result,) = judge_locations([self.row])
        if result.code:
            raise Invalid(errors=[FieldError(result.pointer, result.code, result.detail)])

    def _post_clean(self) -> None:
        """With a fault the instance stays as it is stored: words beside the form are made of it."""
        if not self.errors:
            super()._post_clean()  # type: ignore[misc]

    def _body(self) -> dict[str, Any]:
        """What a client would send."""
        given = {"code": self.instance.pk, **self.cleaned_data}
        plain = {name: value for name, value in given.items() if name in LocationBody.model_fields}
        return {
            **plain,
            "address": {name: given[name] for name in _ADDRESS},
            "holiday_calendar": given["holiday_calendar"] or None,
            "abilities": given["abilities"] or (None if self.instance._state.adding else []),
        }

    def _field_of(self, fault: FieldError) -> str | None:
        name, inner = [*fault.pointer.split("/"), "", ""][1:3]
        name = inner if name == "address" else name
        return name if name in self.fields else None


def _told(fault: FieldError) -> str:
    """The fault, with the day on which it is."""
    day = "".join(fault.pointer.split("/")[2:3])
    if not day or day.isdecimal():
        return fault.detail
    return _("%(day)s: %(fault)s") % {"day": WEEKDAY_NAMES.get(day, day), "fault": fault.detail}


class PauseForm(forms.Form):
    """How long headquarters stops new work for a place."""

    how_long = forms.ChoiceField(
        label=gettext_lazy("For how long?"),
        choices=[
            ("today", gettext_lazy("until its working day is over")),
            ("2", gettext_lazy("two hours")),
            ("24", gettext_lazy("24 hours")),
        ],
        initial="today",
        widget=UnfoldAdminRadioSelectWidget,
    )
    reason = forms.CharField(
        label=gettext_lazy("Why?"), max_length=200, required=False, widget=UnfoldAdminTextInputWidget
    )

    def hours(self) -> timedelta | None:
        given = self.cleaned_data["how_long"]
        return None if given == "today" else timedelta(hours=int(given))


# ---- lists and pages -------------------------------------------------------------------------------


class TakesOrdersFilter(DropdownFilter):
    title = gettext_lazy("new orders")
    parameter_name = "orders"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("yes", _("Takes orders")), ("paused", _("Paused by its manager")), ("no", _("Takes none"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Location]) -> QuerySet[Location]:
        lasts, accepts = Q(paused_until__gt=now()), Q(accepting_orders=True, is_active=True)
        chosen = {
            "yes": queryset.filter(accepts).exclude(lasts),
            "paused": queryset.filter(accepts).filter(lasts),
            "no": queryset.exclude(accepts),
        }
        return chosen.get(self.value() or "", queryset)


@admin.register(Location)
class LocationAdmin(FileAdmin, BackOfficeAdmin):
    sheet = PLACES
    form = LocationForm
    list_display = ["code", "name", "kind", "city", "shown_groups", "open_now", "orders", "daily_capacity"]
    list_display_links = ["code", "name"]
    list_filter = [("kind", ChoicesDropdownFilter), GroupFilter, TakesOrdersFilter, "country", "is_active"]
    search_fields = ["name", "city", "code__startswith"]
    actions_detail = ["pause", "resume"]
    actions_row = ["pause", "resume"]
    fieldsets: Any = [
        (
            None,
            {"fields": [("code", "name"), "kind", ("is_active", "accepting_orders"), "orders", "groups", "remarks"]},
        ),
        (
            gettext_lazy("address"),
            {
                "fields": [
                    ("line1", "line2"),
                    ("postal_code", "city"),
                    ("region", "country"),
                    ("latitude", "longitude"),
                ]
            },
        ),
        (
            gettext_lazy("hours"),
            {
                "fields": [
                    "timezone",
                    "opening_hours",
                    "holiday_calendar",
                    "special_hours",
                    "closures",
                    "cut_off",
                    "other_days",
                ]
            },
        ),
        (
            gettext_lazy("work"),
            {
                "fields": [
                    "abilities",
                    ("daily_capacity", "preparation_minutes"),
                    ("handling_cost", "handling_cost_per_unit"),
                    ("packaging_cost", "currency"),
                    "safety_stock",
                ]
            },
        ),
    ]
    in_words: Mapping[str, str] = {
        "opening_hours": "shown_hours",
        "special_hours": "shown_special_hours",
        "closures": "shown_closures",
        "cut_off": "shown_cut_off",
        "abilities": "shown_abilities",
        "groups": "shown_groups",
    }

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Who only looks gets words where the others type."""
        if obj is None or self.has_change_permission(request, obj):
            return self.fieldsets
        return [
            (
                title,
                {
                    "fields": [
                        self.in_words.get(name, name) if isinstance(name, str) else name for name in part["fields"]
                    ]
                },
            )
            for title, part in self.fieldsets
        ]

    def documents(self, rows: QuerySet[Location]) -> Documents:
        return in_pages(rows, location_document, key="position")

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> list[str]:
        return ["orders", "remarks", "other_days", *self.in_words.values(), *(["code"] if obj else [])]

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False  # history names it: `is_active` closes it

    def save_model(self, request: HttpRequest, obj: Location, form: LocationForm, change: bool) -> None:
        save_locations([form.row], as_of=now())

    # -- the manager's switch ----------------------------------------------------------------------

    def has_pause_permission(self, request: HttpRequest, _object_id: str | None = None) -> bool:
        return self.has_change_permission(request)

    @action(description=gettext_lazy("No more orders"), icon="pause_circle", permissions=["pause"])
    def pause(self, request: HttpRequest, object_id: str) -> HttpResponse:
        place = get_object_or_404(Location, pk=object_id)
        form = PauseForm(request.POST or None)
        return action_page(
            request,
            form,
            lambda: self._pause(request, place, form),
            title=_("No more orders for %(place)s") % {"place": place.name},
            explanation=_("New orders go to other places. What the place has already stays with it."),
            submit=_("Take no more orders"),
            done=_("%(place)s takes no more orders.") % {"place": place.name},
            back=self._page(place),
        )

    @staticmethod
    def _pause(request: HttpRequest, place: Location, form: PauseForm) -> None:
        as_of, hours = now(), form.hours()
        until, reason = as_of + hours if hours else None, form.cleaned_data["reason"]
        pause_location(code=place.pk, until=until, reason=reason, actor=actor_of(request), as_of=as_of)

    @action(description=gettext_lazy("Orders again"), icon="play_circle", permissions=["pause"])
    def resume(self, request: HttpRequest, object_id: str) -> HttpResponse:
        place = get_object_or_404(Location, pk=object_id)
        return action_page(
            request,
            forms.Form(request.POST if request.method == "POST" else None),
            lambda: resume_location(code=place.pk, actor=actor_of(request), as_of=now()),
            title=_("Orders again for %(place)s") % {"place": place.name},
            explanation=_("It ends the pause now."),
            submit=_("Take orders again"),
            done=_("%(place)s takes orders again.") % {"place": place.name},
            back=self._page(place),
        )

    @staticmethod
    def _page(place: Location) -> str:
        return reverse("admin:inventory_location_change", args=[place.pk])

    # -- columns -------------------------------------------------------------------------------------

    @display(description=gettext_lazy("open now"), boolean=True)
    def open_now(self, location: Location) -> bool:
        return location.calendar.is_open(now())

    @display(description=gettext_lazy("new orders"))
    def orders(self, location: Location) -> SafeString | str:
        if not (location.is_active and location.accepting_orders):
            return badge(_("takes none"), "quiet", "block")
        if not location.is_paused(now()):
            return badge(_("takes orders"), "good", "check_circle")
        facts = [location.pause_reason, location.paused_by.partition(":")[2]]
        told = format_html_join("", " · {}", ((fact,) for fact in facts if fact))
        return format_html(
            "{} {} {}{}", badge(_("paused"), "warn", "pause_circle"), _("until"), instant(location.paused_until), told
        )

    @display(description=gettext_lazy("review"))
    def remarks(self, location: Location) -> SafeString:
        if location._state.adding:
            return NOTHING
        return remarks((False, detail) for _code, detail in remarks_on(location, as_of=now()))

    @display(description=gettext_lazy("groups"))
    def shown_groups(self, location: Location) -> str | SafeString:
        return listed(location.groups)

    @display(description=gettext_lazy("abilities"))
    def shown_abilities(self, location: Location) -> str | SafeString:
        return listed(Ability(ability).label for ability in location.abilities)

    # -- hours in words ------------------------------------------------------------------------------

    @display(description=gettext_lazy("opening hours"))
    def shown_hours(self, location: Location) -> str | SafeString:
        if not location.opening_hours:
            return _("Always open")
        return _pairs((WEEKDAY_NAMES[day], _spans(location.opening_hours.get(day))) for day in WEEKDAYS)

    @display(description=gettext_lazy("special days"))
    def shown_special_hours(self, location: Location) -> str | SafeString:
        days = sorted(location.special_hours.items())
        return (
            _pairs((_day_in_words(date.fromisoformat(day)), _spans(pairs)) for day, pairs in days) if days else NOTHING
        )

    @display(description=gettext_lazy("closures"))
    def shown_closures(self, location: Location) -> str | SafeString:
        with timezone.override(location.timezone):
            rows = [
                (_instant_in_words(c["from_at"]), _instant_in_words(c["until_at"]), c.get("note", ""))
                for c in location.closures
            ]
        return _pairs((f"{begins} – {ends}", note) for begins, ends, note in rows) if rows else NOTHING

    @display(description=gettext_lazy("cut-off"))
    def shown_cut_off(self, location: Location) -> str | SafeString:
        if isinstance(location.cut_off, Mapping):
            return listed(f"{service} {at}" for service, at in location.cut_off.items())
        return location.cut_off or NOTHING

    @display(description=gettext_lazy("next days unlike others"))
    def other_days(self, location: Location) -> str | SafeString:
        """What the public holidays and special days make of the next months."""
        today = location.calendar.local(now()).date()
        found = [row for _number, row in zip(range(_SHOWN_DAYS), _other_days(location, today), strict=False)]
        return _pairs(found) if found else NOTHING


def _other_days(location: Location, today: date) -> Iterator[tuple[str, str]]:
    names = _holiday_names(location.holiday_calendar, today)
    for number in range(_LOOK_AHEAD_DAYS):
        day = today + timedelta(days=number)
        if day.isoformat() in location.special_hours or day in names:
            hours = _minutes_in_words(location.calendar, day)
            yield _day_in_words(day), f"{hours} ({names[day]})" if day in names else hours


def _holiday_names(calendar: str, today: date) -> dict[date, str]:
    if not calendar:
        return {}
    language = (get_language() or "en")[:2]
    return {
        **names_of(calendar, today.year, language=language),
        **names_of(calendar, today.year + 1, language=language),
    }


def _minutes_in_words(calendar: Calendar, day: date) -> str:
    spans = [[f"{minutes // 60:02}:{minutes % 60:02}" for minutes in span] for span in calendar.hours_on(day)]
    return _spans(spans)


def _day_in_words(day: date) -> str:
    return date_format(day, "D j F Y")


def _instant_in_words(text: str) -> str:
    return date_format(timezone.localtime(parse_datetime(text)), _("j M Y H:i"))


def _pairs(rows: Any) -> SafeString:
    return format_html('<dl class="bo-pairs">{}</dl>', format_html_join("", "<dt>{}</dt><dd>{}</dd>", rows))


def _spans(pairs: list[list[str]] | None) -> str:
    return ", ".join(f"{opens}–{closes}" for opens, closes in pairs or []) or _("closed")


@admin.register(Membership)
class MembershipAdmin(BackOfficeAdmin):
    list_display = ["user", "location"]
    list_filter = [("location", RelatedDropdownFilter), GroupFilter.of("location")]
    list_select_related = ["user", "location"]
    search_fields = ["user__username", "location__code", "location__name"]
    autocomplete_fields = ["location"]
