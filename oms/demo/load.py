"""Loading the demo retailer: a few steps, each of which can be repeated, and one event that says it is done."""

import random
from collections.abc import Callable
from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection
from django.db.models import Min

from inventory.models import Location
from inventory.services import ProductRow, receive_locations, receive_prices, receive_products
from inventory.services.ledger_months import open_months
from inventory.services.pauses import pause_location
from oms import cache, outbox
from oms.clock import now
from oms.demo import (
    ACTOR,
    catalog,
    counts,
    feeds,
    history,
    holds,
    offered,
    people,
    pictures,
    preorder,
    prices,
    stock,
    supply,
    trade,
    trials,
    urgent,
)
from oms.demo.geography import postal_area_lines
from oms.demo.places import PAUSED, location_rows
from oms.demo.shoppers import Item
from oms.models import Event
from oms.outbox import Fact, publish
from oms.roles import sync_groups
from oms.transactions import use_case
from orders.services.offers import retell_offers
from routing.services.acceptance import refresh as learn_acceptance
from routing.services.learning import learn_dates
from routing.services.markdown import refresh as price_slow_stock
from routing.services.postal_areas import load_postal_areas

LOADED = "oms.demo.loaded"
FULL_HISTORY = 1600
_BATCH = 1000


class SomebodyElses(Exception):
    """The database holds places that are not ours: the demo does not mix with them."""


def is_loaded() -> bool:
    return Event.objects.filter(root=ACTOR, type=LOADED).exists()


def load(*, scale: float, as_of: datetime, say: Callable[[str], None]) -> None:
    """Bring the demo retailer into an empty database, or finish a load that was cut off.

    `scale`: share of the catalogue and of the past orders. Errors: SomebodyElses.
    """
    items = open_shop(scale=scale, as_of=as_of, say=say)
    count = round(FULL_HISTORY * scale)
    accepted = history.fill(count, items=items, until=as_of, told=_every_tenth(count, say))
    say(f"{accepted} orders of the past {history.DAYS} days ({count - accepted} refused)")
    _pause_a_store(as_of)
    feeds.load_files(as_of=as_of)
    supply.load_supply([item.sku for item in items], as_of=as_of)
    counts.load_counts(as_of=as_of)
    holds.load_holds(items, as_of=as_of)
    preorder.load_preorder(as_of=as_of)
    urgent.load_urgent(items, as_of=now())  # minutes count here, and loading takes some
    learn_dates(as_of=as_of)
    retell_offers(since=as_of - timedelta(days=history.DAYS + 1))
    learn_acceptance(as_of=as_of)
    offered.load_offered(items, as_of=now())  # by what is known of the places now
    trials.load_trials(as_of=as_of)
    _finish(orders=accepted, as_of=as_of)


def _pause_a_store(as_of: datetime) -> None:
    """For a day, so that whoever looks today sees what a pause does."""
    reason = "the tills are down"
    pause_location(code=PAUSED, until=as_of + timedelta(days=1), reason=reason, actor=ACTOR, as_of=as_of)


def open_shop(*, scale: float, as_of: datetime, say: Callable[[str], None]) -> list[Item]:
    """All that stands before the first order. Returns what is sold, best sellers first. Errors: SomebodyElses."""
    places, products = location_rows(as_of.date()), catalog.product_rows(scale)
    _refuse_foreign_places({place.code for place in places})
    _not_waiting_for_the_disk()
    pictures.write_pictures(settings.MEDIA_ROOT, catalog.picture_files())
    trade.save_channels()
    opened_at = _opening(as_of)
    open_months(since=opened_at, as_of=as_of)
    receive_locations(places, as_of=opened_at)
    load_postal_areas(postal_area_lines())
    trade.save_carriers()
    trade.save_service_levels()
    trade.publish_rules(as_of=opened_at)
    trade.save_exposure_rules(as_of=opened_at)
    feeds.save_feeds(as_of=opened_at)
    sync_groups()
    people.save_people()
    _save_products(products, as_of=opened_at)
    receive_prices(prices.price_rows(products, as_of=as_of), actor=ACTOR, as_of=opened_at)
    levels = stock.load_opening_stock(products, places, as_of=opened_at)
    price_slow_stock(as_of=as_of)  # before the first order, so that all of them are decided by the same
    say(f"{len(places)} places, {len(products)} products, {levels} stock levels")
    cache.clear_all()
    history.analyze()
    return _by_popularity(products)


def _refuse_foreign_places(ours: set[str]) -> None:
    if foreign := Location.objects.exclude(code__in=ours).values_list("code", flat=True).first():
        raise SomebodyElses(foreign)


def _not_waiting_for_the_disk() -> None:
    """A load that loses its last moments in a crash is finished by the next one."""
    with connection.cursor() as cursor:
        cursor.execute("SET synchronous_commit = off")


def _opening(as_of: datetime) -> datetime:
    """The day before the first order; a load that goes on keeps the day of the first attempt."""
    return Location.objects.aggregate(first=Min("created_at"))["first"] or as_of - history.BEFORE_FIRST_ORDER


def _save_products(products: list[ProductRow], *, as_of: datetime) -> None:
    for start in range(0, len(products), _BATCH):
        receive_products(products[start : start + _BATCH], as_of=as_of)


def _by_popularity(products: list[ProductRow]) -> list[Item]:
    """Best sellers first."""
    items = [Item(row.sku, row.price, row.tax_class) for row in products]
    random.Random("popularity").shuffle(items)
    return items


def _every_tenth(count: int, say: Callable[[str], None]) -> Callable[[int], None]:
    step = max(1, count // 10)
    return lambda number: say(f"  {number} of {count} orders") if number % step == 0 or number == count else None


@use_case
def _publish_loaded(*, orders: int, as_of: datetime) -> None:
    publish([Fact(LOADED, ACTOR, ACTOR, ACTOR, {"orders": orders})], as_of=as_of)


def _finish(*, orders: int, as_of: datetime) -> None:
    """Say that it is done, and give the past its place in the feed."""
    _publish_loaded(orders=orders, as_of=as_of)
    while outbox.stamp_positions():
        pass
    history.analyze()
