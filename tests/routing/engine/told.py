"""Worlds as plain data, with every filter and weight there is, and the engine's side of them."""

from decimal import Decimal
from random import Random

from routing.engine.evidence import QUESTIONS
from routing.engine.planner import plan
from routing.engine.tariffs import Tariff, Tier
from routing.engine.types import Demand, Line, Network, Place, Plan, Rest, Rule, Source, Step, Timing, Weights

from .world import UNHURRIED

CENT = 10_000


def random_world(draw: Random, *, most_places: int = 6, most_lines: int = 3) -> dict:
    """Half of them are calm: nothing keeps a place out but its stock, and the price decides."""
    is_calm = draw.random() < 0.5
    codes = [f"P{n}" for n in range(draw.randint(1, most_places))]
    skus = ["A", "B", "C"][: draw.randint(1, most_lines)]
    return {
        "places": {code: _random_place(draw) | (_CALM if is_calm else {}) for code in codes},
        "stock": {(sku, code): draw.choice((0, 0, 1, 1, 2, 3)) for sku in skus for code in codes},
        "scarcity": {(sku, code): draw.randint(0, 400) for sku in skus if draw.random() < 0.5 for code in codes},
        "markdown": {(sku, code): draw.randint(0, 100) for sku in skus for code in codes},
        "confidence": {
            (sku, code): draw.choice((0.4, 0.8, 0.95)) for sku in skus for code in codes if draw.random() < 0.8
        },
        "lines": [
            (f"l{n}", sku, draw.randint(1, 2), draw.choice((None, None, None, "g")), draw.choice((100, 400, 900)))
            for n, sku in enumerate([*skus, *draw.sample(skus, draw.randint(0, 1))])
        ],
        "services": [
            (name, days, [(500, draw.randint(100, 600)), (2000, draw.randint(400, 1200))])
            for name, days in (("post", 3), ("quick", 1))[: draw.randint(1, 2)]
        ],
        "near": draw.choice((100, 300)),  # the second service goes no farther
        "excluded": {"l0": draw.sample(codes, 1)} if draw.random() < 0.2 else {},
        "is_placed": draw.random() < 0.9,
        "steps": [_random_step(draw, codes) | ({"source": {}} if is_calm else {}) for _ in range(draw.randint(1, 2))],
    }


_CALM = {"is_accepting": True, "is_paused": False, "capacity_left": None}


def _random_place(draw: Random) -> dict:
    told = _random_figures(draw)
    booked, left = told["booked"], told["capacity_left"]
    return told | {"workload": booked / (booked + left) if booked and left is not None else 0.0}


def _random_figures(draw: Random) -> dict:
    return {
        "km": draw.choice((None, 20.04, 80.0, 150.55, 250.5, 400.3))
        if draw.random() < 0.2
        else draw.randint(1, 4000) / 10,
        "kind": draw.choice(("store", "store", "warehouse")),
        "groups": draw.sample(("north", "outlet", "big"), draw.randint(0, 2)),
        "is_accepting": draw.random() < 0.9,
        "is_paused": draw.random() < 0.1,
        "handling": draw.randint(0, 300),
        "handling_unit": draw.choice((0, 0, 20)),
        "packaging": draw.choice((0, 30)),
        "capacity_left": draw.choice((None, None, 0, 1, 5)),
        "is_open": draw.random() < 0.8,
        "is_open_that_day": draw.random() < 0.9,
        "is_before_cut_off": draw.random() < 0.8,
        "missed_days": draw.choice((0, 0, 1, 2)),
        "booked": draw.choice((0, 2, 9)),
        "acceptance": draw.choice((1.0, 0.8)),
        "late_days": draw.choice((-1, 0, 0, 1, 2)),
    }


def _random_step(draw: Random, codes: list[str]) -> dict:
    rare = {
        "kinds": ["warehouse"],
        "groups": draw.sample(("north", "outlet", "big"), 2),
        "exclude_groups": ["outlet"],
        "locations": draw.sample(codes, max(1, len(codes) - 1)),
        "max_distance_km": draw.choice((50.0, 150.0, 300.0)),
        "ignore_capacity": True,
        "min_sellable": 2,
        "min_left_after": 1,
        "open_now": True,
        "on_time": True,
        "min_capacity_left": 2,
        "min_confidence": 0.6,
        "before_cut_off": True,
    }
    weighed = {
        "distance_km": 0.01,
        "parcels": 0.5,
        "lateness_days": 0.4,
        "workload": 1,
        "carbon_kg": 1,
        "scarcity": 1,
        "location_order": 0.05,
        "markdown": 1,
        "refusal": 2,
    }
    return {
        "source": {name: value for name, value in rare.items() if draw.random() < 0.15},
        "weights": {"cost": 1} | {name: value for name, value in weighed.items() if draw.random() < 0.25},
        "max_parcels": draw.choice((None, None, 1, 2)),
        "complete": draw.random() < 0.3,
        "keep_groups": draw.random() < 0.5,
        "min_parcel_value": draw.choice((None, None, None, 15)),
    }


def network_of(world: dict) -> Network:
    places = {code: _place(code, position, told) for position, (code, told) in enumerate(world["places"].items())}
    asked = {name: lambda place, name=name: world["places"][place.code][name] for name in QUESTIONS}
    return Network(
        places,
        _by_sku({key: units for key, units in world["stock"].items() if units}),
        tariff=_tariffs(world),
        timing=lambda place, tier: _timing(world["places"][place.code], tier),
        days_missed=lambda place, _tier: _days_missed(world["places"][place.code]),
        scarcity=_by_sku(world["scarcity"], CENT),
        markdown=_by_sku(world["markdown"], CENT),
        confidence=_by_sku(world["confidence"]),
        distances_km={code: told["km"] if world["is_placed"] else None for code, told in world["places"].items()},
        **asked,
    )


def _place(code: str, position: int, told: dict) -> Place:
    return Place(
        code,
        kind=told["kind"],
        groups=frozenset(told["groups"]),
        handling_micro=told["handling"] * CENT,
        handling_unit_micro=told["handling_unit"] * CENT,
        packaging_micro=told["packaging"] * CENT,
        position=position,
        is_accepting=told["is_accepting"],
        is_paused=told["is_paused"],
    )


def _tariffs(world: dict):
    less = world.get("less_carriage", {})  # cents that a place's carriage costs less
    known: dict = {}

    def tariffs(place: Place, km: float | None) -> list[Tariff]:
        if place.code not in known:
            known[place.code] = [
                Tariff.of(
                    [Tier(limit, max(0, cents - less.get(place.code, 0)) * CENT, days, name) for limit, cents in tiers]
                )
                for name, days, tiers in world["services"]
                if name == "post" or (km is not None and km <= world["near"])
            ]
        return known[place.code]

    return tariffs


def _timing(told: dict, tier: Tier) -> Timing:
    late_days = told["late_days"] + tier.transit_days - 3 + (_days_missed(told) or 0)
    return Timing(max(0, late_days), late_days <= 0)


def _days_missed(told: dict) -> int | None:
    return told["missed_days"] if told["is_open_that_day"] and not told["is_before_cut_off"] else None


def _by_sku(figures: dict, factor: int = 1) -> dict:
    found: dict[str, dict] = {}
    for (sku, code), figure in figures.items():
        found.setdefault(sku, {})[code] = figure * factor
    return found


def demand_of(world: dict) -> Demand:
    return Demand(
        tuple(
            Line(key, sku, quantity, group, Decimal(10), weight_g)
            for key, sku, quantity, group, weight_g in _of_equal_weight(world["lines"])
        ),
        point=(1.0, 0.0, 0.0) if world["is_placed"] else None,
        excluded={key: frozenset(codes) for key, codes in world["excluded"].items()},
    )


def _of_equal_weight(lines: list) -> list:
    """Lines of one SKU weigh the same."""
    weights: dict[str, int] = {}
    return [(*line[:4], weights.setdefault(line[1], line[4])) for line in lines]


def steps_of(world: dict) -> tuple[Step, ...]:
    return tuple(
        Step(
            f"step {number}",
            Source(**{name: _frozen(name, value) for name, value in step["source"].items()}),
            Weights(**step["weights"]),
            max_parcels=step["max_parcels"],
            complete=step["complete"],
            keep_groups=step["keep_groups"],
            min_parcel_value=step["min_parcel_value"] and Decimal(step["min_parcel_value"]),
            rest=Rest.NEXT,
        )
        for number, step in enumerate(world["steps"], start=1)
    )


def _frozen(name: str, value):
    if name == "locations":
        return tuple(value)
    return frozenset(value) if isinstance(value, list) else value


def planned(world: dict) -> Plan:
    return plan(demand_of(world), [Rule("rule", steps_of(world))], network_of(world), UNHURRIED)
