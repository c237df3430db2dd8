from datetime import UTC, datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from inventory.services.ledger_months import open_months
from oms.clock import now


class Command(BaseCommand):
    help = "Make the partitions of the ledger for this month and the next ones, as far as they are missing."

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("--since", metavar="YYYY-MM", help="also those from this month on")

    def handle(self, *args: Any, since: str | None = None, **options: Any) -> None:
        for name in open_months(since=_month(since) if since else None, as_of=now()):
            self.stdout.write(f"made {name}")


def _month(text: str) -> datetime:
    try:
        return datetime.strptime(text, "%Y-%m").replace(tzinfo=UTC)
    except ValueError:
        raise CommandError(f"{text} is no month: write it as 2026-03") from None
