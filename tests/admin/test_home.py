"""The home page: what needs me now, each figure the way to its list."""

from collections.abc import Iterator
from datetime import timedelta
from html import unescape
from re import findall
from typing import Any

import pytest
import time_machine
from django.test import Client
from django.urls import reverse

from inventory.models import Location
from oms.cache import clear_all
from oms.clock import now
from orders.commands import Decline, HoldOrder
from orders.models import Fulfillment, Order
from orders.services.fulfillments import acknowledge, decline
from orders.services.holds import hold_order
from routing.services.rule_sets import create_draft, publish_rule_set
from tests.admin.conftest import placed, work_of
from tests.factories.inventory import make_location, set_stock
from tests.factories.orders import order_body

OF_STORES = {"name": "all", "rules": [{"steps": [{"from": {"kinds": ["store"]}, "rest": "exception"}]}]}


@pytest.fixture(autouse=True)
def _at_noon() -> Iterator[None]:
    """Far from midnight: today and yesterday stay apart."""
    with time_machine.travel("2026-11-20 12:00+00:00"):
        yield


def home(client: Client) -> str:
    return unescape(client.get(reverse("admin:index")).content.decode())


def listed(client: Client, address: str) -> int:
    return len(client.get(address).context["cl"].result_list)


def figures(page: str) -> dict[str, int]:
    """Address of each linked figure → the number it shows."""
    tiles = findall(r'<a class="bo-figure[^"]*" href="([^"]+)">.*?<b>(\d+)</b>', page)
    cells = findall(r'<a class="bo-(?:badge|link)[^"]*" href="([^"]+)">(?:<span[^>]*>[^<]*</span>)?(\d+)</a>', page)
    return {address: int(count) for address, count in tiles + cells}


def test_an_empty_house_says_that_nothing_waits(administrator: Client) -> None:
    page = home(administrator)

    assert "Nothing waits for a decision." in page
    assert "Every place is on time." in page
    assert "No order is on hold." in page
    assert figures(page) == {}


def test_every_figure_is_the_length_of_the_list_it_leads_to(administrator: Client, network: None) -> None:
    for place in ("PARIS", "LYON", "LILLE"):
        set_stock("SKU-1", place, 50)
    lost = placed()
    for _place in range(3):
        decline(fulfillment_id=work_of(lost).pk, command=Decline(reason="closed"), actor="user:store", as_of=now())
    held = placed()
    hold_order(number=held.number, command=HoldOrder(kind="fraud"), actor="user:a", as_of=now())
    placed(order_body(payments=[{"gateway": "sandbox", "amount": "24.80", "token": "tok_declined"}]))
    late, soon, slow = (work_of(placed()) for _order in range(3))
    acknowledge(fulfillment_id=slow.pk, actor="user:store", as_of=now())
    minute, hour = timedelta(minutes=1), timedelta(hours=1)
    Fulfillment.objects.filter(pk=late.pk).update(acknowledge_by=now() - minute, ready_by=now() + hour)
    Fulfillment.objects.filter(pk=soon.pk).update(acknowledge_by=now() + 10 * minute, ready_by=now() + hour)
    Fulfillment.objects.filter(pk=slow.pk).update(ready_by=now() - hour)
    yesterday = placed()
    Order.objects.filter(pk=yesterday.pk).update(placed_at=now() - timedelta(days=1, minutes=1))

    shown = figures(home(administrator))

    assert sorted(shown.values()) == [1, 1, 1, 1, 1, 2, 6]
    assert {address: listed(administrator, address) for address in shown} == shown


def test_what_its_place_was_warned_of_is_about_to_be_late_by_place(administrator: Client, network: None) -> None:
    for place in ("PARIS", "LYON", "LILLE"):
        set_stock("SKU-1", place, 50)
    warned, told, _quiet = (work_of(placed()) for _order in range(3))
    Fulfillment.objects.filter(pk__in=[warned.pk, told.pk]).update(warned_at=now())
    Fulfillment.objects.filter(pk=told.pk).update(escalated_at=now())

    page = home(administrator)

    shown = {address: count for address, count in figures(page).items() if "due=" in address}
    assert sorted(shown.values()) == [1, 2]
    assert {address: listed(administrator, address) for address in shown} == shown
    assert "The manager knows" in page


def test_nobody_is_late_with_what_is_held(administrator: Client, network: None) -> None:
    work = work_of(placed())
    Fulfillment.objects.filter(pk=work.pk).update(
        status="picking", ready_by=now() - timedelta(minutes=1), warned_at=now(), escalated_at=now(), clocks_left={}
    )

    assert "Every place is on time." in home(administrator)
    assert "clock stopped" in unescape(
        administrator.get(reverse("admin:orders_fulfillment_changelist")).content.decode()
    )


def test_packed_goods_that_no_carrier_has_are_late_too(administrator: Client, network: None) -> None:
    work = work_of(placed())
    Fulfillment.objects.filter(pk=work.pk).update(status="packed", hand_over_by=now() - timedelta(minutes=1))

    (late,) = [address for address in figures(home(administrator)) if "due=" in address]

    assert listed(administrator, late) == 1


def test_the_home_page_takes_few_queries(
    administrator: Client, network: None, django_assert_num_queries: Any, settings: Any
) -> None:
    settings.VERSIONED_CACHE_SECONDS = 60  # so that nothing is asked anew meanwhile
    publish_rule_set(rule_set_id=create_draft(document=OF_STORES).pk, actor="user:a", as_of=now())
    placed()
    home(administrator)

    with django_assert_num_queries(8):
        home(administrator)


def test_live_rules_whose_group_has_gone_need_somebody(administrator: Client, network: None) -> None:
    make_location("CORNER", groups=["corner"])
    document = {"name": "near", "rules": [{"steps": [{"from": {"groups": ["corner"]}, "rest": "exception"}]}]}
    rules = create_draft(document=document)
    publish_rule_set(rule_set_id=rules.pk, actor="user:a", as_of=now())
    assert "must be mended" not in home(administrator).lower()
    Location.objects.filter(code="CORNER").update(groups=[])
    clear_all()

    page = home(administrator)

    assert "Must be mended in the rules near v1" in page
    assert figures(page) == {reverse("admin:routing_ruleset_change", args=[rules.pk]): 1}
