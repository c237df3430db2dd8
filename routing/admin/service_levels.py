"""What places owe: each level in words, and which of them applies where."""

from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import URLPattern, path, reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.decorators import display
from unfold.widgets import UnfoldAdminSelectWidget

from inventory.exposure_words import METHODS, SERVICES
from inventory.models.location import Kind
from inventory.queries import PlaceInfo, places
from oms.backoffice.words import link
from routing import queries
from routing.admin.base import CachedTableAdmin, boxes
from routing.models import ServiceLevel
from routing.service_level_words import allows_words, covers_words, prepare_words, share_words, time_words
from routing.service_levels import unknown_groups, unknown_places

_SHOWN_METHODS = ("ship", "pickup")


class ServiceLevelForm(forms.ModelForm):
    """What the API refuses is refused here too."""

    kinds = boxes(ServiceLevel, "kinds", Kind.choices)
    methods = boxes(ServiceLevel, "methods", list(METHODS.items()))
    services = boxes(ServiceLevel, "services", list(SERVICES.items()))

    class Meta:
        model = ServiceLevel
        fields = "__all__"

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        for name in ("locations", "groups"):
            self.fields[name].widget.attrs["rows"] = 2
            self.fields[name].help_text = gettext_lazy("Separated by commas. Empty: any.")

    def clean_locations(self) -> list[str]:
        codes: list[str] = self.cleaned_data["locations"]
        if unknown := unknown_places(codes):
            raise ValidationError(_("Unknown places: %s") % ", ".join(unknown), "unknown_location")
        return codes

    def clean_groups(self) -> list[str]:
        groups: list[str] = self.cleaned_data["groups"]
        if unknown := unknown_groups(groups):
            raise ValidationError(_("No place is in these groups: %s") % ", ".join(unknown), "unknown_group")
        return groups


class WhichForm(forms.Form):
    place = forms.ChoiceField(
        label=gettext_lazy("Which service level applies to"),
        choices=lambda: _places(),
        widget=UnfoldAdminSelectWidget,
        help_text=gettext_lazy(
            "The most specific holds: place before group before kind, then service before method; else the newest."
        ),
    )


@dataclass(frozen=True, slots=True)
class AppliedRow:
    """What holds for one way of getting goods from a place."""

    way: str
    level: SafeString | str
    acknowledge: str
    prepare: str
    hand_over: str
    collect: str
    warned: str
    attempts: int


@admin.register(ServiceLevel)
class ServiceLevelAdmin(CachedTableAdmin):
    cache_name = queries.SERVICE_LEVELS
    form = ServiceLevelForm
    list_before_template = "routing/admin/which_level.html"
    list_display = ["covers", "allows"]
    fieldsets = [
        (gettext_lazy("covers"), {"fields": ["locations", "groups", "kinds", "methods", "services"]}),
        (
            gettext_lazy("allows"),
            {
                "fields": [
                    *("acknowledge_minutes", "prepare_minutes", "hand_over_minutes", "collect_hours"),
                    *("warn_at_share", "escalate_at_share", "max_attempts"),
                ]
            },
        ),
    ]

    @display(description=gettext_lazy("covers"))
    def covers(self, level: ServiceLevel) -> str:
        return covers_words(level)

    @display(description=gettext_lazy("allows"))
    def allows(self, level: ServiceLevel) -> str:
        return allows_words(level)

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.which_view)
        return [path("which/", view, name="routing_servicelevel_which"), *super().get_urls()]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        return super().changelist_view(request, {"which_form": WhichForm(), **(extra_context or {})})

    def which_view(self, request: HttpRequest) -> HttpResponse:
        """Which level applies to one place, by method and service."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        place = places().get(request.GET.get("place", ""))
        context = {
            **self.admin_site.each_context(request),
            "title": _("Which service level applies?"),
            "which_form": WhichForm(request.GET if place else None),
            "place": place,
            "rows": _rows(place) if place else (),
            "back": reverse("admin:routing_servicelevel_changelist"),
            "is_fullwidth": "1",
        }
        return render(request, "routing/admin/which_level_page.html", context)


def _places() -> list[tuple[str, str]]:
    known = sorted(places().values(), key=lambda place: place.name.casefold())
    return [(place.code, f"{place.name} ({place.code})") for place in known]


def _rows(place: PlaceInfo) -> list[AppliedRow]:
    applied = {
        (method, service): queries.applying(place, method=method, service=service)
        for method in _SHOWN_METHODS
        for service in SERVICES
    }
    levels = ServiceLevel.objects.in_bulk([found.level for found in applied.values() if found.level])
    return [
        _row(place, method, service, levels.get(found.level), found.policy)
        for (method, service), found in applied.items()
    ]


def _row(place: PlaceInfo, method: str, service: str, level: ServiceLevel | None, policy: queries.Policy) -> AppliedRow:
    is_parcel = method == "ship"
    hand_over = time_words(policy.hand_over_minutes) if policy.hand_over_minutes else _("within preparing")
    return AppliedRow(
        way=f"{METHODS[method]} · {SERVICES[service]}",
        level=link("routing.ServiceLevel", level.pk, covers_words(level))
        if level
        else _("none: the house's own times"),
        acknowledge=time_words(policy.acknowledge_minutes),
        prepare=prepare_words(place, policy),
        hand_over=hand_over if is_parcel else "",
        collect="" if is_parcel else time_words(policy.collect_hours * 60),
        warned=f"{share_words(policy.warn_at_share)} / {share_words(policy.escalate_at_share)}",
        attempts=policy.max_attempts,
    )
