"""Holes in carriers' prices, against walking through every address, distance and weight."""

import inspect
import re
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from routing import rate_review
from routing.models import CarrierService, PostalArea, Rate, Zone
from routing.queries import carriers
from routing.rate_review import FAULTS, PricedZone, Remark, review_rates
from routing.remarks import RATES, remark_sentence
from routing.services.rate_reviews import review_service
from tests.factories.inventory import make_location

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
