"""A step's problem and its solution, as the solving modules share them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import cached_property
from typing import Any

import numpy as np

from .cost import Offers, weight_of
from .types import Line, to_micro

Quantities = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Item:
    """What is counted as one: units of a line (or of several equal ones), or a whole bundle that is never cut."""

    lines: tuple[int, ...]
    count: int
    units_each: int
    weight_g: int
    value_micro: int
    is_kept: bool


@dataclass(frozen=True, eq=False)
class Shared:
    """Items that draw on the same units: Σ takes × count ≤ the stock of each place."""

    takes: np.ndarray
    stock: np.ndarray


@dataclass(frozen=True, eq=False)
class Problem:
    """Lines, and places that may serve them. `offers` come sorted by code, so the first of equals wins a tie."""

    lines: tuple[Line, ...]
    offers: Offers
    max_parcels: int | None = None
    min_parcel_value: Decimal | None = None
    keep_groups: bool = True
    complete: bool = False

    @cached_property
    def asked(self) -> Quantities:
        return tuple(line.quantity for line in self.lines)

    # Items ------------------------------------------------------------------------------------

    @cached_property
    def _all_items(self) -> tuple[Item, ...]:
        groups: dict[tuple, list[int]] = {}
        for i, line in enumerate(self.lines):
            kept = self.keep_groups and line.group is not None
            groups.setdefault(("group", line.group) if kept else self._loose_key(i), []).append(i)
        return tuple(self._item(tuple(indexes), key[0] == "group") for key, indexes in groups.items())

    def _loose_key(self, i: int) -> tuple:
        """Lines of one SKU are one item, unless some place may serve only one of them."""
        same = self._same_sku.get(self.lines[i].sku)
        return ("line", i) if same is None or not self._are_equal(same) else ("sku", self.lines[i].sku)

    @cached_property
    def _same_sku(self) -> dict[str, list[int]]:
        by_sku: dict[str, list[int]] = {}
        for i, line in enumerate(self.lines):
            by_sku.setdefault(line.sku, []).append(i)
        return {sku: indexes for sku, indexes in by_sku.items() if len(indexes) > 1}

    def _are_equal(self, indexes: Sequence[int]) -> bool:
        units = self.offers.units
        return all((units[:, indexes[0]] == units[:, i]).all() for i in indexes[1:])

    def _item(self, indexes: tuple[int, ...], is_kept: bool) -> Item:
        lines = [self.lines[i] for i in indexes]
        units = sum(line.quantity for line in lines)
        if not is_kept:
            return Item(indexes, units, 1, lines[0].weight_g, to_micro(lines[0].unit_value), False)
        value = sum(to_micro(line.unit_value) * line.quantity for line in lines)
        return Item(indexes, 1, units, sum(line.weight_g * line.quantity for line in lines), value, True)

    @cached_property
    def _all_available(self) -> np.ndarray:
        """Offers × all items: how many of each a place could give if it gave nothing else."""
        found = np.empty((len(self.offers), len(self._all_items)), dtype=np.int64)
        for k, item in enumerate(self._all_items):
            if item.is_kept:
                found[:, k] = self._can_give_whole(item)
            else:
                np.minimum(self.offers.units[:, item.lines[0]], item.count, out=found[:, k])
        return found

    def _can_give_whole(self, item: Item) -> np.ndarray:
        needed: dict[str, int] = {}
        for i in item.lines:
            needed[self.lines[i].sku] = needed.get(self.lines[i].sku, 0) + self.lines[i].quantity
        able = [self.offers.units[:, i] >= needed[self.lines[i].sku] for i in item.lines]
        return np.asarray(np.stack(able).all(axis=0))

    @cached_property
    def _in_reach(self) -> np.ndarray:
        """How many of each item the offers together hold; other limits may allow less."""
        counts = np.array([item.count for item in self._all_items], dtype=np.int64)
        return np.minimum(counts, self._all_available.sum(axis=0))

    @cached_property
    def _order(self) -> list[int]:
        """The items of which something can be served, those with most units first."""
        reach = self._in_reach.tolist()
        return sorted((k for k, count in enumerate(reach) if count), key=lambda k: (-reach[k], k))

    @cached_property
    def items(self) -> tuple[Item, ...]:
        return tuple(self._all_items[k] for k in self._order)

    @cached_property
    def counts(self) -> np.ndarray:
        """The most of each item that could be served."""
        return self._in_reach[self._order]

    @cached_property
    def available(self) -> np.ndarray:
        """Offers × items."""
        return np.minimum(self._all_available[:, self._order], self.counts)

    @cached_property
    def units_each(self) -> np.ndarray:
        return np.array([item.units_each for item in self.items], dtype=np.int64)

    @cached_property
    def weights_g(self) -> np.ndarray:
        return np.array([item.weight_g for item in self.items], dtype=np.int64)

    @cached_property
    def values_micro(self) -> np.ndarray:
        return np.array([item.value_micro for item in self.items], dtype=np.int64)

    @cached_property
    def unit_costs(self) -> np.ndarray | None:
        """Offers × items: what one of each adds, carriage apart; None when nothing is counted per unit."""
        unit = self.offers.unit
        if unit is None:
            return None
        columns = [
            unit[:, list(item.lines)] @ np.array([self.asked[i] for i in item.lines])
            if item.is_kept
            else unit[:, item.lines[0]]
            for item in self.items
        ]
        return np.stack(columns, axis=1)

    @cached_property
    def shared(self) -> tuple[Shared, ...]:
        """Where several items draw on one SKU."""
        found = []
        for indexes in self._same_sku.values():
            takes = [
                sum(self.asked[i] if item.is_kept else 1 for i in item.lines if i in indexes)
                if item.is_kept
                else int(item.lines[0] in indexes)
                for item in self.items
            ]
            if sum(take > 0 for take in takes) > 1:
                found.append(Shared(np.array(takes, dtype=np.int64), self.offers.units[:, indexes].max(axis=1)))
        return tuple(found)

    @cached_property
    def most_units(self) -> int:
        """No solution serves more."""
        return int(self.counts @ self.units_each)

    @cached_property
    def least_value_micro(self) -> int | None:
        return None if self.min_parcel_value is None else to_micro(self.min_parcel_value)

    def fits(self, taken: np.ndarray) -> np.ndarray:
        """Per offer, whether it could send these counts (offers × items, each within what is available)."""
        limits = [taken.any(axis=1)]
        limits += [taken @ shared.takes <= shared.stock for shared in self.shared]
        if self.least_value_micro is not None:
            limits.append(taken @ self.values_micro >= self.least_value_micro)
        return np.logical_and.reduce(limits)

    def has_stock(self, quantities: Quantities) -> np.ndarray:
        """Per offer, whether lines of one SKU together ask no more than it holds."""
        has = np.ones(len(self.offers), dtype=bool)
        for indexes in self._same_sku.values():
            has &= self.offers.units[:, indexes].max(axis=1) >= sum(quantities[i] for i in indexes)
        return has

    def allows(self, solution: "Solution") -> bool:
        """Whether the limits that do not hang on the stock of a line let it pass."""
        values = [
            sum(to_micro(line.unit_value) * q for line, q in zip(self.lines, quantities, strict=True))
            for _, quantities in solution.parcels
        ]
        return (
            (self.max_parcels is None or len(solution.parcels) <= self.max_parcels)
            and (self.least_value_micro is None or min(values) >= self.least_value_micro)
            and all(self.has_stock(quantities)[row] for row, quantities in solution.parcels)
        )

    def costs(self, taken: np.ndarray) -> np.ndarray:
        """Per offer, the cost of one parcel with its row of counts."""
        unit_costs = self.unit_costs
        return self.offers.costs(
            taken @ self.weights_g, None if unit_costs is None else (unit_costs * taken).sum(axis=1)
        )

    def filled(self, left: np.ndarray) -> np.ndarray:
        """Offers × items: all each place can give of what is left; of items that share units the first come first."""
        taken = np.minimum(self.available, left)
        for shared in self.shared:
            room = shared.stock.copy()
            for k in np.flatnonzero(shared.takes).tolist():
                take = int(shared.takes[k])
                taken[:, k] = np.minimum(taken[:, k], room // take)
                room -= taken[:, k] * take
        return taken

    def only(self, rows: np.ndarray, max_parcels: int | None) -> "Problem":
        """The same with these offers alone: items, counts and order stay what they are."""
        part = replace(self, offers=self.offers.only(rows), max_parcels=max_parcels)
        for name in ("_all_items", "_in_reach", "_order", "items", "counts", "units_each", "weights_g", "values_micro"):
            part.__dict__[name] = getattr(self, name)
        part.__dict__["available"] = self.available[rows]
        part.__dict__["unit_costs"] = None if self.unit_costs is None else self.unit_costs[rows]
        part.__dict__["shared"] = tuple(Shared(shared.takes, shared.stock[rows]) for shared in self.shared)
        return part

    # Lines --------------------------------------------------------------------------------------

    def quantities(self, parcels: Sequence[Any]) -> list[Quantities]:
        """Counts per item as units per line; equal lines are filled one after the other."""
        left = list(self.asked)
        found = []
        for counts in parcels:
            given = [0] * len(left)
            for item, count in zip(self.items, counts, strict=True):
                self._give(item, int(count), given, left)
            found.append(tuple(given))
        return found

    def _give(self, item: Item, count: int, given: list[int], left: list[int]) -> None:
        for i in item.lines:
            units = (self.asked[i] if count else 0) if item.is_kept else min(count, left[i])
            given[i] += units
            left[i] -= units
            if not item.is_kept:
                count -= units


@dataclass(frozen=True, slots=True)
class Solution:
    """Parcels by place (a row of the offers and units per line); proven when no other serves more, or as much for less."""

    parcels: tuple[tuple[int, Quantities], ...]
    cost_micro: int
    lower_bound_micro: int

    @property
    def is_proven(self) -> bool:
        return self.lower_bound_micro >= self.cost_micro

    @property
    def units(self) -> int:
        return sum(sum(quantities) for _, quantities in self.parcels)

    def bounded_by(self, lower_bound_micro: int) -> "Solution":
        """The same parcels with a better bound, should it be one."""
        bound = min(max(self.lower_bound_micro, lower_bound_micro), self.cost_micro)
        return Solution(self.parcels, self.cost_micro, bound)

    @property
    def rank(self) -> tuple:
        """Most units first, then cost, fewer parcels, first places."""
        rows = tuple(row for row, _ in self.parcels)
        return (-self.units, self.cost_micro, len(rows), rows)


def priced(problem: Problem, parcels: Iterable[tuple[int, Any]], bound_micro: int | None = None) -> Solution:
    """A solution of (row, counts per item) with its exact cost; without a bound it is its own proof."""
    ordered = sorted(((row, counts) for row, counts in parcels), key=lambda parcel: parcel[0])
    quantities = problem.quantities([counts for _, counts in ordered])
    found = tuple((row, q) for (row, _), q in zip(ordered, quantities, strict=True))
    cost = sum(problem.offers.cost(row, q, weight_of(problem.lines, q)) for row, q in found)
    return Solution(found, cost, cost if bound_micro is None else min(bound_micro, cost))
