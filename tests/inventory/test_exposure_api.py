"""`exposure-rules/`: made, read back, changed and taken away; seen by the next who asks."""

import pytest

from inventory.models import ExposureRule
from oms.models import Event
from tests.factories.inventory import make_location, make_product, set_stock
from tests.factories.orders import make_channel

pytestmark = pytest.mark.django_db
RULES = "/api/v1/exposure-rules/"


@pytest.fixture(autouse=True)
def shelf(db):
    make_channel("web")
    make_channel("market")
    make_product("A", tags=["new"])
    make_location("S1")
    set_stock("A", "S1", 10)


def sellable(client, **query):
    answer = client.get("/api/v1/availability/", {"sku": "A", **query})
    assert answer.status_code == 200, answer.json()
    return answer.json()["results"][0]["sellable"]


def test_a_rule_bears_on_its_channel_alone_and_is_read_back_as_written(client):
    answer = client.post(RULES, {"channel": "market", "keep_units": 3, "name": "Marketplaces"}, format="json")

    assert answer.status_code == 201
    rule = answer.json()
    assert client.get(f"{RULES}{rule['id']}/").json() == rule
    assert client.get(RULES).json()["results"] == [rule]
    assert [sellable(client), sellable(client, channel="web"), sellable(client, channel="market")] == [10, 10, 7]


def test_a_share_may_come_as_text_or_number_and_rounds_up(client):
    for share in ("0.25", 0.25):
        rule = client.post(RULES, {"tags": ["new"], "keep_share": share}, format="json").json()
        assert rule["keep_share"] == "0.25"
        assert sellable(client) == 7
        client.delete(f"{RULES}{rule['id']}/")


def test_a_change_is_a_merge_patch_and_the_end_of_a_rule_is_told(client):
    rule = client.post(RULES, {"method": "x"}, format="json")
    assert rule.status_code == 422
    rule = client.post(RULES, {"order_type": "pickup", "keep_units": 2, "groups": ["a"]}, format="json").json()

    changed = client.patch(f"{RULES}{rule['id']}/", {"groups": None, "hidden": True, "keep_units": None}, format="json")

    assert changed.json()["hidden"] is True and changed.json()["keep_units"] is None
    assert [sellable(client, method="pickup"), sellable(client, method="ship")] == [0, 10]
    assert client.delete(f"{RULES}{rule['id']}/").status_code == 204
    assert sellable(client, method="pickup") == 10
    verbs = Event.objects.filter(subject=rule["id"]).order_by("id").values_list("type", flat=True)
    assert list(verbs) == [f"inventory.exposure_rule.{verb}" for verb in ("created", "changed", "removed")]


@pytest.mark.parametrize(
    ("body", "pointer", "code"),
    [
        ({}, "", "rule_does_nothing"),
        ({"channel": "nope", "keep_units": 1}, "/channel", "unknown_channel"),
        ({"locations": ["S1", "S9"], "keep_units": 1}, "/locations/1", "unknown_location"),
        ({"skus": ["Z"], "hidden": True}, "/skus/0", "unknown_sku"),
        ({"keep_units": -1}, "/keep_units", "greater_than_equal"),
        ({"keep_share": "1.5"}, "/keep_share", "less_than_equal"),
        ({"keep_share": "abc"}, "/keep_share", "not_a_decimal"),
        ({"below_confidence": 0.5, "hidden": True}, "", "doubt_does_not_hide"),
        ({"below_confidence": 2, "keep_units": 1}, "/below_confidence", "less_than_equal"),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_kept(client, body, pointer, code):
    answer = client.post(RULES, body, format="json")

    assert answer.status_code == 422
    assert [(e["pointer"], e["code"]) for e in answer.json()["errors"]] == [(pointer, code)]
    assert not ExposureRule.objects.exists()


def test_only_who_may_write_stock_everywhere_may_write_rules(client_with):
    rule = client_with("all").post(RULES, {"keep_units": 1}, format="json").json()

    assert client_with("stock:read").post(RULES, {"keep_units": 1}, format="json").status_code == 403
    bound = client_with("stock:write", "stock:read", locations=["S1"])
    assert bound.post(RULES, {"keep_units": 1}, format="json").status_code == 403
    assert bound.delete(f"{RULES}{rule['id']}/").status_code == 403
    assert ExposureRule.objects.count() == 1
    assert client_with("all").get(f"{RULES}exr_nope/").status_code == 404
