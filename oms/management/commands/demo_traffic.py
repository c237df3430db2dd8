from typing import Any

from django.core.management.base import BaseCommand

from oms.demo import traffic


class Command(BaseCommand):
    help = "Place and work live orders for the demo retailer, through the public API, until stopped."

    def add_arguments(self, parser: Any) -> None:
        traffic.add_arguments(parser)

    def handle(self, *args: Any, rate: float, url: str, **options: Any) -> None:
        traffic.serve(url=url, rate=rate)
