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


#: Rows of one placed order, by table and state; {n} is its number of fulfillments.
_ROWS = """
SELECT count(*), count(DISTINCT o.customer_id),
    sum((SELECT count(*) FROM orders_delivery d WHERE d.order_id = o.id)),
    sum((SELECT count(*) FROM orders_orderline l WHERE l.order_id = o.id AND l.allocated = 1)),
    sum((SELECT count(*) FROM orders_payment p WHERE p.order_id = o.id AND p.status = 'authorized')),
    sum(f.n),
    sum((SELECT count(*) FROM orders_fulfillmentline fl JOIN orders_fulfillment x ON x.id = fl.fulfillment_id
        WHERE x.order_id = o.id)),
    sum((SELECT count(*) FROM inventory_reservation r JOIN orders_orderline l ON r.demand = 'order_line:' || l.id
        WHERE l.order_id = o.id AND r.status = 'active' AND r.remaining = 1)),
    sum((SELECT count(*) FROM routing_decision d WHERE d.subject = o.id)),
    sum((SELECT count(*) FROM oms_event e WHERE e.root = o.id)),
    sum((SELECT count(*) FROM oms_deadline t WHERE t.subject IN (SELECT p.id FROM orders_payment p
        WHERE p.order_id = o.id UNION ALL SELECT x.id FROM orders_fulfillment x WHERE x.order_id = o.id))),
    (SELECT count(*) FROM oms_idempotencyrecord i WHERE i.key LIKE %(run)s)
FROM orders_order o
CROSS JOIN LATERAL (SELECT count(*) AS n FROM orders_fulfillment x WHERE x.order_id = o.id AND x.status = 'assigned') f
WHERE o.external_id LIKE %(run)s"""
_NAMES = ("orders", "customers", "deliveries", "lines", "payments", "fulfillments", "fulfillment_lines",
          "reservations", "decisions", "events", "deadlines", "idempotency_records")  # fmt: skip


class RowsMissing(Exception):
    """Something was answered with 201 and is not all there."""


def rows_of_run(run: str) -> dict[str, int]:
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")  # else a plan made when these tables were small reads them once for each order
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
