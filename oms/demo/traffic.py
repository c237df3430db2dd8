"""What keeps the demo moving: shoppers that order, stores that work, sleep or decline, carriers that deliver.

A client like any other: it knows the public API, three keys and nothing else, so it needs neither Django nor
the database, and outlives restarts of both. What becomes of a piece of work is drawn from its id, so a
restarted traffic goes on as if nothing had happened.

Run by `make demo` as `python -m oms.demo.traffic`, by hand as `manage.py demo_traffic`.
"""

import argparse
import http.client
import json
import os
import random
import signal
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

from inventory.calendars import calendar_of
from inventory.hours import Calendar
from oms.demo import TILLS, shoppers
from oms.demo.keyring import Keys, read_keys
from oms.demo.shoppers import Item
from oms.demo.ways import arrival_by_ship

Document = dict[str, Any]

TICK_SECONDS = 5.0
ORDERS_PER_MINUTE = 4.0
_TIMEOUT_SECONDS = 20.0
_LONGEST_PAUSE = 30.0

# Places where visitors may sign in: they are left time to do the work themselves.
STAFFED = frozenset({"LYON-PART-DIEU", "HUB-PARIS", "SUP-VOSGES"})

_TOKENS = {"tok_declined": 0.03, "tok_pending": 0.04, "tok_timeout": 0.01, "tok_timeout_after_success": 0.01}
_PAYS_IN_STORE, _CHANGES_MIND = 0.3, 0.04
_HOLDS_CART, _FORGETS_CART = 0.5, 0.15
_SLEEPS, _DECLINES, _SHORT, _NEVER_COLLECTS = 0.10, 0.06, 0.04, 0.03
_DECLINE_REASONS = ("too_busy", "out_of_stock", "damaged", "too_busy", "other")
_ANSWER_WITHIN, _PREPARE_WITHIN = timedelta(minutes=4), timedelta(minutes=45)
_DUE_SOON = timedelta(hours=3)
_CARRIERS = {
    "standard": ("colivia-home", "CV"),
    "express": ("colivia-express", "CX"),
    "same_day": ("velox-courier", "VX"),
}


class Unreachable(Exception):
    """The system does not answer, or says that it cannot now: try again later."""


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: Any

    @property
    def is_ok(self) -> bool:
        return self.status < 300


class Api:
    """One caller of the API over one kept connection."""

    def __init__(self, url: str, key: str):
        parts = urlsplit(url)
        maker = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        self._connection = maker(parts.hostname or "127.0.0.1", parts.port, timeout=_TIMEOUT_SECONDS)
        self._headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}

    def get(self, path: str, **parameters: Any) -> Answer:
        query = f"?{urlencode(parameters, doseq=True)}" if parameters else ""
        return self._ask("GET", f"/api/v1/{path}{query}", None, {})

    def post(self, path: str, body: Any, *, once: str = "") -> Answer:
        """`once`: the idempotency key, where the act may be repeated."""
        return self._ask("POST", f"/api/v1/{path}", json.dumps(body), {"Idempotency-Key": once} if once else {})

    def all(self, path: str, **parameters: Any) -> Iterator[Document]:
        """Every row of a paged list."""
        page = self.get(path, **parameters)
        while page.is_ok:
            yield from page.body["results"]
            if not page.body["next"]:
                return
            following = urlsplit(page.body["next"])
            page = self._ask("GET", f"{following.path}?{following.query}", None, {})

    def _ask(self, method: str, path: str, body: str | None, headers: Mapping[str, str]) -> Answer:
        """Errors: Unreachable."""
        try:
            status, text = self._send(method, path, body, headers)
        except (OSError, http.client.HTTPException):
            status, text = self._send_anew(method, path, body, headers)  # the server hangs up what was idle
        if status >= 500 or status == 429:
            raise Unreachable(f"{status} for {method} {path}")
        return Answer(status, json.loads(text) if text else None)

    def _send(self, method: str, path: str, body: str | None, headers: Mapping[str, str]) -> tuple[int, bytes]:
        self._connection.request(method, path, body, {**self._headers, **headers})
        response = self._connection.getresponse()
        return response.status, response.read()

    def _send_anew(self, method: str, path: str, body: str | None, headers: Mapping[str, str]) -> tuple[int, bytes]:
        """Once more over a fresh connection: all we post carries its own id, so twice is once. Errors: Unreachable."""
        self._connection.close()
        try:
            return self._send(method, path, body, headers)
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()
            raise Unreachable(str(error)) from error


@dataclass(frozen=True, slots=True)
class Place:
    code: str
    kind: str
    calendar: Calendar
    paused_until: datetime | None = None

    def takes_pickups(self, now: datetime) -> bool:
        is_paused = self.paused_until is not None and now < self.paused_until
        return self.kind == "store" and self.calendar.is_open(now) and not is_paused


def _place(document: Document) -> Place:
    calendar = calendar_of(
        document["timezone"],
        document["opening_hours"],
        document["closures"],
        document["special_hours"],
        document["holiday_calendar"] or "",
    )
    paused_until = document["paused_until"]
    return Place(document["code"], document["kind"], calendar, paused_until and _instant(paused_until))


class Traffic:
    """The acts of everybody, a tick at a time. `rate`: orders per minute."""

    def __init__(self, url: str, keys: Keys, *, rate: float, rng: random.Random):
        self.web, self.marketplace, self.stores = Api(url, keys.web), Api(url, keys.marketplace), Api(url, keys.stores)
        self.rate = rate
        self.rng = rng
        self.items: list[Item] = []
        self.places: dict[str, Place] = {}
        self.regrets: list[tuple[datetime, str]] = []  # (when, order) of shoppers who will cancel
        self.last_order_at = self.next_round_at = datetime.min.replace(tzinfo=UTC)
        self.to_come = 0.0  # shoppers until the next order, drawn anew after each

    def tick(self, now: datetime) -> None:
        """Do what is due. Errors: Unreachable (the next tick goes on)."""
        if not self.places:
            self._look_around()
        for _ in range(self._orders_due(now)):
            self._order(now)
        self._regret(now)
        due = self._due_work(now)
        if any(work["location"] not in self.places for work in due):  # somebody opened it meanwhile
            self._look_around()
        for work in due:
            self._work(work, now)
        if now >= self.next_round_at:
            self.next_round_at = now + timedelta(minutes=1)
            self._deliver(now)
            self._decide(now)
            self._restock()

    def _look_around(self) -> None:
        products = self.web.all("products/", channel="web", page_size=500)
        self.items = [
            Item(p["sku"], Decimal(p["channel_price"]["amount"]), p["tax_class"]) for p in products if p["is_active"]
        ]
        random.Random("popularity").shuffle(self.items)
        self.places = {place["code"]: _place(place) for place in self.web.all("locations/", page_size=500)}

    # -- shoppers ----------------------------------------------------------------------------------

    def _orders_due(self, now: datetime) -> int:
        """How many shoppers came since the last tick; what was missed in a long silence is not made up for."""
        elapsed = min((now - self.last_order_at).total_seconds(), 2 * TICK_SECONDS)
        self.last_order_at = now
        came, self.to_come = 0, self.to_come - elapsed * self.rate / 60
        while self.to_come <= 0:
            came, self.to_come = came + 1, self.to_come + self.rng.expovariate(1)
        return came

    def _order(self, now: datetime) -> None:
        errand = shoppers.pick_errand(self.rng, stores=self._open_stores(now))
        basket = self._in_stock(errand.location) if errand.location else shoppers.pick_items(self.rng, self.items)
        if not basket:
            return
        body = shoppers.order_body(
            self.rng,
            errand,
            basket,
            external_id=f"{errand.channel[0].upper()}-{time.time_ns() // 1_000_000:x}",
            token=shoppers.pick_token(self.rng, _TOKENS),
            pays_in_store=errand.method == "pickup" and self.rng.random() < _PAYS_IN_STORE,
        )
        shop = self.marketplace if errand.channel == "marketplace" else self.web
        if shop is self.web and self.rng.random() < _HOLDS_CART:
            held = self._hold(body)
            if held is None or self.rng.random() < _FORGETS_CART:
                return
            body["reservation"] = held
        answer = shop.post("orders/", body, once=body["external_id"])
        say(_told(body, answer))
        if answer.is_ok and shop is self.web and self.rng.random() < _CHANGES_MIND:
            self.regrets.append((now + timedelta(seconds=self.rng.uniform(10, 60)), answer.body["number"]))

    def _hold(self, body: Document) -> str | None:
        """A shopper who takes a while: the cart keeps its units meanwhile. None where they are gone."""
        delivery = body["delivery"]
        lines = [
            {"sku": line["sku"], "quantity": line["quantity"], "location": delivery.get("location")}
            for line in body["lines"]
        ]
        asked = {"cart": f"cart-{body['external_id']}", "channel": body["channel"], "lines": lines, "ttl_seconds": 600}
        answer = self.web.post("reservations/", asked | {"method": delivery["method"]}, once=asked["cart"])
        return answer.body["id"] if answer.is_ok else None

    def _open_stores(self, now: datetime) -> list[str]:
        """Where shoppers collect now; the places that visitors look at more often."""
        stores = [place for place in self.places.values() if place.takes_pickups(now)]
        return [place.code for place in stores for _ in range(4 if place.code in STAFFED else 1)]

    def _in_stock(self, store: str) -> list[tuple[Item, int]]:
        """One or two things of which the store has some."""
        asked = {item.sku: item for item in self.rng.sample(self.items, min(60, len(self.items)))}
        answer = self.web.get("availability/", sku=",".join(asked), location=store, method="pickup")
        found = [
            row["sku"] for row in answer.body["results"] if row["locations"] and row["locations"][0]["sellable"] > 1
        ]
        return [(asked[sku], 1) for sku in found[: self.rng.choice((1, 1, 2))]]

    def _regret(self, now: datetime) -> None:
        due = [regret for regret in self.regrets if regret[0] <= now]
        self.regrets = [regret for regret in self.regrets if regret[0] > now]
        for _at, number in due:
            self.web.post(f"orders/{number}/cancel/", {"reason": "changed my mind"}, once=f"regret-{number}")

    # -- places ------------------------------------------------------------------------------------

    def _due_work(self, now: datetime) -> list[Document]:
        """What places could do now; work that waits for tomorrow's opening is not looked at."""
        soon = {"due_before": (now + _DUE_SOON).isoformat(), "page_size": 200}
        given = self.stores.get("fulfillments/", status=["assigned", "accepted", "picking", "packed"], **soon)
        ready = self.stores.get("fulfillments/", status="ready_for_pickup", **soon)
        suppliers = [code for code, place in self.places.items() if place.kind == "supplier"]
        asked = [self.stores.get("fulfillments/", status="assigned", location=code) for code in suppliers]
        return [work for answer in (given, ready, *asked) if answer.is_ok for work in answer.body["results"]]

    def _work(self, work: Document, now: datetime) -> None:
        steps = {
            "assigned": self._answer,
            "accepted": self._pick,
            "picking": self._finish,
            "packed": self._finish,
            "ready_for_pickup": self._hand_over,
        }
        if step := steps.get(work["status"]):  # it may have ended since the list was asked for
            step(work, random.Random(f"{work['id']} {work['status']}"), now)

    def _act(self, work: Document, action: str, body: Any = None) -> None:
        """A refusal means that somebody was faster: a person, or the clock."""
        self.stores.post(f"fulfillments/{work['id']}/{action}/", body or {}, once=f"{work['id']}-{action}")

    def _answer(self, work: Document, rng: random.Random, now: datetime) -> None:
        is_store = self.places[work["location"]].kind == "store"
        fate = rng.random()
        if is_store and fate < _SLEEPS:
            return
        share = rng.uniform(0.8, 0.9) if work["location"] in STAFFED else rng.uniform(0.1, 0.7)
        if now < _moment(work["assigned_at"], work["acknowledge_by"], share, _ANSWER_WITHIN):
            return
        if is_store and fate < _SLEEPS + _DECLINES:
            reason = rng.choice(_DECLINE_REASONS)
            say(f"{work['location']} declines #{work['order']}: {reason}")
            self._act(work, "decline", {"reason": reason})
        else:
            self._act(work, "acknowledge")

    def _pick(self, work: Document, rng: random.Random, now: datetime) -> None:
        share = rng.uniform(0.5, 0.8) if work["location"] in STAFFED else rng.uniform(0.05, 0.25)
        if now < _moment(work["assigned_at"], work["ready_by"], share, _PREPARE_WITHIN):
            return
        self._act(work, "pick", {"lines": [_found(line, rng) for line in work["lines"] if _asked(line)]})

    def _finish(self, work: Document, rng: random.Random, now: datetime) -> None:
        """What is picked leaves; what a visitor has begun stays theirs."""
        if any(line["picked"] + line["short"] < _asked(line) for line in work["lines"]) or (
            work["location"] in STAFFED and work["claimed_by"] and work["claimed_by"].startswith("user:")
        ):
            return
        if work["method"] == "pickup":
            self._act(work, "ready", {"staging": f"{rng.choice('ABC')}-{rng.randint(1, 12):02d}"})
        else:
            service, prefix = _CARRIERS[work["service"]]
            number = f"{prefix}{rng.randrange(10**11):011d}"
            self._act(work, "ship", {"carrier_service": service, "tracking_number": number})

    def _hand_over(self, work: Document, rng: random.Random, now: datetime) -> None:
        """Shoppers come when the place is open, some twenty minutes after it is ready; a few never do."""
        comes = self.rng.random() < TICK_SECONDS / 1200
        if rng.random() > _NEVER_COLLECTS and comes and self.places[work["location"]].calendar.is_open(now):
            self._act(work, "hand_over", {"identity_checked": True})

    # -- carriers, headquarters, lorries -----------------------------------------------------------

    def _deliver(self, now: datetime) -> None:
        answer = self.stores.get("fulfillments/", status="shipped", page_size=200)
        for work in answer.body["results"] if answer.is_ok else ():
            if now >= _arrival(work):
                self._act(work, "deliver")

    def _decide(self, now: datetime) -> None:
        """Customer service takes its time over the queue, so that a visitor finds something in it."""
        answer = self.stores.get("exceptions/", status="open", page_size=200)
        for case in answer.body["results"] if answer.is_ok else ():
            rng = random.Random(case["id"])
            if now >= _instant(case["opened_at"]) + timedelta(minutes=rng.uniform(15, 240)):
                offers = case["facts"].get("offers") or []
                action = {"action": "reroute", "location": offers[0]["location"]} if offers else {"action": "cancel"}
                self.stores.post(f"exceptions/{case['id']}/resolve/", {**action, "note": "agreed by phone"})

    def _restock(self) -> None:
        """A lorry comes to one place: what has run out is filled up, some things are sold at the till."""
        place = self.rng.choice([place for place in self.places.values() if place.kind in ("store", "warehouse")])
        levels = list(self.stores.all("stock/", location=place.code, page_size=500))
        low = [level for level in levels if level["sellable"] <= 0][:40]
        plenty = [level for level in levels if level["sellable"] > 3]
        sold = self.rng.sample(plenty, min(3, len(plenty))) if place.kind == "store" else []
        depth = 6 if place.kind == "store" else 40
        events = [_stock_event(level, self.rng.randint(2, depth), "delivery") for level in low]
        events += [_stock_event(level, -1, "sale") for level in sold]
        if events:
            self.stores.post("stock/events/", {"events": events})


def _told(body: Document, answer: Answer) -> str:
    delivery = body["delivery"]
    way = delivery.get("location") or delivery["service"]
    if not answer.is_ok:
        return f"{body['external_id']} refused: {answer.body.get('code')}"
    places = ", ".join(work["location"] for work in answer.body["fulfillments"])
    return f"#{answer.body['number']} {body['channel']} {delivery['method']} {way}: {places or answer.body['status']}"


def _arrival(work: Document) -> datetime:
    """Roads are short in the demo, so that visitors see parcels come."""
    rng, sent_at = random.Random(f"{work['id']} delivery"), _instant(work["shipment"]["handed_over_at"])
    by_road = sent_at + timedelta(minutes=min(rng.lognormvariate(5, 1.2), 2500))
    promised_at = work["promised_at"]
    return (promised_at and arrival_by_ship(rng, sent_at, _instant(promised_at))) or by_road


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _moment(since: str, due: str, share: float, at_most: timedelta) -> datetime:
    """After this share of the time there is; of a time that spans a night, only its end counts."""
    last = _instant(due)
    return last - (1 - share) * min(last - _instant(since), at_most)


def _asked(line: Document) -> int:
    return line["quantity"] - line["canceled"]


def _found(line: Document, rng: random.Random) -> Document:
    if rng.random() < _SHORT:
        reason = rng.choice(("not_found", "damaged"))
        return {"line": line["line"], "picked": _asked(line) - line["short"] - 1, "short_reason": reason}
    return {"line": line["line"], "picked": _asked(line) - line["short"]}


def _stock_event(level: Document, quantity: int, reason: str) -> Document:
    return {
        "id": f"{reason}-{level['location']}-{level['sku']}-{time.time_ns()}",
        "sku": level["sku"],
        "location": level["location"],
        "kind": "delta",
        "quantity": quantity,
        "reason": reason,
        "source": TILLS if reason == "sale" else "",
        "occurred_at": datetime.now(UTC).isoformat(),
    }


# ---- the process -----------------------------------------------------------------------------------


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def run(traffic: Traffic, stopped: threading.Event) -> None:
    """Tick until told to stop; while the system does not answer, ask ever less often."""
    pause = TICK_SECONDS
    while not stopped.wait(pause):
        try:
            traffic.tick(datetime.now(UTC))
            pause = TICK_SECONDS
        except Unreachable as error:
            pause = min(pause * 1.5, _LONGEST_PAUSE)
            say(f"waiting {pause:.0f} s: {error}")


def default_url() -> str:
    host = os.environ.get("HOST") or "127.0.0.1"
    return f"http://{'127.0.0.1' if host == '0.0.0.0' else host}:{os.environ.get('PORT') or 8000}"


def default_home() -> Path:
    return Path(os.environ.get("OMS_HOME") or Path(__file__).resolve().parents[2] / ".oms")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--rate", type=float, default=ORDERS_PER_MINUTE, help="orders per minute")
    parser.add_argument("--url", default=default_url(), help="where the system answers")


def serve(*, url: str, rate: float) -> None:
    keys = read_keys(default_home())
    if keys is None:
        sys.exit("No demo keys here: run manage.py load_demo and manage.py demo_credentials first.")
    stopped = threading.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: stopped.set())
    run(Traffic(url, keys, rate=rate, rng=random.Random()), stopped)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Live orders for the demo retailer.")
    add_arguments(parser)
    serve(**vars(parser.parse_args(arguments)))


if __name__ == "__main__":
    main()
