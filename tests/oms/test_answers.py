"""Real answers of every room, held against the OpenAPI document by a validator that knows nothing of our code."""

import re
from typing import Any

import jsonschema
import pytest

from tests.factories.orders import make_key, make_network, order_body
from tests.flows.conftest import Answer, Api

pytestmark = pytest.mark.django_db
RULES = {"name": "near", "rules": [{"name": "all", "steps": [{"name": "any", "weights": {"cost": 1}}]}]}
PLAN = {
    "channel": "web",
    "lines": [{"sku": "SKU-1", "quantity": 2}],
    "destination": {"country": "FR", "postal_code": "75011", "latitude": 48.86, "longitude": 2.38},
    "delivery": {"method": "ship", "service": "standard"},
}


class Witness:
    """A client that lets no answer pass which the document does not describe."""

    def __init__(self, api: Api, schema: dict[str, Any]):
        self.api = api
        self.schema = schema
        self.routes = {re.sub(r"{[^}]*}", "[^/]+", path): found for path, found in schema["paths"].items()}
        self.seen: set[str] = set()

    def ask(self, method: str, path: str, body: Any = None, status: int = 200) -> Any:
        answer = self.api.call(method, path, body, Idempotency_Key=f"{len(self.seen)}-{method}-{path}")
        assert answer.status == status, answer
        operation = self._operation(method, path)
        self._check(operation, answer)
        self.seen.add(operation["operationId"])
        return answer.json

    def _operation(self, method: str, path: str) -> dict[str, Any]:
        address = "/api/v1/" + path.partition("?")[0]
        exact = self.schema["paths"].get(address)
        return (exact or next(f for route, f in self.routes.items() if re.fullmatch(route, address)))[method.lower()]

    def _check(self, operation: dict[str, Any], answer: Answer) -> None:
        described = operation["responses"][str(answer.status)]
        kind = answer.headers.get("Content-Type")
        if "content" not in described:
            assert answer.json is None
            return
        found = described["content"][kind]["schema"]
        jsonschema.Draft202012Validator({**found, "components": self.schema["components"]}).validate(answer.json)


@pytest.fixture
def witness(schema: dict[str, Any]) -> Witness:
    make_network()
    return Witness(Api(make_key("witness")), schema)


def test_the_catalog_and_the_places(witness: Witness) -> None:
    for rows, one, code in (("products", "SKU-1", "SKU-9"), ("locations", "PARIS", "NANTES")):
        document = witness.ask("GET", f"{rows}/{one}/")
        name = "sku" if rows == "products" else "code"
        assert len(witness.ask("GET", f"{rows}/?page_size=1")["results"]) == 1
        made = witness.ask("POST", f"{rows}/", {**document, name: code}, status=201)
        assert made[name] == code
        witness.ask("PUT", f"{rows}/{code}/", {**document, name: code})
        witness.ask("PATCH", f"{rows}/{code}/", {"is_active": False})
        witness.ask("POST", f"{rows}/bulk/", [{**document, name: f"{code}-2"}, {name: 7}])
        witness.ask("DELETE", f"{rows}/{code}/", status=204)
        witness.ask("GET", f"{rows}/{code}-NONE/", status=404)
        witness.ask("POST", f"{rows}/", {"surprise": 1}, status=422)


def test_the_stock(witness: Witness) -> None:
    event = {"sku": "SKU-1", "location": "PARIS", "occurred_at": "2026-03-02T10:00:00Z"}
    events = [
        {"id": "e1", "kind": "delta", "quantity": -1, "reason": "sale", **event},
        {"id": "e2", "kind": "count", "quantity": 9, **event},
        {"id": "e2", "kind": "count", "quantity": 9, **event},
        {"id": "e3", "kind": "count", "quantity": 9, **event, "sku": "GHOST"},
        {"id": "e4"},
    ]
    witness.ask("POST", "stock/events/", {"events": events})
    witness.ask("PUT", "stock/protection/", {"sku": "SKU-1", "location": "PARIS", "safety_stock": 1})
    assert witness.ask("GET", "stock/?sku=SKU-1&location=PARIS")["results"]
    assert witness.ask("GET", "stock/movements/?sku=SKU-1&location=PARIS")["results"]
    assert witness.ask("GET", "availability/?sku=SKU-1,SKU-2&channel=web&near=48.85,2.35&method=pickup")["results"]
    witness.ask("POST", "stock/events/", {"events": 7}, status=422)


def test_the_routing(witness: Witness) -> None:
    kept = witness.ask("POST", "routing/plan/", {**PLAN, "keep": True})
    witness.ask("POST", "routing/plan/", {**PLAN, "lines": [{"sku": "SKU-2", "quantity": 1}]})
    witness.ask("GET", f"decisions/{kept['decision']}/")
    for place in ("LYON", "PARIS"):
        witness.ask("GET", f"decisions/{kept['decision']}/why-not/?location={place}")
    witness.ask("GET", f"decisions/{kept['decision']}/why-not/?location=ATLANTIS", status=404)
    witness.ask("GET", f"decisions/{kept['decision']}/why-not/", status=422)
    rules = witness.ask("POST", "rule-sets/", RULES, status=201)
    witness.ask("GET", "rule-sets/")
    witness.ask("GET", f"rule-sets/{rules['id']}/")
    witness.ask("PATCH", f"rule-sets/{rules['id']}/", {"name": "nearest"})
    witness.ask("POST", f"rule-sets/{rules['id']}/publish/", {})
    witness.ask("POST", "rule-sets/", {"rules": [{"steps": [{"weights": {"luck": 1}}]}]}, status=422)


def test_the_tables_of_routing(witness: Witness) -> None:
    level = witness.ask("POST", "service-levels/", {"acknowledge_minutes": 0.5, "scope": {"kinds": ["store"]}}, 201)
    witness.ask("GET", f"service-levels/{level['id']}/")
    witness.ask("PATCH", f"service-levels/{level['id']}/", {"acknowledge_minutes": 5})
    witness.ask("DELETE", f"service-levels/{level['id']}/", status=204)
    for table in ("service-levels", "carrier-services", "rates", "postal-areas"):
        witness.ask("GET", f"{table}/")
        witness.ask("POST", f"{table}/", {"surprise": True}, status=422)


def test_the_orders(witness: Witness) -> None:
    order = witness.ask("POST", "orders/", order_body(("SKU-1", 2)), status=201)
    number, work = order["number"], order["fulfillments"][0]["id"]
    witness.ask("POST", f"orders/{number}/cancel/", {"lines": [{"id": "l1", "quantity": 1}]})
    witness.ask("POST", f"fulfillments/{work}/acknowledge/", {})
    witness.ask("POST", f"fulfillments/{work}/deliver/", {}, status=409)
    witness.ask("POST", f"fulfillments/{work}/pick/", {"lines": [{"line": "l1", "picked": 1}]})
    witness.ask("POST", f"fulfillments/{work}/ship/", {"tracking_number": "6A"})
    witness.ask("POST", "orders/", order_body(("SKU-1", 99)), status=409)
    witness.ask("POST", "orders/", {"surprise": 1}, status=422)
    witness.ask("POST", "orders/bulk/", [order_body(), order_body(("SKU-1", 99)), {}])
    for path in ("", f"{number}/", f"{number}/timeline/", f"{number}/decisions/"):
        witness.ask("GET", f"orders/{path}")
    witness.ask("GET", f"customers/{order['customer']['id']}/")
    witness.ask("GET", "events/")
    witness.ask("GET", "exceptions/")
