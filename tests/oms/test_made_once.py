"""What staff's programs configure is made once under a key, like everything else."""

from typing import Any

import pytest

from inventory.models import ExposureRule, Feed, Location, Product, ProductPrice
from oms.models import Event
from routing.models import CarrierService, RuleSet, ServiceLevel
from tests.factories.inventory import make_location, make_product
from tests.factories.orders import make_channel, make_key
from tests.flows.conftest import Api

pytestmark = pytest.mark.django_db

RULES = {"name": "mine", "rules": [{"name": "all", "steps": [{"name": "any"}]}]}
CARRIER = {"code": "swift", "name": "Swift", "carrier": "swift", "service": "express"}
WHAT = pytest.mark.parametrize(
    ("path", "body", "model"),
    [
        ("exposure-rules/", {"keep_units": 2}, ExposureRule),
        ("service-levels/", {"acknowledge_minutes": 20}, ServiceLevel),
        ("carrier-services/", CARRIER, CarrierService),
        ("rule-sets/", RULES, RuleSet),
        ("products/", {"sku": "A", "name": {"en": "A"}, "price": "1.00"}, Product),
        ("locations/", {"code": "LYON", "name": "Lyon", "kind": "store"}, Location),
        ("feeds/", {"code": "till"}, Feed),
    ],
)


@pytest.fixture
def api() -> Api:
    return Api(make_key())


def count(model: Any) -> tuple[int, int]:
    return model.objects.count(), Event.objects.count()


@WHAT
def test_a_repeat_under_its_key_makes_nothing(api: Api, path: str, body: Any, model: Any) -> None:
    first = api.post(path, body, Idempotency_Key="k1")
    there = count(model)

    again = api.post(path, body, Idempotency_Key="k1")

    assert (first.status, again.status) == (201, 201)
    assert again.json == first.json
    assert "Idempotency-Replayed" not in first.headers
    assert again.headers["Idempotency-Replayed"] == "true"
    assert count(model) == there


@WHAT
def test_another_body_under_the_same_key_is_refused(api: Api, path: str, body: Any, model: Any) -> None:
    api.post(path, body, Idempotency_Key="k1")
    there = count(model)

    refused = api.post(path, {**body, "name": {"en": "B"} if path == "products/" else "another"}, Idempotency_Key="k1")

    assert (refused.status, refused.json["code"]) == (422, "idempotency_key_reused")
    assert count(model) == there


def test_a_refusal_is_not_remembered(api: Api) -> None:
    assert api.post("carrier-services/", {"code": "swift"}, Idempotency_Key="k1").status in (400, 422)
    assert api.post("carrier-services/", CARRIER, Idempotency_Key="k1").status == 201
    assert api.post("carrier-services/", CARRIER, Idempotency_Key="k2").status in (400, 409, 422)
    assert CarrierService.objects.count() == 1


def test_a_draft_as_text_is_made_once(api: Api) -> None:
    text = b"name: mine\nrules:\n- name: all\n  steps:\n  - name: any\n"
    sent = [
        api.call("POST", "rule-sets/", text, content_type="application/yaml", Idempotency_Key="k1") for _ in range(2)
    ]

    assert [answer.status for answer in sent] == [201, 201]
    assert sent[0].json == sent[1].json
    assert RuleSet.objects.count() == 1


def test_a_key_of_a_product_that_is_there_already_does_not_hide_that(api: Api) -> None:
    body = {"sku": "A", "name": {"en": "A"}, "price": "1.00"}
    api.post("products/", body, Idempotency_Key="k1")

    assert api.post("products/", body, Idempotency_Key="k2").json["code"] == "already_exists"


def test_a_late_repeat_sets_no_price_back(api: Api) -> None:
    make_channel("web")
    make_product("A")
    ten, twelve = ({"channel": "web", "amount": amount, "takes_over": True} for amount in ("10.00", "12.00"))
    first = api.post("products/A/prices/", ten, Idempotency_Key="k1")
    assert api.post("products/A/prices/", twelve, Idempotency_Key="k2").status == 201

    late = api.post("products/A/prices/", ten, Idempotency_Key="k1")

    assert (first.status, late.status, late.json["id"]) == (201, 201, first.json["id"])
    assert late.headers["Idempotency-Replayed"] == "true"
    assert api.get("products/A/?channel=web").json["channel_price"]["amount"] == "12.00"
    assert ProductPrice.objects.count() == 2
    reused = api.post("products/A/prices/", twelve, Idempotency_Key="k1")
    assert (reused.status, reused.json["code"]) == (422, "idempotency_key_reused")


def test_a_late_repeat_neither_pauses_a_place_anew_nor_opens_it(api: Api) -> None:
    make_location("LYON")
    pause, resume = "locations/LYON/pause/", "locations/LYON/resume/"
    api.post(pause, {"reason": "ill"}, Idempotency_Key="k1")
    api.post(resume, {}, Idempotency_Key="k2")
    there = Event.objects.count()

    late = api.post(pause, {"reason": "ill"}, Idempotency_Key="k1")

    assert (late.status, late.headers["Idempotency-Replayed"]) == (200, "true")
    assert Location.objects.get().paused_until is None
    assert Event.objects.count() == there
    api.post(pause, {"reason": "still ill"}, Idempotency_Key="k3")
    assert api.post(resume, {}, Idempotency_Key="k2").headers["Idempotency-Replayed"] == "true"
    assert Location.objects.get().paused_until is not None
