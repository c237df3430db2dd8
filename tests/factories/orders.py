"""Builders of channels, a small network and order bodies that name only what a test cares about."""

from itertools import count
from typing import Any

from django.db import transaction

from inventory.models import StockLevel
from oms.cache import bump
from oms.channels import save_channel
from oms.keys import create_api_key
from oms.models import Channel
from routing.models import CarrierService, Rate, Zone
from routing.queries import RATES
from tests.factories.inventory import make_locations_of, make_products_of, set_stocks

_numbers = count(1)
PARIS = {"latitude": 48.857, "longitude": 2.352, "postal_code": "75004", "city": "Paris"}
LYON = {"latitude": 45.764, "longitude": 4.836, "postal_code": "69002", "city": "Lyon"}
LILLE = {"latitude": 50.629, "longitude": 3.057, "postal_code": "59000", "city": "Lille"}
ADDRESS = {
    "name": "A B",
    "line1": "1 rue X",
    "postal_code": "75011",
    "city": "Paris",
    "country": "FR",
    "latitude": 48.86,
    "longitude": 2.38,
}


def make_channel(code: str = "web", **values: Any) -> Channel:
    channel = Channel(**{"code": code, "name": code.title(), "currency": "EUR", **values})
    with transaction.atomic():
        save_channel(channel)
    return channel


def make_rates() -> None:
    """One carrier: 4.00 within 100 km, 5.00 within 300 km, 6.00 beyond."""
    with transaction.atomic():
        post = CarrierService.objects.create(code="post", carrier="Post", name="Parcel", service="standard")
        zones = Zone.objects.bulk_create(
            Zone(
                carrier_service=post,
                code=f"z{position}",
                position=position,
                max_distance_km=max_km,
                transit_days=1 + position,
            )
            for position, max_km in enumerate((100, 300, None))
        )
        Rate.objects.bulk_create(
            Rate(zone=zone, max_weight_g=30_000, price=price) for zone, price in zip(zones, (4, 5, 6), strict=True)
        )
        bump(RATES)


def make_network(**stock: int) -> None:
    """Channel web, SKU-1 and SKU-2, and stores PARIS, LYON, LILLE with this many units of SKU-1 (default 5 each).

    For a shopper in Paris a parcel costs 4.00 from PARIS, 5.00 from LILLE, 6.00 from LYON.
    """
    make_channel()
    make_rates()
    make_products_of({"SKU-1": {"weight_g": 400}, "SKU-2": {"weight_g": 900}})
    make_locations_of({"PARIS": PARIS, "LYON": LYON, "LILLE": LILLE})
    set_stocks({("SKU-1", code): stock.get(code.lower(), 5) for code in ("PARIS", "LYON", "LILLE")})


def make_key(name: str = "test", *, scopes: tuple[str, ...] = ("all",), **values: Any) -> str:
    _key, token = create_api_key.__wrapped__(name=name, scopes=scopes, **values)  # type: ignore[attr-defined]
    return token


def order_body(*lines: tuple[str, int], **values: Any) -> dict[str, Any]:
    """One delivery to Paris, paid with a good card. Prices 19.90, so n pieces cost n × 19.90 + 4.90."""
    wanted = lines or (("SKU-1", 1),)
    pieces = sum(quantity for _sku, quantity in wanted)
    body: dict[str, Any] = {
        "channel": "web",
        "external_id": f"W-{next(_numbers)}",
        "currency": "EUR",
        "customer": {"external_id": "C-1", "email": "a@example.org", "first_name": "A", "last_name": "B"},
        "shipping_address": ADDRESS,
        "delivery": {"method": "ship", "service": "standard"},
        "lines": [
            {"id": f"l{index}", "sku": sku, "quantity": quantity, "unit_price": "19.90", "tax_rate": "0.20"}
            for index, (sku, quantity) in enumerate(wanted, start=1)
        ],
        "shipping_price": "4.90",
        "payments": [
            {"gateway": "sandbox", "method": "card", "amount": f"{pieces * 1990 / 100 + 4.9:.2f}", "token": "tok_ok"}
        ],
    }
    return body | values


def pickup_body(*lines: tuple[str, int], location: str = "PARIS", **values: Any) -> dict[str, Any]:
    body = order_body(*lines)
    pieces = sum(line["quantity"] for line in body["lines"])
    body |= {
        "delivery": {"method": "pickup", "location": location, "stock": "local"},
        "shipping_address": None,
        "shipping_price": None,
        "payments": [
            {"gateway": "sandbox", "method": "card", "amount": f"{pieces * 1990 / 100:.2f}", "token": "tok_ok"}
        ],
    }
    return body | values


def reserved(sku: str, location: str) -> int:
    return StockLevel.objects.get(product_id=sku, location_id=location).reserved
