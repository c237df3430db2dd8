"""Overseas takes about as long as was promised, roads what the carriers of the demo take."""

import random
from datetime import UTC, datetime, timedelta

import pytest

from oms.demo.ways import arrival_by_ship

SENT = datetime(2026, 3, 2, 17, 0, tzinfo=UTC)


@pytest.mark.parametrize("days", [0, 1, 4, 5])
def test_what_is_promised_soon_goes_by_road(days: int) -> None:
    assert arrival_by_ship(random.Random(1), SENT, SENT + timedelta(days=days)) is None


@pytest.mark.parametrize("days", [6, 9, 14])
def test_ships_come_around_the_promised_day_and_mostly_by_then(days: int) -> None:
    promised = SENT + timedelta(days=days)
    arrivals = [arrival_by_ship(random.Random(seed), SENT, promised) for seed in range(300)]

    late = [at for at in arrivals if at and at > promised]
    assert all(at and promised - timedelta(days=3) < at < promised + timedelta(days=1) for at in arrivals)
    assert 0 < len(late) < 60
