"""A key bound to a channel or to places reads and changes only what is theirs; of the rest it learns nothing."""

from typing import Any

import pytest

from orders.models import Fulfillment, Order
from tests.factories.inventory import set_stock
from tests.factories.orders import make_channel, make_key, make_network, order_body, pickup_body
from tests.flows.conftest import Api, pass_time

LILLE = {"name": "C", "line1": "2 rue Y", "postal_code": "59000", "city": "Lille", "country": "FR"}


@pytest.fixture
def orders(shop: Api) -> dict[str, dict[str, Any]]:
    """One order from the web for PARIS, one from the market for LILLE."""
    make_network()
    make_channel("market")
    there = {**LILLE, "latitude": 50.63, "longitude": 3.06}
    web = shop.post("orders/", order_body()).json
    market = shop.post("orders/", order_body(channel="market", shipping_address=there)).json
    assert [o["fulfillments"][0]["location"] for o in (web, market)] == ["PARIS", "LILLE"]
    return {"web": web, "market": market}


KEYS = {"channel": {"channel": "web"}, "places": {"locations": ["PARIS"]}}


@pytest.fixture(params=sorted(KEYS))
def bound(request: pytest.FixtureRequest, orders: Any) -> Api:
    return Api(make_key("bound", **KEYS[request.param]))


def _work(order: dict[str, Any]) -> str:
    return order["fulfillments"][0]["id"]


def _rows() -> list[Any]:
    return [list(model.objects.order_by("pk").values()) for model in (Order, Fulfillment)]


def test_lists_show_only_what_is_theirs(bound: Api, orders: Any) -> None:
    assert [o["number"] for o in bound.get("orders/").json["results"]] == [orders["web"]["number"]]
    assert [f["id"] for f in bound.get("fulfillments/").json["results"]] == [_work(orders["web"])]
    assert bound.get(f"orders/?q={orders['market']['number']}").json["results"] == []
    assert bound.get("orders/?location=LILLE").json["results"] == []
    assert bound.get("fulfillments/?location=LILLE").json["results"] == []


def test_what_is_theirs_can_be_read_and_changed(bound: Api, orders: Any) -> None:
    number, work = orders["web"]["number"], _work(orders["web"])

    for path in (
        f"orders/{number}/",
        f"orders/{number}/timeline/",
        f"fulfillments/{work}/",
    ):
        assert bound.get(path).status == 200, path
    assert bound.act(work, "acknowledge").json["status"] == "accepted"


def test_the_order_itself_is_its_channels_to_change_not_its_places(orders: Any) -> None:
    number, foreign_work = orders["web"]["number"], _work(orders["market"])
    web, paris = Api(make_key("web", channel="web")), Api(make_key("PARIS", locations=["PARIS"]))
    before = _rows()

    refused = [
        paris.post(f"orders/{number}/{act}/", body) for act, body in (("cancel", {}), ("hold", {}), ("release", {}))
    ]
    placed = [paris.post("orders/", order_body()), *[paris.post("orders/bulk/", [order_body()])]]

    assert [(answer.status, answer.json["code"]) for answer in refused] == [(403, "forbidden")] * 3
    assert placed[0].status == placed[1].json["results"][0]["status"] == 403
    assert web.post(f"orders/{number}/reroute/", {"fulfillment": foreign_work}).status == 404
    assert _rows() == before
    assert web.post(f"orders/{number}/cancel/", {}).json["status"] == "canceled"


def test_the_rest_cannot_be_read(bound: Api, orders: Any) -> None:
    number, work = orders["market"]["number"], _work(orders["market"])

    for path in (
        f"orders/{number}/",
        f"orders/{number}/timeline/",
        f"orders/{number}/decisions/",
        f"fulfillments/{work}/",
    ):
        answer = bound.get(path)
        assert (answer.status, answer.json["code"]) == (404, "not_found"), path


def test_the_rest_cannot_be_changed(bound: Api, orders: Any) -> None:
    number, work = orders["market"]["number"], _work(orders["market"])
    before = _rows()
    attempts: dict[str, Any] = {
        f"orders/{number}/cancel/": {},
        f"orders/{number}/hold/": {"kind": "fraud"},
        f"orders/{number}/release/": {},
        f"orders/{number}/notes/": {"text": "x"},
        f"orders/{number}/reroute/": {"fulfillment": work},
        f"fulfillments/{work}/acknowledge/": {},
        f"fulfillments/{work}/decline/": {"reason": "closed"},
        f"fulfillments/{work}/start/": {},
        f"fulfillments/{work}/pick/": {"lines": [{"line": "l1", "picked": 1}]},
        f"fulfillments/{work}/pack/": {},
        f"fulfillments/{work}/ship/": {},
        f"fulfillments/{work}/deliver/": {},
        f"fulfillments/{work}/ready/": {},
        f"fulfillments/{work}/hand_over/": {"identity_checked": True},
        f"fulfillments/{work}/extend/": {},
        f"fulfillments/{work}/put_back/": {},
    }

    answers = {path: bound.post(path, body).status for path, body in attempts.items()}

    assert answers == dict.fromkeys(attempts, 404)
    assert _rows() == before


def test_a_channel_cannot_place_for_another(orders: Any) -> None:
    web = Api(make_key("web", channel="web"))

    one = web.post("orders/", order_body(channel="market"))
    bulk = web.post("orders/bulk/", [order_body(channel="market"), order_body()])

    assert (one.status, one.json["code"]) == (403, "channel_not_allowed")
    assert [(row["status"], row.get("code")) for row in bulk.json["results"]] == [
        (403, "channel_not_allowed"),
        (201, None),
    ]
    assert Order.objects.filter(channel="market").count() == 1


def test_a_store_loses_sight_of_work_it_lost_but_not_of_its_order(shop: Api, orders: Any) -> None:
    paris, lille = (Api(make_key(code, locations=[code])) for code in ("PARIS", "LILLE"))

    paris.act(_work(orders["web"]), "decline", {"reason": "closed"})

    (taken_over,) = [f for f in lille.get("fulfillments/").json["results"] if f["replaces"] == _work(orders["web"])]
    assert paris.get(f"fulfillments/{taken_over['id']}/").status == 404
    assert paris.act(taken_over["id"], "acknowledge").status == 404
    assert lille.act(taken_over["id"], "acknowledge").status == 200


def test_actions_are_listed_for_those_who_may_take_them(shop: Api, orders: Any) -> None:
    number = orders["web"]["number"]
    reader = Api(make_key("reader", scopes=("orders:read", "fulfillments:read")))

    seen = reader.get(f"orders/{number}/").json

    assert (seen["actions"], seen["fulfillments"][0]["actions"]) == ([], [])
    assert shop.order(number)["fulfillments"][0]["actions"] == ["acknowledge", "decline"]


def test_exceptions_are_seen_and_solved_by_those_they_belong_to(shop: Api, orders: Any) -> None:
    set_stock("SKU-1", "LYON", 0)
    pickup = shop.post("orders/", pickup_body(location="LILLE", channel="market")).json
    shop.act(_work(pickup), "decline", {"reason": "closed"})
    (case,) = shop.get("exceptions/").json["results"]

    for values in KEYS.values():
        stranger = Api(make_key("stranger", **values))
        assert stranger.get("exceptions/").json["results"] == []
        assert stranger.post(f"exceptions/{case['id']}/resolve/", {"action": "cancel"}).status == 404
    assert shop.get("exceptions/").json["results"] == [case]
    for number, values in enumerate(({"channel": "market"}, {"locations": ["LILLE"]})):
        owner = Api(make_key(f"owner-{number}", **values))
        assert [c["id"] for c in owner.get("exceptions/").json["results"]] == [case["id"]]
        actions = owner.get("exceptions/").json["results"][0]["actions"]
        assert actions == (["reroute", "backorder", "cancel"] if not number else [])
    before = _rows()
    for body in ({"action": "cancel"}, {"action": "reroute", "location": "PARIS"}):
        refused = owner.post(f"exceptions/{case['id']}/resolve/", body)
        assert (refused.status, refused.json["code"]) == (403, "forbidden")
    assert _rows() == before
    market = Api(make_key("market", channel="market"))
    assert market.post(f"exceptions/{case['id']}/resolve/", {"action": "cancel"}).status == 200


def test_a_place_lets_its_own_late_work_wait_and_nothing_more(shop: Api, orders: Any) -> None:
    shop.post("orders/", pickup_body(location="LILLE"))
    pass_time(minutes=125)
    pass_time(minutes=500)
    lille = Api(make_key("lille", locations=["LILLE"]))
    (case,) = lille.get("exceptions/?reason=late_pickup").json["results"]

    assert case["actions"] == ["keep"]
    assert lille.post(f"exceptions/{case['id']}/resolve/", {"action": "cancel"}).status == 403
    assert lille.post(f"exceptions/{case['id']}/resolve/", {"action": "keep"}).json["status"] == "resolved"


def test_why_here_tells_about_all_places_and_is_not_shown_to_one(orders: Any) -> None:
    number = orders["web"]["number"]

    assert Api(make_key("web", channel="web")).get(f"orders/{number}/decisions/").status == 200
    assert Api(make_key("paris", locations=["PARIS"])).get(f"orders/{number}/decisions/").status == 404


def test_customers_belong_to_their_channel_and_not_to_stores(shop: Api, orders: Any) -> None:
    customer = orders["market"]["customer"]["id"]

    assert shop.get(f"customers/{customer}/").status == 200
    assert Api(make_key("m", channel="market")).get(f"customers/{customer}/").status == 200
    assert Api(make_key("w", channel="web")).get(f"customers/{customer}/").status == 404
    assert Api(make_key("l", locations=["LILLE"])).get(f"customers/{customer}/").status == 404


def test_the_feed_is_for_those_who_see_everything(shop: Api, bound: Api) -> None:
    assert shop.get("events/").status == 200
    assert bound.get("events/").status == 404
