"""`transfers/`: units that one place sends to another. Underway they are `inbound/` of the destination."""

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from pydantic import Field
from rest_framework.request import Request
from rest_framework.response import Response

from inventory.api.inbound import (
    CancelBody,
    CancelInbound,
    ExternalId,
    InboundDocument,
    InboundList,
    InboundView,
    Lines,
    Reason,
    ReceiveBody,
    ReceiveInbound,
    Reference,
    Source,
    units_of,
)
from inventory.errors import InsufficientStock
from inventory.models import Inbound
from inventory.services.announcements import Announcement, usual_arrival
from inventory.services.transfers import send_transfer
from oms.actors import Caller
from oms.api.body import Body, Code, Instant, example
from oms.api.views import IDEMPOTENCY_KEY
from oms.clock import now
from oms.idempotency import fingerprint


class TransferBody(Body):
    """Sent now: the units leave `from` and are in transit until `to` receives them."""

    model_config = example(
        **{"from": "PARIS", "to": "LILLE", "reason": "Sold out there", "lines": [{"sku": "SKU-1", "quantity": 2}]}
    )
    origin: Code = Field(alias="from")
    destination: Code = Field(alias="to")
    expected_at: Instant | None = Field(default=None, description="In two days if not given.")
    reason: Reason = ""
    reference: Reference = ""
    source: Source = ""
    external_id: ExternalId | None = None
    lines: Lines

    def announcement(self, caller: Caller, given: Any) -> Announcement:
        return Announcement(
            location=self.destination,
            expected_at=self.expected_at or usual_arrival(now()),
            lines=units_of(self.lines),
            origin=self.origin,
            source=self.source or caller.identity,
            external_id=self.external_id,
            reference=self.reference,
            reason=self.reason,
            fingerprint=fingerprint(given),
        )


class Transfers(InboundList):
    scopes = {"GET": "stock:read", "POST": "stock:adjust"}
    refusals = {"POST": [InsufficientStock(shortages=[{"sku": "SKU-1", "requested": 2, "sellable": 1}])]}

    def get_queryset(self) -> QuerySet[Inbound]:
        return super().get_queryset().exclude(origin=None)

    @extend_schema(
        summary="Transfers between places",
        responses={200: InboundDocument},
        operation_id="transfers_list",
    )
    def get(self, request: Request) -> Response:
        return self.list(request)

    @extend_schema(
        summary="Send units to another place",
        description="Only what the origin could sell: what is promised or kept back there stays, else 409"
        " `insufficient_stock` with the shortages. The destination must be able to receive transfers.",
        request=TransferBody,
        responses={201: InboundDocument},
        parameters=[IDEMPOTENCY_KEY],
        operation_id="transfers_send",
    )
    def post(self, request: Request) -> Response:
        body = self.body(TransferBody)
        self.check_location(body.origin)
        once = self.once("transfers.send", required=False)
        sent = send_transfer(
            body.announcement(self.caller, request.data), actor=self.caller.actor, as_of=now(), once=once
        )
        return self.answer(sent, once)


class TransferView(InboundView):
    @property
    def among(self) -> QuerySet[Inbound]:
        return super().among.exclude(origin=None)


class OneTransfer(TransferView):
    scopes = {"GET": "stock:read"}

    @extend_schema(
        summary="One transfer",
        responses={200: InboundDocument},
        operation_id="transfers_read",
    )
    def get(self, request: Request, inbound_id: str) -> Response:
        return self.document(inbound_id)


class ReceiveTransfer(TransferView, ReceiveInbound):
    @extend_schema(
        summary="Receive a transfer",
        description="As `inbound/{id}/receive/`.",
        request=ReceiveBody,
        responses={200: InboundDocument},
        parameters=[IDEMPOTENCY_KEY],
        operation_id="transfers_receive",
    )
    def post(self, request: Request, inbound_id: str) -> Response:
        return super().post(request, inbound_id)


class CancelTransfer(TransferView, CancelInbound):
    @extend_schema(
        summary="Call a transfer back",
        description="As `inbound/{id}/cancel/`: the units stand at their origin again.",
        request=CancelBody,
        responses={200: InboundDocument},
        parameters=[IDEMPOTENCY_KEY],
        operation_id="transfers_cancel",
    )
    def post(self, request: Request, inbound_id: str) -> Response:
        return super().post(request, inbound_id)
