import os
import random
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.test import Client

from oms.demo import people, traffic
from oms.invariants import all_invariants
from oms.models import Event
from orders.models import Fulfillment, Order
from orders.states import FulfillmentStatus

pytestmark = pytest.mark.usefixtures("retailer")
ODD_FATES = ("_SLEEPS", "_DECLINES", "_SHORT", "_CHANGES_MIND")


class InProcess:
    """Stands in for the HTTP connection: the same requests, answered by the application in this process."""

    def __init__(self) -> None:
        self.client = Client()

    def request(self, method: str, path: str, body: str | None, headers: Mapping[str, str]) -> None:
        self.response = self.client.generic(method, path, body or "", headers["Content-Type"], headers=headers)

    def getresponse(self) -> "InProcess":
        return self

    @property
    def status(self) -> int:
        return self.response.status_code

    def read(self) -> bytes:
        return self.response.content


@pytest.fixture
def shop(home: Path, monkeypatch: pytest.MonkeyPatch) -> traffic.Traffic:
    """The traffic, speaking to the application in this process; every place does what it should."""
    keys = people.ensure_keys(home)
    moving = traffic.Traffic("http://testserver", keys, rate=60, rng=random.Random(7))
    for api in (moving.web, moving.marketplace, moving.stores):
        api._connection = InProcess()
    for fate in ODD_FATES:
        monkeypatch.setattr(traffic, fate, 0)
    monkeypatch.setattr(traffic, "_TOKENS", {})
    return moving


def _live() -> list[Fulfillment]:
    return list(Fulfillment.objects.filter(status__in=["assigned", "accepted", "picking"]).order_by("pk"))


def test_a_tick_places_orders_through_the_api(shop: traffic.Traffic):
    before = Order.objects.count()

    shop.tick(datetime.now(UTC))

    placed = Order.objects.count() - before
    assert 3 <= placed <= 25  # ten seconds at one a second: about ten
    assert set(Order.objects.order_by("-placed_at")[:placed].values_list("placed_by", flat=True)) <= {
        "key:web shop",
        "key:marketplace",
    }


def test_places_accept_pick_and_let_go_as_time_passes(shop: traffic.Traffic):
    shop.rate = 0
    work = _always_open_work(shop)

    for minutes in (3.9, 100, 101):
        shop.tick(work.assigned_at + timedelta(minutes=minutes))

    work.refresh_from_db()
    assert work.status in (FulfillmentStatus.SHIPPED, FulfillmentStatus.DELIVERED)
    assert [s for i in all_invariants() for s in i.broken()] == []


def _always_open_work(shop: traffic.Traffic) -> Fulfillment:
    """New work at a place that is open day and night."""
    before = datetime.now(UTC)
    shop.rate = 60
    shop.tick(before)
    shop.rate = 0
    fresh = Fulfillment.objects.filter(assigned_at__gte=before, location__in=["WH-LYON", "WH-LILLE", "WH-ORLEANS"])
    return fresh.filter(status="assigned").order_by("pk")[0]


def test_a_place_that_was_opened_meanwhile_works_like_the_others(shop: traffic.Traffic):
    work = _always_open_work(shop)
    del shop.places[work.location_id]

    shop.tick(work.assigned_at + timedelta(minutes=3.9))

    work.refresh_from_db()
    assert work.status == FulfillmentStatus.ACCEPTED


def test_a_place_that_sleeps_does_nothing(shop: traffic.Traffic, monkeypatch: pytest.MonkeyPatch):
    work = _always_open_work(shop)
    shop.places = {code: traffic.Place(code, "store", place.calendar) for code, place in shop.places.items()}
    monkeypatch.setattr(traffic, "_SLEEPS", 1)

    shop.tick(work.assigned_at + timedelta(minutes=10))

    work.refresh_from_db()
    assert work.status == FulfillmentStatus.ASSIGNED


def test_an_answer_that_the_system_cannot_give_is_waited_for(shop: traffic.Traffic):
    class Gone(InProcess):
        def request(self, *_args: Any) -> None:
            raise ConnectionRefusedError("nobody listens")

        def close(self) -> None:
            """Nothing is open."""

    shop.web._connection = Gone()
    before = Event.objects.count()

    with pytest.raises(traffic.Unreachable):
        shop.tick(datetime.now(UTC))

    assert Event.objects.count() == before


def test_visitors_are_left_time_where_they_sign_in():
    assert {place for person in people.PEOPLE for place in person.locations} == traffic.STAFFED


def test_it_is_a_client_and_needs_no_application() -> None:
    """It runs as a process of its own that knows the system by its API alone."""
    alone = {name: value for name, value in os.environ.items() if not name.startswith(("DJANGO", "DATABASE"))}
    done = subprocess.run([sys.executable, "-c", "import oms.demo.traffic"], cwd=settings.BASE_DIR, env=alone)

    assert done.returncode == 0
