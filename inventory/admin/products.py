"""Products as staff see them."""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy
from unfold.decorators import display
from unfold.widgets import UnfoldAdminTextareaWidget

from inventory.admin.files import FileAdmin
from inventory.admin.prices import PriceFormSet, PriceInline
from inventory.api.bodies import ProductBody
from inventory.api.documents import listed_product_document, with_codes
from inventory.cells import Unclear, read_codes, read_list, read_pairs, write_codes, write_list, write_pairs
from inventory.files.columns import PRODUCTS
from inventory.files.writing import Documents, in_pages
from inventory.models import Product
from inventory.search import find_products
from inventory.services import ProductRow, judge_products, save_products
from oms.api.body import read
from oms.backoffice.actions import actor_of
from oms.backoffice.lists import BackOfficeAdmin
from oms.backoffice.refusals import tell_refusal
from oms.backoffice.words import NOTHING, listed, money, pairs
from oms.clock import now
from oms.errors import DomainError, FieldError, Invalid

_FIELD_OF = {"name": "name_en"}
_IN_WORDS = {"barcodes": "shown_barcodes", "tags": "shown_tags", "attributes": "shown_attributes"}


class ProductForm(forms.ModelForm):
    """Read as the API reads a product, and saved by the same service."""

    barcodes = forms.CharField(
        label=gettext_lazy("Barcodes"),
        required=False,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}),
        help_text=gettext_lazy("One a line."),
    )
    tags = forms.CharField(
        label=gettext_lazy("Tags"),
        required=False,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}),
        help_text=gettext_lazy("One a line."),
    )
    attributes = forms.CharField(
        label=gettext_lazy("Attributes"),
        required=False,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 5}),
        help_text=gettext_lazy("One a line: name = value."),
    )
    row: ProductRow

    class Meta:
        model = Product
        fields = "__all__"

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            codes = [barcode.code for barcode in self.instance.barcodes.all()]
            self.initial["barcodes"] = write_codes(codes, separator="\n")
            self.initial["tags"] = write_list(self.instance.tags, separator="\n")
            self.initial["attributes"] = write_pairs(self.instance.attributes, separator="\n")

    def clean_barcodes(self) -> list[Any]:
        return _understood(read_codes, self.cleaned_data["barcodes"])

    def clean_tags(self) -> list[Any]:
        return _understood(read_list, self.cleaned_data["tags"])

    def clean_attributes(self) -> dict[str, Any]:
        return _understood(read_pairs, self.cleaned_data["attributes"])

    def clean(self) -> dict[str, Any]:
        super().clean()  # has Django look whether the SKU of a new product is taken
        if not self.errors:
            try:
                self.row = read(ProductBody, _body(self.instance.pk, self.cleaned_data)).row()
                self._judge()
            except Invalid as refusal:
                for fault in refusal.errors:
                    self.add_error(self._field_of(fault), fault.detail)
        return self.cleaned_data

    def _judge(self) -> None:
        (result,) = judge_products([self.row])
        if result.code:
            raise Invalid(errors=[FieldError(result.pointer, result.code, result.detail)])

    def _field_of(self, fault: FieldError) -> str | None:
        _root, name, *rest = fault.pointer.split("/")
        name = f"name_{rest[0]}" if name == "name" and rest else _FIELD_OF.get(name, name)
        return name if name in self.fields else None


def _understood(parse: Any, text: str) -> Any:
    try:
        return parse(text)
    except Unclear as error:
        raise forms.ValidationError(str(error)) from None


def _body(sku: str, values: Mapping[str, Any]) -> dict[str, Any]:
    plain = {name: value for name, value in values.items() if name in ProductBody.model_fields}
    return {"sku": sku, **plain, "name": {"en": values["name_en"], "fr": values["name_fr"]}}


@admin.register(Product)
class ProductAdmin(FileAdmin, BackOfficeAdmin):
    sheet = PRODUCTS
    form = ProductForm
    list_display = ["picture", "sku", "shown_name", "shown_price", "shown_tags", "is_active"]
    list_display_links = ["picture", "sku", "shown_name"]
    list_filter = ["is_active", "tax_class"]
    search_fields = ["search_text"]
    search_help_text = gettext_lazy("Words of a name in either language, a SKU, or a barcode")
    inlines = [PriceInline]
    fieldsets: Any = [
        (None, {"fields": ["sku", "name_en", "name_fr", "barcodes", "is_active"]}),
        (gettext_lazy("sale"), {"fields": ["price", "currency", "tax_class"]}),
        (
            gettext_lazy("more"),
            {"fields": ["weight_g", ("length_mm", "width_mm", "height_mm"), "tags", "attributes", "image_url"]},
        ),
    ]

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Who only looks gets words where the others type."""
        if obj is None or self.has_change_permission(request, obj):
            return self.fieldsets
        return [
            (
                title,
                {"fields": [_IN_WORDS.get(name, name) if isinstance(name, str) else name for name in part["fields"]]},
            )
            for title, part in self.fieldsets
        ]

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> list[str]:
        return ["sku"] if obj else []

    def documents(self, rows: QuerySet[Product]) -> Documents:
        return in_pages(with_codes(rows), listed_product_document)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Product], search_term: str
    ) -> tuple[QuerySet[Product], bool]:
        """The API's search, best match first unless a column is sorted by."""
        if not search_term.strip():
            return queryset, False
        found: QuerySet[Any] = find_products(queryset, search_term)
        return (found if "o" in request.GET else found.order_by("search_key")), False

    def get_inlines(self, request: HttpRequest, obj: Model | None) -> list[Any]:
        return self.inlines if obj else []  # a price names its product

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False  # history names it: `is_active` takes it off sale

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """What the service refuses although the form was right (somebody was quicker) leaves all as it was."""
        try:
            return super().changeform_view(request, *args, **kwargs)
        except DomainError as refusal:
            tell_refusal(request, refusal)
            return redirect(request.get_full_path())

    def save_model(self, request: HttpRequest, obj: Product, form: ProductForm, change: bool) -> None:
        (result,) = save_products([form.row], as_of=now())
        if result.code:
            raise Invalid(errors=[FieldError(result.pointer, result.code, result.detail)])

    def save_formset(self, request: HttpRequest, form: Any, formset: PriceFormSet, change: bool) -> None:
        formset.settle(actor=actor_of(request), as_of=now())

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

    @display(description=gettext_lazy("barcodes"))
    def shown_barcodes(self, product: Product) -> str:
        return listed(barcode.code for barcode in product.barcodes.all())

    @display(description=gettext_lazy("attributes"))
    def shown_attributes(self, product: Product) -> SafeString | str:
        return pairs(product.attributes)

    @display(description=gettext_lazy("tags"))
    def shown_tags(self, product: Product) -> str:
        return listed(product.tags)
