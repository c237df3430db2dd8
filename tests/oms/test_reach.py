"""Keys bound to a channel or to places do not change what concerns all."""

from typing import Any

import pytest

from inventory.models import Location, Product
from routing.models import RuleSet
from tests.factories.orders import make_key, make_network
from tests.flows.conftest import Api

pytestmark = pytest.mark.django_db

PRODUCT = {"name": {"en": "Mug"}, "price": "1.00"}
PLACE = {"name": "Elsewhere", "kind": "store"}
RULES = {"name": "mine", "rules": [{"name": "all", "steps": [{"name": "any"}]}]}
NETWORK_WIDE = [
    ("POST", "products/"),
    ("PUT", "products/NEW/"),
    ("PATCH", "products/SKU-1/"),
    ("DELETE", "products/SKU-1/"),
    ("POST", "products/bulk/"),
    ("POST", "locations/"),
    ("PUT", "locations/NEW/"),
    ("PATCH", "locations/W1/"),
    ("POST", "locations/bulk/"),
    ("POST", "service-levels/"),
    ("POST", "carrier-services/"),
    ("POST", "rates/"),
    ("POST", "postal-areas/"),
    ("POST", "simulations/"),
    ("POST", "simulations/files/"),
    ("POST", "rule-sets/rul_1/shadow/"),
    ("DELETE", "rule-sets/rul_1/shadow/"),
]


@pytest.fixture(autouse=True)
def network(db: None) -> Any:
    return make_network()


@pytest.mark.parametrize(("method", "path"), NETWORK_WIDE)
@pytest.mark.parametrize(
    ("bounds", "code"),
    [({"channel": "web"}, "channel_not_allowed"), ({"locations": ["S-1"]}, "place_not_allowed")],
)
def test_a_bound_key_does_not_write_what_concerns_all(
    method: str, path: str, bounds: dict[str, Any], code: str
) -> None:
    before = (list(Product.objects.values()), list(Location.objects.values()))

    answer = Api(make_key(**bounds)).call(method, path, {})

    assert (answer.status, answer.json["code"]) == (403, code)
    assert (list(Product.objects.values()), list(Location.objects.values())) == before


def test_a_key_bound_to_places_changes_those() -> None:
    code = Location.objects.order_by("code").first().pk

    answer = Api(make_key(locations=[code])).call("PATCH", f"locations/{code}/", {"name": "Renamed"})

    assert (answer.status, answer.json["name"]) == (200, "Renamed")


def test_what_is_kept_back_is_kept_from_every_channel_and_not_one_channels_to_say() -> None:
    body = {"sku": "SKU-1", "location": "PARIS", "safety_stock": 0}

    assert Api(make_key(channel="web")).call("PUT", "stock/protection/", body).json["code"] == "channel_not_allowed"
    assert Api(make_key(locations=["LYON"])).call("PUT", "stock/protection/", body).status == 404
    assert Api(make_key(locations=["PARIS"])).call("PUT", "stock/protection/", body).status == 200


def test_a_bound_key_reads_what_concerns_all() -> None:
    assert Api(make_key(channel="web")).get("service-levels/").status == 200
    assert Api(make_key(locations=["S-1"])).get("products/").status == 200


def test_a_key_bound_to_a_channel_writes_and_publishes_the_rules_of_that_one() -> None:
    api = Api(make_key(channel="web"))

    made = api.call("POST", "rule-sets/", {**RULES, "channels": ["web"]})

    assert made.status == 201
    assert api.call("PATCH", f"rule-sets/{made.json['id']}/", {"channels": []}).json["code"] == "channel_not_allowed"
    assert api.call("POST", f"rule-sets/{made.json['id']}/publish/").json["status"] == "published"


@pytest.mark.parametrize(
    ("bounds", "code"),
    [({"channel": "web"}, "channel_not_allowed"), ({"locations": ["S-1"]}, "place_not_allowed")],
)
def test_a_bound_key_leaves_the_rules_of_all_channels_alone(bounds: dict[str, Any], code: str) -> None:
    draft = Api(make_key()).call("POST", "rule-sets/", RULES).json["id"]
    api = Api(make_key(**bounds))

    answers = [
        api.call("POST", "rule-sets/", RULES),
        api.call("PATCH", f"rule-sets/{draft}/", {"channels": ["web"]}),
        api.call("POST", f"rule-sets/{draft}/publish/"),
        api.call("DELETE", f"rule-sets/{draft}/"),
    ]

    assert [(answer.status, answer.json["code"]) for answer in answers] == [(403, code)] * 4
    assert list(RuleSet.objects.values_list("id", "status", "channels")) == [(draft, "draft", [])]
