"""Exposure rules in the back office: sentences in a list, a form whose faults are told beside the field."""

from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model
from django.db import transaction
from django.test import Client

from inventory.exposure import Context
from inventory.models import CartHold, ExposureRule
from inventory.services.cart_holds import hold_at
from oms.clock import now
from oms.models import Event
from tests.factories.inventory import make_exposure_rule, make_location, make_product, set_stock
from tests.factories.orders import make_channel

pytestmark = pytest.mark.django_db
RULES = "/admin/inventory/exposurerule/"
EMPTY = dict.fromkeys(("channel", "order_type", "service", "locations", "groups", "countries", "skus", "tags"), "")


@pytest.fixture
def office(db):
    client = Client()
    client.force_login(get_user_model().objects.create_superuser("boss", "boss@example.org", "secret-password"))
    make_channel("web")
    make_product("A")
    make_location("S1")
    return client


def test_a_rule_reads_as_a_sentence(office):
    make_exposure_rule(channel_id="web", order_type="pickup", keep_units=2, groups=["outlet"], tags=["new"])
    make_exposure_rule(hidden=True, skus=["A", "B", "C", "D", "E"], countries=["FR"])
    make_exposure_rule(keep_share="0.125", below_confidence=0.8)

    page = office.get(RULES).content.decode()

    assert "Web, Store pickup: keeps 2 units of products tagged new, at places of outlet" in page
    assert "Everybody: hides A, B, C, 2 more, at FR" in page
    assert "Everybody: keeps 12.5 % of every product, everywhere, where confidence is below 80 %" in page


def test_a_rule_is_made_changed_and_taken_away_with_forms(office):
    made = office.post(f"{RULES}add/", EMPTY | {"channel": "web", "keep_units": 2, "skus": "A", "is_active": "on"})
    assert made.status_code == 302, made.content.decode()[:3000]
    rule = ExposureRule.objects.get()
    assert (rule.channel_id, rule.keep_units, rule.skus, rule.keep_share) == ("web", 2, ["A"], None)

    office.post(f"{RULES}{rule.pk}/change/", EMPTY | {"hidden": "on", "locations": "S1", "is_active": "on"})
    rule.refresh_from_db()
    assert (rule.hidden, rule.locations, rule.channel_id, rule.keep_units) == (True, ["S1"], None, None)

    office.post(f"{RULES}{rule.pk}/delete/", {"post": "yes"})
    assert not ExposureRule.objects.exists()
    verbs = [e.type.rpartition(".")[2] for e in Event.objects.filter(subject=rule.pk).order_by("id")]
    assert verbs == ["created", "changed", "removed"]
    assert set(Event.objects.filter(subject=rule.pk).values_list("actor", flat=True)) == {"user:boss"}


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({}, "A rule keeps units, keeps a share, or hides"),
        ({"keep_units": 1, "skus": "A,Z"}, "There is no such product: Z"),
        ({"keep_units": 1, "locations": "S9"}, "There is no such location: S9"),
        ({"hidden": "on", "below_confidence": "0.5"}, "Doubtful stock can be kept back, not hidden"),
    ],
)
def test_a_fault_is_told_and_nothing_kept(office, values, words):
    answer = office.post(f"{RULES}add/", EMPTY | values)

    assert answer.status_code == 200
    assert words in answer.content.decode()
    assert "is violated" not in answer.content.decode()
    assert not ExposureRule.objects.exists()


def test_carts_are_listed_without_what_is_kept_for_offers(office):
    set_stock("A", "S1", 9)
    context = Context(now(), channel="web")
    with transaction.atomic():
        for name, owner in (("basket-1", "shop"), ("ful_1@S1.1", CartHold.OFFERS)):
            assert hold_at("S1", {"A": 1}, name=name, owner=owner, until=now() + timedelta(hours=1), context=context)

    page = office.get("/admin/inventory/carthold/").content.decode()

    assert "basket-1" in page
    assert "ful_1@S1.1" not in page
