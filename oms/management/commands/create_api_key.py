from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from oms.clock import now
from oms.keys import SCOPES, create_api_key
from oms.models import Channel


class Command(BaseCommand):
    help = "Make an API key and print it, alone, on standard output. It is shown this once."

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("name")
        parser.add_argument("--scopes", default="all", help=f"comma separated: {', '.join(SCOPES)}")
        parser.add_argument("--channel", help="only for this channel (default: every channel)")
        parser.add_argument("--locations", help="only for these places, comma separated (default: every place)")
        parser.add_argument("--expires-days", type=int)

    def handle(self, *args: Any, **options: Any) -> None:
        scopes = options["scopes"].split(",")
        if unknown := set(scopes) - set(SCOPES):
            raise CommandError(f"unknown scopes: {', '.join(sorted(unknown))}")
        if options["channel"] and not Channel.objects.filter(code=options["channel"]).exists():
            raise CommandError(f"no channel {options['channel']}")
        days, locations = options["expires_days"], options["locations"]
        if locations is not None and not all(locations.split(",")):
            raise CommandError("--locations needs at least one place, and no empty one: without it, every place")
        if days is not None and days < 1:
            raise CommandError("--expires-days counts from 1: without it, the key does not expire")
        _key, token = create_api_key(
            name=options["name"],
            scopes=scopes,
            channel=options["channel"],
            locations=None if locations is None else locations.split(","),
            expires_at=None if days is None else now() + timedelta(days=days),
        )
        self.stdout.write(token)
