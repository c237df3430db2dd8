"""While an order waits for its channel's grace to end, the day goes on: whoever plans it plans for when it is let go."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils.dateformat import format as date_format
from django.utils.dateparse import parse_datetime
from django.utils.timezone import localtime

from oms.cache import clear_all
from oms.models import Channel
from routing.models import Decision
from routing.services.rule_sets import create_draft, publish_rule_set
from tests.factories.inventory import make_inbound, make_location, set_stock
from tests.factories.orders import LILLE, PARIS, make_network, order_body
from tests.inventory.conftest import client, client_with

__all__ = ["client", "client_with"]

pytestmark = pytest.mark.django_db
MONDAY = datetime.fromisoformat("2026-03-02T09:00:00Z")
HERE = {"country": "FR", "postal_code": "75011", "latitude": 48.86, "longitude": 2.38}
BASKET = {"channel": "web", "lines": [{"sku": "SKU-1", "quantity": 1}], "destination": HERE}
BENCH = reverse("admin:routing_ruleset_bench")
CUT_OFF = {"cut_off": "14:00", "preparation_minutes": 30, "opening_hours": {}}


@pytest.fixture(autouse=True)
def shop(db):
    with time_machine.travel(MONDAY, tick=False):
        make_network()
        yield


def grace(minutes, **methods):
    Channel.objects.filter(code="web").update(grace_minutes={"ship": minutes, **methods})
    clear_all()


def dry_run(client, **more):
    answer = client.post("/api/v1/routing/plan/", {**BASKET, **more}, format="json")
    assert answer.status_code == 200, answer.json()
    return answer.json()


def quoted(client, **more):
    quote = client.post("/api/v1/quotes/", {**BASKET, "currency": "EUR", "methods": ["ship"], **more}, format="json")
    return quote.json()["options"]


def place(client, **more):
    order = client.post("/api/v1/orders/", order_body(**more), format="json")
    assert order.status_code == 201, order.json()
    return order.json()


def day(text):
    """A promise is the end of a day in Paris, which has the same date in UTC."""
    return parse_datetime(text).date().isoformat()


@pytest.mark.parametrize(
    ("at", "promised"),
    [
        ("12:44:00", "2026-03-03"),
        ("12:45:00", "2026-03-03"),  # let go at the last second
        ("12:45:01", "2026-03-04"),
        ("13:00:00", "2026-03-04"),
        ("13:00:01", "2026-03-04"),
    ],
)
def test_around_a_cut_off_dry_run_quote_and_order_tell_one_date(client, at, promised):
    make_location("PARIS", **CUT_OFF, **PARIS)
    for other in ("LYON", "LILLE"):
        set_stock("SKU-1", other, 0)
    grace(15)
    instant = f"2026-03-02T{at}Z"  # an hour later in Paris, where the cut-off is at two
    planned_before = dry_run(client, as_of=instant)

    with time_machine.travel(instant, tick=False):
        planned, [offered], order = dry_run(client), quoted(client), place(client)

    told = [document["fulfillments"][0]["promised_at"] for document in (planned_before, planned)]
    assert {*told, offered["promised_at"], order["promised_at"]} == {order["promised_at"]}
    assert day(order["promised_at"]) == promised


def test_over_days_it_is_the_capacity_of_the_day_of_release_that_counts(client):
    """Paris prepares one parcel a day: the Wednesday of a first order is full, while today stands empty."""
    make_location("PARIS", daily_capacity=1, **PARIS)
    grace(2 * 24 * 60)
    assert place(client)["fulfillments"][0]["location"] == "PARIS"

    planned, [offered], order = dry_run(client), quoted(client), place(client)

    assert (
        [f["location"] for f in planned["fulfillments"]] == [f["location"] for f in order["fulfillments"]] == ["LILLE"]
    )
    assert planned["fulfillments"][0]["promised_at"] == offered["promised_at"] == order["promised_at"]
    assert day(order["promised_at"]) == "2026-03-06"  # leaves on Wednesday, two days from Lille


def test_who_need_not_wait_is_planned_for_now(client):
    make_location("PARIS", **CUT_OFF, **PARIS)
    grace(15, pickup=15)

    with time_machine.travel("2026-03-02T12:59:00Z", tick=False):
        collected = dry_run(client, delivery={"method": "pickup", "location": "PARIS"})
        sent = dry_run(
            client, stock=[{"sku": "SKU-1", "location": place, "sellable": 0} for place in ("LYON", "LILLE")]
        )

    assert collected["fulfillments"][0]["promised_at"] == "2026-03-02T13:29:00+00:00"
    assert day(sent["fulfillments"][0]["promised_at"]) == "2026-03-04"  # the cut-off was a minute after


def test_the_part_that_can_be_had_is_planned_for_the_same_instant(client):
    make_location("PARIS", **CUT_OFF, **PARIS)
    for other in ("LYON", "LILLE"):
        set_stock("SKU-1", other, 0)
    grace(15)
    many = {"lines": [{"sku": "SKU-1", "quantity": 9}], "allow_partial": True}

    with time_machine.travel("2026-03-02T12:50:00Z", tick=False):
        planned, [offered] = dry_run(client, **many), quoted(client, **many)

    assert planned["cut"] == offered["cut"] == [{"sku": "SKU-1", "quantity": 4}]
    assert planned["fulfillments"][0]["promised_at"] == offered["promised_at"]
    assert day(offered["promised_at"]) == "2026-03-04"


def test_what_waits_for_a_delivery_has_one_date(client):
    for code in ("PARIS", "LYON", "LILLE"):
        set_stock("SKU-1", code, 0)
    make_location("DEPOT", kind="warehouse", **LILLE)
    make_inbound("DEPOT", {"SKU-1": 4}, expected_at=MONDAY + timedelta(hours=1))
    document = {"rules": [{"steps": [{"rest": "backorder"}]}]}
    publish_rule_set(rule_set_id=create_draft(document=document).pk, actor="test", as_of=MONDAY)
    grace(2 * 24 * 60)

    [rest], [offered] = dry_run(client)["rest"], quoted(client, methods=["ship"])

    assert (rest["disposition"], offered["method"]) == ("backorder", "backorder")
    assert rest["date"] == day(offered["promised_at"]) == "2026-03-06"


def test_a_decision_that_is_kept_tells_when_the_places_would_have_learned(client):
    grace(15)

    kept = dry_run(client, keep=True)

    assert Decision.objects.get(pk=kept["decision"]).snapshot["release_at"] == "2026-03-02T09:15:00+00:00"


def test_a_dry_run_asks_the_database_no_more_than_without(client):
    def statements():
        with CaptureQueriesContext(connection) as asked:
            dry_run(client)
        return len(asked)

    statements()
    without = statements()
    grace(15)
    statements()  # reads the channels again

    assert statements() == without


# ---- the test bench ------------------------------------------------------------------------------------


@pytest.mark.parametrize("minutes, promised", [(0, "Tue 3 Mar"), (15, "Wed 4 Mar")])
def test_the_bench_promises_what_the_order_is_promised(client, minutes, promised):
    make_location("PARIS", **CUT_OFF, **PARIS)
    for other in ("LYON", "LILLE"):
        set_stock("SKU-1", other, 0)
    grace(minutes)
    rules = create_draft(document={"rules": [{"steps": [{}]}]}).pk
    office = Client()

    with time_machine.travel("2026-03-02T12:50:00Z", tick=False):
        office.force_login(User.objects.create_superuser("boss"))
        order = place(client)
        set_stock("SKU-1", "PARIS", 5)
        typed = {"channel": "web", "method": "ship", "service": "standard", "country": "FR", "postal_code": "75011"}
        typed |= {"latitude": "48.86", "longitude": "2.38", "near": "FR 75011", "sku": ["SKU-1"], "quantity": ["1"]}
        answers = [
            office.get(BENCH, {**typed, "rules": rules}),
            office.get(BENCH, {"order": order["number"], "take": "1", "rules": rules}, follow=True),
        ]

    day_of_order = date_format(localtime(parse_datetime(order["promised_at"]), ZoneInfo("Europe/Paris")), "D j M")
    assert day_of_order == promised
    for answer in answers:
        [told] = {side.parcels[0].promised.rpartition(" ")[0] for side in answer.context["result"].sides}
        assert told == promised
