"""What slow stock is worth to get rid of, from the books to what is decided."""

from datetime import timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import strategies as st

from inventory.services import StockEvent, apply_stock_events
from inventory.services.pace import refresh_pace
from routing.documents import parse
from routing.markdown import MarkdownTerms, gain_per_unit
from routing.models import SlowStock
from routing.queries import ActiveRules, markdown_gains
from routing.services.markdown import refresh, refresh_if_old
from routing.services.sourcing import Demand, Destination, Line, plan
from tests.factories.inventory import NOW, make_locations, make_product, set_stocks

TERMS = MarkdownTerms(from_weeks=26, full_weeks=52, most=Decimal("0.20"))
D = Decimal


# ---- the formula -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cover", "gain"), [(0, "0"), (26, "0"), (39, "5"), (45.5, "7.5"), (52, "10"), (500, "10"), (None, "10")]
)
def test_the_gain_rises_from_nothing_to_the_most(cover, gain):
    assert gain_per_unit(D("50.00"), cover, TERMS) == D(gain)


@given(
    price=st.decimals(0, 10**6, places=2),
    units=st.integers(1, 10**6),
    out=st.integers(0, 10**4),
    most=st.integers(0, 100),
)
def test_the_gain_is_the_share_of_the_price_that_the_cover_asks_for(price, units, out, most):
    """Held against the same in fractions: `units` that go out `out` in eight weeks."""
    terms = MarkdownTerms(26, 52, D(most) / 100)
    weeks = Fraction(units * 8, out) if out else None
    share = 1 if weeks is None or weeks > 52 else max(Fraction(0), (weeks - 26) / 26)

    gain = gain_per_unit(price, None if weeks is None else units / (out / 8), terms)

    assert abs(Fraction(gain) - Fraction(price) * share * most / 100) <= Fraction(1, 10**6)


# ---- slow stock --------------------------------------------------------------------------------------


def tell(sku, place, kind, quantity, *, weeks_ago, reason=""):
    at = NOW - timedelta(weeks=weeks_ago)
    event = StockEvent(f"{sku}-{place}-{kind}-{quantity}-{weeks_ago}", sku, place, kind, quantity, at, reason)
    with transaction.atomic():
        apply_stock_events([event], source="test", actor="test", as_of=at)


@pytest.fixture
def shops(db):
    """100 vases each, half a year ago; in the last eight weeks SLOW sold 16, QUICK 64, and FULL got 90 of its own."""
    make_product("VASE", price=D("50.00"))
    make_locations("SLOW", "DEAD", "QUICK", "FULL", abilities=["ship"])
    for place in ("SLOW", "DEAD", "QUICK", "FULL"):
        tell("VASE", place, "count", 100, weeks_ago=26)
    tell("VASE", "SLOW", "delta", -16, weeks_ago=4, reason="sale")
    tell("VASE", "QUICK", "delta", -64, weeks_ago=4, reason="sale")
    tell("VASE", "FULL", "delta", -16, weeks_ago=5, reason="sale")
    tell("VASE", "FULL", "delta", 90, weeks_ago=1, reason="receipt")
    refresh_pace(as_of=NOW)


def gains():
    return {slow.location: (slow.units, slow.cover_weeks, slow.gain) for slow in SlowStock.objects.all()}


def test_what_stood_for_weeks_and_would_last_long_is_slow(shops):
    assert refresh(as_of=NOW) == 3

    assert gains() == {
        "SLOW": (84, 42.0, D("6.153846")),  # (42 − 26) / 26 of 10.00
        "DEAD": (100, None, D("10.000000")),
        "FULL": (84, 42.0, D("6.153846")),  # the 90 that came last week do not stand there
    }


def test_what_came_lately_is_not_slow(shops):
    tell("VASE", "SLOW", "count", 0, weeks_ago=3)
    tell("VASE", "SLOW", "count", 500, weeks_ago=2)

    refresh(as_of=NOW)

    assert "SLOW" not in gains()


def test_it_is_done_once_a_day_and_holds_for_two(shops):
    assert [refresh_if_old(as_of=NOW + timedelta(hours=hours)) for hours in (0, 1, 21)] == [True, False, True]

    found = markdown_gains("EUR", ["VASE", "MUG"], as_of=NOW + timedelta(hours=68))
    assert found == {"VASE": {"SLOW": 6_153_846, "DEAD": 10_000_000, "FULL": 6_153_846}}
    assert markdown_gains("EUR", ["VASE"], as_of=NOW + timedelta(hours=69)) == {}
    assert markdown_gains("SEK", ["VASE"], as_of=NOW) == {}


def ask(markdown):
    rules = parse({"rules": [{"steps": [{"weights": {"cost": 1, "markdown": markdown}}]}]}).as_engine()
    lines = (Line("l1", "VASE", 2, unit_value=D(50), weight_g=400),)
    demand = Demand(channel="web", currency="EUR", lines=lines, destination=Destination("FR", "75011"))
    return plan(demand, as_of=NOW, rules=ActiveRules(rules))


def test_slow_stock_goes_first_where_a_rule_weighs_it(shops, settings):
    settings.VERSIONED_CACHE_SECONDS = 3600
    set_stocks({("VASE", "QUICK"): 36})
    refresh(as_of=NOW)

    counts = []
    for markdown in (0, 0, 1):
        with CaptureQueriesContext(connection) as captured:
            planned = ask(markdown)
        counts.append(len(captured))

    assert counts[1:] == [1, 2]  # the gains are read where they count only
    assert [parcel.location for parcel in planned.parcels] == ["DEAD"]
    parts = {c.location: c.parts.get("markdown") for c in planned.outcome.candidates}
    assert parts == {"DEAD": 0, "SLOW": 2 * 3_846_154, "FULL": 2 * 3_846_154, "QUICK": 2 * 10_000_000}
