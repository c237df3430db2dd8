import time
from typing import Any

import pytest

from orders.services import placement
from tests.flows.conftest import api, invariants_hold

__all__ = ["api", "invariants_hold"]


@pytest.fixture
def slow_writing(monkeypatch: pytest.MonkeyPatch) -> None:
    """An order takes a moment from being written to being committed: the others arrive meanwhile."""
    book_capacity = placement.planning.book_capacity

    def slowly(*args: Any, **kwargs: Any) -> bool:
        time.sleep(0.02)
        return book_capacity(*args, **kwargs)

    monkeypatch.setattr(placement.planning, "book_capacity", slowly)
