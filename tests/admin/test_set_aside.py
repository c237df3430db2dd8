"""Events that stand aside: found, tried again and left out by those who may."""

from collections.abc import Callable

import pytest
from django.test import Client
from django.urls import reverse

from oms.clock import now
from oms.models import Event, SetAside
from orders.models import Order

LIST = "admin:oms_setaside_changelist"


@pytest.fixture
def failed(order: Order) -> SetAside:
    event = Event.objects.filter(root=order.pk).order_by("id")[0]
    return SetAside.objects.create(
        subscriber="orders.shortages",
        event=event,
        root=event.root,
        attempts=8,
        error="RuntimeError: no such place",
        set_aside_at=now(),
    )


def test_the_list_tells_what_happened_and_what_went_wrong(administrator: Client, failed: SetAside) -> None:
    page = administrator.get(reverse(LIST)).content.decode()

    assert "RuntimeError: no such place" in page
    assert "Failed" in page
    assert reverse("admin:orders_order_change", args=[failed.root]) in page


def test_the_home_page_shows_that_some_stand_aside(administrator: Client, failed: SetAside) -> None:
    assert "Events set aside" in administrator.get(reverse("admin:index")).content.decode()

    SetAside.objects.update(ended_at=now(), outcome="handled")

    assert "Events set aside" not in administrator.get(reverse("admin:index")).content.decode()


def test_many_are_tried_again_at_once(administrator: Client, failed: SetAside) -> None:
    answer = administrator.post(reverse(LIST), {"action": "try_again", "_selected_action": [failed.pk]}, follow=True)

    failed.refresh_from_db()
    assert "1 event is tried again in a moment." in answer.content.decode()
    assert (failed.asked_by, failed.asked_at is not None) == ("user:root", True)


@pytest.mark.parametrize(("role", "may"), [("operations", True), ("administrator", True), ("customer_service", False)])
def test_who_may_try_again_and_leave_out(
    client_as: Callable[[str], Client], failed: SetAside, role: str, may: bool
) -> None:
    client = client_as(role)

    for act in ("try_this_again", "leave_out"):
        answer = client.post(reverse(f"admin:oms_setaside_{act}", args=[failed.pk]), follow=True)
        assert (answer.status_code == 200) is may, act

    failed.refresh_from_db()
    assert failed.outcome == ("left_out" if may else "")


def test_an_ended_one_is_no_longer_acted_on(administrator: Client, failed: SetAside) -> None:
    SetAside.objects.update(ended_at=now(), outcome="handled")

    assert administrator.post(reverse("admin:oms_setaside_leave_out", args=[failed.pk])).status_code == 403
    assert administrator.get(reverse("admin:oms_setaside_change", args=[failed.pk])).status_code == 200
