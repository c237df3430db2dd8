"""How long parcels are on their way, for the past and for today's carriers alike. Needs neither Django nor the database."""

import random
from datetime import datetime, timedelta

_BY_ROAD = timedelta(days=5)


def arrival_by_ship(rng: random.Random, sent_at: datetime, promised_at: datetime) -> datetime | None:
    """Overseas takes what it takes: around the day that was promised, seldom later. None of a way that goes by road."""
    if promised_at - sent_at <= _BY_ROAD:
        return None
    return promised_at + timedelta(hours=rng.triangular(-60, 20, -16))
