"""Whatever happens to stock, and in whatever order, it is what a simple model says, and each asker sees what it may."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.inventory.truth.machine import StockMachine, make_shop

pytestmark = pytest.mark.django_db

in_the_database = settings(deadline=None, suppress_health_check=list(HealthCheck), stateful_step_count=10)


@pytest.fixture(autouse=True)
def shop(db: None, settings: Any, tmp_path: Path) -> None:
    make_shop(settings, tmp_path)


def test_stock_agrees_with_a_simple_model() -> None:
    run_state_machine_as_test(StockMachine, settings=settings(in_the_database, max_examples=200))


class Thorough(StockMachine):
    books_every = 1


@pytest.mark.long
@pytest.mark.parametrize("part", range(10))  # for as many workers as there are
def test_stock_agrees_with_a_simple_model_five_thousand_times(part: int) -> None:
    run_state_machine_as_test(Thorough, settings=settings(in_the_database, max_examples=500))
