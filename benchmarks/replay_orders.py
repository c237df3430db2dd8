"""`benchmarks/simulation`: how many orders a second a simulation decides again, on one core.

A network of 100 places with stock that runs out on the way, dates promised and days booked as live. Each case is replayed
under the published rules alone, and side by side with rules that weigh everything. Counted is the processor time of the
process, stock and capacity in memory, reading them left out (told beside).
"""

import argparse
import json
import os
import random
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from benchmarks import machine, system

BEGIN = datetime(2026, 3, 2, 6, 0, tzinfo=UTC)
SPECIAL_SKUS = 400
WANTED_PER_SECOND = 200


@dataclass(frozen=True, slots=True)
class Case:
    """`group` of the data set: HUN lies in all of 100 places, SCA in 30 of them. `lines` and `units`: the most."""

    name: str
    group: str
    lines: tuple[int, int]
    units: int


CASES = (
    Case("5 lines, in all of 100 places", "HUN", (5, 5), 1),
    Case("5 lines, in 30 of 100 places, running out", "SCA", (5, 5), 2),
    Case("1 to 5 lines, in all of 100 places", "HUN", (1, 5), 2),
)
EVERYTHING = {"cost": 1, "parcels": 0.5, "distance_km": 0.005, "workload": 2, "carbon_kg": 0.1, "lateness_days": 0.2}


@dataclass(frozen=True, slots=True)
class Seen:
    """`per_second`: orders, under the published rules. `beside_per_second`: orders, each under both. `seconds`: processor."""

    case: str
    orders: int
    per_second: float
    beside_per_second: float
    seconds: float
    reading_seconds: float
    parcels_per_order: float
    changed: int
    holds: bool


def measure(case: Case, orders: int) -> Seen:
    from inventory.stock_book import stock_book
    from routing import queries
    from routing.capacity_book import capacity_book
    from routing.documents import parse
    from routing.queries import ActiveRules
    from routing.replay import Comparison, Tally, World

    document = {"rules": [{"steps": [{"weights": EVERYTHING, "max_parcels": 4, "rest": "exception"}]}]}
    candidate = ActiveRules(parse(document).as_engine())
    wanted = list(demands(case, orders))
    skus = sorted({line.sku for one in wanted for line in one.demand.lines})
    begun = time.process_time()
    worlds = [
        World(rules, stock_book(skus, as_of=BEGIN), capacity_book(as_of=BEGIN))
        for rules in (queries.rules_for, queries.rules_for, lambda _channel: candidate)
    ]
    reading = time.process_time() - begun

    tally = Tally()
    begun = time.process_time()
    for one in wanted:
        tally.add(one, worlds[0].decide(one))
    alone = time.process_time() - begun

    tallies, comparison = (Tally(), Tally()), Comparison()
    begun = time.process_time()
    for one in wanted:
        outcomes = [world.decide(one) for world in worlds[1:]]
        for a_tally, outcome in zip(tallies, outcomes, strict=True):
            a_tally.add(one, outcome)
        comparison.add(*outcomes)
    beside = time.process_time() - begun
    return Seen(
        case.name,
        orders,
        round(orders / alone, 1),
        round(orders / beside, 1),
        round(alone + beside, 2),
        round(reading / len(worlds), 3),
        tally.figures(worlds[0].capacity)["parcels_per_order"],
        comparison.changed,
        orders / alone >= WANTED_PER_SECOND,
    )


def demands(case: Case, orders: int) -> Iterator:
    from benchmarks.dataset import CHANNEL, special_sku
    from routing.services.demand_facts import Wanted
    from routing.services.sourcing import Demand, Destination, Line

    draw = random.Random(17)
    for n in range(orders):
        skus = draw.sample(range(1, SPECIAL_SKUS + 1), draw.randint(*case.lines))
        lines = tuple(
            Line(
                f"l{i}",
                special_sku(case.group, sku),
                draw.randint(1, case.units),
                None,
                Decimal("19.90"),
                200 + sku % 900,
            )
            for i, sku in enumerate(skus)
        )
        there = Destination("FR", "75011", "", 36 + draw.random() * 18, -5 + draw.random() * 30)
        demand = Demand(channel=CHANNEL, currency="EUR", lines=lines, destination=there)
        yield Wanted(f"r{n}", BEGIN + timedelta(seconds=29 * n), demand)


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks/simulation", description=__doc__)
    parser.add_argument("--orders", type=int, default=3000)
    parser.add_argument("--rebuild", action="store_true", help="build the data set anew")
    given = parser.parse_args()
    with system.database("simulation"):
        _build(rebuild=given.rebuild)
        seen = [measure(case, given.orders) for case in CASES]
        path = Path(os.environ["OMS_HOME"]) / "last-simulation.json"
    print(f"\n{'case':44} {'orders/s':>9} {'side by side':>13} {'parcels':>8} {'changed':>8}  read (s)")
    for s in seen:
        print(
            f"{s.case:44} {s.per_second:9} {s.beside_per_second:13} {s.parcels_per_order:8} {s.changed:8}"
            f"  {s.reading_seconds}{'' if s.holds else f'  below {WANTED_PER_SECOND}'}"
        )
    path.write_text(json.dumps({"machine": machine.description(), "cases": [asdict(s) for s in seen]}, indent=2))
    print(f"· written to {path}")
    sys.exit(0 if all(s.holds for s in seen) else 1)


def _build(*, rebuild: bool) -> None:
    from django.db import connection

    from benchmarks import dataset

    scale = dataset.Scale(skus=10, places=100, special_skus=SPECIAL_SKUS)
    if rebuild or not dataset.is_built(scale):
        dataset.build(scale)
    with connection.cursor() as cursor:  # some three or four units each, so that places run out
        cursor.execute("UPDATE inventory_stocklevel SET on_hand = 3 + (hashtext(sku || location_id) & 7)")
        cursor.execute("UPDATE inventory_location SET daily_capacity = CASE WHEN kind = 'store' THEN 40 END")


if __name__ == "__main__":
    main()
