"""`POST quotes/`: what a shopper can have, when and how."""

from datetime import datetime
from typing import Annotated, Any, Literal

from drf_spectacular.utils import extend_schema
from pydantic import BaseModel, Field
from rest_framework.request import Request
from rest_framework.response import Response

from inventory.errors import InsufficientStock
from oms.api.body import Body, Code, Currency, Instant, Quantity, example
from oms.api.views import ApiView
from oms.clock import now
from routing import words
from routing.api.documents import CustomerTags, Group, PlanDestination
from routing.services.quotes import Missing, NotOffered, Option, Quote, QuotedLine, quote
from routing.services.sourcing import Destination

QuoteMethod = Literal["ship", "pickup", "curbside", "locker"]


class QuoteLine(Body):
    sku: Code
    quantity: Quantity
    group: Group | None = None


class QuoteBody(Body):
    """`destination` is needed for deliveries; collected goods are offered near it. `group`: as of an order's line.
    `allow_partial`: as of an order; ways to get a part of the basket are offered, too, each with what it does without (`cut`).
    What cannot be had at once is offered for later (`backorder`) in the ways asked for, where the channel's rules let it wait:
    sent, or for `pickup` at the nearest places to which enough is on its way, `near_limit` at most. `reservation`: as of an
    order; what the cart holds is free to it, and an order that names both is placed as quoted. One that has ended gives
    nothing."""

    model_config = example(
        channel="web",
        currency="EUR",
        lines=[{"sku": "SKU-1", "quantity": 1}],
        destination={"country": "FR", "postal_code": "75011", "latitude": 48.86, "longitude": 2.38},
        methods=["ship", "pickup"],
    )

    channel: Code
    currency: Currency
    lines: Annotated[list[QuoteLine], Field(min_length=1, max_length=100)]
    destination: PlanDestination | None = None
    methods: Annotated[list[QuoteMethod], Field(min_length=1, max_length=4)] = ["ship", "pickup"]
    near_limit: Annotated[int, Field(ge=1, le=20)] = 5
    customer_tags: CustomerTags = []
    allow_partial: bool = False
    reservation: str | None = None


class QuotedUnits(BaseModel):
    sku: str
    quantity: int


class QuotedParcel(BaseModel):
    lines: list[QuotedUnits]
    promised_at: Instant


class QuoteOption(BaseModel):
    """`ship`: one per service, with its parcels. `pickup` and `curbside`: one per place. `backorder`: all that is missing
    will have come in at `available_at`, for an order that says `allow_backorder`. It is sent or, with `delivery_method`,
    waits at `location` for who collects it: that order's delivery names this method and this place. The date lies between
    `earliest_at` and `promised_at`. `order_by`: until when an order keeps the date, to the minute, and `order_by_seconds`
    left until then; null beyond three days. `confidence`: how often all of it is there by `promised_at`, as learned from
    what happened; null where configured times made the date. `cut`: units that are not to be had that way; not there where
    all are. An order that takes such a part and lets the rest wait has the date of its own plan; `orders/dry-run/` tells it.
    """

    method: Literal["ship", "pickup", "curbside", "locker", "backorder"]
    service: Literal["standard", "express", "same_day"]
    price: str
    promised_at: Instant
    earliest_at: Instant
    order_by: Instant | None
    order_by_seconds: int | None
    confidence: float | None
    location: str | None = None
    name: str | None = None
    distance_km: float | None = None
    stock: Literal["local", "transfer"] | None = None
    available_at: Instant | None = None
    parcels: list[QuotedParcel] | None = None
    cut: list[QuotedUnits] | None = None
    delivery_method: Literal["pickup"] | None = None


class Elsewhere(BaseModel):
    """`sellable`: what can be collected there from `pickup_at` on, in a way that was asked for; as `pickup` where only a delivery
    was. `pickup_at`: by the hours and the pace of the place, whether or not it has room on that day."""

    location: str
    name: str
    sellable: int
    pickup_at: Instant
    distance_km: float | None = None


class QuoteUnavailable(BaseModel):
    """`insufficient_stock`: a product of which there is, for each way that was asked for, less than asked for in all places;
    `sellable`: for the way that has most. Any other code, as a place's `excluded_because` in a plan: why a way that was asked
    for, or a service of carriers, is not offered (`no_rate`: nobody carries it there; `not_accepting`; `no_stock`: nothing
    can be had so; `late`: the same day is not kept today).
    """

    code: str
    detail: str
    method: QuoteMethod | None = None
    service: Literal["standard", "express", "same_day"] | None = None
    sku: str | None = None
    requested: int | None = None
    sellable: int | None = None
    alternatives: list[Elsewhere] | None = None


class QuoteDocument(BaseModel):
    """`quote` is a signed token: an order of these lines, or of some of them, that names it is promised its date."""

    quote: str
    expires_at: Instant
    currency: str
    options: list[QuoteOption]
    unavailable: list[QuoteUnavailable]


class Quotes(ApiView):
    scopes = {"POST": "stock:read"}

    @extend_schema(request=QuoteBody, responses={200: QuoteDocument}, operation_id="quotes_create")
    def post(self, request: Request) -> Response:
        """The ways to get a basket, each with its date and price, planned as an order would be. Nothing is written."""
        body = self.body(QuoteBody)
        self.check_channel(body.channel)
        as_of = now()
        found = quote(
            channel=body.channel,
            currency=body.currency,
            lines=[QuotedLine(line.sku, line.quantity, line.group) for line in body.lines],
            destination=Destination(**body.destination.model_dump()) if body.destination else None,
            methods=body.methods,
            near_limit=body.near_limit,
            customer_tags=body.customer_tags,
            may_be_cut=body.allow_partial,
            reservation=body.reservation,
            as_of=as_of,
        )
        return Response(_document(found, as_of))


def _document(found: Quote, as_of: datetime) -> dict[str, Any]:
    return {
        "quote": found.token,
        "expires_at": found.expires_at,
        "currency": found.currency,
        "options": [_option(option, as_of) for option in found.options],
        "unavailable": [_unavailable(one) for one in found.unavailable],
    }


def _unavailable(one: Missing | NotOffered) -> dict[str, Any]:
    if isinstance(one, NotOffered):
        detail = words.why_not_offered(one.code)
        return {"code": one.code, "detail": detail, "method": one.method, "service": one.service}
    return {
        "code": InsufficientStock.code,
        "detail": str(InsufficientStock.title),
        "sku": one.sku,
        "requested": one.requested,
        "sellable": one.sellable,
        "alternatives": list(one.alternatives),
    }


def _option(option: Option, as_of: datetime) -> dict[str, Any]:
    document: dict[str, Any] = {
        "method": option.method,
        "service": option.service,
        "price": str(option.price),
        "promised_at": option.promised_at,
        "earliest_at": option.earliest_at,
        "order_by": option.order_by,
        "order_by_seconds": None if option.order_by is None else int((option.order_by - as_of).total_seconds()),
        "confidence": option.confidence,
    }
    if option.location is not None:
        document |= {"location": option.location, "name": option.name, "stock": "local"}
        document |= {} if option.distance_km is None else {"distance_km": option.distance_km}
    if option.available_at is not None:
        document["available_at"] = option.available_at
    if option.delivery_method is not None:
        document["delivery_method"] = option.delivery_method
    if option.cut:
        document["cut"] = [{"sku": line.sku, "quantity": line.quantity} for line in option.cut]
    if option.parcels:
        document["parcels"] = [
            {"lines": [{"sku": line.sku, "quantity": line.quantity} for line in lines], "promised_at": promised_at}
            for lines, promised_at in option.parcels
        ]
    return document
