"""`products/` and `locations/`: one resource each, made, replaced, changed and taken out of use by code."""

from collections.abc import Callable, Sequence
from typing import Any

from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework.decorators import action
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from inventory import services
from inventory.api import bulk
from inventory.api.bodies import LocationBody, LocationRows, ProductBody, ProductRows
from inventory.api.documents import (
    BulkAnswer,
    ProductDocument,
    location_document,
    product_document,
    with_channel_price,
)
from inventory.api.filters import LocationFilters, ProductFilters
from inventory.errors import AlreadyExists
from inventory.models import Location, Product
from inventory.prices import prices_at
from oms.api.body import read
from oms.api.views import IDEMPOTENCY_KEY, ApiMixin
from oms.channels import channels
from oms.clock import now
from oms.errors import FieldError, Invalid, Missing


def merged(target: Any, patch: Any) -> Any:
    """A JSON merge patch (RFC 7396): objects merge, null removes, all else replaces."""
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = merged(result.get(name), value)
    return result


class CodeResource(ApiMixin, GenericViewSet):
    """A resource whose key is a code that people chose. Reading it back gives the body that makes it."""

    scopes = dict.fromkeys(("POST", "PUT", "PATCH", "DELETE"), "catalog:write") | {"GET": "catalog:read"}
    network_wide = True
    refusals = {"POST": [AlreadyExists()]}
    body_model: type[Any]
    document: Callable[[Any], dict[str, Any]]
    make_row: Callable[..., str]
    put_row: Callable[..., bool]
    change_row: Callable[..., None]
    deactivate_row: Callable[..., None]
    save_rows: Callable[..., Sequence[services.RowResult]]

    def list(self, request: Request) -> Response:
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset())) or []
        return self.get_paginated_response(self.documents(page))

    def documents(self, rows: Sequence[Any]) -> Sequence[dict[str, Any]]:
        return [self.document(row) for row in rows]

    def retrieve(self, request: Request, code: str) -> Response:
        return Response(self._document_of(code))

    def _document_of(self, code: str) -> dict[str, Any]:
        row = self.get_queryset().filter(pk=code).first()
        if row is None:
            raise Missing()
        (document,) = self.documents([row])
        return document

    def _body_for(self, code: str, data: Any) -> Any:
        """The body, whose own code may be left out but must not be another."""
        key = self.lookup_field
        given = {key: code, **data} if isinstance(data, dict) else data
        body = read(self.body_model, given)
        if getattr(body, key) != code:
            detail = _("The code in the address is another one")
            raise Invalid(errors=[FieldError(f"/{key}", "code_differs", detail)])
        return body

    def _changed_by(self, data: Any) -> Any:
        """What turns a stored row into the row that a merge patch makes of it."""
        if not isinstance(data, dict):
            raise Invalid(errors=[FieldError("", "dict_type", _("An object is needed"))])
        return lambda row: self._body_for(row.pk, merged(self.document(row), data)).row()

    def create(self, request: Request) -> Response:
        row, once = self.body(self.body_model).row(), self.once(self.body_model.__name__, required=False)
        made = self.make_row(row, as_of=now(), once=once)
        return Response(self._document_of(made), status=201, headers=self.replay_headers(once))

    def update(self, request: Request, code: str) -> Response:
        is_new = self.put_row(self._body_for(code, request.data).row(), as_of=now())
        return Response(self._document_of(code), status=201 if is_new else 200)

    def partial_update(self, request: Request, code: str) -> Response:
        self.change_row(code, self._changed_by(request.data), as_of=now())
        return Response(self._document_of(code))

    def destroy(self, request: Request, code: str) -> Response:
        self.deactivate_row(code, as_of=now())
        return Response(status=204)

    @action(detail=False, methods=["post"])
    def bulk(self, request: Request) -> Response:
        def save(bodies: Sequence[Any]) -> Sequence[services.RowResult]:
            return self.save_rows([body.row() for body in bodies], as_of=now())

        return Response({"results": bulk.answer_rows(request.data, self.body_model, save)})


def _documented(
    noun: str, *, body: type[Any], rows: type[Any], shown: type[Any], asks: Sequence[OpenApiParameter] = ()
) -> Callable[[type[Any]], type[Any]]:
    return extend_schema_view(
        list=extend_schema(summary=f"List {noun}s", parameters=[*asks], responses={200: shown}),
        retrieve=extend_schema(summary=f"One {noun}", parameters=[*asks], responses={200: shown}),
        create=extend_schema(
            summary=f"Make a {noun}", parameters=[IDEMPOTENCY_KEY], request=body, responses={201: body}
        ),
        update=extend_schema(summary=f"Make or replace a {noun}", request=body, responses={200: body, 201: body}),
        partial_update=extend_schema(
            summary=f"Change a {noun}",
            description="A JSON merge patch (RFC 7396).",
            request=body,
            responses={200: body},
        ),
        destroy=extend_schema(
            summary=f"Take a {noun} out of use",
            description="Sets `is_active` to false. Nothing is deleted, because history names it.",
            responses={204: None},
        ),
        bulk=extend_schema(
            summary=f"Make or replace many {noun}s",
            description="Up to 5,000 rows, each answered by itself; a row replaces the whole.",
            request=rows,
            responses={200: BulkAnswer},
        ),
    )


_CHANNEL = OpenApiParameter(
    "channel", description="Each product also tells its `channel_price`: what it costs in this channel now."
)


@_documented("product", body=ProductBody, rows=ProductRows, shown=ProductDocument, asks=[_CHANNEL])
class Products(CodeResource):
    queryset = Product.objects.defer("search_text").prefetch_related("barcodes")
    lookup_field = "sku"
    filterset_class = ProductFilters
    body_model = ProductBody
    document = staticmethod(product_document)
    make_row = staticmethod(services.create_product)
    put_row = staticmethod(services.put_product)
    change_row = staticmethod(services.change_product)
    deactivate_row = staticmethod(services.deactivate_product)
    save_rows = staticmethod(services.receive_products)

    @property
    def cursor_ordering(self) -> tuple[str, ...]:
        return ("search_key",) if self.request.query_params.get("q", "").strip() else ("sku",)

    def documents(self, rows: Sequence[Product]) -> Sequence[dict[str, Any]]:
        documents, channel = super().documents(rows), self._channel()
        if channel is None:
            return documents
        prices = prices_at([row.sku for row in rows], channel=channel, as_of=now())
        return [with_channel_price(document, channel, prices[document["sku"]]) for document in documents]

    def _channel(self) -> str | None:
        """The channel that a reader asks prices of. Errors: Invalid, ChannelNotAllowed."""
        channel = self.request.query_params.get("channel")
        if not channel or self.request.method not in SAFE_METHODS:
            return None
        if channel not in channels():
            detail = _("There is no such channel")
            raise Invalid(errors=[FieldError("/channel", "unknown_channel", detail)])
        self.check_channel(channel)
        return channel


@_documented("location", body=LocationBody, rows=LocationRows, shown=LocationBody)
class Locations(CodeResource):
    queryset = Location.objects.all()
    lookup_field = "code"
    filterset_class = LocationFilters
    cursor_ordering = ("position",)
    body_model = LocationBody
    document = staticmethod(location_document)
    make_row = staticmethod(services.create_location)
    put_row = staticmethod(services.put_location)
    change_row = staticmethod(services.change_location)
    deactivate_row = staticmethod(services.deactivate_location)
    save_rows = staticmethod(services.receive_locations)

    def check_reach(self) -> None:
        """A caller bound to places may change those."""
        if self.caller.channel is not None or not self.caller.sees(self.kwargs.get("code")):
            super().check_reach()
