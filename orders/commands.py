"""What clients ask of this app, as typed values. The API reads them from JSON; services take them as they are."""

from typing import Annotated, Literal, Self

from django.utils.translation import gettext_noop
from pydantic import AfterValidator, Field, RootModel, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from oms.api.body import (
    Body,
    Code,
    Country,
    Currency,
    Instant,
    Latitude,
    Longitude,
    Money,
    Name,
    Quantity,
    Rate,
    SmallObject,
    Text,
    example,
)
from orders.states import DeclineReason, ShortReason


def _each_once(given: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(given))


Ref = Annotated[str, StringConstraints(min_length=1, max_length=40)]
ExternalId = Annotated[str, StringConstraints(min_length=1, max_length=100)]
Short = Annotated[str, StringConstraints(max_length=100, strip_whitespace=True)]
Email = Annotated[str, StringConstraints(max_length=254, pattern=r"^[^@\s]+@[^@\s]+\.[^@\s]+$")]
Phone = Annotated[str, StringConstraints(max_length=40, pattern=r"^\+?[0-9 ().-]{5,}$")]


Tags = Annotated[
    tuple[Annotated[str, StringConstraints(min_length=1, max_length=64, strip_whitespace=True)], ...],
    AfterValidator(_each_once),
    Field(max_length=20),
]


class CustomerGiven(Body):
    external_id: ExternalId | None = None
    email: Email | None = None
    phone: Phone | None = None
    first_name: Short = ""
    last_name: Short = ""
    tags: Tags | None = Field(
        default=None, description="Kinds of customers that rules may ask for. Not given: those known remain."
    )

    @model_validator(mode="after")
    def reachable(self) -> Self:
        if not (self.external_id or self.email or self.phone):
            raise PydanticCustomError("guest_not_reachable", gettext_noop("A guest needs an e-mail or a phone number"))
        return self


class Address(Body):
    name: Short = ""
    company: Short = ""
    line1: Name
    line2: Text = ""
    postal_code: Annotated[str, StringConstraints(min_length=1, max_length=12, strip_whitespace=True)]
    city: Name
    region: Short = ""
    country: Country
    phone: Phone | None = None
    latitude: Latitude | None = None
    longitude: Longitude | None = None


class DeliveryGiven(Body):
    id: Ref = "d1"
    method: Literal["ship", "pickup"]
    service: Literal["standard", "express", "same_day"] = "standard"
    location: Code | None = None
    stock: Literal["local", "any"] = "local"
    address: Address | None = None
    price: Money | None = None
    tax_rate: Rate | None = None
    lines: tuple[Ref, ...] | None = None

    @model_validator(mode="after")
    def has_its_place(self) -> Self:
        if self.method == "pickup" and self.location is None:
            raise PydanticCustomError("pickup_place_required", gettext_noop("A pickup needs a location"))
        if self.method == "ship" and self.location is not None:
            raise PydanticCustomError("location_not_for_ship", gettext_noop("A location is chosen for pickups only"))
        return self


class LineGiven(Body):
    id: Ref
    sku: Code
    quantity: Quantity
    unit_price: Money
    discount: Money = Field(default=0, validate_default=True)
    tax_rate: Rate = Field(default=0, validate_default=True)
    tax_amount: Money | None = None
    group: Ref | None = None
    allow_substitution: bool = False


class DiscountGiven(Body):
    code: Short = ""
    amount: Money


class PaymentGiven(Body):
    gateway: Literal["sandbox", "in_store"]
    method: Annotated[str, StringConstraints(max_length=20)] = "card"
    amount: Money
    token: Annotated[str, StringConstraints(max_length=200)] = ""


class PickupPerson(Body):
    name: Name
    phone: Phone | None = None


class PlaceOrder(Body):
    model_config = example(
        channel="web",
        external_id="W-1001",
        currency="EUR",
        locale="fr",
        prices_include_tax=True,
        customer={
            "external_id": "C-1",
            "email": "ana@example.org",
            "phone": "+33600000000",
            "first_name": "Ana",
            "last_name": "Bernard",
            "tags": ["gold"],
        },
        shipping_address={
            "name": "Ana Bernard",
            "line1": "1 rue des Lilas",
            "postal_code": "75011",
            "city": "Paris",
            "country": "FR",
            "latitude": 48.86,
            "longitude": 2.38,
        },
        delivery={"method": "ship", "service": "standard"},
        lines=[
            {"id": "l1", "sku": "SKU-1", "quantity": 2, "unit_price": "19.90", "discount": "2.00", "tax_rate": "0.20"}
        ],
        shipping_price="4.90",
        discounts=[{"code": "HELLO", "amount": "5.00"}],
        payments=[{"gateway": "sandbox", "method": "card", "amount": "37.70", "token": "tok_ok"}],
        metadata={"basket": "b-77"},
        tags=["gift"],
    )
    channel: Code
    external_id: ExternalId | None = None
    currency: Currency
    locale: Annotated[str, StringConstraints(pattern=r"^[a-z]{2}(-[A-Z]{2})?$")] = "en"
    prices_include_tax: bool = True
    customer: CustomerGiven
    shipping_address: Address | None = None
    billing_address: Address | None = None
    delivery: DeliveryGiven | None = None
    deliveries: Annotated[tuple[DeliveryGiven, ...], Field(min_length=1, max_length=20)] | None = None
    lines: Annotated[list[LineGiven], Field(min_length=1, max_length=200)]
    shipping_price: Money | None = None
    shipping_tax_rate: Rate | None = None
    discounts: Annotated[tuple[DiscountGiven, ...], Field(max_length=20)] = ()
    total: Money | None = Field(default=None, description="Optional: refused when it is not what we compute.")
    payments: Annotated[tuple[PaymentGiven, ...], Field(max_length=10)] = ()
    reservation: str | None = None
    quote: str | None = None
    allow_backorder: bool = Field(
        default=False,
        description="The shopper agrees to wait for deliveries, where the rules back-order what is missing.",
    )
    allow_partial: bool = Field(
        default=False,
        description="The shopper takes what can be had: what would refuse the order is canceled at placement instead"
        " (`cut` of its line), and only the rest is owed and authorised. A group stays whole or goes; what rules leave to a"
        " person, or may wait, is not cut. Refused only where nothing can be had.",
    )
    pickup_person: PickupPerson | None = None
    metadata: SmallObject = Field(default_factory=dict)
    tags: Annotated[tuple[Ref, ...], Field(max_length=20)] = ()
    placed_by: Short = ""
    placed_at_location: Code | None = None

    @property
    def given_deliveries(self) -> tuple[DeliveryGiven, ...]:
        return self.deliveries or ((self.delivery,) if self.delivery else ())

    @model_validator(mode="after")
    def one_way_of_saying_deliveries(self) -> Self:
        if (self.delivery is None) == (self.deliveries is None):
            raise PydanticCustomError("delivery_or_deliveries", gettext_noop("Either delivery or deliveries is needed"))
        return self


class PlaceOrders(RootModel[list[PlaceOrder]]):
    """Bulk placement, each order judged by itself."""


class ChangeCustomer(Body):
    model_config = example(tags=["gold"])
    tags: Tags


class CancelLine(Body):
    id: Ref
    quantity: Quantity


class CancelOrder(Body):
    model_config = example(lines=[{"id": "l1", "quantity": 1}], reason="The shopper wants one only")
    lines: Annotated[list[CancelLine], Field(min_length=1, max_length=200)] | None = None
    reason: Text = ""


class HoldOrder(Body):
    model_config = example(kind="fraud", note="Two cards were refused before this one")
    kind: Literal["fraud", "address", "manual"] = "manual"
    note: Text = ""
    expires_at: Instant | None = None


class ReleaseHold(Body):
    """One hold, or all where none is named."""

    model_config = example(hold="hld_01kjq3a0b1c2d3e4f5g6h7j8k9")
    hold: Ref | None = None


class AddNote(Body):
    model_config = example(text="Called the shopper: the door code is 12B4")
    text: Annotated[str, StringConstraints(min_length=1, max_length=2000, strip_whitespace=True)]


class Reroute(Body):
    model_config = example(fulfillment="ful_01kjq2m8f4a1c3e5g7j9k2m4n6", exclude=["LYON"])
    fulfillment: Ref
    exclude: Annotated[tuple[Code, ...], Field(max_length=100)] = ()


class Decline(Body):
    model_config = example(reason="too_busy", note="Two of us today")
    reason: DeclineReason
    note: Text = ""
    lines: Annotated[list[Ref], Field(min_length=1, max_length=200)] | None = None


class PickLine(Body):
    line: Ref
    picked: Annotated[int, Field(ge=0, le=100_000, strict=True)] = Field(description="Absolute total picked so far.")
    short_reason: ShortReason | None = None


class Pick(Body):
    model_config = example(lines=[{"line": "l1", "picked": 2}])
    lines: Annotated[list[PickLine], Field(min_length=1, max_length=200)]


class PackageLine(Body):
    line: Ref
    quantity: Quantity


class PackageGiven(Body):
    weight_g: Annotated[int, Field(ge=1, le=1_000_000, strict=True)] | None = None
    lines: Annotated[list[PackageLine], Field(min_length=1, max_length=200)]


class Pack(Body):
    model_config = example(packages=[{"weight_g": 950, "lines": [{"line": "l1", "quantity": 2}]}])
    packages: Annotated[tuple[PackageGiven, ...], Field(max_length=50)] | None = None


class Ship(Body):
    model_config = example(carrier_service="post", tracking_number="6A12345678901")
    carrier_service: Short = ""
    tracking_number: Short = ""


class Ready(Body):
    model_config = example(staging="B-04")
    staging: Annotated[str, StringConstraints(max_length=40, strip_whitespace=True)] = ""


class HandOver(Body):
    model_config = example(code="482913", collected_by="Ana Bernard")
    code: Annotated[str, StringConstraints(max_length=20)] | None = None
    identity_checked: bool = False
    collected_by: Short = ""

    @model_validator(mode="after")
    def shows_something(self) -> Self:
        if not (self.code or self.identity_checked):
            raise PydanticCustomError(
                "code_or_identity_required", gettext_noop("The code is needed, or a checked identity")
            )
        return self


class ResolveException(Body):
    model_config = example(action="reroute", location="LILLE", note="Agreed by phone")
    action: Literal["reroute", "cancel", "backorder", "keep"]
    location: Code | None = Field(
        default=None,
        description="reroute: give the work to this place, whatever the rules prefer and though it had it before; for a pickup, "
        "another store. What must leave in one parcel is not parted by that: where the place does not have all of it, the "
        "answer is 409 `no_place`, and nothing changes.",
    )
    exclude: Annotated[tuple[Code, ...], Field(max_length=100)] = ()
    note: Text = ""


class Nothing(Body):
    pass
