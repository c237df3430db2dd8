"""Service levels in the back office: what each says, what is refused, and which of them applies where."""

import re
from html import unescape

import pytest
from django.db import IntegrityError, transaction
from django.utils import translation

from inventory.queries import places
from routing.models import ServiceLevel
from routing.queries import Policy, applying, policy_for
from routing.service_level_words import allows_words, covers_words, time_words
from tests.factories.inventory import make_location
from tests.routing.test_admin import office, page

__all__ = ["office"]
pytestmark = pytest.mark.django_db
ADD = "/admin/routing/servicelevel/add/"
GIVEN = {
    "acknowledge_minutes": "5", "prepare_minutes": "", "hand_over_minutes": "", "collect_hours": "96",
    "warn_at_share": "0.75", "escalate_at_share": "0.9", "max_attempts": "3",
}  # fmt: skip


@pytest.fixture(autouse=True)
def network() -> None:
    make_location("PARIS", groups=["hub"])
    make_location("DEPOT", kind="warehouse", preparation_minutes=90)


def add(office, **values):
    return office.post(ADD, {**GIVEN, **values})


def faults(answer):
    return {name: list(told) for name, told in answer.context["adminform"].form.errors.items()}


@pytest.mark.parametrize(
    ("given", "field", "told"),
    [
        ({"acknowledge_minutes": "0"}, "acknowledge_minutes", "greater than or equal to 0.001"),
        ({"acknowledge_minutes": "-5"}, "acknowledge_minutes", "greater than or equal to 0.001"),
        ({"acknowledge_minutes": "nan"}, "acknowledge_minutes", "Enter a number"),
        ({"hand_over_minutes": "1e300"}, "hand_over_minutes", "less than or equal to 527040"),
        ({"prepare_minutes": "527041"}, "prepare_minutes", "less than or equal to 527040"),
        ({"collect_hours": "8785"}, "collect_hours", "less than or equal to 8784"),
        ({"warn_at_share": "1.1"}, "warn_at_share", "less than or equal to 1"),
        ({"escalate_at_share": "0.5"}, "__all__", "The manager is told no sooner than the place."),
        ({"max_attempts": "0"}, "max_attempts", "greater than or equal to 1"),
        ({"locations": "PARIS,NOWHERE"}, "locations", "Unknown places: NOWHERE"),
        ({"groups": "hub,outlet"}, "groups", "No place is in these groups: outlet"),
        ({"kinds": ["shop"]}, "kinds", "shop is not one of the available choices"),
        ({"services": ["tomorrow"]}, "services", "tomorrow is not one of the available choices"),
    ],
)
def test_what_cannot_be_meant_is_refused_by_name(office, given, field, told):
    answer = add(office, **given)

    assert answer.status_code == 200
    assert list(faults(answer)) == [field]
    assert told in faults(answer)[field][0]
    assert not ServiceLevel.objects.exists()


def test_a_level_is_written_with_the_form(office):
    answer = add(office, locations="PARIS", groups="hub", kinds=["store"], services=["express"], hand_over_minutes="90")

    assert answer.status_code == 302
    level = ServiceLevel.objects.get()
    assert (level.locations, level.groups, level.kinds, level.methods, level.services) == (
        ["PARIS"], ["hub"], ["store"], [], ["express"],
    )  # fmt: skip
    shown = page(office, f"servicelevel/{level.pk.replace('_', '_5F')}/change/")
    assert re.search(r'value="store"[^>]*checked', shown)
    assert policy_for(places()["PARIS"], method="ship", service="express").hand_over_minutes == 90


def test_the_database_refuses_shares_out_of_order():
    with pytest.raises(IntegrityError, match="a_manager_is_told_no_sooner_than_the_place"), transaction.atomic():
        ServiceLevel.objects.create(acknowledge_minutes=1, warn_at_share=0.8, escalate_at_share=0.7)


# ---- in words --------------------------------------------------------------------------------------

LEVEL = ServiceLevel(
    locations=["PARIS"], groups=["hub", "idf"], kinds=["store"], methods=["ship"], services=["express", "same_day"],
    acknowledge_minutes=0.5, prepare_minutes=45, hand_over_minutes=90, collect_hours=96,
)  # fmt: skip


def test_a_level_says_what_it_covers_and_allows():
    assert covers_words(LEVEL) == "PARIS · places of hub or idf · Store · Delivery · Express or Same day"
    assert allows_words(LEVEL) == (
        "accept within 30 s, prepare within 45 min, hand parcels over within 1 h 30 min, pickups wait 4 days, "
        "the place is warned after 75 % of the time, its manager after 90 %, 3 places are tried"
    )
    assert covers_words(ServiceLevel()) == "everything"
    many = ServiceLevel(locations=[f"S{number}" for number in range(8)])
    assert covers_words(many) == "S0 or S1 or S2 or S3 or S4 and 3 more"


@pytest.mark.parametrize(
    ("minutes", "words"),
    [
        (0.001, "0.06 s"),
        (0.5, "30 s"),
        (1.5, "1.5 min"),
        (60, "1 h"),
        (100, "1 h 40 min"),
        (2 * 24 * 60, "2 days"),
        (50 * 60, "50 h"),
        (50.5 * 60, "50.5 h"),
        (366 * 24 * 60, "366 days"),
    ],
)
def test_durations_are_told_exactly(minutes, words):
    assert time_words(minutes) == words


def test_in_french_too():
    with translation.override("fr"):
        assert covers_words(ServiceLevel(groups=list("abcdef"))) == "lieux de a ou b ou c ou d ou e et 1 autre"
        assert covers_words(LEVEL) == "PARIS · lieux de hub ou idf · Magasin · Livraison · Express ou Jour même"
        assert allows_words(LEVEL).startswith(
            "accepter sous 30 s, préparer sous 45 min, remettre les colis sous 1 h 30"
        )


def test_the_list_says_it(office):
    ServiceLevel.objects.create(acknowledge_minutes=5, kinds=["warehouse"])

    shown = unescape(page(office, "servicelevel/"))

    assert "Warehouse" in shown
    assert "accept within 5 min, prepare in the place's own time" in shown


# ---- which applies ---------------------------------------------------------------------------------


def test_which_level_applies_is_told_for_each_method_and_service(office):
    every = ServiceLevel.objects.create(acknowledge_minutes=11)
    store = ServiceLevel.objects.create(acknowledge_minutes=12, groups=["hub"], hand_over_minutes=45)
    quick = ServiceLevel.objects.create(acknowledge_minutes=13, groups=["hub"], services=["same_day"], methods=["ship"])

    shown = office.get("/admin/routing/servicelevel/which/", {"place": "PARIS"}).context["rows"]

    assert [(row.way, row.acknowledge, row.hand_over) for row in shown] == [
        ("Delivery · Standard", "12 min", "45 min"),
        ("Delivery · Express", "12 min", "45 min"),
        ("Delivery · Same day", "13 min", "within preparing"),
        ("Store pickup · Standard", "12 min", ""),
        ("Store pickup · Express", "12 min", ""),
        ("Store pickup · Same day", "12 min", ""),
    ]
    assert applying(places()["PARIS"], method="ship", service="same_day").level == quick.pk
    assert applying(places()["PARIS"], method="ship", service="express").level == store.pk
    assert applying(places()["DEPOT"], method="ship", service="express").level == every.pk
    elsewhere = office.get("/admin/routing/servicelevel/which/", {"place": "DEPOT"}).context["rows"]
    assert {row.prepare for row in elsewhere} == {"1 h 30 min, as the place says"}


def test_without_a_level_the_house_speaks(office):
    shown = unescape(page(office, "servicelevel/which/?place=PARIS"))

    assert "none: the house's own times" in shown
    assert "4 h, as nobody says otherwise" in shown
    assert applying(places()["PARIS"], method="ship", service="standard").policy == Policy()


def test_an_unknown_place_shows_the_question_only(office):
    answer = office.get("/admin/routing/servicelevel/which/", {"place": "NOWHERE"})

    assert (answer.status_code, answer.context["rows"]) == (200, ())


def test_a_change_is_seen_at_once(office):
    assert applying(places()["PARIS"], method="ship", service="standard").level == ""
    add(office)
    level = ServiceLevel.objects.get()

    assert applying(places()["PARIS"], method="ship", service="standard").level == level.pk
    office.post(f"/admin/routing/servicelevel/{level.pk.replace('_', '_5F')}/delete/", {"post": "yes"})
    assert not ServiceLevel.objects.exists()
    assert applying(places()["PARIS"], method="ship", service="standard").level == ""


# ---- which one applies, over the API ----------------------------------------------------------------


def test_the_api_tells_which_level_applies_and_what_it_is_preferred_to(client):
    everything, old, store, _other, new = (
        ServiceLevel.objects.create(**given)
        for given in (
            {"acknowledge_minutes": 60},
            {"kinds": ["store"], "methods": ["ship"], "acknowledge_minutes": 15},
            {"locations": ["PARIS"], "acknowledge_minutes": 10, "prepare_minutes": 45},
            {"locations": ["DEPOT"], "acknowledge_minutes": 1},
            {"kinds": ["store"], "methods": ["ship", "pickup"], "acknowledge_minutes": 20},
        )
    )
    address = "/api/v1/service-levels/applying/"

    paris = client.get(address, {"location": "PARIS", "method": "ship"}).json()
    client.delete(f"/api/v1/service-levels/{store.pk}/")
    without = client.get(address, {"location": "PARIS", "method": "ship", "service": "express"}).json()
    depot = client.get(address, {"location": "DEPOT", "method": "locker"}).json()

    assert (paris["level"], paris["acknowledge_minutes"], paris["prepare_minutes"]) == (store.pk, 10, 45)
    assert [(one["id"], one["named"], one["gives_way_to"]) for one in paris["levels"]] == [
        (store.pk, ["locations"], None),
        (new.pk, ["kinds", "methods"], "more_specific"),
        (old.pk, ["kinds", "methods"], "more_specific"),
        (everything.pk, [], "more_specific"),
    ]
    assert [(one["id"], one["gives_way_to"]) for one in without["levels"]] == [
        (new.pk, None),
        (old.pk, "newer"),
        (everything.pk, "more_specific"),
    ]
    assert (depot["service"], depot["acknowledge_minutes"], depot["prepare_minutes"]) == ("standard", 1, 90)


def test_without_any_level_the_house_speaks_and_what_is_not_known_is_refused(client, client_with):
    address = "/api/v1/service-levels/applying/"
    house = client.get(address, {"location": "PARIS", "method": "pickup"}).json()
    assert (house["level"], house["levels"], house["prepare_minutes"]) == (None, [], 240)

    for asked, status, code in (
        ({"location": "PARIS", "method": "drone"}, 422, "invalid"),
        ({"location": "PARIS"}, 422, "invalid"),
        ({"method": "ship"}, 422, "invalid"),
        ({"location": "PARIS", "method": "ship", "service": "tomorrow"}, 422, "invalid"),
        ({"location": "NOWHERE", "method": "ship"}, 404, "not_found"),
        ({"place": "PARIS", "method": "ship"}, 422, "invalid"),
    ):
        answer = client.get(address, asked)
        assert (answer.status_code, answer.json()["code"]) == (status, code)
    bound = client_with("routing:read", locations=["DEPOT"])
    assert bound.get(address, {"location": "PARIS", "method": "ship"}).status_code == 404
