"""What is to come, and from which day it counts."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from inventory.models import Inbound, InboundLine
from inventory.supply import Supply, future_supply
from tests.factories.inventory import (
    NOW,
    make_inbound,
    make_location,
    make_locations,
    make_product,
    make_products,
    make_transfer,
    set_stocks,
)

pytestmark = pytest.mark.django_db
TODAY, TOMORROW = date(2026, 3, 2), date(2026, 3, 3)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.fixture(autouse=True)
def _shop() -> None:
    make_products("A", "B")
    make_locations("S1", "S2")


def test_counts_a_delivery_from_the_day_it_is_expected() -> None:
    make_inbound("S1", {"A": 5}, expected_at=NOW + 3 * DAY)

    assert future_supply(["A"], as_of=NOW) == {"A": [Supply(date(2026, 3, 5), 5, "S1")]}


def test_every_sku_asked_for_has_an_entry() -> None:
    assert future_supply(["A", "nothing"], as_of=NOW) == {"A": [], "nothing": []}


def test_the_day_is_that_of_the_destination() -> None:
    make_location("TOKYO", timezone="Asia/Tokyo")
    make_location("LIMA", timezone="America/Lima")
    late_evening = datetime(2026, 3, 4, 22, 0, tzinfo=UTC)
    make_inbound("TOKYO", {"A": 1}, expected_at=late_evening)
    make_inbound("LIMA", {"A": 2}, expected_at=late_evening + 5 * HOUR)

    assert future_supply(["A"], as_of=NOW) == {
        "A": [Supply(date(2026, 3, 4), 2, "LIMA"), Supply(date(2026, 3, 5), 1, "TOKYO")]
    }


def test_adds_up_what_one_place_gets_on_one_day() -> None:
    make_inbound("S1", {"A": 5, "B": 1}, expected_at=NOW + HOUR)
    make_inbound("S1", {"A": 2}, expected_at=NOW + 2 * HOUR)
    make_inbound("S2", {"A": 9}, expected_at=NOW + DAY)

    assert future_supply(["A", "B"], as_of=NOW) == {
        "A": [Supply(TODAY, 7, "S1"), Supply(TOMORROW, 9, "S2")],
        "B": [Supply(TODAY, 1, "S1")],
    }


def test_a_late_delivery_counts_from_tomorrow_until_nobody_believes_in_it(settings: Any) -> None:
    settings.SUPPLY_TRUSTED_DAYS_LATE = 7
    make_inbound("S1", {"A": 5}, expected_at=NOW)

    assert future_supply(["A"], as_of=NOW) == {"A": [Supply(TOMORROW, 5, "S1")]}
    assert future_supply(["A"], as_of=NOW + 7 * DAY - HOUR) == {"A": [Supply(date(2026, 3, 10), 5, "S1")]}
    assert future_supply(["A"], as_of=NOW + 7 * DAY) == {"A": []}


def test_counts_only_what_may_still_come() -> None:
    inbound = make_inbound("S1", {"A": 5, "B": 3}, expected_at=NOW + HOUR)
    InboundLine.objects.filter(inbound=inbound, product="A").update(received=4, remaining=1)
    InboundLine.objects.filter(inbound=inbound, product="B").update(received=1, remaining=0, missing=2)

    assert future_supply(["A", "B"], as_of=NOW) == {"A": [Supply(TODAY, 1, "S1")], "B": []}


def test_a_transfer_is_supply_of_its_destination() -> None:
    set_stocks({("A", "S1"): 5})
    make_location("S2", abilities=["receive_transfer"])
    make_transfer("S1", "S2", {"A": 5}, expected_at=NOW + DAY)

    assert future_supply(["A"], as_of=NOW) == {"A": [Supply(TOMORROW, 5, "S2")]}


def test_places_may_be_named() -> None:
    make_inbound("S1", {"A": 5}, expected_at=NOW + DAY)
    make_inbound("S2", {"A": 2}, expected_at=NOW + DAY)

    assert future_supply(["A"], as_of=NOW, locations=["S2"]) == {"A": [Supply(TOMORROW, 2, "S2")]}


def test_products_and_places_out_of_use_expect_nothing() -> None:
    make_product("OLD", is_active=False)
    make_location("GONE")
    make_inbound("S1", {"OLD": 5}, expected_at=NOW + DAY)
    make_inbound("GONE", {"A": 5}, expected_at=NOW + DAY)
    make_location("GONE", is_active=False)

    assert future_supply(["A", "OLD"], as_of=NOW) == {"A": [], "OLD": []}


def test_is_one_statement_however_much_is_to_come(settings: Any) -> None:
    settings.VERSIONED_CACHE_SECONDS = 3600
    make_inbound("S1", {"A": 5}, expected_at=NOW + DAY)
    future_supply(["A"], as_of=NOW)  # the places are known by heart now
    for days in range(2, 12):
        make_inbound("S2", {"A": 1, "B": 1}, expected_at=NOW + days * DAY)

    with CaptureQueriesContext(connection) as captured:
        future_supply(["A", "B"], as_of=NOW)

    assert len(captured) == 1


def test_inbound_of_a_level_is_all_that_may_still_come_however_late(client: APIClient) -> None:
    set_stocks({("A", "S1"): 1, ("A", "S2"): 1, ("B", "S1"): 1})
    make_inbound("S1", {"A": 5}, expected_at=NOW - 90 * DAY)
    make_inbound("S1", {"A": 2}, expected_at=NOW + DAY)

    levels = client.get("/api/v1/stock/").json()["results"]

    assert [(level["sku"], level["location"], level["inbound"]) for level in levels] == [
        ("A", "S1", 7),
        ("A", "S2", 0),
        ("B", "S1", 0),
    ]


@pytest.mark.parametrize(
    ("constraint", "values"),
    [
        ("what_remains_was_announced_and_not_received", {"received": 1}),
        ("what_is_missing_was_announced_and_not_received", {"remaining": 0, "missing": 4}),
        (
            "damaged_and_quarantined_units_were_received",
            {"received": 1, "remaining": 4, "damaged": 1, "quarantined": 1},
        ),
    ],
)
def test_a_line_that_does_not_add_up_is_not_kept(constraint: str, values: dict[str, int]) -> None:
    make_inbound("S1", {"A": 5})

    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        InboundLine.objects.update(**values)


@pytest.mark.parametrize(
    ("constraint", "values"),
    [
        ("a_transfer_goes_to_another_place", {"origin_id": "S1"}),
        ("deliveries_are_announced_and_transfers_are_sent", {"status": "in_transit"}),
        ("deliveries_are_announced_and_transfers_are_sent", {"status": "announced", "origin_id": "S2"}),
        ("an_inbound_is_closed_when_it_ends", {"status": "received"}),
        ("an_inbound_is_closed_when_it_ends", {"closed_at": NOW}),
    ],
)
def test_an_inbound_that_cannot_be_is_not_kept(constraint: str, values: dict[str, Any]) -> None:
    make_inbound("S1", {"A": 5})

    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        Inbound.objects.update(**values)
