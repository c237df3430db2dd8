"""What carriers ask, where postal codes lie, and what was booked."""

from django import forms
from django.contrib import admin
from django.contrib.postgres.fields import ArrayField
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.admin import TabularInline
from unfold.contrib.filters.admin import RelatedDropdownFilter
from unfold.widgets import UnfoldAdminTextareaWidget

from inventory.admin.groups import GroupFilter
from oms.backoffice.fields import CurrencyChoice
from oms.backoffice.lists import ReadOnlyAdmin
from oms.backoffice.words import NOTHING, link, money, remarks, weight
from routing import queries
from routing.admin.base import CachedTableAdmin, boxes
from routing.models import (
    CapacityDay,
    CarrierService,
    PostalArea,
    Rate,
    Weekday,
    Zone,
)
from routing.remarks import remark_sentence
from routing.services.rate_reviews import review_service

_LISTS = {ArrayField: {"widget": UnfoldAdminTextareaWidget(attrs={"rows": 2})}}


class ZoneInline(TabularInline):
    """Each zone with its prices by weight, which are changed on the zone's own page."""

    model = Zone
    extra = 0
    formfield_overrides = _LISTS
    fields = ["code", "prices", "position", "countries", "postal_prefixes", "max_distance_km", "transit_days"]
    readonly_fields = ["prices"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Zone]:
        return super().get_queryset(request).select_related("carrier_service").prefetch_related("rates")

    @admin.display(description=gettext_lazy("prices"))
    def prices(self, zone: Zone) -> SafeString:
        if zone._state.adding:
            return NOTHING
        rates, currency = zone.rates.all(), zone.carrier_service.currency
        heaviest = _("heavier") if len(rates) > 1 else _("any weight")
        steps = [(_up_to(rate.max_weight_g) or heaviest, money(rate.price, currency)) for rate in rates]
        told = format_html(
            '<dl class="bo-pairs bo-short">{}</dl>', format_html_join("", "<dt>{}</dt><dd>{}</dd>", steps)
        )
        return format_html('<div class="bo">{}{}</div>', told, link("routing.Zone", zone.pk, _("Zone and prices")))


def _up_to(grams: int | None) -> str:
    return "" if grams is None else _("up to %(weight)s") % {"weight": weight(grams)}


class RateInline(TabularInline):
    model = Rate
    extra = 0


_DAYS = [(day, capfirst(name)) for day, name in Weekday.choices]


class CarrierServiceForm(forms.ModelForm):
    currency = CurrencyChoice()
    pickup_days = boxes(CarrierService, "pickup_days", _DAYS, required=True)
    delivery_days = boxes(CarrierService, "delivery_days", _DAYS, required=True)

    class Meta:
        model = CarrierService
        fields = "__all__"


@admin.register(CarrierService)
class CarrierServiceAdmin(CachedTableAdmin):
    cache_name = queries.RATES
    form = CarrierServiceForm
    list_display = ["code", "carrier", "name", "service", "currency", "is_active"]
    list_filter = ["carrier", "service", "is_active"]
    search_fields = ["code", "carrier", "name"]
    readonly_fields = ["review"]
    inlines = [ZoneInline]

    @admin.display(description=gettext_lazy("review"))
    def review(self, service: CarrierService) -> SafeString:
        """What its zones and prices leave open."""
        if service._state.adding:
            return NOTHING
        return remarks((found.is_fault, remark_sentence(found)) for found in review_service(service))


@admin.register(Zone)
class ZoneAdmin(CachedTableAdmin):
    cache_name = queries.RATES
    formfield_overrides = _LISTS
    list_display = ["carrier_service", "code", "position", "transit_days", "max_distance_km"]
    list_filter = ["carrier_service"]
    list_select_related = ["carrier_service"]
    search_fields = ["code", "carrier_service__code"]
    readonly_fields = ["review"]
    inlines = [RateInline]

    @admin.display(description=gettext_lazy("review"))
    def review(self, zone: Zone) -> SafeString:
        if zone._state.adding:
            return NOTHING
        return remarks(
            (found.is_fault, remark_sentence(found))
            for found in review_service(zone.carrier_service)
            if found.zone == zone.code
        )


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
