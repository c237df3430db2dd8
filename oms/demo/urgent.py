"""A pickup that an associate has begun and that is nearly due: its store was warned, its manager soon is."""

import random
from collections.abc import Sequence
from datetime import datetime, timedelta

from inventory.models import StockLevel
from inventory.queries import places
from oms.demo.history import ring
from oms.demo.shoppers import Errand, Item, order_body
from oms.demo.trade import WEB
from oms.idempotency import Once, fingerprint
from orders.commands import PlaceOrder
from orders.models import Fulfillment
from orders.services.fulfillments import acknowledge, start_picking
from orders.services.placement import place_order
from orders.states import FulfillmentStatus

_STORE, _ASSOCIATE = "LYON-PART-DIEU", "user:associate"
_ORDER = "W-SOON-1"
_OPEN_MINUTES_AGO = 36  # of the 45 that a store has to prepare
_MINUTE = timedelta(minutes=1)
_LOOK_BACK_MINUTES = 5 * 24 * 60


def load_urgent(items: Sequence[Item], *, as_of: datetime) -> None:
    """`items`: what is sold, best sellers first. A load that was cut off finds what it began already."""
    placed_at = _so_long_open_before(as_of)
    levels = StockLevel.objects.filter(location=_STORE, on_hand__gte=6, reserved=0, suspect_at=None)
    here = set(levels.values_list("product_id", flat=True))
    wanted = next((item for item in items if item.sku in here), None)
    if wanted is None:
        return
    errand = Errand(WEB, "pickup", "standard", _STORE)
    body = order_body(random.Random(_ORDER), errand, [(wanted, 1)], external_id=_ORDER)
    once = Once("demo", _ORDER, fingerprint(_ORDER))
    command = PlaceOrder.model_validate(body)
    placed = place_order(command=command, once=once, has_key=False, actor="key:web shop", as_of=placed_at)
    work = Fulfillment.objects.filter(order=placed.order_id).latest("id")
    if work.status == FulfillmentStatus.ASSIGNED:
        acknowledge(fulfillment_id=work.pk, actor=_ASSOCIATE, as_of=placed_at + _MINUTE)
        start_picking(fulfillment_id=work.pk, actor=_ASSOCIATE, as_of=placed_at + 2 * _MINUTE)
        ring(as_of)


def _so_long_open_before(as_of: datetime) -> datetime:
    """The store has been open for just so many minutes since then."""
    calendar, wanted = places()[_STORE].calendar, _OPEN_MINUTES_AGO * _MINUTE
    earlier = (as_of - number * _MINUTE for number in range(_OPEN_MINUTES_AGO, _LOOK_BACK_MINUTES))
    return next((at for at in earlier if calendar.open_time_between(at, as_of) >= wanted), as_of)
