"""Orders that wait for deliveries, by many hands at once: shoppers, the door, the clock, and a worker that dies."""

from datetime import timedelta
from itertools import count
from typing import Any

import pytest

from inventory.models import InboundLine, StockLevel, SupplyPromise
from inventory.services import supply_promises
from oms.clock import now
from orders.models import Order, OrderLine
from routing.services.rule_sets import create_draft, publish_rule_set
from tests.concurrency.buyers import buy
from tests.concurrency.conftest import Meanwhile
from tests.concurrency.killed_workers import run_killed_at_statement
from tests.concurrency.threads import at_once
from tests.factories.inventory import set_stock
from tests.factories.orders import make_network
from tests.flows.conftest import Answer, Api, pass_time, relay

BUYERS = 8


@pytest.fixture(autouse=True)
def shop(api: Api, settings: Any) -> None:
    settings.PLACEMENT_ATTEMPTS = BUYERS
    make_network(paris=0, lyon=0, lille=0)
    document = {"rules": [{"steps": [{"rest": "backorder"}]}]}
    publish_rule_set(rule_set_id=create_draft(document=document).pk, actor="test", as_of=now())


def announce(api: Api, units: int, location: str = "PARIS", days: int = 3) -> str:
    lines = [{"sku": "SKU-1", "quantity": units}]
    body = {"location": location, "expected_at": (now() + timedelta(days=days)).isoformat(), "lines": lines}
    return api.post("inbound/", body).json["id"]


def order(api: Api, units: int = 1) -> Answer:
    return buy(api, ("SKU-1", units), allow_backorder=True)


def clock() -> None:
    relay()
    pass_time()


def test_the_last_units_that_come_are_sold_once(api: Api, invariants_hold: Any) -> None:
    announce(api, 2)
    announce(api, 1, location="LYON", days=5)

    answers = at_once(BUYERS, lambda _number: order(api))

    assert sorted(answer.status for answer in answers) == [201] * 3 + [409] * (BUYERS - 3)
    assert {answer.json["code"] for answer in answers if answer.status == 409} == {"insufficient_stock"}
    assert sorted(InboundLine.objects.values_list("promised", flat=True)) == [1, 2]
    invariants_hold()


@pytest.mark.parametrize("is_locked", [True, False])
def test_without_the_lock_more_are_sold_than_come(
    api: Api, monkeypatch: pytest.MonkeyPatch, meanwhile: Meanwhile, is_locked: bool
) -> None:
    """Somebody orders when our order has read what is left of the delivery, and has not written yet."""
    if not is_locked:
        monkeypatch.setattr(supply_promises, "lock_supply", lambda lines: InboundLine.objects.in_bulk([*lines]))
    rival = meanwhile(lambda: order(api).status, supply_promises, after="free_supply")
    announce(api, 1)

    assert (order(api).status, rival.outcome) == (201, 409 if is_locked else 201)


def test_while_it_is_received_counted_canceled_and_looked_at_no_unit_is_lost_or_had_twice(
    api: Api, invariants_hold: Any
) -> None:
    inbound = announce(api, 6)
    numbers = [order(api).json["number"] for _ in range(6)]
    set_stock("SKU-1", "LYON", 1)

    def hands(number: int) -> None:
        mine = Api(api.token)
        if number == 0:
            for _box in range(3):
                mine.post(f"inbound/{inbound}/receive/", {"lines": [{"sku": "SKU-1", "quantity": 1}]})
            mine.post(f"inbound/{inbound}/receive/", {"lines": [], "final": True})
        elif number == 1:
            for canceled in numbers[:2]:
                assert mine.post(f"orders/{canceled}/cancel/").status == 200
        elif number == 2:
            for _press in range(3):
                buy(mine, ("SKU-1", 1))  # wants what is there, now
        else:
            for _turn in range(4):
                clock()

    at_once(5, hands)
    pass_time(minutes=5)  # whoever was outrun is tried again
    clock()

    invariants_hold()
    assert not SupplyPromise.objects.exists()
    waiting = Order.objects.filter(number__in=numbers)
    assert sum(OrderLine.objects.filter(order__in=waiting).values_list("backordered", flat=True)) == 0
    allocated = sum(OrderLine.objects.values_list("allocated", flat=True))
    on_hand = sum(StockLevel.objects.values_list("on_hand", flat=True))
    still_open = sum(OrderLine.objects.values_list("open", flat=True))
    assert (on_hand, allocated <= on_hand) == (4, True)
    assert still_open + allocated >= 4  # four were not canceled, and each has its unit or stands before a person


def test_a_worker_that_dies_anywhere_leaves_nothing_half_done(api: Api, invariants_hold: Any) -> None:
    inbound = announce(api, 3)
    announce(api, 9, location="LILLE", days=9)
    numbers = [order(api).json["number"] for _ in range(4)]  # the last waits for LILLE
    api.post(f"inbound/{inbound}/receive/", {"lines": [{"sku": "SKU-1", "quantity": 2}], "final": True})

    def work(turn: int) -> None:
        relay()
        pass_time(minutes=turn)  # past the lease of the one that died

    for turn in count(1):
        ended = run_killed_at_statement(lambda turn=turn: work(turn), 9 * turn, is_heard=bool(turn % 2))
        invariants_hold()
        if ended:
            break

    units = OrderLine.objects.order_by("order__placed_at", "pk").values_list("allocated", "backordered")
    assert list(units) == [(1, 0), (1, 0), (0, 1), (0, 1)]
    assert list(SupplyPromise.objects.values_list("line__inbound__location_id", flat=True)) == ["LILLE", "LILLE"]
    assert len(numbers) == 4
