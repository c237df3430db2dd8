"""The test bench: whose basket it is, and how two plans of it differ."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from routing.engine.types import PlannedLine, RestLine
from routing.models import Decision, DemandFact
from routing.services.demand_facts import told
from routing.services.sourcing import Demand, Destination, Line, SourcingPlan

FindOrder = Callable[[str], Sequence[Demand]]
"""What people type of an order (its number) to what its deliveries asked for; nothing for what it does not know."""

_find_order: FindOrder = lambda _typed: ()  # noqa: E731


def register_orders(find: FindOrder) -> None:
    """Whoever takes orders tells how they are found."""
    global _find_order
    _find_order = find


def find_demands(typed: str) -> list[Demand]:
    """By the number of an order, by what routing remembers of a delivery, or by a decision's id; none: empty."""
    text = typed.strip().lstrip("#")
    if found := list(_find_order(text)):
        return found
    if found := [wanted.demand for wanted in told(DemandFact.objects.filter(reference=text))]:
        return found
    return [_demand_of(decision) for decision in Decision.objects.filter(pk=text)]


def _demand_of(decision: Decision) -> Demand:
    asked = decision.snapshot["demand"]
    country, postal_code, latitude, longitude = asked["destination"] or ("", "", None, None)
    return Demand(
        channel=asked["channel"],
        currency=asked["currency"],
        lines=tuple(Line(key, sku, quantity) for key, sku, quantity in asked["lines"]),
        method=asked["method"],
        service=asked["service"],
        destination=Destination(country, postal_code, "", latitude, longitude) if asked["destination"] else None,
        location=asked["location"],
    )


# ---- two plans of one basket -------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Outcome:
    """What counts of a plan when it is held against another. `paid`: for carriage, packaging and handling, whatever the
    rules weigh."""

    rule: str | None
    units_at: dict[str, Counter[str]]
    left: Counter[str]
    paid: Decimal
    promised_at: datetime | None

    @property
    def parcels(self) -> int:
        return len(self.units_at)


def outcome_of(planned: SourcingPlan) -> Outcome:
    units_at: dict[str, Counter[str]] = {}
    for parcel in planned.parcels:
        units_at.setdefault(parcel.location, Counter()).update(units_of(parcel.lines))
    paid = sum((parcel.paid for parcel in planned.parcels), Decimal(0))
    return Outcome(planned.outcome.rule, units_at, units_of(planned.rest), round(paid, 2), planned.promised_at)


def units_of(lines: Iterable[PlannedLine | RestLine]) -> Counter[str]:
    """By product: one may be on several lines."""
    units: Counter[str] = Counter()
    for line in lines:
        units[line.sku] += line.quantity
    return units
