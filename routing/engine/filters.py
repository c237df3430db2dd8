"""Which places a step lets in, and the word for every one it leaves out."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from .types import Demand, Line, Network, Place, Source, always, no_limit

#: Every word a place may be left out with; in columns they stand as numbers.
REASONS = (
    None,
    "not_accepting",
    "paused",
    "ability",
    "kind",
    "location",
    "group",
    "exclude_group",
    "no_stock",
    "too_few_units",
    "low_confidence",
    "excluded",
    "distance_unknown",
    "too_far",
    "closed_now",
    "closed_that_day",
    "past_cut_off",
    "no_capacity",
    "little_capacity",
    "no_rate",
    "too_heavy",
    "late",
    "kept_for_others",
    # Judged together with the other lines of the demand (`explain`):
    "partial_stock",
    "group_incomplete",
    "parcel_value",
)
_NUMBER = {reason: number for number, reason in enumerate(REASONS)}


def standing_reason(place: Place, source: Source, ability: str) -> str | None:
    """Why the place is out whatever the goods and the address, or None."""
    if not place.is_accepting:
        return "not_accepting"
    if place.is_paused:
        return "paused"
    if ability not in place.abilities or not source.abilities <= place.abilities:
        return "ability"
    if source.kinds and place.kind not in source.kinds:
        return "kind"
    if source.locations and place.code not in source.locations:
        return "location"
    if source.groups and source.groups.isdisjoint(place.groups):
        return "group"
    if not source.exclude_groups.isdisjoint(place.groups):
        return "exclude_group"
    return None


class Sieve:
    """The places a step looks at, and for each the number of the first reason that kept it out (0: none)."""

    def __init__(self, places: Sequence[Place], why: np.ndarray):
        self.places = places
        self.why = why

    def drop(self, are_out: Any, reason: str) -> None:
        """`are_out`: one truth value per place."""
        self.why[are_out & (self.why == 0)] = _NUMBER[reason]

    def drop_one(self, row: int, reason: str) -> None:
        self.why[row] = _NUMBER[reason]

    def drop_where(self, is_out: Callable[[Place], bool], reason: str) -> None:
        """Asks only for places that are still in."""
        for row, place in self.remaining():
            if is_out(place):
                self.why[row] = _NUMBER[reason]

    def remaining(self) -> Iterator[tuple[int, Place]]:
        for row in np.flatnonzero(self.why == 0).tolist():
            yield row, self.places[row]


def usable_units(
    sieve: Sieve, lines: Sequence[Line], demand: Demand, source: Source, sellable: np.ndarray, confidence: np.ndarray
) -> np.ndarray:
    """Units each place may give per line; a place that may give none leaves the sieve with the reason.

    `sellable`: places × lines, less what earlier steps took. `confidence`: the same shape, or empty.
    """
    usable = np.where(sellable >= source.min_sellable, sellable - source.min_left_after, 0)
    np.maximum(usable, 0, out=usable)
    too_few = (sellable > 0) & (usable <= 0)
    doubtful = np.zeros_like(too_few)
    if source.min_confidence:
        doubtful = (usable > 0) & (confidence < source.min_confidence)
        usable[doubtful] = 0
    excluded = _excluded(sieve, lines, demand, usable)
    usable[excluded] = 0
    gives_none = ~usable.any(axis=1)
    if gives_none.any():
        for table, reason in ((excluded, "excluded"), (doubtful, "low_confidence"), (too_few, "too_few_units")):
            sieve.drop(gives_none & table.any(axis=1), reason)
        sieve.drop(gives_none, "no_stock")
    return usable


def _excluded(sieve: Sieve, lines: Sequence[Line], demand: Demand, usable: np.ndarray) -> np.ndarray:
    out = np.zeros(usable.shape, dtype=bool)
    for column, line in enumerate(lines):
        codes = demand.excluded.get(line.key) if demand.excluded else None
        if codes:
            rows = [row for row, place in enumerate(sieve.places) if place.code in codes]
            out[rows, column] = usable[rows, column] > 0
    return out


def check_distance(sieve: Sieve, distances_km: np.ndarray, source: Source) -> None:
    if source.max_distance_km is not None:
        sieve.drop(np.isnan(distances_km), "distance_unknown")
        sieve.drop(distances_km > source.max_distance_km, "too_far")


def check_present(sieve: Sieve, source: Source, network: Network, used: Callable[[Place], int]) -> None:
    """Leaves out who cannot take work now; `used` tells how many parcels of this plan already go to a place."""
    if source.open_now:
        sieve.drop_where(lambda place: not network.is_open(place), "closed_now")
    if source.before_cut_off:
        if network.is_open_that_day is not always:
            sieve.drop_where(lambda place: not network.is_open_that_day(place), "closed_that_day")
        if network.is_before_cut_off is not always:
            sieve.drop_where(lambda place: not network.is_before_cut_off(place), "past_cut_off")
    if network.capacity_left is no_limit:
        return
    least = 1 if not source.ignore_capacity else 0
    if not least and not source.min_capacity_left:
        return
    for row, place in sieve.remaining():
        left = network.capacity_left(place)
        if left is not None:
            left -= used(place)
            if left < least:
                sieve.drop_one(row, "no_capacity")
            elif left < source.min_capacity_left:
                sieve.drop_one(row, "little_capacity")
