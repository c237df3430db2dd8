"""`stock/adjustments/`: what people change about units by hand, and why."""

from typing import Annotated, Any, Literal

import django_filters as filters
from drf_spectacular.utils import extend_schema
from pydantic import BaseModel, Field
from rest_framework.request import Request
from rest_framework.response import Response

from inventory.api.filters import CommaFilter, GroupFilter
from inventory.api.stock import OfMyPlaces
from inventory.errors import FewerThere
from inventory.models import AdjustmentKind, AdjustmentReason, Condition, StockAdjustment
from inventory.services.stock_conditions import Adjustment, adjust_stock
from oms.api.body import Body, Code, Instant, Quantity, Text, example
from oms.api.views import IDEMPOTENCY_KEY, ApiView
from oms.clock import now


class AdjustmentBody(Body):
    """`condition`: of units that are written off (else those that cannot be sold go first) or found (else sellable)."""

    model_config = example(
        sku="SKU-1", location="PARIS", kind="write_off", quantity=1, reason="broken", note="Fell off the shelf"
    )
    sku: Code
    location: Code
    kind: AdjustmentKind
    quantity: Quantity
    reason: AdjustmentReason
    note: Text = ""
    condition: Annotated[Condition | None, Field(description="For `write_off` and `found` only.")] = None

    def adjustment(self) -> Adjustment:
        return Adjustment(
            sku=self.sku,
            location=self.location,
            kind=self.kind.value,
            quantity=self.quantity,
            reason=self.reason.value,
            note=self.note,
            condition=self.condition.value if self.condition else "",
        )


class AdjustmentDocument(BaseModel):
    id: str
    sku: str
    location: str
    kind: str
    quantity: int
    condition: str
    reason: str
    note: str
    actor: str
    made_at: Instant


class ReasonDocument(BaseModel):
    """`name` in the caller's language."""

    code: str
    name: str


class ReasonsDocument(BaseModel):
    results: list[ReasonDocument]
    next: Literal[None] = None
    previous: Literal[None] = None


class AdjustmentFilters(filters.FilterSet):
    sku = CommaFilter(field_name="product_id", lookup_expr="in")
    location = CommaFilter(field_name="location_id", lookup_expr="in")
    group = GroupFilter()
    kind = filters.MultipleChoiceFilter(choices=AdjustmentKind.choices)
    reason = filters.MultipleChoiceFilter(choices=AdjustmentReason.choices)
    made_after = filters.IsoDateTimeFilter(field_name="made_at", lookup_expr="gte")
    made_before = filters.IsoDateTimeFilter(field_name="made_at", lookup_expr="lt")

    class Meta:
        model = StockAdjustment
        fields: list[str] = []


def adjustment_document(row: StockAdjustment) -> dict[str, Any]:
    names = [name for name in AdjustmentDocument.model_fields if name not in ("sku", "location")]
    return {"sku": row.product_id, "location": row.location_id} | {name: getattr(row, name) for name in names}


class Adjustments(OfMyPlaces):
    scopes = {"GET": "stock:read", "POST": "stock:adjust"}
    refusals = {"POST": [FewerThere(available=1, requested=2)]}
    queryset = StockAdjustment.objects.all()
    filterset_class = AdjustmentFilters
    document = staticmethod(adjustment_document)

    @extend_schema(
        summary="What people changed by hand, latest first",
        responses={200: AdjustmentDocument},
        operation_id="stock_adjustments_list",
    )
    def get(self, request: Request) -> Response:
        return self.list(request)

    @extend_schema(
        summary="Change units by hand",
        description="`damage` and `quarantine` take sellable units off sale, `repair` and `release` put them back,"
        " `write_off` and `found` change how many are there. Promised units may go all the same:"
        " `inventory.stock.short` then tells it. 409 `fewer_there` when not so many are in that condition.",
        request=AdjustmentBody,
        responses={201: AdjustmentDocument},
        parameters=[IDEMPOTENCY_KEY],
        operation_id="stock_adjustments_make",
    )
    def post(self, request: Request) -> Response:
        body = self.body(AdjustmentBody)
        self.check_location(body.location)
        once = self.once("stock.adjust", required=False)
        made = adjust_stock(body.adjustment(), actor=self.caller.actor, as_of=now(), once=once)
        document = adjustment_document(StockAdjustment.objects.get(pk=made))
        return Response(document, status=201, headers=self.replay_headers(once))


class AdjustmentReasons(ApiView):
    scopes = {"GET": "stock:read"}

    @extend_schema(
        summary="Why units may be changed by hand",
        responses={200: ReasonsDocument},
        operation_id="stock_adjustments_reasons",
    )
    def get(self, request: Request) -> Response:
        reasons = [{"code": code, "name": name} for code, name in AdjustmentReason.choices]
        return Response({"results": reasons, "next": None, "previous": None})
