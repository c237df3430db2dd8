"""What was wanted, what the last units are worth, and what is gained by slow ones."""

from django.contrib import admin
from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from oms.backoffice.lists import ReadOnlyAdmin
from oms.backoffice.words import figure
from routing.models import (
    DemandFact,
    ScarcityPrice,
    SlowStock,
)


@admin.register(DemandFact)
class DemandFactAdmin(ReadOnlyAdmin):
    list_display = ["reference", "at", "channel", "method", "service", "country", "postal_code", "shown_units", "value"]
    list_filter = ["channel", "method", "source", "at"]
    search_fields = ["reference"]
    fields = ["reference", "at", "channel", "method", "service", "country", "postal_code", "location"]
    fields += ["value", "currency", "shown_lines", "source"]
    readonly_fields = ["shown_lines"]

    @admin.display(description=gettext_lazy("units"))
    def shown_units(self, fact: DemandFact) -> int:
        return sum(quantity for _sku, quantity, *_ in fact.lines)

    @admin.display(description=gettext_lazy("lines"))
    def shown_lines(self, fact: DemandFact) -> str:
        return ", ".join(f"{quantity} × {sku}" for sku, quantity, *_ in fact.lines)


@admin.register(ScarcityPrice)
class ScarcityPriceAdmin(ReadOnlyAdmin):
    why_empty = gettext_lazy(
        "No unit has a price now: there is enough everywhere for what is expected, or nothing is expected yet. Prices are"
        " worked out anew every few hours."
    )
    list_display = ["sku", "location", "shown_price", "units", "expected", "method", "valid_until"]
    list_filter = ["method", "currency"]
    search_fields = ["sku", "location"]
    fields = ["sku", "location", "shown_price", "shown_reason", "method", "computed_at", "valid_until"]
    readonly_fields = ["shown_price", "shown_reason"]

    @admin.display(description=gettext_lazy("price of a unit"), ordering="price")
    def shown_price(self, price: ScarcityPrice) -> str:
        return f"{number_format(round(price.price, 2), 2)} {price.currency}"

    @admin.display(description=gettext_lazy("because"))
    def shown_reason(self, price: ScarcityPrice) -> str:
        return _("%(units)d there, about %(expected)s wanted nearby in the days ahead") % {
            "units": price.units,
            "expected": figure(price.expected, 1),
        }


@admin.register(SlowStock)
class SlowStockAdmin(ReadOnlyAdmin):
    list_display = ["sku", "location", "shown_gain", "units", "shown_cover", "computed_at", "valid_until"]
    list_filter = ["currency"]
    search_fields = ["sku", "location"]
    fields = ["sku", "location", "shown_gain", "units", "shown_cover", "computed_at", "valid_until"]
    readonly_fields = ["shown_gain", "shown_cover"]

    @admin.display(description=gettext_lazy("gained by a unit"), ordering="gain")
    def shown_gain(self, stock: SlowStock) -> str:
        return f"{number_format(round(stock.gain, 2), 2)} {stock.currency}"

    @admin.display(description=gettext_lazy("weeks they would last"), ordering="cover_weeks")
    def shown_cover(self, stock: SlowStock) -> str:
        return _("for ever") if stock.cover_weeks is None else figure(stock.cover_weeks, 0)
