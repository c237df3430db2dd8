"""Why not there? Asked of decisions that stand, over the API."""

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from django.db import transaction

from inventory.models import Location, StockLevel
from oms.cache import clear_all
from routing.admin.decision_page import decision_view
from routing.leadtimes import LeadTimes, Observed, preparation_cells, slots_within
from routing.models import CapacityDay, Decision, LearnedTable
from routing.services.decisions import record_decisions
from routing.services.sourcing import Line
from tests.factories.inventory import make_location, make_product, set_stocks
from tests.routing.test_sourcing import MONDAY_NOON, ask, make_carrier, price_scarcity

pytestmark = pytest.mark.django_db

URL = "/api/v1/decisions"
WEIGHING_SCARCITY = [
    {"name": "all", "steps": [{"name": "any place", "weights": {"cost": 1, "scarcity": 1}, "rest": "exception"}]}
]
NEAR_ONLY = [{"name": "all", "steps": [{"name": "near", "from": {"max_distance_km": 100}, "rest": "exception"}]}]

LINE = Line("l1", "SKU-1", 1, weight_g=400)


@pytest.fixture
def country(web):
    """Paris has plenty and is dear to handle, Lyon has the last two, Nice none."""
    make_carrier()
    make_product("SKU-1", weight_g=400)
    make_location("PARIS", name="Paris", latitude=48.85, longitude=2.35, handling_cost=Decimal("1.00"))
    make_location("LYON", name="Lyon", latitude=45.76, longitude=4.83, daily_capacity=10)
    make_location("NICE", name="Nice", latitude=43.71, longitude=7.26)
    set_stocks({("SKU-1", "PARIS"): 30, ("SKU-1", "LYON"): 2})
    with transaction.atomic():
        price_scarcity("SKU-1", {"LYON": Decimal("3.10")})


def decided(rules, line: Line = LINE, **asked) -> Decision:
    planned = ask(line, rules=rules, **asked)
    with transaction.atomic():
        record_decisions([(planned, "100001")])
    return Decision.objects.get()


def answer(client, decision: Decision, location: str):
    return client.get(f"{URL}/{decision.id}/why-not/", {"location": location})


def test_the_last_units_of_a_place_are_kept_for_its_neighbourhood(country, client):
    told = answer(client, decided(WEIGHING_SCARCITY), "LYON").json()

    (step,) = told["steps"]
    assert (told["is_used"], step["verdict"], step["alternative"]["extra"]) == (False, "dearer", "2.10")
    assert step["alternative"]["parts"] == {"handling": "-1.00", "scarcity": "3.10"}
    assert step["alternative"]["last_units"] == [{"sku": "SKU-1", "held": 2, "cost": "3.10"}]
    assert told["words"][0] == (
        "Step “any place”: possible, but the best plan with it costs 2.10\N{NO-BREAK SPACE}EUR more"
        " (keeps the last 2 × SKU-1 in Lyon for local demand: +3.10; handling: −1.00)."
    )
    needs = {need["parameter"]: (need["found"], need["actual"], need["needed"]) for need in told["needs"]}
    assert needs["scarcity"] == ("value", "3.10", "1.00")  # what handling costs in Paris; of equals, LYON comes first
    assert needs["carriage_less"] == ("value", "0.00", "2.10")
    assert needs["stock"] == ("none", 2, None)
    assert needs["capacity_left"] == ("none", 10, None)
    assert (told["is_as_decided"], told["is_asked_anew"]) == (True, False)


def test_what_is_kept_for_the_neighbourhood_stands_in_the_decision_itself(country):
    said = decision_view(decided(WEIGHING_SCARCITY)).sentences

    assert "Lyon keeps its last 2 × SKU-1 for local demand: +3.10\N{NO-BREAK SPACE}EUR." in said
    assert not [sentence for sentence in said if sentence.startswith("Paris keeps")]


@pytest.mark.parametrize(("units", "told"), [(2, "Possible, but dearer"), (3, "Possible, for a part of it")])
def test_a_place_that_holds_too_little_for_all_is_not_called_dearer(country, units, told):
    rows = decision_view(decided(WEIGHING_SCARCITY, replace(LINE, quantity=units))).rows

    assert [told in row.outcome for row in rows] == [row.code == "LYON" for row in rows]
    assert {row.code for row in rows} == {"PARIS", "LYON"}


def test_a_place_that_costs_the_same_is_not_called_dearer(country):
    Location.objects.filter(code="PARIS").update(handling_cost=0)
    clear_all()
    by_cost = [{"name": "all", "steps": [{"weights": {"cost": 1}, "rest": "exception"}]}]

    lyon, paris = decision_view(decided(by_cost)).rows

    assert (lyon.code, lyon.is_chosen, paris.score) == ("LYON", True, lyon.score)
    assert "Equally good; of equals, the first code is taken" in paris.outcome


def test_a_decision_that_was_not_proven_tells_how_far_it_may_be_from_the_best(country, client):
    decision = decided(WEIGHING_SCARCITY)
    assert client.get(f"{URL}/{decision.id}/").json()["gap"] == 0
    decision.optimal, decision.lower_bound = False, decision.cost * Decimal("0.75")
    decision.save()

    assert client.get(f"{URL}/{decision.id}/").json()["gap"] == 0.25
    said = decision_view(decision).sentences[-1]
    assert said.endswith("No answer costs less than 3.75\N{NO-BREAK SPACE}EUR: at most 25.0 % could be saved.")


def test_it_is_answered_in_the_language_of_whoever_asks(country, client):
    decision = decided(WEIGHING_SCARCITY)

    told = client.get(f"{URL}/{decision.id}/why-not/", {"location": "LYON"}, headers={"accept-language": "fr"}).json()

    assert "garde ce qui reste à Lyon (2 × SKU-1) pour la demande locale : +3,10" in told["words"][0]


def test_a_place_must_be_named_and_that_is_told_in_ones_language(country, client):
    asked = client.get(f"{URL}/{decided(WEIGHING_SCARCITY).id}/why-not/", headers={"accept-language": "fr"})

    assert asked.status_code == 422
    assert asked.json()["errors"] == [{"pointer": "/location", "code": "required", "detail": "Nommez un lieu"}]


def test_a_place_too_far_needs_a_wider_limit_whatever_has_become_of_the_rule(country, client):
    decision = decided(NEAR_ONLY)
    Location.objects.update(latitude=0, longitude=0)
    clear_all()

    told = answer(client, decision, "LYON").json()

    (step,) = told["steps"]
    assert (step["verdict"], step["excluded_because"], step["needed"]) == ("excluded", "too_far", 100.0)
    assert step["actual"] == pytest.approx(391, abs=1)
    needs = {need["parameter"]: need for need in told["needs"]}
    limit = needs["max_distance_km"]
    assert (limit["found"], limit["step"], limit["actual"]) == ("value", "near", 100.0)
    assert 0 <= limit["needed"] - step["actual"] <= 0.1  # Lyon is cheaper: no handling
    assert needs["stock"]["found"] == "none"


def test_a_place_that_held_nothing_needs_stock(country, client):
    told = answer(client, decided(WEIGHING_SCARCITY), "NICE").json()

    assert [(step["verdict"], step["excluded_because"]) for step in told["steps"]] == [("excluded", "no_stock")]
    (stock,) = [need for need in told["needs"] if need["parameter"] == "stock"]
    assert (stock["found"], stock["actual"], stock["needed"]) == ("value", 0, 1)
    assert told["is_asked_anew"]
    assert "Stock of SKU-1 there: used with 1 instead of 0." in told["words"]


@pytest.mark.parametrize(("looked_at", "found"), [(None, "none"), (0.9, "value")])
def test_stock_it_did_not_hold_would_be_believed_as_its_level_is_today(country, client, looked_at, found):
    set_stocks({("SKU-1", "NICE"): 0})
    StockLevel.objects.filter(location="PARIS").update(confidence=0.8)
    StockLevel.objects.filter(location="NICE").update(confidence=looked_at)
    sure = [{"name": "all", "steps": [{"name": "sure", "from": {"min_confidence": 0.6}, "rest": "exception"}]}]

    told = answer(client, decided(sure), "NICE").json()

    (stock,) = [need for need in told["needs"] if need["parameter"] == "stock"]
    assert stock["found"] == found


def test_of_a_place_that_held_nothing_all_is_said_to_be_as_of_today(country, client):
    """Also where nothing but how it stands was looked at."""
    step = {"name": "near", "from": {"ignore_capacity": True}, "weights": {"distance_km": 1}, "rest": "exception"}
    decision = decided([{"name": "all", "steps": [step]}])
    Location.objects.filter(code="NICE").update(accepting_orders=False)
    clear_all()

    told = answer(client, decision, "NICE").json()

    assert [step["excluded_because"] for step in told["steps"]] == ["not_accepting"]
    assert told["is_asked_anew"]


def test_a_cut_off_that_had_passed_is_told_as_the_time_it_would_have_had_to_be(country, client):
    """Asked at noon; a minute less would not do."""
    rules = [{"name": "all", "steps": [{"name": "today", "from": {"before_cut_off": True}, "rest": "exception"}]}]
    Location.objects.filter(code="LYON").update(cut_off="11:00")
    clear_all()
    told = answer(client, decided(rules), "LYON").json()

    assert told["steps"][0]["excluded_because"] == "past_cut_off"
    (need,) = [need for need in told["needs"] if need["parameter"] == "cut_off"]
    assert (need["found"], need["actual"], need["needed"]) == ("value", "11:00", "12:00")
    assert "Cut-off there: used with 12:00 instead of 11:00." in told["words"]
    for cut_off, place in (("12:00", "LYON"), ("11:59", "PARIS")):
        Location.objects.filter(code="LYON").update(cut_off=cut_off)
        clear_all()
        assert [parcel.location for parcel in ask(LINE, rules=rules).parcels] == [place]


@pytest.mark.parametrize("step", [{"from": {"on_time": True}}, {"weights": {"cost": 1, "lateness_days": 3}}])
def test_a_cut_off_that_only_makes_a_place_late_is_told_as_well(country, client, step):
    """Asked at noon for Wednesday, with two days on the way; a minute less would not do."""
    rules = [{"name": "all", "steps": [{"name": "any", **step, "rest": "exception"}]}]
    wanted_by = datetime(2026, 3, 4, 20, 0, tzinfo=UTC)
    Location.objects.filter(code="LYON").update(cut_off="11:00")
    clear_all()
    decision = decided(rules, wanted_by=wanted_by)
    Location.objects.filter(code="LYON").update(preparation_minutes=6000)  # not asked anew: it is as it was then
    clear_all()

    told = answer(client, decision, "LYON").json()

    (need,) = [need for need in told["needs"] if need["parameter"] == "cut_off"]
    assert (need["found"], need["actual"], need["needed"]) == ("value", "11:00", "12:00")
    assert "Cut-off there: used with 12:00 instead of 11:00." in told["words"]
    for cut_off, place in (("12:00", "LYON"), ("11:59", "PARIS")):
        Location.objects.filter(code="LYON").update(cut_off=cut_off, preparation_minutes=0)
        clear_all()
        assert [parcel.location for parcel in ask(LINE, rules=rules, wanted_by=wanted_by).parcels] == [place]


def test_a_cut_off_makes_learned_dates_late_as_well(country, client):
    """Lyon has learned to need half an hour. Asked of the same minute with and without its cut-off."""
    half_an_hour = Observed(preparation_cells("LYON", "store", "ship", hour=12, backlog=0), slots_within(30))
    LearnedTable.objects.create(
        learned_at=MONDAY_NOON,
        window_days=180,
        preparations=60,
        transits=0,
        document=LeadTimes.learn([half_an_hour] * 60, []).as_json(),
        drift=[],
    )
    rules = [{"name": "all", "steps": [{"name": "any", "from": {"on_time": True}, "rest": "exception"}]}]
    Location.objects.filter(code="LYON").update(cut_off="11:00", preparation_minutes=600)
    clear_all()

    decision = decided(rules, wanted_by=datetime(2026, 3, 4, 20, 0, tzinfo=UTC))

    told = answer(client, decision, "LYON").json()
    assert "Cut-off there: used with 12:00 instead of 11:00." in told["words"]


def test_a_cut_off_without_which_it_would_be_as_late_is_told_among_what_was_tried(country, client):
    """What Lyon prepares is ready on Tuesday only, whenever it was ordered."""
    rules = [{"name": "all", "steps": [{"name": "any", "from": {"on_time": True}, "rest": "exception"}]}]
    Location.objects.filter(code="LYON").update(cut_off="11:00", preparation_minutes=1440)
    clear_all()

    decision = decided(rules, wanted_by=datetime(2026, 3, 4, 20, 0, tzinfo=UTC))

    told = answer(client, decision, "LYON").json()
    (need,) = [need for need in told["needs"] if need["parameter"] == "cut_off"]
    assert (need["found"], need["needed"]) == ("none", None)
    assert "a later cut-off there" in told["words"][-1]


def test_a_place_that_is_closed_that_day_is_told_as_that(country, client):
    rules = [{"name": "all", "steps": [{"name": "today", "from": {"before_cut_off": True}, "rest": "exception"}]}]
    Location.objects.filter(code="LYON").update(opening_hours={"tue": [["10:00", "19:00"]]})
    clear_all()
    decision = decided(rules)

    told = answer(client, decision, "LYON").json()

    assert told["steps"][0]["excluded_because"] == "closed_that_day"
    assert "left out: is closed that day" in told["words"][0]
    assert "Used if it had been open that day." in told["words"]
    french = client.get(f"{URL}/{decision.id}/why-not/", {"location": "LYON"}, headers={"accept-language": "fr"}).json()
    assert "fermé ce jour-là" in french["words"][0]
    assert "Utilisé s’il avait été ouvert ce jour-là." in french["words"]


def test_capacity_counts_also_where_only_the_share_that_is_booked_is_weighed(country, client):
    """Lyon has booked nine of ten parcels, at 10.00 for a full day; Paris costs 1.00 more: a tenth may be booked."""
    weights = {"cost": 1, "workload": 10}
    rules = [{"name": "all", "steps": [{"name": "any", "weights": weights, "rest": "exception"}]}]
    CapacityDay.objects.create(location_id="LYON", date=date(2026, 3, 2), booked=9)
    decision = decided(rules)
    CapacityDay.objects.update(booked=5)  # not asked anew: it is as it was then

    told = answer(client, decision, "LYON").json()

    (need,) = [need for need in told["needs"] if need["parameter"] == "capacity_left"]
    assert (need["found"], need["actual"], need["needed"], told["is_asked_anew"]) == ("value", 1, 81, False)
    CapacityDay.objects.update(booked=9)
    for more, place in ((80, "LYON"), (79, "PARIS")):
        Location.objects.filter(code="LYON").update(daily_capacity=10 + more)
        clear_all()
        assert [parcel.location for parcel in ask(LINE, rules=rules).parcels] == [place]


def test_the_place_that_was_chosen_says_so(country, client):
    told = answer(client, decided(WEIGHING_SCARCITY), "PARIS").json()

    assert (told["is_used"], told["needs"]) == (True, [])
    assert told["words"] == ["Step “any place”: uses it."]


@pytest.mark.parametrize(
    ("location", "status", "code"), [("ATLANTIS", 404, "location_not_found"), ("", 422, "invalid")]
)
def test_a_place_nobody_knows_is_refused(country, client, location, status, code):
    refused = answer(client, decided(WEIGHING_SCARCITY), location)

    assert (refused.status_code, refused.json()["code"]) == (status, code)
    assert refused["content-type"] == "application/problem+json"


def test_a_decision_of_before_evidence_was_kept_is_refused(country, client):
    decision = decided(WEIGHING_SCARCITY)
    Decision.objects.update(evidence=b"")

    refused = answer(client, decision, "LYON")

    assert (refused.status_code, refused.json()["code"]) == (409, "evidence_missing")


@pytest.mark.parametrize("bounds", [{"channel": "shop"}, {"locations": ["LYON"]}])
def test_whoever_may_not_see_the_decision_is_told_nothing_about_places(country, client_with, bounds):
    if "channel" in bounds:
        from oms.models import Channel

        bounds = {"channel": Channel.objects.create(code="shop", name="Shop", currency="EUR").code}
    decision = decided(WEIGHING_SCARCITY)

    for location in ("LYON", "ATLANTIS"):
        assert answer(client_with("routing:read", **bounds), decision, location).status_code == 404


def test_reading_rules_is_needed(country, client_with):
    assert answer(client_with("stock:read"), decided(WEIGHING_SCARCITY), "LYON").status_code == 403
