"""Twelve hands set the price of one product: each is answered, and at no instant are there two."""

from decimal import Decimal

import pytest
from django.db import IntegrityError, transaction

from inventory.models import ProductPrice
from inventory.services import PriceRow, prices, receive_prices
from oms.channels import save_channel
from oms.models import Channel
from tests.concurrency.threads import at_once
from tests.factories.inventory import NOW, make_product

pytestmark = pytest.mark.django_db(transaction=True)

HANDS = 12


@pytest.fixture(autouse=True)
def shop():
    with transaction.atomic():
        save_channel(Channel(code="web", name="web", currency="EUR"))
    make_product("A")


def set_price(number: int) -> str:
    row = PriceRow("A", "web", Decimal(number), from_at=NOW)
    try:
        with transaction.atomic():
            (result,) = prices.save_prices([row], actor="t", as_of=NOW)
        return result.status
    except IntegrityError:
        return "broken"


def test_each_sees_what_the_one_before_it_set():
    statuses = at_once(HANDS, set_price)

    assert sorted(statuses) == ["created"] + ["updated"] * (HANDS - 1)
    assert ProductPrice.objects.count() == 1


@pytest.mark.parametrize("is_locked", [True, False])
def test_without_the_lock_they_run_into_the_databases_own_refusal(monkeypatch, meanwhile, is_locked):
    """Somebody sets the price when we have read that there is none, and have not written yet."""
    if not is_locked:
        monkeypatch.setattr(prices, "_lock_products", lambda skus: set(skus))
    rival = meanwhile(lambda: set_price(1), prices, after="_read")

    assert (set_price(0), rival.outcome) == (("created", "updated") if is_locked else ("broken", "created"))
    assert ProductPrice.objects.count() == 1


def test_lists_in_any_order_do_not_wait_for_each_other_in_a_circle():
    skus = [make_product(f"P{number}") for number in range(6)]

    def send(number: int) -> list[str]:
        rows = [PriceRow(sku, "web", Decimal(number), from_at=NOW) for sku in skus]
        results = receive_prices(rows if number % 2 else rows[::-1], actor="t", as_of=NOW)
        return [result.status for result in results]

    answers = at_once(HANDS, send)

    assert sorted(status for answer in answers for status in answer) == ["created"] * 6 + ["updated"] * 66
    assert ProductPrice.objects.count() == 6
