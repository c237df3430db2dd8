"""A place is given a limit while its work changes: each piece takes a day once, or none when it is gone."""

from collections.abc import Sequence

import pytest

from inventory.models import Location
from oms import cache
from oms.clock import now
from oms.invariants import all_invariants
from orders.models import Fulfillment, Order
from orders.services import limits
from routing.models import CapacityDay
from tests.concurrency.buyers import buy
from tests.concurrency.conftest import Meanwhile
from tests.concurrency.threads import at_once
from tests.factories.orders import make_network
from tests.flows.conftest import Api

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def work(api: Api) -> Fulfillment:
    """Given to PARIS when that had no limit."""
    make_network()
    assert buy(api, ("SKU-1", 1)).status == 201
    Location.objects.filter(pk="PARIS").update(daily_capacity=5)
    cache.clear_all()
    return Fulfillment.objects.select_related("order").get()


def broken() -> list[str]:
    return [sentence for invariant in all_invariants() for sentence in invariant.broken()]


@pytest.mark.parametrize("is_locked", [True, False])
def test_without_the_lock_work_that_is_canceled_takes_a_day(
    api: Api, work: Fulfillment, monkeypatch: pytest.MonkeyPatch, meanwhile: Meanwhile, is_locked: bool
) -> None:
    if not is_locked:

        def read(order: Order, statuses: Sequence[str]) -> list[Fulfillment]:
            return list(Fulfillment.objects.filter(order=order, status__in=statuses))

        monkeypatch.setattr(limits, "lock_order", lambda order_id: Order.objects.get(pk=order_id))
        monkeypatch.setattr(limits, "lock_work_in", read)
    path = f"orders/{work.order.number}/cancel/"
    rival = meanwhile(lambda: Api(api.token).post(path).status, limits, after="lock_work_in")

    limits.book_standing_work("PARIS", as_of=now())

    assert rival.outcome == 200
    assert (broken() == []) is is_locked


def test_who_hear_of_it_together_book_each_work_once() -> None:
    at_once(4, lambda _number: limits.book_standing_work("PARIS", as_of=now()))

    assert CapacityDay.objects.get().booked == 1
    assert broken() == []
