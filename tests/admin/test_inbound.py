"""The back office: what is on its way, received and canceled by hand; units adjusted from their level."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from inventory.models import Inbound, InboundLine, StockAdjustment
from oms import roles
from oms.clock import now
from tests.factories.inventory import (
    level,
    make_inbound,
    make_locations,
    make_products,
    make_transfer,
    set_stocks,
)

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def shop() -> None:
    make_products("A", "B", name_en="Shirt")
    make_locations("S1", "S2", abilities=["receive_transfer"])
    set_stocks({("A", "S1"): 10})


def page(client: Client, inbound: str, name: str = "change") -> str:
    answer = client.get(reverse(f"admin:inventory_inbound_{name}", args=[inbound]))
    assert answer.status_code == 200
    return answer.content.decode()


def send(client: Client, inbound: str, name: str, **values: Any) -> Any:
    address = reverse(f"admin:inventory_inbound_{name}", args=[inbound])
    hidden = dict(re.findall(r'name="(token|version)" value="([^"]*)"', client.get(address).content.decode()))
    return client.post(address, hidden | values, follow=True)


def rows(client: Client, query: str = "") -> list[str]:
    return [row.pk for row in client.get(f"/admin/inventory/inbound/?{query}").context["cl"].result_list]


def test_the_list_tells_what_comes_and_what_is_late_or_missing(administrator: Client) -> None:
    late = make_inbound("S1", {"A": 5, "B": 1}, expected_at=now() - DAY, reference="Spring")
    short = make_inbound("S2", {"B": 4}, expected_at=now() + DAY, source="erp", external_id="PO-1")

    shown = administrator.get("/admin/inventory/inbound/").content.decode()

    assert all(text in shown for text in ("Delivery Spring", "Delivery PO-1", "Late", "0 of 6", "erp"))
    assert rows(administrator) == [short, late]
    assert rows(administrator, "coming=late") == [late]
    assert rows(administrator, "kind=transfer") == []
    assert rows(administrator, "q=PO-1") == [short]
    assert rows(administrator, "q=spr") == [late]
    assert rows(administrator, "q=A") == [late]


def test_the_list_takes_as_many_statements_for_many_as_for_few(administrator: Client) -> None:
    def statements() -> int:
        with CaptureQueriesContext(connection) as captured:
            administrator.get("/admin/inventory/inbound/")
        return len(captured)

    make_inbound("S1", {"A": 1})
    statements()
    few = statements()
    for _number in range(10):
        make_inbound("S2", {"A": 1, "B": 1})

    assert statements() == few


@pytest.mark.django_db(transaction=True)
def test_a_delivery_is_received_in_part_then_closed_with_what_is_missing(administrator: Client) -> None:
    inbound = make_inbound("S1", {"A": 5, "B": 2}, expected_at=now() + DAY)
    a, b = InboundLine.objects.order_by("product")

    answer = send(
        administrator,
        inbound,
        "receive",
        **{f"good_{a.pk}": "3", f"damaged_{a.pk}": "1", f"good_{b.pk}": "", f"damaged_{b.pk}": "", "rest": "open"},
    )
    assert "4 units are in stock now." in answer.content.decode()
    assert (level("A", "S1").on_hand, level("A", "S1").damaged) == (14, 1)

    send(administrator, inbound, "receive", rest="missing", note="The rest was lost")
    shown = page(administrator, inbound)

    assert Inbound.objects.get().status == "received"
    for text in (
        "1 missing",
        "2 missing",
        "1 damaged",
        "The rest was lost",
        "Closed in Place S1: 3 missing, 1 damaged",
    ):
        assert text in shown, text
    assert "Receive</a>" not in shown


@pytest.mark.django_db(transaction=True)
def test_a_form_sent_twice_counts_once_and_an_old_one_is_refused(administrator: Client) -> None:
    inbound = make_inbound("S1", {"B": 5}, expected_at=now() + DAY)
    line = InboundLine.objects.get()
    address = reverse("admin:inventory_inbound_receive", args=[inbound])
    form = dict(re.findall(r'name="(token|version)" value="([^"]*)"', page(administrator, inbound, "receive")))
    form |= {f"good_{line.pk}": "2", f"damaged_{line.pk}": "0", "rest": "open", "note": ""}

    for _click in range(2):
        assert administrator.post(address, form).status_code == 302
    assert level("B", "S1").on_hand == 2

    refused = administrator.post(address, form | {"token": "another"})
    assert "Somebody changed this meanwhile" in refused.content.decode()
    assert level("B", "S1").on_hand == 2


def test_a_receipt_that_says_nothing_is_asked_again(administrator: Client) -> None:
    inbound = make_inbound("S1", {"B": 5})
    line = InboundLine.objects.get()

    answer = send(administrator, inbound, "receive", rest="open", **{f"good_{line.pk}": "0", f"damaged_{line.pk}": "0"})

    assert "Say what came, or that the rest is missing." in answer.content.decode()
    assert Inbound.objects.get().status == "announced"


@pytest.mark.django_db(transaction=True)
def test_a_transfer_is_called_back(administrator: Client) -> None:
    transfer = make_transfer("S1", "S2", {"A": 4})
    assert "Its units stand in Place S1 again." in page(administrator, transfer, "cancel")

    answer = send(administrator, transfer, "cancel", reason="Not needed")

    assert "It is canceled." in answer.content.decode()
    assert level("A", "S1").on_hand == 10
    assert "It does not come to Place S2 – Not needed" in page(administrator, transfer)


@pytest.mark.django_db(transaction=True)
def test_a_delivery_gets_another_day(administrator: Client) -> None:
    inbound = make_inbound("S1", {"A": 4})

    send(administrator, inbound, "redate", expected_at_0="2026-12-24", expected_at_1="08:00", reference="Later")

    row = Inbound.objects.get()
    assert (row.expected_at.isoformat(), row.reference) == ("2026-12-24T08:00:00+00:00", "Later")


@pytest.mark.parametrize("name", ["receive", "redate", "cancel"])
def test_who_may_only_look_does_nothing(client_as: Callable[[str], Client], name: str) -> None:
    inbound = make_inbound("S1", {"A": 4})
    client = client_as(roles.CUSTOMER_SERVICE)

    assert client.get(reverse(f"admin:inventory_inbound_{name}", args=[inbound])).status_code == 403
    assert client.post(reverse(f"admin:inventory_inbound_{name}", args=[inbound])).status_code == 403
    assert Inbound.objects.get().status == "announced"


# ---- adjustments ---------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_units_are_adjusted_from_their_level(administrator: Client) -> None:
    row = level("A", "S1")
    address = reverse("admin:inventory_stocklevel_adjust", args=[row.pk])
    token = re.findall(r'name="token" value="([^"]*)"', administrator.get(address).content.decode())[0]
    form = {"token": token, "kind": "damage", "quantity": "3", "reason": "broken", "note": "Fell", "condition": ""}

    for _click in range(2):
        answer = administrator.post(address, form, follow=True)

    assert "Damaged: 3" in answer.content.decode()
    assert (level("A", "S1").on_hand, level("A", "S1").damaged, StockAdjustment.objects.count()) == (10, 3, 1)
    shown = administrator.get("/admin/inventory/stockadjustment/").content.decode()
    assert all(text in shown for text in ("Damaged", "Broken here", "Fell"))


@pytest.mark.django_db(transaction=True)
def test_more_than_is_there_is_refused_with_what_was_typed(administrator: Client) -> None:
    address = reverse("admin:inventory_stocklevel_adjust", args=[level("A", "S1").pk])
    form = {"token": "t", "kind": "write_off", "quantity": "30", "reason": "stolen", "note": "All of it"}

    answer = administrator.post(address, form).content.decode()

    assert "Fewer units are there" in answer
    assert 'value="All of it"' in answer
    assert level("A", "S1").on_hand == 10


def test_customer_service_adjusts_nothing(client_as: Callable[[str], Client]) -> None:
    address = reverse("admin:inventory_stocklevel_adjust", args=[level("A", "S1").pk])

    assert client_as(roles.CUSTOMER_SERVICE).post(address, {}).status_code == 403
