from typing import Any

from django.core.management.base import BaseCommand, CommandError

from oms.clock import now
from oms.demo import RETAILER, load


class Command(BaseCommand):
    help = f"Load {RETAILER}, the demo retailer, into an empty database. Loading it again changes nothing."

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument(
            "--scale", type=float, default=1.0, help="share of the catalogue and of the past orders (default: 1)"
        )

    def handle(self, *args: Any, scale: float, **options: Any) -> None:
        if not 0 < scale <= 1:
            raise CommandError("--scale is above 0 and at most 1")
        if load.is_loaded():
            self.stdout.write(f"{RETAILER} is loaded already")
            return
        try:
            load.load(scale=scale, as_of=now(), say=self.stdout.write)
        except load.SomebodyElses as other:
            raise CommandError(f"The database is not empty: it has a place {other} that is not {RETAILER}'s") from None
        self.stdout.write(self.style.SUCCESS(f"{RETAILER} is open"))
