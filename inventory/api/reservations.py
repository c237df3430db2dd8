"""`reservations/`: units kept for a cart for a little while."""

from typing import Annotated, Any, Literal

from drf_spectacular.utils import extend_schema
from pydantic import BaseModel, Field, StringConstraints
from rest_framework.request import Request
from rest_framework.response import Response

from inventory.models import CartHold, HoldStatus
from inventory.services.cart_holds import HoldLine, hold_cart, release_hold, renew_hold
from oms.api.body import Body, Code, Instant, Quantity
from oms.api.views import IDEMPOTENCY_KEY, ApiView
from oms.clock import now
from oms.errors import Missing
from oms.idempotency import fingerprint

_LONGEST_SECONDS = 3600


class HoldLineBody(Body):
    sku: Code
    quantity: Quantity
    location: Code | None = Field(default=None, description="Only there; else wherever there is most.")

    def line(self) -> HoldLine:
        return HoldLine(self.sku, self.quantity, self.location)


Lines = Annotated[list[HoldLineBody], Field(min_length=1, max_length=100)]
Seconds = Annotated[int, Field(ge=10, le=_LONGEST_SECONDS, strict=True)]


class Asked(Body):
    """`method` and `service` say which stock the cart may see; a place that cannot do the method holds nothing for it."""

    ttl_seconds: Seconds = 600
    method: Literal["ship", "pickup", "curbside", "locker"] = "ship"
    service: Literal["standard", "express", "same_day"] = "standard"


class ReservationBody(Asked):
    cart: Annotated[str, StringConstraints(min_length=1, max_length=100, strip_whitespace=True)]
    channel: Code
    lines: Lines


class RenewalBody(Asked):
    """With `lines`, or where `method` or `service` is named, the units are found anew as for a new reservation, what is
    left out being as it is there; else they stay where they are held."""

    lines: Lines | None = Field(default=None, description="Instead of what it held; absent: the same.")


class HeldUnits(BaseModel):
    sku: str
    location: str
    quantity: int


class ReservationDocument(BaseModel):
    """`lines`: what is held where, empty when the reservation has ended."""

    id: str
    cart: str
    channel: str
    status: Literal["active", "committed", "released", "expired"]
    expires_at: Instant
    created_at: Instant
    lines: list[HeldUnits]


def find_hold(hold_id: str) -> CartHold:
    """Errors: Missing, also for one that ended so long ago that it was forgotten."""
    hold = CartHold.objects.filter(pk=hold_id).first()
    if hold is None:
        raise Missing()
    return hold


def reservation_document(hold: CartHold) -> dict[str, Any]:
    """As it is at this instant: one that is past its end has expired, whatever is written."""
    is_over = hold.status == HoldStatus.ACTIVE and hold.expires_at <= now()
    held = [] if is_over else hold.held.order_by("product_id", "location_id")
    return {
        "id": hold.pk,
        "cart": hold.cart,
        "channel": hold.channel_id,
        "status": HoldStatus.EXPIRED if is_over else hold.status,
        "expires_at": hold.expires_at,
        "created_at": hold.created_at,
        "lines": [{"sku": h.product_id, "location": h.location_id, "quantity": h.quantity} for h in held],
    }


class Reservations(ApiView):
    scopes = {"POST": "reservations:write"}

    @extend_schema(
        summary="Keep units for a cart",
        description="Held where there is most, for `ttl_seconds`, one live reservation per channel and `cart`: the same"
        " request again answers the same reservation, under its `Idempotency-Key` also when that is over: released,"
        " expired, or an order's. Placing an order with its id turns it into the order's own; `quotes/` and"
        " `routing/plan/` that name it reckon with what it keeps. What is held stays the cart's until the end, whatever an"
        " exposure rule keeps by then, but what is hidden or off sale.",
        parameters=[IDEMPOTENCY_KEY],
        request=ReservationBody,
        responses={201: ReservationDocument},
    )
    def post(self, request: Request) -> Response:
        body = self.body(ReservationBody)
        self.check_channel(body.channel)
        held = hold_cart(
            cart=body.cart,
            channel=body.channel,
            lines=[line.line() for line in body.lines],
            ttl_seconds=body.ttl_seconds,
            method=body.method,
            service=body.service,
            fingerprint=fingerprint(request.data),
            owner=self.caller.identity,
            among=self.caller.locations,
            as_of=now(),
            once=self.once("reservations", required=False),
        )
        headers = {"Idempotency-Replayed": "true"} if held.is_replay else {}
        return Response(reservation_document(find_hold(held.id)), status=201, headers=headers)


class OneReservation(ApiView):
    scopes = dict.fromkeys(("GET", "PUT", "DELETE"), "reservations:write")

    def _own(self, hold_id: str) -> CartHold:
        """A key sees the carts of its channel; one bound to places those that it made itself."""
        hold = find_hold(hold_id)
        channel_is_ours = self.caller.channel in (None, hold.channel_id)
        is_mine = hold.owner == self.caller.identity
        if not channel_is_ours or not (self.caller.locations is None or is_mine):
            raise Missing()
        return hold

    @extend_schema(summary="What a cart holds", responses={200: ReservationDocument})
    def get(self, request: Request, reservation: str) -> Response:
        return Response(reservation_document(self._own(reservation)))

    @extend_schema(
        summary="Renew what a cart holds",
        description="For `ttl_seconds` from now, at most an hour from its beginning; with `lines`, other units instead. A `method`"
        " or `service` that is named finds the units anew where it can be done; when there are too few, all stays as it was.",
        request=RenewalBody,
        responses={200: ReservationDocument},
    )
    def put(self, request: Request, reservation: str) -> Response:
        hold = self._own(reservation)
        body = self.body(RenewalBody)
        renew_hold(
            hold_id=hold.pk,
            ttl_seconds=body.ttl_seconds,
            lines=None if body.lines is None else [line.line() for line in body.lines],
            method=body.method if "method" in body.model_fields_set else None,
            service=body.service if "service" in body.model_fields_set else None,
            among=self.caller.locations,
            as_of=now(),
        )
        return Response(reservation_document(self._own(reservation)))

    @extend_schema(summary="Give back what a cart holds", responses={204: None})
    def delete(self, request: Request, reservation: str) -> Response:
        release_hold(hold_id=self._own(reservation).pk, as_of=now())
        return Response(status=204)
