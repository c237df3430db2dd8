from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from oms import roles
from oms.demo import RETAILER, load, people

_PAGES = {roles.STORE_MANAGER: "/store/", roles.STORE_ASSOCIATE: "/store/", roles.SUPPLIER: "/store/"}


class Command(BaseCommand):
    help = "Show how to sign in to the demo retailer: people, pages, and an API key."

    def handle(self, *args: Any, **options: Any) -> None:
        if not load.is_loaded():
            raise CommandError("The demo retailer is not loaded: manage.py load_demo")
        keys = people.ensure_keys(settings.OMS_HOME)
        self.stdout.write(f"  {RETAILER} · password of everybody: {people.PASSWORD}\n\n")
        for person in people.PEOPLE:
            page = settings.PUBLIC_URL + _PAGES.get(person.role, "/admin/")
            places = ", ".join(person.locations)
            self.stdout.write(
                f"    {person.username:<11} {person.role.replace('_', ' '):<17} {page}  {places}".rstrip()
            )
        self.stdout.write(f"\n    API key     {keys.visitor}\n")
        self.stdout.write(
            f"    try it      curl -H 'Authorization: Bearer {keys.visitor}' {settings.PUBLIC_URL}/api/v1/orders/\n"
        )
