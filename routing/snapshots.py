"""A decision in few bytes: written once, read as words.

A candidate is `[code, reason | null, distance_km | null, [parts]]`, its parts in the order of `parts`;
their sum is the score. One hundred places stay under 8 kB.
"""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from routing.engine.types import MICRO, Candidate
from routing.services.sourcing import SourcingPlan


def snapshot_of(plan: SourcingPlan) -> dict[str, Any]:
    outcome = plan.outcome
    names = sorted({name for candidate in outcome.candidates for name in candidate.parts})
    return {
        "demand": _demand(plan),
        "rule": outcome.rule,
        "chosen": [
            [p.location, [[line.key, line.sku, line.quantity] for line in p.lines], str(p.cost), p.carrier_service]
            for p in plan.parcels
        ],
        "rest": [[line.key, line.sku, line.quantity, str(line.disposition)] for line in plan.rest],
        "parts": names,
        "candidates": [_candidate(candidate, names) for candidate in outcome.candidates],
        "counts": dict(outcome.excluded_counts),
        "steps": [[s.name, s.outcome, s.eligible, s.parcels, _amount(s.cost_micro)] for s in outcome.steps],
        "notes": list(plan.notes),
    }


def _demand(plan: SourcingPlan) -> dict[str, Any]:
    demand, there = plan.demand, plan.demand.destination
    return {
        "channel": demand.channel,
        "currency": demand.currency,
        "method": demand.method,
        "service": demand.service,
        "location": demand.location,
        "destination": [there.country, there.postal_code, there.latitude, there.longitude] if there else None,
        "lines": [[line.key, line.sku, line.quantity] for line in demand.lines],
        "excluded": {key: sorted(codes) for key, codes in demand.excluded.items()},
        "as_of": plan.as_of.isoformat(),
    }


def _candidate(candidate: Candidate, names: list[str]) -> list[Any]:
    km = None if candidate.distance_km is None else round(candidate.distance_km, 1)
    if candidate.reason:
        return [candidate.location, candidate.reason, km]
    return [candidate.location, None, km, [_amount(candidate.parts.get(name, 0)) for name in names]]


def _amount(micro: int) -> float:
    return micro / MICRO


def explanation(snapshot: Mapping[str, Any]) -> dict[str, Any]:
    """The snapshot spelled out, as the API and the admin show it."""
    demand = snapshot["demand"]
    there = demand["destination"]
    return {
        "demand": {
            **demand,
            "destination": dict(zip(("country", "postal_code", "latitude", "longitude"), there, strict=True))
            if there
            else None,
            "lines": [dict(zip(("line", "sku", "quantity"), line, strict=True)) for line in demand["lines"]],
            "as_of": datetime.fromisoformat(demand["as_of"]),
        },
        "rule": snapshot["rule"],
        "chosen": [
            {
                "location": location,
                "lines": [dict(zip(("line", "sku", "quantity"), line, strict=True)) for line in lines],
                "cost": money(Decimal(cost)),
                "carrier_service": carrier_service,
            }
            for location, lines, cost, carrier_service in snapshot["chosen"]
        ],
        "rest": [dict(zip(("line", "sku", "quantity", "disposition"), rest, strict=True)) for rest in snapshot["rest"]],
        "candidates": [_spelled_out(row, snapshot["parts"]) for row in snapshot["candidates"]],
        "excluded_counts": snapshot["counts"],
        "steps": [_step(step) for step in snapshot["steps"]],
        "notes": snapshot["notes"],
    }


def money(amount: Decimal | float) -> str:
    """At least two decimals, at most six: scores are finer than cents."""
    text = f"{Decimal(str(amount)):.6f}"
    return text[:-4] + text[-4:].rstrip("0")


def _step(step: list[Any]) -> dict[str, Any]:
    name, outcome, eligible, parcels, cost = step
    return {"name": name, "outcome": outcome, "eligible": eligible, "parcels": parcels, "cost": money(cost)}


def _spelled_out(row: list[Any], names: list[str]) -> dict[str, Any]:
    location, reason, km, *amounts = row
    parts = dict(zip(names, amounts[0], strict=True)) if amounts else {}
    return {
        "location": location,
        "eligible": reason is None,
        "excluded_because": reason,
        "score": money(round(sum(parts.values()), 6)) if amounts else None,
        "cost": {name: money(amount) for name, amount in parts.items()},
        "distance_km": km,
    }
