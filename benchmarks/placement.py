"""Orders over HTTP: what is asked, and the proof that every 201 left all its rows."""

import json
from collections.abc import Mapping
from typing import Any

from django.db import connection

from benchmarks.dataset import CHANNEL

_BODY = {
    "channel": CHANNEL,
    "external_id": "{id}",
    "currency": "EUR",
    "locale": "fr",
    "prices_include_tax": True,
    "customer": {"external_id": "C-{id}", "email": "a@example.org", "first_name": "A", "last_name": "B"},
    "shipping_address": {
        "name": "A B",
        "line1": "1 rue X",
        "postal_code": "75011",
        "city": "Paris",
        "country": "FR",
        "latitude": 48.86,
        "longitude": 2.38,
    },
    "delivery": {"method": "ship", "service": "standard"},
    "shipping_price": "4.90",
}


def order_body(*skus: str, order_id: str = "{id}") -> dict[str, Any]:
    """One unit of each SKU to a home in Paris, paid by a good card; `{id}` is left for the client to fill."""
    lines = [
        {"id": f"l{n}", "sku": sku, "quantity": 1, "unit_price": "19.90", "tax_rate": "0.20"}
        for n, sku in enumerate(skus, start=1)
    ]
    amount = f"{len(skus) * 1990 / 100 + 4.9:.2f}"
    payment = {"gateway": "sandbox", "method": "card", "amount": amount, "token": "tok_ok"}
    body = json.loads(json.dumps(_BODY).replace("{id}", order_id))
    return {**body, "lines": lines, "payments": [payment]}


#: Each table is looked through once for all orders of the run, however many others there are.
_ROWS = """
WITH o AS MATERIALIZED (SELECT id, customer_id FROM orders_order WHERE external_id LIKE %(run)s),
    l AS MATERIALIZED (SELECT id, allocated FROM orders_orderline WHERE order_id IN (SELECT id FROM o)),
    p AS MATERIALIZED (SELECT id, status FROM orders_payment WHERE order_id IN (SELECT id FROM o)),
    x AS MATERIALIZED (SELECT id, status FROM orders_fulfillment WHERE order_id IN (SELECT id FROM o))
SELECT (SELECT count(*) FROM o), (SELECT count(DISTINCT customer_id) FROM o),
    (SELECT count(*) FROM orders_delivery WHERE order_id IN (SELECT id FROM o)),
    (SELECT count(*) FROM l WHERE allocated = 1),
    (SELECT count(*) FROM p WHERE status = 'authorized'),
    (SELECT count(*) FROM x WHERE status = 'assigned'),
    (SELECT count(*) FROM orders_fulfillmentline WHERE fulfillment_id IN (SELECT id FROM x)),
    (SELECT count(*) FROM inventory_reservation WHERE demand IN (SELECT 'order_line:' || id FROM l)
        AND status = 'active' AND remaining = 1),
    (SELECT count(*) FROM routing_decision WHERE subject IN (SELECT id FROM o)),
    (SELECT count(*) FROM oms_event WHERE root IN (SELECT id FROM o)),
    (SELECT count(*) FROM oms_deadline WHERE subject IN (SELECT id FROM p UNION ALL SELECT id FROM x)),
    (SELECT count(*) FROM oms_idempotencyrecord WHERE key LIKE %(run)s)"""
_NAMES = ("orders", "customers", "deliveries", "lines", "payments", "fulfillments", "fulfillment_lines",
          "reservations", "decisions", "events", "deadlines", "idempotency_records")  # fmt: skip


class RowsMissing(Exception):
    """Something was answered with 201 and is not all there."""


def rows_of_run(run: str) -> dict[str, int]:
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")  # else tables that were small a moment ago are joined row by row
        cursor.execute(_ROWS, {"run": f"{run}-%"})
        return dict(zip(_NAMES, map(int, cursor.fetchone()), strict=True))


def check_rows(run: str, *, answered: int) -> dict[str, int]:
    """The rows that `answered` orders of two lines left. Errors: RowsMissing."""
    found = rows_of_run(run)
    parcels = found["fulfillments"]
    expected: Mapping[str, int] = {
        **dict.fromkeys(
            ("orders", "customers", "deliveries", "payments", "decisions", "idempotency_records"), answered
        ),
        **dict.fromkeys(("lines", "fulfillment_lines", "reservations"), 2 * answered),
        "fulfillments": max(parcels, answered),
        "events": 2 * answered + 2 * parcels,  # placed, authorized; planned and assigned each
        "deadlines": answered + 3 * parcels,  # settle; acknowledge, prepare and the first warning each
    }
    wrong = {name: (count, found[name]) for name, count in expected.items() if found[name] != count}
    if wrong:
        raise RowsMissing(f"expected and found: {wrong}")
    return found
