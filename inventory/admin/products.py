"""Products as staff see them."""

from typing import Any

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy
from unfold.admin import TabularInline
from unfold.decorators import display

from inventory.models import Barcode, Product
from oms.backoffice.lists import BackOfficeAdmin
from oms.backoffice.words import NOTHING, listed, money


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
