"""How commands read a month."""

import argparse
from datetime import UTC, datetime

from inventory.services.ledger_months import month_of


def month(text: str) -> datetime:
    """`2026-03`, as the type of an argument."""
    try:
        return month_of(datetime.strptime(text, "%Y-%m").replace(tzinfo=UTC))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text} is no month: write it as 2026-03") from None
