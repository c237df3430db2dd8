"""A hold and the clock of a place reach for the same work at the same moment: it is late once, or not at all."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from oms import deadlines
from oms.clock import now
from oms.deadlines import AlreadyActed, Claimed
from oms.models import Deadline, Event
from oms.transactions import use_case
from orders.locks import lock_order_number
from orders.models import Fulfillment
from orders.services import clocks, holds, reassignment
from orders.services.holds import on_hold_expires
from tests.concurrency.conftest import Meanwhile
from tests.concurrency.threads import at_once, both
from tests.factories.orders import make_network, order_body
from tests.flows.conftest import Api, pass_time

ROUNDS = 4


@pytest.fixture
def orders(api: Api) -> list[dict[str, Any]]:
    """Their work is being picked, and is due in four hours."""
    make_network(paris=50)
    made = [api.post("orders/", order_body()).json for _ in range(ROUNDS)]
    for order in made:
        for action in ("acknowledge", "start"):
            assert api.act(_work(order), action).status == 200
    return made


def _work(order: dict[str, Any]) -> str:
    return order["fulfillments"][0]["id"]


def _found(order: dict[str, Any]) -> Fulfillment:
    return Fulfillment.objects.get(pk=_work(order))


def _told(order: dict[str, Any]) -> list[str]:
    events = Event.objects.filter(subject=_work(order)).order_by("id")
    names = [kind.rpartition(".")[2] for kind in events.values_list("type", flat=True)]
    return [name for name in names if name in ("late", "clock_stopped", "clock_started")]


@use_case
def _hold(order: dict[str, Any], **values: Any) -> None:
    holds.place(lock_order_number(int(order["number"])), "fraud", actor="user:a", as_of=now(), **values)


def _only(order: dict[str, Any], at: datetime) -> None:
    """Nothing else rings; what this work must be prepared by is now."""
    Deadline.objects.update(retry_at=now() + timedelta(days=9))
    Deadline.objects.filter(subject=_work(order), kind="orders.prepare").update(due_at=at, retry_at=at)
    Fulfillment.objects.filter(pk=_work(order)).update(ready_by=at)


def test_of_holding_and_ringing_one_comes_first(api: Api, orders: Any, invariants_hold: Any) -> None:
    for order in orders:
        _only(order, now())

        held, _rung = both(
            lambda order=order: Api(api.token).post(f"orders/{order['number']}/hold/", {"kind": "fraud"}),
            lambda: deadlines.sweep(now=now),
        )

        assert held.status == 200
        left = _found(order).clocks_left
        if _told(order) == ["late", "clock_stopped"]:
            assert list(left) == ["escalate"]
        else:
            assert (_told(order), left) == (["clock_stopped"], {"prepare": 0})
        invariants_hold()
        assert api.post(f"orders/{order['number']}/release/", {}).status == 200
        pass_time(seconds=1)
        assert sorted(_told(order)) == ["clock_started", "clock_stopped", "late"]
    invariants_hold()


def test_a_hold_that_expires_at_the_moment_of_the_deadline_makes_it_late_once(
    api: Api, orders: Any, invariants_hold: Any
) -> None:
    """Nothing was left when it was held: the clock that starts again rings at once, for several sweepers."""
    for order in orders:
        expires_at = now() + timedelta(hours=1)
        _only(order, now())
        body = {"kind": "fraud", "expires_at": expires_at.isoformat()}
        assert api.post(f"orders/{order['number']}/hold/", body).status == 200

        def sweep(_number: int, at: datetime = expires_at) -> None:
            for _time in range(3):
                deadlines.sweep(now=lambda: at, limit=2)

        at_once(4, sweep)
        sweep(0)

        assert _told(order) == ["clock_stopped", "clock_started", "late"]
        assert _found(order).clocks_left is None
    invariants_hold()


# ---- the same, one step after the other ------------------------------------------------------------


@pytest.fixture
def claimed(orders: Any) -> Iterator[Claimed]:
    """A sweeper has the deadline in its hands, and has not acted yet."""
    _only(orders[0], now())
    (deadline,) = deadlines.claim(as_of=now())
    yield deadline


def test_what_a_sweeper_holds_is_void_once_the_clock_was_stopped(
    orders: Any, claimed: Claimed, invariants_hold: Any
) -> None:
    _hold(orders[0])

    with pytest.raises(AlreadyActed):
        reassignment.on_prepare(claimed, now())

    assert _told(orders[0]) == ["clock_stopped"]
    invariants_hold()


def test_and_stays_void_when_the_clock_runs_again_to_the_same_instant(
    orders: Any, claimed: Claimed, invariants_hold: Any
) -> None:
    order = orders[0]
    _hold(order, expires_at=now() + timedelta(hours=1))
    expiry = Deadline.objects.get(kind="orders.hold_expires", done_at=None)
    on_hold_expires(_as_claimed(expiry), claimed.due_at)  # as if no time had passed

    assert _found(order).ready_by == claimed.due_at
    with pytest.raises(AlreadyActed):
        reassignment.on_prepare(claimed, now())

    assert _told(order) == ["clock_stopped", "clock_started"]
    assert Deadline.objects.filter(subject=_work(order), kind="orders.prepare", done_at=None).count() == 1
    invariants_hold()


def test_the_twin_that_leaves_the_clock_in_its_place_is_late_while_it_is_held(
    orders: Any, claimed: Claimed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clocks.deadlines, "drop", lambda *_args, **_kwargs: None)
    _hold(orders[0])

    reassignment.on_prepare(claimed, now())

    assert _told(orders[0]) == ["clock_stopped", "late"]


def test_a_ring_that_comes_while_the_hold_is_written_waits_for_it(
    orders: Any, claimed: Claimed, meanwhile: Meanwhile, invariants_hold: Any
) -> None:
    rival = meanwhile(lambda: reassignment.on_prepare(claimed, now()), clocks, after="stop")

    _hold(orders[0])

    with pytest.raises(AlreadyActed):
        _ = rival.outcome
    assert _told(orders[0]) == ["clock_stopped"]
    invariants_hold()


def _as_claimed(row: Deadline) -> Claimed:
    return Claimed(row.id, row.kind, row.subject, row.generation, row.due_at, row.attempts)
