"""What is sold before it is there: next winter's parka, its first delivery, and three orders that wait for it."""

import random
from datetime import datetime, timedelta
from decimal import Decimal

from django.conf import settings

from inventory.services import ProductRow, receive_products
from inventory.services.announcements import Announcement, announce_deliveries
from oms.demo import ACTOR, pictures
from oms.demo.shoppers import Errand, Item, order_body
from oms.demo.supply import SOURCE
from oms.demo.trade import WEB
from oms.idempotency import Once, fingerprint
from orders.commands import PlaceOrder
from orders.services.placement import place_order

_PARKA = Item("PARKA-NEXT-WINTER", Decimal("189.00"), "standard")
_DELIVERY, _UNITS = "PO-7306", 12
_ORDERS = (("W-WAIT-1", 1), ("W-WAIT-2", 2), ("W-WAIT-3", 1))
_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)


def load_preorder(*, as_of: datetime) -> None:
    """A load that was cut off finds what it had made already."""
    receive_products([_row()], as_of=as_of - 3 * _DAY)
    morning = as_of.replace(hour=7, minute=0, second=0, microsecond=0)
    delivery = Announcement(
        location="WH-ORLEANS",
        expected_at=morning + 20 * _DAY,
        lines=[(_PARKA.sku, _UNITS)],
        source=SOURCE,
        external_id=_DELIVERY,
        reference="Next winter, first drop",
        fingerprint=fingerprint(_DELIVERY),
    )
    announce_deliveries([delivery], actor=ACTOR, as_of=as_of - 3 * _DAY)
    for number, (external_id, units) in enumerate(_ORDERS):
        _order(external_id, units, placed_at=as_of - (len(_ORDERS) - number) * _HOUR)


def _row() -> ProductRow:
    return ProductRow(
        sku=_PARKA.sku,
        name_en="Next winter's parka",
        name_fr="Parka de l’hiver prochain",
        price=_PARKA.price,
        weight_g=1100,
        length_mm=400,
        width_mm=300,
        height_mm=120,
        image_url=settings.MEDIA_URL + pictures.url_path("coat", "kha"),
        tags=["preorder"],
    )


def _order(external_id: str, units: int, *, placed_at: datetime) -> None:
    errand = Errand(WEB, "ship", "standard")
    body = order_body(random.Random(external_id), errand, [(_PARKA, units)], external_id=external_id)
    command = PlaceOrder.model_validate({**body, "allow_backorder": True})
    once = Once("demo", external_id, fingerprint(external_id))
    place_order(command=command, once=once, has_key=False, actor="key:web shop", as_of=placed_at)
