from django.contrib import admin
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy
from unfold.contrib.filters.admin import ChoicesDropdownFilter, RelatedDropdownFilter
from unfold.decorators import display

from inventory.admin.groups import GroupFilter
from oms.backoffice.lists import ReadOnlyAdmin
from oms.backoffice.words import NOTHING, instant, link
from orders.models import Offer


@admin.register(Offer)
class OfferAdmin(ReadOnlyAdmin):
    """Who else was asked for a piece of work, and whether they took it."""

    list_display = ["work", "location", "status", "made", "ends", "took_over"]
    list_filter = [("status", ChoicesDropdownFilter), ("location", RelatedDropdownFilter), GroupFilter.of("location")]
    list_select_related = ["location"]
    search_fields = ["=fulfillment__pk", "location__code"]
    ordering = ["-pk"]
    fields = ["work", "location", "status", "cost", "distance_km", "made", "ends", "taken_by", "took_over"]

    @display(description=gettext_lazy("fulfillment"))
    def work(self, offer: Offer) -> SafeString:
        return link("orders.Fulfillment", offer.fulfillment_id)

    @display(description=gettext_lazy("made"), ordering="made_at")
    def made(self, offer: Offer) -> SafeString:
        return instant(offer.made_at)

    @display(description=gettext_lazy("ends"), ordering="expires_at")
    def ends(self, offer: Offer) -> SafeString:
        return instant(offer.expires_at)

    @display(description=gettext_lazy("took over"))
    def took_over(self, offer: Offer) -> SafeString:
        return link("orders.Fulfillment", offer.taken_over_id) if offer.taken_over_id else NOTHING
