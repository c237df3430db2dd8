"""What the API answers, for the OpenAPI document; a test holds the real answers against these."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from oms.api.body import Instant, example


class _Document(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Quantities(_Document):
    open: int
    backordered: int
    allocated: int
    picked: int
    packed: int
    in_transit: int
    shipped: int
    delivered: int
    collected: int
    canceled: int
    returned: int


class CutDocument(_Document):
    """Units that could not be had when the order was placed, which was allowed to do without them (`allow_partial`)."""

    model_config = example(quantity=1, reason="not_available")
    quantity: int
    reason: Literal["not_available"]


class LineDocument(_Document):
    id: str
    sku: str
    quantity: int
    unit_price: str
    discount: str
    order_discount: str
    tax_rate: str
    tax_amount: str
    total: str
    group: str | None
    delivery: str
    quantities: Quantities
    status: str
    promised_at: Instant | None = Field(description="For what is back-ordered: the date given, never changed.")
    expected_at: Instant | None = Field(
        description="When what is back-ordered is expected to be there; null: nothing is."
    )
    cut: CutDocument | None = Field(
        default=None,
        exclude_if=lambda cut: cut is None,
        description="Canceled at placement, and among `canceled`; discounts, tax and total of the line are without it."
        " Not there where nothing was cut.",
    )


class FulfillmentLineDocument(_Document):
    line: str
    sku: str
    quantity: int
    picked: int
    short: int
    short_reason: str | None
    canceled: int


class PackageDocument(_Document):
    id: str
    weight_g: int | None
    lines: list[dict[str, Any]]


class ShipmentDocument(_Document):
    carrier_service: str | None
    tracking_number: str | None
    handed_over_at: Instant
    delivered_at: Instant | None


class FulfillmentDocument(_Document):
    """While the order is held its clocks stand still: `clocks_left` tells what is left of each in seconds, and all of
    `acknowledge_by`, `ready_by`, `hand_over_by` and `collect_by` are null until they run on."""

    id: str
    order: str
    location: str
    pickup_location: str | None
    method: str
    service: str
    status: str
    lines: list[FulfillmentLineDocument]
    assigned_at: Instant | None
    acknowledge_by: Instant | None
    ready_by: Instant | None
    hand_over_by: Instant | None
    collect_by: Instant | None
    promised_at: Instant | None
    expected_at: Instant | None
    clocks_left: dict[str, float] | None
    warned_at: Instant | None
    escalated_at: Instant | None
    late_since: Instant | None
    attempt: int
    replaces: str | None
    replaced_by: list[str]
    claimed_by: str | None
    version: int
    staging: str | None
    packages: list[PackageDocument]
    shipment: ShipmentDocument | None
    cost: str
    distance_km: float | None
    decision: str | None
    actions: list[str] = Field(
        description="What the caller may do now. Nothing leaves, so there is no `ship` and no `hand_over`, while the order is on "
        "hold, or while a person is to decide about a missing part that must leave in one parcel with what is picked."
    )


class PaymentDocument(_Document):
    id: str
    gateway: str
    method: str
    status: str
    amount: str
    currency: str
    authorized: str
    captured: str
    refunded: str
    failure: str | None


class HoldDocument(_Document):
    id: str
    kind: str
    note: str
    placed_by: str
    placed_at: Instant
    expires_at: Instant | None


class CustomerDocument(_Document):
    id: str
    external_id: str | None
    email: str | None
    phone: str | None
    first_name: str
    last_name: str
    tags: list[str]


class DeliveryDocument(_Document):
    id: str
    method: str
    service: str
    location: str | None
    stock: str
    address: dict[str, Any] | None
    price: str
    tax_rate: str
    tax_amount: str


class Totals(_Document):
    """Of what was placed: without units that were cut then, with those that were canceled later."""

    items: str
    discount: str
    shipping: str
    tax: str
    total: str
    paid: str
    refunded: str


class OrderDocument(_Document):
    id: str
    number: str
    external_id: str | None
    channel: str
    status: str
    fulfillment_status: str
    payment_status: str
    placed_at: Instant
    placed_by: str
    placed_at_location: str | None
    currency: str
    locale: str
    prices_include_tax: bool
    totals: Totals
    discounts: list[dict[str, Any]]
    tags: list[str]
    metadata: dict[str, Any]
    customer: CustomerDocument
    shipping_address: dict[str, Any] | None
    billing_address: dict[str, Any] | None
    pickup_person: dict[str, Any] | None
    deliveries: list[DeliveryDocument]
    lines: list[LineDocument]
    fulfillments: list[FulfillmentDocument]
    payments: list[PaymentDocument]
    holds: list[HoldDocument]
    promised_at: Instant | None = Field(description="Given at placement, never changed.")
    expected_at: Instant | None = Field(
        description="Today's expectation; null: while something has no place, nobody knows."
    )
    tracking_url: str
    actions: list[str]


class Page(BaseModel):
    next: str | None
    previous: str | None


class OrderPage(Page):
    results: list[OrderDocument]


class FulfillmentPage(Page):
    results: list[FulfillmentDocument]


class TimelineEntry(_Document):
    type: str
    subject: str
    actor: str
    occurred_at: Instant
    payload: dict[str, Any]


class TimelinePage(Page):
    results: list[TimelineEntry]


class ExceptionDocument(_Document):
    id: str
    order: str
    fulfillment: str | None
    location: str | None
    reason: str
    status: str
    lines: list[dict[str, Any]]
    facts: dict[str, Any]
    opened_at: Instant
    cancel_at: Instant | None = Field(description="What is not solved by then is canceled; null: it waits.")
    resolved_at: Instant | None
    resolution: str | None
    resolved_by: str | None
    actions: list[str]


class ExceptionPage(Page):
    results: list[ExceptionDocument]


class OfferedLine(_Document):
    sku: str
    quantity: int


class OfferDocument(_Document):
    """The units stand ready here, kept until `expires_at`. `taken_over`: the work that this place has now."""

    id: str
    order: str
    location: str
    lines: list[OfferedLine]
    distance_km: float | None
    made_at: Instant
    expires_at: Instant
    status: str = Field(description="open, taken (here), or over: somebody has it, or nobody needs it any more.")
    taken_over: str | None


class OfferPage(Page):
    results: list[OfferDocument]


class BulkResult(BaseModel):
    index: int
    status: int
    code: str | None = None
    order: OrderDocument | None = None
    problem: dict[str, Any] | None = None


class BulkResults(BaseModel):
    results: list[BulkResult]


class CustomerPage360(CustomerDocument):
    channel: str
    orders: list[OrderDocument]


class ChangedDocument(_Document):
    """An order's places before and after. `saved` is less than zero where the others save more."""

    order: str
    before: list[str]
    after: list[str]
    saved: str
    decision: str


class SwapDocument(_Document):
    """Orders that changed places with each other, all at once."""

    id: str
    currency: str
    saved: str
    changes: list[ChangedDocument]


class ReoptimisationDocument(_Document):
    """`considered`: orders that might have moved. `left`: orders that wait beyond what one run looks at, those that are
    released last. `outrun`: swaps that came too late; of these nothing was done."""

    considered: int
    left: int
    outrun: int
    swaps: list[SwapDocument]
