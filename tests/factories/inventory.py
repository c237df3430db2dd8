"""Builders of products, places and stock that name only what a test cares about."""

from datetime import UTC, datetime
from decimal import Decimal
from itertools import count
from typing import Any

from django.db import transaction

from inventory.exposure import Context
from inventory.models import ExposureRule, StockLevel
from inventory.queries import EXPOSURE
from inventory.services import (
    LocationRow,
    ProductRow,
    Refused,
    StockEvent,
    Want,
    apply_stock_events,
    reserve_stock,
    save_locations,
    save_products,
    set_protection,
)
from inventory.services.announcements import Announcement, save_announcements
from inventory.services.transfers import send_transfer
from oms.cache import bump

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)  # a Monday
_numbers = count(1)


def make_product(sku: str = "SKU-1", **values: Any) -> str:
    make_products(sku, **values)
    return sku


def make_products(*skus: str, **values: Any) -> None:
    make_products_of(dict.fromkeys(skus, values))


def make_products_of(products: dict[str, dict[str, Any]]) -> None:
    usual = {"name_en": "A thing", "price": Decimal("19.90")}
    with transaction.atomic():
        save_products([ProductRow(sku=sku, **{**usual, **values}) for sku, values in products.items()], as_of=NOW)


def make_location(code: str = "STORE-1", **values: Any) -> str:
    make_locations(code, **values)
    return code


def make_locations(*codes: str, **values: Any) -> None:
    make_locations_of(dict.fromkeys(codes, values))


def make_locations_of(places: dict[str, dict[str, Any]]) -> None:
    usual = {"kind": "store", "timezone": "Europe/Paris", "country": "FR"}
    rows = [LocationRow(code=code, **{"name": f"Place {code}", **usual, **values}) for code, values in places.items()]
    with transaction.atomic():
        save_locations(rows, as_of=NOW)


def set_stock(sku: str, location: str, on_hand: int, *, safety_stock: int | None = None) -> None:
    """Count so many units of an existing product at an existing place, now."""
    set_stocks({(sku, location): on_hand})
    if safety_stock is not None:
        with transaction.atomic():
            set_protection(sku=sku, location=location, safety_stock=safety_stock, actor="test", as_of=NOW)


def set_stocks(units: dict[tuple[str, str], int]) -> None:
    events = [
        StockEvent(f"count-{next(_numbers)}", sku, location, "count", on_hand, NOW)
        for (sku, location), on_hand in units.items()
    ]
    with transaction.atomic():
        apply_stock_events(events, source="test", actor="test", as_of=NOW)


ANYONE = Context(as_of=NOW)  # asks for no channel and no method


def reserve(*wants: Want, context: Context = ANYONE) -> list[Refused]:
    return reserve_stock([(context, wants)], as_of=context.as_of)


def make_exposure_rule(**values: Any) -> ExposureRule:
    with transaction.atomic():
        rule = ExposureRule.objects.create(**{"created_at": NOW, "updated_at": NOW, **values})
        bump(EXPOSURE)
    return rule


def level(sku: str, location: str) -> StockLevel:
    return StockLevel.objects.get(product_id=sku, location_id=location)


def make_inbound(location: str, units: dict[str, int], *, expected_at: datetime = NOW, **values: Any) -> str:
    """The id of a delivery to an existing place that was announced."""
    announcement = Announcement(location, expected_at, list(units.items()), **values)
    with transaction.atomic():
        [made] = save_announcements([announcement], actor="test", as_of=NOW)
    return made.id


def make_transfer(origin: str, location: str, units: dict[str, int], *, expected_at: datetime = NOW) -> str:
    """The id of a transfer that was sent; the origin has as many as that."""
    transfer = Announcement(location, expected_at, list(units.items()), origin=origin)
    return send_transfer(transfer, actor="test", as_of=NOW)["inbound"]
