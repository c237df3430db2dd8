"""`inbound/`: what is on its way to a place, announced, changed, received, canceled."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

import django_filters as filters
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from pydantic import BaseModel, Field, RootModel, StringConstraints
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from inventory.api import bulk
from inventory.api.documents import RowError
from inventory.api.filters import CommaFilter, GroupFilter
from inventory.errors import ChangedMeanwhile
from inventory.models import Condition, Inbound, InboundLine
from inventory.services.announcements import REJECTED, Announced, Announcement, announce_deliveries, announce_delivery
from inventory.services.inbound import cancel_inbound, change_inbound
from inventory.services.receiving import Receipt, receive_inbound
from inventory.states import UNTOUCHED, InboundStatus
from oms.actors import Caller
from oms.api.body import Body, Code, Instant, Quantity, Text, example
from oms.api.filters import BooleanFilter
from oms.api.views import IDEMPOTENCY_KEY, ApiMixin, ApiView
from oms.clock import now
from oms.errors import FieldError, IllegalMove, Missing, PlaceNotAllowed
from oms.idempotency import Once, fingerprint

ENDED = IllegalMove(current="received")
ExternalId = Annotated[str, StringConstraints(min_length=1, max_length=120)]
Reference = Annotated[str, StringConstraints(max_length=100, strip_whitespace=True)]
Source = Annotated[str, StringConstraints(max_length=120, strip_whitespace=True)]
Reason = Annotated[str, StringConstraints(max_length=200, strip_whitespace=True)]


# ---- what clients send ---------------------------------------------------------------------------


class UnitsBody(Body):
    sku: Code
    quantity: Quantity


Lines = Annotated[list[UnitsBody], Field(min_length=1, max_length=2000)]


def units_of(lines: Sequence[UnitsBody]) -> list[tuple[str, int]]:
    return [(line.sku, line.quantity) for line in lines]


class InboundBody(Body):
    """`external_id` is unique per `source` (default: the key); lines of one SKU count together."""

    model_config = example(
        location="PARIS",
        expected_at="2026-03-09T08:00:00+01:00",
        source="erp",
        external_id="PO-2231",
        reference="Spring, second drop",
        lines=[{"sku": "SKU-1", "quantity": 18}, {"sku": "SKU-2", "quantity": 6}],
    )
    location: Code
    expected_at: Instant
    source: Source = ""
    external_id: ExternalId | None = None
    reference: Reference = ""
    lines: Lines

    def announcement(self, caller: Caller, given: Any) -> Announcement:
        return Announcement(
            location=self.location,
            expected_at=self.expected_at,
            lines=units_of(self.lines),
            source=self.source or caller.identity,
            external_id=self.external_id,
            reference=self.reference,
            fingerprint=fingerprint(given),
        )


class InboundRows(RootModel[list[InboundBody]]):
    """Up to 5,000."""


class ChangeBody(Body):
    """What is not given stays. `lines` are all that is announced now: of a product not named nothing more comes."""

    model_config = example(expected_at="2026-03-11T08:00:00+01:00")
    expected_at: Instant | None = None
    reference: Reference | None = None
    lines: Lines | None = None
    version: int | None = None


class ReceiptBody(Body):
    sku: Code
    quantity: Quantity
    condition: Condition = Condition.SELLABLE
    bin: Annotated[str, StringConstraints(max_length=40, strip_whitespace=True)] | None = None

    def receipt(self) -> Receipt:
        return Receipt(self.sku, self.quantity, self.condition.value, self.bin)


class ReceiveBody(Body):
    """No `lines`: all that remains came, in good condition. `final`: what did not come is missing."""

    model_config = example(
        lines=[
            {"sku": "SKU-1", "quantity": 11, "bin": "A-04"},
            {"sku": "SKU-1", "quantity": 1, "condition": "damaged"},
        ],
        final=True,
        note="One box was not on the truck",
    )
    lines: Annotated[list[ReceiptBody], Field(max_length=2000)] | None = None
    final: bool = False
    note: Text = ""
    version: int | None = Field(default=None, description="Refused if it has changed since this version was read.")


class CancelBody(Body):
    model_config = example(reason="The supplier is out of it")
    reason: Text = ""


# ---- what clients get ----------------------------------------------------------------------------


class InboundLineDocument(BaseModel):
    """`quantity` was announced, `received` came in any condition, `over` of it unannounced; `remaining` may come, and
    `promised` of these are spoken for by orders that wait for them."""

    sku: str
    quantity: int
    received: int
    damaged: int
    quarantined: int
    missing: int
    over: int
    remaining: int
    promised: int


class InboundDocument(BaseModel):
    """A delivery, or a transfer if it has an `origin`."""

    id: str
    location: str
    origin: str | None
    source: str
    external_id: str | None
    reference: str
    reason: str
    expected_at: Instant
    is_late: bool
    status: Literal["announced", "in_transit", "partially_received", "received", "canceled"]
    lines: list[InboundLineDocument]
    closing_note: str
    created_at: Instant
    updated_at: Instant
    closed_at: Instant | None
    version: int
    actions: list[Literal["receive", "change", "cancel"]]


class InboundRowAnswer(BaseModel):
    """`created`, `duplicate` (announced before), or `rejected` with the fields at fault."""

    index: int
    status: str
    id: str | None = None
    code: str | None = None
    errors: list[RowError] | None = None


class InboundBulkAnswer(BaseModel):
    results: list[InboundRowAnswer]


_PLAIN = (
    *("source", "external_id", "reference", "reason", "expected_at", "status", "closing_note"),
    *("created_at", "updated_at", "closed_at", "version"),
)
_LINE = ("quantity", "received", "damaged", "quarantined", "missing", "over", "remaining", "promised")


def inbound_document(inbound: Inbound, caller: Caller) -> dict[str, Any]:
    """Needs `lines` prefetched."""
    return {
        "id": inbound.pk,
        "location": inbound.location_id,
        "origin": inbound.origin_id,
        **{name: getattr(inbound, name) for name in _PLAIN},
        "is_late": inbound.is_open and inbound.expected_at <= now(),
        "lines": [
            {"sku": line.product_id, **{name: getattr(line, name) for name in _LINE}} for line in inbound.lines.all()
        ],
        "actions": _actions(inbound, caller),
    }


def _actions(inbound: Inbound, caller: Caller) -> list[str]:
    """What this caller may do with it now."""
    if not inbound.is_open:
        return []
    is_keeper = caller.may("stock:adjust") and caller.sees(keeper_of(inbound))
    possible = {
        "receive": caller.may("stock:count") and caller.sees(inbound.location_id),
        "change": is_keeper,
        "cancel": is_keeper and inbound.status in UNTOUCHED,
    }
    return [name for name, is_possible in possible.items() if is_possible]


def keeper_of(inbound: Inbound) -> str:
    """The place whose people may change or cancel it: who sends a transfer, who awaits a delivery."""
    return inbound.origin_id or inbound.location_id


def visible_inbound(caller: Caller) -> QuerySet[Inbound]:
    """A caller bound to places sees what comes to them and what leaves them."""
    rows = Inbound.objects.prefetch_related("lines")
    if caller.locations is None:
        return rows
    return rows.filter(Q(location_id__in=caller.locations) | Q(origin_id__in=caller.locations))


class InboundFilters(filters.FilterSet):
    location = CommaFilter(field_name="location_id", lookup_expr="in", label="destinations")
    origin = CommaFilter(field_name="origin_id", lookup_expr="in", label="origins of transfers")
    group = GroupFilter()
    status = filters.MultipleChoiceFilter(choices=InboundStatus.choices)
    open = BooleanFilter(field_name="closed_at", lookup_expr="isnull", label="still to come, in whole or part")
    sku = CommaFilter(method="of_sku", label="any of these")
    source = filters.CharFilter()
    external_id = filters.CharFilter()
    reference = filters.CharFilter()
    expected_after = filters.IsoDateTimeFilter(field_name="expected_at", lookup_expr="gte")
    expected_before = filters.IsoDateTimeFilter(field_name="expected_at", lookup_expr="lt")

    class Meta:
        model = Inbound
        fields: list[str] = []

    def of_sku(self, queryset: QuerySet, _name: str, value: list[str]) -> QuerySet:
        return queryset.filter(Exists(InboundLine.objects.filter(inbound=OuterRef("pk"), product__in=value)))


# ---- views ---------------------------------------------------------------------------------------


class InboundList(ApiMixin, ListAPIView):
    """Newest first."""

    scopes = {"GET": "stock:read", "POST": "stock:write"}
    filterset_class = InboundFilters
    queryset = Inbound.objects.all()

    def get_queryset(self) -> QuerySet[Inbound]:
        return visible_inbound(self.caller)

    def list(self, request: Request) -> Response:
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset())) or []
        return self.get_paginated_response([inbound_document(row, self.caller) for row in page])

    def answer(self, made: dict[str, Any], once: Once | None) -> Response:
        """201, and whether it was made before."""
        is_replay = bool(once and once.is_replay) or not made["is_new"]
        headers = {"Idempotency-Replayed": "true"} if is_replay else {}
        row = visible_inbound(self.caller).get(pk=made["inbound"])
        return Response(inbound_document(row, self.caller), status=201, headers=headers)


class Inbounds(InboundList):
    @extend_schema(
        summary="Deliveries and transfers on their way",
        responses={200: InboundDocument},
        operation_id="inbound_list",
    )
    def get(self, request: Request) -> Response:
        return self.list(request)

    @extend_schema(
        summary="Announce a delivery",
        description="Counts as future supply from its day. Announced again under the same source and external id it"
        " is the same delivery; with another body it is refused as `id_reused`.",
        request=InboundBody,
        responses={201: InboundDocument},
        parameters=[IDEMPOTENCY_KEY],
        operation_id="inbound_announce",
    )
    def post(self, request: Request) -> Response:
        body = self.body(InboundBody)
        self.check_location(body.location)
        once = self.once("inbound.announce", required=False)
        made = announce_delivery(
            body.announcement(self.caller, request.data), actor=self.caller.actor, as_of=now(), once=once
        )
        return self.answer(made, once)


class InboundBulk(ApiView):
    scopes = {"POST": "stock:write"}

    @extend_schema(
        summary="Announce many deliveries",
        description="Up to 5,000, each answered by itself: `created`, `duplicate` or `rejected`.",
        request=InboundRows,
        responses={200: InboundBulkAnswer},
        operation_id="inbound_announce_many",
    )
    def post(self, request: Request) -> Response:
        rows = bulk.rows_of(request.data)
        bodies, answers = bulk.read_rows(rows, InboundBody)
        mine = [(index, body) for index, body in bodies if self.caller.sees(body.location)]
        made = announce_deliveries(
            [body.announcement(self.caller, rows[index]) for index, body in mine],
            actor=self.caller.actor,
            as_of=now(),
        )
        answers |= {index: _row_answer(index, result) for (index, _body), result in zip(mine, made, strict=True)}
        return Response({"results": [answers.get(index) or _foreign(index) for index in range(len(rows))]})


def _foreign(index: int) -> dict[str, Any]:
    """A key bound to places does not learn that others exist."""
    detail = _("There is no such location")
    return _row_answer(index, Announced(REJECTED, errors=[FieldError("/location", "unknown_location", detail)]))


def _row_answer(index: int, result: Announced) -> dict[str, Any]:
    if not result.errors:
        return {"index": index, "status": result.status, "id": result.id}
    errors = [{"pointer": error.pointer, "code": error.code, "detail": error.detail} for error in result.errors]
    return {"index": index, "status": result.status, "code": errors[0]["code"], "errors": errors}


class InboundView(ApiView):
    """One delivery or transfer. `among`: those the view is for."""

    @property
    def among(self) -> QuerySet[Inbound]:
        return visible_inbound(self.caller)

    def find(self, inbound_id: str) -> Inbound:
        """Errors: Missing, also when neither its origin nor its destination is the caller's."""
        row = self.among.filter(pk=inbound_id).first()
        if row is None:
            raise Missing()
        return row

    def check_theirs(self, place: str) -> None:
        """Errors: PlaceNotAllowed when it is for another place's people to do this."""
        if not self.caller.sees(place):
            raise PlaceNotAllowed()

    def document(self, inbound_id: str, once: Once | None = None) -> Response:
        return Response(inbound_document(self.find(inbound_id), self.caller), headers=self.replay_headers(once))


class OneInbound(InboundView):
    scopes = {"GET": "stock:read", "PATCH": "stock:adjust"}
    refusals = {"PATCH": [ENDED, ChangedMeanwhile(version=3)]}

    @extend_schema(
        summary="One delivery or transfer",
        responses={200: InboundDocument},
        operation_id="inbound_read",
    )
    def get(self, request: Request, inbound_id: str) -> Response:
        return self.document(inbound_id)

    @extend_schema(
        summary="Another day, name or other lines",
        description="While it is open. The lines of a transfer have left and cannot be changed.",
        request=ChangeBody,
        responses={200: InboundDocument},
        operation_id="inbound_change",
    )
    def patch(self, request: Request, inbound_id: str) -> Response:
        body = self.body(ChangeBody)
        self.check_theirs(keeper_of(self.find(inbound_id)))
        change_inbound(
            inbound_id=inbound_id,
            expected_at=body.expected_at,
            reference=body.reference,
            lines=None if body.lines is None else units_of(body.lines),
            version=body.version,
            actor=self.caller.actor,
            as_of=now(),
        )
        return self.document(inbound_id)


class ReceiveInbound(InboundView):
    scopes = {"POST": "stock:count"}
    refusals = {"POST": [ENDED, ChangedMeanwhile(version=3)]}

    @extend_schema(
        summary="Receive it, in full or in part",
        description="What came is stock at once, by condition; more than was announced comes in too and is recorded as"
        " over. When nothing remains, or with `final`, it is closed and what did not come is missing.",
        request=ReceiveBody,
        responses={200: InboundDocument},
        parameters=[IDEMPOTENCY_KEY],
        operation_id="inbound_receive",
    )
    def post(self, request: Request, inbound_id: str) -> Response:
        body = self.body(ReceiveBody)
        self.check_theirs(self.find(inbound_id).location_id)
        once = self.once("inbound.receive", required=False)
        receive_inbound(
            inbound_id=inbound_id,
            receipts=None if body.lines is None else [line.receipt() for line in body.lines],
            final=body.final,
            note=body.note,
            version=body.version,
            actor=self.caller.actor,
            as_of=now(),
            once=once,
        )
        return self.document(inbound_id, once)


class CancelInbound(InboundView):
    scopes = {"POST": "stock:adjust"}
    refusals = {"POST": [ENDED]}

    @extend_schema(
        summary="It does not come",
        description="Before anything of it was received. The units of a transfer stand at their origin again.",
        request=CancelBody,
        responses={200: InboundDocument},
        parameters=[IDEMPOTENCY_KEY],
        operation_id="inbound_cancel",
    )
    def post(self, request: Request, inbound_id: str) -> Response:
        body = self.body(CancelBody)
        self.check_theirs(keeper_of(self.find(inbound_id)))
        once = self.once("inbound.cancel", required=False)
        cancel_inbound(inbound_id=inbound_id, reason=body.reason, actor=self.caller.actor, as_of=now(), once=once)
        return self.document(inbound_id, once)
