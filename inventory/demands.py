"""What an order that a source names wants of a place, and whose a demand is, asked of whoever has orders (a higher room
says so at start-up)."""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import NamedTuple


class OrderDemand(NamedTuple):
    """`demand` is the name under which units are reserved (`order_line:oli_…`).

    `units`: so many were given to this place and not taken away from it again, whether they still wait or have left.
    """

    demand: str
    sku: str
    location: str
    units: int


Lookup = Callable[[Collection[str]], Mapping[str, Sequence[OrderDemand]]]
_lookup: Lookup = lambda references: {}  # noqa: E731


def register_order_demands(lookup: Lookup) -> None:
    global _lookup
    _lookup = lookup


def demands_of(references: Collection[str]) -> Mapping[str, Sequence[OrderDemand]]:
    """By reference, in the order in which they should be served; nothing for what is no order."""
    return _lookup(references) if references else {}


class DemandOwner(NamedTuple):
    """`model` and `pk` lead to its page in the back office."""

    name: str
    model: str
    pk: str


Owners = Callable[[Collection[str]], Mapping[str, DemandOwner]]
_owners: Owners = lambda demands: {}  # noqa: E731


def register_demand_owners(owners: Owners) -> None:
    global _owners
    _owners = owners


def owners_of(demands: Collection[str]) -> Mapping[str, DemandOwner]:
    """By the demand's name; nothing for what belongs to nobody we know."""
    return _owners(demands) if demands else {}
