from datetime import timedelta

import pytest
import time_machine
from rest_framework.test import APIClient

from inventory.services.pauses import pause_location
from oms.keys import create_api_key
from oms.models import Channel
from tests.factories.inventory import (
    NOW,
    make_exposure_rule,
    make_inbound,
    make_location,
    make_locations,
    make_product,
    make_products,
    set_stock,
    set_stocks,
)

pytestmark = pytest.mark.django_db

PARIS, LYON, LILLE = (48.8566, 2.3522), (45.7640, 4.8357), (50.6292, 3.0573)


def at(point):
    return {"latitude": point[0], "longitude": point[1]}


@pytest.fixture(autouse=True)
def network(db):
    make_products("A", "B")
    make_location("PARIS", name="Paris", **at(PARIS))
    make_location("LYON", name="Lyon", abilities=["ship"], **at(LYON))
    make_location("DEPOT", name="Depot", kind="warehouse", safety_stock=5)
    set_stocks({("A", "PARIS"): 2, ("A", "LYON"): 7, ("A", "DEPOT"): 9})


def get(client, query):
    answer = client.get(f"/api/v1/availability/?{query}")
    assert answer.status_code == 200, answer.json()
    return answer.json()["results"]


def test_tells_the_network_and_the_fullest_places_first(client):
    assert get(client, "sku=A,B") == [
        {
            "sku": "A",
            "sellable": 13,
            "future": [],
            "locations": [
                {"location": "LYON", "name": "Lyon", "sellable": 7},
                {"location": "DEPOT", "name": "Depot", "sellable": 4},
                {"location": "PARIS", "name": "Paris", "sellable": 2},
            ],
        },
        {"sku": "B", "sellable": 0, "future": [], "locations": []},
    ]


def test_tells_the_nearest_first_and_those_off_the_map_last(client):
    found = get(client, f"sku=A&near={LILLE[0]},{LILLE[1]}")[0]["locations"]

    assert [(place["location"], place.get("distance_km")) for place in found] == [
        ("PARIS", 203.5),
        ("LYON", 556.8),
        ("DEPOT", None),
    ]


@pytest.mark.parametrize(
    "query, found",
    [
        ("method=ship", ["LYON", "DEPOT", "PARIS"]),
        ("location=PARIS,DEPOT", ["DEPOT", "PARIS"]),
        ("limit=1", ["LYON"]),
    ],
)
def test_shows_the_places_asked_for_and_the_whole_network(client, query, found):
    result = get(client, f"sku=A&{query}")[0]

    assert [place["location"] for place in result["locations"]] == found
    assert result["sellable"] == 13


@pytest.mark.parametrize(
    "rule", [{}, {"keep_units": 1, "groups": ["city"]}, {"hidden": True, "order_type": "curbside"}]
)
@pytest.mark.parametrize("near", ["", f"&near={PARIS[0]},{PARIS[1]}"])
@pytest.mark.parametrize(
    "method, found",
    [
        ("pickup", {"PARIS": 2}),
        ("ship", {"PARIS": 2, "LYON": 7, "DEPOT": 4}),
        ("locker", {"PARIS": 2, "LYON": 7, "DEPOT": 4}),  # it is filled by parcels
        ("curbside", {}),
    ],
)
def test_a_place_that_cannot_do_what_is_asked_for_has_nothing_to_sell(client, method, found, near, rule):
    if rule:
        make_exposure_rule(**rule)

    result = get(client, f"sku=A&method={method}&area_by=country{near}")[0]

    assert {place["location"]: place["sellable"] for place in result["locations"]} == found
    assert result["sellable"] == sum(area["sellable"] for area in result["areas"]) == sum(found.values())
    assert get(client, f"sku=A{near}")[0]["sellable"] == 13


def test_what_comes_where_a_method_cannot_be_served_is_not_for_it(client):
    make_location("CURB", abilities=["curbside"])
    with time_machine.travel("2026-03-02T09:00:00Z", tick=False):
        make_inbound("CURB", {"A": 5}, expected_at=NOW + timedelta(days=3))

        future = {
            method: get(client, f"sku=A{method}")[0]["future"] for method in ("", "&method=curbside", "&method=ship")
        }

    comes = [{"date": "2026-03-05", "quantity": 5}]
    assert future == {"": comes, "&method=curbside": comes, "&method=ship": []}


@pytest.mark.parametrize("change", [lambda: make_location("LYON", is_active=False), lambda: set_stock("A", "LYON", 0)])
def test_leaves_out_what_sells_nothing(client, change):
    change()

    assert [place["location"] for place in get(client, "sku=A")[0]["locations"]] == ["DEPOT", "PARIS"]


def test_a_product_taken_off_sale_sells_nothing(client):
    make_product("A", is_active=False)

    assert get(client, "sku=A") == [{"sku": "A", "sellable": 0, "future": [], "locations": []}]


@pytest.mark.parametrize(
    "query, pointer, code",
    [
        ("", "/sku", "required"),
        ("sku=", "/sku", "too_short"),
        ("sku=" + ",".join(f"S{n}" for n in range(101)), "/sku", "too_long"),
        ("sku=A,NONE", "/sku", "unknown_sku"),
        ("sku=A&location=NONE", "/location", "unknown_location"),
        ("sku=A&channel=NONE", "/channel", "unknown_channel"),
        ("sku=A&near=1", "/near/1", "required"),
        ("sku=A&near=91,0", "/near/0", "less_than_equal"),
        ("sku=A&near=nan,0", "/near/0", "finite_number"),
        ("sku=A&method=fly", "/method", "literal_error"),
        ("sku=A&limit=0", "/limit", "greater_than_equal"),
        ("sku=A&limit=x", "/limit", "int_parsing"),
    ],
)
def test_a_wrong_question_is_refused(client, query, pointer, code):
    answer = client.get(f"/api/v1/availability/?{query}")

    assert answer.status_code == 422
    assert [(error["pointer"], error["code"]) for error in answer.json()["errors"]] == [(pointer, code)]


def test_asks_for_a_channel_that_exists(client):
    Channel.objects.create(code="web", name="Web", currency="EUR")

    assert get(client, "sku=A&channel=web")[0]["sellable"] == 13


def test_takes_as_many_statements_for_hundreds_of_places_as_for_three(client, django_assert_num_queries):
    def statements():
        ask = "sku=A,B&near={},{}&limit=1000".format(*PARIS)
        get(client, ask)  # places and rules are known by heart
        # key; versions of places, three times, and of rules (tests trust no cache); stock, which knows that nothing comes
        with django_assert_num_queries(5):
            return get(client, ask)

    assert len(statements()[0]["locations"]) == 3
    codes = [f"S{n}" for n in range(300)]
    make_locations(*codes, **at(LYON))
    set_stocks({("A", code): 1 for code in codes})

    assert len(statements()[0]["locations"]) == 303


@pytest.fixture
def forty_places():
    """North of Paris, a tenth of a degree apart; the nearest is closed to the web, the next gives its stock to pickup only."""
    codes = [f"N{n:02d}" for n in range(40)]
    for n, code in enumerate(codes):
        make_location(
            code,
            latitude=49 + n / 10,
            longitude=2.35,
            groups=["even"] if n % 2 == 0 else ["odd"],
            abilities=["pickup"] if n == 1 else ["ship", "pickup"],
        )
    Channel.objects.create(code="web", name="Web", currency="EUR")
    make_exposure_rule(channel_id="web", locations=["N00"], hidden=True)
    make_exposure_rule(channel_id="web", groups=["even"], keep_units=2)
    make_exposure_rule(channel_id="web", tags=["rare"], groups=["odd"], keep_units=3)
    return codes


def test_what_is_asked_together_is_told_as_what_is_asked_alone(client, forty_places):
    far, near = forty_places[-5:], forty_places[:4]
    make_products("MOST", "FAR", "FEW", "NONE")
    make_product("RARE", tags=["rare"])
    make_product("OFF", is_active=False)
    set_stocks(
        {("MOST", code): n % 7 for n, code in enumerate(forty_places)}
        | {("RARE", code): n % 7 for n, code in enumerate(forty_places)}
        | {("OFF", code): 9 for code in forty_places}
        | {("FAR", code): 9 if code in far else 0 for code in forty_places}
        | {("FEW", code): 5 for code in (*near, "LYON")}
    )
    skus = ("MOST", "FAR", "FEW", "NONE", "RARE", "OFF", "A")

    for asked in (
        "&channel=web",
        "&channel=web&method=ship",
        "&group=odd",
        "&location=N39,N01,N02,LYON",
        "&method=locker",
        "&area_by=country",
    ):
        for limit in (1, 2, 4):
            rest = f"&near={PARIS[0]},{PARIS[1]}&limit={limit}{asked}"
            assert get(client, f"sku={','.join(skus)}{rest}") == [get(client, f"sku={sku}{rest}")[0] for sku in skus]


def test_looks_at_all_places_only_where_the_nearest_have_nothing(client, forty_places, django_assert_num_queries):
    skus = [f"S{n}" for n in range(5)]
    make_products(*skus)
    set_stocks({(sku, code): 9 for sku in skus for code in forty_places})
    ask = f"sku={','.join(skus)}&near={PARIS[0]},{PARIS[1]}&limit=2"
    get(client, ask)  # places and rules are known by heart

    with django_assert_num_queries(5):  # as for one product
        assert [len(found["locations"]) for found in get(client, ask)] == [2] * 5
    set_stocks({("S3", code): 0 for code in forty_places[:6]})
    with django_assert_num_queries(8):  # all of S3, as of the places and rules that count then
        assert [place["location"] for place in get(client, ask)[3]["locations"]] == ["N06", "N07"]


def test_sums_up_areas_and_keeps_to_groups(client):
    make_location("B1", country="BE", region="Wallonie", groups=["outlet"])
    set_stocks({("A", "B1"): 4})

    everywhere = get(client, "sku=A&area_by=country")[0]
    outlets = get(client, "sku=A&area_by=region&group=outlet,other")[0]

    assert {"area": "BE", "sellable": 4} in everywhere["areas"]
    assert sum(area["sellable"] for area in everywhere["areas"]) == everywhere["sellable"]
    assert outlets["areas"] == [{"area": "Wallonie", "sellable": 4}]
    assert [place["location"] for place in outlets["locations"]] == ["B1"]
    assert "areas" not in get(client, "sku=A")[0]


def test_tells_when_it_could_be_collected_where_that_is_asked(client):
    make_location("OPEN", preparation_minutes=60)
    make_location("PAUSED", accepting_orders=False)
    set_stocks({("A", "OPEN"): 4, ("A", "PAUSED"): 4})

    with time_machine.travel("2026-03-02T09:00:00Z", tick=False):
        places = {place["location"]: place for place in get(client, "sku=A&method=pickup")[0]["locations"]}

    assert places["OPEN"]["pickup_at"] == "2026-03-02T10:00:00+00:00"
    assert all("pickup_at" not in place for place in get(client, "sku=A")[0]["locations"])


@pytest.mark.parametrize("near", ["", f"&near={PARIS[0]},{PARIS[1]}"])
def test_a_place_that_takes_no_orders_has_nothing_to_sell(client, near):
    make_location("SHUT", accepting_orders=False)
    make_location("PAUSED")
    make_location("OPEN")
    pause_location(code="PAUSED", until=NOW + timedelta(hours=2), reason="", actor="t", as_of=NOW)
    set_stocks({("B", "SHUT"): 1, ("B", "PAUSED"): 2, ("B", "OPEN"): 4})

    def told(at):
        with time_machine.travel(at, tick=False):
            [found] = get(client, f"sku=B&area_by=country{near}")
            explained = client.get("/api/v1/availability/explain/", {"sku": "B"}).json()["locations"]
        sellable = {place["location"]: place["sellable"] for place in found["locations"]}
        assert {place["location"]: place["sellable"] for place in explained if place["sellable"]} == sellable
        assert found["sellable"] == sum(area["sellable"] for area in found["areas"]) == sum(sellable.values())
        return sellable, {place["location"]: place["closed_by"] for place in explained if place["closed_by"]}

    shut = ["takes_no_orders"]
    assert told(NOW + timedelta(hours=2) - timedelta(microseconds=1)) == ({"OPEN": 4}, {"SHUT": shut, "PAUSED": shut})
    assert told(NOW + timedelta(hours=2)) == ({"OPEN": 4, "PAUSED": 2}, {"SHUT": shut})


def test_a_key_of_one_channel_asks_for_that_channel(client):
    Channel.objects.create(code="web", name="Web", currency="EUR")
    make_exposure_rule(channel_id="web", hidden=True)
    bound = APIClient()
    bound.credentials(
        HTTP_AUTHORIZATION=f"Bearer {create_api_key(name='shop', scopes=['stock:read'], channel='web')[1]}"
    )

    assert get(client, "sku=A")[0]["sellable"] == 13
    for query in ("sku=A", "sku=A&channel=web"):
        assert get(bound, query)[0] == {"sku": "A", "sellable": 0, "future": [], "locations": []}
        assert bound.get(f"/api/v1/availability/explain/?{query}").json()["sellable"] == 0


def test_tells_what_is_to_come_and_from_when_but_not_what_a_rule_hides(client):
    make_location("B1", country="BE")
    with time_machine.travel("2026-03-02T09:00:00Z", tick=False):
        make_inbound("B1", {"A": 5}, expected_at=NOW + timedelta(days=3))
        make_inbound("PARIS", {"A": 2}, expected_at=NOW + timedelta(days=3))
        make_inbound("PARIS", {"A": 4}, expected_at=NOW - timedelta(days=1))

        assert get(client, "sku=A")[0]["future"] == [
            {"date": "2026-03-03", "quantity": 4},
            {"date": "2026-03-05", "quantity": 7},
        ]
        make_exposure_rule(countries=["BE"], hidden=True)
        assert get(client, "sku=A")[0]["future"][1] == {"date": "2026-03-05", "quantity": 2}
