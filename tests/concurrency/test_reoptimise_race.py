"""Orders change places while others reach for them: the clock, the shopper, the back office and new orders.

The rival begins at a known point of the run and is waited for until it is done or waits for a lock, so every race comes
out the same each time; and so do the twins, from which a guard was taken.
"""

from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError

from inventory.services import reservations
from oms import deadlines
from oms.clock import now
from oms.errors import IllegalMove
from oms.models import Event
from orders.models import Fulfillment, Order
from orders.services import reoptimisation
from orders.services.reoptimisation import Outcome, reoptimise
from tests.concurrency.conftest import Meanwhile
from tests.concurrency.killed_workers import all_rows, run_killed_at_statement
from tests.factories.inventory import set_stock
from tests.factories.orders import ADDRESS, order_body, reserved
from tests.flows.conftest import Answer, Api, pass_time
from tests.flows.test_reoptimise import TOY, buy, cost, live, make_shop, where

Orders = list[dict[str, Any]]


@pytest.fixture
def toy(api: Api) -> Orders:
    """Two units each, of places that have four: so they may be canceled in part."""
    make_shop(2)
    return [buy(api, code, ("SKU-1", 2)) for code in TOY]


def run() -> Outcome:
    return reoptimise(actor="test", as_of=now())


def release() -> None:
    """The grace of all orders is over."""
    later = now() + timedelta(minutes=31)
    while deadlines.sweep(now=lambda: later):
        pass


def canceled(api: Api, order: dict[str, Any], quantity: int) -> Answer:
    return Api(api.token).post(f"orders/{order['number']}/cancel/", {"lines": [{"id": "l1", "quantity": quantity}]})


def held(api: Api, order: dict[str, Any]) -> Answer:
    return Api(api.token).post(f"orders/{order['number']}/hold/", {"kind": "address"})


def statuses(api: Api, orders: Orders) -> list[list[str]]:
    return [[work["status"] for work in live(api, order)] for order in orders]


# ---- between the plan and the swap -----------------------------------------------------------------


@pytest.fixture
def careless(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody looks whether the orders are still as they were planned from."""
    monkeypatch.setattr(reoptimisation, "_is_as_planned", lambda *_: True)


def test_what_was_released_meanwhile_stays_where_it_is(
    api: Api, toy: Orders, meanwhile: Meanwhile, invariants_hold: Any
) -> None:
    before = where(api, toy)
    meanwhile(release, reoptimisation, before="make_swap")

    outcome = run()

    assert (outcome.swaps, outcome.outrun) == ((), 1)
    assert (where(api, toy), statuses(api, toy)) == (before, [["assigned"]] * 3)
    invariants_hold()


def test_without_the_look_released_work_makes_the_run_fail(toy: Orders, meanwhile: Meanwhile, careless: None) -> None:
    meanwhile(release, reoptimisation, before="make_swap")

    with pytest.raises(IllegalMove):
        run()


def test_what_was_canceled_in_part_meanwhile_is_not_moved_whole(
    api: Api, toy: Orders, meanwhile: Meanwhile, invariants_hold: Any
) -> None:
    rival = meanwhile(lambda: canceled(api, toy[0], 1), reoptimisation, before="make_swap")

    outcome = run()

    assert (rival.outcome.status, outcome.outrun, outcome.swaps) == (200, 1, ())
    assert sum(reserved("SKU-1", place) for place in ("PARIS", "LILLE", "LYON")) == 5
    invariants_hold()
    assert (len(run().swaps), cost(api, toy)) == (1, 28)
    invariants_hold()


def test_without_the_look_more_is_moved_than_is_wanted(
    api: Api, toy: Orders, meanwhile: Meanwhile, careless: None, monkeypatch: pytest.MonkeyPatch, invariants_hold: Any
) -> None:
    """The reservations are a second guard, which is taken away too; one unit more hides that it was."""
    monkeypatch.setattr(reservations, "check_all_were_held", lambda *_: None)
    meanwhile(lambda: (canceled(api, toy[0], 1), set_stock("SKU-1", "PARIS", 3)), reoptimisation, before="make_swap")

    run()

    with pytest.raises(AssertionError, match="units at places are exactly the units of live fulfillments"):
        invariants_hold()


def test_what_was_held_meanwhile_stays_as_it_is(
    api: Api, toy: Orders, meanwhile: Meanwhile, invariants_hold: Any
) -> None:
    before = where(api, toy)
    meanwhile(lambda: held(api, toy[0]), reoptimisation, before="make_swap")

    assert run().outrun == 1

    assert where(api, toy) == before
    invariants_hold()


def test_without_the_look_a_held_order_is_moved(api: Api, toy: Orders, meanwhile: Meanwhile, careless: None) -> None:
    meanwhile(lambda: held(api, toy[0]), reoptimisation, before="make_swap")

    assert run().outrun == 0

    assert (api.order(toy[0]["number"])["status"], where(api, toy[:1])) == ("on_hold", [["LYON"]])


@pytest.fixture
def one_unit_elsewhere(api: Api) -> Orders:
    """An order in LILLE that would rather be in PARIS, where one unit has come in."""
    make_shop(0)
    set_stock("SKU-1", "LILLE", 1)
    orders = [buy(api, "75001")]
    set_stock("SKU-1", "PARIS", 1)
    return orders


def bought(api: Api, code: str = "75001", units: int = 1) -> Answer:
    body = order_body(
        ("SKU-1", units), shipping_address={**ADDRESS, "postal_code": code}, customer={"email": "b@b.org"}
    )
    return Api(api.token).post("orders/", body)


def test_a_unit_that_a_new_order_took_meanwhile_is_not_taken_again(
    api: Api, one_unit_elsewhere: Orders, meanwhile: Meanwhile, invariants_hold: Any
) -> None:
    rival = meanwhile(lambda: bought(api), reoptimisation, before="make_swap")

    outcome = run()

    assert (outcome.swaps, outcome.outrun) == ((), 1)
    assert where(api, [*one_unit_elsewhere, rival.outcome.json]) == [["LILLE"], ["PARIS"]]
    assert (reserved("SKU-1", "PARIS"), reserved("SKU-1", "LILLE")) == (1, 1)
    invariants_hold()


def test_without_judging_again_it_is_promised_twice(
    api: Api, one_unit_elsewhere: Orders, meanwhile: Meanwhile, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unjudged(wanted: Any, *, as_of: Any) -> list[Any]:
        reservations._reserve(reservations.with_protection(wanted), as_of=as_of, is_judged=True)
        return []

    monkeypatch.setattr(reoptimisation, "reserve_stock", unjudged)
    meanwhile(lambda: bought(api), reoptimisation, before="make_swap")

    assert len(run().swaps) == 1

    assert reserved("SKU-1", "PARIS") == 2  # and one stands there


# ---- during the swap -------------------------------------------------------------------------------


@pytest.fixture
def unlocked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Orders and their work are read, and not locked."""
    monkeypatch.setattr(reoptimisation, "lock_orders", lambda ids: {o.pk: o for o in Order.objects.filter(pk__in=ids)})
    monkeypatch.setattr(reoptimisation, "lock_planned_of", lambda ids: list(Fulfillment.objects.filter(order__in=ids)))


def test_the_clock_waits_for_the_swap_and_hands_out_the_new_work(
    api: Api, toy: Orders, meanwhile: Meanwhile, invariants_hold: Any
) -> None:
    rival = meanwhile(release, reoptimisation, after="_lock")

    outcome = run()
    assert rival.outcome is None
    pass_time(minutes=31)

    assert (len(outcome.swaps), cost(api, toy)) == (1, 28)
    assert (where(api, toy), statuses(api, toy)) == ([["LYON"], ["PARIS"], ["LILLE"]], [["assigned"]] * 3)
    invariants_hold()


def test_without_the_lock_the_work_is_handed_out_under_the_swap(
    toy: Orders, meanwhile: Meanwhile, unlocked: None
) -> None:
    meanwhile(release, reoptimisation, after="_lock")

    with pytest.raises(IllegalMove):
        run()


def test_a_cancellation_waits_for_the_swap_and_cancels_the_new_work(
    api: Api, toy: Orders, meanwhile: Meanwhile, invariants_hold: Any
) -> None:
    rival = meanwhile(lambda: canceled(api, toy[0], 2), reoptimisation, after="_write")

    assert len(run().swaps) == 1

    assert (rival.outcome.status, api.order(toy[0]["number"])["status"]) == (200, "canceled")
    assert (reserved("SKU-1", "LYON"), reserved("SKU-1", "PARIS"), reserved("SKU-1", "LILLE")) == (0, 2, 2)
    invariants_hold()


def test_without_the_lock_the_shopper_cannot_cancel(
    api: Api, toy: Orders, meanwhile: Meanwhile, unlocked: None
) -> None:
    """It looks for the units where they were."""
    rival = meanwhile(lambda: canceled(api, toy[0], 2), reoptimisation, after="_write")

    assert len(run().swaps) == 1

    assert (rival.outcome.status, rival.outcome.json["code"]) == (409, "not_reserved")


def _told(order: dict[str, Any]) -> list[str]:
    kinds = Event.objects.filter(root=order["id"], subject=order["id"]).order_by("id").values_list("type", flat=True)
    return [kind.rpartition(".")[2] for kind in kinds]


def test_a_hold_waits_for_the_swap(api: Api, toy: Orders, meanwhile: Meanwhile, invariants_hold: Any) -> None:
    rival = meanwhile(lambda: held(api, toy[0]), reoptimisation, after="_lock")

    assert len(run().swaps) == 1

    assert rival.outcome.status == 200
    assert _told(toy[0]) == ["placed", "reoptimised", "held"]
    pass_time(minutes=31)
    assert statuses(api, toy) == [["planned"], ["assigned"], ["assigned"]]
    invariants_hold()


def test_without_the_lock_a_held_order_changes_places(
    api: Api, toy: Orders, meanwhile: Meanwhile, unlocked: None
) -> None:
    meanwhile(lambda: held(api, toy[0]), reoptimisation, after="_lock")

    assert len(run().swaps) == 1

    assert _told(toy[0]) == ["placed", "held", "reoptimised"]


@pytest.fixture
def crossing(api: Api) -> Orders:
    """An order in PARIS that would rather be in LILLE, where units have come in. PARIS has one more, too."""
    make_shop(0, prices={"75001": (5, 2, 20), "75002": (5, 2, 20)})
    set_stock("SKU-1", "PARIS", 2)
    orders = [buy(api, "75001")]
    set_stock("SKU-1", "LILLE", 2)
    return orders


def test_a_new_order_that_wants_the_same_levels_waits_and_is_served(
    api: Api, crossing: Orders, meanwhile: Meanwhile, invariants_hold: Any
) -> None:
    rival = meanwhile(lambda: bought(api, "75002", 3), reoptimisation, before="reserve_stock")

    assert len(run().swaps) == 1

    assert rival.outcome.status == 201
    assert where(api, [*crossing, rival.outcome.json]) == [["LILLE"], ["LILLE", "PARIS"]]
    assert (reserved("SKU-1", "LILLE"), reserved("SKU-1", "PARIS")) == (2, 2)
    invariants_hold()


def test_without_all_levels_locked_first_they_wait_in_a_circle(
    api: Api, crossing: Orders, meanwhile: Meanwhile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reoptimisation, "lock_stock", lambda _levels: {})
    rival = meanwhile(lambda: bought(api, "75002", 3), reoptimisation, before="reserve_stock")

    try:
        run()
        broken = False
    except OperationalError:
        broken = True

    assert broken or rival.outcome.status == 503


# ---- killed ----------------------------------------------------------------------------------------


def test_killed_at_any_statement_it_loses_nothing(api: Api, toy: Orders, invariants_hold: Any) -> None:
    """Right after the database has answered; the next run finishes what was begun."""
    costs, judged, statement = set(), set(), 1
    while not run_killed_at_statement(run, statement, is_heard=True):
        statement += 1
        if (rows := all_rows()) in judged:  # the same to the last row
            continue
        judged.add(rows)
        costs.add(cost(api, toy))
        assert sum(reserved("SKU-1", place) for place in ("PARIS", "LILLE", "LYON")) == 6
        invariants_hold()

    run()

    assert statement > 20
    assert costs == {39}  # until the very end nothing is changed
    assert (where(api, toy), cost(api, toy)) == ([["LYON"], ["PARIS"], ["LILLE"]], 28)
    invariants_hold()
