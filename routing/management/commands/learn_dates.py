"""`manage.py learn_dates`: make the tables of promise dates anew, now instead of at night."""

from typing import Any

from django.core.management.base import BaseCommand

from oms.clock import now
from routing.services.learning import learn_dates


class Command(BaseCommand):
    help = "Learn promise dates from the lead times of the last months."

    def handle(self, *args: Any, **options: Any) -> None:
        table = learn_dates(as_of=now())
        self.stdout.write(f"{table}: {table.preparations} preparation times, {table.transits} transit times")
