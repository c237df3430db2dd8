"""Every event of this app has words, whatever its payload holds."""

from typing import Any

import pytest
from django.utils import translation

from inventory.states import INBOUND_MOVES
from oms.backoffice.sentences import say
from orders.states import FULFILLMENT_MOVES, PAYMENT_MOVES

STATES = [
    f"{table.noun}.{table.event_names.get(state, state)}"
    for table in (FULFILLMENT_MOVES, PAYMENT_MOVES, INBOUND_MOVES)
    for state in table.moves
]


@pytest.mark.parametrize("type_", STATES)
def test_each_state_that_is_reached_has_a_sentence(type_: str) -> None:
    said = say(type_, {"from": "planned"}, place="Lyon")

    assert said != type_.replace(".", " ").replace("_", " ").capitalize()
    assert "%(" not in said


@pytest.mark.parametrize(
    ("type_", "payload", "said"),
    [
        (
            "orders.fulfillment.declined",
            {"why": "too_busy", "note": "fire drill"},
            "Lyon declined the work: Too busy – fire drill",
        ),
        ("orders.fulfillment.planned", {}, "Work was planned for Lyon"),
        ("inventory.level.repaired", {"sku": "LAMP", "location": "LYON"}, "LAMP at LYON was mended by its books"),
        (
            "inventory.ledger.forgotten",
            {"movements": 7, "begins_at": "2026-03-01T00:00:00+00:00"},
            "7 old movements were forgotten; the ledger begins on March 1, 2026",
        ),
        (
            "orders.fulfillment.planned",
            {"from": "assigned", "why": "hold fraud"},
            "The work was called back from Lyon: Fraud check",
        ),
        (
            "orders.fulfillment.canceled",
            {"why": "rerouted"},
            "The work was taken away from Lyon: moved to another place by hand",
        ),
        (
            "orders.fulfillment.short",
            {"why": "not_found", "lines": [{"line": "l1", "sku": "A", "quantity": 2}]},
            "Lyon could not find 2 × A: Not found",
        ),
        (
            "orders.fulfillment.short",
            {"why": "stock_short", "lines": [{"line": "l1", "sku": "A", "quantity": 1}]},
            "Lyon cannot provide 1 × A: the stock counted or reported there is less than was promised",
        ),
        (
            "orders.fulfillment.short",
            {"why": "too_busy", "lines": [{"line": "l1", "sku": "A", "quantity": 1}]},
            "Lyon cannot provide 1 × A: Too busy",
        ),
        (
            "orders.fulfillment.short",
            {"why": "kept_together", "lines": [{"line": "l1", "sku": "A", "quantity": 1}]},
            "Lyon does not send 1 × A either: it is sent in one parcel with what is missing",
        ),
        (
            "orders.fulfillment.declined",
            {"why": "damaged", "lines": [{"line": "l1", "sku": "A", "quantity": 1}]},
            "Lyon declined 1 × A: Damaged",
        ),
        (
            "orders.fulfillment.canceled",
            {"why": "stock_short", "lines": [{"line": "l1", "sku": "A", "quantity": 1}]},
            "The work was taken away from Lyon (1 × A): the stock counted or reported there is less than was promised",
        ),
        ("orders.order.held", {"kind": "fraud", "note": ""}, "Put on hold (Fraud check)"),
        (
            "orders.order.caught_up",
            {"promised_at": "2026-03-05T12:00:00+00:00", "expected_at": "2026-03-04T12:00:00+00:00"},
            "In time again: expected on 4 Mar, promised for 5 Mar",
        ),
        (
            "orders.order.backordered",
            {"lines": [{"sku": "A", "quantity": 2, "expected_at": "2026-03-05T12:00:00+00:00"}]},
            "Waits for a delivery: 2 × A, expected on 5 Mar",
        ),
        ("orders.order.lines_canceled", {"why": "", "lines": [{"sku": "A", "quantity": 2}]}, "Canceled: 2 × A"),
        (
            "orders.order.lines_canceled",
            {"why": "not_available", "lines": [{"line": "l1", "sku": "A", "quantity": 2}]},
            "Canceled: 2 × A: it could not be had when the order was placed",
        ),
        (
            "orders.order.canceled",
            {"why": "payment_expired"},
            "The order was canceled: the payment did not come in time",
        ),
        ("orders.exception.opened", {"reason": "no_place"}, "Put before a person: No place is left"),
        ("orders.exception.resolved", {"resolution": "keep"}, "Exception resolved: the shopper waits"),
    ],
)
def test_says(type_: str, payload: dict, said: str) -> None:
    with translation.override("en"):
        assert say(type_, payload, place="Lyon") == said


@pytest.mark.parametrize(
    ("type_", "payload", "said"),
    [
        ("inventory.inbound.received", {"lines": [{"sku": "A", "quantity": 4}]}, "4 units came to Lyon"),
        ("inventory.inbound.closed", {"missing": 0, "over": 0}, "All of it is in Lyon"),
        (
            "inventory.inbound.closed",
            {"missing": 2, "over": 1, "why": "Box was open"},
            "Closed in Lyon: 2 missing, 1 over – Box was open",
        ),
        ("inventory.inbound.short", {"lines": [{"sku": "A", "missing": 1}]}, "1 unit is missing in Lyon"),
        ("inventory.inbound.late", {}, "It is late at Lyon"),
        ("inventory.inbound.canceled", {"why": "Not needed"}, "It does not come to Lyon – Not needed"),
        ("inventory.stock.short", {"sku": "A", "short": 3}, "3 promised units of A are not there"),
        (
            "inventory.stock.adjusted",
            {"kind": "write_off", "quantity": 2, "sku": "A", "reason": "stolen"},
            "Written off: 2 of A, Stolen",
        ),
    ],
)
def test_what_happens_to_stock_is_told_in_words(type_: str, payload: dict[str, Any], said: str) -> None:
    assert say(type_, payload, place="Lyon") == said
