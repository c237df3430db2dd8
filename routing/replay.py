"""Orders decided again, one after the other, each at its own time: what rules would have done with them.

A `World` is stock and capacity as they were (`inventory.stock_book`, `routing.capacity_book`) under one choice of rules;
what it decides takes units and days from those who come after, like placing an order does. Two worlds that are asked the
same side by side tell what one choice of rules would have changed. Planned is by `services.sourcing.plan`, which decides
live, too; only where stock and capacity come from differs. Figures are in money that is really paid: scores of two rule
sets cannot be compared, as each weighs differently.
"""

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any, Literal

from django.conf import settings

from inventory.queries import places
from inventory.stock_book import StockBook
from oms.channels import channels
from routing import queries
from routing.capacity_book import CapacityBook
from routing.engine.cost import CARBON_KG_PER_TONNE_KM
from routing.engine.types import Budget
from routing.queries import ActiveRules, LearnedThen
from routing.services.acceptance import AcceptanceThen
from routing.services.backorders import awaitable
from routing.services.demand_facts import Wanted
from routing.services.parts import lacking, largest_part
from routing.services.scarcity import Foresight, PricesThen
from routing.services.sourcing import Demand, PlannedParcel, SourcingPlan, plan

Verdict = Literal["served", "cut", "waiting", "left", "refused"]
"""All of it has a place; what cannot be had was cut, and all else has; some of it waits for a delivery or stands before a
person, whether or not some was cut; the order would have been refused."""

RulesOf = Callable[[str], ActiveRules]
"""The rules that decide for a channel."""

_G_PER_TONNE = 1_000_000
_A_DAY = timedelta(days=1)
#: Times the live budget, of processor time: what is found must not depend on how busy the machine is.
_PATIENCE = 4


@dataclass(frozen=True, slots=True)
class Sent:
    """A parcel, or work of a place where the shopper comes. `parts`: its score by cause, in millionths."""

    location: str
    units: Mapping[str, int]
    carrier_service: str
    paid: Decimal
    weight_g: int
    km: float | None
    promised_at: datetime
    parts: Mapping[str, int]

    @property
    def carbon_kg(self) -> float:
        return CARBON_KG_PER_TONNE_KM * (self.km or 0.0) * self.weight_g / _G_PER_TONNE

    def as_json(self) -> dict[str, Any]:
        return {
            "location": self.location,
            "lines": [{"sku": sku, "quantity": units} for sku, units in self.units.items()],
            "carrier_service": self.carrier_service,
            "paid": str(self.paid.quantize(Decimal("0.01"))),
            "distance_km": None if self.km is None else round(self.km, 1),
            "promised_at": self.promised_at.isoformat(),
            "score": {name: round(micro / 1_000_000, 4) for name, micro in self.parts.items()},
        }


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one demand. A refused one has no parcels. `is_late`: for the day on which it was wanted."""

    verdict: Verdict
    sent: tuple[Sent, ...]
    rest: Mapping[str, int]
    rule: str
    is_late: bool = False

    @property
    def allocation(self) -> dict[tuple[str, str], int]:
        """Units by place and SKU."""
        return {(sent.location, sku): units for sent in self.sent for sku, units in sent.units.items()}

    @property
    def paid(self) -> Decimal:
        return sum((sent.paid for sent in self.sent), Decimal(0))

    @property
    def promised_at(self) -> datetime | None:
        return max((sent.promised_at for sent in self.sent), default=None)

    def is_like(self, other: "Outcome") -> bool:
        """The same goods leave from the same places by the same carriers."""
        return self.verdict == other.verdict and self._ways() == other._ways()

    def serves_as_much_as(self, other: "Outcome") -> bool:
        return self.verdict == other.verdict and self.rest == other.rest

    def _ways(self) -> set[tuple[str, str, tuple[tuple[str, int], ...]]]:
        return {(sent.location, sent.carrier_service, tuple(sorted(sent.units.items()))) for sent in self.sent}

    def as_json(self) -> dict[str, Any]:
        return {
            "verdict": self.verdict,
            "rule": self.rule,
            "parcels": [sent.as_json() for sent in self.sent],
            "rest": [{"sku": sku, "quantity": units} for sku, units in self.rest.items()],
        }


class World:
    """Stock and capacity under one choice of rules. `takes`: what is decided here counts; else the books tell all.
    `foresight`: of what the last units were worth then; `acceptance`: as it was known then (default of both: as now)."""

    def __init__(
        self,
        rules_of: RulesOf,
        stock: StockBook,
        capacity: CapacityBook,
        *,
        takes: bool = True,
        foresight: Foresight | None = None,
        acceptance: AcceptanceThen | None = None,
    ):
        self.rules_of = rules_of
        self.stock = stock
        self.capacity = capacity
        self.takes = takes
        self.learned = LearnedThen()
        self.prices = PricesThen(foresight, stock.sellable_units) if foresight else None
        self.acceptance = acceptance
        self.taken: Counter[tuple[str, str]] = Counter()
        self.booked: Counter[tuple[str, date]] = Counter()
        self._seen: dict[str, dict[str, int]] = {}

    def decide(self, wanted: Wanted) -> Outcome:
        """As at its instant; demands come in the order of their instants."""
        self.stock.advance(wanted.at)
        self.capacity.advance(wanted.at)
        judged = self._ask(wanted, wanted.demand)
        if judged.lacking and wanted.may_be_cut:
            plan_under = partial(self._plan, wanted)
            judged = largest_part(judged, ask=partial(self._ask, wanted), plan_under=plan_under) or judged
        outcome = _outcome(judged, wanted.demand)
        if self.takes and outcome.verdict != "refused":
            self._take(judged.source)
        return outcome

    def _plan(self, wanted: Wanted, demand: Demand, rules: ActiveRules | None = None) -> SourcingPlan:
        channel = channels().get(demand.channel)
        return plan(
            demand,
            as_of=wanted.at,
            release_at=channel.release_at(demand.method, demand.service, placed_at=wanted.at) if channel else None,
            rules=rules or self.rules_of(demand.channel),
            stock=self._read,
            booked=self.capacity.booked_by_day,
            scarcity=self.prices or queries.scarcity_prices,
            learned=self.learned.at(wanted.at),
            acceptance=partial(self.acceptance.at, wanted.at) if self.acceptance else queries.acceptance,
            budget=Budget.of(_PATIENCE * settings.PLANNING_BUDGET_MS / 1000, time.process_time),
        )

    def _ask(self, wanted: Wanted, demand: Demand) -> "_Judged":
        """As placing an order judges: what the network lacks, or a rule does not leave to a person, refuses it.

        What was on its way then is not remembered: whatever may wait is taken to be brought by somebody.
        """
        planned = self._plan(wanted, demand)
        if not planned.rest:
            return _Judged(planned, "served")
        if wanted.may_wait and awaitable(planned):
            return _Judged(planned, "waiting")
        there = {line.sku: sum(self._seen.get(line.sku, {}).values()) for line in demand.lines}
        lacks = lacking(planned, there)
        return _Judged(planned, "refused" if lacks else "left", lacks)

    def resume(self, taken: Mapping[tuple[str, str], int], booked: Mapping[tuple[str, date], int]) -> None:
        """Go on where another world of these rules stopped."""
        for (sku, location), units in taken.items():
            self._take_units(sku, location, units)
        for (location, day), units in booked.items():
            self._book(location, day, units)

    def _read(self, skus: Any, **asked: Any) -> dict[str, dict[str, int]]:
        self._seen = self.stock.sellable_units(skus, **asked)
        return self._seen

    def _take(self, planned: SourcingPlan) -> None:
        for parcel in planned.parcels:
            for line in parcel.lines:
                self._take_units(line.sku, parcel.location, line.quantity)
            if parcel.capacity_date is not None:
                self._book(parcel.location, parcel.capacity_date, 1)

    def _take_units(self, sku: str, location: str, units: int) -> None:
        self.stock.take(sku, location, units)
        self.taken[sku, location] += units

    def _book(self, location: str, day: date, units: int) -> None:
        self.capacity.book(location, day, units)
        self.booked[location, day] += units


@dataclass(frozen=True, slots=True)
class _Judged:
    """`lacking`: units by line because of which it is refused."""

    source: SourcingPlan
    verdict: Verdict
    lacking: Mapping[str, int] = field(default_factory=dict)


def _outcome(judged: _Judged, asked: Demand) -> Outcome:
    """`asked`: all that was wanted; what is left of it, cut or not, is its rest."""
    planned, verdict = judged.source, judged.verdict
    rest = Counter[str]()
    for line in asked.lines:
        rest[line.sku] += line.quantity
    for parcel in planned.parcels:
        for sent_line in parcel.lines:
            rest[sent_line.sku] -= sent_line.quantity
    rest = +rest
    if verdict == "refused":
        return Outcome(verdict, (), rest, planned.outcome.rule or "")
    if verdict == "served" and rest:
        verdict = "cut"
    pairs = zip(planned.parcels, planned.outcome.parcels, strict=True)
    sent = tuple(_sent(parcel, scored.parts) for parcel, scored in pairs)
    return Outcome(verdict, sent, rest, planned.outcome.rule or "", planned.is_late)


def _sent(parcel: PlannedParcel, parts: Mapping[str, int]) -> Sent:
    units: Counter[str] = Counter()
    for line in parcel.lines:
        units[line.sku] += line.quantity
    return Sent(
        location=parcel.location,
        units=units,
        carrier_service=parcel.carrier_service,
        paid=parcel.paid,
        weight_g=parcel.weight_g,
        km=parcel.distance_km,
        promised_at=parcel.promised_at,
        parts=parts,
    )


# ---- figures ---------------------------------------------------------------------------------------


@dataclass(slots=True)
class AtPlace:
    parcels: int = 0
    units: int = 0


@dataclass(slots=True)
class Tally:
    """The sums of many outcomes, of which `figures` makes what people compare. Money by currency."""

    orders: int = 0
    verdicts: Counter[str] = field(default_factory=Counter)
    parcels: int = 0
    split: int = 0
    units: int = 0
    units_left: int = 0
    paid: defaultdict[str, Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    sending: Counter[str] = field(default_factory=Counter)  # orders with parcels, by currency
    km: float = 0.0
    days: float = 0.0
    late: int = 0
    carbon_kg: float = 0.0
    places: dict[str, AtPlace] = field(default_factory=dict)

    def add(self, wanted: Wanted, outcome: Outcome) -> None:
        self.orders += 1
        self.verdicts[outcome.verdict] += 1
        self.units_left += sum(outcome.rest.values())
        if outcome.promised_at is None:
            return
        self.sending[wanted.demand.currency] += 1
        self.paid[wanted.demand.currency] += outcome.paid
        self.parcels += len(outcome.sent)
        self.split += len(outcome.sent) > 1
        self.days += (outcome.promised_at - wanted.at) / _A_DAY
        self.late += outcome.is_late
        for sent in outcome.sent:
            self._add_work(sent)

    def _add_work(self, sent: Sent) -> None:
        self.km += sent.km or 0.0
        self.carbon_kg += sent.carbon_kg
        units = sum(sent.units.values())
        self.units += units
        place = self.places.setdefault(sent.location, AtPlace())
        place.parcels += 1
        place.units += units

    def figures(self, capacity: CapacityBook) -> dict[str, Any]:
        """As JSON: sums, and the same per order or parcel, of what is sent at once. `promised_days`: to its last promise."""
        sending = sum(self.sending.values())
        return {
            "orders": self.orders,
            "served": self.verdicts["served"],
            "cut": self.verdicts["cut"],
            "waiting": self.verdicts["waiting"],
            "left_to_people": self.verdicts["left"],
            "refused": self.verdicts["refused"],
            "units": self.units,
            "units_not_served": self.units_left,
            "parcels": self.parcels,
            "split_rate": _share(self.split, sending),
            "parcels_per_order": _share(self.parcels, sending),
            "cost": {currency: _cents(paid) for currency, paid in sorted(self.paid.items())},
            "cost_per_order": {
                currency: str(round(paid / self.sending[currency], 4)) for currency, paid in sorted(self.paid.items())
            },
            "distance_km": round(self.km, 1),
            "distance_km_per_parcel": _share(self.km, self.parcels),
            "promised_days": _share(self.days, sending),
            "late": self.late,
            "carbon_kg": round(self.carbon_kg, 3),
            "places": [
                {
                    "location": code,
                    "parcels": place.parcels,
                    "units": place.units,
                    "fullest_day": _fullest(code, capacity),
                }
                for code, place in sorted(self.places.items(), key=lambda known: (-known[1].parcels, known[0]))
            ],
        }

    def as_json(self) -> dict[str, Any]:
        return {
            "orders": self.orders,
            "verdicts": dict(self.verdicts),
            "parcels": self.parcels,
            "split": self.split,
            "units": self.units,
            "units_left": self.units_left,
            "paid": {currency: str(paid) for currency, paid in self.paid.items()},
            "sending": dict(self.sending),
            "km": self.km,
            "days": self.days,
            "late": self.late,
            "carbon_kg": self.carbon_kg,
            "places": {code: [place.parcels, place.units] for code, place in self.places.items()},
        }

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> "Tally":
        paid = defaultdict(Decimal, {currency: Decimal(text) for currency, text in told["paid"].items()})
        return cls(
            **{
                **told,
                "verdicts": Counter(told["verdicts"]),
                "sending": Counter(told["sending"]),
                "paid": paid,
                "places": {code: AtPlace(*figures) for code, figures in told["places"].items()},
            }
        )


def _share(part: float, whole: int) -> float:
    return round(part / whole, 4) if whole else 0.0


def _cents(amount: Decimal) -> str:
    return str(amount.quantize(Decimal("0.01")))


def _fullest(code: str, capacity: CapacityBook) -> float | None:
    """Share of the day's capacity on the fullest day; None where nothing limits the place."""
    place = places().get(code)
    if place is None or not place.daily_capacity:
        return None
    return round(capacity.fullest(code) / place.daily_capacity, 4)


# ---- side by side ------------------------------------------------------------------------------------


@dataclass(slots=True)
class Comparison:
    """How often the second choice of rules did otherwise than the first. Later and sooner count days; cheaper and dearer
    are where the same units leave, for what is not sent costs nothing."""

    changed: int = 0
    cheaper: int = 0
    dearer: int = 0
    later: int = 0
    sooner: int = 0

    def add(self, baseline: Outcome, candidate: Outcome) -> bool:
        """Whether anything changed."""
        if baseline.is_like(candidate):
            return False
        self.changed += 1
        if baseline.serves_as_much_as(candidate):
            self.cheaper += candidate.paid < baseline.paid
            self.dearer += candidate.paid > baseline.paid
        if baseline.promised_at and candidate.promised_at:
            days = (candidate.promised_at.date() - baseline.promised_at.date()).days
            self.later += days > 0
            self.sooner += days < 0
        return True


@dataclass(slots=True)
class Agreement:
    """How often the live rules, replayed, chose as was decided at the time."""

    known: int = 0
    same: int = 0

    def add(self, decided: Mapping[tuple[str, str], int], outcome: Outcome) -> None:
        self.known += 1
        self.same += decided == outcome.allocation

    @property
    def rate(self) -> float | None:
        return _share(self.same, self.known) if self.known else None
