"""Stock health by small cases worked out by hand: what is missing, what is too much, what cannot be believed."""

from datetime import timedelta
from decimal import Decimal
from math import exp

import pytest
from django.db import transaction

from inventory.health import Where, definitions, out_of_stock, overstock, refreshed_at, suspects, to_count
from inventory.models import LevelPace, Location, StockLevel
from inventory.services import StockEvent, Want, apply_stock_events, mark_damaged
from inventory.services.pace import refresh_pace, refresh_pace_if_old
from tests.factories.inventory import NOW, make_location, make_product, make_products, reserve

pytestmark = pytest.mark.django_db

ANYWHERE = Where()
D = Decimal


@pytest.fixture(autouse=True)
def places(db):
    make_location("N", groups=["north"])
    make_location("S", groups=["south"])
    make_product("MUG", name_en="Mug", name_fr="Tasse", price=D("10.00"), tags=["kitchen"])
    make_product("VASE", name_en="Vase", price=D("50.00"))


def days_ago(number):
    return NOW - timedelta(days=number)


def stock(sku, place, units, *, at=100):
    _tell(StockEvent(f"in-{sku}-{place}-{at}", sku, place, "count", units, days_ago(at)))


def out(sku, place, *sales, reason="sale"):
    """So many units, so many days ago."""
    for units, days in sales:
        event = StockEvent(
            f"out-{sku}-{place}-{units}-{days}-{reason}", sku, place, "delta", -units, days_ago(days), reason
        )
        _tell(event)


def _tell(event):
    with transaction.atomic():
        apply_stock_events([event], source="test", actor="test", as_of=event.occurred_at)


def refresh():
    return refresh_pace(as_of=NOW)


def keys(page):
    return [(row.sku, row.location) for row in page.rows]


# ---- pace -----------------------------------------------------------------------------------------


def test_the_pace_of_a_level_is_what_went_out_of_it_week_by_week():
    stock("MUG", "N", 50)
    out("MUG", "N", (2, 1), (3, 6.9), (4, 7.1), (1, 89), (9, 95))
    out("MUG", "N", (5, 2), reason="shipped")
    out("MUG", "N", (6, 2), reason="collected")
    out("MUG", "N", (7, 2), reason="broken")

    assert refresh() == 1

    pace = LevelPace.objects.get()
    assert pace.weekly == [
        16,
        4,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        1,
    ]  # 2 + 3 + 5 + 6, then 4, then 1; 95 days are too long ago
    assert (pace.product_id, pace.location_id, pace.last_out_at) == ("MUG", "N", days_ago(1))


def test_working_it_out_again_changes_nothing_and_forgets_what_went_out_long_ago():
    stock("MUG", "N", 50)
    stock("VASE", "N", 50)
    out("MUG", "N", (2, 1))
    out("VASE", "N", (2, 90))
    refresh()
    before = list(LevelPace.objects.order_by("id").values())
    refresh()
    again = list(LevelPace.objects.order_by("id").values())

    left = refresh_pace(as_of=NOW + timedelta(days=2))

    assert (before == again, left, LevelPace.objects.get().product_id) == (True, 1, "MUG")


def test_it_is_worked_out_once_a_day():
    stock("MUG", "N", 50)
    out("MUG", "N", (2, 1))
    day = timedelta(hours=20)

    done = [refresh_pace_if_old(older_than=day, as_of=NOW + timedelta(hours=hours)) for hours in (0, 1, 19, 21)]

    assert done == [True, False, False, True]
    assert refreshed_at() == NOW + timedelta(hours=21)


# ---- out of stock ---------------------------------------------------------------------------------


def test_what_went_out_and_is_gone_has_lost_its_pace_times_the_weeks_since():
    stock("MUG", "N", 12)
    out("MUG", "N", (6, 42), (6, 28))
    stock("VASE", "N", 3)
    out("VASE", "N", (1, 28))
    refresh()

    (row,) = out_of_stock(ANYWHERE, weeks=8, as_of=NOW).rows

    # Twelve went out in the four weeks in which there were any: three a week, and four weeks without.
    assert (row.sku, row.name, row.location, row.on_hand) == ("MUG", "Mug", "N", 0)
    assert (row.weekly, row.lost_units, row.lost_value, row.currency) == (D("3.00"), D("12.0"), D("120.00"), "EUR")
    assert row.last_out_at == days_ago(28)


def test_goods_that_are_there_but_not_for_sale_are_missing_too():
    for place, spoil in (
        ("N", lambda: StockLevel.objects.filter(location="N").update(suspect_at=NOW)),
        ("S", lambda: StockLevel.objects.filter(location="S").update(safety_stock=5)),
    ):
        stock("MUG", place, 6)
        out("MUG", place, (1, 7))
        spoil()
    stock("VASE", "N", 2)
    out("VASE", "N", (1, 7))
    with transaction.atomic():
        reserve(Want("line:1", "VASE", "N", 1))
    refresh()

    found = {(row.sku, row.location): row for row in out_of_stock(ANYWHERE, as_of=NOW).rows}

    assert set(found) == {("MUG", "N"), ("MUG", "S"), ("VASE", "N")}
    assert [found[key].is_suspect for key in sorted(found)] == [True, False, False]
    assert found["VASE", "N"].reserved == 1


def test_what_nobody_wanted_lately_is_not_missing():
    stock("MUG", "N", 2)
    out("MUG", "N", (2, 60))
    refresh()

    assert out_of_stock(ANYWHERE, weeks=8, as_of=NOW).rows == ()
    assert keys(out_of_stock(ANYWHERE, weeks=9, as_of=NOW)) == [("MUG", "N")]


def test_over_the_network_a_product_is_missing_when_no_place_has_any():
    for place, units in (("N", 4), ("S", 8)):
        stock("MUG", place, units)
        out("MUG", place, (units, 14))
    stock("VASE", "N", 1)
    out("VASE", "N", (1, 14))
    stock("VASE", "S", 1)
    refresh()

    (row,) = out_of_stock(ANYWHERE, everywhere=True, weeks=8, as_of=NOW).rows

    # Twelve in the six weeks with stock: two a week, two weeks without.
    assert (row.sku, row.location, row.weekly, row.lost_units) == ("MUG", None, D("2.00"), D("4.0"))
    assert keys(out_of_stock(ANYWHERE, as_of=NOW)) == [("MUG", "S"), ("MUG", "N"), ("VASE", "N")]


def test_closed_places_and_products_taken_off_sale_are_left_out():
    stock("MUG", "N", 1)
    out("MUG", "N", (1, 14))
    refresh()
    Location.objects.filter(code="N").update(is_active=False)

    assert out_of_stock(ANYWHERE, as_of=NOW).rows == ()


# ---- overstock ------------------------------------------------------------------------------------


def test_what_lasts_longer_than_the_cover_has_a_surplus():
    stock("MUG", "N", 100)
    out("MUG", "N", (4, 10), (4, 40))
    stock("VASE", "N", 3)
    stock("VASE", "S", 8)
    out("VASE", "S", (4, 3))
    with transaction.atomic():
        mark_damaged([("MUG", "N", 2)], reference="f", actor="t", as_of=NOW)
    refresh()

    page = overstock(ANYWHERE, cover=26, weeks=8, as_of=NOW)

    # 100 − 8 out − 2 broken = 90 good, one a week: 90 weeks, 64 more than 26. Of the vases nothing went out in N; in S
    # four are left at one every other week: eight weeks, one more than the five weeks' three.
    mugs, vases = page.rows
    assert (mugs.sku, mugs.good, mugs.weekly, mugs.cover_weeks) == ("MUG", 90, D("1.00"), D("90.0"))
    assert (mugs.surplus, mugs.value, mugs.last_in_at) == (64, D("640.00"), days_ago(100))
    assert (vases.location, vases.good, vases.cover_weeks, vases.surplus, vases.value) == ("N", 3, None, 3, D("150.00"))
    assert [row.location for row in overstock(ANYWHERE, cover=5, weeks=8, as_of=NOW).rows if row.sku == "VASE"] == [
        "N",
        "S",
    ]


# ---- suspect --------------------------------------------------------------------------------------


def test_each_reason_to_doubt_a_level_and_the_surest_first():
    make_products("NOT-FOUND", "NEGATIVE", "SILENT", "DOUBTED", "FINE", "SLOW")
    for sku in ("NOT-FOUND", "SILENT", "DOUBTED", "FINE", "SLOW"):
        stock(sku, "N", 30)
    stock("NEGATIVE", "N", 1)
    out("NEGATIVE", "N", (2, 1))
    out("SILENT", "N", (9, 60), (9, 28))  # of the last eight weeks nine in four, then nothing: nine more to be expected
    out("SLOW", "N", (1, 80), (1, 28))
    out("FINE", "N", (2, 2))
    StockLevel.objects.filter(product="NOT-FOUND").update(suspect_at=NOW, confidence=0.4)
    StockLevel.objects.filter(product="DOUBTED").update(confidence=0.32)
    StockLevel.objects.filter(product="FINE").update(confidence=0.6)
    refresh()

    rows = suspects(ANYWHERE, as_of=NOW).rows

    assert [(row.sku, list(row.reasons), row.suggestion) for row in rows] == [
        ("NOT-FOUND", ["not_found", "low_confidence"], "count_now"),
        ("NEGATIVE", ["negative"], "count_now"),
        ("SILENT", ["silent"], "count_soon"),
        ("DOUBTED", ["low_confidence"], "count_soon"),
    ]
    assert float(rows[2].chance) == pytest.approx(exp(-9), abs=1e-4)
    assert (rows[3].confidence, rows[3].on_hand, rows[3].counted_at) == (0.32, 30, days_ago(100))


def test_why_a_level_is_doubted_is_said_as_it_was():
    for sku in ("PICKED", "COUNTED"):
        make_products(sku)
        stock(sku, "N", 30)
    StockLevel.objects.filter(product="PICKED").update(confidence=0.4, counted_at=None)
    StockLevel.objects.filter(product="COUNTED").update(confidence=0.4)

    rows = suspects(ANYWHERE, as_of=NOW).rows

    assert {row.sku: row.words("low_confidence") for row in rows} == {
        "PICKED": "a pick found too few, and nobody has counted it since",
        "COUNTED": "counts or picks often found something else",
    }


def test_fewer_units_than_are_known_to_be_broken_cannot_be_believed():
    stock("MUG", "N", 5)
    with transaction.atomic():
        mark_damaged([("MUG", "N", 3)], reference="f", actor="t", as_of=days_ago(20))
    assert suspects(ANYWHERE, as_of=NOW).rows == ()

    out("MUG", "N", (3, 10))

    assert [(row.sku, list(row.reasons), row.suggestion) for row in suspects(ANYWHERE, as_of=NOW).rows] == [
        ("MUG", ["negative"], "count_now")
    ]


def test_that_nobody_ever_counted_is_told_when_it_is_asked_for():
    stock("MUG", "N", 3)
    stock("VASE", "N", 3)
    StockLevel.objects.filter(product="VASE").update(confidence=0.6)
    refresh()

    assert suspects(ANYWHERE, as_of=NOW).rows == ()
    assert keys(suspects(ANYWHERE, reasons=["never_counted"], as_of=NOW)) == [("MUG", "N")]


def test_a_place_counts_first_what_looks_wrong_then_what_nobody_ever_counted():
    stock("MUG", "N", 3)
    stock("VASE", "N", 3)
    stock("VASE", "S", 3)
    StockLevel.objects.filter(product="VASE", location="N").update(confidence=0.4)

    assert [row.sku for row in to_count("N", limit=5, as_of=NOW)] == ["VASE", "MUG"]
    assert [row.sku for row in to_count("N", limit=1, as_of=NOW)] == ["VASE"]


# ---- filters and pages ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        (Where(), {("MUG", "N"), ("MUG", "S"), ("VASE", "N"), ("VASE", "S")}),
        (Where(["N"]), {("MUG", "N"), ("VASE", "N")}),
        (Where([]), set()),
        (Where(group="south"), {("MUG", "S"), ("VASE", "S")}),
        (Where(tag="kitchen"), {("MUG", "N"), ("MUG", "S")}),
        (Where(["N", "S"], "north", "kitchen"), {("MUG", "N")}),
        (Where(group="nowhere"), set()),
    ],
)
def test_every_list_can_be_narrowed_to_places_groups_and_tags(where, expected):
    for sku in ("MUG", "VASE"):
        for place in ("N", "S"):
            stock(sku, place, 400)
            out(sku, place, (1, 3))
    refresh()
    assert set(keys(overstock(where, as_of=NOW))) == expected
    StockLevel.objects.update(suspect_at=NOW)

    assert set(keys(suspects(where, as_of=NOW))) == expected
    assert set(keys(out_of_stock(where, as_of=NOW))) == expected
    assert {row.sku for row in out_of_stock(where, everywhere=True, as_of=NOW).rows} == {
        sku for sku, _place in expected
    }


@pytest.mark.parametrize("read", [out_of_stock, overstock, suspects])
def test_pages_follow_each_other_without_gaps_or_repeats_while_time_goes_by(read):
    skus = [f"P{n:02}" for n in range(7)]
    make_products(*skus, price=D("10.00"))
    for n, sku in enumerate(skus):
        stock(sku, "N", 500 + n // 2)
        stock(sku, "S", 500 + n // 2)
    for n, sku in enumerate(skus):
        out(sku, "N", (1 + n // 3, 3))
    refresh()
    if read is not overstock:
        StockLevel.objects.update(suspect_at=NOW)
    whole = keys(read(ANYWHERE, limit=100, as_of=NOW))

    found, after = [], None
    while True:
        page = read(ANYWHERE, after=after, limit=3, as_of=NOW + timedelta(minutes=len(found)))
        found += keys(page)
        if page.after is None:
            break
        after = page.after

    assert found == whole
    assert len(whole) == len(set(whole)) == (7 if read is out_of_stock else 14)


def test_a_name_is_in_the_readers_language():
    from django.utils.translation import override

    stock("MUG", "N", 500)
    with override("fr"):
        assert [row.name for row in overstock(ANYWHERE, as_of=NOW).rows] == ["Tasse"]
        assert set(definitions()) == {"out-of-stock", "overstock", "suspect"}
