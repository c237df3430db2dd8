"""`benchmarks/imports`: files of stock beside what Postgres alone can do with them. See README.md."""

import argparse
import contextlib
import http.client
import json
import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import psutil
import psycopg

from benchmarks import load, machine, system
from oms.dev.engines import ROOT, Postgres

SHARES = {"all changed": 1.0, "a tenth changed": 0.1}
READERS, TURNS = 2, 5
WANTED_SHARE, AIM_SHARE, WANTED_MB, WANTED_READS, WANTED_EVENTS = 0.5, 0.8, 200.0, 2.0, 1.0


def main() -> None:
    given = _arguments()
    with system.database() as postgres:
        from benchmarks import dataset

        scale = dataset.ready(given.skus, given.places, rebuild=given.rebuild)
        report = Report(str(scale), given.rows, machine.description(), os.getloadavg()[0])
        _Run(given, postgres, report).all()
        path = Path(os.environ["OMS_HOME"]) / "last-imports.json"
    report.print()
    path.write_text(json.dumps(report.as_json(), indent=2))
    _say(f"written to {path}")
    sys.exit(0 if report.holds or given.no_gates else 1)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benchmarks/imports", description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--throttle", type=int, default=4000, help="rows per second of the gentle import")
    parser.add_argument("--seconds", type=float, default=30, help="of reading, quiet and beside an import")
    parser.add_argument("--rebuild", action="store_true", help="build the data set anew")
    parser.add_argument("--skus", type=int, default=100_000)
    parser.add_argument("--places", type=int, default=1_005)
    parser.add_argument("--no-gates", action="store_true", help="end well even where a gate is missed")
    return parser.parse_args()


def _say(text: str) -> None:
    print(f"· {text}", flush=True)


@dataclass(slots=True)
class Applied:
    """A file applied: seconds, processor seconds of the worker and of its database connection, its memory."""

    seconds: float
    worker_cpu: float
    postgres_cpu: float
    worker_mb: float
    rows_changed: int


@dataclass(slots=True)
class Report:
    scale: str
    rows: int
    machine: dict[str, Any]
    load_before: float
    floors: dict[str, list[dict[str, float]]] = field(default_factory=dict)
    applied: dict[str, list[Applied]] = field(default_factory=dict)
    upload_mb_per_second: float = 0.0
    reads: dict[str, dict[str, float]] = field(default_factory=dict)
    slower: float = 0.0
    gentle_rows_per_second: float = 0.0
    batch_seconds: float = 0.0
    seen_seconds: float = 0.0
    others_cores: float = 0.0

    def share(self, name: str) -> float:
        """Of the floor's rows per second, round by round."""
        pairs = zip(self.floors[name], self.applied[name], strict=True)
        return median(floor["seconds"] / ours.seconds for floor, ours in pairs)

    def gates(self) -> list[tuple[str, float, str, bool]]:
        found = []
        for name in SHARES:
            share = self.share(name)
            wanted = f"≥ {WANTED_SHARE:g}, aim {AIM_SHARE:g}"
            found.append((f"import, {name}, share of the floor", share, wanted, share >= WANTED_SHARE))
        most = max(run.worker_mb for runs in self.applied.values() for run in runs)
        found.append(("memory of the worker, MB", most, f"≤ {WANTED_MB:g}", most <= WANTED_MB))
        if self.reads:
            wanted = f"≤ {WANTED_READS:g}"
            found.append(
                ("reads beside a gentle import, × quiet p95", self.slower, wanted, self.slower <= WANTED_READS)
            )
        found.append(("5,000 events in one request, s", self.batch_seconds, "≤ 1", self.batch_seconds <= WANTED_EVENTS))
        found.append(("a delta is seen by readers after, s", self.seen_seconds, "< 1", self.seen_seconds < 1))
        return found

    @property
    def holds(self) -> bool:
        return all(holds for _name, _value, _wanted, holds in self.gates())

    def print(self) -> None:
        cores, processor = self.machine["cores"], self.machine["processor"]
        print(
            f"\n{self.scale}, a file of {self.rows:,} rows; {cores} cores, {processor}; load before {self.load_before:.1f}\n"
        )
        for name, runs in self.applied.items():
            for floor, run in zip(self.floors[name], runs, strict=True):
                print(
                    f"{name}: floor {self.rows / floor['seconds']:,.0f} rows/s ({floor['cpu']:.1f} s of Postgres),"
                    f" ours {self.rows / run.seconds:,.0f} rows/s ({run.postgres_cpu:.1f} s of Postgres,"
                    f" {run.worker_cpu:.1f} s of Python, {run.worker_mb:.0f} MB), {run.rows_changed:,} movements"
                )
        print(f"upload: {self.upload_mb_per_second:,.0f} MB/s")
        for name, seen in self.reads.items():
            print(f"availability, {READERS} readers, {name}: {seen['per_second']:,.0f} per s, p50 {seen['p50_ms']:.1f},"
                  f" p95 {seen['p95_ms']:.1f} ms")  # fmt: skip
        print(f"gentle import: {self.gentle_rows_per_second:,.0f} rows/s\n")
        for name, value, wanted, holds in self.gates():
            print(f"{'✓' if holds else '✗'} {name}: {value:.2f} (wanted {wanted})")

    def as_json(self) -> dict[str, Any]:
        gates = [{"name": n, "value": v, "wanted": w, "holds": h} for n, v, w, h in self.gates()]
        return asdict(self) | {"gates": gates}


class _Run:
    def __init__(self, given: argparse.Namespace, postgres: Postgres, report: Report):
        self.given, self.postgres, self.report = given, postgres, report
        self.draw = random.Random(20260302)

    def all(self) -> None:
        from oms.keys import create_api_key

        _key, self.token = create_api_key(name=f"files{int(time.time())}", scopes=["all"])
        with psycopg.connect(self.postgres.url(), autocommit=True) as connection:
            self.connection = connection
            connection.execute("SET statement_timeout = 0")
            self._warm()
            for number in range(1, self.given.rounds + 1):
                for name, share in SHARES.items():
                    _say(f"round {number}, {name}: the floor")
                    self.report.floors.setdefault(name, []).append(self._floor(share))
                    _say(f"round {number}, {name}: ours")
                    self.report.applied.setdefault(name, []).append(self._ours(share))
            with system.web_server(Path(os.environ["OMS_HOME"]) / "web.log") as server:
                self.port = server.port
                self._events()
                self._reads()

    def _warm(self) -> None:
        self.connection.execute("CREATE EXTENSION IF NOT EXISTS pg_prewarm")
        self.connection.execute(
            "SELECT sum(pg_prewarm(c.oid::regclass)) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
            " WHERE n.nspname = 'public' AND c.relkind IN ('r', 'i')"
        )

    def _file(self, share: float, *, rows: int | None = None) -> bytes:
        """Place by place, as an ERP writes it, without a header; so many of its counts differ from what stands there."""
        rows = rows or self.given.rows
        found = self.connection.execute(
            "SELECT sku, location_id, on_hand FROM inventory_stocklevel WHERE sku LIKE 'SKU%%'"
            " ORDER BY location_id, sku LIMIT %s",
            [rows],
        )
        lines = [
            f"{sku},{place},{units + (self.draw.choice((-1, 1)) if self.draw.random() < share else 0)}\n"
            for sku, place, units in found
        ]
        return "".join(lines).encode()

    # ---- the floor -------------------------------------------------------------------------------

    def _floor(self, share: float) -> dict[str, float]:
        """COPY, the movements of what differs, every counted level written: one connection, one transaction."""
        file = self._file(share)
        backend = psutil.Process(self.connection.info.backend_pid)
        cpu, begun = _cpu(backend), time.perf_counter()
        with self.connection.transaction(), self.connection.cursor() as cursor:
            cursor.execute(_FLOOR_TABLE)
            with cursor.copy("COPY counted FROM STDIN (FORMAT csv)") as copy:
                for start in range(0, len(file), 1 << 20):
                    copy.write(file[start : start + (1 << 20)])
            cursor.execute("ANALYZE counted")
            cursor.execute(_FLOOR_MOVEMENTS)
            moved = cursor.rowcount
            cursor.execute(_FLOOR_LEVELS)
            assert cursor.rowcount == self.given.rows
        seconds = time.perf_counter() - begun
        found = {"seconds": seconds, "cpu": _cpu(backend) - cpu, "movements": moved}
        self.connection.execute("VACUUM inventory_stocklevel")
        return found

    # ---- ours ------------------------------------------------------------------------------------

    def _ours(self, share: float) -> Applied:
        from inventory.models import StockImport

        row = self._received(self._file(share))
        with _worker() as watched:
            watched.wait()
        row.refresh_from_db()
        assert row.status == "completed" and row.rows_applied == self.given.rows, (row.status, row.failure)
        assert row.started_at and row.finished_at
        self.connection.execute("VACUUM inventory_stocklevel")
        assert StockImport.objects.filter(pk=row.pk).exists()
        return Applied(
            seconds=(row.finished_at - row.started_at).total_seconds(),
            worker_cpu=watched.cpu,
            postgres_cpu=watched.postgres_cpu,
            worker_mb=watched.most_mb,
            rows_changed=row.rows_changed,
        )

    def _received(self, body: bytes, *, throttle: int | None = None) -> Any:
        """Taken in as the API does, without the wire."""
        import io

        from inventory.imports.upload import save_stream
        from inventory.models import StockImport
        from inventory.services import NewImport, receive_import
        from oms.clock import now
        from oms.ids import new_id

        import_id, body = new_id("imp"), b"sku,location,quantity\n" + body
        begun = time.perf_counter()
        saved = save_stream(import_id, io.BytesIO(body).read, most_bytes=10**10)
        self.report.upload_mb_per_second = saved.bytes / (time.perf_counter() - begun) / 1e6
        new = NewImport(
            id=import_id,
            mode="counts",
            location=None,
            source="erp",
            format="csv",
            bytes_total=saved.bytes,
            digest=saved.digest,
            occurred_at=now(),
            rows_per_second=throttle,
        )
        receive_import(new, actor="benchmark", as_of=now())
        return StockImport.objects.get(pk=import_id)

    # ---- beside readers --------------------------------------------------------------------------

    def _reads(self) -> None:
        """Quiet and beside a gentle import in turn: what else the machine does, such as tidying up, meets both."""
        self._read(2.0)
        _say(f"reads, quiet and beside an import of {self.given.throttle:,} rows per second, in turn")
        rows = min(self.given.rows, int(self.given.throttle * (self.given.seconds / TURNS + 10)))
        quiet, beside, speeds = [], [], []
        for _turn in range(TURNS):
            quiet.append(self._read(self.given.seconds / TURNS))
            seen, speed = self._read_beside(rows, self.given.throttle, self.given.seconds / TURNS)
            beside.append(seen)
            speeds.append(speed)
        pairs = zip(quiet, beside, strict=True)
        self.report.slower = median(ours["p95_ms"] / alone["p95_ms"] for alone, ours in pairs)
        self.report.gentle_rows_per_second = median(speeds)
        _say("reads beside an import as quick as it can")
        quick, _speed = self._read_beside(self.given.rows, None, self.given.seconds / TURNS)
        self.report.reads = {
            "quiet": _medians(quiet),
            "beside a gentle import": _medians(beside),
            "beside a quick import": quick,
        }

    def _read(self, seconds: float) -> dict[str, float]:
        job = load.Job(
            port=self.port,
            method="GET",
            path="/api/v1/availability/?sku={0}&near=48.86,2.38&limit=20",
            token=self.token,
            seconds=seconds,
            clients=READERS,
            skus=[("SKU", 7, self.given.skus)],
        )
        seen = load.run(job)
        refused = {status: count for status, count in seen.statuses.items() if status[0] != "2"}
        if refused:
            sys.exit(f"reads were refused: {refused} {seen.refusal}")
        return {
            "per_second": seen.per_second,
            "p50_ms": seen.percentile(0.5),
            "p95_ms": seen.percentile(0.95),
            "p99_ms": seen.percentile(0.99),
        }

    def _read_beside(self, rows: int, throttle: int | None, seconds: float) -> tuple[dict[str, float], float]:
        """What readers see while the file is applied, and how many of its rows were, per second."""
        from inventory.services import cancel_import
        from oms.clock import now
        from oms.errors import IllegalMove

        row = self._received(self._file(1.0, rows=rows), throttle=throttle)
        with _worker():
            self._wait_until_it_applies(row)
            before, begun = row.rows_done, time.perf_counter()
            seen = self._read(seconds)
            row.refresh_from_db()
            speed = (row.rows_done - before) / (time.perf_counter() - begun)
            if row.status == "completed":
                _say("the file ended before the readers did; take more --rows")
            else:
                with contextlib.suppress(IllegalMove):  # it has ended since
                    cancel_import(import_id=row.pk, actor="benchmark", as_of=now())
        return seen, speed

    def _wait_until_it_applies(self, row: Any) -> None:
        until = time.monotonic() + 120
        while not row.done_until and time.monotonic() < until:
            time.sleep(0.05)
            row.refresh_from_db()

    # ---- events ----------------------------------------------------------------------------------

    def _events(self) -> None:
        """Five thousand deltas in one request; then one, looked for until it is seen."""
        skus = [f"SKU{number:07d}" for number in range(1, 5001)]
        seconds = []
        for attempt in range(4):
            events = [self._event(f"b{attempt}-{sku}", sku, 1) for sku in skus]
            begun = time.perf_counter()
            answer = self._ask("POST", "/api/v1/stock/events/", {"events": events})
            seconds.append(time.perf_counter() - begun)
            assert {row["status"] for row in answer["results"]} == {"applied"}
        self.report.batch_seconds = median(seconds[1:])
        sku, path = skus[0], f"/api/v1/availability/?sku={skus[0]}&location=WH-0001"
        before = self._ask("GET", path)["results"][0]["locations"][0]["sellable"]
        begun = time.perf_counter()
        self._ask("POST", "/api/v1/stock/events/", {"events": [self._event("one", sku, -7)]})
        while self._ask("GET", path)["results"][0]["locations"][0]["sellable"] != before - 7:
            assert time.perf_counter() - begun < 10
        self.report.seen_seconds = time.perf_counter() - begun

    @staticmethod
    def _event(name: str, sku: str, units: int) -> dict[str, Any]:
        from oms.clock import now

        at = now().isoformat()
        return {
            "id": f"{name}-{at}",
            "sku": sku,
            "location": "WH-0001",
            "kind": "delta",
            "quantity": units,
            "occurred_at": at,
        }

    def _ask(self, method: str, path: str, body: Any = None) -> Any:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        connection.request(method, path, None if body is None else json.dumps(body), headers)
        answer = connection.getresponse()
        text = answer.read()
        connection.close()
        assert answer.status == 200, text[:500]
        return json.loads(text)


_FLOOR_TABLE = """
CREATE TEMP TABLE counted (sku varchar(64) COLLATE "C", location varchar(64) COLLATE "C", quantity int) ON COMMIT DROP"""
_FLOOR_MOVEMENTS = """
INSERT INTO inventory_stockmovement
    (sku, location_id, cause, quantity, reference, actor, source, occurred_at, recorded_at)
SELECT c.sku, c.location, 'count', c.quantity - s.on_hand, 'floor', 'benchmark', 'erp', now(), now()
FROM counted c JOIN inventory_stocklevel s ON s.sku = c.sku AND s.location_id = c.location
WHERE s.on_hand <> c.quantity"""
_FLOOR_LEVELS = """
UPDATE inventory_stocklevel s SET on_hand = c.quantity, counted_at = now(), updated_at = now()
FROM counted c WHERE s.sku = c.sku AND s.location_id = c.location"""


def _medians(spells: Sequence[Mapping[str, float]]) -> dict[str, float]:
    return {name: median(spell[name] for spell in spells) for name in spells[0]}


def _cpu(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


class _Watched:
    """The worker's process, looked at ten times a second."""

    def __init__(self, process: subprocess.Popen[bytes]):
        self.process = process
        self.most_mb = self.cpu = self.postgres_cpu = 0.0
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def _watch(self) -> None:
        worker = psutil.Process(self.process.pid)
        backend: psutil.Process | None = None
        with contextlib.suppress(psutil.Error):
            while self.process.poll() is None:
                self.most_mb = max(self.most_mb, worker.memory_info().rss / 2**20)
                self.cpu = _cpu(worker)
                backend = backend or _backend_of_worker()
                if backend and backend.is_running():
                    self.postgres_cpu = max(self.postgres_cpu, _cpu(backend))
                time.sleep(0.1)

    def wait(self) -> None:
        assert self.process.wait() == 0
        self._thread.join()


def _backend_of_worker() -> psutil.Process | None:
    """Its database connection: it says its name."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT pid FROM pg_stat_activity WHERE application_name = 'importer' LIMIT 1")
        row = cursor.fetchone()
    connection.close()  # this thread's own
    return psutil.Process(row[0]) if row else None


@contextlib.contextmanager
def _worker() -> Iterator[_Watched]:
    """The code of the importer, in a process of its own."""
    # It asks for no broker; naming one keeps it from starting engines here, and from stopping ours at its end.
    environment = {"REDIS_URL": "redis://127.0.0.1:6379/0", **os.environ, "OMS_PROCESS": "importer"}
    process = subprocess.Popen(
        [sys.executable, "manage.py", "apply_imports"], cwd=ROOT, env=environment, stdout=subprocess.DEVNULL
    )
    try:
        yield _Watched(process)
    finally:
        process.terminate()
        process.wait()


if __name__ == "__main__":
    main()
