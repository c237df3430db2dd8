"""Orders that wait for their release, planned again together: how long a run takes, and what it saves.

A small retailer of its own: places all over France with few units of each product, shoppers in thirty towns, one to three
products an order. All orders are placed one after another through the real service, then planned again in one run, which is
timed in its parts; then once more, when nothing is left to save.

`--stream`: orders come one every so many seconds and wait for a grace period, by a clock that is set forward; the same orders
are released without any planning again, and with it every so often, also just before each release.
"""

import argparse
import itertools
import json
import os
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from benchmarks import machine, system

CHANNEL = "together"
SOUTH, NORTH, WEST, EAST = 43.3, 50.7, -1.5, 7.5
DEAREST = 14


@dataclass(frozen=True, slots=True)
class Run:
    considered: int
    swaps: int
    changed: int
    outrun: int
    cost_before: float
    saved: float
    seconds: float
    processor_seconds: float  # of this process; the database's own is apart
    statements: int


def main() -> None:
    given = _arguments()
    with system.database("together"):
        if given.stream:
            print(
                json.dumps([asdict(_streamed(given, pause)) for pause in (None, 600, 180, 60, given.every)], indent=2)
            )
            return
        _make_retailer(given.places, given.products, given.units, seed=given.seed)
        placed = _place(given.orders, given.products, given.most_lines, seed=given.seed)
        cost = _planned_cost()
        runs = [_run(cost)]
        runs.append(_run(_planned_cost()))
        told = {"machine": machine.description(), "given": vars(given), "placed": placed, "runs": [*map(asdict, runs)]}
        path = Path(os.environ["OMS_HOME"]) / "last.json"
    print(json.dumps(told, indent=2))
    path.write_text(json.dumps(told, indent=2))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benchmarks/reoptimise", description=__doc__)
    parser.add_argument("--orders", type=int, default=50)
    parser.add_argument("--places", type=int, default=100)
    parser.add_argument("--products", type=int, default=20)
    parser.add_argument("--units", type=int, default=1, help="the most of a product that a place has")
    parser.add_argument("--most-lines", type=int, default=3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--stream", action="store_true")
    parser.add_argument("--every", type=int, default=20, help="seconds from one order to the next")
    parser.add_argument("--grace", type=int, default=10, help="minutes")
    return parser.parse_args()


def _sku(number: int) -> str:
    return f"T-{number:03}"


def _anywhere(dice: random.Random) -> dict[str, Any]:
    return {"latitude": round(dice.uniform(SOUTH, NORTH), 4), "longitude": round(dice.uniform(WEST, EAST), 4)}


def _make_retailer(places: int, products: int, units: int, *, seed: int) -> None:
    from django.core.management import call_command
    from django.db import transaction

    from inventory.services import (
        LocationRow,
        ProductRow,
        StockEvent,
        apply_stock_events,
        save_locations,
        save_products,
    )
    from oms import cache
    from oms.channels import save_channel
    from oms.clock import now
    from oms.models import Channel
    from routing.models import CarrierService, Rate, Zone
    from routing.queries import RATES

    call_command("flush", interactive=False, verbosity=0)
    cache.clear_all()
    dice, as_of = random.Random(seed), now()
    codes = [f"P-{n:03}" for n in range(places)]
    with transaction.atomic():
        save_channel(Channel(code=CHANNEL, name="Together", currency="EUR", grace_minutes={"ship": 240}))
        save_products(
            [ProductRow(sku=_sku(n), name_en=_sku(n), price=Decimal(20), weight_g=400) for n in range(products)],
            as_of=as_of,
        )
        rows = [
            LocationRow(code=c, name=c, kind="store", timezone="Europe/Paris", country="FR", **_anywhere(dice))
            for c in codes
        ]
        save_locations(rows, as_of=as_of)
        post = CarrierService.objects.create(code="post", carrier="Post", name="Parcel", service="standard")
        for position in range(DEAREST):
            far = None if position == DEAREST - 1 else 60 * (position + 1)
            zone = Zone.objects.create(
                carrier_service=post, code=f"z{position}", position=position, max_distance_km=far, transit_days=2
            )
            Rate.objects.create(zone=zone, max_weight_g=30_000, price=4 + position)
        cache.bump(RATES)
        held = [(sku, code) for sku in map(_sku, range(products)) for code in codes if dice.random() < 0.3]
        events = [
            StockEvent(f"b-{n}", sku, code, "count", dice.randint(1, units), as_of)
            for n, (sku, code) in enumerate(held)
        ]
        apply_stock_events(events, source="benchmark", actor="benchmark", as_of=as_of)


def _place(orders: int, products: int, most_lines: int, *, seed: int) -> int:
    """How many were accepted before one was not."""
    from oms.clock import now

    order = _orders(products, most_lines, seed=seed)
    accepted = 0
    while accepted < orders and _accepted(next(order), as_of=now()):
        accepted += 1
    return accepted


def _orders(products: int, most_lines: int, *, seed: int) -> Iterator[dict[str, Any]]:
    dice = random.Random(seed + 1)
    towns = [_anywhere(dice) for _ in range(30)]
    for number in itertools.count():
        skus = [_sku(n) for n in dice.sample(range(products), dice.randint(1, most_lines))]
        yield _body(skus, dice.choice(towns), number=number)


def _accepted(body: dict[str, Any], *, as_of: datetime) -> bool:
    from inventory.errors import InsufficientStock
    from oms.idempotency import Once
    from orders.commands import PlaceOrder
    from orders.services.placement import place_order

    command, once = PlaceOrder.model_validate(body), Once("", "", bytes(32))
    try:
        place_order(command=command, once=once, has_key=False, actor="benchmark", as_of=as_of)
    except InsufficientStock:
        return False
    return True


def _body(skus: list[str], town: dict[str, Any], *, number: int) -> dict[str, Any]:
    address = {"name": "A B", "line1": "1 rue X", "postal_code": "75011", "city": "X", "country": "FR", **town}
    lines = [
        {"id": f"l{n}", "sku": sku, "quantity": 1, "unit_price": "20.00", "tax_rate": "0.20"}
        for n, sku in enumerate(skus)
    ]
    amount = f"{20 * len(skus):.2f}"
    return {
        "channel": CHANNEL,
        "external_id": f"T-{number}",
        "currency": "EUR",
        "customer": {"email": "a@example.org"},
        "shipping_address": address,
        "delivery": {"method": "ship", "service": "standard"},
        "shipping_price": "0.00",
        "lines": lines,
        "payments": [{"gateway": "sandbox", "method": "card", "amount": amount, "token": "tok_ok"}],
    }


@dataclass(frozen=True, slots=True)
class Streamed:
    planned_again_every_seconds: int | None
    accepted: int
    cost: float
    saved: float
    processor_seconds: float  # of planning again


def _streamed(given: argparse.Namespace, pause: int | None) -> Streamed:
    """The cost of what was released, where it is planned again every so often by the clock of the orders."""
    from django.db.models import Sum

    from oms.clock import now
    from oms.models import Channel
    from orders.models import Fulfillment, Reoptimisation
    from orders.services.reoptimisation import reoptimise

    _make_retailer(given.places, given.products, given.units, seed=given.seed)
    Channel.objects.update(grace_minutes={"ship": given.grace})
    begins, spent, accepted = now(), 0.0, 0
    ends: int = given.orders * given.every + 60 * given.grace + given.every
    order = _orders(given.products, given.most_lines, seed=given.seed)
    for second in range(0, ends, given.every):
        at = begins + timedelta(seconds=second)
        if pause and second % pause < given.every:
            begun = time.process_time()
            reoptimise(actor="benchmark", as_of=at)
            spent += time.process_time() - begun
        _ring(at)
        if second < given.orders * given.every:
            accepted += _accepted(next(order), as_of=at)
    released = Fulfillment.objects.filter(status="assigned").aggregate(cost=Sum("cost"))["cost"]
    saved = Reoptimisation.objects.aggregate(saved=Sum("saved"))["saved"]
    return Streamed(pause, accepted, float(released or 0), float(saved or 0), round(spent, 2))


def _ring(at: datetime) -> None:
    from oms import deadlines

    while deadlines.sweep(now=lambda: at):
        pass


def _planned_cost() -> float:
    from django.db.models import Sum

    from orders.models import Fulfillment

    return float(Fulfillment.objects.filter(status="planned").aggregate(cost=Sum("cost"))["cost"] or 0)


@contextmanager
def _counted() -> Iterator[Counter[str]]:
    from django.db import connection

    seen: Counter[str] = Counter()

    def count(execute: Callable[..., Any], sql: str, *args: Any) -> Any:
        seen["statements"] += 1
        return execute(sql, *args)

    with connection.execute_wrapper(count):
        yield seen


def _run(cost_before: float) -> Run:
    from oms.clock import now
    from orders.services.reoptimisation import reoptimise

    begun, begun_processor = time.perf_counter(), time.process_time()
    with _counted() as seen:
        outcome = reoptimise(actor="benchmark", as_of=now())
    return Run(
        considered=outcome.considered,
        swaps=len(outcome.swaps),
        changed=len({change.number for swap in outcome.swaps for change in swap.changes}),
        outrun=outcome.outrun,
        cost_before=cost_before,
        saved=float(sum(swap.saved for swap in outcome.swaps)),
        seconds=round(time.perf_counter() - begun, 3),
        processor_seconds=round(time.process_time() - begun_processor, 3),
        statements=seen["statements"],
    )


if __name__ == "__main__":
    main()
