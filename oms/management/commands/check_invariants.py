from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import connection

from oms.clock import now
from oms.invariants import Invariant, all_invariants

_SHOWN = 20
_ACTOR = "system:check_invariants"


class Command(BaseCommand):
    help = "Check every promise the database keeps; exit code 1 if one is broken."

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("--repair", action="store_true", help="mend what can be mended, then check again")
        parser.add_argument("--actor", default=_ACTOR, help="who answers for the repairs, for example user:ann")

    def handle(self, *args: Any, repair: bool = False, actor: str = _ACTOR, **options: Any) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SET statement_timeout = 0")  # sums over whole tables
        broken = [invariant for invariant in all_invariants() if self._report(invariant)]
        if repair and broken:
            self._repair(broken, actor)
            broken = [invariant for invariant in broken if self._report(invariant)]
        if broken:
            raise CommandError(f"{len(broken)} of {len(all_invariants())} invariants are broken")
        self.stdout.write(self.style.SUCCESS(f"all {len(all_invariants())} invariants hold"))

    def _repair(self, broken: list[Invariant], actor: str) -> None:
        for invariant in broken:
            if invariant.repair is None:
                self.stdout.write(f"cannot be repaired by itself: {invariant.name}")
                continue
            for line in invariant.repair(actor=actor, now=now):
                self.stdout.write(f"repaired: {line}")

    def _report(self, invariant: Invariant) -> bool:
        """Show the first violations, count them all, keep none."""
        count = 0
        for count, sentence in enumerate(invariant.broken(), start=1):
            if count == 1:
                self.stdout.write(f"BROKEN {invariant.name}")
            if count <= _SHOWN:
                self.stdout.write(f"         {sentence}")
        if not count:
            self.stdout.write(f"ok     {invariant.name}")
        if count > _SHOWN:
            self.stdout.write(f"         … and {count - _SHOWN:,} more")
        return bool(count)
