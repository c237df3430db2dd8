import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
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


def both(first: Callable[[], Any], second: Callable[[], Any]) -> tuple[Any, Any]:
    one, other = at_once(2, lambda number: (first, second)[number]())
    return one, other
