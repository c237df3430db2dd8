"""`…/export/`: whole lists as files, streamed. What an import reads, an export writes."""

import json
from collections.abc import Callable, Iterator
from typing import Any, ClassVar

from django.db.models import QuerySet
from django.http import StreamingHttpResponse
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request

from inventory.api.documents import listed_product_document, location_document, with_codes
from inventory.api.filters import LocationFilters, ProductFilters
from inventory.api.prices import PriceFilters, price_document
from inventory.files.columns import PLACES, PRICES, PRODUCTS, Sheet
from inventory.files.writing import csv_lines, in_pages, ndjson_lines
from inventory.models import Location, Product, ProductPrice
from oms.api.json import JsonRenderer
from oms.api.views import ApiMixin
from oms.errors import FieldError, Invalid

_TYPES = {"csv": "text/csv; charset=utf-8", "ndjson": "application/x-ndjson"}
_FORMAT = OpenApiParameter(
    "format",
    enum=list(_TYPES),
    default="csv",
    description="`csv`: the columns that the import of the back office reads, UTF-8, texts that a spreadsheet would"
    " take for formulas after an apostrophe. `ndjson`: one document of the list a line.",
)


def _documented(noun: str, header: str, line: str, ndjson: dict[str, Any]) -> Callable[[Any], Any]:
    file = OpenApiResponse(
        OpenApiTypes.STR,
        description="The file, as it is read: rows that change meanwhile may be in it as they were or as they are.",
        examples=[
            OpenApiExample("csv", value=f"{header}\r\n{line}\r\n", media_type="text/csv"),
            OpenApiExample("ndjson", value=f"{json.dumps(ndjson)}\n", media_type="application/x-ndjson"),
        ],
    )
    return extend_schema(
        summary=f"Export {noun}",
        description="All that the list's filters let through, in bounded memory.",
        parameters=[_FORMAT],
        responses={(200, "text/csv"): file, (200, "application/x-ndjson"): file},
        filters=True,
    )


class Export(ApiMixin, GenericAPIView):
    scopes = {"GET": "catalog:read"}
    pagination_class = None
    sheet: ClassVar[Sheet]
    key: ClassVar[str] = "pk"
    document: Callable[[Any], dict[str, Any]]

    def perform_content_negotiation(self, request: Request, force: bool = False) -> Any:
        """`format` is ours here: refusals are problem documents, whatever the file would be."""
        return JsonRenderer(), JsonRenderer.media_type

    def _export(self, request: Request) -> StreamingHttpResponse:
        kind = request.query_params.get("format", "csv")
        if kind not in _TYPES:
            detail = _("One of these is needed: %(expected)s") % {"expected": ", ".join(_TYPES)}
            raise Invalid(errors=[FieldError("/format", "unknown_format", detail)])
        rows = self.filter_queryset(self.get_queryset())
        response = StreamingHttpResponse(self._lines(rows, kind), content_type=_TYPES[kind])
        response["Content-Disposition"] = f'attachment; filename="{self.sheet.kind}.{kind}"'
        return response

    def _lines(self, rows: QuerySet, kind: str) -> Iterator[bytes]:
        documents = in_pages(rows, self.document, key=self.key)
        return csv_lines(self.sheet, documents) if kind == "csv" else ndjson_lines(documents)


class ProductsExport(Export):
    queryset = with_codes(Product.objects.all())
    filterset_class = ProductFilters
    sheet = PRODUCTS
    document = staticmethod(listed_product_document)

    @_documented(
        "products",
        "sku,name_en,name_fr,barcodes,price,…",
        "SHIRT-M,Shirt,Chemise,4006381333931,39.90,…",
        {"sku": "SHIRT-M", "name": {"en": "Shirt", "fr": "Chemise"}, "barcodes": ["4006381333931"], "price": "39.90"},
    )
    def get(self, request: Request) -> StreamingHttpResponse:
        return self._export(request)


class PricesExport(Export):
    """A caller bound to a channel takes out that channel's."""

    queryset = ProductPrice.objects.all()
    filterset_class = PriceFilters
    sheet = PRICES
    document = staticmethod(price_document)

    def get_queryset(self) -> QuerySet[ProductPrice]:
        rows = super().get_queryset()
        return rows if self.caller.channel is None else rows.filter(channel=self.caller.channel)

    @_documented(
        "prices per channel",
        "sku,channel,amount,currency,from_at,until_at",
        "SHIRT-M,web,29.90,EUR,2026-12-01T00:00:00+00:00,",
        {"sku": "SHIRT-M", "channel": "web", "amount": "29.90", "currency": "EUR"},
    )
    def get(self, request: Request) -> StreamingHttpResponse:
        return self._export(request)


class LocationsExport(Export):
    queryset = Location.objects.all()
    filterset_class = LocationFilters
    sheet = PLACES
    key = "position"
    document = staticmethod(location_document)

    @_documented(
        "locations",
        "code,name,kind,line1,…",
        "LYON,Lyon Part-Dieu,store,17 rue du Docteur Bouchut,…",
        {"code": "LYON", "name": "Lyon Part-Dieu", "kind": "store"},
    )
    def get(self, request: Request) -> StreamingHttpResponse:
        return self._export(request)
