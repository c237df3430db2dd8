"""`transfers/`: units that one place sends to another. Underway they are `inbound/` of the destination."""

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiExample, extend_schema
from pydantic import Field
from rest_framework.request import Request
from rest_framework.response import Response

from inventory.api.inbound import (
    IDEMPOTENCY_KEY,
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
from inventory.models import Inbound
from inventory.services.announcements import Announcement
from inventory.services.transfers import send_transfer
from oms.actors import Caller
from oms.api.body import Body, Code, Instant
from oms.clock import now
from oms.idempotency import fingerprint


class TransferBody(Body):
    """Sent now: the units leave `from` and are in transit until `to` receives them."""

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
            expected_at=self.expected_at or now() + timedelta(days=settings.TRANSFER_DAYS),
            lines=units_of(self.lines),
            origin=self.origin,
            source=self.source or caller.identity,
            external_id=self.external_id,
            reference=self.reference,
            reason=self.reason,
            fingerprint=fingerprint(given),
        )


_TRANSFER = OpenApiExample(
    "Six pieces to another store",
    request_only=True,
    value={
        "from": "STORE-LYON",
        "to": "STORE-PARIS",
        "reason": "Sold out there",
        "lines": [{"sku": "SKU-1", "quantity": 6}],
    },
)
SENT_EXAMPLE = OpenApiExample(
    "In transit",
    response_only=True,
    value={
        "id": "inb_01kjx5m2v4m7q0a8r3k1t6w9yz",
        "location": "STORE-PARIS",
        "origin": "STORE-LYON",
        "source": "",
        "external_id": None,
        "reference": "",
        "reason": "Sold out there",
        "expected_at": "2026-03-11T09:00:00Z",
        "is_late": False,
        "status": "in_transit",
        "lines": [
            {
                "sku": "SKU-1",
                "quantity": 6,
                "received": 0,
                "damaged": 0,
                "quarantined": 0,
                "missing": 0,
                "over": 0,
                "remaining": 6,
            }
        ],
        "closing_note": "",
        "created_at": "2026-03-09T09:00:00Z",
        "updated_at": "2026-03-09T09:00:00Z",
        "closed_at": None,
        "version": 1,
        "actions": ["receive", "change", "cancel"],
    },
)


class Transfers(InboundList):
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
        examples=[_TRANSFER, SENT_EXAMPLE],
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
        examples=[SENT_EXAMPLE],
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
        examples=[OpenApiExample("In full", request_only=True, value={}), SENT_EXAMPLE],
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
        examples=[OpenApiExample("With a reason", request_only=True, value={"reason": "Not needed"}), SENT_EXAMPLE],
        parameters=[IDEMPOTENCY_KEY],
        operation_id="transfers_cancel",
    )
    def post(self, request: Request, inbound_id: str) -> Response:
        return super().post(request, inbound_id)
