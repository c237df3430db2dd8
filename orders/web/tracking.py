"""What a shopper may know of an order: frozen dataclasses, a fixed number of statements."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.utils.translation import get_supported_language_variant, override

from inventory.hours import WEEKDAYS
from inventory.models import Location
from oms.models import Event
from orders.models import Delivery, Fulfillment, FulfillmentLine, Hold, Order, OrderLine
from orders.pickup_codes import pickup_code
from orders.states import BEFORE_PICKING, NOT_AVAILABLE, FulfillmentStatus, HoldKind, OrderStatus
from routing.engine import geo
from routing.queries import zone_of

F = FulfillmentStatus
_NOT_SHOWN = (F.DECLINED, F.TIMED_OUT, F.CANCELED, F.EXPIRED)
_SOME_MONDAY = date(2024, 1, 1)


@dataclass(frozen=True, slots=True)
class Article:
    """`unserved`: what could not be had when it was ordered; `canceled`: since then."""

    name: str
    image_url: str
    quantity: int
    canceled: int
    unserved: int

    @property
    def left(self) -> int:
        return self.quantity - self.unserved - self.canceled


@dataclass(frozen=True, slots=True)
class Awaited:
    """What no place has yet. `expected_at`: when it is with the shopper, by a delivery to us; None: nobody brings it so far."""

    name: str
    quantity: int
    expected_at: datetime | None


@dataclass(frozen=True, slots=True)
class Hours:
    day: date
    spans: tuple[str, ...]
    is_today: bool


@dataclass(frozen=True, slots=True)
class PickupPlace:
    """`opens_at` is None while it is open, or when it never opens."""

    name: str
    address: tuple[str, ...]
    is_open: bool
    opens_at: datetime | None
    week: tuple[Hours, ...]


@dataclass(frozen=True, slots=True)
class Part:
    """What is prepared in one place: a parcel, or a bag at the counter. `code` only while it can be collected."""

    status: str
    is_pickup: bool
    articles: tuple[Article, ...]
    carrier: str
    tracking_number: str
    place: PickupPlace | None
    code: str
    collect_by: datetime | None
    expected_at: datetime | None


@dataclass(frozen=True, slots=True)
class Moment:
    type: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Tracked:
    number: int
    language: str
    token: str
    shop: str
    status: str
    waits_for_payment: bool
    is_pickup: bool
    zone: ZoneInfo
    where: str
    placed_at: datetime
    promised_at: datetime | None
    expected_at: datetime | None
    total: Decimal
    currency: str
    articles: tuple[Article, ...]
    parts: tuple[Part, ...]
    awaited: tuple[Awaited, ...]
    sought: tuple[Awaited, ...]
    timeline: tuple[Moment, ...]
    can_cancel: bool

    @property
    def is_on_its_way(self) -> bool:
        """Nothing is left to prepare, and a carrier still has some of it."""
        return self.status == OrderStatus.FULFILLED and any(part.status == F.SHIPPED for part in self.parts)

    @property
    def is_late(self) -> bool:
        return bool(self.promised_at and self.due_at and self.due_at > self.promised_at)

    @property
    def due_at(self) -> datetime | None:
        """The best date we know today: on the way, that of the last parcel; none while something stands before a person."""
        if self.sought:
            return None
        if self.is_on_its_way:
            coming = [part.expected_at for part in self.parts if part.status == F.SHIPPED and part.expected_at]
            return max(coming, default=self.expected_at)
        return max(filter(None, [self.promised_at, self.expected_at]), default=None)

    @property
    def unserved(self) -> tuple[Article, ...]:
        """What could not be had, and so was never owed."""
        return tuple(article for article in self.articles if article.unserved)

    @property
    def is_ready(self) -> bool:
        """Something waits at a counter."""
        return any(part.code for part in self.parts)


def find_tracked(token: str, *, as_of: datetime) -> Tracked | None:
    """Names of products and days come in the language of the order."""
    order = Order.objects.select_related("channel").filter(tracking_token=token).first()
    if order is None:
        return None
    with override(_language(order.locale)):
        return _tracked(order, as_of)


def _language(locale: str) -> str:
    try:
        return get_supported_language_variant(locale.lower())
    except LookupError:
        return settings.LANGUAGE_CODE


def _tracked(order: Order, as_of: datetime) -> Tracked:
    lines = list(OrderLine.objects.filter(order=order).select_related("product"))
    deliveries = list(Delivery.objects.filter(order=order).select_related("location").order_by("id"))
    found = list(Fulfillment.objects.filter(order=order).select_related("shipment", "pickup_location").order_by("id"))
    works = [work for work in found if work.status not in _NOT_SHOWN]
    places = [work.pickup_location for work in [*works, *reversed(found)]]  # or else the one agreed on last
    places += [delivery.location for delivery in deliveries]
    pickup_place = next((place for place in places if place), None)
    address = next((delivery.address for delivery in deliveries if delivery.address), order.shipping_address) or {}
    return Tracked(
        number=order.number,
        language=_language(order.locale),
        token=order.tracking_token,
        shop=order.channel.name,
        status=order.status,
        waits_for_payment=Hold.objects.filter(order=order, kind=HoldKind.PAYMENT, released_at=None).exists(),
        is_pickup=pickup_place is not None,
        zone=ZoneInfo(pickup_place.timezone) if pickup_place else _zone_of_address(address),
        where=f"{pickup_place.name}, {pickup_place.city}" if pickup_place else address.get("city", ""),
        placed_at=order.placed_at,
        promised_at=order.promised_at,
        expected_at=order.expected_at,
        total=order.total,
        currency=order.currency,
        articles=tuple(_article(line, line.quantity, line.canceled - line.unserved, line.unserved) for line in lines),
        parts=_parts(works, as_of),
        awaited=tuple(Awaited(li.product.name, li.backordered, li.expected_at) for li in lines if li.backordered),
        sought=tuple(Awaited(line.product.name, line.open, None) for line in lines if line.open),
        timeline=_timeline(order),
        can_cancel=_can_cancel(order, lines, works),
    )


def _zone_of_address(address: Mapping[str, Any]) -> ZoneInfo:
    latitude, longitude = address.get("latitude"), address.get("longitude")
    point = geo.point(float(latitude), float(longitude)) if latitude is not None and longitude is not None else None
    return zone_of(address.get("country", ""), point)


def _article(line: OrderLine, quantity: int, canceled: int = 0, unserved: int = 0) -> Article:
    return Article(line.product.name, line.product.image_url, quantity, canceled, unserved)


def _can_cancel(order: Order, lines: Sequence[OrderLine], parts: Sequence[Fulfillment]) -> bool:
    """All of it can still be canceled: nothing is being prepared, or gone."""
    untouched = all(line.open + line.backordered + line.allocated + line.canceled == line.quantity for line in lines)
    return order.status != OrderStatus.CANCELED and untouched and all(part.status in BEFORE_PICKING for part in parts)


def _parts(rows: Sequence[Fulfillment], as_of: datetime) -> tuple[Part, ...]:
    found = FulfillmentLine.objects.filter(fulfillment__in=rows).select_related("order_line__product").order_by("id")
    lines = defaultdict(list)
    for line in found:
        lines[line.fulfillment_id].append(line)
    return tuple(_part(row, lines[row.pk], as_of) for row in rows)


def _part(row: Fulfillment, lines: Sequence[FulfillmentLine], as_of: datetime) -> Part:
    shipment = getattr(row, "shipment", None)
    is_ready = row.status == F.READY_FOR_PICKUP
    units = [(line.order_line, line.quantity - line.short - line.canceled) for line in lines]
    return Part(
        status=row.status,
        is_pickup=row.is_pickup,
        articles=tuple(_article(line, quantity) for line, quantity in units if quantity),
        carrier=shipment.carrier_service if shipment else "",
        tracking_number=shipment.tracking_number if shipment else "",
        place=_place(row.pickup_location, as_of) if row.pickup_location else None,
        code=pickup_code(row.pk) if is_ready else "",
        collect_by=row.collect_by if is_ready and not row.is_stopped else None,
        expected_at=row.expected_at,
    )


def _place(row: Location, as_of: datetime) -> PickupPlace:
    is_open = row.calendar.is_open(as_of)
    today = row.calendar.local(as_of).weekday()
    hours = row.opening_hours or {day: [["00:00", "24:00"]] for day in WEEKDAYS}
    spans = [tuple("–".join(span) for span in hours.get(day, ())) for day in WEEKDAYS]
    return PickupPlace(
        name=row.name,
        address=tuple(filter(None, [row.line1, row.line2, f"{row.postal_code} {row.city}".strip()])),
        is_open=is_open,
        opens_at=None if is_open else row.calendar.next_opening(as_of),
        week=tuple(Hours(_SOME_MONDAY + timedelta(days=n), open_, n == today) for n, open_ in enumerate(spans)),
    )


def _timeline(order: Order) -> tuple[Moment, ...]:
    """Newest first. That preparation began is told once, however many places it took; what could not be had is told as
    that."""
    moments: list[Moment] = []
    told = Event.objects.filter(root=order.pk, is_public=True).order_by("id")
    for kind, at, why in told.values_list("type", "occurred_at", "payload__why"):
        if why == NOT_AVAILABLE:
            moments.append(Moment(NOT_AVAILABLE, at))
        elif kind != "orders.fulfillment.accepted" or all(moment.type != kind for moment in moments):
            moments.append(Moment(kind, at))
    return tuple(reversed(moments))
