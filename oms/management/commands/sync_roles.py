from typing import Any

from django.core.management.base import BaseCommand

from oms.roles import PERMISSIONS, sync_groups


class Command(BaseCommand):
    help = "Create the groups of all roles with exactly their permissions; harmless to repeat."

    def handle(self, *args: Any, **options: Any) -> None:
        sync_groups()
        self.stdout.write(f"{len(PERMISSIONS)} roles are in place: {', '.join(PERMISSIONS)}")
