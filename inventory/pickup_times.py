"""When a shopper could collect at a place, asked of whoever knows how long places take (a higher room says so)."""

from collections.abc import Callable
from datetime import datetime

from inventory.queries import PlaceInfo

PickupTime = Callable[[PlaceInfo, str, datetime], datetime]  # place, channel, instant

_pickup_time: PickupTime = lambda place, channel, as_of: as_of  # noqa: E731


def register_pickup_time(pickup_time: PickupTime) -> None:
    global _pickup_time
    _pickup_time = pickup_time


def pickup_at(place: PlaceInfo, *, channel: str | None, as_of: datetime) -> datetime:
    """When an order of this instant could be collected there."""
    return _pickup_time(place, channel or "", as_of)
