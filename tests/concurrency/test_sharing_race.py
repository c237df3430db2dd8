"""Several places reach for the same work at the same moment: exactly one has it, and every unit is where it was or there."""

from typing import Any

import pytest

from inventory.models import CartHold
from oms.clock import now
from oms.errors import IllegalMove
from orders.models import Offer
from orders.services import sharing
from routing.services.rule_sets import create_draft, publish_rule_set
from tests.concurrency.threads import at_once, both
from tests.factories.orders import make_network, order_body, reserved
from tests.flows.conftest import Api, pass_time, relay

ROUNDS = 4


@pytest.fixture
def shared(api: Api, settings: Any) -> list[dict[str, Any]]:
    settings.VERSIONED_CACHE_SECONDS = 0
    make_network(paris=50, lille=50, lyon=50)
    document = {"rules": [{"steps": [{"offer_to": 3}]}]}
    publish_rule_set(rule_set_id=create_draft(document=document).pk, actor="test", as_of=now())
    orders = [api.post("orders/", order_body()).json for _ in range(ROUNDS)]
    pass_time(seconds=1)
    assert Offer.objects.filter(status="open").count() == 2 * ROUNDS
    return orders


def _live(api: Api, order: dict[str, Any]) -> list[str]:
    found = api.order(order["number"])["fulfillments"]
    return [work["location"] for work in found if work["status"] != "canceled"]


def _offers(order: dict[str, Any]) -> list[str]:
    [work] = order["fulfillments"]
    return list(Offer.objects.filter(fulfillment=work["id"]).order_by("location_id").values_list("pk", flat=True))


def test_of_three_places_exactly_one_has_it(api: Api, shared: Any, invariants_hold: Any) -> None:
    for order in shared:
        lille, lyon = _offers(order)
        [work] = order["fulfillments"]
        reach = [
            lambda lille=lille: Api(api.token).post(f"offers/{lille}/take/"),
            lambda lyon=lyon: Api(api.token).post(f"offers/{lyon}/take/"),
            lambda work=work: Api(api.token).act(work["id"], "acknowledge"),
        ]

        answers = at_once(3, lambda number, reach=reach: reach[number]())

        assert sorted(answer.status for answer in answers) == [200, 409, 409]
        winner = next(answer for answer in answers if answer.status == 200).json
        assert (_live(api, order), winner["status"]) == ([winner["location"]], "accepted")
        assert {answer.json["code"] for answer in answers if answer.status == 409} <= {"offer_is_over", "illegal_move"}
    relay()
    invariants_hold()
    assert sum(reserved("SKU-1", place) for place in ("PARIS", "LILLE", "LYON")) == ROUNDS
    assert not Offer.objects.filter(status="open").exists()


def test_two_hands_of_one_place_take_it_once(api: Api, shared: Any, invariants_hold: Any) -> None:
    for order in shared:
        lille, _lyon = _offers(order)

        one, other = both(
            lambda lille=lille: Api(api.token).post(f"offers/{lille}/take/"),
            lambda lille=lille: Api(api.token).post(f"offers/{lille}/take/"),
        )

        assert (one.status, other.status) == (200, 200)
        assert one.json["id"] == other.json["id"]
        assert _live(api, order) == ["LILLE"]
    invariants_hold()


def test_work_held_and_released_while_others_reach_for_it_leaves_no_hold_behind(
    api: Api, shared: Any, invariants_hold: Any
) -> None:
    for order in shared:
        lille, lyon = _offers(order)
        url = f"orders/{order['number']}"

        def hold_and_release(url: str = url) -> None:
            Api(api.token).post(f"{url}/hold/", {"kind": "manual"})
            Api(api.token).post(f"{url}/release/", {})
            pass_time(seconds=2)  # and is offered anew, where it still waits

        reach = [
            lambda lille=lille: Api(api.token).post(f"offers/{lille}/take/").status,
            lambda lyon=lyon: Api(api.token).post(f"offers/{lyon}/take/").status,
            hold_and_release,
            relay,
        ]

        answers = at_once(4, lambda number, reach=reach: reach[number]())

        assert set(answers[:2]) <= {200, 409}
        assert len(_live(api, order)) == 1
    pass_time(seconds=3)
    relay()
    offered = Offer.objects.filter(status="open")
    assert set(offered.values_list("fulfillment__status", flat=True)) <= {"assigned"}
    assert set(CartHold.objects.filter(status="active").values_list("pk", flat=True)) == set(
        offered.values_list("hold", flat=True)
    )
    invariants_hold()


def test_even_who_saw_the_work_before_it_was_answered_does_not_take_it_away(
    api: Api, shared: Any, monkeypatch: pytest.MonkeyPatch, invariants_hold: Any
) -> None:
    """Without the lock's fresh look there is still the move, which compares and swaps."""
    order = shared[0]
    lille, _lyon = _offers(order)
    [work] = order["fulfillments"]
    lock_work = sharing.lock_work

    def as_it_was(fulfillment_id: str) -> Any:
        held = lock_work(fulfillment_id)
        held.fulfillment.status = "assigned"
        return held

    api.act(work["id"], "acknowledge")
    monkeypatch.setattr(sharing, "lock_work", as_it_was)

    with pytest.raises(IllegalMove):
        sharing.take_offer(offer_id=lille, actor="test", as_of=now())
    assert _live(api, order) == ["PARIS"]
    assert Offer.objects.get(pk=lille).status == "open"
    relay()
    invariants_hold()
