"""`make bench-stock`: reading and promising stock, beside what Postgres alone does with the same rows.

With exposure rules in force for everybody who asks. Ends with an error where a gate is missed.
"""

import argparse
import json
import os
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg

from benchmarks import floor, load, machine, system
from benchmarks.report import Report
from oms.dev.engines import Postgres

READERS, SHOPPERS, HOT_CLIENTS = 16, 8, 16
HOT_SKU, HOT_PLACE, HOT_UNITS = "HOT0001", "WH-0001", 400
HISTORY = 1_000_000


def main() -> None:
    given = _arguments()
    with system.database() as postgres:
        from benchmarks import dataset

        scale = dataset.ready(given.skus, given.places)
        report = Report(str(scale), machine.description(), floor.driver_name(postgres))
        run = _Run(given, scale, postgres, report)
        try:
            run.all()
        finally:
            run.tidy()
        path = Path(os.environ["OMS_HOME"]) / "last-stock.json"
    report.print()
    path.write_text(json.dumps(report.as_json() | {"history": run.history}, indent=2))
    sys.exit(0 if report.holds or given.no_gates else 1)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benchmarks.stock", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=5, help="per point and round")
    parser.add_argument("--skus", type=int, default=100_000)
    parser.add_argument("--places", type=int, default=1_005)
    parser.add_argument("--history", type=int, default=HISTORY, help="orders and sales to grow by; 0 leaves it out")
    parser.add_argument("--only", choices=["speed", "growth"], help="one of the two parts")
    parser.add_argument("--no-gates", action="store_true", help="end well even where a gate is missed")
    return parser.parse_args()


def _say(text: str) -> None:
    print(f"· {text}", flush=True)


class _Run:
    def __init__(self, given: argparse.Namespace, scale: Any, postgres: Postgres, report: Report):
        self.given, self.scale, self.postgres, self.report = given, scale, postgres, report
        self.history: dict[str, Any] = {}
        self.name = f"stock{int(time.time())}"

    def all(self) -> None:
        from oms.keys import create_api_key

        _key, self.token = create_api_key(name=self.name, scopes=["all"])
        self._rules()
        if self.given.only != "growth":
            self._speed()
        if self.given.history and self.given.only != "speed":
            self._growth()

    def _speed(self) -> None:
        self._hot_shelf()
        with system.web_server(Path(os.environ["OMS_HOME"]) / "web.log") as self.server:
            self._warm_up()
            for number in range(1, self.given.rounds + 1):
                _say(f"round {number} of {self.given.rounds}")
                self._round()
            self._hot()
        with system.web_server(Path(os.environ["OMS_HOME"]) / "web.log", workers=1) as self.server:
            self._warm_up()
            for _ in range(self.given.rounds):
                self._wide(1, "one worker process")
        self._judge()

    def tidy(self) -> None:
        """The next run of either benchmark begins without rules and without the hot shelf."""
        from django.db import connection, transaction

        from benchmarks import dataset
        from oms.cache import bump

        dataset.clear_history()
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("DELETE FROM inventory_exposurerule")
            cursor.execute("DELETE FROM inventory_stocklevel WHERE sku = %s", [HOT_SKU])
            cursor.execute("DELETE FROM inventory_product WHERE sku = %s", [HOT_SKU])
            bump("exposure")

    # What is measured on ----------------------------------------------------------------------

    def _rules(self) -> None:
        """A share kept in a group, units in a country, more in some stores, a tag kept from a method, one hidden place."""
        from inventory.services.exposure_rules import ExposureRow, create_exposure_rule

        stores = [f"ST-{n:04d}" for n in range(self.scale.warehouses + 1, self.scale.warehouses + 101)]
        for row in (
            ExposureRow(name="a share of the stores", channel="web", groups=["fr"], keep_share="0.05"),  # type: ignore[arg-type]
            ExposureRow(name="some units in the country", countries=["FR"], keep_units=3),
            ExposureRow(name="more in a hundred stores", channel="web", locations=stores, keep_units=5),
            ExposureRow(name="not by express", service="express", tags=["t3"], hidden=True),
            ExposureRow(name="a place hidden", channel="web", locations=[stores[0]], hidden=True),
        ):
            create_exposure_rule(row, actor="benchmark", as_of=datetime.now(UTC))

    def _hot_shelf(self) -> None:
        from django.db import connection

        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO inventory_product (sku, name_en, name_fr, currency, price, tax_class, weight_g, image_url,"
                " attributes, tags, is_active, created_at, updated_at) SELECT %s, name_en, name_fr, currency, price,"
                " tax_class, weight_g, image_url, attributes, tags, is_active, now(), now()"
                " FROM inventory_product WHERE sku = 'ALL0001' ON CONFLICT DO NOTHING",
                [HOT_SKU],
            )
            cursor.execute(
                "INSERT INTO inventory_stocklevel (sku, location_id, on_hand, updated_at) VALUES (%s, %s, 0, now())"
                " ON CONFLICT (sku, location_id) DO NOTHING",
                [HOT_SKU, HOT_PLACE],
            )

    def _fill_hot_shelf(self, units: int) -> None:
        from django.db import connection

        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE inventory_stocklevel SET on_hand = %s, reserved = 0 WHERE sku = %s", [units, HOT_SKU]
            )

    def _warm_up(self) -> None:
        self._read("warm", READERS, seconds=2.0)
        self._quotes("warm", seconds=2.0)

    # Rounds -----------------------------------------------------------------------------------

    def _round(self) -> None:
        rate = floor.drive(
            self.postgres, floor.nearest_places(self.scale.skus), clients=READERS, seconds=self.given.seconds
        )
        self.report.add("floor a1", READERS, {"per_second": rate.per_second, "p50_ms": rate.mean_ms})
        self._read("availability, one SKU, exposure rules on", READERS)
        self._wide(SHOPPERS, "two worker processes")
        self._quotes("quotes, two lines", SHOPPERS)

    def _read(self, label: str, clients: int, seconds: float | None = None) -> None:
        path = "/api/v1/availability/?sku={0}&channel=web&method=ship&near=48.86,2.38&limit=20"
        self._load(label, "GET", path, clients, [("SKU", 7, self.scale.skus)], seconds=seconds)

    def _wide(self, clients: int, how: str) -> None:
        placeholders = ",".join(f"{{{n}}}" for n in range(20))
        path = f"/api/v1/availability/?sku={placeholders}&channel=web&method=ship&near=48.86,2.38&limit=20"
        skus = [("ALL", 4, self.scale.special_skus)] * 20
        self._load(f"availability, 20 SKUs × all places, {how}", "GET", path, clients, skus)

    def _quotes(self, label: str, clients: int = SHOPPERS, seconds: float | None = None) -> None:
        body = {
            "channel": "web",
            "currency": "EUR",
            "lines": [{"sku": "{0}", "quantity": 1}, {"sku": "{1}", "quantity": 1}],
            "destination": {"country": "FR", "postal_code": "75011", "latitude": 48.86, "longitude": 2.38},
            "methods": ["ship", "pickup"],
        }
        skus = [("SKU", 7, self.scale.skus // 2), ("SKU", 7, self.scale.skus)]
        self._load(label, "POST", "/api/v1/quotes/", clients, skus, body=json.dumps(body), seconds=seconds)

    def _load(
        self,
        label: str,
        method: str,
        path: str,
        clients: int,
        skus: list[tuple[str, int, int]],
        *,
        body: str = "",
        seconds: float | None = None,
        may_refuse: bool = False,
    ) -> load.Seen:
        job = load.Job(
            port=self.server.port,
            method=method,
            path=path,
            token=self.token,
            seconds=seconds or self.given.seconds,
            clients=clients,
            skus=skus,
            body=body,
            run=f"{self.name}-{time.time_ns()}",
        )
        postgres_pid = self.postgres.pid()
        assert postgres_pid
        with machine.watched(self.server.pid, postgres_pid) as use:
            seen = load.run(job)
        refused = {status: count for status, count in seen.statuses.items() if status[0] != "2"}
        if refused and not may_refuse:
            sys.exit(f"{method} {path}: {refused} {seen.refusal}")
        if label != "warm":
            done = len(seen.latencies)
            figures = {
                "per_second": seen.per_second,
                "p50_ms": seen.percentile(0.5),
                "p95_ms": seen.percentile(0.95),
                "p99_ms": seen.percentile(0.99),
                "python_ms": use.web * 1000 / done,
                "postgres_ms": use.postgres * 1000 / done,
                "others_cores": use.others(seen.client_cpu_seconds),
            }
            self.report.add(label, clients, figures)
        return seen

    # One hot level ----------------------------------------------------------------------------

    def _hot(self) -> None:
        """Sixteen clients order one unit each of the same level: first with plenty, for the rate, then past its end."""
        from benchmarks import placement

        _say("one hot level")
        self.hot_body = json.dumps(placement.order_body(HOT_SKU))
        self._fill_hot_shelf(1_000_000)
        statement = self._warm_up_hot()
        for _ in range(2 * self.given.rounds):  # placement and floor in turn: the machine's own pace wavers most here
            self._order_hot("placement, one hot level")
            rate = floor.drive(self.postgres, statement, clients=HOT_CLIENTS, seconds=self.given.seconds)
            figures = {"per_second": rate.per_second, "p50_ms": rate.mean_ms}
            self.report.add("floor b5, one hot level", HOT_CLIENTS, figures)
        self._sell_out()

    def _warm_up_hot(self) -> str:
        """Orders, and statistics of their tables as any shop has them: these were emptied. Returns the floor's statement."""
        from django.db import connection

        self._order_hot("warm")
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")
        self._order_hot("warm")
        return self._hot_floor()

    def _order_hot(self, label: str, *, may_refuse: bool = False) -> load.Seen:
        path, body = "/api/v1/orders/", self.hot_body
        return self._load(label, "POST", path, HOT_CLIENTS, [], body=body, may_refuse=may_refuse)

    def _sell_out(self) -> None:
        self._fill_hot_shelf(HOT_UNITS)
        seen = self._order_hot("placement until sold out", may_refuse=True)
        sold = seen.statuses.get("201", 0)
        left = _sellable(HOT_SKU)
        self.report.at_most("units oversold on the hot level", float(max(0, sold - HOT_UNITS)), 0)
        if seen.statuses.keys() - {"201", "409", "503"} or (
            left > 0 and len(seen.statuses) > 1 and sold < HOT_UNITS - 20
        ):
            _say(f"hot level: {seen.statuses}, {left} left")

    def _hot_floor(self) -> str:
        """b5 for the order of the hot unit, every time on the same level."""
        with psycopg.connect(self.postgres.url(), autocommit=True) as connection:
            (order,) = connection.execute(
                "SELECT o.id FROM orders_order o JOIN orders_orderline l ON l.order_id = o.id WHERE l.sku = %s"
                " ORDER BY o.id DESC LIMIT 1",
                [HOT_SKU],
            ).fetchone() or ("",)
            return floor.placement_statement(connection, order, highest_sku=self.scale.skus, whole=True, keep_skus=True)

    # History ----------------------------------------------------------------------------------

    def _growth(self) -> None:
        from benchmarks import dataset, growth

        _say(f"reads with two weeks of history, and with {self.given.history:,} orders and sales of two years")
        dataset.clear_history()
        self.history = growth.measure(
            self.scale, self.given.history, dsn=self.postgres.url(), token=self.token, report=self.report, say=_say
        )

    # Verdict ----------------------------------------------------------------------------------

    def _judge(self) -> None:
        report = self.report
        one = report.share("availability, one SKU, exposure rules on", "floor a1", READERS)
        report.at_least("availability of one SKU with rules, 16 clients, share of a1", one, 0.10, aim=0.18)
        wide = report.median("availability, 20 SKUs × all places, one worker process", 1, "p95_ms")
        report.at_most("availability of 20 SKUs × all places with rules, one client, one process, p95 in ms", wide, 25)
        quotes = report.median("quotes, two lines", SHOPPERS, "per_second")
        report.at_least("quotes per second", quotes, 150, aim=300)
        hot = report.share("placement, one hot level", "floor b5, one hot level", HOT_CLIENTS)
        report.at_least("placement on one hot level, 16 clients, share of b5 on that level", hot, 0.30)


def _sellable(sku: str) -> int:
    from inventory.exposure import Context
    from inventory.queries import sellable_units

    return sum(sellable_units([sku], context=Context(datetime.now(UTC)))[sku].values())


if __name__ == "__main__":
    main()
