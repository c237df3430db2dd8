"""`manage.py apply_imports`: apply the files of stock that wait, here and now; what the importer does all day."""

from typing import Any

from django.core.management.base import BaseCommand

from inventory.services import work_on_imports
from oms.clock import now

_SLICE_SECONDS = 60.0


class Command(BaseCommand):
    help = "Apply the files of stock that wait, until none does. Safe beside the importer, and to kill."

    def handle(self, *args: Any, **options: Any) -> None:
        worked = 0
        while found := work_on_imports(now=now, seconds=_SLICE_SECONDS):
            worked += found
        self.stdout.write(f"worked on {worked} files" if worked else "no file waits")
