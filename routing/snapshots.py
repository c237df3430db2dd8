"""A decision in few bytes: what was decided stands in the snapshot, what it was decided upon in the evidence.

The words are made by planning again from the evidence: the same engine gives the same plan, with every place that was
looked at. One hundred places and five lines stay under 8 kB together. Decisions of before evidence was kept have a
`[code, reason | null, distance_km | null, [parts]]` per place in their snapshot instead, their parts in the order of
`parts`.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from time import monotonic
from typing import Any

from django.conf import settings

from routing.engine.evidence import UNASKED
from routing.engine.explain import excluded_counts
from routing.engine.planner import plan_again
from routing.engine.types import MICRO, Budget, Candidate, Parcel, Plan, from_micro
from routing.evidence_bytes import packed, unpacked
from routing.models import Decision
from routing.services.sourcing import Reoptimised, SourcingPlan

#: Said where the engine of today, or with more time, plans otherwise than was decided.
PLANNED_OTHERWISE = "planned_otherwise"


def snapshot_of(plan: SourcingPlan) -> dict[str, Any]:
    outcome = plan.outcome
    decided = {
        "demand": _demand(plan),
        "rule": outcome.rule,
        "chosen": [
            [p.location, [[line.key, line.sku, line.quantity] for line in p.lines], str(p.cost), p.carrier_service]
            for p in plan.parcels
        ],
        "rest": [[line.key, line.sku, line.quantity, str(line.disposition)] for line in plan.rest],
        "steps": [[s.name, s.outcome, s.eligible, s.parcels, _amount(s.cost_micro)] for s in outcome.steps],
        "notes": list(plan.notes),
        "release_at": plan.release_at.isoformat(),
        "wanted_by": plan.demand.wanted_by and plan.demand.wanted_by.isoformat(),
        "reoptimised": _reoptimised(plan.reoptimised),
    }
    return decided if outcome.evidence else {**decided, **_looked_at(outcome)}


def evidence_of(plan: SourcingPlan) -> bytes:
    """Empty for a plan that cannot be made again by itself."""
    return packed(plan.outcome.evidence()) if plan.outcome.evidence else b""


def _looked_at(outcome: Plan) -> dict[str, Any]:
    names = sorted({name for candidate in outcome.candidates for name in candidate.parts})
    return {
        "parts": names,
        "candidates": [_row(candidate, names) for candidate in outcome.candidates],
        "counts": dict(outcome.excluded_counts),
    }


def _row(candidate: Candidate, names: list[str]) -> list[Any]:
    km = None if candidate.distance_km is None else round(candidate.distance_km, 1)
    if candidate.reason:
        return [candidate.location, candidate.reason, km]
    return [candidate.location, None, km, [_amount(candidate.parts.get(name, 0)) for name in names]]


_MOST_NAMED = 3


def _reoptimised(why: Reoptimised | None) -> dict[str, Any] | None:
    """Of the orders that something is kept for, their number and the first few, by place."""
    if why is None:
        return None
    kept_for = {code: [len(orders), *orders[:_MOST_NAMED]] for code, orders in why.kept_for.items()}
    return {
        "orders": why.orders,
        "saved": money(why.saved),
        "own_saved": money(why.own_saved),
        "kept_for": kept_for,
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


def _amount(micro: int) -> float:
    return micro / MICRO


def explanation(decision: Decision) -> dict[str, Any]:
    """The decision spelled out, as the API and the admin show it."""
    snapshot = decision.snapshot
    if not decision.evidence:
        return _told(snapshot, snapshot, ())
    told = unpacked(bytes(decision.evidence))
    again = plan_again(told, replay_budget())
    notes = snapshot["notes"] if is_as_decided(snapshot, again) else [*snapshot["notes"], PLANNED_OTHERWISE]
    counts = excluded_counts(told.places, again.candidates)
    return _told(snapshot, {**_looked_at(again), "counts": counts}, again.parcels) | {"notes": notes}


def failing_shares(decision: Decision) -> dict[str, float]:
    """How often offers failed at the places that were asked for that, by code, as it was known then."""
    if not decision.evidence:
        return {}
    told = unpacked(bytes(decision.evidence))
    asked = zip(told.codes, told.answers.get("acceptance", ()), strict=False)
    return {code: 1 - accepts for code, accepts in asked if accepts != UNASKED}


def held_units(decision: Decision) -> dict[str, dict[str, int]]:
    """What each place held of what was asked for, by code and SKU, as it was known then."""
    if not decision.evidence:
        return {}
    told = unpacked(bytes(decision.evidence))
    return {
        code: {sku: column[row] for sku, column in told.stock.items() if column[row]}
        for row, code in enumerate(told.codes)
    }


def gap(cost: Decimal, lower_bound: Decimal) -> float:
    """The share of the cost that a better plan might save at most."""
    return round(float(max(Decimal(0), 1 - lower_bound / cost)), 6) if cost else 0.0


def explanation_of(planned: SourcingPlan) -> dict[str, Any]:
    """A plan spelled out that was made just now."""
    return _told(snapshot_of(planned), _looked_at(planned.outcome), planned.outcome.parcels)


def _told(snapshot: Mapping[str, Any], looked_at: Mapping[str, Any], again: Sequence[Parcel]) -> dict[str, Any]:
    spelled_out = _spelled_out(looked_at)
    if chosen := snapshot["demand"].get("location"):
        spelled_out["excluded_counts"] = _but_for(chosen, spelled_out)
    return {**_decided(snapshot, again), **spelled_out}


def _but_for(chosen: str, told: Mapping[str, Any]) -> dict[str, int]:
    """Of the other places nobody asked what they have, so none is said to have nothing."""
    counts = dict(told["excluded_counts"])
    is_empty = all(candidate["location"] != chosen for candidate in told["candidates"])
    others = counts.pop("no_stock", 0) - is_empty
    counts |= {"no_stock": int(is_empty), "other_place_chosen": others}
    return {reason: count for reason, count in counts.items() if count > 0}


def replay_budget() -> Budget:
    """Longer than planning has: it must not fail for want of time where that did not."""
    return Budget.of(4 * settings.PLANNING_BUDGET_MS / 1000, monotonic)


def is_as_decided(snapshot: Mapping[str, Any], again: Plan) -> bool:
    """Whether planning again sends the same units from the same places for the same cost."""
    return sorted(map(_sent_then, snapshot["chosen"])) == sorted(map(_sent_now, again.parcels))


_Sent = tuple[str, tuple[tuple[str, str, int], ...], Decimal]


def _sent_then(chosen: Sequence[Any]) -> _Sent:
    code, lines, cost, _service = chosen
    return code, tuple(sorted((key, sku, quantity) for key, sku, quantity in lines)), Decimal(cost)


def _sent_now(parcel: Parcel) -> _Sent:
    return parcel.location, tuple(sorted((line.key, line.sku, line.quantity) for line in parcel.lines)), parcel.cost


def cost_parts(parcel: Parcel) -> dict[str, str]:
    """What the parcel costs by cause, to the millionth."""
    return {name: money(from_micro(micro)) for name, micro in parcel.parts.items()}


def _decided(snapshot: Mapping[str, Any], again: Sequence[Parcel]) -> dict[str, Any]:
    """`again`: the parcels as planning again makes them, which tell what the cost of those that were sent is made of."""
    demand = snapshot["demand"]
    parts = {_sent_now(parcel): cost_parts(parcel) for parcel in again}
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
                "parts": parts.get(_sent_then(chosen)),
                "carrier_service": carrier_service,
            }
            for chosen in snapshot["chosen"]
            for location, lines, cost, carrier_service in [chosen]
        ],
        "rest": [dict(zip(("line", "sku", "quantity", "disposition"), rest, strict=True)) for rest in snapshot["rest"]],
        "steps": [_step(step) for step in snapshot["steps"]],
        "notes": snapshot["notes"],
    }


def _spelled_out(looked_at: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "candidates": [_candidate(row, looked_at["parts"]) for row in looked_at.get("candidates", ())],
        "excluded_counts": looked_at.get("counts", {}),
    }


def money(amount: Decimal | float) -> str:
    """At least two decimals, at most six: scores are finer than cents."""
    text = f"{Decimal(str(amount)):.6f}"
    return text[:-4] + text[-4:].rstrip("0")


def _step(step: list[Any]) -> dict[str, Any]:
    name, outcome, eligible, parcels, cost = step
    return {"name": name, "outcome": outcome, "eligible": eligible, "parcels": parcels, "cost": money(cost)}


def _candidate(row: list[Any], names: list[str]) -> dict[str, Any]:
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
