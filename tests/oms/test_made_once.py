"""What staff's programs configure is made once under a key, like everything else."""

from typing import Any

import pytest

from inventory.models import ExposureRule
from oms.models import Event
from routing.models import CarrierService, RuleSet, ServiceLevel
from tests.factories.orders import make_key
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

    refused = api.post(path, {**body, "name": "another"}, Idempotency_Key="k1")

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
