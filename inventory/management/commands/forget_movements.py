from datetime import datetime
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from inventory.management.months import month
from inventory.services.ledger_months import months_back
from inventory.services.retention import OldMonth, forget_months, old_months
from oms.clock import now
from oms.errors import DomainError


class Command(BaseCommand):
    help = (
        "Forget the movements recorded before a month; every balance from then on stays what it is. "
        "Without --apply it only says what would go."
    )

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument(
            "--before", type=month, metavar="YYYY-MM", help="the first month that is kept (else OMS_LEDGER_MONTHS)"
        )
        what = parser.add_mutually_exclusive_group()
        what.add_argument("--apply", action="store_true", help="forget them")
        what.add_argument("--dry-run", action="store_true", help="only say what would go, which is the default")

    def handle(self, *args: Any, before: datetime | None = None, apply: bool = False, **options: Any) -> None:
        as_of = now()
        if before is None and not settings.LEDGER_MONTHS:
            raise CommandError("everything is kept (OMS_LEDGER_MONTHS is not set): name a month with --before")
        first = before or months_back(settings.LEDGER_MONTHS, as_of=as_of)
        try:
            self._forget(first, as_of) if apply else self._tell(first, as_of)
        except DomainError as error:
            raise CommandError(str(error.detail)) from error

    def _tell(self, before: datetime, as_of: datetime) -> None:
        gone = old_months(before=before, as_of=as_of)
        if not gone:
            self.stdout.write(f"there is nothing to forget before {before:%Y-%m}")
            return
        for old in gone:
            self.stdout.write(f"would forget {_words(old)}")
        self.stdout.write(f"the ledger would begin at {before:%Y-%m}; nothing was changed (--apply does it)")

    def _forget(self, before: datetime, as_of: datetime) -> None:
        gone = False
        for old in forget_months(before=before, actor="system:forget_movements", as_of=as_of):
            gone = True
            self.stdout.write(f"forgot {_words(old)}")
        if not gone:
            self.stdout.write(f"there is nothing to forget before {before:%Y-%m}")


def _words(old: OldMonth) -> str:
    name = f"{old.month:%Y-%m}" if old.month else "what stands in no month"
    return f"{name}: {old.movements:,} movements of {old.levels:,} levels"
