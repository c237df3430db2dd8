"""`stock/…`: what happened, what stands where, what is kept back."""

from collections.abc import Callable
from typing import Any

from django.db.models import QuerySet
from django.db.models.expressions import RawSQL
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from inventory import services
from inventory.api import bulk
from inventory.api.bodies import EventsBody, ProtectionBody, StockEventBody, StockEventsBody
from inventory.api.documents import EventAnswers, LevelDocument, MovementDocument
from inventory.api.filters import LevelFilters, MovementFilters
from inventory.api.ledger_paging import LedgerPaging
from inventory.models import StockLevel, StockMovement
from inventory.sellable import sellable_sql
from inventory.supply import in_transit_sql, inbound_sql
from oms.api.views import ApiMixin, ApiView
from oms.clock import now
from oms.errors import ChannelNotAllowed


class StockEvents(ApiView):
    scopes = {"POST": "stock:write"}

    @extend_schema(
        summary="Report what happened to stock",
        description="Deltas and counts, up to 5,000, each answered by itself: `applied`, `duplicate`, `stale` or"
        " `rejected`. Ids are unique per source (default: the key); one that comes again for another level or number of units"
        " is rejected as `id_reused`. A count without a condition is of all that"
        " stands there; what moved after it, by `occurred_at`, is added, however late the count comes.",
        request=StockEventsBody,
        responses={200: EventAnswers},
    )
    def post(self, request: Request) -> Response:
        rows = bulk.rows_of(self.body(EventsBody).events, "/events")
        bodies, answers = bulk.read_rows(rows, StockEventBody)
        mine = [(index, body.event()) for index, body in bodies if self.caller.sees(body.location)]
        results = services.receive_stock_events(
            [event for _index, event in mine], source=self.caller.identity, actor=self.caller.actor, as_of=now()
        )
        for (index, _event), result in zip(mine, results, strict=True):
            answers[index] = _answer(index, result)
        return Response(
            {
                "results": [
                    {"id": _id_of(row)} | (answers.get(index) or _foreign(index)) for index, row in enumerate(rows)
                ]
            }
        )


def _id_of(row: Any) -> str | None:
    """The id that a row gave itself, if it is one: what was rejected should be found again."""
    given = row.get("id") if isinstance(row, dict) else None
    return given if isinstance(given, str) else None


def _answer(index: int, result: services.EventResult) -> dict[str, Any]:
    answer = {"index": index, "id": result.id, "status": result.status}
    return answer | {"code": result.code, "detail": result.detail} if result.code else answer


def _foreign(index: int) -> dict[str, Any]:
    """A key bound to places does not learn that others exist."""
    detail = _("There is no such location")
    return {"index": index, "status": "rejected", "code": "unknown_location", "detail": detail}


class OfMyPlaces(ApiMixin, ListAPIView):
    """A list of which a caller bound to places sees those."""

    scopes = {"GET": "stock:read"}
    document: Callable[[Any], dict[str, Any]]

    def get_queryset(self) -> QuerySet:
        rows = super().get_queryset()
        if self.caller.locations is not None:
            rows = rows.filter(location_id__in=self.caller.locations)
        return rows

    def list(self, request: Request) -> Response:
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset())) or []
        return self.get_paginated_response([self.document(row) for row in page])


def _level_document(level: Any) -> dict[str, Any]:
    on_sale = level.product.is_active and level.location.is_active
    return {
        "sku": level.product_id,
        "location": level.location_id,
        "on_hand": level.on_hand,
        "reserved": level.reserved,
        "unsellable": level.unsellable,
        "damaged": level.damaged,
        "quarantined": level.quarantined,
        "inbound": level.inbound_qty,
        "in_transit": level.in_transit_qty,
        "sellable": level.sellable_qty if on_sale else 0,
        "safety_stock": level.safety_stock,
        "bin": level.bin,
        "suspect_at": level.suspect_at,
        "counted_at": level.counted_at,
        "updated_at": level.updated_at,
    }


@extend_schema_view(get=extend_schema(summary="Stock levels", responses={200: LevelDocument}))
class Levels(OfMyPlaces):
    queryset = StockLevel.objects.select_related("product", "location").annotate(
        sellable_qty=RawSQL(sellable_sql("inventory_stocklevel", safety="inventory_location.safety_stock"), []),
        inbound_qty=RawSQL(inbound_sql("inventory_stocklevel"), []),
        in_transit_qty=RawSQL(in_transit_sql("inventory_stocklevel"), []),
    )
    filterset_class = LevelFilters
    cursor_ordering = ("id",)
    document = staticmethod(_level_document)


def _movement_document(movement: StockMovement) -> dict[str, Any]:
    names = [name for name in MovementDocument.model_fields if name not in ("sku", "location")]
    places = {"sku": movement.product_id, "location": movement.location_id}
    return places | {name: getattr(movement, name) for name in names}


@extend_schema_view(get=extend_schema(summary="The ledger, latest first", responses={200: MovementDocument}))
class Movements(OfMyPlaces):
    queryset = StockMovement.objects.all()
    pagination_class = LedgerPaging
    filterset_class = MovementFilters
    document = staticmethod(_movement_document)


class Protection(ApiView):
    """What is kept back is kept from every channel, so a caller bound to one has no say in it."""

    scopes = {"PUT": "stock:write"}

    def check_reach(self) -> None:
        if self.caller.channel is not None:
            raise ChannelNotAllowed()

    @extend_schema(
        summary="Keep units of a product back at a place",
        description="`safety_stock` null: the place's own default.",
        request=ProtectionBody,
        responses={200: ProtectionBody},
    )
    def put(self, request: Request) -> Response:
        body = self.body(ProtectionBody)
        self.check_location(body.location)
        services.protect_stock(**body.model_dump(), actor=self.caller.actor, as_of=now())
        return Response(body.model_dump())
