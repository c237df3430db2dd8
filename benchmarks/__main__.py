"""`make bench`: the system beside its floor, several rounds in turn, medians, one table and a JSON file."""

import argparse
import json
import os
import random
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import psycopg

from benchmarks import floor, load, machine, system
from benchmarks.report import Report
from oms.dev.engines import Postgres

MAIN_CLIENTS = 8
GROWTH = ("TEN", "SKU", "HUN", "ALL")


def main() -> None:
    given = _arguments()
    with system.database() as postgres:
        from benchmarks import dataset

        scale = dataset.ready(given.skus, given.places, rebuild=given.rebuild)
        _warm(postgres)
        report = Report(str(scale), machine.description(), floor.driver_name(postgres))
        _Run(given, scale, postgres, report).all()
        path = Path(os.environ["OMS_HOME"]) / "last.json"
    report.print()
    path.write_text(json.dumps(report.as_json(), indent=2))
    _say(f"written to {path}")
    sys.exit(0 if report.holds or given.no_gates else 1)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benchmarks/run", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=5, help="per point and round")
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 4, 8, 16])
    parser.add_argument("--rebuild", action="store_true", help="build the data set anew")
    parser.add_argument("--skus", type=int, default=100_000)
    parser.add_argument("--places", type=int, default=1_005)
    parser.add_argument("--no-gates", action="store_true", help="end well even where a gate is missed")
    return parser.parse_args()


def _say(text: str) -> None:
    print(f"· {text}", flush=True)


def _warm(postgres: Postgres) -> None:
    """Both sides begin with the catalogue and the stock in memory."""
    with psycopg.connect(postgres.url(), autocommit=True) as connection:
        connection.execute("CREATE EXTENSION IF NOT EXISTS pg_prewarm")
        connection.execute(
            "SELECT sum(pg_prewarm(c.oid::regclass)) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
            " WHERE n.nspname = 'public' AND c.relkind IN ('r', 'i')"
        )


class _Run:
    """One run: growth before, rounds of everything in turn, growth after."""

    def __init__(self, given: argparse.Namespace, scale: Any, postgres: Postgres, report: Report):
        self.given, self.scale, self.postgres, self.report = given, scale, postgres, report
        self.name = f"run{int(time.time())}"
        self.statements: dict[str, str] = {}

    def all(self) -> None:
        from benchmarks import inprocess
        from oms.keys import create_api_key

        _key, self.token = create_api_key(name=self.name, scopes=["all"])
        self._growth("before")
        self._write_floor()
        with system.web_server(Path(os.environ["OMS_HOME"]) / "web.log") as server:
            self.server = server
            _say("warming up the web server")
            self._place(MAIN_CLIENTS, max(2.0, self.given.seconds / 2), "warm")
            for number in range(1, self.given.rounds + 1):
                _say(f"round {number} of {self.given.rounds}")
                self._round(number)
        for group, name in (
            ("HUN", "planning, 5 lines, each in all of 100 places"),
            ("SCA", "planning, 5 lines, each in 30 of 100 places"),
        ):
            self.report.planning[name] = asdict(inprocess.planning(self.scale, group, times=300))
        self._growth("after")
        self._judge()

    # Growth -----------------------------------------------------------------------------------

    def _growth(self, when: str) -> None:
        """Statements and time of one placement, by places per SKU, with the history as it is now."""
        from benchmarks import inprocess

        found: dict[str, Any] = {"orders_in_history": inprocess.orders_in_history()}
        draw = random.Random(3)
        for group in GROWTH:
            sku = inprocess.sku_of(self.scale, group, draw)
            inprocess.placements(sku, self.token, times=8, run=f"{self.name}-{when}-warm-{group}")
            found[group] = asdict(inprocess.placements(sku, self.token, times=40, run=f"{self.name}-{when}-{group}"))
        self.report.growth[when] = found

    # Floor and system, side by side -------------------------------------------------------------

    def _write_floor(self) -> None:
        top = self.scale.skus
        with psycopg.connect(self.postgres.url(), autocommit=True) as connection:
            found = connection.execute(
                "SELECT id FROM orders_order o WHERE external_id LIKE %s AND (SELECT count(*) FROM orders_fulfillment f"
                " WHERE f.order_id = o.id) = 1 ORDER BY id DESC LIMIT 1",
                [f"{self.name}-before-SKU-%"],
            ).fetchone()
            assert found
            for name, whole in (("b5", True), ("b3", False)):
                self.statements[name] = floor.placement_statement(connection, found[0], highest_sku=top, whole=whole)
        special = self.scale.special_skus
        self.statements["a1"] = floor.nearest_places(top)
        self.statements["a2"] = floor.network_sums("SKU", 7, top)
        self.statements["a2 everywhere"] = floor.network_sums("ALL", 4, special)

    def _round(self, number: int) -> None:
        for clients in self.given.clients:
            for name in ("b5", "b3"):
                self._floor(name, clients)
            self._place(clients, self.given.seconds, f"round{number}")
        self._floor("a1", MAIN_CLIENTS)
        self._read(
            "one SKU",
            MAIN_CLIENTS,
            "/api/v1/availability/?sku={0}&near=48.86,2.38&limit=20",
            [("SKU", 7, self.scale.skus)],
        )
        for name, label, prefix, digits, top in (
            ("a2", "20 SKUs", "SKU", 7, self.scale.skus),
            ("a2 everywhere", "20 SKUs in every place", "ALL", 4, self.scale.special_skus),
        ):
            self._floor(name, MAIN_CLIENTS)
            placeholders = ",".join(f"{{{n}}}" for n in range(20))
            path = f"/api/v1/availability/?sku={placeholders}&near=48.86,2.38&limit=20"
            for clients in (1, MAIN_CLIENTS):
                self._read(label, clients, path, [(prefix, digits, top)] * 20)

    def _floor(self, name: str, clients: int) -> None:
        rate = floor.drive(self.postgres, self.statements[name], clients=clients, seconds=self.given.seconds)
        self.report.add(f"floor {name}", clients, {"per_second": rate.per_second, "p50_ms": rate.mean_ms})

    def _place(self, clients: int, seconds: float, label: str) -> None:
        """Orders of two lines over HTTP; afterwards every 201 must have left all its rows."""
        from benchmarks import placement

        run = f"{self.name}-{label}-{clients}"
        job = load.Job(
            port=self.server.port,
            method="POST",
            path="/api/v1/orders/",
            token=self.token,
            seconds=seconds,
            clients=clients,
            skus=[("SKU", 7, self.scale.skus // 2), ("SKU", 7, self.scale.skus)],
            body=json.dumps(placement.order_body("{0}", "{1}")),
            run=run,
        )
        seen = self._load(job, "placement" if label != "warm" else None)
        placement.check_rows(run, answered=seen.statuses.get("201", 0))
        if label != "warm":
            self.report.orders_checked += seen.statuses.get("201", 0)

    def _read(self, label: str, clients: int, path: str, skus: list[tuple[str, int, int]]) -> None:
        job = load.Job(
            port=self.server.port,
            method="GET",
            path=path,
            token=self.token,
            seconds=self.given.seconds,
            clients=clients,
            skus=skus,
        )
        self._load(job, f"availability, {label}")

    def _load(self, job: load.Job, label: str | None) -> load.Seen:
        postgres_pid = self.postgres.pid()
        assert postgres_pid
        with machine.watched(self.server.pid, postgres_pid) as use:
            seen = load.run(job)
        refused = {status: count for status, count in seen.statuses.items() if status[0] != "2"}
        if refused:
            sys.exit(f"{job.method} {job.path}: {refused} {seen.refusal}")
        if label:
            done = len(seen.latencies)
            self.report.add(
                label,
                job.clients,
                {
                    "per_second": seen.per_second,
                    "p50_ms": seen.percentile(0.5),
                    "p95_ms": seen.percentile(0.95),
                    "p99_ms": seen.percentile(0.99),
                    "python_ms": use.web * 1000 / done,
                    "postgres_ms": use.postgres * 1000 / done,
                    "others_cores": use.others(seen.client_cpu_seconds),
                },
            )
        return seen

    # Verdict ------------------------------------------------------------------------------------

    def _judge(self) -> None:
        report, clients = self.report, min(self.given.clients, key=lambda n: abs(n - MAIN_CLIENTS))
        report.at_least(
            "placement over HTTP, share of b5", report.share("placement", "floor b5", clients), 0.08, aim=0.12
        )
        one = report.share("availability, one SKU", "floor a1", MAIN_CLIENTS)
        report.at_least("availability of one SKU, share of a1", one, 0.10)
        slowest = max(timing["p95_ms"] for timing in report.planning.values())
        report.at_most("planning, p95 in ms", slowest, 20)
        wide = report.median("availability, 20 SKUs in every place", 1, "p95_ms")
        report.at_most("availability of 20 SKUs × all places, one client, p95 in ms", wide, 25)
        counts = {found[group]["statements"] for found in report.growth.values() for group in GROWTH}
        report.at_most("different numbers of statements of a placement, as places and history grow", len(counts), 1)


if __name__ == "__main__":
    main()
