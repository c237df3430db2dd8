"""`manage.py reconcile_stock`: compare what feeds said on a day with the ledger, now instead of at night."""

from datetime import UTC, date, timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from inventory.services.reconciliation import reconcile_day
from oms.clock import now


class Command(BaseCommand):
    help = "Make the reports of a day (UTC) from its files of stock, or make them anew."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--date", type=date.fromisoformat, help="YYYY-MM-DD; default: yesterday")

    def handle(self, *args: Any, **options: Any) -> None:
        as_of = now()
        day = options["date"] or as_of.astimezone(UTC).date() - timedelta(days=1)
        made = reconcile_day(day, as_of=as_of)
        self.stdout.write(f"{made} reports of {day}")
