"""The examples of the OpenAPI document are calls that work: each is sent to a small network and answered as described.

An operation that needs more than a product, places with stock and an order tells it in `STAGES`.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import time_machine
from jsonschema import Draft202012Validator

from inventory.models import StockImport
from oms import cache
from oms.clock import now
from oms.deadlines import sweep
from orders.models import Fulfillment, Offer
from orders.pickup_codes import pickup_code
from orders.services.demand_history import tell_demands
from routing.services.rule_sets import create_draft, publish_rule_set
from tests.factories.inventory import NOW, make_location
from tests.factories.orders import make_channel, make_network, pickup_body
from tests.factories.transactions import undone_at_the_end
from tests.flows.conftest import Answer, Api
from tests.orders.conftest import shop

__all__ = ["shop"]


class Stage:
    """A network on which examples are played. `names`: what stands for the names they use."""

    def __init__(self, api: Api, schema: dict[str, Any]):
        self.api = api
        self.operations = {
            operation["operationId"]: (method, path, operation)
            for path, methods in schema["paths"].items()
            for method, operation in methods.items()
        }
        self.names: dict[str, str] = {}

    def play(self, name: str, *, case: str = "") -> Answer:
        """Send the example of this operation: the first, or the one of this name."""
        method, path, operation = self.operations[name]
        query = []
        for parameter in operation.get("parameters", ()):
            if parameter["in"] == "path":
                path = path.replace(f"{{{parameter['name']}}}", str(parameter["example"]))
            elif parameter["in"] == "query" and parameter.get("required"):
                query.append(f"{parameter['name']}={parameter['example']}")
        body, content_type = self._body(operation, case)
        address = self._named(path.removeprefix("/api/v1/")) + (self._named("?" + "&".join(query)) if query else "")
        headers = {"Idempotency_Key": f"{name} {len(self.names)}"} if method == "post" else {}
        return self.api.call(method.upper(), address, body, content_type=content_type, **headers)

    def _body(self, operation: dict[str, Any], case: str = "") -> tuple[bytes, str]:
        """The example of a body, and of which kind it is."""
        contents = operation.get("requestBody", {}).get("content", {})
        for content_type, content in contents.items():
            shown = content["examples"][case or next(iter(content["examples"]))]["value"]
            text = json.dumps(shown) if content_type == "application/json" else shown
            return self._named(text).encode(), content_type
        return b"", "application/json"

    def _named(self, text: str) -> str:
        for shown, real in self.names.items():
            text = text.replace(shown, real)
        return text

    def call(self, name: str, real: Any) -> None:
        """What the examples call `name` is really called so."""
        shown = next(
            parameter["example"]
            for _method, _path, operation in self.operations.values()
            for parameter in operation.get("parameters", ())
            if parameter["name"] == name and "example" in parameter
        )
        self.names[str(shown)] = str(real)

    def order(self, body: dict[str, Any] | None = None) -> dict[str, Any]:
        make_network()
        placed = self.play("orders_place") if body is None else self.api.post("orders/", body)
        assert placed.status == 201, placed
        self.call("number", placed.json["number"])
        self.call("customer_id", placed.json["customer"]["id"])
        self._work(placed.json["fulfillments"][0]["id"])
        return placed.json

    def _work(self, fulfillment: str) -> None:
        self.call("fulfillment_id", fulfillment)
        work = Fulfillment.objects.get(pk=fulfillment)
        decisions = self.operations["decisions_retrieve"][2]["parameters"]
        self.names[next(p["example"] for p in decisions if p["in"] == "path")] = work.decision
        self.names["482913"] = pickup_code(fulfillment)

    def after(self, *names: str) -> None:
        """Play these too."""
        for name in names:
            answer = self.play(name)
            assert 200 <= answer.status < 300, (name, answer)


def _nothing(stage: Stage) -> None:
    make_channel()


def _network(stage: Stage) -> None:
    make_network()


def _order(*acts: str) -> Callable[[Stage], None]:
    def build(stage: Stage) -> None:
        stage.order()
        stage.after(*acts)

    return build


def _offered(stage: Stage) -> None:
    """Work that PARIS has not answered for yet, offered to LILLE, too."""
    make_network()
    document = {"rules": [{"steps": [{"offer_to": 2}]}]}
    publish_rule_set(rule_set_id=create_draft(document=document).pk, actor="test", as_of=now())
    cache.clear_all()
    assert stage.play("orders_place").status == 201
    while sweep(now=now):
        pass
    stage.call("offer_id", Offer.objects.get().pk)


def _pickup(*acts: str) -> Callable[[Stage], None]:
    def build(stage: Stage) -> None:
        stage.order(pickup_body(("SKU-1", 2), external_id="W-1002"))
        stage.after(*acts)

    return build


def _rule_set(stage: Stage) -> None:
    make_location("WAREHOUSE", kind="warehouse", latitude=48.857, longitude=2.352)
    _made("rule_sets_create", "rule_sets_retrieve")(stage)


def _case(stage: Stage) -> None:
    _pickup("fulfillments_decline")(stage)
    (case,) = stage.api.get("exceptions/").json["results"]
    stage.call("case_id", case["id"])


def _held(stage: Stage) -> None:
    _order("orders_hold")(stage)
    (hold,) = stage.api.order(stage.names["100482"])["holds"]
    body, _content_type = stage._body(stage.operations["orders_release"][2])
    stage.names[json.loads(body)["hold"]] = hold["id"]


def _made(create: str, item: str) -> Callable[[Stage], None]:
    """One that stands there, made by its own example; `item` is an operation on it."""

    def build(stage: Stage) -> None:
        make_network()
        made = stage.play(create)
        assert made.status == 201, made
        _method, path, operation = stage.operations[item]
        segment = path.rstrip("/").split("/")[-2]
        shown = next(p["example"] for p in operation["parameters"] if path.rstrip("/").endswith(f"{{{p['name']}}}"))
        stage.names[f"{segment}/{shown}/"] = f"{segment}/{made.json['id']}/"

    return build


def _feed(stage: Stage) -> None:
    make_network()
    stage.after("feeds_create")


def _import(stage: Stage) -> None:
    """A file that was sent and is not begun."""
    make_network()
    made = stage.play("stock_imports_create")
    assert made.status == 202, made
    stage.call("import_id", made.json["id"])


def _upload(stage: Stage) -> None:
    _import(stage)
    StockImport.objects.update(status="uploaded")


def _rate(stage: Stage) -> None:
    make_network()
    rate = stage.api.get("rates/").json["results"][0]
    stage.names["rates/12/"] = f"rates/{rate['id']}/"


def _transfer(stage: Stage) -> None:
    """One that was sent, and a place that may receive another."""
    make_network()
    make_location("LILLE", abilities=["ship", "pickup", "receive_transfer"])
    stage.call("inbound_id", stage.play("transfers_send").json["id"])


def _shadow(stage: Stage) -> None:
    """A draft that decides beside the live rules."""
    _made("rule_sets_create", "rule_sets_retrieve")(stage)
    stage.after("rule_sets_shadow_start")


def _wanted(*acts: str) -> Callable[[Stage], None]:
    """Rules, an order of the past that they can be tried on, and these acts."""

    def build(stage: Stage) -> None:
        stage.order()
        tell_demands(as_of=now())
        stage.call("rule_set", stage.play("rule_sets_create").json["id"])
        for name in acts:
            stage.call("simulation_id", stage.play(name).json["id"])

    return build


def _count(*acts: str, units: int = 0) -> Callable[[Stage], None]:
    """A count of SKU-1 in PARIS, of which so many (0: not yet looked for) are found where the books have five."""

    def build(stage: Stage) -> None:
        make_network()
        stage.call("count_id", stage.api.post("counts/", {"location": "PARIS"}).json["id"])
        if units:
            count = stage.names["cse_01kjq4t0b1c2d3e4f5g6h7j8k9"]
            assert stage.api.call("PUT", f"counts/{count}/lines/SKU-1/", {"units": units}).status == 200
        stage.after(*acts)

    return build


ITEM = ("retrieve", "update", "partial_update", "destroy")
STAGES: dict[str, Callable[[Stage], None]] = {
    "products_create": _nothing,
    "locations_create": _nothing,
    "carrier_services_create": _nothing,
    **{f"rates_{act}": _rate for act in ITEM},
    **{f"service_levels_{act}": _made("service_levels_create", "service_levels_retrieve") for act in ITEM},
    **{f"date_policies_{act}": _made("date_policies_create", "date_policies_retrieve") for act in ITEM},
    **{f"postal_areas_{act}": _made("postal_areas_create", "postal_areas_retrieve") for act in ITEM},
    **{f"exposure_rules_{act}": _made("exposure_rules_create", "exposure_rules_retrieve") for act in ITEM},
    **{f"reservations_{act}": _made("reservations_create", "reservations_retrieve") for act in ITEM},
    **{f"product_prices_{act}": _made("product_prices_create", "product_prices_retrieve") for act in ITEM},
    **{f"rule_sets_{act}": _rule_set for act in (*ITEM, "publish", "export", "review", "differences", "history")},
    **dict.fromkeys(("simulations_create", "simulations_create_of_file"), _wanted()),
    **{f"simulations_{act}": _wanted("simulations_create") for act in ("list", "retrieve", "cancel", "changes")},
    **{f"rule_sets_{act}": _shadow for act in ("shadow", "shadow_start", "shadow_stop")},
    **{f"stock_imports_{act}": _import for act in ("list", "retrieve", "cancel_create", "errors_list")},
    "stock_imports_start_create": _upload,
    **{f"feeds_{act}": _feed for act in ("list", *ITEM)},
    **{f"inbound_{act}": _made("inbound_announce", "inbound_read") for act in ("read", "change", "receive", "cancel")},
    **{f"transfers_{act}": _transfer for act in ("list", "send", "read", "receive", "cancel")},
    "orders_place": _network,
    "orders_place_bulk": _network,
    **dict.fromkeys(("orders_read", "orders_timeline", "orders_decisions", "orders_cancel", "orders_note"), _order()),
    **dict.fromkeys(("orders_list", "orders_hold", "orders_reroute", "customers_read"), _order()),
    **dict.fromkeys(("decisions_retrieve", "decisions_why_not"), _order()),
    "customers_partial_update": _order(),
    "offers_take": _offered,
    "orders_release": _held,
    **dict.fromkeys(("fulfillments_list", "fulfillments_read", "fulfillments_acknowledge"), _order()),
    "fulfillments_decline": _order(),
    "fulfillments_start": _order("fulfillments_acknowledge"),
    "fulfillments_pick": _order("fulfillments_acknowledge"),
    "fulfillments_pack": _order("fulfillments_acknowledge", "fulfillments_pick"),
    "fulfillments_ship": _order("fulfillments_acknowledge", "fulfillments_pick"),
    "fulfillments_deliver": _order("fulfillments_acknowledge", "fulfillments_pick", "fulfillments_ship"),
    "fulfillments_ready": _pickup("fulfillments_acknowledge", "fulfillments_pick"),
    **dict.fromkeys(
        (f"fulfillments_{act}" for act in ("hand_over", "extend", "put_back")),
        _pickup("fulfillments_acknowledge", "fulfillments_pick", "fulfillments_ready"),
    ),
    **dict.fromkeys(("counts_list", "counts_read", "counts_put_line", "counts_scan", "counts_cancel"), _count()),
    **dict.fromkeys(("counts_lines", "counts_submit"), _count(units=1)),
    "counts_undo_scan": _count("counts_scan"),
    **{f"counts_{act}": _count("counts_submit", units=1) for act in ("differences", "approve", "reject", "recount")},
    "exceptions_list": _case,
    "exceptions_resolve": _case,
}


def _faults(stage: Stage, schema: dict[str, Any], name: str) -> list[str]:
    """What is wrong with the answer to this operation's example."""
    answer = stage.play(name)
    described = stage.operations[name][2]["responses"].get(str(answer.status))
    if described is None or answer.status >= 300:
        return [f"{name}: {answer}"]
    if "application/json" not in described.get("content", {}):  # nothing, or a file
        return []
    shape = described["content"]["application/json"]["schema"]
    fits = Draft202012Validator({**shape, "components": schema["components"]})
    return [f"{name}: {fault.json_path} {fault.message}" for fault in fits.iter_errors(answer.json)]


@time_machine.travel(NOW)
def test_each_example_is_answered_as_described(
    schema: dict[str, Any], shop: Api, settings: Any, tmp_path: Path
) -> None:
    settings.IMPORT_DIR = tmp_path
    faults = []
    for name in Stage(shop, schema).operations:
        with undone_at_the_end():
            cache.clear_all()
            stage = Stage(shop, schema)
            STAGES.get(name, _network)(stage)
            faults += _faults(stage, schema, name)

    assert faults == []


@pytest.mark.parametrize(("case", "stock"), [("typical", {}), ("cut", {"paris": 1, "lyon": 0, "lille": 0})])
@time_machine.travel(NOW)
def test_the_order_that_is_shown_is_the_one_that_its_example_makes(
    schema: dict[str, Any], shop: Api, case: str, stock: dict[str, int]
) -> None:
    stage = Stage(shop, schema)
    make_network(**stock)

    made = stage.play("orders_place", case=case).json

    content = stage.operations["orders_place"][2]["responses"]["201"]["content"]["application/json"]
    shown = content["examples"][case]["value"]
    assert _lasting(made) == _lasting(shown)


_PASSING = ("id", "number", "order", "placed_by", "tracking_url", "decision")


def _lasting(value: Any) -> Any:
    """Without names and times, which are others each time."""
    if isinstance(value, dict):
        kept = {name: inner for name, inner in value.items() if name not in _PASSING}
        return {name: bool(inner) if name.endswith(("_at", "_by")) else _lasting(inner) for name, inner in kept.items()}
    return [_lasting(inner) for inner in value] if isinstance(value, list) else value
