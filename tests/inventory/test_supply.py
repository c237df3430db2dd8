"""What is to come, and from which day it counts."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rest_framework.test import APIClient

from inventory.exposure import Context
from inventory.models import ExposureRule, Inbound, InboundLine, StockLevel
from inventory.supply import Supply, future_supply
from oms.models import Channel
from tests.factories.inventory import (
    NOW,
    make_exposure_rule,
    make_inbound,
    make_location,
    make_locations,
    make_product,
    make_products,
    make_transfer,
    set_stocks,
)
from tests.factories.orders import make_channel

pytestmark = pytest.mark.django_db
TODAY, TOMORROW = date(2026, 3, 2), date(2026, 3, 3)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.fixture(autouse=True)
def _shop() -> None:
    make_products("A", "B")
    make_locations("S1", "S2")


def test_counts_a_delivery_from_the_day_it_is_expected() -> None:
    make_inbound("S1", {"A": 5}, expected_at=NOW + 3 * DAY)

    assert future_supply(["A"], context=Context(NOW)) == {"A": [Supply(date(2026, 3, 5), 5, "S1")]}


def test_every_sku_asked_for_has_an_entry() -> None:
    assert future_supply(["A", "nothing"], context=Context(NOW)) == {"A": [], "nothing": []}


def test_the_day_is_that_of_the_destination() -> None:
    make_location("TOKYO", timezone="Asia/Tokyo")
    make_location("LIMA", timezone="America/Lima")
    late_evening = datetime(2026, 3, 4, 22, 0, tzinfo=UTC)
    make_inbound("TOKYO", {"A": 1}, expected_at=late_evening)
    make_inbound("LIMA", {"A": 2}, expected_at=late_evening + 5 * HOUR)

    assert future_supply(["A"], context=Context(NOW)) == {
        "A": [Supply(date(2026, 3, 4), 2, "LIMA"), Supply(date(2026, 3, 5), 1, "TOKYO")]
    }


def test_adds_up_what_one_place_gets_on_one_day() -> None:
    make_inbound("S1", {"A": 5, "B": 1}, expected_at=NOW + HOUR)
    make_inbound("S1", {"A": 2}, expected_at=NOW + 2 * HOUR)
    make_inbound("S2", {"A": 9}, expected_at=NOW + DAY)

    assert future_supply(["A", "B"], context=Context(NOW)) == {
        "A": [Supply(TODAY, 7, "S1"), Supply(TOMORROW, 9, "S2")],
        "B": [Supply(TODAY, 1, "S1")],
    }


def test_a_late_delivery_counts_from_tomorrow_until_nobody_believes_in_it(settings: Any) -> None:
    settings.SUPPLY_TRUSTED_DAYS_LATE = 7
    make_inbound("S1", {"A": 5}, expected_at=NOW)

    assert future_supply(["A"], context=Context(NOW)) == {"A": [Supply(TOMORROW, 5, "S1")]}
    assert future_supply(["A"], context=Context(NOW + 7 * DAY - HOUR)) == {"A": [Supply(date(2026, 3, 10), 5, "S1")]}
    assert future_supply(["A"], context=Context(NOW + 7 * DAY)) == {"A": []}


def test_counts_only_what_may_still_come() -> None:
    inbound = make_inbound("S1", {"A": 5, "B": 3}, expected_at=NOW + HOUR)
    InboundLine.objects.filter(inbound=inbound, product="A").update(received=4, remaining=1)
    InboundLine.objects.filter(inbound=inbound, product="B").update(received=1, remaining=0, missing=2)

    assert future_supply(["A", "B"], context=Context(NOW)) == {"A": [Supply(TODAY, 1, "S1")], "B": []}


def test_a_transfer_is_supply_of_its_destination() -> None:
    set_stocks({("A", "S1"): 5})
    make_location("S2", abilities=["receive_transfer"])
    make_transfer("S1", "S2", {"A": 5}, expected_at=NOW + DAY)

    assert future_supply(["A"], context=Context(NOW)) == {"A": [Supply(TOMORROW, 5, "S2")]}


def test_products_and_places_out_of_use_expect_nothing() -> None:
    make_product("OLD", is_active=False)
    make_location("GONE")
    make_inbound("S1", {"OLD": 5}, expected_at=NOW + DAY)
    make_inbound("GONE", {"A": 5}, expected_at=NOW + DAY)
    make_location("GONE", is_active=False)

    assert future_supply(["A", "OLD"], context=Context(NOW)) == {"A": [], "OLD": []}


def shown(*days: int) -> list[Supply]:
    """Units of A that come to S1 on the next days."""
    return [Supply(TODAY + n * DAY, units, "S1") for n, units in enumerate(days, 1) if units]


WA = Context(NOW, "wa")


@pytest.mark.parametrize(
    ("stands_there", "kept", "to_wa"),
    [
        (0, {"keep_share": Decimal(1)}, (0, 0)),  # once it stands there, none is theirs
        (0, {"keep_share": Decimal("0.5")}, (4, 1)),  # 8: 4 kept; 10: 5
        (3, {"keep_share": Decimal("0.5")}, (4, 1)),  # of 3 is 1 theirs; of 11, 5; of 13, 6
        (0, {"keep_units": 5}, (3, 2)),
        (3, {"keep_units": 5}, (6, 2)),  # three of the five stand there
        (5, {"keep_units": 5}, (8, 2)),
        (3, {"keep_units": 99}, (0, 0)),
        (3, {"hidden": True}, (0, 0)),
    ],
)
def test_of_what_comes_an_asker_may_have_what_the_rules_do_not_keep_then(
    stands_there: int, kept: dict[str, Any], to_wa: tuple[int, int]
) -> None:
    set_stocks({("A", "S1"): stands_there})
    make_channel("wa")
    make_exposure_rule(channel_id="wa", skus=["A"], **kept)
    make_inbound("S1", {"A": 8}, expected_at=NOW + DAY)
    make_inbound("S1", {"A": 2}, expected_at=NOW + 2 * DAY)

    assert future_supply(["A"], context=WA) == {"A": shown(*to_wa)}
    assert future_supply(["A"], context=Context(NOW, "web")) == {"A": shown(8, 2)}


def test_what_is_kept_and_others_have_taken_comes_out_of_the_next_delivery() -> None:
    set_stocks({("A", "S1"): 3})
    make_channel("wa")
    make_exposure_rule(channel_id="wa", keep_units=3)
    make_inbound("S1", {"A": 8}, expected_at=NOW + DAY)
    assert future_supply(["A"], context=WA) == {"A": shown(8)}

    StockLevel.objects.update(reserved=3)

    assert future_supply(["A"], context=WA) == {"A": shown(5)}


def test_what_a_level_owes_is_none_of_what_comes() -> None:
    set_stocks({("A", "S1"): 1})
    StockLevel.objects.update(reserved=3)
    make_inbound("S1", {"A": 8}, expected_at=NOW + DAY)

    assert future_supply(["A"], context=Context(NOW)) == {"A": shown(6)}


def test_safety_stock_is_not_added_to_what_comes() -> None:
    make_location("S1", safety_stock=5)
    make_channel("wa")
    make_exposure_rule(channel_id="wa", keep_units=3)
    make_inbound("S1", {"A": 8}, expected_at=NOW + DAY)

    assert future_supply(["A"], context=Context(NOW)) == {"A": shown(8)}
    assert future_supply(["A"], context=WA) == {"A": shown(5)}


deliveries = st.lists(st.tuples(st.integers(1, 12), st.integers(0, 12)), min_size=1, max_size=5)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    on_hand=st.integers(0, 12),
    reserved=st.integers(0, 14),
    units=st.integers(0, 15),
    share=st.integers(0, 100),
    coming=deliveries,
)
def test_whoever_buys_all_they_can_as_it_comes_gets_what_was_shown(
    on_hand: int, reserved: int, units: int, share: int, coming: list[tuple[int, int]]
) -> None:
    """An oracle of its own: time passes, and a shopper buys whatever the shelf will sell to them, morning by morning."""
    ExposureRule.objects.all().delete()
    InboundLine.objects.all().delete()
    set_stocks({("A", "S1"): on_hand})
    StockLevel.objects.update(reserved=reserved)
    if not Channel.objects.exists():
        make_channel("wa")
    make_exposure_rule(channel_id="wa", keep_units=units, keep_share=Decimal(share) / 100)
    for n, (comes, promised) in enumerate(coming, 1):
        inbound = make_inbound("S1", {"A": comes}, expected_at=NOW + n * DAY)
        InboundLine.objects.filter(inbound=inbound).update(promised=min(comes, promised))

    seen = future_supply(["A"], context=WA)["A"]

    shelf, owed = on_hand, reserved  # units that stand there; units that are somebody's

    def buys_all() -> int:
        nonlocal owed
        bought = 0
        while shelf - owed - 1 >= max(units, Fraction(share, 100) * shelf):
            owed += 1
            bought += 1
        return bought

    buys_all()  # what can be had today is none of what comes
    bought = []
    for comes, promised in coming:
        shelf += comes
        owed += min(comes, promised)
        bought.append(buys_all())
    assert seen == shown(*bought)


def test_is_one_statement_however_much_is_to_come(settings: Any) -> None:
    settings.VERSIONED_CACHE_SECONDS = 3600
    make_inbound("S1", {"A": 5}, expected_at=NOW + DAY)
    future_supply(["A"], context=Context(NOW))  # the places are known by heart now
    for days in range(2, 12):
        make_inbound("S2", {"A": 1, "B": 1}, expected_at=NOW + days * DAY)

    with CaptureQueriesContext(connection) as captured:
        future_supply(["A", "B"], context=Context(NOW))

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
