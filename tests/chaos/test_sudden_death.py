"""SIGKILL, again and again, while a hundred clocks ring."""

import random
import threading
import time
from collections.abc import Callable

import pytest
from django.db import connection

from tests.chaos import sleepers
from tests.chaos.system import System
from tests.oms.dev.helpers import wait_until

SEED = 20260302


def _rage(system: System, *, kills: int, seed: int) -> dict[str, int]:
    """Kill worker, broker and database in turns of a seeded shuffle, at random instants.

    Returns how often each was hit, and how often there was work to be disturbed.
    """
    dice = random.Random(seed)
    victims = {"worker": system.kill_worker, "broker": system.kill_broker, "database": system.kill_database}
    hits = {**dict.fromkeys(victims, 0), "in the act": 0}
    for name in (name for _round in range(kills // 3) for name in dice.sample(sorted(victims), 3)):
        time.sleep(dice.uniform(0.1, 4.0))
        hits["in the act"] += not _seen_settled()
        victims[name]()
        hits[name] += 1
    return hits


def _seen_settled() -> bool:
    try:
        return sleepers.is_settled()
    finally:
        connection.close()  # ours dies with the database, too


def test_the_database_keeps_what_it_has_committed(system: System) -> None:
    """A test of durability on a server that does not flush would prove nothing."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('fsync'), current_setting('synchronous_commit')")
        assert cursor.fetchone() == ("on", "on")


def test_nothing_is_lost_and_nothing_done_twice(system: System, record_property: Callable[[str, object], None]) -> None:
    api = sleepers.make_world(asleep_after_seconds=1)
    for number in range(24):
        assert sleepers.place(api, number).status == 201
    system.start_clock()

    hits = _rage(system, kills=6, seed=SEED)
    wait_until(_seen_settled, seconds=240)

    record_property("kills", hits)
    assert system.dead() == []  # nobody had to be started again but those we killed
    sleepers.assert_nothing_was_lost_and_nothing_done_twice(orders=24)


@pytest.mark.long
@pytest.mark.parametrize("seed", [SEED, SEED + 1])
def test_nothing_is_lost_and_nothing_done_twice_with_a_hundred_and_shoppers_meanwhile(
    system: System, seed: int, record_property: Callable[[str, object], None]
) -> None:
    api = sleepers.make_world(asleep_after_seconds=2)
    for number in range(100):
        assert sleepers.place(api, number).status == 201
    shopper = _Shopper(api, numbers=range(100, 160))
    system.start_clock()

    shopper.start()
    hits = _rage(system, kills=24, seed=seed)
    shopper.join()
    wait_until(_seen_settled, seconds=240)

    record_property("kills", hits)
    assert system.dead() == []  # nobody had to be started again but those we killed
    record_property("tries for 60 orders", shopper.tries)
    assert shopper.surprises == []
    sleepers.assert_nothing_was_lost_and_nothing_done_twice(orders=160)


class _Shopper(threading.Thread):
    """Orders one after the other, and presses again whenever the shop says that it is busy."""

    def __init__(self, api: sleepers.Api, *, numbers: range):
        super().__init__()
        self.api = api
        self.numbers = numbers
        self.tries = 0
        self.surprises: list[object] = []

    def run(self) -> None:
        for number in self.numbers:
            time.sleep(0.5)
            while (answer := self._try(number)).status == 503:
                time.sleep(0.2)
            if answer.status != 201:
                self.surprises.append(answer)

    def _try(self, number: int) -> sleepers.Answer:
        self.tries += 1
        try:
            return sleepers.place(self.api, number)
        finally:
            connection.close()  # as a web server does with a connection that broke
