"""The simulator is killed, over and over, at every sort of moment: what it tells is what it tells undisturbed."""

import random
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import transaction

from inventory.models import Location
from inventory.services import StockEvent, apply_stock_events
from oms import cache
from oms.clock import now
from routing.models import SimulatedChange, Simulation
from routing.services import simulation_work
from routing.services.demand_facts import Wanted, record_demands
from routing.services.simulation_work import work_on_simulations
from routing.services.simulations import DemandFile, Period, request_simulation
from routing.services.sourcing import Demand, Destination, Line
from routing.states import LIVE_SIMULATIONS
from tests.concurrency.killed_workers import run_killed_after, run_killed_at_statement
from tests.factories.inventory import set_stock
from tests.factories.orders import make_network

pytestmark = pytest.mark.django_db(transaction=True)

MONDAY = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)  # when the network's stock was counted
DAYS = 5
CITIES = {"75011": (48.86, 2.38), "59000": (50.63, 3.06), "69001": (45.77, 4.83), "33000": (44.84, -0.58)}
WEIGHING = {
    "name": "weighing",
    "rules": [
        {"when": {"customer_tags": ["gold"]}, "steps": [{"weights": {"distance_km": 1}, "rest": "exception"}]},
        {"steps": [{"weights": {"cost": 1, "scarcity": 0.8, "workload": 3}, "max_parcels": 2, "rest": "exception"}]},
    ],
}


@pytest.fixture(autouse=True)
def impatient(transactional_db: None, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.VERSIONED_CACHE_SECONDS = 600  # or nearly all statements would look for changes
    settings.SIMULATION_LEASE_SECONDS = 0  # whoever is dead is known to be
    monkeypatch.setattr(simulation_work, "_BATCH", 7)
    monkeypatch.setattr(simulation_work, "SECONDS_PER_CHECKPOINT", -1.0)


def make_shops(orders: int) -> None:
    """Stock and days that run out on the way, a delivery and a sale at a till halfway."""
    make_network(paris=orders // 4, lille=orders // 4, lyon=orders)
    for code in ("PARIS", "LYON"):
        set_stock("SKU-2", code, orders // 4)
    Location.objects.filter(code="PARIS").update(daily_capacity=max(2, orders // 20))
    cache.clear_all()
    halfway = MONDAY + timedelta(days=DAYS / 2)
    for name, place, units in (("in", "LILLE", orders // 10), ("out", "PARIS", -5)):
        event = StockEvent(name, "SKU-1", place, "delta", units, halfway)
        with transaction.atomic():
            apply_stock_events([event], source="till", actor="test", as_of=halfway)


def wanted(orders: int) -> list[Wanted]:
    dice = random.Random(11)
    return [
        Wanted(
            f"dlv_{n}",
            MONDAY + timedelta(days=DAYS * (n + 1) / (orders + 1)),
            _demand(dice, dice.choice([("SKU-1",), ("SKU-1",), ("SKU-2",), ("SKU-1", "SKU-2")])),
        )
        for n in range(orders)
    ]


def _demand(dice: random.Random, skus: tuple[str, ...]) -> Demand:
    code, (latitude, longitude) = dice.choice([*CITIES.items()])
    units = {sku: dice.choice((1, 1, 2)) for sku in skus}
    lines = tuple(Line(f"l{n}", sku, units[sku], None, Decimal("19.90"), 400) for n, sku in enumerate(skus))
    there = Destination("FR", code, latitude=latitude, longitude=longitude)
    tags = ["gold"] if dice.random() < 0.2 else []
    return Demand(channel="web", currency="EUR", lines=lines, destination=there, customer_tags=tags)


def file_of(demands: list[Wanted]) -> DemandFile:
    columns = "order,placed_at,channel,sku,quantity,country,postal_code,latitude,longitude,customer_tags"
    rows = [
        f"{one.reference},{one.at.isoformat()},web,{line.sku},{line.quantity},FR,{there.postal_code},{there.latitude},"
        f"{there.longitude},{';'.join(one.demand.customer_tags)}"
        for one in demands
        if (there := one.demand.destination)
        for line in one.demand.lines
    ]
    return DemandFile("\n".join([columns, *rows]).encode())


def ask(orders: Period | DemandFile) -> Simulation:
    return Simulation.objects.get(pk=request_simulation(rule_set=WEIGHING, orders=orders, actor="test", as_of=now()))


def do_all() -> None:
    """As beat and worker do: again and again, for what the dead had locked becomes free when the database notices."""
    while Simulation.objects.filter(status__in=LIVE_SIMULATIONS).exists():
        if not work_on_simulations(now=now, seconds=600):
            time.sleep(0.01)


def told(row: Simulation) -> dict[str, Any]:
    """All that a simulation tells."""
    row.refresh_from_db()
    changes = SimulatedChange.objects.filter(simulation=row).order_by("id")
    fields = [field.name for field in SimulatedChange._meta.concrete_fields if field.name not in ("id", "simulation")]
    return {
        **{
            name: getattr(row, name)
            for name in ("status", "orders_done", "changes_kept", "figures", "failure", "state")
        },
        "changes": list(changes.values(*fields)),
    }


@pytest.mark.parametrize("source", ["period", "file"])
def test_resumed_equals_undisturbed_to_the_last_figure(
    source: str, record_property: Callable[[str, object], None]
) -> None:
    demands = wanted(150)
    make_shops(150)
    record_demands(demands)
    orders = file_of(demands) if source == "file" else Period(MONDAY, MONDAY + timedelta(days=DAYS))
    undisturbed = ask(orders)
    do_all()
    disturbed = ask(orders)

    dice, kills = random.Random(source), 0
    while True:
        if kills % 3 == 2:
            is_done = run_killed_after(do_all, dice.uniform(0.02, 0.1))
        else:
            is_done = run_killed_at_statement(do_all, dice.randint(1, 75), is_heard=bool(kills % 2))
        if is_done:
            break
        kills += 1
        assert kills < 300, "it never ends"

    record_property("kills", kills)
    assert kills >= 5
    expected = told(undisturbed)
    assert (expected["status"], expected["orders_done"], expected["state"]) == ("completed", 150, None)
    assert 10 < expected["changes_kept"] == expected["figures"]["comparison"]["changed"]
    assert told(disturbed) == expected


# ---- tens of thousands -------------------------------------------------------------------------------

MANY = 30_000


@pytest.mark.long
@pytest.mark.parametrize("source", ["period", "file"])
def test_thirty_thousand_orders_with_sudden_deaths_equal_an_undisturbed_replay(
    source: str, monkeypatch: pytest.MonkeyPatch, record_property: Callable[[str, object], None]
) -> None:
    monkeypatch.undo()  # checkpoints as in service
    demands = wanted(MANY)
    make_shops(MANY)
    record_demands(demands)
    orders = file_of(demands) if source == "file" else Period(MONDAY, MONDAY + timedelta(days=DAYS))
    undisturbed, begun = ask(orders), time.monotonic()
    do_all()
    seconds = time.monotonic() - begun
    record_property("seconds undisturbed", round(seconds, 1))
    disturbed = ask(orders)

    dice, deaths_at = random.Random(source), []
    while len(deaths_at) < 6 and not run_killed_after(do_all, seconds * dice.uniform(0.15, 0.3)):
        disturbed.refresh_from_db()
        deaths_at.append(disturbed.orders_done)
    do_all()

    record_property("deaths at", deaths_at)
    assert len({done for done in deaths_at if 0 < done < MANY}) >= 2
    expected = told(undisturbed)
    assert (expected["status"], expected["orders_done"]) == ("completed", MANY)
    assert expected["changes_kept"] == 2000 < expected["figures"]["comparison"]["changed"]
    assert told(disturbed) == expected
