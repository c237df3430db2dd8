"""Feeds are described over the API, and what comes from them is read that way from then on."""

import pytest

from inventory.models import Feed
from tests.factories.inventory import NOW, level, make_location, make_product, set_stock

pytestmark = pytest.mark.django_db

URL = "/api/v1/feeds/"
ERP = {
    "code": "erp",
    "name": "ERP Lyon",
    "kind": "erp",
    "counts_exclude_reserved": True,
    "reports_our_work": False,
}


def ask(client, method, path="", body=None):
    answer = getattr(client, method)(f"{URL}{path}", body, format="json")
    return answer.status_code, answer.json() if answer.content else None


def test_a_feed_is_described_read_changed_and_forgotten(client):
    assert ask(client, "post", body=ERP) == (201, ERP)
    assert ask(client, "get", "erp/") == (200, ERP)
    assert ask(client, "patch", "erp/", {"reports_our_work": True}) == (200, ERP | {"reports_our_work": True})
    assert ask(client, "put", "erp/", {"kind": "wms"}) == (
        200,
        {"code": "erp", "name": "", "kind": "wms", "counts_exclude_reserved": False, "reports_our_work": False},
    )
    assert ask(client, "put", "till:7/", {"name": "Till", "kind": "pos"})[0] == 201
    assert [feed["code"] for feed in ask(client, "get")[1]["results"]] == ["erp", "till:7"]
    assert ask(client, "delete", "erp/") == (204, None)
    assert ask(client, "get", "erp/")[0] == ask(client, "delete", "erp/")[0] == 404
    assert ask(client, "patch", "erp/", {"name": "x"})[0] == 404


def test_a_feed_is_described_once(client):
    ask(client, "post", body=ERP)

    status, problem = ask(client, "post", body=ERP | {"name": "Another"})

    assert (status, problem["code"], Feed.objects.get().name) == (409, "already_exists", "ERP Lyon")


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"code": ""}, "/code"),
        ({"code": "a/b"}, "/code"),
        ({"code": "x" * 121}, "/code"),
        ({"code": "x\x00"}, "/code"),
        ({"kind": "fax"}, "/kind"),
        ({"name": "x" * 201}, "/name"),
        ({"counts_exclude_reserved": "maybe"}, "/counts_exclude_reserved"),
        ({"is_good": True}, "/is_good"),
    ],
)
def test_what_makes_no_sense_is_refused(client, change, pointer):
    answer = client.post(URL, ERP | change, format="json")

    assert answer.status_code in (400, 422)
    if answer.status_code == 422:
        assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]
    assert not Feed.objects.exists()


def test_what_concerns_every_place_is_not_written_by_a_bound_key(client_with):
    assert ask(client_with(locations=["S"]), "post", body=ERP)[0] == 403
    assert ask(client_with("stock:read"), "post", body=ERP)[0] == 403
    assert ask(client_with("stock:read"), "get")[0] == 200
    assert not Feed.objects.exists()


def test_a_change_is_seen_by_the_next_event(client):
    make_product("A")
    make_location("S")
    set_stock("A", "S", 5)
    event = {"sku": "A", "location": "S", "kind": "delta", "quantity": -1, "occurred_at": NOW.isoformat()}

    def told(number):
        events = [event | {"id": f"e{number}", "source": "erp", "order": "7"}]
        return client.post("/api/v1/stock/events/", {"events": events}, format="json").json()["results"][0]["status"]

    assert told(1) == "applied"
    ask(client, "put", "erp/", ERP | {"reports_our_work": True})
    assert told(2) == "applied"  # there is no such order, so it is news
    assert level("A", "S").on_hand == 3
