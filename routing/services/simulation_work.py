"""Replaying the orders of simulations: whichever worker has the lease goes on where the last one stopped.

Celery is only the alarm clock: what is to be done stands in the simulation's row. Every few seconds what was replayed
since, its sums and all that the worlds have taken are written in one transaction, which stands only if the worker still
has the lease. Who goes on reads stock and capacity of the past anew and takes the same again.
"""

import logging
import time
import zlib
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from secrets import token_hex
from typing import Any

import orjson
from django.conf import settings
from django.db import DatabaseError, connection

from inventory.stock_book import StockBook, stock_book
from oms.actors import CLOCK
from oms.sql import insert_rows, read_rows, update_rows
from oms.transactions import in_transaction, use_case
from routing.capacity_book import CapacityBook, capacity_book
from routing.demand_files import unpack
from routing.models import DemandFact, SimulatedChange, Simulation
from routing.replay import World
from routing.services.demand_facts import Wanted, told
from routing.services.side_by_side import SIDES, Replay, ids_of_live, with_decisions
from routing.services.simulations import facts_of_period, rules_as_if
from routing.states import LIVE_SIMULATIONS, SIMULATION_MOVES, SimulationStatus

log = logging.getLogger(__name__)

S = SimulationStatus
Clock = Callable[[], datetime]
SECONDS_PER_CHECKPOINT = 3.0
_BATCH = 250
_MOST_FAILURES = 8


class _LeaseLost(Exception):
    """The simulation was canceled, or another worker has it now; the transaction must not stand."""


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
    """Lease the simulation that has waited longest since it was last worked on."""
    found = read_rows(
        Simulation,
        "WHERE t.status = ANY(%s) AND (t.leased_until IS NULL OR t.leased_until <= %s) AND %s IN ('', t.id)"
        " ORDER BY t.served_at LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED",
        [sorted(map(str, LIVE_SIMULATIONS)), as_of, only],
    )
    for row in found:
        row.lease, row.leased_until, row.served_at = token_hex(8), as_of + _lease_time(), as_of
        row.started_at = row.started_at or as_of
        row.save(update_fields=["lease", "leased_until", "served_at", "started_at"])
        if row.status == S.PENDING:
            SIMULATION_MOVES.move(row, to=S.RUNNING, actor=CLOCK, as_of=as_of)
    return found[0] if found else None


def _lease_time() -> timedelta:
    return timedelta(seconds=settings.SIMULATION_LEASE_SECONDS)


class _Work:
    """One worker's hold on one simulation."""

    def __init__(self, row: Simulation, *, now: Clock):
        self.row = row
        self.now = now

    def go_on(self, until: float) -> None:
        """Until it ends, or so late. Whatever goes wrong in between is tried again, after a pause."""
        try:
            self._go_on(until)
        except _LeaseLost:
            log.info("simulation was taken from us", extra={"simulation": self.row.pk})
        except DatabaseError:
            log.exception("simulation failed for now", extra={"simulation": self.row.pk})
            connection.close()  # it may be the connection that is broken
            self._pause("database")
        except Exception:
            log.exception("simulation failed", extra={"simulation": self.row.pk})
            self._pause("error")

    def _go_on(self, until: float) -> None:
        wanted = self._wanted()
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

    def _wanted(self) -> "_Orders":
        if self.row.source == Simulation.Source.FILE:
            return _OfFile(unpack(bytes(self.row.demands or b"")))
        return _OfPeriod(self.row)

    def _replay(self, wanted: "_Orders") -> Replay:
        row = self.row
        baseline = rules_as_if(row.baseline_document, row.slots)
        candidate = rules_as_if(row.document, row.slots, id=row.rule_set)
        skus = wanted.skus()
        worlds = {
            side: World(rules, *self._books(skus)) for side, rules in zip(SIDES, (baseline, candidate), strict=True)
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

    @in_transaction
    def _hold(self, **values: Any) -> None:
        """Renew the lease and write `values`, at the end of a transaction. Errors: _LeaseLost."""
        as_of = self.now()
        values |= {"leased_until": as_of + _lease_time(), "updated_at": as_of}
        mine = {"id": self.row.pk, "lease": self.row.lease, "status": self.row.status}
        if not update_rows(Simulation, [mine | values], only_if="t.lease = r.lease AND t.status = r.status"):
            raise _LeaseLost()
        for name, value in values.items():
            setattr(self.row, name, value)

    @use_case
    def _renew(self) -> None:
        self._hold()

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
        ended: dict[str, Any] = {"finished_at": as_of, "lease": "", "leased_until": None, "state": None}
        facts = {"orders": done, "changed": figures["comparison"]["changed"]}
        SIMULATION_MOVES.move(self.row, to=S.COMPLETED, actor=CLOCK, as_of=as_of, facts=facts, **ended)

    def _let_go(self) -> None:
        """Others may go on at once."""
        Simulation.objects.filter(pk=self.row.pk, lease=self.row.lease).update(lease="", leased_until=None)

    def _pause(self, code: str) -> None:
        """Try again later, and later still each time; one that fails for good is given up."""
        failures = self.row.failures + 1
        pause = self.now() + timedelta(seconds=min(2**failures, 300))
        mine = Simulation.objects.filter(pk=self.row.pk, lease=self.row.lease)
        if mine.update(failures=failures, leased_until=pause) and failures >= _MOST_FAILURES:
            self._give_up(code)

    @use_case
    def _give_up(self, code: str) -> None:
        as_of = self.now()
        ended: dict[str, Any] = {"finished_at": as_of, "lease": "", "leased_until": None, "state": None}
        SIMULATION_MOVES.move(self.row, to=S.FAILED, actor=CLOCK, as_of=as_of, failure={"code": code}, **ended)


# ---- which orders -------------------------------------------------------------------------------------


class _Orders:
    def batches(self, done: int) -> Iterator[list[Wanted]]:
        """Those behind the first `done`, by time."""
        raise NotImplementedError

    def skus(self) -> list[str]:
        raise NotImplementedError


class _OfFile(_Orders):
    def __init__(self, wanted: list[Wanted]):
        self.wanted = wanted

    def batches(self, done: int) -> Iterator[list[Wanted]]:
        for begin in range(done, len(self.wanted), _BATCH):
            yield self.wanted[begin : begin + _BATCH]

    def skus(self) -> list[str]:
        return sorted({line.sku for one in self.wanted for line in one.demand.lines})


_SKUS = """
SELECT DISTINCT line ->> 0 FROM routing_demandfact, jsonb_array_elements(lines) line
WHERE at > %s AND at <= %s AND id <= %s"""


class _OfPeriod(_Orders):
    def __init__(self, row: Simulation):
        self.row = row
        facts = facts_of_period(row.placed_after, row.placed_before).filter(pk__lte=row.last_fact)
        self.ids = list(facts.values_list("pk", flat=True))

    def batches(self, done: int) -> Iterator[list[Wanted]]:
        for begin in range(done, len(self.ids), _BATCH):
            ids = self.ids[begin : begin + _BATCH]
            rows = DemandFact.objects.in_bulk(ids)
            yield list(told(rows[pk] for pk in ids if pk in rows))

    def skus(self) -> list[str]:
        with connection.cursor() as cursor:
            cursor.execute(_SKUS, [self.row.placed_after, self.row.placed_before, self.row.last_fact])
            return [sku for (sku,) in cursor.fetchall()]
