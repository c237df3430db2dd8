import io
import json
from base64 import b64encode
from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction

from inventory.models import LevelPace, StockLevel, StockMovement
from inventory.services import Want
from inventory.services.pace import refresh_pace
from oms.clock import now
from oms.models import ApiKey, Event
from tests.factories.inventory import (
    NOW,
    level,
    make_location,
    make_locations,
    make_product,
    make_products,
    make_transfer,
    reserve,
    set_stock,
)

pytestmark = pytest.mark.django_db

URL = "/api/v1/stock/events/"


def event(number, quantity, kind="delta", **values):
    return {
        "id": f"e{number}",
        "sku": "A",
        "location": "S",
        "kind": kind,
        "quantity": quantity,
        "occurred_at": NOW.isoformat(),
        **values,
    }


def send(client, *events):
    answer = client.post(URL, {"events": events}, format="json")
    assert answer.status_code == 200, answer.json()
    return [row["status"] for row in answer.json()["results"]]


@pytest.fixture(autouse=True)
def shelf(db):
    make_product("A")
    make_location("S")


def test_counts_and_deltas_become_movements(client):
    statuses = send(
        client,
        event(1, 10, "count", bin="B-07"),
        event(2, -3, reason="sale", order="T-1"),
        event(3, 5, reason="receipt", source="wms"),
    )

    assert statuses == ["applied"] * 3
    assert (level("A", "S").on_hand, level("A", "S").bin, level("A", "S").counted_at) == (12, "B-07", NOW)
    key = ApiKey.objects.get().pk
    rows = StockMovement.objects.order_by("id").values_list("cause", "quantity", "reference", "source", "external_id")
    assert list(rows) == [
        ("count", 10, "", key, "e1"),
        ("sale", -3, "T-1", key, "e2"),
        ("receipt", 5, "", "wms", "e3"),
    ]


def test_an_event_that_comes_again_does_nothing(client):
    assert send(client, event(1, 10), event(1, 10)) == ["applied", "duplicate"]
    assert send(client, event(1, 10), event(1, 10, source="till-2")) == ["duplicate", "applied"]

    assert level("A", "S").on_hand == 20


def test_two_keys_of_one_name_number_their_events_each_for_itself(client_with):
    assert send(client_with(), event(1, 10)) == ["applied"]
    assert send(client_with(), event(1, 10)) == ["applied"]
    assert level("A", "S").on_hand == 20


@pytest.mark.parametrize("other", [{"quantity": 9}, {"location": "T"}, {"kind": "count", "location": "T"}])
def test_an_id_that_was_used_for_another_event_is_rejected(client, other):
    make_location("T")
    send(client, event(1, 10))

    answer = client.post(URL, {"events": [{**event(1, 10), **other}]}, format="json")

    assert [(row["status"], row["code"]) for row in answer.json()["results"]] == [("rejected", "id_reused")]
    assert (level("A", "S").on_hand, StockMovement.objects.count()) == (10, 1)


@pytest.mark.parametrize(("minutes", "is_suspect"), [(-1, True), (0, False), (1, False)])
def test_a_count_ends_the_suspicions_that_are_not_younger(client, minutes, is_suspect):
    send(client, event(1, 10))
    StockLevel.objects.update(suspect_at=NOW)

    send(client, event(2, 10, "count", occurred_at=(NOW + timedelta(minutes=minutes)).isoformat()))

    assert (level("A", "S").suspect_at is not None) == is_suspect


def test_what_is_older_than_the_last_count_is_stale(client):
    earlier = (NOW - timedelta(minutes=1)).isoformat()
    send(client, event(1, 10, "count"))

    assert send(client, event(2, -1, occurred_at=earlier), event(3, 4, "count", occurred_at=earlier)) == ["stale"] * 2

    assert level("A", "S").on_hand == 10
    assert StockMovement.objects.count() == 1


def test_a_count_that_comes_late_keeps_what_moved_after_it(client):
    counted = (NOW - timedelta(minutes=10)).isoformat()
    send(client, event(1, 100, "count", occurred_at=(NOW - timedelta(hours=1)).isoformat()), event(2, -2))

    assert send(client, event(3, -1), event(4, 50, "count", occurred_at=counted)) == ["applied", "applied"]

    assert level("A", "S").on_hand == 47  # fifty, less the two and the one that were sold after the count


def test_damaged_and_quarantined_units_are_there_but_not_for_sale(client):
    send(
        client,
        event(1, 10, "count"),
        event(2, 3, condition="damaged"),
        event(3, 2, condition="quarantined"),
        event(4, -1, condition="damaged"),
    )

    row = client.get("/api/v1/stock/?sku=A&location=S").json()["results"][0]
    assert {name: row[name] for name in ("on_hand", "damaged", "quarantined", "unsellable", "sellable", "inbound")} == {
        "on_hand": 14,
        "damaged": 2,
        "quarantined": 2,
        "unsellable": 4,
        "sellable": 10,
        "inbound": 0,
    }


def test_counting_damaged_units_corrects_those_alone(client):
    send(client, event(1, 10, "count"), event(2, 3, condition="damaged"), event(3, 1, "count", condition="damaged"))

    assert (level("A", "S").on_hand, level("A", "S").damaged) == (11, 1)


def test_counting_sellable_units_leaves_the_damaged_beside_them(client):
    send(client, event(1, 10, "count"), event(2, 3, condition="damaged"), event(3, 7, "count", condition="sellable"))

    assert (level("A", "S").on_hand, level("A", "S").damaged) == (10, 3)


@pytest.mark.parametrize(("found", "damaged", "quarantined"), [(8, 3, 2), (4, 3, 1), (2, 2, 0), (0, 0, 0)])
def test_no_more_are_damaged_or_set_apart_than_were_counted(client, found, damaged, quarantined):
    send(client, event(1, 10, "count"), event(2, 3, condition="damaged"), event(3, 2, condition="quarantined"))

    send(client, event(4, found, "count"), event(5, 5))

    now = level("A", "S")
    assert (now.on_hand, now.damaged, now.quarantined) == (found + 5, damaged, quarantined)


def test_what_is_damaged_after_a_count_that_comes_late_was_not_among_the_counted(client):
    broken_since, counted = NOW - timedelta(minutes=1), NOW - timedelta(minutes=10)
    send(client, event(1, 3, condition="damaged", occurred_at=broken_since.isoformat()))

    send(client, event(2, 0, "count", occurred_at=counted.isoformat()))

    assert (level("A", "S").on_hand, level("A", "S").damaged) == (3, 3)


def test_a_till_may_sell_what_we_did_not_know_of(client):
    assert send(client, event(1, -2, reason="sale")) == ["applied"]

    assert level("A", "S").on_hand == -2
    assert client.get("/api/v1/stock/").json()["results"][0]["sellable"] == 0


def test_each_wrong_event_is_rejected_by_itself(client):
    wrong = [
        event(1, 1, sku="NONE"),
        event(2, 1, location="NONE"),
        event(3, -1, "count"),
        event(4, 10**10),
        event(5, -1, condition="damaged"),
        event(6, 1, occurred_at=(NOW + timedelta(days=36500)).isoformat()),
        event(7, 1, occurred_at="2026-03-02 09:00"),
        event(8, "1"),
        event(9, 1, kind="sale"),
        {"id": "e10"},
        "nonsense",
        event(12, 1, condition="lost"),
    ]

    answer = client.post(URL, {"events": [*wrong, event(20, 7)]}, format="json").json()["results"]

    assert [(row["index"], row["status"], row["code"]) for row in answer[:-1]] == [
        (0, "rejected", "unknown_sku"),
        (1, "rejected", "unknown_location"),
        (2, "rejected", "invalid"),
        (3, "rejected", "invalid"),
        (4, "rejected", "below_zero"),
        (5, "rejected", "in_the_future"),
        *((index, "rejected", "invalid") for index in range(6, 12)),
    ]
    assert answer[3]["errors"][0]["pointer"] == "/quantity"
    assert answer[-1] == {"index": 12, "id": "e20", "status": "applied"}
    assert level("A", "S").on_hand == 7
    assert StockMovement.objects.count() == 1


def test_units_beyond_what_can_be_stored_are_rejected(client):
    full = 1_000_000_000
    assert send(client, event(1, full), event(2, full), event(3, full)) == ["applied", "applied", "rejected"]


def test_figures_as_absurd_as_can_be_stored_are_still_answered(client):
    set_stock("A", "S", 0, safety_stock=1_000_000_000)
    sold, broken = event(0, -1_000_000_000, reason="sale"), event(0, 1_000_000_000, condition="damaged")

    # broken units count among all that stand there, so there are −2, 0 and −2 milliard in turn
    numbered = [one | {"id": f"x{number}"} for number, one in enumerate([sold, sold, broken, broken, sold, sold])]
    assert send(client, *numbered) == ["applied"] * 6

    [shown] = client.get("/api/v1/stock/").json()["results"]
    assert (shown["on_hand"], shown["damaged"], shown["sellable"]) == (-2_000_000_000, 2_000_000_000, 0)
    assert client.get("/api/v1/availability/?sku=A").json()["results"][0]["sellable"] == 0
    assert client.get("/api/v1/availability/explain/?sku=A").json()["locations"][0]["kept_back"] == 1_000_000_000
    assert client.get("/api/v1/stock/health/suspect/").json()["results"][0]["reasons"] == ["negative"]
    assert client.get("/api/v1/stock/health/overstock/").json()["results"] == []
    refresh_pace(as_of=NOW + timedelta(hours=1))
    assert LevelPace.objects.get().weekly.count(2_000_000_000) == 1
    assert client.get("/api/v1/stock/health/out-of-stock/?scope=network").json()["results"][0]["sku"] == "A"


def test_a_change_that_no_movement_can_hold_is_rejected_by_itself(client):
    make_product("B")
    sold = event(1, -1_000_000_000), event(2, -1_000_000_000)

    statuses = send(client, *sold, event(3, 1_000_000_000, "count"), event(4, 5, sku="B"))

    assert statuses == ["applied", "applied", "rejected", "applied"]
    assert (level("A", "S").on_hand, level("B", "S").on_hand) == (-2_000_000_000, 5)


def test_what_a_feed_says_under_the_id_of_a_transfer_is_a_change_of_its_own(client, broken_invariants):
    make_location("T", abilities=["receive_transfer"])
    set_stock("A", "S", 5)
    transfer = make_transfer("S", "T", {"A": 2})
    now_there = {"occurred_at": now().isoformat(), "order": transfer}

    statuses = send(client, event(1, 1, location="T", **now_there), event(2, -1, **now_there))

    assert statuses == ["applied", "applied"]
    assert broken_invariants() == []


def test_a_body_in_chunks_is_read_as_well_and_no_further_than_it_may_be_long(client, settings):
    body = json.dumps({"events": [event(1, 7)]}).encode()
    chunked = {"HTTP_TRANSFER_ENCODING": "chunked", "CONTENT_LENGTH": "", "content_type": "application/json"}

    taken = client.generic("POST", URL, **chunked, **{"wsgi.input": io.BytesIO(body)})
    settings.MAX_BODY_BYTES = len(body) - 1
    refused = client.generic("POST", URL, **chunked, **{"wsgi.input": io.BytesIO(body)})

    assert [row["status"] for row in taken.json()["results"]] == ["applied"]
    assert (refused.status_code, refused.json()["code"]) == (413, "body_too_large")
    assert level("A", "S").on_hand == 7


@pytest.mark.parametrize("body", [{}, {"events": "x"}, {"events": [], "more": 1}, {"events": [{}] * 5001}, []])
def test_a_wrong_envelope_is_refused(client, body):
    answer = client.post(URL, body, format="json")

    assert answer.status_code == 422
    assert not StockMovement.objects.exists()


def test_five_thousand_events_take_few_statements(client, django_assert_max_num_queries):
    skus = [f"P{n}" for n in range(1000)]
    make_products(*skus)
    events = [event(f"{sku}-{n}", n, "count" if n == 0 else "delta", sku=sku) for sku in skus for n in range(5)]

    with django_assert_max_num_queries(14):  # two of them once a second: what the feeds mean
        statuses = send(client, *events)

    assert statuses == ["applied"] * 5000
    assert StockLevel.objects.filter(on_hand=10).count() == 1000


def test_changes_are_told_in_chunks_and_shortages_one_by_one(client):
    set_stock("A", "S", 5)
    with transaction.atomic():
        reserve(Want("line:1", "A", "S", 4))
    Event.objects.all().delete()

    send(client, event(1, 1, "count"))

    changed, short = Event.objects.order_by("id")
    assert (changed.type, changed.subject) == ("inventory.level.changed", "A")
    assert changed.payload["levels"] == [
        {"sku": "A", "location": "S", "on_hand": 1, "reserved": 4, "damaged": 0, "quarantined": 0}
    ]
    assert (short.type, short.subject, short.actor) == ("inventory.stock.short", "A", "key:client")
    assert short.payload == {"sku": "A", "location": "S", "reserved": 4, "short": 3}


def test_a_key_bound_to_places_neither_sees_nor_changes_others(client_with):
    make_location("T")
    set_stock("A", "S", 1)
    set_stock("A", "T", 2)
    bound = client_with("stock:read", "stock:write", locations=["S"])

    assert [row["location"] for row in bound.get("/api/v1/stock/").json()["results"]] == ["S"]
    assert [row["location"] for row in bound.get("/api/v1/stock/movements/").json()["results"]] == ["S"]
    assert bound.get("/api/v1/stock/?location=T").json()["results"] == []
    assert send(bound, event(1, 5, location="T"), event(2, 5)) == ["rejected", "applied"]
    refused = bound.put("/api/v1/stock/protection/", {"sku": "A", "location": "T", "safety_stock": 1}, format="json")
    assert refused.status_code == 404
    assert (level("A", "T").on_hand, level("A", "T").safety_stock) == (2, None)


def test_protection_is_kept_back_and_may_be_left_to_the_place(client):
    make_location("S", safety_stock=2)
    set_stock("A", "S", 10)

    def sellable_after(units):
        body = {"sku": "A", "location": "S", "safety_stock": units}
        assert client.put("/api/v1/stock/protection/", body, format="json").json() == body
        return client.get("/api/v1/stock/?sku=A").json()["results"][0]["sellable"]

    assert [sellable_after(units) for units in (4, 0, None)] == [6, 10, 8]


@pytest.mark.parametrize(
    "wrong, pointer",
    [
        ({"sku": "NONE"}, "/sku"),
        ({"location": "NONE"}, "/location"),
        ({"safety_stock": -1}, "/safety_stock"),
        ({"safety_stock": 2 * 10**9}, "/safety_stock"),
    ],
)
def test_a_wrong_protection_is_refused(client, wrong, pointer):
    body = {"sku": "A", "location": "S", "safety_stock": 1} | wrong

    answer = client.put("/api/v1/stock/protection/", body, format="json")

    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]
    assert not StockLevel.objects.exists()


def test_levels_and_movements_are_filtered_and_take_a_constant_number_of_statements(client, django_assert_num_queries):
    make_products(*[f"P{n}" for n in range(30)])
    make_locations("T", "U")
    send(client, *[event(f"{n}{place}", n, sku=f"P{n}", location=place) for n in range(30) for place in "TU"])

    with django_assert_num_queries(2):
        levels = client.get("/api/v1/stock/?sku=P1,P2&location=U").json()["results"]
    with django_assert_num_queries(3):  # the last one: whether other months have what belongs between
        movements = client.get("/api/v1/stock/movements/?location=T&page_size=3").json()

    assert [(row["sku"], row["location"], row["on_hand"]) for row in levels] == [("P1", "U", 1), ("P2", "U", 2)]
    assert [row["external_id"] for row in movements["results"]] == ["e29T", "e28T", "e27T"]
    assert movements["next"]


@pytest.mark.parametrize(
    "path", ["stock/?suspect=yes", "products/?is_active=maybe", "inbound/?open=maybe", "exposure-rules/?hidden=maybe"]
)
def test_what_is_neither_true_nor_false_does_not_pass_for_a_filter(client, path):
    answer = client.get(f"/api/v1/{path}")

    name = path.partition("?")[2].partition("=")[0]
    assert (answer.status_code, [e["pointer"] for e in answer.json()["errors"]]) == (422, [f"/{name}"])
    assert client.get(f"/api/v1/{path.partition('=')[0]}=").status_code == 200


NONE = ["zzz", "cD1hYmM=", b64encode(b"p=" + b"9" * 5_000).decode()]  # the second: p=abc


@pytest.mark.parametrize("cursor", NONE, ids=["broken", "letters", "endless"])
@pytest.mark.parametrize("path", ["stock/", "stock/movements/", "stock/balances/?as_of=2026-03-03T09:00:00Z"])
def test_a_cursor_that_is_none_leads_nowhere(client, path, cursor):
    mark = "&" if "?" in path else "?"

    answer = client.get(f"/api/v1/{path}{mark}cursor={cursor}")

    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_the_ledger_only_grows(client):
    send(client, event(1, 5))

    for change in (lambda rows: rows.update(quantity=1), lambda rows: rows.delete()):
        with pytest.raises(IntegrityError, match="only ever added"), transaction.atomic():
            change(StockMovement.objects.all())


def test_stock_needs_its_scopes(client_with):
    assert client_with("catalog:read").get("/api/v1/stock/").status_code == 403
    assert client_with("stock:read").post(URL, {"events": []}, format="json").status_code == 403
