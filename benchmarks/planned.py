"""`benchmarks/planning`: a plan as placing an order asks for it, its decision stored, and what explaining it costs.

In the application, on a real Postgres: stock read, planned, dated, the decision with all that it was based on written and
committed. Counted is the processor time of this process (with Postgres' share told beside as a mean), since the machine
may be shared; the first plans, which find everything cold, are left out. Then decisions are told in words, and asked why
they did not choose another place.
"""

import argparse
import importlib
import json
import os
import random
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from decimal import Decimal
from pathlib import Path
from statistics import mean, median
from typing import Any

import psutil

from benchmarks import machine, system

SPECIAL_SKUS = 100
WARM_UP = 10
EXPLAINED = 25
BYTES = 8 * 1024


@dataclass(frozen=True, slots=True)
class Case:
    """`group` of the data set: HUN lies in all of 100 places, SCA in 30 of them, ALL in all of 1,005."""

    name: str
    group: str
    lines: int
    units: int
    p95_ms: float
    is_weighed: bool = False
    most_bytes: int | None = None


CASES = (
    Case("1 line, in all of 100 places", "HUN", 1, 2, 5, most_bytes=BYTES),
    Case("5 lines, in all of 100 places", "HUN", 5, 2, 20, most_bytes=BYTES),
    Case("5 lines, in 30 of 100 places, often cut", "SCA", 5, 3, 20, most_bytes=BYTES),
    Case("5 lines, in all of 100 places, all weighed", "HUN", 5, 2, 20, is_weighed=True, most_bytes=BYTES),
    Case("5 lines, in 30 of 100, cut, all weighed", "SCA", 5, 3, 20, is_weighed=True, most_bytes=BYTES),
    Case("1 line, in all of 1,005 places", "ALL", 1, 2, 60),
    Case("5 lines, in all of 1,005 places", "ALL", 5, 2, 60),
    Case("5 lines, in all of 1,005, all weighed", "ALL", 5, 2, 60, is_weighed=True),
)
EVERYTHING = {"cost": 1, "distance_km": 0.005, "parcels": 0.5, "lateness_days": 0.2, "workload": 2, "carbon_kg": 0.1}
EVERYTHING |= {"scarcity": 1}


@dataclass(frozen=True, slots=True)
class Seen:
    """Milliseconds of processor, but for `postgres_ms`, the mean of the database's own. `stored_ms` is of storing alone."""

    case: str
    p50_ms: float
    p95_ms: float
    wall_p95_ms: float
    stored_ms: float
    postgres_ms: float
    proven: float
    bytes: int
    told_ms: float
    why_not_ms: float
    why_not_p95_ms: float
    missed: tuple[str, ...]


def measure(case: Case, times: int) -> Seen:
    from django.db import connection, transaction

    from oms.clock import now
    from routing.models import Decision
    from routing.services.decisions import record_decisions
    from routing.services.sourcing import plan

    rules = _everything() if case.is_weighed else None
    backend = psutil.Process(connection.connection.info.backend_pid)
    took, walls, stored, proven = [], [], [], 0
    made: list[str] = []
    for n, demand in enumerate(demands(case, times + WARM_UP)):
        if n == WARM_UP:
            busy = sum(backend.cpu_times()[:2])
        begun, wall = time.process_time(), time.perf_counter()
        found = plan(demand, as_of=now(), rules=rules)
        planned = time.process_time()
        with transaction.atomic():
            record_decisions([(found, "benchmark")])
        done = time.process_time()
        if n >= WARM_UP:
            walls.append((time.perf_counter() - wall) * 1000)
            took.append((done - begun) * 1000)
            stored.append((done - planned) * 1000)
            proven += found.outcome.optimal
            made.append(found.decision_id)
    postgres = (sum(backend.cpu_times()[:2]) - busy) * 1000 / times
    decisions = [Decision.objects.get(pk=pk) for pk in made[:: max(1, times // EXPLAINED)]]
    size = round(mean(len(json.dumps(d.snapshot)) + len(d.evidence) for d in decisions))
    most = max(len(json.dumps(d.snapshot)) + len(d.evidence) for d in decisions)
    told, asked = _explained(decisions)
    p95 = _p95(took)
    missed = [f"p95 {p95:.1f} ms, wanted {case.p95_ms:g}"] if p95 > case.p95_ms else []
    if case.most_bytes is not None and most >= case.most_bytes:
        missed.append(f"{most} bytes, wanted under {case.most_bytes}")
    return Seen(
        case=case.name,
        p50_ms=round(median(took), 2),
        p95_ms=round(p95, 2),
        wall_p95_ms=round(_p95(walls), 2),
        stored_ms=round(median(stored), 2),
        postgres_ms=round(postgres, 2),
        proven=proven / times,
        bytes=size,
        told_ms=round(median(told), 2),
        why_not_ms=round(median(asked), 1),
        why_not_p95_ms=round(_p95(asked), 1),
        missed=tuple(missed),
    )


def _explained(decisions: Sequence[Any]) -> tuple[list[float], list[float]]:
    """Of telling each decision, and of asking each about a place that it did not choose."""
    from routing.services.explanations import explain_place
    from routing.snapshots import explanation

    draw = random.Random(5)
    told, asked = [], []
    for decision in decisions:
        spent, words = _timed(lambda decision=decision: explanation(decision))
        told.append(spent)
        chosen = {place["location"] for place in words["chosen"]}
        others = [c["location"] for c in words["candidates"] if c["location"] not in chosen]
        place = draw.choice(others)
        asked.append(_timed(lambda decision=decision, place=place: explain_place(decision, place))[0])
    return told, asked


def _timed(act: Callable[[], Any]) -> tuple[float, Any]:
    begun = time.process_time()
    answer = act()
    return (time.process_time() - begun) * 1000, answer


def _p95(figures: Sequence[float]) -> float:
    return sorted(figures)[int(len(figures) * 0.95)]


def _everything() -> Any:
    from routing.documents import parse
    from routing.queries import ActiveRules

    step = {"name": "everything", "weights": EVERYTHING, "max_parcels": 4, "rest": "exception"}
    return ActiveRules(parse({"rules": [{"name": "all", "steps": [step]}]}).as_engine())


def demands(case: Case, times: int) -> Iterator[Any]:
    from benchmarks.dataset import CHANNEL, special_sku
    from routing.services.sourcing import Demand, Destination, Line

    draw = random.Random(17)
    for _ in range(times):
        skus = draw.sample(range(1, SPECIAL_SKUS + 1), case.lines)
        lines = tuple(
            Line(
                f"oli_{n:026d}",  # as long as ids are
                special_sku(case.group, sku),
                draw.randint(1, case.units),
                None,
                Decimal("19.90"),
                200 + sku % 900,
            )
            for n, sku in enumerate(skus)
        )
        there = Destination("FR", "75011", "", 36 + draw.random() * 18, -5 + draw.random() * 30)
        yield Demand(channel=CHANNEL, currency="EUR", lines=lines, destination=there)


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks/planning", description=__doc__)
    parser.add_argument("--times", type=int, default=300, help="plans per case")
    parser.add_argument("--rebuild", action="store_true", help="build the data set anew")
    parser.add_argument("--no-gates", action="store_true", help="end well even where something is missed")
    given = parser.parse_args()
    with system.database("planning"):
        _build(rebuild=given.rebuild)
        importlib.import_module("oms.wsgi")  # loaded as the web server is, which keeps the collector of garbage from it
        print(
            f"\n{'processor ms':44} {'p50':>7} {'p95':>7} {'wall':>7} {'storing':>8} {'pg':>6} {'proven':>7} {'bytes':>7}"
            f" {'told':>6} {'why not':>8} {'p95':>7}"
        )
        seen = [_shown(measure(case, given.times)) for case in CASES]
        path = Path(os.environ["OMS_HOME"]) / "last-planning.json"
    path.write_text(json.dumps({"machine": machine.description(), "cases": [asdict(s) for s in seen]}, indent=2))
    print(f"· written to {path}")
    sys.exit(1 if any(s.missed for s in seen) and not given.no_gates else 0)


def _shown(s: Seen) -> Seen:
    print(
        f"{s.case:44} {s.p50_ms:7.2f} {s.p95_ms:7.2f} {s.wall_p95_ms:7.2f} {s.stored_ms:8.2f} {s.postgres_ms:6.2f}"
        f" {s.proven:7.1%} {s.bytes:7} {s.told_ms:6.2f} {s.why_not_ms:8.1f} {s.why_not_p95_ms:7.1f}  {'; '.join(s.missed)}",
        flush=True,
    )
    return s


def _build(*, rebuild: bool) -> None:
    """Some units at each place, days with room in stores, and prices of the last units."""
    from django.db import connection, transaction

    from benchmarks import dataset
    from oms.cache import bump
    from routing.queries import SCARCITY

    scale = dataset.Scale(skus=10, places=1_005, special_skus=SPECIAL_SKUS)
    if rebuild or not dataset.is_built(scale):
        dataset.build(scale)
        with connection.cursor() as cursor:
            cursor.execute("UPDATE inventory_stocklevel SET on_hand = 3 + (hashtext(sku || location_id) & 7)")
            cursor.execute("UPDATE inventory_location SET daily_capacity = CASE WHEN kind = 'store' THEN 40 END")
            cursor.execute("VACUUM ANALYZE inventory_stocklevel")
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("TRUNCATE routing_decision, routing_scarcitytable, routing_scarcityprice")
        cursor.execute(
            "INSERT INTO routing_scarcitytable (currency, computed_at, valid_until)"
            " VALUES ('EUR', now(), now() + interval '1 day')"
        )
        cursor.execute(
            "INSERT INTO routing_scarcityprice (sku, location, currency, price, units, expected, method, computed_at,"
            " valid_until) SELECT sku, location_id, 'EUR', 0.01 + (hashtext(location_id || sku) & 1023) / 331.0, 3, 2,"
            " 'programme', now(), now() + interval '1 day' FROM inventory_stocklevel"
        )
        bump(SCARCITY)
        bump("places")


if __name__ == "__main__":
    main()
