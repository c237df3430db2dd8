from typing import Any

from django.core.management.base import BaseCommand, CommandError

from oms.invariants import Invariant, all_invariants

_SHOWN = 20


class Command(BaseCommand):
    help = "Check every promise the database keeps; exit code 1 if one is broken."

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("--repair", action="store_true", help="mend what can be mended, then check again")

    def handle(self, *args: Any, repair: bool = False, **options: Any) -> None:
        broken = [invariant for invariant in all_invariants() if self._report(invariant)]
        if repair and broken:
            for invariant in broken:
                for line in invariant.repair() if invariant.repair else []:
                    self.stdout.write(f"repaired: {line}")
            broken = [invariant for invariant in broken if self._report(invariant)]
        if broken:
            raise CommandError(f"{len(broken)} of {len(all_invariants())} invariants are broken")
        self.stdout.write(self.style.SUCCESS(f"all {len(all_invariants())} invariants hold"))

    def _report(self, invariant: Invariant) -> bool:
        violations = list(invariant.broken())
        self.stdout.write(f"{'BROKEN' if violations else 'ok    '} {invariant.name}")
        for sentence in violations[:_SHOWN]:
            self.stdout.write(f"         {sentence}")
        if len(violations) > _SHOWN:
            self.stdout.write(f"         … and {len(violations) - _SHOWN} more")
        return bool(violations)
