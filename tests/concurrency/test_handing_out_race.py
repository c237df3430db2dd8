"""The statement that hands a placed order out locks it first: who changed the order meanwhile is heard."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection, transaction

from oms.clock import now
from oms.sql import Also
from orders.integrations.payments.sandbox import SandboxGateway
from orders.locks import lock_order
from orders.models import Fulfillment, Order, Payment
from orders.services import authorisation, holds
from tests.concurrency.threads import waits_for_me
from tests.factories.orders import make_network, order_body
from tests.flows.conftest import Api


class _Holder:
    """Puts an order on hold, and commits once the backend it looks at waits for that, or all is over."""

    def __init__(self) -> None:
        self.has_held, self.is_over = threading.Event(), threading.Event()
        self._thread: threading.Thread | None = None

    def hold(self, order_id: str, *, until_waits: int) -> None:
        self._thread = threading.Thread(target=self._hold, args=(order_id, until_waits))
        self._thread.start()
        assert self.has_held.wait(30)

    def _hold(self, order_id: str, pid: int) -> None:
        try:
            with transaction.atomic(durable=True):
                holds.place(lock_order(order_id), "fraud", actor="test", as_of=now())
                self.has_held.set()
                while not self.is_over.wait(0.005) and not waits_for_me(pid):
                    pass
        finally:
            connection.close()

    def end(self) -> None:
        self.is_over.set()
        if self._thread:
            self._thread.join(30)


@pytest.fixture
def holder(monkeypatch: pytest.MonkeyPatch) -> Iterator[_Holder]:
    """Begins while the gateway thinks, and is not through when the order is to be handed out."""
    holder, authorize = _Holder(), SandboxGateway.authorize

    def slowly(self: SandboxGateway, *, key: str, **others: Any) -> Any:
        holder.hold(Payment.objects.get(pk=key).order_id, until_waits=connection.connection.info.backend_pid)
        return authorize(self, key=key, **others)

    monkeypatch.setattr(SandboxGateway, "authorize", slowly)
    yield holder
    holder.end()


def _placed(api: Api) -> tuple[str, str, str]:
    """How the order, its work and its payment stand after all."""
    make_network()
    assert api.post("orders/", order_body()).status == 201
    return Order.objects.get().status, Fulfillment.objects.get().status, Payment.objects.get().status


def test_an_order_that_is_being_held_is_not_handed_out(api: Api, holder: _Holder, invariants_hold: Any) -> None:
    assert _placed(api) == ("on_hold", "planned", "authorized")
    invariants_hold()


def test_without_looking_a_held_order_is_handed_out(api: Api, holder: _Holder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(authorisation, "as_placed", lambda *_args, **_kwargs: Also("SELECT true", ()))

    _order, work, _payment = _placed(api)
    holder.end()

    assert (Order.objects.get().status, work) == ("on_hold", "assigned")
