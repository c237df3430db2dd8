"""Replaying the orders of simulations: whichever worker has the lease goes on where the last one stopped.

Every few seconds what was replayed since, its sums and all that the worlds have taken are written in one transaction,
which stands only if the worker still has the lease (`oms.leases`). Who goes on reads stock and capacity of the past anew
and takes the same again.
"""

import logging
import time
import zlib
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, Protocol

import orjson
from django.conf import settings
from django.db import DatabaseError, connection

from inventory.stock_book import StockBook, stock_book
from oms.actors import CLOCK
from oms.leases import Clock, LeasedWork, LeaseLost, claim
from oms.sql import insert_rows
from oms.transactions import in_transaction, use_case
from routing.capacity_book import CapacityBook, capacity_book
from routing.demand_files import unpack
from routing.models import DemandFact, SimulatedChange, Simulation
from routing.replay import World
from routing.services.acceptance import AcceptanceThen
from routing.services.demand_facts import Wanted, fact_of, told
from routing.services.scarcity import Foresight, Wish, wishes_before, wishes_of
from routing.services.side_by_side import SIDES, Replay, ids_of_live, with_decisions
from routing.services.simulations import end, facts_of_period, rules_as_if
from routing.states import LIVE_SIMULATIONS, SIMULATION_MOVES, SimulationStatus

log = logging.getLogger(__name__)

S = SimulationStatus
SECONDS_PER_CHECKPOINT = 3.0
_BATCH = 250
_MOST_FAILURES = 8


def work_on_simulations(*, now: Clock, seconds: float, only: str = "") -> int:
    """Work on whatever waits, longest first, for about so long; or on one. Returns how many simulations were worked on."""
    until, served = time.monotonic() + seconds, 0
    while row := _claim(now(), only):
        _Work(row, now=now).go_on(until)
        served += 1
        if time.monotonic() >= until:
            break
    return served


@use_case
def _claim(as_of: datetime, only: str = "") -> Simulation | None:
    row = claim(Simulation, live=LIVE_SIMULATIONS, lease=_lease_time(), as_of=as_of, only=only)
    if row and row.status == S.PENDING:
        SIMULATION_MOVES.move(row, to=S.RUNNING, actor=CLOCK, as_of=as_of)
    return row


def _lease_time() -> timedelta:
    return timedelta(seconds=settings.SIMULATION_LEASE_SECONDS)


class _Work(LeasedWork[Simulation]):
    def __init__(self, row: Simulation, *, now: Clock):
        super().__init__(row, now=now, lease=_lease_time())

    def go_on(self, until: float) -> None:
        """Until it ends, or so late. Whatever goes wrong in between is tried again, after a pause."""
        try:
            self._go_on(until)
        except LeaseLost:
            log.info("simulation was taken from us", extra={"simulation": self.row.pk})
        except DatabaseError:
            log.exception("simulation will be tried again", extra={"simulation": self.row.pk})
            connection.close()  # it may be the connection that is broken
            self._failed("database")
        except Exception:
            log.exception("simulation failed", extra={"simulation": self.row.pk})
            self._failed("error")

    def _go_on(self, until: float) -> None:
        wanted = orders_of(self.row)
        replay = self._replay(wanted)
        self._renew()
        live = () if self.row.baseline_document else ids_of_live(self.row.slots)
        changed: list[dict[str, Any]] = []
        since = time.monotonic()
        done = self.row.orders_done
        for batch in wanted.batches(done):
            for one, decided in with_decisions(batch, live=live):
                if change := replay.decide(one, decided):
                    changed.append({"simulation_id": self.row.pk, **change})
                done += 1
                if time.monotonic() - since > SECONDS_PER_CHECKPOINT:
                    self._checkpoint(replay, done, changed)
                    changed, since = [], time.monotonic()
                    if since > until:
                        self._let_go()
                        return
        self._finish(replay, done, changed)

    # ---- what is replayed ------------------------------------------------------------------------

    def _replay(self, wanted: "Orders") -> Replay:
        row = self.row
        baseline = rules_as_if(row.baseline_document, row.slots)
        candidate = rules_as_if(row.document, row.slots, id=row.rule_set)
        skus = wanted.skus()
        foresight, acceptance = Foresight(wanted.wishes), AcceptanceThen(row.created_at)
        worlds = {
            side: World(rules, *self._books(skus), foresight=foresight, acceptance=acceptance)
            for side, rules in zip(SIDES, (baseline, candidate), strict=True)
        }
        replay = Replay(worlds)
        if row.state is not None:
            replay.resume(orjson.loads(zlib.decompress(bytes(row.state))))
        return replay

    def _books(self, skus: list[str]) -> tuple[StockBook, CapacityBook]:
        row = self.row
        until = row.placed_before if row.stock_moves else None
        return (
            stock_book(skus, as_of=row.stock_as_of, until=until),
            capacity_book(as_of=row.stock_as_of, until=until),
        )

    # ---- writing it down -------------------------------------------------------------------------

    @use_case
    def _checkpoint(self, replay: Replay, done: int, changed: list[dict[str, Any]]) -> None:
        kept = self._keep(changed)
        state = zlib.compress(orjson.dumps(replay.as_json()), 1)
        self._hold(orders_done=done, changes_kept=self.row.changes_kept + kept, state="\\x" + state.hex(), failures=0)

    @in_transaction
    def _keep(self, changed: list[dict[str, Any]]) -> int:
        """The first so many; all are counted."""
        kept = changed[: max(0, settings.SIMULATION_CHANGES_KEPT - self.row.changes_kept)]
        insert_rows({SimulatedChange: kept} if kept else {})
        return len(kept)

    @use_case
    def _finish(self, replay: Replay, done: int, changed: list[dict[str, Any]]) -> None:
        kept = self._keep(changed)
        as_of = self.now()
        figures = replay.figures
        values: dict[str, Any] = {
            "orders_done": done,
            "orders_total": done,  # some may have been forgotten meanwhile
            "changes_kept": self.row.changes_kept + kept,
            "figures": figures,
        }
        self._hold(**values)
        facts = {"orders": done, "changed": figures["comparison"]["changed"]}
        end(self.row, to=S.COMPLETED, actor=CLOCK, as_of=as_of, facts=facts)

    def _failed(self, code: str) -> None:
        """One that fails for good is given up."""
        if self._pause() < _MOST_FAILURES:
            return
        try:
            with use_case:
                self._hold()
                end(self.row, to=S.FAILED, actor=CLOCK, as_of=self.now(), failure={"code": code})
        except LeaseLost:
            log.info("simulation was taken from us", extra={"simulation": self.row.pk})


# ---- which orders -------------------------------------------------------------------------------------


def orders_of(row: Simulation) -> "Orders":
    return _OfFile(row) if row.source == Simulation.Source.FILE else _OfPeriod(row)


class Orders(Protocol):
    def batches(self, done: int) -> Iterator[list[Wanted]]:
        """Those behind the first `done`, by time."""
        ...

    def skus(self) -> list[str]: ...

    def wishes(self) -> Iterator[Wish]:
        """They and what was wanted before, for forecasts."""
        ...


class _OfFile:
    def __init__(self, row: Simulation):
        self.row = row
        self.wanted = unpack(bytes(row.demands or b""))

    def batches(self, done: int) -> Iterator[list[Wanted]]:
        for begin in range(done, len(self.wanted), _BATCH):
            yield self.wanted[begin : begin + _BATCH]

    def skus(self) -> list[str]:
        return sorted({line.sku for one in self.wanted for line in one.demand.lines})

    def wishes(self) -> Iterator[Wish]:
        yield from wishes_before(self.row.placed_after)
        yield from wishes_of(map(fact_of, self.wanted))


_SKUS = """
SELECT DISTINCT line ->> 0 FROM routing_demandfact, jsonb_array_elements(lines) line
WHERE at > %s AND at <= %s AND id <= %s"""


class _OfPeriod:
    def __init__(self, row: Simulation):
        self.row = row
        self.facts = facts_of_period(row.placed_after, row.placed_before).filter(pk__lte=row.last_fact)
        self.ids = list(self.facts.values_list("pk", flat=True))

    def batches(self, done: int) -> Iterator[list[Wanted]]:
        for begin in range(done, len(self.ids), _BATCH):
            ids = self.ids[begin : begin + _BATCH]
            rows = DemandFact.objects.in_bulk(ids)
            yield list(told(rows[pk] for pk in ids if pk in rows))

    def skus(self) -> list[str]:
        with connection.cursor() as cursor:
            cursor.execute(_SKUS, [self.row.placed_after, self.row.placed_before, self.row.last_fact])
            return [sku for (sku,) in cursor.fetchall()]

    def wishes(self) -> Iterator[Wish]:
        yield from wishes_before(self.row.placed_after)
        yield from wishes_of(self.facts.iterator())
