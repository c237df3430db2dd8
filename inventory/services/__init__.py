"""All writes. Building blocks take lists and answer per item; few statements, levels locked in order."""

from inventory.services.adjustments import mark_damaged, mark_suspect, set_protection
from inventory.services.catalog import (
    LocationRow,
    ProductRow,
    RowResult,
    receive_locations,
    receive_products,
    save_locations,
    save_products,
)
from inventory.services.reservations import (
    Held,
    Refused,
    Want,
    consume_reservations,
    release_reservations,
    reserve_stock,
)
from inventory.services.stock_events import EventResult, StockEvent, apply_stock_events, receive_stock_events

__all__ = [
    "EventResult",
    "Held",
    "LocationRow",
    "ProductRow",
    "Refused",
    "RowResult",
    "StockEvent",
    "Want",
    "apply_stock_events",
    "consume_reservations",
    "mark_damaged",
    "mark_suspect",
    "receive_locations",
    "receive_products",
    "receive_stock_events",
    "release_reservations",
    "reserve_stock",
    "save_locations",
    "save_products",
    "set_protection",
]
