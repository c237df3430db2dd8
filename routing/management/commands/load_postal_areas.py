import csv
import gzip
import time
import zlib
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from routing.errors import InvalidPostalFile
from routing.services.postal_areas import load_postal_areas


class Command(BaseCommand):
    help = "Load postal codes with coordinates from a CSV file (optionally .gz); the columns are found by name."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, help="CSV with a header: postal code, latitude, longitude, …")
        parser.add_argument("--country", help="two letters, for files without a column for it")

    def handle(self, *args: Any, **options: Any) -> None:
        path, country = options["file"], options["country"]
        started = time.monotonic()
        try:
            opened = gzip.open if path.suffix == ".gz" else open
            with opened(path, "rt", encoding="utf-8", newline="") as lines:
                report = load_postal_areas(lines, country=country and country.upper())
        except (OSError, EOFError, zlib.error, UnicodeDecodeError, csv.Error, InvalidPostalFile) as error:
            raise CommandError(f"{path}: {error}") from None
        self.stdout.write(
            f"{report.rows} rows read, {report.areas_changed} areas changed, "
            f"{report.without_place} rows without coordinates, {time.monotonic() - started:.1f} s"
        )
