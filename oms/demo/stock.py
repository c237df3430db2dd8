"""The opening stock: warehouses deep, stores shallow and each with its own assortment, some shelves empty."""

import random
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import islice

from inventory.services import LocationRow, ProductRow, StockEvent, receive_stock_events
from oms.demo import ACTOR

SOURCE = "demo:opening"
_BATCH = 5000
_EMPTY_SHELVES = 0.07

# Share of the catalogue a place carries, and how deep it is on average.
_ASSORTMENT = {"flagship": (0.36, 5), "hub": (0.34, 6), "outlet": (0.08, 4), "overseas": (0.20, 4), "": (0.15, 3)}
_WAREHOUSE_SHARE, _WAREHOUSE_DEPTH = 0.85, 38
_SUPPLIER_DEPTH = 60
_LAST_SEASON = timedelta(weeks=12)  # it has stood there since before the weeks that make stock slow


def load_opening_stock(products: Sequence[ProductRow], places: Sequence[LocationRow], *, as_of: datetime) -> int:
    """Count every level once, under ids that make a second load a repeat. Returns the number of levels."""
    events = (event for place in places for event in _levels_of(place, products, as_of))
    total = 0
    for batch in _batches(events):
        receive_stock_events(batch, source=SOURCE, actor=ACTOR, as_of=as_of)
        total += len(batch)
    return total


def _batches(events: Iterator[StockEvent]) -> Iterator[list[StockEvent]]:
    while batch := list(islice(events, _BATCH)):
        yield batch


def _levels_of(place: LocationRow, products: Iterable[ProductRow], as_of: datetime) -> Iterator[StockEvent]:
    rng = random.Random(f"stock {place.code}")
    for product in products:
        units = _units(place, product, rng)
        if units is not None:
            yield StockEvent(
                id=f"{place.code}/{product.sku}",
                sku=product.sku,
                location=place.code,
                kind="count",
                quantity=units,
                occurred_at=as_of - _LAST_SEASON if _is_left_over(place, product) else as_of,
                bin=_bin(place, product, rng),
            )


def _is_left_over(place: LocationRow, product: ProductRow) -> bool:
    """Of last season, in the outlet that had it first: slow stock, which goes before the other's where rules weigh it."""
    return place.code == "TROYES-OUTLET" and "outlet" in product.tags


def _units(place: LocationRow, product: ProductRow, rng: random.Random) -> int | None:
    """None where the place does not carry it."""
    share, depth = _carried(place, product)
    if rng.random() >= share:
        return None
    return 0 if rng.random() < _EMPTY_SHELVES else 1 + int(rng.expovariate(1 / depth))


def _carried(place: LocationRow, product: ProductRow) -> tuple[float, int]:
    is_dropship, is_outlet = "dropship" in product.tags, "outlet" in product.tags
    if place.kind == "supplier":
        return (
            1.0 if is_dropship or (place.code == "SUP-PORTO" and "bedroom" in product.tags) else 0.0
        ), _SUPPLIER_DEPTH
    if place.kind == "warehouse":
        return (0.0 if is_dropship else _WAREHOUSE_SHARE), _WAREHOUSE_DEPTH
    if place.kind != "store" or is_dropship:
        return 0.0, 1
    group = next((name for name in _ASSORTMENT if name in place.groups), "")
    share, depth = _ASSORTMENT[group]
    return (0.85 if group == "outlet" and is_outlet else share), depth


def _bin(place: LocationRow, product: ProductRow, rng: random.Random) -> str:
    """Warehouses: aisle, rack and level. Shops: by department, then shelf, or the stock room."""
    if place.kind == "warehouse":
        return f"{rng.choice('ABCDEFGH')}{rng.randint(1, 30):02d}-{rng.randint(1, 5)}"
    if place.kind == "supplier":
        return ""
    if rng.random() < 0.2:
        return f"R-{rng.randint(1, 24):02d}"
    return f"{product.tags[0][0].upper()}-{rng.randint(1, 40):02d}"
