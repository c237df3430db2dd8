import time
from collections.abc import Callable
from typing import Any

import pytest

from orders.services import placement
from tests.concurrency.threads import Rival
from tests.flows.conftest import api, invariants_hold

__all__ = ["api", "invariants_hold"]

Meanwhile = Callable[..., Rival]


@pytest.fixture
def meanwhile(monkeypatch: pytest.MonkeyPatch) -> Meanwhile:
    """Makes a rival of some work: it begins before a module's function is first called, or after that has returned.

    To take a lock away, replace its function first.
    """

    def begins(work: Callable[[], Any], module: Any, *, before: str = "", after: str = "") -> Rival:
        rival, called = Rival(work), getattr(module, before or after)

        def overtaken(*args: Any, **kwargs: Any) -> Any:
            if before:
                rival()
            found = called(*args, **kwargs)
            if after:
                rival()
            return found

        monkeypatch.setattr(module, before or after, overtaken)
        return rival

    return begins


@pytest.fixture
def slow_writing(monkeypatch: pytest.MonkeyPatch) -> None:
    """An order takes a moment from being written to being committed: the others arrive meanwhile."""
    book_capacity = placement.planning.book_capacity

    def slowly(*args: Any, **kwargs: Any) -> bool:
        time.sleep(0.02)
        return book_capacity(*args, **kwargs)

    monkeypatch.setattr(placement.planning, "book_capacity", slowly)
