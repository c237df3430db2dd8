"""`stock/health/…`: filters, pages, bounds, and what is refused."""

from datetime import timedelta
from decimal import Decimal

import pytest

from inventory.models import StockLevel
from inventory.services import StockEvent, receive_stock_events
from inventory.services.pace import refresh_pace
from oms.clock import now
from tests.factories.inventory import make_location, make_products, set_stocks

pytestmark = pytest.mark.django_db

URL = "/api/v1/stock/health/"


@pytest.fixture(autouse=True)
def shelves(db):
    """Of six products five were sold out in both places three weeks ago; P5 is there and never sells."""
    skus = [f"P{number}" for number in range(6)]
    make_products(*skus, price=Decimal("10.00"))
    make_location("N", groups=["north"])
    make_location("S")
    set_stocks({(sku, place): 5 + number for number, sku in enumerate(skus) for place in "NS"})
    StockLevel.objects.update(counted_at=None)
    at = now() - timedelta(days=21)
    sold = [
        StockEvent(f"{sku}{place}", sku, place, "delta", -(5 + number), at, reason="sale")
        for number, sku in enumerate(skus[:5])
        for place in "NS"
    ]
    receive_stock_events(sold, source="till", actor="till", as_of=at)
    refresh_pace(as_of=now())


def read(client, path):
    answer = client.get(path if path.startswith("http") else URL + path)
    assert answer.status_code == 200, answer.json()
    return answer.json()


def keys(document):
    return [(row["sku"], row["location"]) for row in document["results"]]


def test_what_is_missing_is_told_with_what_it_costs(client):
    document = read(client, "out-of-stock/?location=N&page_size=1")

    (row,) = document["results"]
    # Nine in the five weeks with stock, three weeks without: 1.8 a week, 5.4 lost.
    assert {name: row[name] for name in ("sku", "location", "weekly", "lost_units", "lost_value", "currency")} == {
        "sku": "P4",
        "location": "N",
        "weekly": "1.80",
        "lost_units": "5.4",
        "lost_value": "54.00",
        "currency": "EUR",
    }
    assert document["definition"].startswith("Nothing is for sale")
    assert document["refreshed_at"]


def test_pages_follow_each_other(client):
    seen, address = [], "out-of-stock/?page_size=3&weeks=8"
    while address:
        document = read(client, address)
        seen += keys(document)
        address = document["next"]

    assert seen == [(f"P{number}", place) for number in (4, 3, 2, 1, 0) for place in "NS"]


def test_what_is_missing_everywhere_is_told_once(client):
    assert [row["sku"] for row in read(client, "out-of-stock/?scope=network")["results"]] == [
        f"P{number}" for number in (4, 3, 2, 1, 0)
    ]


def test_overstock_and_suspects_answer_too(client):
    StockLevel.objects.filter(product="P0", location="S").update(suspect_at=now(), confidence=0.31999999999999995)

    overstock, suspect = (
        read(client, "overstock/?group=north"),
        read(client, "suspect/?reason=not_found,low_confidence"),
    )

    assert [(row["sku"], row["cover_weeks"], row["surplus"], row["value"]) for row in overstock["results"]] == [
        ("P5", None, 10, "100.00")
    ]
    assert [(row["sku"], row["reasons"], row["suggestion"], row["confidence"]) for row in suspect["results"]] == [
        ("P0", ["not_found", "low_confidence"], "count_now", 0.32)
    ]


@pytest.mark.parametrize("name", ["out-of-stock", "overstock", "suspect"])
def test_a_caller_bound_to_places_sees_those(client_with, name):
    StockLevel.objects.update(suspect_at=now())
    bound = client_with("stock:read", locations=["N"])

    for query in ("", "?location=N,S", "?location=S"):
        places = {row["location"] for row in read(bound, f"{name}/{query}")["results"]}
        assert places == (set() if query == "?location=S" else {"N"})


def test_the_network_is_for_those_who_see_all_of_it(client_with):
    bound = client_with("stock:read", locations=["N"])

    assert bound.get(URL + "out-of-stock/?scope=network").status_code == 403


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("out-of-stock/?weeks=14", "/weeks"),
        ("out-of-stock/?weeks=0", "/weeks"),
        ("out-of-stock/?scope=planet", "/scope"),
        ("out-of-stock/?cursor=nonsense", "/cursor"),
        ("out-of-stock/?cursor=WzEsMl0", "/cursor"),
        ("out-of-stock/?cursor=W251bGwsbnVsbCxudWxsLG51bGxd", "/cursor"),
        ("out-of-stock/?page_size=0", "/page_size"),
        ("overstock/?cover=0", "/cover"),
        ("overstock/?reason=silent", "/reason"),
        ("suspect/?reason=silent,mood", "/reason/1"),
        ("suspect/?reason=", "/reason"),
        ("suspect/?nonsense=1", "/nonsense"),
        # a SKU that is half of a surrogate pair
        ("suspect/?cursor=WyIyMDI2LTAxLTAxVDAwOjAwOjAwKzAwOjAwIiwgIjEiLCAiYVx1ZDgwMCIsICJiIl0", "/cursor"),
    ],
)
def test_what_cannot_be_meant_is_refused(client, query, pointer):
    answer = client.get(URL + query)

    assert answer.status_code == 422, answer.json()
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]


def test_stock_health_needs_its_scope(client_with):
    assert client_with("catalog:read").get(URL + "suspect/").status_code == 403


@pytest.mark.parametrize("name", ["out-of-stock", "overstock", "suspect"])
def test_a_page_takes_three_statements(client, django_assert_num_queries, name):
    client.get(URL + f"{name}/")

    with django_assert_num_queries(3):
        client.get(URL + f"{name}/")
