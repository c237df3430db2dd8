"""Several places reach for the same work at the same moment: exactly one has it, and every unit is where it was or there."""

from typing import Any

import pytest
from django.db import OperationalError

from inventory.models import CartHold
from inventory.services.cart_holds import end_hold
from oms.clock import now
from oms.errors import IllegalMove
from orders.commands import Decline
from orders.errors import OfferIsOver
from orders.models import ExceptionCase, Offer
from orders.services import fulfillments, offered, planning, reassignment, sharing
from orders.services.shortages import settle_shortage
from routing.services.rule_sets import create_draft, publish_rule_set
from tests.concurrency.conftest import Meanwhile
from tests.concurrency.threads import at_once, both
from tests.factories.orders import make_network, order_body, reserved
from tests.flows.conftest import Api, pass_time, relay

ROUNDS = 4


@pytest.fixture
def asks_all(settings: Any, transactional_db: None) -> None:
    settings.VERSIONED_CACHE_SECONDS = 0
    document = {"rules": [{"steps": [{"offer_to": 3}]}]}
    publish_rule_set(rule_set_id=create_draft(document=document).pk, actor="test", as_of=now())


@pytest.fixture
def shared(api: Api, asks_all: None) -> list[dict[str, Any]]:
    make_network(paris=50, lille=50, lyon=50)
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


# ---- the place loses it while others reach for it ------------------------------------------------


def _last_units(api: Api) -> tuple[str, str, str]:
    """An order's number, its work in PARIS and the offer to LILLE, where the units that are held are all there is."""
    make_network(lille=2, lyon=0)
    order = api.post("orders/", order_body(("SKU-1", 2))).json
    pass_time(seconds=1)
    [lille] = _offers(order)
    [work] = order["fulfillments"]
    return order["number"], work["id"], lille


def _decline(work: str) -> None:
    fulfillments.decline(fulfillment_id=work, command=Decline(reason="too_busy"), actor="paris", as_of=now())


def _take(offer: str) -> str:
    return sharing.take_offer(offer_id=offer, actor="lille", as_of=now())


def _stands(api: Api, number: str) -> list[tuple[str, str]]:
    work = api.order(number)["fulfillments"]
    return [(w["location"], w["status"]) for w in work if w["status"] not in ("canceled", "declined")]


def test_who_reaches_for_it_while_its_place_declines_has_it_as_the_next_best(
    api: Api, asks_all: None, meanwhile: Meanwhile, invariants_hold: Any
) -> None:
    """The taker has the hold and waits for the order, so the hold stays locked; its units are the order's all the same."""
    number, work, lille = _last_units(api)
    taker = meanwhile(lambda: _take(lille), fulfillments, after="lock_work")

    _decline(work)

    with pytest.raises(OfferIsOver):
        _ = taker.outcome
    assert _stands(api, number) == [("LILLE", "assigned")]
    assert (reserved("SKU-1", "PARIS"), reserved("SKU-1", "LILLE")) == (0, 2)
    assert not ExceptionCase.objects.exists()
    relay()
    assert set(CartHold.objects.values_list("status", flat=True)) == {"released"}
    invariants_hold()


def test_the_twin_to_which_held_is_held_stands_before_a_person(
    api: Api, asks_all: None, meanwhile: Meanwhile, monkeypatch: pytest.MonkeyPatch
) -> None:
    number, work, lille = _last_units(api)
    taker = meanwhile(lambda: _take(lille), fulfillments, after="lock_work")
    plan_again = planning.plan_again
    monkeypatch.setattr(planning, "plan_again", lambda *given, **named: plan_again(*given, **named | {"holds": ()}))

    _decline(work)

    with pytest.raises(OfferIsOver):
        _ = taker.outcome
    assert _stands(api, number) == []
    assert ExceptionCase.objects.get().reason == "no_place"


def test_the_twin_that_waits_for_the_hold_waits_in_a_circle(
    api: Api, asks_all: None, meanwhile: Meanwhile, monkeypatch: pytest.MonkeyPatch
) -> None:
    _number, work, lille = _last_units(api)
    taker = meanwhile(lambda: _take(lille), fulfillments, after="lock_work")
    monkeypatch.setattr(
        offered, "end_unlocked", lambda holds, *, as_of: [end_hold(hold, as_of=as_of) for hold in holds]
    )

    with pytest.raises(OperationalError, match="deadlock"):  # whichever of the two Postgres ends
        try:
            _decline(work)
        finally:
            _ = taker.outcome


def test_who_declines_what_is_being_taken_is_told_so(
    api: Api, asks_all: None, meanwhile: Meanwhile, invariants_hold: Any
) -> None:
    number, work, lille = _last_units(api)
    decliner = meanwhile(lambda: _decline(work), sharing, after="lock_work")

    _take(lille)

    with pytest.raises(IllegalMove):
        _ = decliner.outcome
    assert _stands(api, number) == [("LILLE", "accepted")]
    relay()
    invariants_hold()


def test_declined_and_taken_at_once_every_order_has_one_place(api: Api, asks_all: None, invariants_hold: Any) -> None:
    """All that LILLE and LYON have is held for these orders, so a unit too many that is locked would show."""
    make_network(paris=2 * ROUNDS, lille=2 * ROUNDS, lyon=2 * ROUNDS)
    orders = [api.post("orders/", order_body(("SKU-1", 2))).json for _ in range(ROUNDS)]
    pass_time(seconds=1)
    for order in orders:
        lille, lyon = _offers(order)
        [work] = order["fulfillments"]
        reach = [
            lambda lille=lille: Api(api.token).post(f"offers/{lille}/take/"),
            lambda lyon=lyon: Api(api.token).post(f"offers/{lyon}/take/"),
            lambda work=work: Api(api.token).act(work["id"], "decline", {"reason": "too_busy"}),
        ]

        answers = at_once(3, lambda number, reach=reach: reach[number]())

        assert sorted(answer.status for answer in answers) == [200, 409, 409]
        [stands] = _stands(api, order["number"])
        assert stands[0] in ("LILLE", "LYON")
    relay()
    assert not ExceptionCase.objects.exists()
    assert sum(reserved("SKU-1", place) for place in ("LILLE", "LYON")) == 2 * ROUNDS
    invariants_hold()


def test_units_that_yielded_to_another_order_are_not_taken_twice(
    api: Api, asks_all: None, meanwhile: Meanwhile, invariants_hold: Any
) -> None:
    """What LILLE holds for the first order is planned for the second; before that has it, LILLE takes the first's work."""
    make_network(paris=4, lille=2, lyon=0)
    first, second = (api.post("orders/", order_body(("SKU-1", 2))).json for _ in range(2))
    pass_time(seconds=1)
    [lille] = _offers(first)
    taker = meanwhile(lambda: _take(lille), reassignment, after="holds_for_offers")
    event = {"id": "c1", "sku": "SKU-1", "location": "PARIS", "kind": "count", "quantity": 2}
    api.post("stock/events/", {"events": [event | {"occurred_at": now().isoformat()}]})

    settle_shortage(sku="SKU-1", location="PARIS", as_of=now())

    assert _stands(api, first["number"]) == [("LILLE", "accepted")]
    assert taker.outcome == Offer.objects.get(pk=lille).taken_over_id
    assert _stands(api, second["number"]) == []
    assert ExceptionCase.objects.get().order_id == second["id"]
    assert (reserved("SKU-1", "PARIS"), reserved("SKU-1", "LILLE")) == (0, 2)
    relay()
    invariants_hold()
