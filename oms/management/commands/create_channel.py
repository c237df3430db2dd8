from typing import Any

from django.core.management.base import BaseCommand, CommandError

from oms.channels import save_channel
from oms.models import Channel
from oms.money import EXPONENTS
from oms.transactions import use_case


class Command(BaseCommand):
    help = "Make a sales channel (or change its name and currency)."

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("code")
        parser.add_argument("--name")
        parser.add_argument("--currency", default="EUR")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["currency"] not in EXPONENTS:
            raise CommandError(f"unknown currency {options['currency']}")
        with use_case:
            channel = Channel.objects.filter(code=options["code"]).first() or Channel(code=options["code"])
            channel.name = options["name"] or channel.name or options["code"]
            channel.currency = options["currency"]
            save_channel(channel)
        self.stdout.write(f"channel {channel.code} sells in {channel.currency}")
