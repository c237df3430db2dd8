"""Whatever protects the truth about stock is needed: with any one guard taken out, the machine and its model disagree.

`guards` leads the machine to where each guard matters. Whether that goes wrong is said by the machine's own comparisons
with the model, or by the database, where the product walks into a constraint that the guard kept it from.
"""

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.db import DataError, IntegrityError

from tests.inventory.truth.guards import GUARDS, Guard
from tests.inventory.truth.machine import StockMachine, make_shop
from tests.inventory.truth.mutation import take_out, take_out_nothing

each_guard = pytest.mark.parametrize("guard", GUARDS, ids=lambda guard: guard.says)


class Walked:
    """The machine, led by hand: after each step all that must be so is asked."""

    def __init__(self, machine: StockMachine):
        self.machine = machine

    def __getattr__(self, name: str) -> Callable[..., None]:
        def step(*args: Any, **kwargs: Any) -> None:
            getattr(self.machine, name)(*args, **kwargs)
            for each in self.machine.invariants:
                each.function(self.machine)

        return step


class EveryStep(StockMachine):
    books_every = 1


def walk(guard: Guard) -> None:
    machine = EveryStep()
    try:
        walked = Walked(machine)
        walked.count_everything([8] * 6)
        guard.lead(walked)
    finally:
        machine.teardown()


@pytest.mark.long
@pytest.mark.django_db
@each_guard
def test_without_the_guard_stock_is_not_what_the_model_says(
    guard: Guard, db: None, settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_shop(settings, tmp_path)
    take_out_nothing(guard.fragment, monkeypatch)
    walk(guard)  # all is well while it stands

    take_out(guard.fragment, monkeypatch)

    with pytest.raises((AssertionError, IntegrityError, DataError)):
        walk(guard)


def test_each_guard_stands_where_the_table_says_so() -> None:
    assert [guard.says for guard in GUARDS if guard.fragment.found != 1] == []
    assert [says for says, times in Counter(guard.says for guard in GUARDS).items() if times > 1] == []
