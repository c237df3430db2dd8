"""Many shoppers press at the same moment, over HTTP: real threads, real commits."""

from typing import Any

import pytest
from django.db import connection, transaction

from inventory.locks import LOCKED
from inventory.services import reservations
from oms import idempotency
from oms.clock import now
from oms.idempotency import Once, fingerprint
from oms.models import ApiKey
from orders.models import Order
from orders.services import placement
from tests.concurrency.buyers import buy
from tests.concurrency.conftest import Meanwhile
from tests.concurrency.threads import Rival, at_once
from tests.factories.inventory import set_stock
from tests.factories.orders import make_network, order_body, reserved
from tests.flows.conftest import Answer, Api

BUYERS, UNITS = 20, 5


@pytest.fixture
def patient_shop(settings: Any) -> None:
    """With twenty at one level, four plans may all be outrun; here everyone gets a clear yes or no."""
    settings.PLACEMENT_ATTEMPTS = BUYERS


@pytest.mark.usefixtures("slow_writing", "patient_shop")
def test_twenty_buyers_of_five_units_make_five_orders(api: Api, invariants_hold: Any) -> None:
    make_network(paris=UNITS, lille=0, lyon=0)

    answers = at_once(BUYERS, lambda _number: buy(api))

    assert sorted(answer.status for answer in answers) == [201] * 5 + [409] * 15
    for refused in (answer.json for answer in answers if answer.status == 409):
        assert refused["code"] == "insufficient_stock"
        (shortage,) = refused["shortages"]
        assert (shortage["sku"], shortage["requested"], shortage["sellable"]) == ("SKU-1", 1, 0)
    assert Order.objects.count() == 5
    assert reserved("SKU-1", "PARIS") == 5
    invariants_hold()


@pytest.mark.parametrize("is_locked", [True, False])
def test_without_the_lock_the_same_buyers_are_sold_what_is_not_there(
    api: Api, monkeypatch: pytest.MonkeyPatch, meanwhile: Meanwhile, is_locked: bool
) -> None:
    """Somebody wants the last unit when our order has it, and is not committed."""
    make_network(paris=1, lille=0, lyon=0)
    assert LOCKED in reservations._RESERVE
    if not is_locked:
        monkeypatch.setattr(reservations, "_RESERVE", reservations._RESERVE.replace(LOCKED, ""))
    rival = meanwhile(lambda: buy(api).status, placement, after="reserve_stock")

    assert (buy(api).status, rival.outcome) == (201, 409 if is_locked else 201)
    assert reserved("SKU-1", "PARIS") == (1 if is_locked else 2)


@pytest.mark.usefixtures("slow_writing", "patient_shop")
def test_last_units_in_several_places_are_found_by_planning_again(api: Api, invariants_hold: Any) -> None:
    make_network(paris=2, lille=2, lyon=1)

    answers = at_once(10, lambda _number: buy(api))

    assert sorted(answer.status for answer in answers) == [201] * 5 + [409] * 5
    assert [reserved("SKU-1", place) for place in ("PARIS", "LILLE", "LYON")] == [2, 2, 1]
    invariants_hold()


@pytest.mark.usefixtures("slow_writing", "patient_shop")
def test_those_who_take_what_can_be_had_share_all_that_is_there(api: Api, invariants_hold: Any) -> None:
    """Who is outrun plans again, and is cut to what the others left."""
    make_network(paris=7, lille=3, lyon=0)

    answers = at_once(8, lambda _number: buy(api, ("SKU-1", 3), allow_partial=True))

    assert {answer.status for answer in answers} == {201, 409}
    [lines] = zip(*(answer.json["lines"] for answer in answers if answer.status == 201), strict=True)
    assert [line["quantities"]["allocated"] for line in sorted(lines, key=lambda line: "cut" in line)] == [3, 3, 3, 1]
    assert [reserved("SKU-1", place) for place in ("PARIS", "LILLE")] == [7, 3]
    invariants_hold()


@pytest.mark.usefixtures("slow_writing")
def test_baskets_in_opposite_order_do_not_wait_for_each_other_in_a_circle(api: Api, invariants_hold: Any) -> None:
    make_network(paris=20)
    set_stock("SKU-2", "PARIS", 20)
    lines = [("SKU-1", 1), ("SKU-2", 1)]

    answers = at_once(10, lambda number: buy(api, *(lines if number % 2 else lines[::-1])))

    assert [answer.status for answer in answers] == [201] * 10
    assert (reserved("SKU-1", "PARIS"), reserved("SKU-2", "PARIS")) == (10, 10)
    invariants_hold()


@pytest.mark.usefixtures("slow_writing")
@pytest.mark.parametrize("round_", range(3))
def test_one_key_pressed_twice_at_once_makes_one_order(api: Api, round_: int) -> None:
    make_network()
    body = order_body()
    del body["external_id"]

    answers = at_once(4, lambda _number: Api(api.token).post("orders/", body, Idempotency_Key="same"))

    assert [answer.status for answer in answers] == [201] * 4
    assert len({answer.json["number"] for answer in answers}) == 1
    assert sum("Idempotency-Replayed" not in answer.headers for answer in answers) == 1
    assert Order.objects.count() == 1
    assert reserved("SKU-1", "PARIS") == 1


@pytest.mark.usefixtures("slow_writing")
@pytest.mark.parametrize("round_", range(3))
def test_one_external_id_under_several_keys_at_once_makes_one_order(api: Api, round_: int) -> None:
    make_network()
    body = order_body()

    def place(number: int) -> Answer:
        return Api(api.token).post("orders/", body, Idempotency_Key=f"key-{number}")

    answers = at_once(4, place)
    again = [place(number) for number in range(4)]

    assert [answer.status for answer in answers + again] == [201] * 8
    assert len({answer.json["number"] for answer in answers + again}) == 1
    assert [answer.headers.get("Idempotency-Replayed") for answer in again] == ["true"] * 4
    assert Order.objects.count() == 1
    assert reserved("SKU-1", "PARIS") == 1


@pytest.mark.usefixtures("slow_writing")
@pytest.mark.parametrize("round_", range(3))
def test_an_order_sent_twice_at_once_does_not_miss_the_units_it_has_itself(api: Api, round_: int) -> None:
    make_network(paris=1, lille=0, lyon=0)
    body = order_body()

    answers = at_once(4, lambda _number: Api(api.token).post("orders/", body))

    assert [answer.status for answer in answers] == [201] * 4
    assert len({answer.json["number"] for answer in answers}) == 1
    assert sum("Idempotency-Replayed" not in answer.headers for answer in answers) == 1
    assert reserved("SKU-1", "PARIS") == 1


@pytest.mark.usefixtures("slow_writing")
def test_one_key_for_two_bodies_at_once_is_answered_for_one_of_them(api: Api) -> None:
    make_network()

    answers = at_once(
        2, lambda number: Api(api.token).post("orders/", order_body(("SKU-1", 1 + number)), Idempotency_Key="same")
    )

    assert sorted(answer.status for answer in answers) == [201, 422]
    assert [answer.json["code"] for answer in answers if answer.status == 422] == ["idempotency_key_reused"]
    assert Order.objects.count() == 1


def test_who_waits_too_long_for_the_first_answer_is_told_when_to_come_back(api: Api) -> None:
    make_network()
    body = order_body()

    def second() -> Answer:
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = '100ms'")
        return Api(api.token).post("orders/", body, Idempotency_Key="same")

    rival = Rival(second)
    with transaction.atomic():
        idempotency.begin(Once(f"{_key_id()} orders", "same", fingerprint(body)), as_of=now())
        rival()
        answer = rival.outcome
        transaction.set_rollback(True)

    assert (answer.status, answer.json["code"]) == (409, "idempotency_in_progress")
    assert int(answer.headers["Retry-After"]) >= 1
    assert Order.objects.count() == 0
    assert api.post("orders/", body, Idempotency_Key="same").status == 201


def _key_id() -> str:
    return ApiKey.objects.values_list("pk", flat=True).get()


@pytest.mark.usefixtures("slow_writing")
def test_a_new_customer_who_orders_twice_at_once_is_one_customer(api: Api) -> None:
    make_network()

    answers = at_once(4, lambda _number: buy(api, customer={"external_id": "C-1"}))

    assert [answer.status for answer in answers] == [201] * 4
    assert len({answer.json["customer"]["id"] for answer in answers}) == 1
