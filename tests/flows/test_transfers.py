"""Units sent from one place to another: they are nowhere twice and never nowhere."""

from typing import Any

import pytest

from inventory.models import Inbound, StockMovement
from oms.models import Event
from tests.factories.inventory import level, make_location, make_products, set_stock, set_stocks
from tests.factories.orders import make_key, make_network, order_body
from tests.flows.conftest import Answer, Api
from tests.flows.test_inbound import lines_of, stock, told


@pytest.fixture(autouse=True)
def shop(transactional_db: None) -> None:
    make_products("A", "B")
    for code in ("S1", "S2"):
        make_location(code, abilities=["ship", "pickup", "receive_transfer"])
    set_stocks({("A", "S1"): 10, ("B", "S1"): 3})


def send(api: Api, *lines: tuple[str, int], **values: Any) -> Answer:
    wanted = [{"sku": sku, "quantity": quantity} for sku, quantity in lines or [("A", 6)]]
    return api.post("transfers/", {"from": "S1", "to": "S2", "lines": wanted, **values})


def test_a_transfer_leaves_travels_and_arrives(api: Api, invariants_hold: Any) -> None:
    sent = send(api, ("A", 6), ("B", 1), reason="Sold out there")

    assert (sent.status, sent.json["status"], sent.json["origin"], sent.json["location"]) == (
        201,
        "in_transit",
        "S1",
        "S2",
    )
    assert (stock(api, "A", "S1"), stock(api, "A", "S2")) == ((4, 4, 0), (0, 0, 6))
    [there] = api.get("stock/?sku=A&location=S2").json["results"]
    assert (there["inbound"], there["in_transit"]) == (6, 6)
    invariants_hold()

    received = api.post(f"inbound/{sent.json['id']}/receive/")

    assert (received.status, received.json["status"]) == (200, "received")
    assert (stock(api, "A", "S1"), stock(api, "A", "S2")) == ((4, 4, 0), (6, 6, 0))
    moved = StockMovement.objects.filter(reference=sent.json["id"], product="A").order_by("id")
    assert list(moved.values_list("location_id", "cause", "quantity")) == [
        ("S1", "transfer_sent", -6),
        ("S2", "transfer_received", 6),
    ]
    assert told(sent.json["id"]) == ["sent", "received", "closed"]
    invariants_hold()


def test_what_is_in_transit_is_seen_at_its_destination(api: Api) -> None:
    set_stock("A", "S2", 1)
    api.post(
        "inbound/", {"location": "S2", "expected_at": "2026-12-01T08:00:00Z", "lines": [{"sku": "A", "quantity": 5}]}
    )
    send(api, ("A", 6))

    [row] = api.get("stock/?sku=A&location=S2").json["results"]

    assert (row["on_hand"], row["inbound"], row["in_transit"]) == (1, 11, 6)
    assert [row["status"] for row in api.get("transfers/?open=true").json["results"]] == ["in_transit"]


def test_missing_damaged_and_extra_units_are_recorded_and_told(api: Api, invariants_hold: Any) -> None:
    transfer = send(api, ("A", 6), ("B", 2)).json["id"]
    came = [
        {"sku": "A", "quantity": 3},
        {"sku": "A", "quantity": 1, "condition": "damaged"},
        {"sku": "B", "quantity": 3},
    ]

    closed = api.post(f"transfers/{transfer}/receive/", {"lines": came, "final": True, "note": "Box was open"})

    assert lines_of(closed.json) == {"A": (6, 4, 2, 0, 0), "B": (2, 3, 0, 1, 0)}
    assert (stock(api, "A", "S2"), level("A", "S2").damaged, stock(api, "B", "S2")) == ((4, 3, 0), 1, (3, 3, 0))
    payload = Event.objects.get(type="inventory.inbound.closed").payload
    assert (payload["origin"], payload["missing"], payload["over"], payload["damaged"]) == ("S1", 2, 1, 1)
    assert told(transfer) == ["sent", "received", "closed", "short"]
    invariants_hold()


def test_only_what_could_be_sold_is_sent(api: Api, invariants_hold: Any) -> None:
    make_network(paris=5, lille=0, lyon=0)
    make_location("PARIS", abilities=["ship", "pickup"])
    set_stock("SKU-1", "PARIS", 5, safety_stock=1)
    assert api.post("orders/", order_body(("SKU-1", 2))).status == 201
    before = stock(api, "SKU-1", "PARIS")

    refused = send(api, ("SKU-1", 3), **{"from": "PARIS"})

    assert (refused.status, refused.json["code"]) == (409, "insufficient_stock")
    assert refused.json["shortages"] == [{"sku": "SKU-1", "requested": 3, "sellable": 2}]
    assert stock(api, "SKU-1", "PARIS") == before == (5, 2, 0)
    assert not Inbound.objects.exists()
    assert send(api, ("SKU-1", 2), **{"from": "PARIS"}).status == 201
    assert (stock(api, "SKU-1", "PARIS"), level("SKU-1", "PARIS").reserved) == ((3, 0, 0), 2)
    invariants_hold()


def test_of_several_products_all_are_sent_or_none(api: Api, invariants_hold: Any) -> None:
    refused = send(api, ("A", 1), ("B", 4))

    assert refused.json["shortages"] == [{"sku": "B", "requested": 4, "sellable": 3}]
    assert (stock(api, "A", "S1")[0], stock(api, "B", "S1")[0]) == (10, 3)
    assert not Event.objects.filter(type__startswith="inventory.inbound").exists()
    invariants_hold()


def test_broken_suspect_and_unknown_goods_are_not_sent(api: Api) -> None:
    broken = {"sku": "A", "location": "S1", "kind": "damage", "quantity": 8, "reason": "broken"}
    assert api.post("stock/adjustments/", broken).status == 201

    assert send(api, ("A", 3)).json["shortages"] == [{"sku": "A", "requested": 3, "sellable": 2}]
    assert send(api, ("A", 1), **{"from": "S2", "to": "S1"}).json["shortages"][0]["sellable"] == 0


@pytest.mark.parametrize(
    ("values", "pointer", "code"),
    [
        ({"from": "NOWHERE"}, "/from", "unknown_location"),
        ({"from": "CLOSED"}, "/from", "location_closed"),
        ({"to": "NOWHERE"}, "/to", "unknown_location"),
        ({"to": "CLOSED"}, "/to", "location_closed"),
        ({"to": "S3"}, "/to", "no_transfers_here"),
        ({"to": "S1"}, "/to", "same_location"),
        ({"lines": [{"sku": "X", "quantity": 1}]}, "/lines/0/sku", "unknown_sku"),
        ({"lines": []}, "/lines", "too_short"),
        ({"expected_at": "2199-12-31T23:59:00Z"}, "/expected_at", "too_far"),
    ],
)
def test_a_transfer_that_cannot_be_is_refused(api: Api, values: dict[str, Any], pointer: str, code: str) -> None:
    make_location("S3", abilities=["ship"])
    make_location("CLOSED", abilities=["receive_transfer"], is_active=False)

    answer = send(api, **values)

    assert (answer.status, answer.json["errors"][0]["pointer"], answer.json["errors"][0]["code"]) == (
        422,
        pointer,
        code,
    )
    assert not Inbound.objects.exists()
    assert stock(api, "A", "S1")[0] == 10


def test_a_transfer_that_is_called_back_stands_at_its_origin_again(api: Api, invariants_hold: Any) -> None:
    transfer = send(api, ("A", 6)).json["id"]

    canceled = api.post(f"transfers/{transfer}/cancel/", {"reason": "Not needed"})

    assert (canceled.status, canceled.json["status"]) == (200, "canceled")
    assert (stock(api, "A", "S1"), stock(api, "A", "S2")) == ((10, 10, 0), (0, 0, 0))
    moved = StockMovement.objects.filter(reference=transfer).order_by("id")
    assert list(moved.values_list("cause", "quantity")) == [("transfer_sent", -6), ("transfer_returned", 6)]
    invariants_hold()


def test_a_transfer_of_which_something_arrived_is_not_called_back(api: Api, invariants_hold: Any) -> None:
    transfer = send(api, ("A", 6)).json["id"]
    api.post(f"inbound/{transfer}/receive/", {"lines": [{"sku": "A", "quantity": 1}]})

    answer = api.post(f"inbound/{transfer}/cancel/")

    assert (answer.status, answer.json["code"]) == (409, "illegal_move")
    assert (stock(api, "A", "S1"), stock(api, "A", "S2")) == ((4, 4, 0), (1, 1, 5))
    invariants_hold()


def test_the_lines_of_a_transfer_cannot_be_changed_but_its_day_can(api: Api, invariants_hold: Any) -> None:
    transfer = send(api, ("A", 6)).json["id"]

    lines = api.call("PATCH", f"inbound/{transfer}/", {"lines": [{"sku": "A", "quantity": 7}]})
    day = api.call("PATCH", f"inbound/{transfer}/", {"expected_at": "2026-12-24T08:00:00Z"})

    assert (lines.status, lines.json["code"]) == (409, "conflict")
    assert (day.status, day.json["expected_at"]) == (200, "2026-12-24T08:00:00+00:00")
    invariants_hold()


def test_a_transfer_sent_twice_with_one_key_or_id_leaves_once(api: Api, invariants_hold: Any) -> None:
    body = {"from": "S1", "to": "S2", "lines": [{"sku": "A", "quantity": 2}], "external_id": "T-1"}

    answers = [
        api.post("transfers/", body, Idempotency_Key="t1"),
        api.post("transfers/", body, Idempotency_Key="t1"),
        api.post("transfers/", body, Idempotency_Key="t2"),
    ]

    assert [answer.status for answer in answers] == [201] * 3
    assert len({answer.json["id"] for answer in answers}) == 1
    assert [answer.headers.get("Idempotency-Replayed") for answer in answers] == [None, "true", "true"]
    assert stock(api, "A", "S1")[0] == 8
    invariants_hold()


def test_what_arrives_at_a_place_that_closed_meanwhile_stands_there_all_the_same(
    api: Api, invariants_hold: Any
) -> None:
    transfer = send(api, ("A", 6)).json["id"]
    make_location("S2", is_active=False)

    assert api.post(f"inbound/{transfer}/receive/").status == 200
    assert level("A", "S2").on_hand == 6
    invariants_hold()


def test_each_end_of_a_transfer_does_its_own_part(api: Api, invariants_hold: Any) -> None:
    make_location("S3", abilities=["receive_transfer"])
    sender, receiver, stranger = (Api(make_key(code, locations=[code])) for code in ("S1", "S2", "S3"))

    assert send(receiver).status == 404  # another place's goods
    transfer = send(sender).json["id"]
    assert sender.get(f"transfers/{transfer}/").json["actions"] == ["change", "cancel"]
    assert receiver.get(f"inbound/{transfer}/").json["actions"] == ["receive"]
    assert stranger.get(f"inbound/{transfer}/").status == 404
    assert stranger.get("transfers/").json["results"] == []

    refused = [
        sender.post(f"inbound/{transfer}/receive/"),
        receiver.post(f"inbound/{transfer}/cancel/"),
        receiver.call("PATCH", f"inbound/{transfer}/", {"expected_at": "2026-12-24T08:00:00Z"}),
    ]
    assert [(answer.status, answer.json["code"]) for answer in refused] == [(403, "place_not_allowed")] * 3
    assert stranger.post(f"inbound/{transfer}/receive/").status == 404
    assert told(transfer) == ["sent"]
    assert receiver.post(f"inbound/{transfer}/receive/").status == 200
    invariants_hold()


def test_a_delivery_is_not_a_transfer(api: Api) -> None:
    made = api.post(
        "inbound/", {"location": "S1", "expected_at": "2026-12-01T08:00:00Z", "lines": [{"sku": "A", "quantity": 5}]}
    )

    assert api.get(f"transfers/{made.json['id']}/").status == 404
    assert api.post(f"transfers/{made.json['id']}/receive/").status == 404
    assert api.get("transfers/").json["results"] == []
