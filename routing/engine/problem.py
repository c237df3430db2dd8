"""A step's problem and its solution, as the solving modules share them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property

from .cost import Offer, weight_of
from .types import Line

Quantities = tuple[int, ...]


@dataclass(frozen=True)
class Problem:
    """Lines, and places that may serve them. All tuples of numbers run along `lines`.

    `offers` come sorted by code, so the first of equals wins a tie.
    """

    lines: tuple[Line, ...]
    offers: tuple[Offer, ...]
    max_parcels: int | None = None
    min_parcel_value: Decimal | None = None
    keep_groups: bool = True
    complete: bool = False

    @cached_property
    def asked(self) -> Quantities:
        return tuple(line.quantity for line in self.lines)

    @cached_property
    def wanted(self) -> Quantities:
        """What is asked, as far as the offers together could give it."""
        wanted = [0] * len(self.lines)
        for bundle in self.all_bundles:
            if len(bundle) == 1 and not self.is_kept(bundle):
                i = bundle[0]
                wanted[i] = min(self.asked[i], sum(offer.units[i] for offer in self.offers))
            elif any(self.can_give(offer, bundle, self.asked) for offer in self.offers):
                for i in bundle:
                    wanted[i] = self.asked[i]
        return tuple(wanted)

    @cached_property
    def all_bundles(self) -> tuple[tuple[int, ...], ...]:
        """Line indexes that travel together, in the order of the lines."""
        if not self.keep_groups or all(line.group is None for line in self.lines):
            return tuple((i,) for i in range(len(self.lines)))
        groups: dict[object, list[int]] = {}
        for i, line in enumerate(self.lines):
            groups.setdefault(i if line.group is None else line.group, []).append(i)
        return tuple(tuple(group) for group in groups.values())

    @cached_property
    def bundles(self) -> tuple[tuple[int, ...], ...]:
        """The bundles of which something can be served."""
        return tuple(bundle for bundle in self.all_bundles if self.wanted[bundle[0]])

    def is_kept(self, bundle: tuple[int, ...]) -> bool:
        """A kept bundle is never cut."""
        return self.keep_groups and self.lines[bundle[0]].group is not None

    @cached_property
    def same_sku(self) -> tuple[tuple[int, ...], ...]:
        """Indexes of lines that draw on the same stock, where there are several."""
        by_sku: dict[str, list[int]] = {}
        for i, line in enumerate(self.lines):
            by_sku.setdefault(line.sku, []).append(i)
        return tuple(tuple(indexes) for indexes in by_sku.values() if len(indexes) > 1)

    @cached_property
    def is_plain(self) -> bool:
        """Nothing to keep together and no stock shared between lines: each line stands for itself."""
        return not self.same_sku and not any(self.is_kept(bundle) for bundle in self.all_bundles)

    def can_give(self, offer: Offer, indexes: Sequence[int], quantities: Quantities) -> bool:
        units = offer.units
        if any(units[i] < quantities[i] for i in indexes):
            return False
        return not self.same_sku or all(
            sum(quantities[i] for i in same if i in indexes) <= max(units[i] for i in same) for same in self.same_sku
        )

    def is_worth_a_parcel(self, quantities: Quantities) -> bool:
        if self.min_parcel_value is None:
            return True
        return self.value_of(quantities) >= self.min_parcel_value

    def value_of(self, quantities: Quantities) -> Decimal:
        values = (line.unit_value * q for line, q in zip(self.lines, quantities, strict=True))
        return sum(values, Decimal(0))


@dataclass(frozen=True, slots=True)
class Solution:
    """Parcels by place; proven when nothing cheaper serves as many units (whole lines, if none was cut)."""

    parcels: tuple[tuple[Offer, Quantities], ...]
    cost_micro: int
    lower_bound_micro: int
    is_proven: bool

    @property
    def units(self) -> int:
        return sum(sum(quantities) for _, quantities in self.parcels)

    def bounded_by(self, lower_bound_micro: int) -> "Solution":
        """The same parcels with a better bound, should it be one."""
        bound = min(max(self.lower_bound_micro, lower_bound_micro), self.cost_micro)
        return Solution(self.parcels, self.cost_micro, bound, bound == self.cost_micro)

    @property
    def rank(self) -> tuple:
        """Most units first, then cost, fewer parcels, codes."""
        codes = tuple(offer.code for offer, _ in self.parcels)
        return (-self.units, self.cost_micro, len(codes), codes)


def priced(problem: Problem, parcels: Iterable[tuple[Offer, Quantities]], bound_micro: int | None = None) -> Solution:
    """A solution with its exact cost; without a bound it is its own proof."""
    ordered = tuple(sorted(parcels, key=lambda parcel: parcel[0].code))
    cost = sum(offer.cost_micro(q, weight_of(problem.lines, q)) for offer, q in ordered)
    bound = cost if bound_micro is None else min(bound_micro, cost)
    return Solution(ordered, cost, bound, bound == cost)


def floor_of_two_parcels(offers: Sequence[Offer]) -> int:
    """No plan with two or more parcels costs less than the two cheapest places for the least they may ask."""
    least = sorted(offer.floor_micro for offer in offers)
    return sum(least[:2]) if len(least) > 1 else 2**62
