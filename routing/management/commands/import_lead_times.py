"""`manage.py import_lead_times FILE`: teach promise dates from what another system knows of the past."""

import gzip
import zlib
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from oms.clock import now
from routing.services.lead_time_imports import COLUMNS, import_lead_times
from routing.services.learning import learn_dates


class Command(BaseCommand):
    help = "Read lead times of the past from a CSV file (plain or gzipped), then learn dates from all that is known."

    def add_arguments(self, parser: CommandParser) -> None:
        optional = "delivered_at, method, service, carrier_service, country, postal_code"
        parser.add_argument("file", type=Path, help=f"columns {', '.join(COLUMNS)}; also read: {optional}")

    def handle(self, *args: Any, **options: Any) -> None:
        path: Path = options["file"]
        opened = gzip.open if path.suffix == ".gz" else open
        try:
            with opened(path, "rt", encoding="utf-8", newline="") as lines:
                done = import_lead_times(lines, as_of=now())
        except (OSError, EOFError, zlib.error, ValueError) as error:
            raise CommandError(str(error)) from None
        for number, why in done.faults:
            self.stderr.write(f"line {number}: {why}")
        self.stdout.write(f"{done.lines} lines, {done.observations} lead times, {done.rejected} lines rejected")
        table = learn_dates(as_of=now())
        self.stdout.write(f"learned {table}: {table.preparations} preparation times, {table.transits} transit times")
