"""`prices/…` and `products/{sku}/prices/…`: what products cost per channel, and when."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Self

import django_filters as filters
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop
from drf_spectacular.utils import OpenApiExample, extend_schema, extend_schema_view
from pydantic import BaseModel, Field, RootModel, StringConstraints, model_validator
from pydantic_core import PydanticCustomError
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from inventory import services
from inventory.api import bulk
from inventory.api.documents import BulkAnswer
from inventory.api.filters import CommaFilter
from inventory.models import Product, ProductPrice
from inventory.services import PriceRow
from oms.api.body import Body, Code, Currency, Instant, Money
from oms.api.views import IDEMPOTENCY_KEY, ApiMixin
from oms.clock import now
from oms.errors import Missing, PlaceNotAllowed


class PriceBody(Body):
    """`currency` absent: the channel's. `from_at` absent: now. `until_at` absent: for good."""

    channel: Annotated[str, StringConstraints(min_length=1, max_length=32)]
    amount: Money
    currency: Currency | None = None
    from_at: Instant | None = None
    until_at: Instant | None = None
    takes_over: Annotated[
        bool, Field(description="Prices that stand in its way give way, from now on, and go on after its end.")
    ] = False

    @model_validator(mode="after")
    def _ends_after_it_begins(self) -> Self:
        if self.from_at and self.until_at and self.until_at <= self.from_at:
            raise PydanticCustomError("ends_before_it_begins", gettext_noop("A price must end after it begins"))
        return self

    def row(self, sku: str) -> PriceRow:
        return PriceRow(
            sku, self.channel, self.amount, self.currency or "", self.from_at, self.until_at, self.takes_over
        )


class PriceOfSkuBody(PriceBody):
    sku: Code


class PriceRows(RootModel[list[PriceOfSkuBody]]):
    """Up to 5,000."""


_ABSENT: Any = None


class PriceChangeBody(Body):
    """What a merge patch may name. `until_at` null: for good."""

    amount: Money = _ABSENT
    currency: Currency = _ABSENT
    from_at: Instant = _ABSENT
    until_at: Instant | None = None

    def changes(self) -> Mapping[str, Any]:
        return {name: getattr(self, name) for name in self.model_fields_set}


class PriceDocument(BaseModel):
    id: str
    sku: str
    channel: str
    amount: str
    currency: str
    from_at: Instant
    until_at: Instant | None


def price_document(price: ProductPrice) -> dict[str, Any]:
    return {
        "id": price.pk,
        "sku": price.product_id,
        "channel": price.channel_id,
        "amount": str(price.amount),
        "currency": price.currency,
        "from_at": price.from_at,
        "until_at": price.until_at,
    }


class PriceFilters(filters.FilterSet):
    sku = CommaFilter(field_name="product_id", lookup_expr="in")
    channel = CommaFilter(field_name="channel_id", lookup_expr="in")
    in_force_at = filters.IsoDateTimeFilter(method="hold_at", label="only what is in force at this instant")

    class Meta:
        model = ProductPrice
        fields: list[str] = []

    def hold_at(self, queryset: QuerySet, _name: str, at: Any) -> QuerySet:
        return queryset.filter(Q(until_at=None) | Q(until_at__gt=at), from_at__lte=at)


_EXAMPLE = OpenApiExample(
    "A sale in the web shop",
    request_only=True,
    value={
        "channel": "web",
        "amount": "29.90",
        "from_at": "2026-12-01T00:00:00+01:00",
        "until_at": "2026-12-24T00:00:00+01:00",
        "takes_over": True,
    },
)
_ANSWER = OpenApiExample(
    "Set",
    response_only=True,
    value={
        "id": "pri_01kaz4m6r8p0c2v5x7y9a1b3d5",
        "sku": "SKU-1",
        "channel": "web",
        "amount": "29.90",
        "currency": "EUR",
        "from_at": "2026-12-01T00:00:00+01:00",
        "until_at": "2026-12-24T00:00:00+01:00",
    },
)
_BULK_EXAMPLE = OpenApiExample(
    "Two prices",
    request_only=True,
    value=[
        {"sku": "SKU-1", "channel": "web", "amount": "29.90", "until_at": "2026-12-24T00:00:00+01:00"},
        {"sku": "SKU-2", "channel": "web", "amount": "12.00", "takes_over": True},
    ],
)
_BULK_ANSWER = OpenApiExample(
    "One set, one refused",
    response_only=True,
    value={
        "results": [
            {"index": 0, "status": "created", "id": "pri_01kaz4m6r8p0c2v5x7y9a1b3d5"},
            {
                "index": 1,
                "status": "rejected",
                "code": "unknown_sku",
                "errors": [{"pointer": "/sku", "code": "unknown_sku", "detail": "There is no such product"}],
            },
        ]
    },
)


@extend_schema_view(
    list=extend_schema(summary="Prices per channel", responses={200: PriceDocument}, operation_id="prices_list"),
    bulk=extend_schema(
        summary="Set many prices",
        description="Up to 5,000, each answered by itself: `created`, `updated`, `unchanged` or `rejected`."
        " Sending the same again changes nothing.",
        request=PriceRows,
        responses={200: BulkAnswer},
        examples=[_BULK_EXAMPLE, _BULK_ANSWER],
        operation_id="prices_bulk",
    ),
)
class Prices(ApiMixin, GenericViewSet):
    """A caller bound to a channel sees and sets that channel's."""

    scopes = dict.fromkeys(("POST", "PATCH", "DELETE"), "catalog:write") | {"GET": "catalog:read"}
    queryset = ProductPrice.objects.all()
    filterset_class = PriceFilters
    cursor_ordering = ("id",)

    def check_reach(self) -> None:
        """Prices are no place's own. Whether it is the caller's channel is asked where the channel is known."""
        if self.caller.locations is not None:
            raise PlaceNotAllowed()

    def get_queryset(self) -> QuerySet[ProductPrice]:
        rows = super().get_queryset()
        return rows if self.caller.channel is None else rows.filter(channel=self.caller.channel)

    def list(self, request: Request, **_path: str) -> Response:
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset())) or []
        return self.get_paginated_response([price_document(price) for price in page])

    @action(detail=False, methods=["post"])
    def bulk(self, request: Request) -> Response:
        return Response({"results": bulk.answer_rows(request.data, PriceOfSkuBody, self._save)})

    def _save(self, bodies: Sequence[PriceOfSkuBody]) -> Sequence[services.RowResult]:
        mine = [body for body in bodies if self.caller.channel in (None, body.channel)]
        rows = [body.row(body.sku) for body in mine]
        results = iter(services.receive_prices(rows, actor=self.caller.actor, as_of=now()))
        return [next(results) if self.caller.channel in (None, body.channel) else _foreign() for body in bodies]


def _foreign() -> services.RowResult:
    detail = _("This key may not act for that channel")
    return services.RowResult("rejected", "channel_not_allowed", "/channel", detail)


@extend_schema_view(
    list=extend_schema(
        summary="Prices of a product per channel", responses={200: PriceDocument}, operation_id="product_prices_list"
    ),
    create=extend_schema(
        summary="Set a price of a product",
        description="201 if it is new, 200 if one that begins at the same instant was changed or says the same"
        " already. Where another price is set for that time: 409 `prices_overlap`, unless it `takes_over`."
        " What was in force is history: 409 `price_is_history`.",
        parameters=[IDEMPOTENCY_KEY],
        request=PriceBody,
        responses={200: PriceDocument, 201: PriceDocument},
        examples=[_EXAMPLE, _ANSWER],
        operation_id="product_prices_create",
    ),
    retrieve=extend_schema(
        summary="One price", responses={200: PriceDocument}, examples=[_ANSWER], operation_id="product_prices_retrieve"
    ),
    partial_update=extend_schema(
        summary="Change a price",
        description="A JSON merge patch (RFC 7396). Of a price that has begun only the end can be set, to a moment"
        " that is not past; else 409 `price_is_history`.",
        request=PriceChangeBody,
        responses={200: PriceDocument},
        examples=[
            OpenApiExample("End it", request_only=True, value={"until_at": "2026-12-20T00:00:00+01:00"}),
            _ANSWER,
        ],
        operation_id="product_prices_partial_update",
    ),
    destroy=extend_schema(
        summary="End a price now",
        description="A price that has not begun is taken back; one that has ended stays: 409 `price_is_history`.",
        responses={204: None},
        operation_id="product_prices_destroy",
    ),
)
class PricesOfProduct(Prices):
    lookup_field = "id"

    def get_queryset(self) -> QuerySet[ProductPrice]:
        return super().get_queryset().filter(product=self.kwargs["code"])

    def list(self, request: Request, **_path: str) -> Response:
        if not Product.objects.filter(pk=self.kwargs["code"]).exists():
            raise Missing()
        return super().list(request)

    def create(self, request: Request, code: str) -> Response:
        body = self.body(PriceBody)
        self.check_channel(body.channel)
        once = self.once("prices", required=False)
        made = services.set_price(body.row(code), actor=self.caller.actor, as_of=now(), once=once)
        status = 201 if made["status"] == "created" else 200
        return Response(self._document(made["id"]), status=status, headers=self.replay_headers(once))

    def retrieve(self, request: Request, code: str, id: str) -> Response:
        return Response(self._document(id))

    def partial_update(self, request: Request, code: str, id: str) -> Response:
        body = self.body(PriceChangeBody)
        services.change_price(self._own(id).pk, body.changes(), actor=self.caller.actor, as_of=now())
        return Response(self._document(id))

    def destroy(self, request: Request, code: str, id: str) -> Response:
        services.end_price(self._own(id).pk, actor=self.caller.actor, as_of=now())
        return Response(status=204)

    def _own(self, id: str) -> ProductPrice:
        """Errors: Missing, also for a price of another channel than the caller's."""
        price = self.get_queryset().filter(pk=id).first()
        if price is None:
            raise Missing()
        return price

    def _document(self, id: str) -> dict[str, Any]:
        return price_document(self._own(id))
