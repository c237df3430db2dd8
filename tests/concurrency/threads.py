"""Races: many let go at once, or a rival that begins at the very point, so that it comes out the same at any pace."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any, TypeVar

from django.db import connection

T = TypeVar("T")

PATIENCE_SECONDS = 60
"""Who waits longer waits for what will never come, on the slowest machine."""


def at_once(jobs: int, work: Callable[[int], T]) -> list[T]:
    """Run `work(0…jobs-1)`, each in a thread with a connection of its own, all let go at the same moment."""
    start = threading.Barrier(jobs, timeout=PATIENCE_SECONDS)

    def run(number: int) -> T:
        try:
            connection.ensure_connection()
            start.wait()
            return work(number)
        finally:
            connection.close()

    with ThreadPoolExecutor(jobs) as pool:
        return list(pool.map(run, range(jobs)))


def waits_for_me(pid: int) -> bool:
    """Whether that connection waits for a lock of this thread's."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid() = ANY(pg_blocking_pids(%s))", [pid])
        return cursor.fetchone() == (True,)


class Rival:
    """Work in a thread of its own: called, it begins, and is waited for until it is done or waits for the caller's lock.

    So a race comes out the same at any pace: call it where the caller has read and has not written yet. Whoever calls
    it again, its own work as well, goes on at once.
    """

    def __init__(self, work: Callable[[], Any]):
        self._work = work
        self._pid = Future[int]()
        self._thread = ThreadPoolExecutor(1)
        self._has_begun = False

    def __call__(self) -> None:
        if self._has_begun:
            return
        self._has_begun = True
        self._done = self._thread.submit(self._run)
        pid, until = self._pid.result(PATIENCE_SECONDS), time.monotonic() + PATIENCE_SECONDS
        while not wait([self._done], timeout=0.005).done:
            if waits_for_me(pid):
                return
            assert time.monotonic() < until, "the rival neither comes to its end nor waits for us"

    @property
    def outcome(self) -> Any:
        """What its work returned, once it has; what it raised is raised."""
        assert self._has_begun, "the rival never began"
        return self._done.result(PATIENCE_SECONDS)

    def _run(self) -> Any:
        try:
            connection.ensure_connection()
            self._pid.set_result(connection.connection.info.backend_pid)
            return self._work()
        finally:
            connection.close()


def both(first: Callable[[], Any], second: Callable[[], Any]) -> tuple[Any, Any]:
    one, other = at_once(2, lambda number: (first, second)[number]())
    return one, other
