"""What clients get: the shapes, and how rows become them. A product or place reads back as it is written."""

from collections.abc import Sequence
from typing import Any

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import OuterRef, QuerySet
from pydantic import BaseModel

from inventory.api.bodies import ProductBody
from inventory.models import Barcode, Location, Product
from inventory.prices import PriceInForce
from oms.api.body import Instant
from oms.clock import now


def with_codes(products: QuerySet[Product]) -> QuerySet[Product]:
    """Each with its barcodes as `codes`, in the same statement: for whole lists."""
    codes = Barcode.objects.filter(product=OuterRef("pk")).order_by("code").values("code")
    return products.defer("search_text").annotate(codes=ArraySubquery(codes))


def listed_product_document(product: Any) -> dict[str, Any]:
    """Needs to come from `with_codes`."""
    return _product_document(product, product.codes)


def product_document(product: Product) -> dict[str, Any]:
    """Needs `barcodes` prefetched."""
    return _product_document(product, [barcode.code for barcode in product.barcodes.all()])


def _product_document(product: Product, codes: Sequence[str]) -> dict[str, Any]:
    return {
        "sku": product.sku,
        "name": {"en": product.name_en, "fr": product.name_fr},
        "barcodes": codes,
        "price": str(product.price),
        "currency": product.currency,
        "tax_class": product.tax_class,
        "weight_g": product.weight_g,
        "length_mm": product.length_mm,
        "width_mm": product.width_mm,
        "height_mm": product.height_mm,
        "image_url": product.image_url,
        "attributes": product.attributes,
        "tags": product.tags,
        "is_active": product.is_active,
    }


def with_channel_price(document: dict[str, Any], channel: str, price: PriceInForce) -> dict[str, Any]:
    """The product's document with what it costs there now."""
    money = {"amount": str(price.amount), "currency": price.currency}
    span = {"from_at": price.from_at, "until_at": price.until_at}
    return document | {"channel_price": {"channel": channel, "id": price.id, **money, **span}}


_ADDRESS = ("line1", "line2", "postal_code", "city", "region", "country")
_PLAIN = (
    *("latitude", "longitude", "timezone", "opening_hours", "closures", "special_hours", "abilities"),
    *("daily_capacity", "accepting_orders", "cut_off", "preparation_minutes"),
)


def location_document(location: Location) -> dict[str, Any]:
    return {
        "code": location.code,
        "name": location.name,
        "kind": location.kind,
        "address": {name: getattr(location, name) for name in _ADDRESS},
        **{name: getattr(location, name) for name in _PLAIN},
        "holiday_calendar": location.holiday_calendar or None,
        "paused_until": location.paused_until if location.is_paused(now()) else None,
        "handling_cost": str(location.handling_cost),
        "handling_cost_per_unit": str(location.handling_cost_per_unit),
        "packaging_cost": str(location.packaging_cost),
        "currency": location.currency,
        "groups": location.groups,
        "safety_stock": location.safety_stock,
        "is_active": location.is_active,
    }


# ---- shapes for the OpenAPI document ------------------------------------------------------------


class ChannelPrice(BaseModel):
    """What is asked in the channel now. `id` null: the product's own price, as none is set for the channel."""

    channel: str
    id: str | None
    amount: str
    currency: str
    from_at: Instant | None
    until_at: Instant | None


class ProductDocument(ProductBody):
    """A product as it is written; `channel_price` only where `?channel=` was asked."""

    channel_price: ChannelPrice | None = None


class RowError(BaseModel):
    pointer: str
    code: str
    detail: str


class RowAnswer(BaseModel):
    """`created`, `updated`, `unchanged` (prices), or `rejected` with a code and the fields at fault."""

    index: int
    status: str
    id: str | None = None
    code: str | None = None
    errors: list[RowError] | None = None


class BulkAnswer(BaseModel):
    results: list[RowAnswer]


class LevelDocument(BaseModel):
    """Of a product where it lies, lay, or is announced. `inbound`: units on their way there; `in_transit`: those of them
    that another place has sent."""

    sku: str
    location: str
    on_hand: int
    reserved: int
    unsellable: int
    damaged: int
    quarantined: int
    inbound: int
    in_transit: int
    sellable: int
    safety_stock: int | None
    bin: str
    suspect_at: Instant | None
    counted_at: Instant | None
    updated_at: Instant


class MovementDocument(BaseModel):
    id: int
    sku: str
    location: str
    cause: str
    quantity: int
    damaged_delta: int
    quarantined_delta: int
    reference: str
    actor: str
    source: str
    external_id: str | None
    occurred_at: Instant
    recorded_at: Instant


class EventAnswer(BaseModel):
    """`applied`, `duplicate`, `stale`, or `rejected` with a code and a sentence."""

    index: int
    id: str | None
    status: str
    code: str | None = None
    detail: str | None = None
    errors: list[RowError] | None = None


class EventAnswers(BaseModel):
    results: list[EventAnswer]


class AvailableAt(BaseModel):
    """`pickup_at`: when an order of now could be collected, by the hours and the pace of the place. Whether the place still has
    room on that day a quote tells: while the day is full (`daily_capacity`), its units are shown and orders are refused.
    """

    location: str
    name: str
    sellable: int
    distance_km: float | None = None
    pickup_at: Instant | None = None


class AreaUnits(BaseModel):
    area: str
    sellable: int


class FutureUnits(BaseModel):
    """What deliveries of that day bring for this asker: promised to nobody, and not kept from them by exposure rules once it
    stands there. Safety stock is not taken off."""

    date: str
    quantity: int


class AvailabilityOfSku(BaseModel):
    """`sellable` is that of the whole network, `locations` those asked for, nearest (or fullest) first."""

    sku: str
    sellable: int
    future: list[FutureUnits]
    locations: list[AvailableAt]
    areas: list[AreaUnits] | None = None


class AvailabilityDocument(BaseModel):
    results: list[AvailabilityOfSku]
