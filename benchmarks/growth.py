"""What reads cost with two weeks of history, and with two years: processor time, rows and pages, per request.

In one process with one connection, so that all of it can be counted. Rates tell nothing on a machine that others use,
and processor time not enough: who shares the caches makes the same instructions dearer. So beside each batch a piece of
work is timed that is always the same, and what a read costs is told in its multiples (`effort`).
"""

import json
import random
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import perf_counter, process_time, sleep
from typing import Any

import psutil
from django.contrib.auth import get_user_model
from django.db import connection
from django.test import Client

from benchmarks import history
from benchmarks.dataset import Scale, ordinary_sku
from benchmarks.report import Report
from inventory.services.ledger_months import open_months

WEEKS_BEFORE = 2
MOST = 1.2  # after ÷ before
_BATCHES = 10


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one request. Milliseconds are processor time; rows and pages are all that Postgres looked at.

    `yardstick_ms`: what the work that is always the same took meanwhile.
    """

    python_ms: float
    postgres_ms: float
    rows: float
    pages: float
    yardstick_ms: float

    @property
    def processor_ms(self) -> float:
        return self.python_ms + self.postgres_ms

    @property
    def effort(self) -> float:
        return self.processor_ms / self.yardstick_ms


@dataclass(frozen=True, slots=True)
class Read:
    name: str
    ask: Callable[[int], Any]
    times: int = 50


def measure(
    scale: Scale, size: int, *, dsn: str, token: str, report: Report, say: Callable[[str], None]
) -> dict[str, Any]:
    """What each read costs before and after, by its name; the gates go into the report."""
    past = history.History(scale, size, dsn)
    recent = size * WEEKS_BEFORE * 7 // history.DAYS
    open_months(since=datetime.now(UTC) - timedelta(days=history.DAYS + 40), as_of=datetime.now(UTC))
    past.prepare()
    say(f"{recent:,} orders and as many sales at tills: the last {WEEKS_BEFORE} weeks")
    past.write(size - recent + 1, size)
    past.settle()
    asked = reads(scale, size, token)
    before = {read.name: _cost(read) for read in asked}
    begun = perf_counter()
    past.write(1, size - recent)
    written = perf_counter()
    past.settle()
    say(
        f"{size - recent:,} more, of {history.DAYS} days: {written - begun:,.0f} s, and {perf_counter() - written:,.0f} s to settle"
    )
    after = {read.name: _cost(read) for read in asked}
    _prove(size, report, say)
    for read in asked:
        _judge(read, before[read.name], after[read.name], report, say)
    return {name: {"before": asdict(cost), "after": asdict(after[name])} for name, cost in before.items()}


def _prove(size: int, report: Report, say: Callable[[str], None]) -> None:
    """What was written is whole: so many orders, and no key that points at nothing."""
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = 0")
        faults = list(history.dangling(cursor))
        counts = {}
        for table in history.TABLES:
            cursor.execute(f"SELECT count(*) FROM {table}")
            counts[table] = cursor.fetchone()[0]
        cursor.execute("RESET statement_timeout")
    say("written: " + ", ".join(f"{count:,} {table}" for table, count in counts.items()))
    for fault in faults:
        say(fault)
    report.at_least("orders of history", counts["orders_order"], size)
    report.at_most("foreign keys that point at nothing", len(faults), 0)


def _judge(read: Read, before: Cost, after: Cost, report: Report, say: Callable[[str], None]) -> None:
    say(
        f"{read.name}: processor {before.processor_ms:.2f} → {after.processor_ms:.2f} ms"
        f" (of it Postgres {before.postgres_ms:.2f} → {after.postgres_ms:.2f}),"
        f" rows {before.rows:,.0f} → {after.rows:,.0f}, pages {before.pages:,.0f} → {after.pages:,.0f}"
        f", yardstick {before.yardstick_ms:.2f} → {after.yardstick_ms:.2f} ms"
    )
    report.at_most(f"{read.name}: effort of processors after ÷ before", after.effort / before.effort, MOST)
    report.at_most(f"{read.name}: rows read after ÷ before", after.rows / before.rows, MOST)


# ---- counting ------------------------------------------------------------------------------------


def _cost(read: Read) -> Cost:
    """The quietest of some batches, each of the same size."""
    for n in range(10):
        _ask(read, n)
    return min((_batch(read, number * read.times) for number in range(_BATCHES)), key=lambda cost: cost.effort)


def _batch(read: Read, first: int) -> Cost:
    _wait_for_autovacuum()
    backend, yardstick = _backend(), _yardstick()
    counted, postgres, python = _counted(), _processor_ms(backend), process_time()
    for n in range(first, first + read.times):
        _ask(read, n)
    python, postgres = (process_time() - python) * 1000, _processor_ms(backend) - postgres
    rows, pages = (now - then for now, then in zip(_counted(), counted, strict=True))
    yardstick = (yardstick + _yardstick()) / 2
    return Cost(python / read.times, postgres / read.times, rows / read.times, pages / read.times, yardstick)


def _yardstick() -> float:
    """Processor milliseconds of work like that of a request: small objects made, written down, read and sorted."""
    begun = process_time()
    for number in range(40):
        rows = [{"sku": f"SKU{number * n % 97:05d}", "units": n, "at": str(n)} for n in range(100)]
        sorted(json.loads(json.dumps(rows)), key=lambda row: row["sku"])
    return (process_time() - begun) * 1000 / 40


def _ask(read: Read, n: int) -> None:
    answer = read.ask(n)
    if answer.status_code != 200:
        raise RuntimeError(f"{read.name}: {answer.status_code} {answer.content.decode()[:500]}")


def _backend() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return int(cursor.fetchone()[0])


def _processor_ms(pid: int) -> float:
    """Of one process, to the nanosecond where the kernel tells it."""
    schedstat = Path(f"/proc/{pid}/schedstat")
    if schedstat.exists():
        return int(schedstat.read_text().split()[0]) / 1e6
    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system) * 1000


def _counted() -> tuple[int, int]:
    """Rows and pages that this database was asked for so far."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_force_next_flush()")
        cursor.execute("SELECT 1")  # the statement after it ends with the counts written down
        cursor.execute("SELECT pg_stat_clear_snapshot()")
        cursor.execute(
            "SELECT tup_returned + tup_fetched, blks_hit + blks_read FROM pg_stat_database"
            " WHERE datname = current_database()"
        )
        rows, pages = cursor.fetchone()
        return int(rows), int(pages)


def _wait_for_autovacuum() -> None:
    while True:
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'autovacuum worker'")
            if not cursor.fetchone()[0]:
                return
        sleep(0.5)


# ---- reads -----------------------------------------------------------------------------------------


def reads(scale: Scale, size: int, token: str) -> list[Read]:
    """Of products that were sold in the last weeks: each page is as full before as after."""
    api = Client(headers={"authorization": f"Bearer {token}"})
    staff = Client()
    staff.force_login(_superuser())
    skus = [ordinary_sku(number) for number in random.Random(11).sample(history.sold_lately(scale, size), 1_000)]
    instant = (datetime.now(UTC) - history.ENDED - timedelta(days=1)).isoformat().replace("+00:00", "Z")

    def get(path: str) -> Callable[[int], Any]:
        return lambda n: api.get("/api/v1/" + path.format(sku=skus[n], skus=",".join(skus[n : n + 20])))

    def page(path: str) -> Callable[[int], Any]:
        return lambda _n: staff.get(path)

    def quote(n: int) -> Any:
        return api.post("/api/v1/quotes/", json.dumps(_quote(skus[n], skus[n + 1])), "application/json")

    near = "channel=web&method=ship&near=48.86,2.38&limit=20"
    return [
        Read("availability, one SKU", get(f"availability/?sku={{sku}}&{near}")),
        Read("availability, 20 SKUs", get(f"availability/?sku={{skus}}&{near}")),
        Read("quote, two lines", quote),
        Read("explanation of one SKU", get("availability/explain/?sku={sku}&channel=web")),
        Read("levels of one SKU", get("stock/?sku={sku}")),
        Read("balances of one SKU at an instant", get(f"stock/balances/?sku={{sku}}&as_of={instant}")),
        Read("movements, the latest", get("stock/movements/")),
        Read("movements of a place", get("stock/movements/?location=WH-0001")),
        Read("the last two movements of one SKU", get("stock/movements/?page_size=2&sku={sku}")),
        Read("orders, the latest", get("orders/")),
        Read("admin: orders", page("/admin/orders/order/"), times=10),
        Read("admin: movements", page("/admin/inventory/stockmovement/"), times=10),
    ]


def _quote(first: str, second: str) -> Mapping[str, Any]:
    return {
        "channel": "web",
        "currency": "EUR",
        "lines": [{"sku": first, "quantity": 1}, {"sku": second, "quantity": 1}],
        "destination": {"country": "FR", "postal_code": "75011", "latitude": 48.86, "longitude": 2.38},
        "methods": ["ship", "pickup"],
    }


def _superuser() -> Any:
    users = get_user_model()
    return users.objects.filter(username="growth").first() or users.objects.create_superuser("growth")
