"""Replay real baskets through the public API of a running system, work on some, leave others to time out.

Starts its own engines, web server, worker and beat; every order, stock event and store action goes over HTTP.
Only the proof at the end reads the database, for it must not trust what the API says.
"""

import argparse
import http.client
import json
import os
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any
from uuid import uuid4

import psycopg

from benchmarks import baskets as real
from benchmarks import system
from oms.dev.engines import ROOT, Postgres, engines, oms_home

_SOON_MINUTES = 0.05  # the short service level of those who are left to time out
_STEPS = (
    {"name": "one warehouse within a day", "from": {"kinds": ["warehouse"], "max_distance_km": 500}},
    {"name": "one store within a day", "from": {"kinds": ["store"], "max_distance_km": 700}},
    {"name": "any places", "weights": {"cost": 1, "distance_km": 0.002}, "rest": "refuse"},
)
_WHOLE = {"max_parcels": 1, "complete": True, "rest": "next"}
_RULES = {
    "name": "replay",
    "channels": [],
    "rules": [
        {"name": "one parcel near, else what is cheapest", "steps": [_WHOLE | _STEPS[0], _WHOLE | _STEPS[1], _STEPS[2]]}
    ],
}
_ZONES = [
    {
        "code": f"z{n}",
        "countries": ["US"],
        "max_distance_km": km,
        "transit_days": n + 1,
        "rates": [
            {"max_weight_g": grams, "price": f"{5 + 1.5 * n + grams / 1000 * 0.6:.2f}"} for grams in (1000, 5000, 20000)
        ],
    }
    for n, km in enumerate((250, 1000, 2500, None))
]
_CARRIER = {
    "code": "ground",
    "carrier": "Ground",
    "name": "Ground",
    "service": "standard",
    "currency": real.CURRENCY,
    "zones": _ZONES,
}


@dataclass(slots=True)
class Answer:
    """What became of one order. Times are of this process's monotonic clock."""

    external_id: str
    sent_at: float
    answered_at: float
    status: int
    document: dict[str, Any]


@dataclass(slots=True)
class Figures:
    sent: int = 0
    placed: int = 0
    refused: int = 0
    invalid: int = 0
    lines: int = 0
    placing_seconds: float = 0.0
    placement_p50_ms: float = 0.0
    placement_p95_ms: float = 0.0
    refusals_certain: int = 0
    refusals_consistent: int = 0
    refusals_wrong: list[str] = field(default_factory=list)
    fulfillments: int = 0
    served_by_stores: float = 0.0
    orders_split: float = 0.0
    decisions_proven_best: float = 0.0
    shipped: int = 0
    left_to_time_out: int = 0
    timed_out: int = 0
    assigned_again: int = 0
    exceptions: int = 0
    deadline_to_new_place_p95_s: float = 0.0
    places: int = 0
    stores: int = 0
    skus: int = 0
    stock_levels: int = 0
    invariants: str = ""
    misses: list[str] = field(default_factory=list)


def main() -> None:
    given = _arguments()
    figures = Figures()
    home = oms_home() / "replay"
    os.environ.pop("DATABASE_URL", None)
    os.environ.pop("REDIS_URL", None)
    with engines(home) as (postgres, _valkey):
        assert isinstance(postgres, Postgres)
        _empty(postgres)
        with _system(home) as api:
            _Replay(given, api, figures, postgres.url()).all()
        figures.invariants = _manage("check_invariants").strip().splitlines()[-1]
    _judge(figures)
    text = json.dumps(asdict(figures), indent=2)
    (home / "last.json").write_text(text)
    print(text)
    sys.exit(1 if figures.misses else 0)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benchmarks/replay_real", description=__doc__)
    for name, what in (
        ("baskets", "UCI Online Retail as CSV: invoice, stock_code, description, quantity, price"),
        ("stores", "stores as CSV: chain, store_id, address, city, state, zip, lat, lng"),
        ("postal-areas", "US postal areas as CSV: zip, lat, lng"),
    ):
        default = os.environ.get(f"OMS_REPLAY_{name.upper().replace('-', '_')}")
        parser.add_argument(f"--{name}", type=Path, default=default, required=default is None, help=what)
    parser.add_argument("--orders", type=int, default=2_200)
    parser.add_argument("--max-lines", type=int, default=12)
    parser.add_argument("--store-count", type=int, default=400)
    parser.add_argument("--refused", type=float, default=0.09, help="share of orders that should lack stock")
    parser.add_argument("--concurrency", type=int, default=8)
    parser.add_argument("--worked", type=int, default=600, help="fulfillments to accept, pick and ship")
    parser.add_argument("--sleeping", type=int, default=60, help="orders whose places do not answer")
    return parser.parse_args()


def _say(text: str) -> None:
    print(f"· {text}", file=sys.stderr, flush=True)


# ---- the running system ---------------------------------------------------------------------------


def _empty(postgres: Postgres) -> None:
    with psycopg.connect(postgres.url("postgres"), autocommit=True) as connection:
        connection.execute("DROP DATABASE IF EXISTS oms WITH (FORCE)")
        connection.execute("CREATE DATABASE oms")


def _manage(*arguments: str) -> str:
    done = subprocess.run([sys.executable, "manage.py", *arguments], cwd=ROOT, capture_output=True, text=True)
    if done.returncode and arguments[0] != "check_invariants":
        sys.exit(f"manage.py {arguments[0]} failed: {done.stderr[-2000:]}")
    return done.stdout + (done.stderr if done.returncode else "")


@contextmanager
def _system(home: Path) -> Iterator["Api"]:
    """Migrated, with a key and a channel, served by web server, worker and beat."""
    os.environ.update({"OMS_HOME": str(home), "DJANGO_SETTINGS_MODULE": "oms.settings.dev", "OMS_LOG_LEVEL": "WARNING"})
    _manage("migrate", "--verbosity", "0")
    _manage("create_channel", real.CHANNEL, "--currency", real.CURRENCY)
    token = _manage("create_api_key", "replay").strip()
    celery = [sys.executable, "-m", "celery", "--quiet", "-A", "oms"]
    commands = {
        "worker": [*celery, "worker", "-Q", "default,clock,outbox", "--concurrency", "2", "--without-gossip", "--without-mingle"],
        "beat": [*celery, "beat", "--schedule", str(home / "beat-schedule"), "--pidfile="],
    }  # fmt: skip
    with system.web_server(home / "web.log") as server:
        started = [_start(home / f"{name}.log", command) for name, command in commands.items()]
        try:
            yield Api(server.port, token)
        finally:
            for process in started:
                process.terminate()
            for process in started:
                process.wait()


def _start(log: Path, command: Sequence[str]) -> subprocess.Popen[bytes]:
    with log.open("wb") as out:
        return subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=out, stderr=out)


class Api:
    """The public API; each thread keeps a connection alive."""

    def __init__(self, port: int, token: str):
        self._port, self._token = port, token
        self._local = threading.local()

    def call(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        headers = {
            "Authorization": f"Bearer {self._token}",
            "Content-Type": "application/json",
            "Idempotency-Key": uuid4().hex,
        }
        content = None if body is None else json.dumps(body)
        try:
            return self._ask(method, f"/api/v1/{path}", content, headers)
        except (ConnectionError, http.client.RemoteDisconnected):
            del self._local.connection  # the server hangs up on who was silent for long; the key makes it one call
            return self._ask(method, f"/api/v1/{path}", content, headers)

    def _ask(self, method: str, path: str, content: str | None, headers: dict[str, str]) -> tuple[int, Any]:
        if not hasattr(self._local, "connection"):
            self._local.connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=120)
        self._local.connection.request(method, path, content, headers)
        answer = self._local.connection.getresponse()
        document = answer.read()
        return answer.status, json.loads(document) if document else None

    def must(self, method: str, path: str, body: Any = None) -> Any:
        status, document = self.call(method, path, body)
        if status >= 300:
            sys.exit(f"{method} {path}: {status} {json.dumps(document)[:1000]}")
        return document

    def bulk(
        self, path: str, rows: Sequence[Any], envelope: Callable[[Sequence[Any]], Any] = lambda rows: rows
    ) -> None:
        for start in range(0, len(rows), 5_000):
            answered = self.must("POST", path, envelope(rows[start : start + 5_000]))["results"]
            if bad := [row for row in answered if row["status"] not in ("created", "updated", "applied", "unchanged")]:
                sys.exit(f"{path}: {len(bad)} rows were not taken, for example {bad[0]}")


# ---- the replay ------------------------------------------------------------------------------------


class _Replay:
    def __init__(self, given: argparse.Namespace, api: Api, figures: Figures, database: str):
        self.given, self.api, self.figures = given, api, figures
        self.database = database
        self.pool = ThreadPoolExecutor(given.concurrency)

    def all(self) -> None:
        self._set_up()
        answers = self._place([real.order_of(basket, self.zips) for basket in self.baskets])
        self._account(answers)
        self._prove_refusals(answers)
        self._describe_plans()
        self._work()
        self._sleep()
        self.pool.shutdown()

    def _set_up(self) -> None:
        given = self.given
        _say("reading the files")
        every, catalogue = real.read_baskets(
            given.baskets, count=given.orders + given.sleeping, max_lines=given.max_lines
        )
        self.baskets, self.sleepers = every[: given.orders], every[given.orders :]
        self.zips = real.read_zips(given.postal_areas)
        places = real.read_places(given.stores, stores=given.store_count)
        stock = real.stock_for(self.baskets, places, refused_share=given.refused)
        stock.update(
            {(sku, place["code"]): 50 for place in places[:5] for sku in _skus(self.sleepers) - {s for s, _ in stock}}
        )
        self.figures.places, self.figures.stores = len(places), len(places) - len(real.WAREHOUSES)
        self.figures.skus, self.figures.stock_levels = len(catalogue.names), len(stock)
        self.kinds = {place["code"]: place["kind"] for place in places}
        _say(f"loading {len(catalogue.names)} products, {len(places)} places, {len(stock):,} stock levels over the API")
        _manage("load_postal_areas", str(given.postal_areas), "--country", "US")
        self.api.bulk("products/bulk/", [_product(sku, catalogue) for sku in catalogue.names])
        self.api.bulk("locations/bulk/", places)
        self.api.must("POST", "carrier-services/", _CARRIER)
        draft = self.api.must("POST", "rule-sets/", _RULES)
        self.api.must("POST", f"rule-sets/{draft['id']}/publish/")
        self.api.must(
            "POST", "service-levels/", {"acknowledge_minutes": 240, "prepare_minutes": 480, "max_attempts": 3}
        )
        counted_at = datetime.now(UTC).isoformat()
        events = [
            {"id": f"c{n}", "sku": sku, "location": code, "kind": "count", "quantity": units, "occurred_at": counted_at}
            for n, ((sku, code), units) in enumerate(stock.items())
        ]
        self.api.bulk("stock/events/", events, lambda rows: {"events": rows})
        time.sleep(1.5)  # what web processes keep in memory is at most a second old

    # Placing ------------------------------------------------------------------------------------

    def _place(self, orders: Sequence[dict[str, Any]]) -> list[Answer]:
        _say(f"placing {len(orders)} orders, {self.given.concurrency} at a time")
        begun = time.monotonic()
        answers = list(self.pool.map(self._place_one, orders))
        self.figures.placing_seconds = round(time.monotonic() - begun, 1)
        return answers

    def _place_one(self, order: dict[str, Any]) -> Answer:
        sent_at = time.monotonic()
        status, document = self.api.call("POST", "orders/", order)
        return Answer(order["external_id"], sent_at, time.monotonic(), status, document)

    def _account(self, answers: Sequence[Answer]) -> None:
        figures = self.figures
        by_status = Counter(answer.status for answer in answers)
        figures.sent, figures.placed, figures.refused = len(answers), by_status[201], by_status[409]
        figures.invalid = figures.sent - figures.placed - figures.refused
        figures.lines = sum(len(basket.lines) for basket in self.baskets)
        took = sorted((answer.answered_at - answer.sent_at) * 1000 for answer in answers)
        figures.placement_p50_ms, figures.placement_p95_ms = (
            round(median(took), 1),
            round(took[int(len(took) * 0.95)], 1),
        )
        if figures.invalid:
            odd = next(answer for answer in answers if answer.status not in (201, 409))
            _say(f"neither placed nor refused: {odd.status} {json.dumps(odd.document)[:500]}")
        stored = self._rows("SELECT count(*) FROM orders_order")[0][0]
        if stored != figures.placed:
            figures.misses.append(f"{figures.placed} orders were answered with 201, {stored} are stored")

    def _rows(self, statement: str, *parameters: Any) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.database) as connection:
            return connection.execute(statement, parameters).fetchall()

    # Proof ---------------------------------------------------------------------------------------

    def _prove_refusals(self, answers: Sequence[Answer]) -> None:
        """Reconstruct from ledger and reservations what could be sold when each refusal was given.

        An order placed in parallel may or may not have counted already. So what was named must lie between what
        was left with all of those and what was left with none of them, and be less than was asked for.
        """
        counted = dict(self._rows("SELECT sku, sum(quantity)::int FROM inventory_stockmovement GROUP BY sku"))
        reserved = self._rows(
            "SELECT o.external_id, r.sku, sum(r.quantity)::int FROM inventory_reservation r"
            " JOIN orders_orderline l ON r.demand = 'order_line:' || l.id JOIN orders_order o ON o.id = l.order_id"
            " GROUP BY 1, 2"
        )
        by_id = {answer.external_id: answer for answer in answers}
        takers: dict[str, list[tuple[Answer, int]]] = {}
        for external_id, sku, units in reserved:
            takers.setdefault(sku, []).append((by_id[external_id], units))
        for refused in (answer for answer in answers if answer.status == 409):
            self._prove(refused, counted, takers)

    def _prove(self, refused: Answer, counted: dict[str, int], takers: dict[str, list[tuple[Answer, int]]]) -> None:
        shortages = refused.document.get("shortages") or []
        verdicts = []
        for short in shortages:
            mine = takers.get(short["sku"], [])
            held = counted.get(short["sku"], 0)
            least = held - sum(units for taker, units in mine if taker.sent_at < refused.answered_at)
            most = held - sum(units for taker, units in mine if taker.answered_at <= refused.sent_at)
            fits = least <= short["sellable"] <= most and short["sellable"] < short["requested"]
            verdicts.append((fits, most < short["requested"]))
        if not verdicts or not all(fits for fits, _certain in verdicts):
            self.figures.refusals_wrong.append(f"{refused.external_id}: {json.dumps(refused.document)[:300]}")
        elif any(certain for _fits, certain in verdicts):
            self.figures.refusals_certain += 1
        else:
            self.figures.refusals_consistent += 1

    def _describe_plans(self) -> None:
        figures = self.figures
        work = self._rows("SELECT order_id, location_id FROM orders_fulfillment")
        parcels = Counter(order for order, _place in work)
        figures.fulfillments = len(work)
        figures.served_by_stores = round(sum(self.kinds[place] == "store" for _order, place in work) / len(work), 4)
        figures.orders_split = round(sum(count > 1 for count in parcels.values()) / len(parcels), 4)
        ((proven,),) = self._rows("SELECT avg(optimal::int)::float FROM routing_decision")
        figures.decisions_proven_best = round(proven, 4)

    # Working --------------------------------------------------------------------------------------

    def _work(self) -> None:
        """Places accept, pick and ship a part of what they were given."""
        ids = [row[0] for row in self._rows("SELECT id FROM orders_fulfillment WHERE status = 'assigned' ORDER BY id")]
        _say(f"working on {min(self.given.worked, len(ids))} of {len(ids)} fulfillments")
        self.figures.shipped = sum(self.pool.map(self._ship, ids[: self.given.worked]))

    def _ship(self, fulfillment: str) -> bool:
        work = self.api.must("POST", f"fulfillments/{fulfillment}/acknowledge/", {})
        picked = {"lines": [{"line": line["line"], "picked": line["quantity"]} for line in work["lines"]]}
        self.api.must("POST", f"fulfillments/{fulfillment}/pick/", picked)
        shipped = self.api.must("POST", f"fulfillments/{fulfillment}/ship/", {"tracking_number": fulfillment[-10:]})
        return bool(shipped["status"] == "shipped")

    def _sleep(self) -> None:
        """With a short service level, places that do not answer lose their orders: to the next, at last to a person."""
        self.api.must(
            "POST", "service-levels/", {"acknowledge_minutes": _SOON_MINUTES, "prepare_minutes": 480, "max_attempts": 3}
        )
        time.sleep(1.5)
        orders = [real.order_of(basket, self.zips, prefix="SLEEP") for basket in self.sleepers]
        placed = [answer.document["id"] for answer in self.pool.map(self._place_one, orders) if answer.status == 201]
        self.figures.left_to_time_out = len(placed)
        _say(f"leaving {len(placed)} orders to places that sleep")
        self._wait_until_nobody_is_left(placed)
        self._count_losses(placed)

    def _wait_until_nobody_is_left(self, orders: Sequence[str]) -> None:
        until = time.monotonic() + 120
        while time.monotonic() < until:
            ((live,),) = self._rows(
                "SELECT count(*) FROM orders_fulfillment WHERE order_id = ANY(%s) AND status IN ('planned', 'assigned')",
                list(orders),
            )
            if not live:
                return
            time.sleep(0.5)
        self.figures.misses.append(f"{live} fulfillments of sleeping places are still waiting after two minutes")

    def _count_losses(self, orders: Sequence[str]) -> None:
        figures = self.figures
        lost = self._rows(
            "SELECT f.acknowledge_by, (SELECT min(r.assigned_at) FROM orders_fulfillment r WHERE r.replaces_id = f.id),"
            " EXISTS (SELECT FROM orders_exceptioncase x WHERE x.fulfillment_id = f.id AND x.status = 'open')"
            " FROM orders_fulfillment f WHERE f.order_id = ANY(%s) AND f.status = 'timed_out'",
            list(orders),
        )
        figures.timed_out = len(lost)
        waits = sorted((again - due).total_seconds() for due, again, _open in lost if again)
        figures.assigned_again = len(waits)
        figures.exceptions = sum(is_open for _due, _again, is_open in lost)
        figures.deadline_to_new_place_p95_s = round(waits[int(len(waits) * 0.95)], 2) if waits else 0.0


def _skus(baskets: Iterable[real.Basket]) -> set[str]:
    return {sku for basket in baskets for sku, _quantity, _price in basket.lines}


def _product(sku: str, catalogue: real.Catalogue) -> dict[str, Any]:
    return {
        "sku": sku,
        "name": {"en": catalogue.names[sku][:200]},
        "price": str(catalogue.prices[sku]),
        "currency": real.CURRENCY,
        "weight_g": 40 + len(catalogue.names[sku]) * 9,  # no weights are given: longer names, larger things
    }


def _judge(figures: Figures) -> None:
    """What must hold, in words where it does not."""
    wanted = {
        "at least 2,000 orders sent": figures.sent >= 2_000,
        "everything accounted for": figures.placed + figures.refused + figures.invalid == figures.sent,
        "no order invalid": figures.invalid == 0,
        "5 to 15 % refused": 0.05 * figures.sent <= figures.refused <= 0.15 * figures.sent,
        "each refusal proven": figures.refusals_certain + figures.refusals_consistent == figures.refused,
        "at least 30 % of the work in stores": figures.served_by_stores >= 0.30,
        "at least 3 % of the orders split": figures.orders_split >= 0.03,
        "at least 350 stores": figures.stores >= 350,
        "every sleeping place lost its work": figures.timed_out >= figures.left_to_time_out > 0,
        "invariants hold": figures.invariants.endswith("invariants hold"),
    }
    figures.misses += [name for name, holds in wanted.items() if not holds]


if __name__ == "__main__":
    main()
