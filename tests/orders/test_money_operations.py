"""What the gateway declines moved nothing: it may be asked again, and stands in front of people until it is."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.db import transaction
from django.test import Client
from django.urls import reverse

from oms.clock import now
from oms.errors import Conflict, Missing
from oms.models import Deadline, Event
from oms.roles import sync_groups
from orders.integrations.payments import Answer
from orders.integrations.payments.sandbox import SandboxGateway
from orders.models import Payment, PaymentOperation
from orders.services import payments
from tests.factories.orders import make_network, order_body, pickup_body
from tests.flows.conftest import Api, pass_time


class Gateway(SandboxGateway):
    """Declines as often as it was told to."""

    def __init__(self) -> None:
        self.declines = 0
        self.keys: list[str] = []

    def _answer(self, key: str) -> Answer:
        self.keys.append(key)
        if self.declines:
            self.declines -= 1
            return Answer("declined", failure="try_later")
        return Answer("succeeded", f"ref {key}")

    def void(self, *, key: str, **_call: Any) -> Answer:
        return self._answer(key)

    def capture(self, *, key: str, **_call: Any) -> Answer:
        return self._answer(key)


@pytest.fixture
def gateway(monkeypatch: pytest.MonkeyPatch) -> Gateway:
    fake = Gateway()
    monkeypatch.setattr(payments, "gateway", lambda _name: fake)
    return fake


@pytest.fixture
def declined_void(shop: Api, gateway: Gateway) -> Iterator[Payment]:
    """A canceled order whose authorisation the gateway would not give back."""
    make_network()
    number = shop.post("orders/", order_body()).json["number"]
    gateway.declines = 1
    shop.post(f"orders/{number}/cancel/", {})
    pass_time(seconds=1)
    yield Payment.objects.get()


def _operations() -> list[tuple[str, str, str]]:
    rows = PaymentOperation.objects.order_by("id").values_list("kind", "status", "amount")
    return [(kind, status, str(amount)) for kind, status, amount in rows]


def test_a_declined_void_can_be_asked_again(declined_void: Payment, gateway: Gateway) -> None:
    assert declined_void.status == "authorized"

    payments.try_again(payment_id=declined_void.pk, actor="user:eva", as_of=now())
    pass_time(seconds=1)

    declined_void.refresh_from_db()
    assert declined_void.status == "voided"
    assert _operations() == [("void", "failed", "24.80"), ("void", "succeeded", "24.80")]
    assert len(set(gateway.keys)) == 2  # another question, lest the gateway repeat its first answer
    assert Event.objects.get(type="orders.payment.asked_again").actor == "user:eva"


def test_what_is_asked_again_already_is_not_asked_twice(declined_void: Payment) -> None:
    payments.try_again(payment_id=declined_void.pk, actor="user:eva", as_of=now())

    with pytest.raises(Conflict):
        payments.try_again(payment_id=declined_void.pk, actor="user:eva", as_of=now())

    assert [status for _kind, status, _amount in _operations()] == ["failed", "pending"]


def test_a_later_void_of_the_same_cause_is_no_longer_blocked(shop: Api, declined_void: Payment) -> None:

    with transaction.atomic():
        payments.void_rest(declined_void.order, cause=declined_void.order_id, as_of=now())
        payments.void_rest(declined_void.order, cause=declined_void.order_id, as_of=now())

    assert [status for _kind, status, _amount in _operations()] == ["failed", "pending"]


def test_nothing_is_asked_where_nothing_was_declined(shop: Api, gateway: Gateway) -> None:
    make_network()
    shop.post("orders/", order_body())

    with pytest.raises(Conflict):
        payments.try_again(payment_id=Payment.objects.get().pk, actor="user:eva", as_of=now())
    with pytest.raises(Missing):
        payments.try_again(payment_id="pay_ghost", actor="user:eva", as_of=now())

    assert _operations() == []


def test_a_declined_capture_takes_what_is_still_owed(shop: Api, gateway: Gateway, invariants_hold: Any) -> None:
    make_network()
    order = shop.post("orders/", pickup_body(("SKU-1", 2))).json
    work = order["fulfillments"][0]["id"]
    for act, body in (("acknowledge", {}), ("pick", {"lines": [{"line": "l1", "picked": 2}]}), ("ready", {})):
        shop.act(work, act, body)
    gateway.declines = 1
    shop.act(work, "hand_over", {"identity_checked": True})
    pass_time(seconds=1)
    assert shop.order(order["number"])["totals"]["paid"] == "0.00"

    payments.try_again(payment_id=Payment.objects.get().pk, actor="user:eva", as_of=now())
    pass_time(seconds=1)

    assert shop.order(order["number"])["totals"]["paid"] == "39.80"
    assert _operations() == [("capture", "failed", "39.80"), ("capture", "succeeded", "39.80")]
    invariants_hold()


@pytest.mark.parametrize(("role", "may"), [("operations", True), ("customer_service", True), ("store_manager", False)])
def test_who_may_ask_again_in_the_back_office(declined_void: Payment, role: str, may: bool) -> None:
    sync_groups()
    user = User.objects.create_user(role, is_staff=True)
    user.groups.add(Group.objects.get(name=role))
    client = Client()
    client.force_login(user)
    address = reverse("admin:orders_payment_try_again", args=[declined_void.pk])

    answer = client.post(address, follow=True)

    assert (answer.status_code == 200) is may
    assert PaymentOperation.objects.filter(status="pending").exists() is may


def test_declined_money_can_be_found(declined_void: Payment) -> None:
    client = Client()
    client.force_login(User.objects.create_superuser("root", password="x"))
    address = reverse("admin:orders_payment_changelist") + "?gateway=declined"
    assert declined_void.pk in client.get(address).content.decode()
    assert "Money the gateway declined" in client.get(reverse("admin:index")).content.decode()

    payments.try_again(payment_id=declined_void.pk, actor="user:eva", as_of=now())

    assert declined_void.pk not in client.get(address).content.decode()
    assert "Money the gateway declined" not in client.get(reverse("admin:index")).content.decode()


# ---- once a payment is decided, nobody asks what became of it ---------------------------------------------


def _unsettled() -> int:
    return Deadline.objects.filter(kind="orders.settle_payment", done_at=None).count()


@pytest.mark.parametrize(
    ("token", "waiting"),
    [("tok_ok", 0), ("tok_declined", 0), ("tok_pending", 1), ("tok_timeout", 1), ("tok_timeout_after_success", 1)],
)
def test_only_what_is_open_is_asked_again_later(shop: Api, token: str, waiting: int) -> None:
    make_network()
    body = order_body()
    body["payments"][0]["token"] = token

    shop.post("orders/", body)

    assert _unsettled() == waiting
    pass_time(minutes=2)
    assert _unsettled() == 0


def test_nothing_is_asked_about_what_is_paid_in_the_store(shop: Api) -> None:
    make_network()
    body = pickup_body()
    body["payments"] = [{"gateway": "in_store", "amount": "19.90"}]

    assert shop.post("orders/", body).json["status"] == "in_fulfillment"

    assert _unsettled() == 0
