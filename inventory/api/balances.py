"""`GET stock/balances/`: what stood where at an instant of the past."""

from dataclasses import asdict
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from pydantic import BaseModel
from rest_framework.request import Request
from rest_framework.response import Response

from inventory.api.filters import PlacedFilters
from inventory.api.stock import OfMyPlaces
from inventory.balances import balances_of, check_instant
from inventory.models import StockLevel
from oms.api.body import Instant, read
from oms.clock import now


class BalanceDocument(BaseModel):
    """`on_hand` counts units in any condition, damaged and quarantined ones too."""

    sku: str
    location: str
    on_hand: int
    damaged: int
    quarantined: int
    as_of: Instant


class BalanceQuery(BaseModel):
    as_of: Instant


_EXAMPLE = OpenApiExample(
    "A shop at the end of the year",
    response_only=True,
    value={
        "sku": "LAMP-OAK",
        "location": "STORE-12",
        "on_hand": 14,
        "damaged": 1,
        "quarantined": 0,
        "as_of": "2025-12-31T23:00:00Z",
    },
)


class Balances(OfMyPlaces):
    """One page of levels at a time; each page is one consistent picture, whatever is sold meanwhile."""

    queryset = StockLevel.objects.only("id", "product_id", "location_id")
    filterset_class = PlacedFilters
    cursor_ordering = ("id",)

    @extend_schema(
        summary="What stood where at an instant of the past",
        description="By when things happened (`occurred_at`), not by when they were told: a count that came late counts"
        " from when it was taken. Before the ledger begins: `before_the_ledger`, with `begins_at`.",
        parameters=[OpenApiParameter("as_of", OpenApiTypes.DATETIME, required=True)],
        responses={200: BalanceDocument},
        examples=[_EXAMPLE],
    )
    def get(self, request: Request) -> Response:
        instant = read(BalanceQuery, request.query_params.dict()).as_of
        check_instant(instant, as_of=now())
        page: Any = self.paginate_queryset(self.filter_queryset(self.get_queryset())) or []
        keys = [(level.product_id, level.location_id) for level in page]
        found = {(balance.sku, balance.location): balance for balance in balances_of(keys, as_of=instant)}
        return self.get_paginated_response([asdict(found[key]) | {"as_of": instant} for key in keys])
