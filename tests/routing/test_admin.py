"""The back office of routing: every list opens, rules read as sentences, decisions as words."""

import re
from datetime import UTC, datetime

import pytest
from django.contrib.auth import get_user_model
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext

from routing.admin.decision_page import decision_view
from routing.models import CapacityDay, CarrierService, Decision, PostalArea, Rate, ServiceLevel, Zone
from routing.models.carrier import working_days
from routing.queries import active_rules
from routing.services.decisions import record_decisions
from routing.services.rule_sets import create_draft
from routing.services.sourcing import Demand, Destination, Line, plan
from tests.admin.forms import errors_of, fields_of
from tests.factories.inventory import make_location, make_product, set_stocks

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
SERVICE = "/admin/routing/carrierservice/post/change/"
RULES = {"name": "default", "rules": [{"name": "all", "steps": [{"max_parcels": 2}]}]}


@pytest.fixture
def office(db):
    client = Client()
    client.force_login(get_user_model().objects.create_superuser("boss", "boss@example.org", "secret-password"))
    return client


def page(office, address):
    answer = office.get(f"/admin/routing/{address}")
    assert answer.status_code == 200
    return answer.content.decode()


def decide():
    make_product("SKU-1")
    make_location("PARIS", latitude=48.85, longitude=2.35)
    make_location("SHUT", accepting_orders=False)
    make_location("BARE")
    set_stocks({("SKU-1", "PARIS"): 3, ("SKU-1", "SHUT"): 3})
    lines = (Line("l1", "SKU-1", 1),)
    planned = plan(Demand(channel="web", currency="EUR", lines=lines, destination=Destination("FR", "?")), as_of=NOON)
    with transaction.atomic():
        record_decisions([(planned, "100482")])
    return planned.decision_id


def test_every_list_opens(office, web):
    create_draft(document=RULES)
    ServiceLevel.objects.create(acknowledge_minutes=5)
    carrier = CarrierService.objects.create(code="post", carrier="Post", name="Home", service="standard")
    zone = Zone.objects.create(carrier_service=carrier, code="all", transit_days=1)
    Rate.objects.create(zone=zone, price="4.00")
    PostalArea.objects.create(country="FR", code="75", latitude=48.8, longitude=2.3)
    decide()
    CapacityDay.objects.create(location_id="PARIS", date=NOON.date(), booked=1)

    for model in ("ruleset", "servicelevel", "carrierservice", "zone", "postalarea", "capacityday", "decision"):
        page(office, f"{model}/")
    assert "post" in page(office, f"zone/{zone.pk}/change/")
    assert "post" in page(office, "carrierservice/post/change/")


def test_a_rule_set_reads_as_sentences(office, web):
    made = create_draft(document=RULES)

    shown = page(office, f"ruleset/{made.pk}/change/")

    for words in ("Every order", "at most 2 parcels from any place", "The rest to a person."):
        assert words in shown


def test_a_change_of_a_price_list_is_seen_by_planning(office, web):
    carrier = CarrierService.objects.create(code="post", carrier="Post", name="Home", service="standard")
    zone = Zone.objects.create(carrier_service=carrier, code="all", transit_days=1)
    form = {
        "carrier_service": "post",
        "code": "all",
        "position": 0,
        "transit_days": 1,
        "countries": "",
        "postal_prefixes": "",
        "rates-TOTAL_FORMS": 1,
        "rates-INITIAL_FORMS": 0,
        "rates-0-max_weight_g": "",
        "rates-0-price": "7.00",
    }
    make_product("SKU-1")
    make_location("PARIS")
    set_stocks({("SKU-1", "PARIS"): 3})
    demand = Demand(channel="web", currency="EUR", lines=(Line("l1", "SKU-1", 1),), destination=Destination("FR", "75"))
    assert plan(demand, as_of=NOON).parcels == ()  # a zone without prices

    answer = office.post(f"/admin/routing/zone/{zone.pk}/change/", form)

    assert answer.status_code == 302
    assert plan(demand, as_of=NOON).outcome.cost == 7


def test_a_service_shows_the_prices_of_its_zones_and_the_way_to_change_them(office, web, django_assert_num_queries):
    post = CarrierService.objects.create(code="post", carrier="Post", name="Home", service="standard", currency="CHF")
    near = Zone.objects.create(carrier_service=post, code="near", position=1, transit_days=1)
    far = Zone.objects.create(carrier_service=post, code="far", position=2, transit_days=3)
    for zone, grams, price in ((near, 500, "3.10"), (near, 2500, "4.20"), (near, None, "9.30"), (far, None, "12.40")):
        Rate.objects.create(zone=zone, max_weight_g=grams, price=price)
    address = "carrierservice/post/change/"
    page(office, address)  # what is known for a second is known

    with CaptureQueriesContext(connection) as asked:
        shown = page(office, address)

    steps = re.findall("<dt>(.*?)</dt><dd>(.*?)</dd>", shown.replace("\N{NO-BREAK SPACE}", " "))
    assert steps == [
        ("up to 500 g", "3.10 CHF"),
        ("up to 2.5 kg", "4.20 CHF"),
        ("heavier", "9.30 CHF"),
        ("any weight", "12.40 CHF"),
    ]
    for zone in (near, far):
        assert f'<a class="bo-link" href="/admin/routing/zone/{zone.pk}/change/">Zone and prices</a>' in shown
    more = [Zone(carrier_service=post, code=f"z{n}", position=n, transit_days=1) for n in range(3, 9)]
    Rate.objects.bulk_create([Rate(zone=zone, price="1.00") for zone in Zone.objects.bulk_create(more)])
    with django_assert_num_queries(len(asked)):
        page(office, address)


def given(office, *, address=SERVICE, **changed):
    """Saved as a browser would, with these fields otherwise; what is refused, by field."""
    answer = office.post(address, {**fields_of(office, address), **changed})
    return {} if answer.status_code == 302 else errors_of(answer)


def test_a_service_is_in_a_currency_that_the_api_knows_too(office, web):
    CarrierService.objects.create(code="post", carrier="Post", name="Home", service="standard")

    refused = given(office, currency="XXX")

    assert refused == {"currency": ["Select a valid choice. XXX is not one of the available choices."]}
    assert CarrierService.objects.get().currency == "EUR"
    assert given(office, currency="CHF") == {}
    assert CarrierService.objects.get().currency == "CHF"


def test_the_days_of_a_service_are_ticked_by_their_names(office, web):
    CarrierService.objects.create(code="post", carrier="Post", name="Home", service="standard", pickup_days=["mon"])

    french = office.get(SERVICE, headers={"Accept-Language": "fr"}).content.decode()
    assert french.count("Mercredi") == 2 and "<textarea" not in french.split('id="zones-group"')[0]

    for days in (["monday"], ["mon,tue"]):
        refused = given(office, pickup_days=days)
        assert refused == {"pickup_days": [f"Select a valid choice. {days[0]} is not one of the available choices."]}
    assert given(office, delivery_days=[]) == {"delivery_days": ["This field is required."]}
    service = CarrierService.objects.get()
    assert (service.pickup_days, service.delivery_days) == (["mon"], working_days())

    assert given(office, pickup_days=["tue", "sun"]) == {}
    assert CarrierService.objects.get().pickup_days == ["tue", "sun"]


def test_a_decision_is_told_in_words(office, web):
    shown = page(office, f"decision/{decide()}/change/")

    for words in (
        "PARIS",
        "Chosen",
        "SHUT",
        "takes no orders now",
        "1 more place: ",
        "served everything",
    ):
        assert words in shown
    assert "The address is not on the map: distances were left out." in shown
    assert "0.00\N{NO-BREAK SPACE}EUR" in page(office, "decision/")


def test_a_split_decision_shows_what_each_place_costs_in_parts_and_all_together(office, web):
    make_product("SKU-1")
    make_location("LYON", latitude=45.76, longitude=4.84, handling_cost="1.50")
    make_location("PARIS", latitude=48.85, longitude=2.35, handling_cost="0.50")
    set_stocks({("SKU-1", "PARIS"): 2, ("SKU-1", "LYON"): 2})
    rules = active_rules(create_draft(document={"rules": [{"steps": [{"weights": {"cost": 1, "distance_km": 0.01}}]}]}))
    there = Destination("FR", "75001", "", 48.85, 2.35)
    demand = Demand(channel="web", currency="EUR", lines=(Line("l1", "SKU-1", 3),), destination=there)
    planned = plan(demand, as_of=NOON, rules=rules)
    with transaction.atomic():
        record_decisions([(planned, "100482")])

    view = decision_view(Decision.objects.get())

    # 391 km from Lyon at a cent each
    assert view.sent.part_names == ["cost of distance", "handling"]
    assert sorted((row.code, row.parts, row.cost) for row in view.sent.rows) == [
        ("LYON", ["3.91", "1.50"], "5.41"),
        ("PARIS", ["0.00", "0.50"], "0.50"),
    ]
    assert (view.sent.total.parts, view.sent.total.cost) == (["3.91", "2.00"], "5.91")
    shown = page(office, f"decision/{planned.decision_id}/change/")
    assert "What is sent, and what it costs" in shown
    heads = re.findall(r"<th[^>]*>([^<]*)</th>", shown)
    assert heads.count("Distance (km)") == 1 and "Distance" not in heads and "distance" not in heads


def test_a_decision_page_asks_why_not_there_and_answers_in_sentences(office, web):
    decision = decide()

    asked = page(office, f"decision/{decision}/change/")
    told = page(office, f"decision/{decision}/change/?place=SHUT")

    assert '<option value="SHUT">' in asked and "left out:" not in asked
    assert "left out: takes no orders now" in told
    assert (
        "None of these alone would have done it: taking orders, more stock of SKU-1 there." in told
    )  # PARIS comes first
    assert '<option value="SHUT" selected>' in told


def test_a_place_that_nobody_knows_is_said_to_be_none(office, web):
    assert "There is no such place" in page(office, f"decision/{decide()}/change/?place=ATLANTIS")


def test_a_decision_without_evidence_is_shown_and_offers_nothing_to_ask(office, web):
    address = f"decision/{decide()}/change/"
    assert 'id="why-not"' in page(office, address)
    Decision.objects.update(evidence=b"")

    for asked in ("", "?place=SHUT"):
        shown = page(office, address + asked)
        assert 'id="why-not"' not in shown and "left out:" not in shown
        assert "PARIS" in shown  # what was decided
