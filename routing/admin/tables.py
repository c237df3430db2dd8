"""What carriers ask, where postal codes lie, and what was booked."""

from django.contrib import admin
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.admin import TabularInline
from unfold.contrib.filters.admin import RelatedDropdownFilter

from inventory.admin.groups import GroupFilter
from oms.backoffice.lists import ReadOnlyAdmin
from oms.backoffice.words import NOTHING, remarks
from routing import queries
from routing.admin.base import CachedTableAdmin
from routing.models import (
    CapacityDay,
    CarrierService,
    PostalArea,
    Rate,
    Zone,
)
from routing.remarks import remark_sentence
from routing.services.rate_reviews import review_service


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
