from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand

from inventory.management.months import month
from inventory.services.ledger_months import open_months
from oms.clock import now


class Command(BaseCommand):
    help = "Make the partitions of the ledger for this month and the next ones, as far as they are missing."

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("--since", type=month, metavar="YYYY-MM", help="also those from this month on")

    def handle(self, *args: Any, since: datetime | None = None, **options: Any) -> None:
        for name in open_months(since=since, as_of=now()):
            self.stdout.write(f"made {name}")
