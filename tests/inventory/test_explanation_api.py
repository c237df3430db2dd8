"""`GET availability/explain/`: the figures add up to the number everybody else is told."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.db import transaction
from django.test import Client

from inventory.exposure import Context
from inventory.locks import lock_stock
from inventory.models import CartHold, StockLevel
from inventory.services import Want, mark_damaged, mark_suspect
from inventory.services.cart_holds import hold_at
from oms.clock import now
from tests.factories.inventory import NOW, make_exposure_rule, make_location, make_product, reserve, set_stock
from tests.factories.orders import make_channel

pytestmark = pytest.mark.django_db
EXPLAIN = "/api/v1/availability/explain/"


@pytest.fixture(autouse=True)
def shelf(db):
    make_channel("web")
    make_product("A", tags=["new"])
    make_location("S1", safety_stock=1)
    make_location("S2", groups=["outlet"])
    set_stock("A", "S1", 10)
    set_stock("A", "S2", 4)
    with transaction.atomic():
        reserve(Want("line:1", "A", "S1", 2))
        mark_damaged([("A", "S1", 1)], reference="f", actor="t", as_of=NOW)


def explain(client, **query):
    answer = client.get(EXPLAIN, {"sku": "A", **query})
    assert answer.status_code == 200, answer.json()
    told = answer.json()
    shown = client.get("/api/v1/availability/", {"sku": "A", **query}).json()["results"][0]
    if "location" not in query:
        assert told["sellable"] == shown["sellable"]
    for place in told["locations"]:
        if not place["closed_by"]:
            lost = ("damaged", "quarantined", "reserved", "held_by_carts", "held_for_offers", "kept_back")
            assert place["sellable"] == max(0, place["on_hand"] - sum(place[name] for name in lost))
        else:
            assert place["sellable"] == 0
    return {place["location"]: place for place in told["locations"]}


def test_names_every_figure_behind_the_number(client):
    client.post(
        "/api/v1/reservations/",
        {"cart": "c", "channel": "web", "lines": [{"sku": "A", "quantity": 1, "location": "S1"}]},
        format="json",
    )

    place = explain(client)["S1"]

    figures = ("on_hand", "damaged", "reserved", "held_by_carts", "kept_back", "kept_by", "sellable")
    assert [place[name] for name in figures] == [10, 1, 2, 1, 1, "place", 5]
    assert place["text"] == (
        "10 stand here, 1 damaged, 2 promised to orders, 1 in carts,"
        " 1 kept back (safety stock of the place): 5 can be sold"
    )


def test_what_is_kept_for_work_that_is_offered_is_in_no_cart(client):
    context = Context(now(), channel="web")
    with transaction.atomic():
        lock_stock([("A", "S1")])
        until = now() + timedelta(hours=1)
        assert hold_at("S1", {"A": 3}, name="ful_1@S1.1", owner=CartHold.OFFERS, until=until, context=context)

    place = explain(client)["S1"]

    assert (place["held_by_carts"], place["held_for_offers"], place["sellable"]) == (0, 3, 3)
    assert "2 promised to orders, 3 kept for work offered to several places, 1 kept back" in place["text"]


def test_names_the_rule_that_keeps_some_from_this_asker(client):
    kept = make_exposure_rule(name="Marketplaces", channel_id="web", keep_units=3)

    assert explain(client)["S1"]["kept_by"] == "place"
    place = explain(client, channel="web")["S1"]
    assert (place["kept_back"], place["kept_by"], place["rule"]["id"]) == (3, "rule", kept.pk)
    assert "3 kept back (an exposure rule “Marketplaces”)" in place["text"]


def test_tells_what_keeps_everything_from_sale(client):
    make_exposure_rule(groups=["outlet"], order_type="ship", hidden=True)
    with transaction.atomic():
        mark_suspect([("A", "S1")], reference="f", actor="t", as_of=NOW)

    places = explain(client, method="ship")

    assert places["S2"]["closed_by"] == ["hidden"] and places["S2"]["rule"]["hidden"]
    assert places["S1"]["closed_by"] == ["suspect"]
    assert places["S1"]["text"] == "Nothing is sold here: the goods were not found and must be counted first"


def test_tells_of_doubt(client):
    StockLevel.objects.filter(location="S2").update(confidence=0.4)
    make_exposure_rule(name="Careful", below_confidence=0.5, keep_share="0.5")

    places = explain(client)

    assert (places["S2"]["kept_back"], places["S2"]["kept_by"], places["S2"]["sellable"]) == (2, "doubt", 2)
    assert places["S2"]["doubt_rule"]["name"] == "Careful"
    assert places["S1"]["kept_by"] == "place"


def test_confidence_is_told_as_people_read_it(client):
    StockLevel.objects.filter(location="S2").update(confidence=0.49107199999999995)

    assert explain(client)["S2"]["confidence"] == 0.4911
    assert StockLevel.objects.get(location="S2").confidence == 0.49107199999999995


def test_places_of_a_group_are_explained_as_availability_counts_them(client, client_with):
    answer = client.get(EXPLAIN, {"sku": "A", "group": "outlet,none"}).json()

    [shown] = client.get("/api/v1/availability/?sku=A&group=outlet,none").json()["results"][0]["locations"]
    assert [place["location"] for place in answer["locations"]] == ["S2"] == [shown["location"]]
    assert answer["sellable"] == shown["sellable"] > 0
    for nothing in ({"group": "outlet", "location": "S1"}, {"group": "none"}):
        assert client.get(EXPLAIN, {"sku": "A", **nothing}).json() == {"sku": "A", "sellable": 0, "locations": []}
    theirs = client_with("stock:read", locations=["S1"])
    assert theirs.get(EXPLAIN, {"sku": "A", "group": "outlet"}).json()["locations"] == []


def test_shows_the_inside_of_ones_own_places_only(client_with):
    mine = client_with("stock:read", locations=["S2"])

    answer = mine.get(EXPLAIN, {"sku": "A"}).json()

    assert [place["location"] for place in answer["locations"]] == ["S2"]
    assert mine.get(EXPLAIN, {"sku": "A", "location": "S1"}).json()["locations"] == []


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"sku": "Z"}, "unknown_sku"),
        ({"sku": "A", "location": "S9"}, "unknown_location"),
        ({"sku": "A", "channel": "nope"}, "unknown_channel"),
        ({}, "too_short"),
    ],
)
def test_says_what_it_does_not_know(client, query, code):
    answer = client.get(EXPLAIN, query)

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["code"] == code


def test_takes_as_many_statements_for_many_places_as_for_two(client, django_assert_num_queries):
    make_exposure_rule(name="x", keep_units=1)
    client.get(EXPLAIN, {"sku": "A"})
    for number in range(30):
        make_location(f"T{number}")
        set_stock("A", f"T{number}", 1)
    client.get(EXPLAIN, {"sku": "A"})

    # key; product, twice; versions of rules and places, five times; stock; levels; names
    with django_assert_num_queries(11):
        assert len(client.get(EXPLAIN, {"sku": "A"}).json()["locations"]) == 32


def test_the_page_of_a_level_says_it_for_every_channel(db):
    make_exposure_rule(name="Marketplaces", channel_id="web", keep_units=3)
    office = Client()
    office.force_login(User.objects.create_superuser("boss", "boss@example.org", "secret-password"))
    level = StockLevel.objects.get(location="S1")

    page = office.get(f"/admin/inventory/stocklevel/{level.pk}/change/").content.decode()

    assert "1 kept back (safety stock of the place): 6 can be sold" in page
    assert "3 kept back (an exposure rule “Marketplaces”): 4 can be sold" in page
