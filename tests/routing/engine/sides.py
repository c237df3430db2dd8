"""The engine's side of the oracle's worlds."""

from decimal import Decimal

from routing.engine.planner import plan
from routing.engine.tariffs import Tariff, Tier
from routing.engine.types import Budget, Demand, Line, Network, Place, Plan, Rule, Source, Step, Timing, Weights

from .oracle import World

MICRO_PER_CENT = 10_000
UNHURRIED = Budget(now=lambda: 0.0, ends_at=600.0)


def demand_of(world: World) -> Demand:
    lines = tuple(
        Line(
            f"l{i}",
            sku,
            world.wanted[i],
            world.groups[i],
            Decimal(world.value[sku]),
            world.weight_g[sku],
            frozenset({"whole"}) if world.no_split else frozenset(),
        )
        for i, sku in enumerate(world.skus)
    )
    excluded = {f"l{i}": frozenset(f"P{j:03}" for j in places) for i, places in world.excluded.items()}
    return Demand(lines, excluded=excluded)


def network_of(world: World) -> Network:
    tariffs = [
        [
            Tariff.of([Tier(limit, cents * MICRO_PER_CENT, days, f"s{days}") for limit, cents in tiers])
            for days, tiers in services
        ]
        for services in world.services
    ]
    places = {
        f"P{j:03}": Place(
            f"P{j:03}",
            handling_micro=world.handling[j] * MICRO_PER_CENT,
            handling_unit_micro=world.handling_unit[j] * MICRO_PER_CENT,
            packaging_micro=world.packaging[j] * MICRO_PER_CENT,
            position=j,
        )
        for j in world.places
    }
    return Network(
        places,
        _by_sku(world.stock, 1),
        tariff=lambda place, _km: tariffs[int(place.code[1:])],
        capacity_left=lambda place: world.capacity[int(place.code[1:])],
        timing=lambda place, tier: _timing(world, int(place.code[1:]), tier.transit_days),
        acceptance=lambda place: 1 - world.failure[int(place.code[1:])] / 100,
        scarcity=_by_sku({key: world.scarcity.get(key, 0) for key in world.stock}, MICRO_PER_CENT),
        markdown=_by_sku(world.markdown, MICRO_PER_CENT),
        confidence=_by_sku(world.believed, 1),
    )


def _by_sku(figures, factor):
    found: dict[str, dict[str, int]] = {}
    for (sku, j), figure in figures.items():
        found.setdefault(sku, {})[f"P{j:03}"] = figure * factor
    return found


def _timing(world: World, j: int, transit_days: int) -> Timing:
    late = max(0, world.delay[j] + transit_days - world.days)
    return Timing(late, late == 0)


def rules_of(world: World) -> list[Rule]:
    step = Step(
        source=Source(min_left_after=world.keep_back, on_time=world.on_time, min_confidence=world.least_belief),
        weights=Weights(
            cost=1,
            parcels=world.parcel_cents / 100,
            lateness_days=world.late_cents / 100,
            scarcity=1,
            markdown=1,
            refusal=world.refusal_cents / 100,
        ),
        max_parcels=world.max_parcels,
        min_parcel_value=Decimal(world.min_value) if world.min_value else None,
        keep_groups=world.keep_groups,
        complete=world.complete,
        no_split_tags=frozenset({"whole"}),
    )
    return [Rule("rule", (step,))]


def planned(world: World, budget: Budget = UNHURRIED) -> Plan:
    return plan(demand_of(world), rules_of(world), network_of(world), budget)


def allocation(result: Plan) -> dict[tuple[int, int], int]:
    """{(line, place): units}"""
    found = {}
    for parcel in result.parcels:
        for piece in parcel.lines:
            key = (int(piece.key[1:]), int(parcel.location[1:]))
            assert key not in found
            found[key] = piece.quantity
    return found
