"""What was wanted, kept for forecasts and simulations: written by whoever takes orders, read back as demands."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from oms.transactions import use_case
from routing.models import DemandFact
from routing.services.sourcing import Demand, Destination, Line

#: About a kilometre: near enough for distances, too far to find a door.
_DECIMALS = 2


@dataclass(frozen=True, slots=True)
class Wanted:
    """`reference` names the delivery (of an order, or of an imported history) and counts once. `decision`: what was
    decided first about it, where that is known. `may_wait`: the shopper agreed to wait for what is not there. `may_be_cut`: they take what
    can be had."""

    reference: str
    at: datetime
    demand: Demand
    source: str = DemandFact.Source.LIVE
    decision: str = ""
    may_wait: bool = False
    may_be_cut: bool = False


@use_case
def record_demands(wanted: Sequence[Wanted]) -> None:
    """Those told before are left as they are, so the same history may be told again."""
    DemandFact.objects.bulk_create(map(fact_of, wanted), batch_size=1000, ignore_conflicts=True)


@use_case
def forget_demands(*, before: datetime) -> int:
    """Returns how many were forgotten."""
    return DemandFact.objects.filter(at__lt=before).delete()[0]


def told(facts: Iterable[DemandFact]) -> Iterable[Wanted]:
    """As they were asked; places lost afterwards, holds and promises are not part of it."""
    return (
        Wanted(fact.reference, fact.at, _demand(fact), fact.source, fact.decision, fact.may_wait, fact.may_be_cut)
        for fact in facts
    )


def fact_of(wanted: Wanted) -> DemandFact:
    """Not yet saved."""
    demand, there = wanted.demand, wanted.demand.destination or Destination("")
    return DemandFact(
        reference=wanted.reference,
        at=wanted.at,
        channel=demand.channel,
        currency=demand.currency,
        method=demand.method,
        service=demand.service,
        country=there.country,
        postal_code=there.postal_code,
        latitude=_about(there.latitude),
        longitude=_about(there.longitude),
        location=demand.location or "",
        value=demand.value if demand.value is not None else _worth(demand),
        customer_tags=sorted(demand.customer_tags),
        lines=[_line(line) for line in demand.lines],
        source=wanted.source,
        decision=wanted.decision,
        may_wait=wanted.may_wait,
        may_be_cut=wanted.may_be_cut,
    )


def _about(degrees: float | None) -> float | None:
    return None if degrees is None else round(degrees, _DECIMALS)


def _worth(demand: Demand) -> Decimal:
    return sum((line.unit_value * line.quantity for line in demand.lines), Decimal(0))


def _line(line: Line) -> list[Any]:
    return [line.sku, line.quantity, line.group, str(line.unit_value), line.weight_g, sorted(line.tags)]


def _demand(fact: DemandFact) -> Demand:
    there = None
    if fact.country:
        there = Destination(fact.country, fact.postal_code, latitude=fact.latitude, longitude=fact.longitude)
    return Demand(
        channel=fact.channel,
        currency=fact.currency,
        method=fact.method,
        service=fact.service,
        destination=there,
        location=fact.location or None,
        value=fact.value,
        customer_tags=fact.customer_tags,
        lines=tuple(
            Line(f"l{number}", sku, quantity, group, Decimal(value), weight_g, frozenset(tags))
            for number, (sku, quantity, group, value, weight_g, tags) in enumerate(fact.lines, start=1)
        ),
    )
