"""What follows the gateway's answer comes to the same in one statement as step by step, whatever happened meanwhile."""

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
import time_machine

from oms.models import Deadline, Event
from oms.sql import Also
from orders.integrations.payments.sandbox import SandboxGateway
from orders.models import Fulfillment, Order, Payment
from orders.services import authorisation
from tests.factories.inventory import NOW, set_stock
from tests.factories.orders import make_network, order_body
from tests.flows.conftest import Api, pass_time

Meanwhile = Callable[[Api, str], Any]


def _ask(action: str, body: dict[str, Any]) -> Meanwhile:
    def act(shop: Api, number: str) -> None:
        answer = shop.post(f"orders/{number}/{action}/", body)
        assert answer.status == 200, answer

    return act


def _send_elsewhere(shop: Api, number: str) -> None:
    first = Fulfillment.objects.filter(order__number=number).order_by("id")[0]
    _ask("reroute", {"fulfillment": first.pk})(shop, number)


MEANWHILE: dict[str, Meanwhile] = {
    "nothing": lambda shop, number: None,
    "held": _ask("hold", {"kind": "fraud"}),
    "canceled": _ask("cancel", {}),
    "partly canceled": _ask("cancel", {"lines": [{"id": "l1", "quantity": 1}]}),
    "one piece canceled": _ask("cancel", {"lines": [{"id": "l2", "quantity": 1}]}),
    "sent elsewhere": _send_elsewhere,
    "settled by the clock": lambda shop, number: pass_time(seconds=31),
}


@pytest.fixture
def meanwhile(shop: Api, monkeypatch: pytest.MonkeyPatch) -> Callable[[Meanwhile], None]:
    """What happens while the gateway thinks."""
    at_once = SandboxGateway.authorize

    def happens(act: Meanwhile) -> None:
        asked: set[str] = set()

        def authorize(self: SandboxGateway, *, key: str, **others: Any) -> Any:
            if key not in asked:
                asked.add(key)
                act(shop, str(Payment.objects.get(pk=key).order.number))
            return at_once(self, key=key, **others)

        monkeypatch.setattr(SandboxGateway, "authorize", authorize)

    return happens


def _picture(order_id: str) -> list[Any]:
    """All that the answer can change, without the names of the rows."""
    work = Fulfillment.objects.filter(order=order_id).order_by("id")
    payments = Payment.objects.filter(order=order_id).order_by("position")
    subjects = [order_id, *work.values_list("pk", flat=True), *payments.values_list("pk", flat=True)]
    tables = (
        Order.objects.filter(pk=order_id).values("status", "promised_at", "expected_at"),
        payments.values("status", "version", "authorized_amount", "reference", "failure"),
        work.values(*(field.attname for field in Fulfillment._meta.concrete_fields)),
        Event.objects.filter(root=order_id).order_by("id").values("type", "subject", "actor", "payload", "is_public"),
        Deadline.objects.filter(subject__in=subjects)
        .order_by("kind", "subject", "generation")
        .values("kind", "subject", "generation", "due_at", "done_at"),
    )
    text = json.dumps([list(rows) for rows in tables], default=str, sort_keys=True)
    return json.loads(re.sub(r"sbx_\w{20}", "sbx", re.sub(r"([a-z]{3}_)[0-9a-z]{26}", r"\1", text)))


@pytest.mark.parametrize("what", MEANWHILE)
def test_at_once_or_step_by_step(
    what: str, shop: Api, meanwhile: Any, monkeypatch: pytest.MonkeyPatch, invariants_hold: Any
) -> None:
    with time_machine.travel(NOW, tick=False):
        make_network(paris=50, lyon=50, lille=50)
        set_stock("SKU-2", "LYON", 50)
        meanwhile(MEANWHILE[what])
        body = order_body(("SKU-1", 2), ("SKU-2", 1))
        pictures = []
        for is_at_once in (True, False):
            if not is_at_once:
                monkeypatch.setattr(authorisation, "as_placed", lambda *_args, **_kwargs: Also("SELECT false", ()))
            answer = shop.post("orders/", body | {"external_id": f"W-{is_at_once}"})
            assert answer.status == 201, answer
            pictures.append(_picture(answer.json["id"]))

        assert pictures[0] == pictures[1]
        invariants_hold()
