"""What several people said they found, added up: whatever the order in which their phones' messages arrive."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Said:
    """At `scanned_at` somebody stood at a bin: so many are here (`is_total`), or so many more than were said before.

    `order` tells apart what was said at one instant.
    """

    bin: str
    units: int
    is_total: bool
    damaged: int | None
    scanned_at: datetime
    actor: str
    order: int = 0


@dataclass(frozen=True, slots=True)
class Tally:
    """What stands in the place: the sum of its bins, as at the last word about any of them."""

    units: int
    damaged: int | None
    bin: str
    counted_at: datetime
    counted_by: str


@dataclass(slots=True)
class _Bin:
    units: int = 0
    damaged: int | None = None

    def hear(self, said: Said) -> None:
        if said.is_total:
            self.units, self.damaged = said.units, said.damaged
        else:
            self.units += said.units
            self.damaged = self.damaged if said.damaged is None else (self.damaged or 0) + said.damaged


def tally(sayings: Iterable[Said]) -> Tally | None:
    """None when nothing was said. Never fewer than none, nor more damaged ones than there are."""
    ordered = sorted(sayings, key=lambda said: (said.scanned_at, said.order))
    if not ordered:
        return None
    bins: dict[str, _Bin] = defaultdict(_Bin)
    for said in ordered:
        bins[said.bin].hear(said)
    units = sum(max(0, found.units) for found in bins.values())
    told_apart = [found.damaged for found in bins.values() if found.damaged is not None]
    last = ordered[-1]
    return Tally(
        units=units,
        damaged=min(units, sum(told_apart)) if told_apart else None,
        bin=max(bins, key=lambda name: (bins[name].units, name)),
        counted_at=last.scanned_at,
        counted_by=last.actor,
    )
