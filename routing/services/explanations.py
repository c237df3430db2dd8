"""Why a place was not chosen by a decision, and what would have had to be true."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from time import monotonic
from typing import Any

from django.conf import settings

from inventory import queries as inventory
from routing import dates
from routing.engine.counterfactual import (
    Case,
    Found,
    Need,
    Run,
    StepVerdict,
    Verdict,
    what_would_have_to_be_true,
    why_not,
)
from routing.engine.evidence import Evidence
from routing.engine.types import Budget
from routing.engine.types import Network as EngineNetwork
from routing.errors import EvidenceMissing, LocationMissing
from routing.evidence_bytes import unpacked
from routing.models import Decision
from routing.services.sourcing import Demand, Destination, network_today
from routing.snapshots import is_as_decided, replay_budget


@dataclass(frozen=True, slots=True)
class KeptThere:
    """What other orders keep of which this one, planned together with them, could have had some.

    `units` by SKU; `parcels`: of the day, where they are all that the place can prepare; `orders`: how many, the first
    few of which are `named`. `step`: what the step would have made of the place for this order alone, had they kept
    nothing there; `saved_micro`: what it would have cost less then.
    """

    units: Mapping[str, int]
    parcels: int
    orders: int
    named: tuple[str, ...]
    step: StepVerdict
    saved_micro: int


@dataclass(frozen=True, slots=True)
class PlaceExplained:
    """`steps`: what each made of the place; `needs`: what would have had to be true (nothing where it was used).

    `is_as_decided`: planning again gave the plan that was decided. `is_asked_anew`: for some place, what was not asked
    at the time (hours, bookings, dates; of a place that held nothing, all) was asked today. `is_together`: decided together
    with other orders, and told from what they leave; `kept`: what they keep at the place.
    """

    location: str
    currency: str
    is_used: bool
    steps: tuple[StepVerdict, ...]
    needs: tuple[Need, ...]
    is_as_decided: bool
    is_asked_anew: bool
    is_together: bool = False
    kept: KeptThere | None = None


def explain_place(decision: Decision, location: str) -> PlaceExplained:
    """Errors: EvidenceMissing, LocationMissing."""
    if not decision.evidence:
        raise EvidenceMissing()
    told = unpacked(bytes(decision.evidence))
    today = _today(decision.snapshot, told, location)
    if location not in told.codes and location not in today.places:
        raise LocationMissing(location=location)
    budget = Budget.of(settings.EXPLANATION_SECONDS, monotonic)
    asked_anew: set[str] = set()
    case = Case(told.demand, told.rule, told.steps, told.network(today, asked_anew, also=[location]))
    run = case.run(replay_budget())
    steps = why_not(run, location, budget.half())
    is_used = any(step.verdict is Verdict.USED for step in steps)
    kept = _kept_there(told, run, location, decision.snapshot, budget)
    needs = () if is_used else what_would_have_to_be_true(case, location, budget)
    needs = tuple(_as_time(need, decision.snapshot, location) for need in needs)
    currency = decision.snapshot["demand"]["currency"]
    as_decided = is_as_decided(decision.snapshot, run.plan)
    is_together = decision.snapshot.get("reoptimised") is not None
    return PlaceExplained(location, currency, is_used, steps, needs, as_decided, bool(asked_anew), is_together, kept)


def _kept_there(
    told: Evidence, run: Run, location: str, snapshot: Mapping[str, Any], budget: Budget
) -> KeptThere | None:
    """Found by planning this order once more with all that stands there."""
    units, parcels = told.kept_at(location), told.kept_parcels.get(location, 0)
    if not units and not parcels:
        return None
    orders, *named = snapshot["reoptimised"]["kept_for"][location]
    free = told.without_others_at(location)
    network = replace(run.case.network, kept=free.kept, kept_parcels=free.kept_parcels)
    alone = replace(run.case, network=network).run(replay_budget())
    (step,) = why_not(alone, location, budget.half())
    saved = run.plan.cost_micro - alone.plan.cost_micro
    return KeptThere(units, parcels, orders, tuple(named), step, saved)


def _as_time(need: Need, snapshot: dict[str, Any], location: str) -> Need:
    """A cut-off as the time of day it would have had to be; as it stands where the place's own is another by now."""
    place, service = inventory.places().get(location), snapshot["demand"]["service"]
    if need.parameter != "is_before_cut_off" or place is None:
        return need
    release_at, cut_off = _release_at(snapshot), dates.cut_off_of(place, service)
    local = place.calendar.local(release_at)
    if cut_off is None or not place.calendar.is_open_on(local.date()) or cut_off >= local.time():
        return need
    minute = local.replace(second=0, microsecond=0)
    needed = minute if minute == local else minute + timedelta(minutes=1)
    if need.found is Found.VALUE and needed.date() != local.date():
        return need  # no time of that day would have done: only none at all
    told = f"{needed:%H:%M}" if need.found is Found.VALUE else need.needed
    return replace(need, parameter="cut_off", actual=f"{cut_off:%H:%M}", needed=told)


def _today(snapshot: dict[str, Any], told: Evidence, location: str) -> EngineNetwork:
    asked = snapshot["demand"]
    demand = Demand(
        channel=asked["channel"],
        currency=asked["currency"],
        lines=told.demand.lines,
        method=asked["method"],
        service=asked["service"],
        destination=_destination(asked["destination"]),
        location=asked["location"],
        value=told.demand.value,
        wanted_by=_instant(snapshot.get("wanted_by")),
    )
    as_of = datetime.fromisoformat(asked["as_of"])
    return network_today(demand, {*told.codes, location}, as_of=as_of, release_at=_release_at(snapshot))


def _release_at(snapshot: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(snapshot.get("release_at") or snapshot["demand"]["as_of"])


def _destination(there: list[Any] | None) -> Destination | None:
    if there is None:
        return None
    country, postal_code, latitude, longitude = there
    return Destination(country, postal_code, "", latitude, longitude)


def _instant(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
