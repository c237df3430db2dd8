"""How surely places take the work they are offered, and what that was learned from."""

from django.contrib import admin
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from oms.backoffice.lists import ReadOnlyAdmin
from oms.backoffice.words import figure
from routing import words
from routing.admin.base import percent
from routing.models import AcceptanceRate, OfferOutcome


@admin.register(AcceptanceRate)
class AcceptanceRateAdmin(ReadOnlyAdmin):
    list_display = ["shown_place", "shown_part", "shown_tag", "shown_probability", "shown_failing", "shown_offers"]
    list_filter = ["day_part"]
    search_fields = ["location", "tag"]
    fields = ["shown_place", "shown_part", "shown_tag", "shown_probability", "shown_failing", "shown_offers"]
    fields += ["computed_at"]
    readonly_fields = fields

    @admin.display(description=gettext_lazy("place"), ordering="location")
    def shown_place(self, rate: AcceptanceRate) -> str:
        return rate.location or _("all places")

    @admin.display(description=gettext_lazy("part of the day"), ordering="day_part")
    def shown_part(self, rate: AcceptanceRate) -> str:
        return rate.get_day_part_display() if rate.day_part else _("at any time")

    @admin.display(description=gettext_lazy("product tag"), ordering="tag")
    def shown_tag(self, rate: AcceptanceRate) -> str:
        return rate.tag or _("any products")

    @admin.display(description=gettext_lazy("is kept"), ordering="probability")
    def shown_probability(self, rate: AcceptanceRate) -> str:
        return percent(rate.probability)

    @admin.display(description=gettext_lazy("in words"))
    def shown_failing(self, rate: AcceptanceRate) -> str:
        return words.failing_words(1 - rate.probability)

    @admin.display(description=gettext_lazy("kept of offers"), ordering="offers")
    def shown_offers(self, rate: AcceptanceRate) -> str:
        """Faded: those of a month ago count half."""
        return f"{figure(rate.kept, 1)} / {figure(rate.offers, 1)}"


@admin.register(OfferOutcome)
class OfferOutcomeAdmin(ReadOnlyAdmin):
    list_display = ["reference", "location", "day_part", "outcome", "offered_at"]
    list_filter = ["outcome", "day_part", "offered_at"]
    search_fields = ["reference", "location"]
    fields = ["reference", "location", "day_part", "tags", "outcome", "offered_at"]
