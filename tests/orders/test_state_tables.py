"""Each state table is walked: every state can be reached, the ends are ends, and what is not in it cannot happen."""

from datetime import UTC, datetime
from itertools import product
from typing import Any

import pytest
from django.db import models, transaction

from oms import states
from oms.errors import IllegalMove
from oms.models import Event
from oms.states import StateTable
from orders.models import Fulfillment, Payment
from orders.states import (
    BEFORE_PICKING,
    FULFILLMENT_MOVES,
    LIVE,
    LOST,
    PAYMENT_MOVES,
    FulfillmentStatus,
    PaymentStatus,
)
from tests.factories.orders import make_network, order_body
from tests.flows.conftest import Api

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
F, P = FulfillmentStatus, PaymentStatus
TABLES = [
    (FULFILLMENT_MOVES, F.PLANNED, {F.DELIVERED, F.COLLECTED, F.DECLINED, F.TIMED_OUT, F.CANCELED, F.EXPIRED}),
    (PAYMENT_MOVES, P.PENDING, {P.VOIDED, P.FAILED}),
]
WALKS = [
    (Fulfillment, FULFILLMENT_MOVES, was, to) for was, to in product(FulfillmentStatus.values, FulfillmentStatus.values)
] + [(Payment, PAYMENT_MOVES, was, to) for was, to in product(PaymentStatus.values, PaymentStatus.values)]


@pytest.mark.parametrize(("table", "first", "ends"), TABLES)
def test_every_state_can_be_reached_and_only_the_ends_are_final(table: StateTable, first: str, ends: set[str]) -> None:
    reached, new = set(), {str(first)}
    while new:
        reached |= new
        new = {to for was in new for to in table.moves[was]} - reached

    assert reached == set(table.moves)
    assert table.final == {str(end) for end in ends}


def test_an_end_is_not_live_and_lost_work_is_at_an_end() -> None:
    assert not LIVE & FULFILLMENT_MOVES.final
    assert FULFILLMENT_MOVES.final >= LOST
    assert BEFORE_PICKING < LIVE
    assert LIVE | FULFILLMENT_MOVES.final | {F.SHIPPED} == set(F.values)


def test_from_picking_on_nobody_times_out() -> None:
    may_time_out = {was for was, targets in FULFILLMENT_MOVES.moves.items() if F.TIMED_OUT in targets}

    assert may_time_out == {F.ASSIGNED, F.ACCEPTED}


def test_every_possible_move_happens_with_one_event_and_every_other_is_refused_without_a_trace(shop: Api) -> None:
    make_network()
    shop.post("orders/", order_body())
    for model, table, was, to in WALKS:
        with transaction.atomic():
            _walk(model, table, was, to)
            transaction.set_rollback(True)


def _walk(model: type[models.Model], table: StateTable, was: str, to: str) -> None:
    model.objects.update(status=was)
    row: Any = model.objects.get()
    before = model.objects.values().get()
    events = Event.objects.filter(subject=row.pk, occurred_at=NOW)
    if table.allows(was, to):
        table.move(row, to=to, actor="test", as_of=NOW, why="because")
        after = model.objects.get()
        assert (after.status, after.version) == (to, before["version"] + 1) == (row.status, row.version)
        (event,) = events
        assert event.type == f"{table.noun}.{'ready' if to == F.READY_FOR_PICKUP else to}"
        assert (event.root, event.actor) == (row.order_id, "test")
        assert event.payload == {"from": was, "why": "because"}
    else:
        with pytest.raises(IllegalMove) as refused:
            table.move(row, to=to, actor="test", as_of=NOW)
        assert refused.value.facts["current"] == was
        assert model.objects.values().get() == before
        assert not events.exists()


def _two_copies() -> tuple[Fulfillment, Fulfillment]:
    return Fulfillment.objects.get(), Fulfillment.objects.get()


def test_of_two_who_read_the_same_state_one_moves(shop: Api) -> None:
    make_network()
    shop.post("orders/", order_body())
    one, other = _two_copies()

    with transaction.atomic():
        FULFILLMENT_MOVES.move(one, to=F.ACCEPTED, actor="store", as_of=NOW)
    with pytest.raises(IllegalMove), transaction.atomic():
        FULFILLMENT_MOVES.move(other, to=F.TIMED_OUT, actor="clock", as_of=NOW)

    assert Fulfillment.objects.get().status == "accepted"
    assert Event.objects.filter(occurred_at=NOW).count() == 1


def test_without_comparing_before_swapping_both_would_move(shop: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    make_network()
    shop.post("orders/", order_body())
    one, other = _two_copies()
    update_rows = states.update_rows
    monkeypatch.setattr(states, "update_rows", lambda *args, only_if, **kwargs: update_rows(*args, **kwargs))

    with transaction.atomic():
        FULFILLMENT_MOVES.move(one, to=F.ACCEPTED, actor="store", as_of=NOW)
        FULFILLMENT_MOVES.move(other, to=F.TIMED_OUT, actor="clock", as_of=NOW)

    assert Fulfillment.objects.get().status == "timed_out"
    assert Event.objects.filter(occurred_at=NOW).count() == 2


def test_several_move_together_or_not_at_all(shop: Api) -> None:
    make_network()
    for _ in range(2):
        shop.post("orders/", order_body())
    rows = list(Fulfillment.objects.order_by("id"))
    Fulfillment.objects.filter(pk=rows[1].pk).update(status="canceled")  # meanwhile, by another

    with pytest.raises(IllegalMove), transaction.atomic():
        FULFILLMENT_MOVES.move_all([(row, {}) for row in rows], to=F.ACCEPTED, actor="store", as_of=NOW)

    assert list(Fulfillment.objects.order_by("id").values_list("status", flat=True)) == ["assigned", "canceled"]
    assert not Event.objects.filter(occurred_at=NOW).exists()
