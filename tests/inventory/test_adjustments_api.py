"""Units changed by hand: broken and mended, put aside and released, written off, found."""

from typing import Any

import pytest
from django.db import transaction
from rest_framework.test import APIClient

from inventory.models import StockAdjustment, StockMovement
from inventory.services import Want
from oms.models import Event
from tests.factories.inventory import NOW, level, make_location, make_product, reserve, set_stock

pytestmark = pytest.mark.django_db
URL = "/api/v1/stock/adjustments/"


@pytest.fixture(autouse=True)
def _shop() -> None:
    make_product("A")
    make_location("S")
    set_stock("A", "S", 10)


def body(kind: str, quantity: int, **values: Any) -> dict[str, Any]:
    return {"sku": "A", "location": "S", "kind": kind, "quantity": quantity, "reason": "broken", **values}


def adjust(client: APIClient, kind: str, quantity: int, **values: Any) -> Any:
    return client.post(URL, body(kind, quantity, **values), format="json")


def standing() -> tuple[int, int, int]:
    """on hand, of it damaged, of it quarantined"""
    row = level("A", "S")
    return row.on_hand, row.damaged, row.quarantined


@pytest.mark.parametrize(
    ("steps", "after"),
    [
        ([("damage", 3)], (10, 3, 0)),
        ([("damage", 3), ("repair", 2)], (10, 1, 0)),
        ([("quarantine", 4)], (10, 0, 4)),
        ([("quarantine", 4), ("release", 4)], (10, 0, 0)),
        ([("found", 2)], (12, 0, 0)),
        ([("found", 2, "damaged")], (12, 2, 0)),
        ([("found", 2, "quarantined")], (12, 0, 2)),
        ([("write_off", 2)], (8, 0, 0)),
        ([("damage", 3), ("write_off", 2, "sellable")], (8, 3, 0)),
        ([("damage", 3), ("write_off", 2, "damaged")], (8, 1, 0)),
        ([("quarantine", 3), ("write_off", 3, "quarantined")], (7, 0, 0)),
        ([("damage", 1), ("quarantine", 2), ("write_off", 2)], (8, 0, 1)),  # what cannot be sold goes first
        ([("damage", 1), ("quarantine", 2), ("write_off", 5)], (5, 0, 0)),
        ([("damage", 4), ("quarantine", 6), ("write_off", 10)], (0, 0, 0)),
    ],
)
def test_each_kind_does_what_it_says(
    client: APIClient, broken_invariants: Any, steps: list[tuple[Any, ...]], after: tuple[int, int, int]
) -> None:
    for kind, quantity, *condition in steps:
        answer = adjust(client, kind, quantity, **({"condition": condition[0]} if condition else {}))
        assert answer.status_code == 201, answer.json()

    assert standing() == after
    assert broken_invariants() == []


def test_why_and_by_whom_is_kept(client: APIClient) -> None:
    made = adjust(client, "write_off", 2, note="Fell off the shelf", condition="sellable").json()

    assert {name: made[name] for name in ("kind", "quantity", "condition", "reason", "note", "actor")} == {
        "kind": "write_off",
        "quantity": 2,
        "condition": "sellable",
        "reason": "broken",
        "note": "Fell off the shelf",
        "actor": "key:client",
    }
    movement = StockMovement.objects.get(reference=made["id"])
    assert (movement.cause, movement.quantity, movement.actor) == ("written_off", -2, "key:client")
    told = Event.objects.get(type="inventory.stock.adjusted")
    assert (told.subject, told.root, told.payload["kind"], told.payload["quantity"]) == (
        made["id"],
        "A",
        "write_off",
        2,
    )


@pytest.mark.parametrize(
    ("kind", "values", "available"),
    [
        ("damage", {}, 5),
        ("quarantine", {}, 5),
        ("repair", {}, 2),
        ("release", {}, 3),
        ("write_off", {}, 10),
        ("write_off", {"condition": "sellable"}, 5),
        ("write_off", {"condition": "damaged"}, 2),
        ("write_off", {"condition": "quarantined"}, 3),
    ],
)
def test_no_more_than_is_there(client: APIClient, kind: str, values: dict[str, Any], available: int) -> None:
    adjust(client, "damage", 2)
    adjust(client, "quarantine", 3)
    events = Event.objects.count()

    answer = adjust(client, kind, available + 1, **values)

    assert (answer.status_code, answer.json()["code"]) == (409, "fewer_there")
    assert (answer.json()["available"], answer.json()["requested"]) == (available, available + 1)
    assert (standing(), StockAdjustment.objects.count(), Event.objects.count()) == ((10, 2, 3), 2, events)
    assert adjust(client, kind, available, **values).status_code == 201


def test_promised_units_may_go_and_those_concerned_are_told(client: APIClient) -> None:
    with transaction.atomic():
        assert reserve(Want("order_line:1", "A", "S", 8)) == []

    assert adjust(client, "write_off", 5).status_code == 201

    assert (level("A", "S").on_hand, level("A", "S").reserved) == (5, 8)
    short = Event.objects.get(type="inventory.stock.short")
    assert (short.payload["sku"], short.payload["short"]) == ("A", 3)


@pytest.mark.parametrize(
    ("values", "pointer", "code"),
    [
        ({"sku": "X"}, "/sku", "unknown_sku"),
        ({"location": "X"}, "/location", "unknown_location"),
        ({"kind": "burn"}, "/kind", "enum"),
        ({"reason": "because"}, "/reason", "enum"),
        ({"quantity": 0}, "/quantity", "greater_than_equal"),
        ({"quantity": -3}, "/quantity", "greater_than_equal"),
        ({"kind": "damage", "condition": "sellable"}, "/condition", "condition_not_for_this"),
        ({"note": "x" * 501}, "/note", "string_too_long"),
    ],
)
def test_what_makes_no_sense_changes_nothing(
    client: APIClient, values: dict[str, Any], pointer: str, code: str
) -> None:
    answer = client.post(URL, body("write_off", 1) | values, format="json")

    assert (answer.status_code, answer.json()["errors"][0]["pointer"], answer.json()["errors"][0]["code"]) == (
        422,
        pointer,
        code,
    )
    assert standing() == (10, 0, 0)
    assert not StockAdjustment.objects.exists()


def test_sent_twice_with_one_key_it_happens_once(client: APIClient) -> None:
    answers = [
        client.post(URL, body("write_off", 2), format="json", headers={"Idempotency-Key": "k1"}) for _ in range(2)
    ]

    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[0].json() == answers[1].json()
    assert answers[1].headers["Idempotency-Replayed"] == "true"
    assert standing() == (8, 0, 0)


def test_units_are_found_where_none_ever_stood(client: APIClient) -> None:
    make_product("B")

    assert client.post(URL, body("found", 1) | {"sku": "B"}, format="json").status_code == 201
    assert level("B", "S").on_hand == 1


def test_a_level_below_zero_has_nothing_to_write_off(client: APIClient) -> None:
    event = {"id": "1", "sku": "A", "location": "S", "kind": "delta", "quantity": -12, "occurred_at": NOW.isoformat()}
    client.post("/api/v1/stock/events/", {"events": [event]}, format="json")

    assert adjust(client, "write_off", 1).json()["available"] == 0
    assert adjust(client, "found", 3).status_code == 201
    assert standing() == (1, 0, 0)


def test_the_list_can_be_narrowed(client: APIClient) -> None:
    adjust(client, "damage", 2)
    adjust(client, "found", 1, reason="misplaced")

    def found(query: str) -> list[str]:
        return [row["kind"] for row in client.get(f"{URL}?{query}").json()["results"]]

    assert found("") == ["found", "damage"]
    assert found("kind=damage") == ["damage"]
    assert found("reason=misplaced&sku=A,B&location=S") == ["found"]
    assert found("sku=B") == []


def test_a_key_bound_to_places_adjusts_and_sees_its_own(client: APIClient, client_with: Any) -> None:
    make_location("S2")
    adjust(client, "damage", 2)
    other = client_with("all", locations=["S2"])

    assert other.post(URL, body("write_off", 1), format="json").status_code == 404
    assert other.get(URL).json()["results"] == []
    assert other.post(URL, body("found", 1) | {"location": "S2"}, format="json").status_code == 201
    assert standing() == (10, 2, 0)


def test_reasons_are_told_in_the_callers_language(client: APIClient) -> None:
    reasons = client.get(f"{URL}reasons/").json()["results"]

    assert {"code": "broken", "name": "Broken here"} in reasons
    assert len(reasons) == 13


def test_who_may_only_read_adjusts_nothing(client_with: Any) -> None:
    assert adjust(client_with("stock:read"), "write_off", 1).status_code == 403
    assert standing() == (10, 0, 0)
