"""Holes in carriers' prices, against walking through every address, distance and weight."""

import inspect
import re
from decimal import Decimal

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import given, settings
from hypothesis import strategies as st

from routing import rate_review
from routing.models import CarrierService, PostalArea, Rate, Zone
from routing.queries import carriers
from routing.rate_review import FAULTS, PricedZone, Remark, review_rates
from routing.remarks import RATES, remark_sentence
from routing.services.rate_reviews import review_service
from tests.factories.inventory import make_location, make_locations

D = Decimal
ANY_WEIGHT = ((None, D(4)),)
AREAS = [("FR", "06"), ("FR", "75"), ("FR", "92"), ("BE", "10")]


def zone(code="z", rates=ANY_WEIGHT, **more):
    return PricedZone(code, rates=rates, **more)


def codes(*zones, heaviest_g=None, off=(), areas=AREAS):
    found = review_rates(zones, heaviest_g=heaviest_g, areas=areas, places_off_the_map=off)
    return [(remark.zone, remark.code) for remark in found]


def test_one_price_for_everywhere_has_no_holes():
    assert codes(zone()) == []


def test_a_service_needs_zones_and_a_zone_needs_prices():
    assert codes() == [("", "no_zones")]
    assert codes(zone("a", rates=()), zone("b")) == [("a", "no_prices")]


@pytest.mark.parametrize(
    ("rates", "heaviest_g", "expected"),
    [
        ([(500, 4), (None, 9)], None, []),
        ([(500, 4), (30_000, 9)], None, ["heavier_has_no_price"]),
        ([(500, 4), (20_000, 9)], 30_000, ["heavier_has_no_price"]),
        ([(500, 4), (30_000, 9)], 30_000, []),
        ([(500, 4), (None, 9)], 30_000, []),
        ([(500, 4), (30_000, 9), (None, 12)], 30_000, ["never_so_heavy"]),
        ([(500, 9), (None, 4)], None, ["heavier_is_cheaper"]),
        ([(500, 4), (30_000, 9), (None, 1)], 30_000, ["never_so_heavy"]),  # the cheap one is never asked for
    ],
)
def test_weights_that_no_price_is_for(rates, heaviest_g, expected):
    one = zone(rates=tuple((limit, D(price)) for limit, price in rates))

    assert codes(one, heaviest_g=heaviest_g) == [("z", code) for code in expected]


def test_countries_the_service_does_not_go_to_are_no_holes():
    only_paris = zone("paris", countries=frozenset({"FR"}), prefixes=("75", "92"))
    near_nice = zone("nice", countries=frozenset({"FR"}), prefixes=("06",), max_distance_km=50)

    [missed] = review_rates([only_paris], heaviest_g=None, areas=AREAS)
    [near] = review_rates([only_paris, near_nice], heaviest_g=None, areas=AREAS)

    assert missed == Remark("", "areas_not_reached", {"areas": ["FR 06"]})
    assert near == Remark("", "not_from_farther", {"km": "50", "areas": ["FR 06"]})


def test_places_off_the_map_matter_where_distance_does():
    assert codes(zone(), off=["X"]) == []
    assert codes(zone("near", max_distance_km=50), zone("far"), off=["X"]) == [("", "places_off_the_map")]


# ---- against every way there is --------------------------------------------------------------------

some_zones = st.lists(
    st.builds(
        PricedZone,
        code=st.just("z"),
        countries=st.sets(st.sampled_from(["FR", "BE"])).map(frozenset),
        prefixes=st.lists(st.sampled_from(["0", "06", "7", "75", "1"]), max_size=2).map(tuple),
        max_distance_km=st.sampled_from([None, 50.0, 100.0]),
        rates=st.sampled_from([(), ANY_WEIGHT]),
    ),
    min_size=1,
    max_size=4,
).map(
    lambda zones: [
        PricedZone(f"z{n}", z.countries, z.prefixes, z.max_distance_km, z.rates) for n, z in enumerate(zones)
    ]
)
EVERY_WAY = [(country, code, km) for country, code in AREAS for km in (10, 50, 80, 100, 500, None)]


def taker(zones, country, code, km):
    """The zone whose price an order is asked, or None."""
    for each in zones:
        fits = each.max_distance_km is None or (km is not None and km <= each.max_distance_km)
        if each.rates and each.reaches(country, code) and fits:
            return each.code
    return None


@settings(max_examples=400, deadline=None)
@given(some_zones)
def test_what_is_said_is_what_orders_would_meet(zones):
    found = review_rates(zones, heaviest_g=None, areas=AREAS)
    used = {taker(zones, *way) for way in EVERY_WAY}
    told = {remark.code: remark.facts for remark in found if not remark.zone}

    for remark in found:
        if remark.code in ("never_reached", "no_prices"):
            assert remark.zone not in used
    unreached = {
        f"{country} {code}"
        for country, code in AREAS
        if all(taker(zones, country, code, km) is None for km in (10, None))
        and any(z.rates and (not z.countries or country in z.countries) for z in zones)
    }
    assert set(told.get("areas_not_reached", {"areas": []})["areas"]) == unreached
    ends = {
        f"{country} {code}"
        for country, code in AREAS
        if taker(zones, country, code, 10) is not None and taker(zones, country, code, 500) is None
    }
    assert {area for r in found if r.code == "not_from_farther" for area in r.facts["areas"]} == ends


# ---- as it is shown ----------------------------------------------------------------------------------


@pytest.fixture
def post(db):
    for country, code in (("FR", "75001"), ("FR", "75002"), ("FR", "06000")):
        PostalArea.objects.create(country=country, code=code, latitude=48, longitude=2)
    make_location("NOWHERE")
    service = CarrierService.objects.create(
        code="post", carrier="Post", name="Home", service="standard", max_weight_g=30_000
    )
    paris = Zone.objects.create(
        carrier_service=service,
        code="paris",
        countries=["FR"],
        postal_prefixes=["75"],
        transit_days=1,
        max_distance_km=20,
    )
    Rate.objects.create(zone=paris, max_weight_g=500, price=4)
    Rate.objects.create(zone=paris, max_weight_g=20_000, price=3)
    Zone.objects.create(carrier_service=service, code="rest", position=1, transit_days=2)
    return service


def test_a_service_is_reviewed_as_it_is_stored_and_planned_with(post):
    assert [remark_sentence(remark) for remark in review_service(post)] == [
        "paris: Above 20000 g there is no price: parcels leave in several packages, and a heavier article not at all.",
        "paris: What weighs more than 500 g is cheaper than what weighs less.",
        "rest: The zone has no prices: it is passed over as if it were not there.",
        "No zone with prices reaches: FR 06.",
        "From farther away than 20 km nothing is sent to: FR 75.",
        "Not on the map, so that no zone with a distance fits them: NOWHERE.",
    ]
    [info] = carriers().by_service["standard", "EUR"]
    assert [z.tariff.max_unit_weight_g for z in info.zones] == [20_000]


SATURDAYS = {"sat": [["09:00", "18:00"]]}


def told_of_place(client, code="SAT"):
    remarks = client.get(f"/api/v1/locations/{code}/review/").json()["remarks"]
    return {remark["code"]: remark["detail"] for remark in remarks}.get("never_open_when_fetching")


def told_of_service(client, code="post"):
    remarks = client.get(f"/api/v1/carrier-services/{code}/review/").json()["remarks"]
    return {remark["code"]: remark["detail"] for remark in remarks}.get("never_open_when_fetching")


def test_a_place_that_is_never_open_when_the_carrier_comes_is_told_on_both_sides(post, client, admin_client):
    make_location("SAT", opening_hours=SATURDAYS)

    place, service = told_of_place(client), told_of_service(client)

    assert place.startswith(
        "In the next four weeks it is open on no day on which these carrier services fetch parcels: post. What is sent"
    )
    assert service.startswith(
        "In the next four weeks these places are open on no day on which it fetches parcels: SAT."
    )
    for page, said in (("inventory/location/SAT", place), ("routing/carrierservice/post", service)):
        assert said in admin_client.get(f"/admin/{page}/change/").content.decode()
    told = client.get("/api/v1/locations/SAT/review/", headers={"accept-language": "fr"}).json()["remarks"]
    assert "n’est ouvert aucun des jours" in told[-1]["detail"]


@pytest.mark.parametrize(
    "values",
    [
        {"opening_hours": {**SATURDAYS, "mon": [["09:00", "10:00"]]}},
        {"opening_hours": SATURDAYS, "special_hours": {"2026-03-10": [["09:00", "18:00"]]}},
        {"opening_hours": SATURDAYS, "abilities": ["pickup"]},
        {"opening_hours": SATURDAYS, "is_active": False},
        {"opening_hours": {}},
        {"opening_hours": {"mon": [], "tue": []}},  # that it never opens is told otherwise
    ],
)
def test_a_place_that_meets_the_carrier_or_sends_nothing_is_not_told_of(post, client, values):
    with time_machine.travel("2026-03-02T11:00:00Z", tick=False):
        make_location("SAT", **values)

        assert (told_of_place(client), told_of_service(client)) == (None, None)


def test_special_days_may_keep_them_apart_and_bring_them_together(post, client):
    shut = {f"2026-03-{day:02}": [] for day in (2, 9, 16, 23, 30)}
    with time_machine.travel("2026-03-02T11:00:00Z", tick=False):
        make_location("SAT", opening_hours={**SATURDAYS, "mon": [["09:00", "10:00"]]}, special_hours=shut)
        assert told_of_place(client) and told_of_service(client)

        client.patch("/api/v1/carrier-services/post/", {"pickup_days": ["sat"]}, format="json")

        assert (told_of_place(client), told_of_service(client)) == (None, None)


def test_of_many_places_some_are_named_and_the_others_counted_without_more_statements(post, client):
    def statements():
        with CaptureQueriesContext(connection) as captured:
            said = told_of_service(client)
        return said, len([q for q in captured if "oms_version" not in q["sql"]])

    make_location("SAT-00", opening_hours=SATURDAYS)
    told_of_service(client)
    _, few = statements()
    make_locations(*(f"SAT-{number:02}" for number in range(1, 15)), opening_hours=SATURDAYS)
    told_of_service(client)

    said, many = statements()

    assert "SAT-00, " in said and "SAT-11 and 3 more." in said
    assert few == many


def test_codes_are_cut_as_finely_as_the_zones_are(post):
    post.zones.filter(code="paris").update(postal_prefixes=["75001"], max_distance_km=None)

    [missed] = [remark for remark in review_service(post) if remark.code == "areas_not_reached"]

    assert missed.facts == {"areas": ["FR 06000", "FR 75002"]}


def test_the_back_office_says_so_where_prices_are_edited(post, admin_client):
    page = admin_client.get("/admin/routing/carrierservice/post/change/").content.decode()
    assert "The zone has no prices" in page and "Must be mended" in page
    paris, rest = post.zones.all()
    assert (
        "What weighs more than 500 g is cheaper"
        in admin_client.get(f"/admin/routing/zone/{paris.pk}/change/").content.decode()
    )
    shown = admin_client.get(f"/admin/routing/zone/{rest.pk}/change/").content.decode()
    assert "The zone has no prices" in shown and "What weighs more" not in shown
    assert admin_client.get("/admin/routing/carrierservice/add/").status_code == 200
    assert admin_client.get("/admin/routing/zone/add/").status_code == 200


def test_every_remark_has_words():
    facts = {"before": "a", "grams": 1, "areas": ["x"], "km": "2", "places": ["p"]}
    said = set(re.findall(r'Remark\([^,]+, "(\w+)"', inspect.getsource(rate_review)))
    assert said == set(RATES) and said > FAULTS
    assert all(remark_sentence(Remark("", code, facts)) for code in said)
