"""Units promised before they come, and what happens to them on the way."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from inventory.exposure import Context
from inventory.locks import lock_stock
from inventory.models import Inbound, InboundLine, Reservation, SupplyPromise
from inventory.queries import sellable_units
from inventory.services.cart_holds import hold_at
from inventory.services.inbound import cancel_inbound, change_inbound
from inventory.services.receiving import Receipt, receive_inbound
from inventory.services.reservations import Held
from inventory.services.supply_promises import (
    Promised,
    arrived_for,
    claim_arrivals,
    demands_concerned,
    demands_with_stock,
    exchange_promises,
    promised_to,
    release_arrivals,
    wait_for_supply,
    withdraw_promises,
)
from inventory.supply import ARRIVED, Supply, free_supply, future_supply
from oms.errors import Conflict
from oms.invariants import all_invariants
from tests.factories.inventory import (
    NOW,
    level,
    make_exposure_rule,
    make_inbound,
    make_locations,
    make_products,
    make_transfer,
    set_stock,
)
from tests.factories.orders import make_channel

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def _shop() -> None:
    make_products("A", "B")
    make_locations("S1", "S2", abilities=["receive_transfer"])


def line_of(inbound: str, sku: str = "A") -> InboundLine:
    return InboundLine.objects.get(inbound=inbound, product=sku)


def promise(demand: str, inbound: str, units: int, *, sku: str = "A", day: int = 0) -> bool:
    """Add units to what it waits for, as an order placed that many days later would."""
    was = promised_to([demand])
    with transaction.atomic():
        return exchange_promises(
            was,
            [(Context(NOW), [*was, Promised(demand, sku, line_of(inbound, sku).pk, units)])],
            demands=[demand],
            since=NOW + day * DAY,
        )


def waits(demand: str) -> list[tuple[int | None, int]]:
    return [(p.line, p.quantity) for p in promised_to([demand])]


def receive(inbound: str, *receipts: Receipt, final: bool = False) -> None:
    came = receipts if receipts or final else None  # else all that remains
    receive_inbound(inbound_id=inbound, receipts=came, final=final, actor="test", as_of=NOW)


def hold() -> None:
    broken = {
        i.name: found for i in all_invariants() if not i.name.startswith("orders") and (found := list(i.broken()))
    }
    assert broken == {}


def sellable(sku: str = "A") -> dict[str, int]:
    return sellable_units([sku], context=Context(NOW))[sku]


# ---- promising -----------------------------------------------------------------------------------


def test_what_is_promised_comes_for_nobody_else() -> None:
    inbound = make_inbound("S1", {"A": 5}, expected_at=NOW + 3 * DAY)

    assert promise("one", inbound, 3)

    assert [supply.units for supply in future_supply(["A"], context=Context(NOW))["A"]] == [2]
    [free] = free_supply(["A"], context=Context(NOW))["A"]
    assert (free.line, free.inbound, free.location, free.units) == (line_of(inbound).pk, inbound, "S1", 2)
    assert free.available_at == NOW + 3 * DAY
    assert promise("two", inbound, 2)
    assert future_supply(["A"], context=Context(NOW))["A"] == free_supply(["A"], context=Context(NOW))["A"] == []
    hold()


def test_more_than_comes_is_refused_and_changes_nothing() -> None:
    inbound = make_inbound("S1", {"A": 5, "B": 5})
    assert promise("one", inbound, 3)
    before = list(SupplyPromise.objects.values()), list(InboundLine.objects.values())

    assert not promise("two", inbound, 3)

    assert (list(SupplyPromise.objects.values()), list(InboundLine.objects.values())) == before


def test_the_database_keeps_it_too() -> None:
    inbound = make_inbound("S1", {"A": 5})

    with pytest.raises(IntegrityError, match="no_more_is_promised"), transaction.atomic():
        InboundLine.objects.filter(inbound=inbound).update(promised=6)


def test_an_exchange_planned_from_what_changed_meanwhile_is_refused() -> None:
    early, late = make_inbound("S1", {"A": 2}), make_inbound("S1", {"A": 2}, expected_at=NOW + DAY)
    promise("one", late, 2)
    was = promised_to(["one"])
    receive(late, Receipt("A", 1))

    with transaction.atomic():
        moved = [Promised("one", "A", line_of(early).pk, 2)]
        assert not exchange_promises(was, [(Context(NOW), moved)], demands=["one"], since=NOW)

    assert waits("one") == [(line_of(late).pk, 1)]
    hold()


def test_who_moves_keeps_its_place_in_the_queue() -> None:
    early, late = make_inbound("S1", {"A": 3}), make_inbound("S1", {"A": 2}, expected_at=NOW + DAY)
    promise("old", late, 2, day=0)
    promise("young", early, 1, day=1)
    with transaction.atomic():
        moved = [Promised("old", "A", line_of(early).pk, 2)]
        assert exchange_promises(promised_to(["old"]), [(Context(NOW), moved)], demands=["old"], since=NOW + 5 * DAY)

    receive(early, Receipt("A", 2))

    assert arrived_for(["old", "young"]) == [Held("old", "A", "S1", 2)]
    assert line_of(late).promised == 0


def test_counts_as_free_what_the_asker_would_give_back_and_not_what_is_hidden() -> None:
    inbound = make_inbound("S1", {"A": 5}, expected_at=NOW + DAY)
    promise("one", inbound, 4)

    def free(context: Context, **values: Any) -> list[int]:
        return [coming.units for coming in free_supply(["A"], context=context, **values)["A"]]

    assert free(Context(NOW), besides={line_of(inbound).pk: 4}) == [5]
    assert free(Context(NOW), besides={line_of(inbound).pk: -1}) == []
    make_exposure_rule(channel_id=None, locations=["S1"], hidden=True)
    assert free(Context(NOW)) == []


def test_what_is_to_come_counts_from_what_the_askers_cart_holds_though_a_rule_keeps_it_by_now() -> None:
    make_channel("web")
    set_stock("A", "S1", 6)
    make_inbound("S1", {"A": 5}, expected_at=NOW + DAY)
    with transaction.atomic():
        lock_stock([("A", "S1")])
        hold = hold_at("S1", {"A": 6}, name="c", owner="key", until=NOW + DAY, context=Context(NOW, "web"))
    assert hold
    make_exposure_rule(keep_units=4)
    holder = Context(NOW, "web", holds=(hold,))

    [coming] = free_supply(["A"], context=holder)["A"]

    assert sellable_units(["A"], context=holder)["A"] == {"S1": 6}
    assert coming.units == 1  # eleven, less the six it holds and the four that are kept


def test_what_is_kept_from_an_asker_is_not_promised_to_them_and_what_they_have_stays_theirs() -> None:
    inbound = make_inbound("S1", {"A": 8}, expected_at=NOW + DAY)
    assert promise("first", inbound, 3)
    make_exposure_rule(keep_units=4)

    assert not promise("second", inbound, 2)
    assert promise("second", inbound, 1)

    mine = {line_of(inbound).pk: 3}
    assert [coming.units for coming in free_supply(["A"], context=Context(NOW), besides=mine)["A"]] == [3]
    assert not promise("first", inbound, 1)
    make_exposure_rule(hidden=True)
    [coming] = free_supply(["A"], context=Context(NOW), besides=mine)["A"]
    assert coming.units == 3
    hold()


def test_one_exchange_for_two_askers_promises_no_more_than_there_is() -> None:
    line = line_of(make_inbound("S1", {"A": 4}, expected_at=NOW + DAY)).pk
    make_exposure_rule(order_type="pickup", keep_units=1)
    sent, collected = Context(NOW, order_type="ship"), Context(NOW, order_type="pickup")

    def exchange(*units: int) -> bool:
        now = [
            (context, [Promised(f"for:{n}", "A", line, units[n])] if units[n] else [])
            for n, context in enumerate([sent, collected])
        ]
        with transaction.atomic():
            return exchange_promises([], now, demands=["for:0", "for:1"], since=NOW)

    assert not exchange(2, 2)
    assert not exchange(0, 4)
    assert exchange(2, 1)
    hold()


# ---- receiving -----------------------------------------------------------------------------------


def test_the_oldest_get_what_comes_and_nobody_else_can_have_it() -> None:
    inbound = make_inbound("S1", {"A": 6})
    promise("young", inbound, 2, day=2)
    promise("old", inbound, 3, day=1)

    receive(inbound, Receipt("A", 4))

    assert arrived_for(["old", "young"]) == [Held("old", "A", "S1", 3), Held("young", "A", "S1", 1)]
    assert waits("young") == [(line_of(inbound).pk, 1)]
    assert (level("A", "S1").on_hand, level("A", "S1").reserved, sellable()) == (4, 4, {})
    assert (line_of(inbound).remaining, line_of(inbound).promised) == (2, 1)
    receive(inbound)
    assert arrived_for(["young"]) == [Held("young", "A", "S1", 2)]
    assert sellable() == {"S1": 1}
    assert not SupplyPromise.objects.exists()
    hold()


def test_safety_stock_takes_nothing_of_what_was_promised() -> None:
    set_stock("A", "S1", 0, safety_stock=5)
    inbound = make_inbound("S1", {"A": 2})
    promise("one", inbound, 2)

    receive(inbound)

    assert arrived_for(["one"]) == [Held("one", "A", "S1", 2)]
    hold()


def test_who_came_last_loses_what_is_broken_or_missing() -> None:
    inbound = make_inbound("S1", {"A": 6})
    promise("old", inbound, 3, day=1)
    promise("young", inbound, 3, day=2)

    receive(inbound, Receipt("A", 3), Receipt("A", 2, "damaged"))

    assert arrived_for(["old", "young"]) == [Held("old", "A", "S1", 3)]
    assert waits("young") == [(line_of(inbound).pk, 1), (None, 2)]
    receive(inbound, final=True)
    assert waits("young") == [(None, 3)]
    assert demands_concerned(inbound) == ["old", "young"]
    hold()


def test_many_who_wait_take_no_more_statements_than_few() -> None:
    """Some are served, one in part, and the rest lose the delivery; all keep their place in the queue."""
    taken = []
    for waiting in (3, 12):
        inbound = make_inbound("S1", {"A": 2 * waiting})
        demands = [f"{waiting}-{n}" for n in range(waiting)]
        for n, demand in enumerate(demands):
            promise(demand, inbound, 2, day=n)

        with CaptureQueriesContext(connection) as statements:
            receive(inbound, Receipt("A", 3), final=True)

        taken.append(len(statements))
        assert [held.quantity for held in arrived_for(demands)] == [2, 1]
        assert waits(demands[1]) == [(None, 1)]
        assert [waits(demand) for demand in demands[2:]] == [[(None, 2)]] * (waiting - 2)
        since = SupplyPromise.objects.filter(demand__in=demands).order_by("since").values_list("demand", "since")
        assert list(since) == [(demand, NOW + n * DAY) for n, demand in enumerate(demands) if n]
    assert taken[0] == taken[1]
    hold()


def test_what_a_level_owes_already_comes_first() -> None:
    set_stock("A", "S1", 0)
    inbound = make_inbound("S1", {"A": 3})
    promise("one", inbound, 3)
    row = level("A", "S1")
    row.reserved = 2
    row.save()
    Reservation.objects.create(
        id="res_1",
        demand="owed",
        product_id="A",
        location_id="S1",
        quantity=2,
        remaining=2,
        created_at=NOW,
        updated_at=NOW,
    )

    receive(inbound)

    assert arrived_for(["one"]) == [Held("one", "A", "S1", 1)]
    assert waits("one") == [(None, 2)]
    hold()


@pytest.mark.parametrize("act", ["cancel", "fewer", "none"])
def test_who_waits_for_what_does_not_come_is_told_apart(act: str) -> None:
    inbound = make_inbound("S1", {"A": 4, "B": 1})
    promise("old", inbound, 2, day=1)
    promise("young", inbound, 2, day=2)

    if act == "cancel":
        cancel_inbound(inbound_id=inbound, actor="test", as_of=NOW)
    else:
        lines = [("A", 3), ("B", 1)] if act == "fewer" else [("B", 1)]
        change_inbound(inbound_id=inbound, lines=lines, actor="test", as_of=NOW)

    kept = [(line_of(inbound).pk, 2)] if act == "fewer" else [(None, 2)]
    assert waits("old") == kept
    assert waits("young") == ([(line_of(inbound).pk, 1), (None, 1)] if act == "fewer" else [(None, 2)])
    hold()


def test_of_a_transfer_called_back_nobody_waits_for_it_any_more() -> None:
    set_stock("A", "S2", 3)
    transfer = make_transfer("S2", "S1", {"A": 3}, expected_at=NOW + DAY)
    promise("one", transfer, 2)

    cancel_inbound(inbound_id=transfer, actor="test", as_of=NOW)

    assert (waits("one"), sellable()) == ([(None, 2)], {"S2": 3})
    assert demands_with_stock(limit=5, as_of=NOW) == ["one"]
    hold()


# ---- claiming and giving back --------------------------------------------------------------------


def test_what_arrived_is_claimed_without_being_free_in_between() -> None:
    inbound = make_inbound("S1", {"A": 5})
    promise("one", inbound, 3)
    receive(inbound)

    with transaction.atomic():
        claim_arrivals([(Held("one", "A", "S1", 2), "one")], as_of=NOW)

    assert arrived_for(["one"]) == [Held("one", "A", "S1", 1)]
    assert Reservation.objects.get(demand="one").remaining == 2
    assert (level("A", "S1").reserved, sellable()) == (3, {"S1": 2})
    with transaction.atomic():
        release_arrivals([Held("one", "A", "S1", 1)], as_of=NOW)
    assert sellable() == {"S1": 3}
    hold()


def test_fewer_units_are_first_taken_from_what_nobody_brings_and_from_what_comes_last() -> None:
    first, second = make_inbound("S1", {"A": 2}), make_inbound("S1", {"A": 2}, expected_at=NOW + DAY)
    promise("one", first, 2)
    promise("one", second, 2)
    with transaction.atomic():
        wait_for_supply({("one", "A"): 1}, since=NOW)

    with transaction.atomic():
        assert withdraw_promises({"one": 2}) == []
    assert waits("one") == [(line_of(first).pk, 2), (line_of(second).pk, 1)]
    receive(first)
    with transaction.atomic():
        back = withdraw_promises({"one": 2})
    assert back == [Held(f"{ARRIVED}one", "A", "S1", 1)]
    with pytest.raises(Conflict), transaction.atomic():
        withdraw_promises({"one": 4})
    assert line_of(second).promised == 0
    hold()


def test_the_day_of_what_is_late_is_tomorrow() -> None:
    make_inbound("S1", {"A": 5}, expected_at=NOW - DAY)

    [coming] = free_supply(["A"], context=Context(NOW))["A"]

    assert coming.available_at.isoformat() == "2026-03-03T00:00:00+01:00"
    assert future_supply(["A"], context=Context(NOW))["A"] == [Supply(coming.available_at.date(), 5, "S1")]
    assert Inbound.objects.count() == 1
