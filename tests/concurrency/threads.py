import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

from django.db import connection

T = TypeVar("T")


def at_once(jobs: int, work: Callable[[int], T]) -> list[T]:
    """Run `work(0…jobs-1)`, each in a thread with a connection of its own, all let go at the same moment."""
    start = threading.Barrier(jobs)

    def run(number: int) -> T:
        try:
            connection.ensure_connection()
            start.wait()
            return work(number)
        finally:
            connection.close()

    with ThreadPoolExecutor(jobs) as pool:
        return list(pool.map(run, range(jobs)))


class Rival:
    """Work in a thread of its own: called, it begins, and is waited for until it is done or waits for a lock. Once."""

    def __init__(self, work: Callable[[], Any]):
        self._work = work
        self._pid = Future[int]()
        self._done = Future[Any]()

    def __call__(self) -> None:
        if self._pid.running() or self._pid.done():
            return
        self._pid.set_running_or_notify_cancel()
        threading.Thread(target=self._run).start()
        pid = self._pid.result()
        with connection.cursor() as cursor:
            while not self._done.done():
                cursor.execute("SELECT EXISTS (SELECT FROM pg_locks WHERE pid = %s AND NOT granted)", [pid])
                if cursor.fetchone() == (True,):
                    return

    @property
    def outcome(self) -> Any:
        """What its work returned, once it has; what it raised is raised."""
        return self._done.result()

    def _run(self) -> None:
        try:
            connection.ensure_connection()
            self._pid.set_result(connection.connection.info.backend_pid)
            self._done.set_result(self._work())
        except BaseException as error:
            self._done.set_exception(error)
        finally:
            connection.close()


def both(first: Callable[[], Any], second: Callable[[], Any]) -> tuple[Any, Any]:
    one, other = at_once(2, lambda number: (first, second)[number]())
    return one, other
