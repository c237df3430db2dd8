"""What two choices of rules are compared by, and how much worse than the other one may be. Pure.

A bound is written `+2%` (no more than so much above the other), `+0.05` (above it, in the measure's own unit) or `0.3`
(at all).
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_lazy as _

Figures = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Measure:
    """Of all of them less is better. `unit`: `money`, `share`, `km`, `kg`, `days` or nothing. `decimals`: as shown."""

    name: str
    label: Any
    unit: str
    of: Callable[[Figures], float]
    decimals: int = 2
    currency: str = ""


def _plain(name: str) -> Callable[[Figures], float]:
    return lambda figures: float(figures[name])


def _cost_in(currency: str) -> Callable[[Figures], float]:
    return lambda figures: float(figures["cost_per_order"].get(currency, 0))


# Each is an order that did not get all of it at once, and so costs less than it might.
_HELD_BACK = frozenset({"refused", "cut", "waiting", "left"})
PLAIN = (
    Measure("unserved", _("Units without a place"), "", _plain("units_not_served"), 0),
    Measure("parcels", _("Parcels per order"), "", _plain("parcels_per_order"), 3),
    Measure("split", _("Orders in several parcels"), "share", _plain("split_rate"), 1),
    Measure("distance", _("Distance per parcel"), "km", _plain("distance_km_per_parcel"), 1),
    Measure("days", _("Days to the promised date"), "days", _plain("promised_days")),
    Measure("late", _("Promised later than wanted"), "", _plain("late"), 0),
    Measure("refused", _("Refused orders"), "", _plain("refused"), 0),
    Measure("cut", _("Orders of which something was cut"), "", lambda figures: float(figures.get("cut", 0)), 0),
    Measure("waiting", _("Orders that wait for a delivery"), "", lambda figures: float(figures.get("waiting", 0)), 0),
    Measure("left", _("Orders left to people"), "", _plain("left_to_people"), 0),
    Measure("carbon", _("CO₂"), "kg", _plain("carbon_kg"), 1),
)
NAMES = ("cost", *(measure.name for measure in PLAIN))


def measures(figures: Sequence[Figures]) -> list[Measure]:
    """Those that these figures tell; cost once per currency."""
    currencies = sorted({currency for one in figures for currency in one["cost_per_order"]})
    costs = [Measure("cost", _("Cost per order"), "money", _cost_in(currency), 2, currency) for currency in currencies]
    return [*costs, *PLAIN]


@dataclass(frozen=True, slots=True)
class Difference:
    measure: Measure
    baseline: float
    candidate: float

    @property
    def change(self) -> float:
        return self.candidate - self.baseline

    @property
    def relative(self) -> float | None:
        """None where there was nothing before."""
        return self.change / self.baseline if self.baseline else None

    def as_json(self) -> dict[str, Any]:
        return {
            "measure": self.measure.name,
            "currency": self.measure.currency or None,
            "baseline": round(self.baseline, 4),
            "candidate": round(self.candidate, 4),
            "change": round(self.change, 4),
            "relative": None if self.relative is None else round(self.relative, 4),
        }


def differences(figures: Mapping[str, Figures]) -> list[Difference]:
    """Side by side; `figures` has `baseline` and `candidate`."""
    sides = figures["baseline"], figures["candidate"]
    return [Difference(measure, *(measure.of(side) for side in sides)) for measure in measures(sides)]


def units_missed(found: Sequence[Difference]) -> int:
    """How many more units go unserved: what is not sent costs nothing and is never late, so all else reads as a gain."""
    (unserved,) = (one for one in found if one.measure.name == "unserved")
    return max(0, round(unserved.change))


def is_flattered(measure: Measure) -> bool:
    """Whether it gets better by not sending."""
    return measure.name != "unserved" and measure.name not in _HELD_BACK


# ---- bounds ------------------------------------------------------------------------------------------

_BOUND = re.compile(r"(?P<above>\+)?(?P<number>\d+(\.\d+)?)(?P<percent>%)?")
_ALMOST = 1e-9


@dataclass(frozen=True, slots=True)
class Bound:
    text: str
    number: float
    is_above: bool
    is_share: bool

    @classmethod
    def read(cls, text: str) -> "Bound":
        """Errors: ValueError."""
        found = _BOUND.fullmatch(text.strip())
        if found is None or (found["percent"] and not found["above"]):
            raise ValueError(f"{text!r} is not a bound: write +2%, +0.05 or 0.3")
        return cls(text.strip(), float(found["number"]), bool(found["above"]), bool(found["percent"]))

    def most(self, baseline: float) -> float:
        if self.is_share:
            return baseline * (1 + self.number / 100)
        return baseline + self.number if self.is_above else self.number

    def is_kept(self, difference: Difference) -> bool:
        most = self.most(difference.baseline)
        return difference.candidate <= most + _ALMOST * max(1.0, abs(most))


def broken(found: Sequence[Difference], bounds: Mapping[str, Bound]) -> Iterator[Difference]:
    """The differences that go beyond the bound of their measure."""
    return (one for one in found if (bound := bounds.get(one.measure.name)) and not bound.is_kept(one))


_NO_MORE = Bound.read("+0")


def held_to(found: Sequence[Difference], asked: Mapping[str, Bound]) -> Mapping[str, Bound]:
    """The bounds that were asked for, and that no more units go unserved, for else rules that refuse keep every other bound.

    Not where the unserved have a bound of their own, or each kind of order that there is more of: then somebody has
    said how much is allowed.
    """
    more = {one.measure.name for one in found if one.measure.name in _HELD_BACK and one.change > 0}
    is_allowed = "unserved" in asked or (more and more <= asked.keys())
    return asked if is_allowed else {**asked, "unserved": _NO_MORE}
