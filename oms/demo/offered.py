"""An order that Lyon Bellecour was just given, and that Lyon Part-Dieu may take from it: see the store's phone."""

import random
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from inventory.models import StockLevel
from oms.demo import ACTOR
from oms.demo.history import ring
from oms.demo.shoppers import Errand, Item, order_body
from oms.demo.trade import WEB
from oms.idempotency import Once, fingerprint
from orders.commands import PlaceOrder
from orders.models import Order
from orders.services.placement import place_order
from routing.services.sourcing import Demand, Destination, Line, plan

_GIVEN, _STORE = "LYON-BELLECOUR", "LYON-PART-DIEU"  # both open at the same hours
_POSTAL_CODE, _TOWN = "69002", "Lyon"
_ORDER = "W-OFFER-1"
_MOST_TRIED = 40


def load_offered(items: Sequence[Item], *, as_of: datetime) -> None:
    """`items`: what is sold, best sellers first. Nothing where the two have nothing in common that leaves from there."""
    if Order.objects.filter(channel=WEB, external_id=_ORDER).exists():
        return
    held = _held(_GIVEN) & _held(_STORE)
    candidates = [item for item in items if item.sku in held][:_MOST_TRIED]
    wanted = next((item for item in candidates if _is_offered(item, as_of)), None)
    if wanted is None:
        return
    once = Once("demo", _ORDER, fingerprint(_ORDER))
    command = PlaceOrder.model_validate(_body(wanted))
    place_order(command=command, once=once, has_key=False, actor="key:web shop", as_of=as_of)
    ring(as_of)


def _held(place: str) -> set[str]:
    levels = StockLevel.objects.filter(location=place, on_hand__gte=4, suspect_at=None)
    return set(levels.values_list("product_id", flat=True))


def _is_offered(item: Item, as_of: datetime) -> bool:
    """Whether the one is given it, and the other asked next."""
    there = Destination("FR", _POSTAL_CODE, _TOWN)
    demand = Demand(channel=WEB, currency="EUR", lines=(Line("1", item.sku, 1),), destination=there)
    parcels = plan(demand, as_of=as_of).outcome.parcels
    return [parcel.location for parcel in parcels] == [_GIVEN] and _STORE in {
        next_best.location for next_best in parcels[0].runners_up
    }


def _body(item: Item) -> dict[str, Any]:
    errand = Errand(WEB, "ship", "standard")
    body = order_body(random.Random(f"{ACTOR} {_ORDER}"), errand, [(item, 1)], external_id=_ORDER)
    address = {key: body["shipping_address"][key] for key in ("name", "line1")}
    body["shipping_address"] = {**address, "postal_code": _POSTAL_CODE, "city": _TOWN, "country": "FR"}
    return body
