"""How long things take, learned from what happened. Pure: cases in, distributions out; no clock, no ORM.

A lead time is two parts that are counted apart: preparation (minutes of open time until the goods are ready or
handed to the carrier) and transit (days on which the carrier moves). Each is counted in groups from narrow to wide;
a narrow group with few cases leans on the next wider one. The parts are added by convolution, on the calendars of
place and carrier (`routing.dates`); quantiles are never added. At last the level is calibrated: which quantile of
these distributions would lately have been kept so often as is to be promised?
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any, NamedTuple

THIN = 30
"""A group of so many cases speaks for half of what is said of it, the next wider one for the rest; preparation is
learned only where the place has so many of its own, transit where the lane, its region or the lanes like it have."""

MINUTES = (
    *(5, 10, 15, 20, 25, 30, 40, 50, 60, 75, 90, 105, 120, 150, 180, 210, 240, 270, 300, 330, 360, 420, 480, 540, 600),
    *(660, 720, 840, 960, 1080, 1200, 1320, 1440),
    *range(1800, 10 * 1440 + 1, 360),
    *range(11 * 1440, 60 * 1440 + 1, 1440),
)
"""Preparation times are told apart by these, each case rounded up: a slot is what has passed by the end of it."""
MOST_DAYS = 60

Cells = tuple[str, ...]  # groups, from the narrowest to the widest
Counts = Mapping[str, Mapping[int, int]]  # cases by cell and slot


class Observed(NamedTuple):
    """One case of one part: the groups it belongs to, and its slot (of minutes, or days)."""

    cells: Cells
    slot: int


def slot_of(minutes: float) -> int:
    return min(bisect_left(MINUTES, minutes), len(MINUTES) - 1)


def slots_within(minutes: float) -> int:
    """How many slots have ended when so many minutes have passed."""
    return bisect_right(MINUTES, minutes)


# ---- groups --------------------------------------------------------------------------------------


_OVERSEAS = ("FR-97", "FR-98")
"""Each a world of its own: the third digit tells Guadeloupe from Réunion, and no wider region has both."""


def area_of(country: str, postal_code: str) -> str:
    """Where a parcel leaves from or goes to: the country with the first two characters of the postal code."""
    code = "".join(postal_code.upper().split())
    area = f"{country}-{code[:2]}" if code else country
    return f"{country}-{code[:3]}" if area in _OVERSEAS else area


def _region_of(area: str) -> str:
    return area if area.startswith(_OVERSEAS) else area[:4]


def preparation_cells(place: str, kind: str, method: str, *, hour: int | None, backlog: int | None) -> Cells:
    """`hour`: of the place's clock when the work was given to it; `backlog`: what was waiting there then."""
    wider = (f"{place}|{method}", f"{kind}:{method}", "")
    return wider if hour is None else (f"{place}|{method}|{day_part(hour)}{_backlog_class(backlog)}", *wider)


def transit_cells(carrier_service: str, origin: str, destination: str, configured_days: int | None) -> Cells:
    """Lane, region, and all lanes of the carrier's service for which as many days are configured: of those that it
    serves otherwise nothing can be said of this one. None: nobody knows what was configured."""
    lane = f"{carrier_service}|{origin}>{destination}"
    region = f"{carrier_service}|{_region_of(origin)}>{_region_of(destination)}"
    alike = () if configured_days is None else (f"{carrier_service}={configured_days}",)
    return (*dict.fromkeys((lane, region)), *alike)


HOUR_CLASSES = (0, 11, 14, 17)
"""The hours of the day at which another class begins: morning, noon, afternoon, evening."""
_BUSY = (5, 15)


def day_part(hour: int) -> str:
    """Its letter: m, n, a or e."""
    return "mnae"[bisect_right(HOUR_CLASSES, hour) - 1]


def _backlog_class(backlog: int | None) -> str:
    return "" if backlog is None else "qnb"[bisect_right(_BUSY, backlog)]


# ---- distributions -------------------------------------------------------------------------------


def count(observed: Iterable[Observed]) -> dict[str, dict[int, int]]:
    counts: dict[str, dict[int, int]] = {}
    for cells, slot in observed:
        for cell in cells:
            slots = counts.setdefault(cell, {})
            slots[slot] = slots.get(slot, 0) + 1
    return counts


def blend(counts: Counts, cells: Cells) -> dict[int, float]:
    """The share of each slot: the narrowest group, leaning on the wider ones as far as it is thin. Sums to one.

    Empty where not even the widest group has a case.
    """
    shares: dict[int, float] = {}
    for cell in reversed(cells):
        if slots := counts.get(cell):
            lean = THIN if shares else 0
            whole = sum(slots.values()) + lean
            shares = {slot: lean * share / whole for slot, share in shares.items()}
            for slot, cases in slots.items():
                shares[slot] = shares.get(slot, 0.0) + cases / whole
    return shares


@dataclass(frozen=True, slots=True)
class Cumulative:
    """Shares that came no later than each key (slot or day), keys rising."""

    keys: tuple[int, ...]
    shares: tuple[float, ...]

    @classmethod
    def of(cls, shares: Mapping[int, float]) -> "Cumulative":
        keys = tuple(sorted(shares))
        return cls(keys, tuple(accumulate(shares[key] for key in keys)))

    def by(self, key: int) -> float:
        """The share that came no later."""
        at = bisect_right(self.keys, key)
        return self.shares[at - 1] if at else 0.0

    def at(self, level: float) -> int:
        """The first key by which this share, at least, came; never later for a lower level."""
        return self.keys[min(bisect_left(self.shares, level - _ROUNDING), len(self.keys) - 1)]


_ROUNDING = 1e-9


# ---- calibration ---------------------------------------------------------------------------------

LEVELS = tuple(level / 100 for level in range(50, 100))
HIGHEST = 0.995
_FEWEST = 100
GIVEN_UP = 0.98
"""What has not come by this quantile is taken for lost: no date tells when it comes."""


@dataclass(frozen=True, slots=True)
class Tried:
    """A past case under a distribution that was learned before it: `reached` is the share that was to come before it,
    or, where it is still awaited, before now. It is on time at every level above that.

    `is_settled`: it began so long ago that it is taken for lost where it has not come.
    """

    reached: float
    has_come: bool = True
    is_settled: bool = True

    @property
    def is_lost(self) -> bool:
        return self.is_settled and not self.has_come


@dataclass(frozen=True, slots=True)
class Calibration:
    """Which quantile to ask for so that a date is kept as often as promised. Without `levels` every quantile is itself."""

    levels: tuple[float, ...] = ()
    cases: int = 0

    def level(self, wanted: float) -> float:
        """Never lower for a higher share wanted."""
        if not self.levels:
            return wanted
        place = (wanted - LEVELS[0]) * 100
        low = min(max(int(place + _ROUNDING), 0), len(LEVELS) - 1)
        high = min(low + 1, len(LEVELS) - 1)
        share = min(max(place - low, 0.0), 1.0)
        return self.levels[low] * (1 - share) + self.levels[high] * share


def calibrate(tried: Sequence[Tried]) -> Calibration:
    """From the cases of a rolling window, those still awaited included: leaving them out would make every date too early.

    Levels are of what comes at all: some of what is awaited never does, as many as of what is settled. With too few
    cases nothing is calibrated.
    """
    cases = sum(case.has_come for case in tried)
    if cases < _FEWEST:
        return Calibration()
    comes = share_that_comes(tried)
    steps = [(reached, kept / comes) for reached, kept in kept_by_level(tried)]
    return Calibration(tuple(_level_that_keeps(steps, wanted) for wanted in LEVELS), cases)


def share_that_comes(tried: Sequence[Tried]) -> float:
    """By those whose fate is known; few of them lean on nothing being lost."""
    settled = [case for case in tried if case.is_settled]
    return (sum(case.has_come for case in settled) + THIN) / (len(settled) + THIN)


def kept_by_level(tried: Sequence[Tried]) -> list[tuple[float, float]]:
    """(reached, share kept at every level above it), rising: what Kaplan and Meier say where some are still awaited.

    What is lost is late at every level.
    """
    steps: list[tuple[float, float]] = []
    at_risk, late = len(tried), 1.0
    ordered = sorted(tried, key=lambda case: (case.is_lost, case.reached, not case.has_come))
    for case in ordered:
        if case.has_come:
            late *= 1 - 1 / at_risk
            steps.append((case.reached, 1 - late))
        at_risk -= 1
    return steps


def _level_that_keeps(steps: Sequence[tuple[float, float]], wanted: float) -> float:
    at = bisect_left(steps, wanted - _ROUNDING, key=lambda step: step[1])
    return min(steps[at][0] + 2 * _ROUNDING, HIGHEST) if at < len(steps) else HIGHEST


# ---- what is kept of it --------------------------------------------------------------------------


@dataclass(frozen=True)
class LeadTimes:
    """The learned tables: counts per group, and a calibration per way of delivery."""

    preparation: Counts = field(default_factory=dict)
    transit: Counts = field(default_factory=dict)
    calibrations: Mapping[str, Calibration] = field(default_factory=dict)
    _blended: dict[tuple[str, Cells], Cumulative] = field(default_factory=dict, compare=False, repr=False)

    @classmethod
    def learn(cls, preparation: Iterable[Observed], transit: Iterable[Observed]) -> "LeadTimes":
        return cls(count(preparation), count(transit))

    def prepared(self, cells: Cells) -> Cumulative:
        """By slot of minutes. The narrowest groups must not all be empty."""
        return self._cumulative("preparation", self.preparation, cells)

    def carried(self, cells: Cells) -> Cumulative:
        return self._cumulative("transit", self.transit, cells)

    def _cumulative(self, part: str, counts: Counts, cells: Cells) -> Cumulative:
        key = (part, cells)
        if key not in self._blended:
            self._blended[key] = Cumulative.of(blend(counts, cells))
        return self._blended[key]

    def knows_preparation(self, cells: Cells, *, is_configured: bool) -> bool:
        """The place itself has enough cases of this method; where nobody said how long it takes, its kind has."""
        groups = cells[-3:-2] if is_configured else cells[-3:-1]
        return any(sum(self.preparation.get(cell, {}).values()) >= THIN for cell in groups)

    def knows_transit(self, cells: Cells) -> bool:
        """The lane, its region, or the lanes that are configured alike have enough cases."""
        return any(sum(self.transit.get(cell, {}).values()) >= THIN for cell in cells)

    def level(self, method: str, wanted: float) -> float:
        return self.calibrations.get(method, Calibration()).level(wanted)

    def as_json(self) -> dict[str, Any]:
        return {
            "preparation": _as_json(self.preparation),
            "transit": _as_json(self.transit),
            "calibrations": {name: [one.cases, *one.levels] for name, one in self.calibrations.items()},
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> "LeadTimes":
        calibrations = {
            name: Calibration(tuple(levels), int(cases)) for name, (cases, *levels) in document["calibrations"].items()
        }
        return cls(_from_json(document["preparation"]), _from_json(document["transit"]), calibrations)


def _as_json(counts: Counts) -> dict[str, list[list[int]]]:
    return {cell: [list(pair) for pair in sorted(slots.items())] for cell, slots in counts.items()}


def _from_json(stored: Mapping[str, Sequence[Sequence[int]]]) -> Counts:
    return {cell: {slot: cases for slot, cases in slots} for cell, slots in stored.items()}
