"""What is measured without a web server: planning alone, and the statements that one placement sends."""

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from statistics import median
from typing import Any

import orjson
from django.db import connection
from django.test import Client

from benchmarks.dataset import CHANNEL, Scale, ordinary_sku, special_sku
from benchmarks.placement import order_body
from oms.clock import now
from routing.services.sourcing import Demand, Destination, Line, plan

LINES = 5


@dataclass(frozen=True, slots=True)
class Timings:
    p50_ms: float
    p95_ms: float
    parcels: float
    optimal_share: float


def planning(scale: Scale, group: str, *, times: int, seed: int = 7) -> Timings:
    """Plan five lines of a special group for addresses all over the map; reading the stock is part of it."""
    draw = random.Random(seed)
    took, parcels, optimal = [], [], 0
    for _ in range(times):
        demand = _demand(scale, group, draw)
        begun = time.perf_counter()
        found = plan(demand, as_of=now())
        took.append((time.perf_counter() - begun) * 1000)
        parcels.append(len(found.parcels))
        optimal += found.outcome.optimal
    took.sort()
    return Timings(median(took), took[int(times * 0.95)], sum(parcels) / times, optimal / times)


def _demand(scale: Scale, group: str, draw: random.Random) -> Demand:
    skus = draw.sample(range(1, scale.special_skus + 1), LINES)
    lines = tuple(
        Line(f"l{n}", special_sku(group, sku), 1, None, Decimal("19.90"), 200 + sku, frozenset())
        for n, sku in enumerate(skus)
    )
    there = Destination("FR", "75011", "Paris", 36 + draw.random() * 18, -5 + draw.random() * 30)
    return Demand(channel=CHANNEL, currency="EUR", lines=lines, destination=there)


@dataclass(frozen=True, slots=True)
class Placements:
    """Statements of one placement (transaction control not counted) and its median time."""

    statements: int
    p50_ms: float


def placements(sku: Callable[[], str], token: str, *, times: int, run: str) -> Placements:
    """Place orders of two lines through the whole stack in this process."""
    client = Client(headers={"authorization": f"Bearer {token}"})
    counts: list[int] = []
    took = []
    for n in range(times):
        body = orjson.dumps(order_body(*_two_of(sku), order_id=f"{run}-{n}"))
        counter = _Counter()
        begun = time.perf_counter()
        with connection.execute_wrapper(counter):
            answer = client.post("/api/v1/orders/", body, "application/json", headers={"idempotency-key": f"{run}-{n}"})
        took.append((time.perf_counter() - begun) * 1000)
        if answer.status_code != 201:
            raise RuntimeError(f"{answer.status_code} {answer.content.decode()[:500]}")
        counts.append(counter.count)
    return Placements(min(counts), median(took))  # the least: a cache may have been refreshed meanwhile


def _two_of(sku: Callable[[], str]) -> Sequence[str]:
    first, second = sku(), sku()
    while second == first:
        second = sku()
    return first, second


class _Counter:
    def __init__(self) -> None:
        self.count = 0

    def __call__(self, execute: Callable[..., Any], *arguments: Any) -> Any:
        self.count += 1
        return execute(*arguments)


def sku_of(scale: Scale, group: str, draw: random.Random) -> Callable[[], str]:
    if group == "SKU":
        return lambda: ordinary_sku(draw.randint(1, scale.skus))
    return lambda: special_sku(group, draw.randint(1, scale.special_skus))


def orders_in_history() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM orders_order")
        return int(cursor.fetchone()[0])
