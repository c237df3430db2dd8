"""`manage.py retell_offers`: what places made of work in the past, for routing to learn from."""

from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from oms.clock import now
from orders.services.offers import retell_offers
from routing.services.acceptance import refresh


class Command(BaseCommand):
    help = "Tell routing what became of past offers, and learn from them how surely places take work."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--days", type=int, default=settings.ACCEPTANCE_DAYS)

    def handle(self, *args: Any, **options: Any) -> None:
        as_of = now()
        told = retell_offers(since=as_of - timedelta(days=options["days"]))
        groups = refresh(as_of=as_of)
        self.stdout.write(f"{told} events, {groups} groups of offers")
