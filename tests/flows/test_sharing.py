"""Work offered to several places at once: the best has it, and the first that answers keeps it."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest
import time_machine

from inventory.models import CartHold, CartHoldLine
from oms.clock import now
from oms.models import Deadline, Event
from orders.models import ExceptionCase, Fulfillment, Offer
from orders.services.sharing import on_answered
from orders.services.shortages import settle_shortage
from routing.services.rule_sets import create_draft, publish_rule_set
from tests.factories.orders import make_channel, make_network, order_body, pickup_body, reserved
from tests.flows.conftest import Api, pass_time, relay

PLACES = ("PARIS", "LILLE", "LYON")


def publish(offer_to: int = 3, channels: Sequence[str] = ()) -> None:
    document = {"channels": list(channels), "rules": [{"steps": [{"offer_to": offer_to}]}]}
    publish_rule_set(rule_set_id=create_draft(document=document).pk, actor="test", as_of=now())


@pytest.fixture
def shop(api: Api, settings: Any) -> Api:
    settings.VERSIONED_CACHE_SECONDS = 0
    make_network()  # five units in PARIS, LILLE and LYON each, the dearer in this order
    publish()
    return api


def ordered(shop: Api, *lines: tuple[str, int]) -> tuple[str, str]:
    """The number of the order, and the id of the work that PARIS has."""
    order = shop.post("orders/", order_body(*lines)).json
    [work] = order["fulfillments"]
    assert (work["location"], work["status"]) == ("PARIS", "assigned")
    pass_time(seconds=1)
    return order["number"], work["id"]


def offers(shop: Api) -> dict[str, str]:
    return {offer["location"]: offer["status"] for offer in shop.get("offers/").json["results"]}


def offer_to(shop: Api, place: str) -> str:
    [offer] = shop.get(f"offers/?location={place}").json["results"]
    return offer["id"]


def sellable(shop: Api, place: str) -> int:
    return shop.get(f"stock/?sku=SKU-1&location={place}").json["results"][0]["sellable"]


def live(order: dict[str, Any]) -> list[tuple[str, str]]:
    return [(w["location"], w["status"]) for w in order["fulfillments"] if w["status"] != "canceled"]


def units(work: dict[str, Any]) -> int:
    return sum(line["quantity"] - line["short"] for line in work["lines"])


def count(shop: Api, place: str, quantity: int) -> None:
    """So many are there; those who promised more hear of it, and of nothing else."""
    event = {"id": f"{place}-{quantity}", "sku": "SKU-1", "location": place, "kind": "count", "quantity": quantity}
    shop.post("stock/events/", {"events": [event | {"occurred_at": now().isoformat()}]})
    settle_shortage(sku="SKU-1", location=place, as_of=now())


def test_the_next_best_places_are_offered_what_the_best_one_has(shop: Api, invariants_hold: Any) -> None:
    _number, work = ordered(shop, ("SKU-1", 2))

    assert offers(shop) == {"LILLE": "open", "LYON": "open"}
    assert (reserved("SKU-1", "PARIS"), reserved("SKU-1", "LILLE"), reserved("SKU-1", "LYON")) == (2, 0, 0)
    assert [sellable(shop, place) for place in ("PARIS", "LILLE", "LYON")] == [3, 3, 3]  # held, not reserved
    [offer] = shop.get("offers/?location=LILLE").json["results"]
    assert offer["lines"] == [{"sku": "SKU-1", "quantity": 2}]
    asked_until = shop.get(f"fulfillments/{work}/").json["acknowledge_by"]
    assert datetime.fromisoformat(offer["expires_at"]) == datetime.fromisoformat(asked_until)
    invariants_hold()


def test_the_first_that_takes_it_has_it(shop: Api, invariants_hold: Any) -> None:
    number, work = ordered(shop, ("SKU-1", 2))
    lille, lyon = offer_to(shop, "LILLE"), offer_to(shop, "LYON")

    taken = shop.post(f"offers/{lille}/take/")

    assert (taken.status, taken.json["location"], taken.json["status"]) == (200, "LILLE", "accepted")
    assert (taken.json["replaces"], taken.json["cost"]) == (work, "5.00")
    assert live(shop.order(number)) == [("LILLE", "accepted")]
    late = shop.post(f"offers/{lyon}/take/")
    assert (late.status, late.json["code"]) == (409, "offer_is_over")
    answered = shop.act(work, "acknowledge")
    assert (answered.status, answered.json["current"]) == (409, "canceled")
    relay()
    assert offers(shop) == {"LILLE": "taken", "LYON": "over"}
    assert [sellable(shop, place) for place in ("PARIS", "LILLE", "LYON")] == [5, 3, 5]
    assert (reserved("SKU-1", "PARIS"), reserved("SKU-1", "LILLE"), reserved("SKU-1", "LYON")) == (0, 2, 0)
    invariants_hold()


def test_who_has_what_was_short_already_takes_the_rest_beside_it(shop: Api, invariants_hold: Any) -> None:
    number, work = ordered(shop, ("SKU-1", 2))
    lille = offer_to(shop, "LILLE")
    count(shop, "PARIS", 1)
    [missing] = [w["id"] for w in shop.order(number)["fulfillments"] if w["location"] == "LILLE"]

    taken = shop.post(f"offers/{lille}/take/")

    assert (taken.status, taken.json["status"], taken.json["replaces"]) == (200, "accepted", work)
    assert taken.json["id"] != missing
    assert shop.get(f"fulfillments/{missing}/").json["status"] == "assigned"
    invariants_hold()


def test_who_presses_twice_has_it_once(shop: Api) -> None:
    ordered(shop)
    lille = offer_to(shop, "LILLE")

    first, second = shop.post(f"offers/{lille}/take/"), shop.post(f"offers/{lille}/take/")

    assert (second.status, second.json) == (200, first.json)
    assert Fulfillment.objects.filter(location="LILLE").count() == 1


def test_when_the_best_answers_the_others_are_free_again(shop: Api, invariants_hold: Any) -> None:
    number, work = ordered(shop)
    lille = offer_to(shop, "LILLE")

    shop.act(work, "acknowledge")

    assert offers(shop) == {"LILLE": "over", "LYON": "over"}  # at once, whoever has written it down
    refused = shop.post(f"offers/{lille}/take/")
    assert (refused.status, refused.json["code"]) == (409, "offer_is_over")
    assert live(shop.order(number)) == [("PARIS", "accepted")]
    relay()
    assert set(Offer.objects.values_list("status", flat=True)) == {"over"}
    assert set(CartHold.objects.values_list("status", flat=True)) == {"released"}
    assert [sellable(shop, place) for place in ("LILLE", "LYON")] == [5, 5]
    invariants_hold()


def test_when_the_best_declines_the_next_is_given_it_and_others_are_asked_again(
    shop: Api, invariants_hold: Any
) -> None:
    number, work = ordered(shop)

    shop.act(work, "decline", {"reason": "too_busy"})
    relay()
    pass_time(seconds=1)

    order = shop.order(number)
    [now_there] = [w for w in order["fulfillments"] if w["status"] == "assigned"]
    assert now_there["location"] == "LILLE"
    open_now = Offer.objects.filter(status="open").values_list("fulfillment", "location")
    assert list(open_now) == [(now_there["id"], "LYON")]  # PARIS declined it
    invariants_hold()


def decline(shop: Api, work: str) -> None:
    assert shop.act(work, "decline", {"reason": "too_busy"}).status == 200


def nothing_is_there(shop: Api, _work: str) -> None:
    count(shop, "PARIS", 0)


def reroute(shop: Api, work: str) -> None:
    number = Fulfillment.objects.get(pk=work).order.number
    assert shop.post(f"orders/{number}/reroute/", {"fulfillment": work}).status == 200


@pytest.mark.parametrize("lose", [decline, nothing_is_there, reroute])
@pytest.mark.parametrize("there", [3, 2])
def test_what_is_held_for_its_own_offer_is_free_to_it_when_its_place_loses_it(
    api: Api, settings: Any, invariants_hold: Any, lose: Callable[[Api, str], None], there: int
) -> None:
    settings.VERSIONED_CACHE_SECONDS = 0
    make_network(lille=there, lyon=0)
    publish()
    number, work = ordered(api, ("SKU-1", 2))
    assert sellable(api, "LILLE") == there - 2

    lose(api, work)

    order = api.order(number)
    assert [(w["location"], units(w)) for w in order["fulfillments"] if w["status"] == "assigned"] == [("LILLE", 2)]
    assert not ExceptionCase.objects.exists()
    assert (reserved("SKU-1", "LILLE"), sellable(api, "LILLE")) == (2, there - 2)  # at once, whoever hears of it
    assert set(Offer.objects.values_list("status", flat=True)) == {"over"}
    assert set(CartHold.objects.values_list("status", flat=True)) == {"released"}
    invariants_hold()


def test_the_next_place_has_its_runner_up_though_nobody_heard_of_the_answer(api: Api, settings: Any) -> None:
    settings.VERSIONED_CACHE_SECONDS = 0
    make_network(lille=2, lyon=2)
    publish()
    _number, work = ordered(api, ("SKU-1", 2))

    decline(api, work)
    pass_time(seconds=1)

    there = Fulfillment.objects.get(status="assigned")
    assert list(Offer.objects.filter(status="open").values_list("fulfillment", "location")) == [(there.pk, "LYON")]


@pytest.mark.parametrize("lille", [2, 5])
def test_who_loses_a_part_leaves_the_offer_of_the_rest_standing(
    api: Api, settings: Any, invariants_hold: Any, lille: int
) -> None:
    settings.VERSIONED_CACHE_SECONDS = 0
    make_network(lille=lille, lyon=0)
    publish()
    number, work = ordered(api, ("SKU-1", 2))

    count(api, "PARIS", 1)

    assert [(w["location"], units(w)) for w in api.order(number)["fulfillments"]] == [("PARIS", 1), ("LILLE", 1)]
    assert not ExceptionCase.objects.exists()
    taken = api.post(f"offers/{offer_to(api, 'LILLE')}/take/")
    assert (taken.status, taken.json["replaces"], units(taken.json)) == (200, work, 1)
    relay()
    assert (reserved("SKU-1", "LILLE"), sellable(api, "LILLE")) == (2, lille - 2)
    invariants_hold()


def test_of_several_pieces_only_the_offers_of_the_lost_one_end(api: Api, settings: Any, invariants_hold: Any) -> None:
    settings.VERSIONED_CACHE_SECONDS = 0
    make_network(paris=2, lille=2, lyon=0)
    publish()
    order = api.post("orders/", order_body(("SKU-1", 4))).json
    work = {w["location"]: w["id"] for w in order["fulfillments"]}
    assert set(work) == {"PARIS", "LILLE"}
    count(api, "LYON", 4)
    pass_time(seconds=1)
    assert sellable(api, "LYON") == 0  # two are held for either

    decline(api, work["PARIS"])

    assert set(live(api.order(order["number"]))) == {
        ("PARIS", "declined"),
        ("LILLE", "assigned"),
        ("LYON", "assigned"),
    }
    assert sellable(api, "LYON") == 0
    [offer] = Offer.objects.filter(status="open")
    assert (offer.fulfillment_id, offer.location_id) == (work["LILLE"], "LYON")
    assert api.post(f"offers/{offer.pk}/take/").json["location"] == "LYON"
    relay()
    assert (reserved("SKU-1", "LYON"), sellable(api, "LYON")) == (4, 0)
    invariants_hold()


def test_what_is_held_for_others_that_have_theirs_yields_to_who_would_stand_before_a_person(
    api: Api, settings: Any, invariants_hold: Any
) -> None:
    settings.VERSIONED_CACHE_SECONDS = 0
    make_network(paris=4, lille=2, lyon=0)
    publish()
    first, _work = ordered(api, ("SKU-1", 2))
    second, _work = ordered(api, ("SKU-1", 2))
    assert offers(api) == {"LILLE": "open"}  # the first's

    count(api, "PARIS", 2)

    assert live(api.order(second)) == [("LILLE", "assigned")]
    assert not ExceptionCase.objects.exists()
    refused = api.post(f"offers/{offer_to(api, 'LILLE')}/take/")
    assert (refused.status, refused.json["code"]) == (409, "offer_is_over")
    assert live(api.order(first)) == [("PARIS", "assigned")]
    assert (reserved("SKU-1", "PARIS"), reserved("SKU-1", "LILLE")) == (2, 2)
    invariants_hold()


def test_and_does_not_yield_where_another_place_has_it(api: Api, settings: Any, invariants_hold: Any) -> None:
    settings.VERSIONED_CACHE_SECONDS = 0
    make_network(paris=4, lille=2, lyon=2)
    publish(offer_to=2)
    first, _work = ordered(api, ("SKU-1", 2))
    second, _work = ordered(api, ("SKU-1", 2))
    lille = offer_to(api, "LILLE")

    count(api, "PARIS", 2)

    assert live(api.order(second)) == [("LYON", "assigned")]
    assert api.post(f"offers/{lille}/take/").status == 200
    assert live(api.order(first)) == [("LILLE", "accepted")]
    invariants_hold()


def test_news_from_before_the_offers_does_not_end_them(shop: Api) -> None:
    _number, work = ordered(shop)
    early = Event(type="orders.fulfillment.accepted", subject=work, root="", occurred_at=now() - timedelta(seconds=9))

    relay()  # that it was planned and assigned is heard only now
    on_answered(early)

    assert offers(shop) == {"LILLE": "open", "LYON": "open"}
    assert shop.post(f"offers/{offer_to(shop, 'LYON')}/take/").status == 200


@pytest.mark.parametrize("is_heard", [True, False])
def test_work_that_comes_back_from_a_hold_is_offered_anew(shop: Api, invariants_hold: Any, is_heard: bool) -> None:
    """`is_heard`: the offers were ended before it came back, so that meanwhile nothing is kept for nothing."""
    number, _work = ordered(shop, ("SKU-1", 2))
    before = offer_to(shop, "LILLE")
    shop.post(f"orders/{number}/hold/", {"kind": "manual"})
    assert (offers(shop)["LILLE"], shop.post(f"offers/{before}/take/").status) == ("over", 409)
    if is_heard:
        pass_time(seconds=1)
        assert [sellable(shop, place) for place in ("LILLE", "LYON")] == [5, 5]
        assert set(Offer.objects.values_list("status", flat=True)) == {"over"}

    shop.post(f"orders/{number}/release/", {})
    pass_time(seconds=2)
    relay()

    assert offers(shop) == {"LILLE": "open", "LYON": "open"}
    assert [sellable(shop, place) for place in ("LILLE", "LYON")] == [3, 3]  # held once
    assert shop.post(f"offers/{offer_to(shop, 'LILLE')}/take/").json["location"] == "LILLE"
    relay()
    assert offers(shop) == {"LILLE": "taken", "LYON": "over"}
    assert [sellable(shop, place) for place in ("PARIS", "LILLE", "LYON")] == [5, 3, 5]
    invariants_hold()


@pytest.mark.parametrize("who", ["PARIS", "LILLE"])
def test_what_somebody_had_taken_before_a_hold_is_not_offered_to_others_again(
    shop: Api, invariants_hold: Any, who: str
) -> None:
    number, work = ordered(shop, ("SKU-1", 2))
    taken = shop.act(work, "acknowledge") if who == "PARIS" else shop.post(f"offers/{offer_to(shop, who)}/take/")
    relay()
    before = offers(shop)

    shop.post(f"orders/{number}/hold/", {"kind": "manual"})
    shop.post(f"orders/{number}/release/", {})
    pass_time(seconds=2)

    assert live(shop.order(number)) == [(who, "assigned")]
    assert shop.act(taken.json["id"], "acknowledge").status == 200
    assert offers(shop) == before
    assert [sellable(shop, place) for place in PLACES] == [3 if place == who else 5 for place in PLACES]
    assert not CartHold.objects.filter(status="active").exists()
    invariants_hold()


def test_an_offer_ends_with_the_time_to_answer(shop: Api, invariants_hold: Any) -> None:
    number, _work = ordered(shop)
    lyon = offer_to(shop, "LYON")

    pass_time(minutes=121)

    assert shop.post(f"offers/{lyon}/take/").json["code"] == "offer_is_over"
    assert ("LILLE", "assigned") in live(shop.order(number))
    invariants_hold()


def test_only_where_the_rules_say_so_and_one_place_could_have_it_all(api: Api, settings: Any) -> None:
    settings.VERSIONED_CACHE_SECONDS = 0
    make_network(lille=1, lyon=5)
    publish(offer_to=1)
    ordered(api)
    assert offers(api) == {}

    publish(offer_to=2)
    ordered(api, ("SKU-1", 2))
    assert offers(api) == {"LYON": "open"}  # LILLE has one only
    api.post("orders/", pickup_body())
    pass_time(seconds=1)
    assert Offer.objects.count() == 1


def test_work_of_a_channel_without_it_is_not_planned_again(api: Api, settings: Any) -> None:
    settings.VERSIONED_CACHE_SECONDS = 0
    make_network()
    make_channel("till")
    publish(channels=["till"])

    ordered(api)

    assert not Deadline.objects.filter(kind="orders.offer_around").exists()
    [there] = api.post("orders/", order_body(channel="till")).json["fulfillments"]
    assert Deadline.objects.filter(kind="orders.offer_around", subject=there["id"]).count() == 1


@pytest.mark.parametrize(("opens", "asked"), [("06:00", {"LYON"}), ("05:59", {"LILLE"})])
def test_who_opens_only_after_the_time_to_answer_is_not_asked(
    shop: Api, invariants_hold: Any, opens: str, asked: set[str]
) -> None:
    """It is Monday, four o'clock, and PARIS, which never closes, has two hours. LYON would be asked third."""
    publish(offer_to=2)
    hours = {"mon": [[opens, "19:00"]]}
    assert shop.call("PATCH", "locations/LILLE/", {"opening_hours": hours, "timezone": "UTC"}).status == 200

    with time_machine.travel("2026-03-02 04:00+00:00", tick=False):
        ordered(shop)

        assert set(offers(shop)) == asked
        kept = CartHoldLine.objects.filter(expires_at__gt=now())
        assert list(kept.values_list("location_id", "quantity")) == [(place, 1) for place in asked]
    invariants_hold()


def test_a_store_sees_and_takes_what_is_offered_to_it_alone(shop: Api) -> None:
    from oms.models import ApiKey
    from tests.factories.orders import make_key

    ordered(shop)
    lille = Api(make_key("lille", scopes=("fulfillments:read", "fulfillments:write"), locations=["LILLE"]))
    assert ApiKey.objects.count() == 2

    assert offers(lille) == {"LILLE": "open"}
    assert lille.post(f"offers/{offer_to(shop, 'LYON')}/take/").status == 404
    assert lille.post(f"offers/{offer_to(shop, 'LILLE')}/take/").json["location"] == "LILLE"


def test_a_claim_uses_none_of_the_attempts(shop: Api, invariants_hold: Any) -> None:
    number, _work = ordered(shop)
    taken = shop.post(f"offers/{offer_to(shop, 'LILLE')}/take/").json
    assert taken["attempt"] == 1

    shop.act(taken["id"], "pick", {"lines": [{"line": "l1", "picked": 0, "short_reason": "not_found"}]})

    [anew] = [work for work in shop.order(number)["fulfillments"] if work["status"] == "assigned"]
    assert anew["attempt"] == 2  # one place failed
    invariants_hold()


def test_an_offer_tells_what_is_still_wanted(shop: Api) -> None:
    number, _work = ordered(shop, ("SKU-1", 3))

    shop.post(f"orders/{number}/cancel/", {"reason": "shopper", "lines": [{"id": "l1", "quantity": 2}]})

    [offer] = shop.get("offers/?location=LILLE").json["results"]
    assert offer["lines"] == [{"sku": "SKU-1", "quantity": 1}]
    assert shop.post(f"offers/{offer['id']}/take/").json["lines"][0]["quantity"] == 1
