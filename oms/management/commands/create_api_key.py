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
        days = options["expires_days"]
        _key, token = create_api_key(
            name=options["name"],
            scopes=scopes,
            channel=options["channel"],
            locations=options["locations"].split(",") if options["locations"] else None,
            expires_at=now() + timedelta(days=days) if days else None,
        )
        self.stdout.write(token)
