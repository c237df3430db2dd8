"""A worker is killed, over and over, at every sort of moment: its file ends as if nobody had ever been."""

import os
import random
import re
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings as conf
from django.db import connection, transaction

from inventory.imports.staging import imports_with_tables
from inventory.models import ImportPlace, StockImport, StockMovement
from inventory.services import Want, work_on_imports
from inventory.states import LIVE_IMPORTS
from oms.clock import now
from oms.dev.engines import ROOT
from oms.models import Event
from tests.concurrency.killed_workers import run_killed_after, run_killed_at_statement
from tests.factories.imports import faults, receive, work
from tests.factories.inventory import NOW, make_locations, make_products, reserve, set_stocks

pytestmark = pytest.mark.django_db(transaction=True)

PLACES = ("S", "T", "U")
PRODUCTS = 45


@pytest.fixture(autouse=True)
def impatient(transactional_db: None, settings: Any, tmp_path: Any) -> None:
    settings.IMPORT_DIR = tmp_path
    settings.IMPORT_CHUNK_ROWS = 2
    settings.IMPORT_LEASE_SECONDS = 0  # whoever is dead is known to be


def make_twins() -> None:
    """Two retailers alike, A… and B…, with stock, promises and gaps."""
    for side in "AB":
        skus = [f"{side}{n:03d}" for n in range(PRODUCTS)]
        places = [f"{side}{place}" for place in PLACES]
        make_products(*skus)
        make_locations(*places)
        set_stocks({(sku, place): n % 7 for n, sku in enumerate(skus) for place in places[: 1 + n % 3]})
        with transaction.atomic():
            wants = [Want(f"line:{sku}", sku, places[0], 1) for n, sku in enumerate(skus) if n % 9 == 1 and n % 7]
            assert reserve(*wants) == []


def file_of(side: str, mode: str) -> bytes:
    """Counts, changed and unchanged, of known and unknown levels, with every sort of row that is rejected."""
    dice = random.Random(7)
    lines = ["sku,location,quantity,occurred_at,bin"]

    def add(sku: str, place: str, units: object, at: str = "", shelf: str = "") -> None:
        lines.append(f"{side}{sku},{side}{place},{units},{at},{shelf}")

    is_snapshot = mode == "snapshot"
    for n in range(PRODUCTS):
        for place in PLACES[:1] if is_snapshot else PLACES:
            if not is_snapshot or n % 3:
                units = n % 7 if dice.random() < 0.3 else dice.randrange(9)
                add(f"{n:03d}", place, units, shelf=dice.choice(["", "B-1"]))
    for n in range(1, 15, 3):
        add(f"{n:03d}", "S", f"{n}x")
        add(f"{n:03d}", "T", 3)
        add(f"X{n}", "S", 1)
        add(f"{n:03d}", "S", 4, (NOW - timedelta(days=1)).isoformat())
    add("001", "NOWHERE", 1)
    if not is_snapshot:  # there they would keep what is not named from being set to zero
        lines += [f"{side}002,{side}S", f'"{side}003,{side}S,1,,']
    return "\n".join(lines).encode()


def outcome(row: StockImport, side: str) -> dict[str, Any]:
    """All that an import leaves, to the row; whose it is taken out of the names."""
    row.refresh_from_db()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT substr(sku, 2), substr(location_id, 2), on_hand, reserved, bin, counted_at = %s, suspect_at"
            " FROM inventory_stocklevel WHERE sku LIKE %s ORDER BY 1, 2",
            [row.occurred_at, f"{side}%"],
        )
        levels = cursor.fetchall()
    moved = StockMovement.objects.filter(reference=row.pk).order_by("product", "location", "id")
    told = Event.objects.filter(type="inventory.level.changed", payload__reference=row.pk).order_by("id")
    short = Event.objects.filter(type="inventory.stock.short", payload__sku__startswith=side)
    names = ("rows_total", "rows_done", "rows_applied", "rows_changed", "rows_rejected", "levels_unnamed")
    return {
        "status": row.status,
        "figures": {name: getattr(row, name) for name in (*names, "levels_zeroed", "faults", "failure")},
        "levels": levels,
        "movements": [(m.product_id[1:], m.location_id[1:], m.quantity, m.cause) for m in moved],
        "faults": sorted((line, code, value.replace(side, "")) for line, code, value in faults(row)),
        "told": [[(level["sku"][1:], level["on_hand"]) for level in event.payload["levels"]] for event in told],
        "short": sorted((event.payload["sku"][1:], event.payload["short"]) for event in short),
        "places": [
            (p.location_id[1:], p.compared, p.different, p.units_over, p.units_under)
            for p in ImportPlace.objects.filter(stock_import=row).order_by("location")
        ],
    }


def sent(side: str, mode: str) -> StockImport:
    values = {"mode": mode, "location": f"{side}S"} if mode == "snapshot" else {}
    return receive(file_of(side, mode), occurred_at=now(), **values)


def do_all() -> None:
    """As beat and worker do: again and again, for what the dead had locked becomes free when the database notices."""
    while StockImport.objects.filter(status__in=LIVE_IMPORTS).exists():
        if not work_on_imports(now=now, seconds=60):
            time.sleep(0.01)


@pytest.mark.parametrize("mode", ["counts", "snapshot"])
def test_resumed_equals_undisturbed_to_the_row(
    mode: str, invariants_hold: Callable[[], None], record_property: Callable[[str, object], None]
) -> None:
    make_twins()
    undisturbed = sent("A", mode)
    work()
    disturbed = sent("B", mode)

    dice, kills = random.Random(mode), 0
    while True:
        if kills % 3 == 2:
            is_done = run_killed_after(do_all, dice.uniform(0.0, 0.03))
        else:
            is_done = run_killed_at_statement(do_all, dice.randint(1, 25), is_heard=bool(kills % 2))
        if is_done:
            break
        kills += 1
        assert kills < 500, "it never ends"

    record_property("kills", kills)
    assert kills >= 10
    expected = outcome(undisturbed, "A")
    assert expected["status"] == "completed" and expected["figures"]["rows_rejected"] > 10
    assert (expected["figures"]["levels_zeroed"] > 10) == (mode == "snapshot")
    assert outcome(disturbed, "B") == expected
    invariants_hold()
    assert imports_with_tables() == set()


def test_a_worker_that_dies_before_its_first_chunk_loses_nothing(invariants_hold: Callable[[], None]) -> None:
    """Each statement up to the first chunk, one after the other."""
    make_twins()
    undisturbed = sent("A", "counts")
    work()
    disturbed = sent("B", "counts")

    for statement in range(1, 50):
        run_killed_at_statement(do_all, statement, is_heard=bool(statement % 2))
    do_all()

    assert outcome(disturbed, "B") == outcome(undisturbed, "A")
    invariants_hold()


# ---- a million rows --------------------------------------------------------------------------------

MILLION = 1_000_000
_SKUS, _SHOPS = 50_000, 20  # a million levels per side


def _fill(side: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = 0")
        cursor.execute(
            "INSERT INTO inventory_product (sku, name_en, name_fr, currency, price, tax_class, weight_g, image_url,"
            " attributes, tags, is_active, created_at, updated_at) SELECT %s || lpad(n::text, 6, '0'), 'x', '', 'EUR', 1,"
            " 'standard', 0, '', '{}', '{}', true, now(), now() FROM generate_series(1, %s::int) n",
            [side, _SKUS],
        )
        make_locations(*(f"{side}{n:02d}" for n in range(_SHOPS)))
        cursor.execute(
            "INSERT INTO inventory_stocklevel (sku, location_id, on_hand, updated_at)"
            " SELECT p.sku, l.code, 0, %s FROM inventory_product p, inventory_location l"
            " WHERE p.sku LIKE %s AND l.code LIKE %s ORDER BY 1, 2",
            [NOW, f"{side}%", f"{side}%"],
        )


def _million(side: str) -> bytes:
    dice = random.Random(1)
    lines = [
        f"{side}{n:06d},{side}{place:02d},{dice.randrange(5)}" for n in range(1, _SKUS + 1) for place in range(_SHOPS)
    ]
    dice.shuffle(lines)
    return "\n".join(["sku,location,quantity", *lines]).encode()


def _worker() -> subprocess.Popen[bytes]:
    """The worker as an operator starts it, on the database of this test."""
    name = connection.settings_dict["NAME"]
    url = os.environ["DATABASE_URL"]
    environment = {
        **os.environ,
        "DATABASE_URL": re.sub(r"/[^/?]+\?", f"/{name}?", url),
        "DJANGO_SETTINGS_MODULE": "oms.settings.test",
        "OMS_IMPORT_DIR": str(conf.IMPORT_DIR),
        "OMS_IMPORT_LEASE_SECONDS": "1",
    }
    return subprocess.Popen(
        [sys.executable, "manage.py", "apply_imports"], cwd=ROOT, env=environment, stdout=subprocess.DEVNULL
    )


def _apply(row: StockImport, *, kills: int, seed: int) -> int:
    """Let workers work until the file is applied; the first `kills` of them die at random instants. Returns how many did."""
    dice, killed = random.Random(seed), 0
    until = time.monotonic() + 1800
    while row.status in LIVE_IMPORTS:
        assert time.monotonic() < until
        worker = _worker()
        if killed < kills:
            time.sleep(dice.uniform(2.0, 15.0))
            killed += worker.poll() is None
            worker.kill()
        worker.wait()
        time.sleep(1.1)  # its lease
        row.refresh_from_db()
    return killed


@pytest.mark.long
def test_a_million_rows_with_a_dozen_sudden_deaths_equal_an_undisturbed_import_to_the_row(
    settings: Any, invariants_hold: Callable[[], None], record_property: Callable[[str, object], None]
) -> None:
    settings.IMPORT_CHUNK_ROWS = 1000
    outcomes = {}
    for side, kills in (("A", 0), ("B", 12)):
        _fill(side)
        row = receive(_million(side), occurred_at=now())
        record_property(f"kills of {side}", _apply(row, kills=kills, seed=3))
        outcomes[side] = _digest(row, side)

    assert outcomes["A"][0] == ("completed", MILLION, MILLION, 0)
    assert outcomes["B"] == outcomes["A"]
    invariants_hold()


def _digest(row: StockImport, side: str) -> tuple[Any, ...]:
    """Figures, and digests of all levels and all movements; whose they are taken out of the names."""
    queries = (
        "SELECT count(*), sum(on_hand), md5(string_agg(substr(sku, 2) || substr(location_id, 2) || on_hand, ',' ORDER BY"
        " sku, location_id)) FROM inventory_stocklevel WHERE sku LIKE %s AND counted_at = %s",
        "SELECT count(*), sum(quantity), md5(string_agg(substr(sku, 2) || substr(location_id, 2) || quantity, ',' ORDER BY"
        " sku, location_id)) FROM inventory_stockmovement WHERE sku LIKE %s AND occurred_at = %s",
    )
    found = []
    with connection.cursor() as cursor:
        for query in queries:
            cursor.execute(query, [f"{side}%", row.occurred_at])
            found.append(cursor.fetchone())
    return (row.status, row.rows_total, row.rows_applied, row.rows_rejected), row.rows_changed, *found
