"""The page of a stock level in a real browser: what stood there is asked for and told."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import transaction
from django.test import Client
from django.urls import reverse
from playwright.sync_api import Page, expect

from inventory.services import StockEvent, apply_stock_events
from tests.factories.inventory import level, make_location, make_product

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

MARCH = datetime(2026, 3, 2, 9, tzinfo=UTC)


def tell(name: str, units: int, at: datetime) -> None:
    with transaction.atomic():
        apply_stock_events([StockEvent(name, "A", "S", "delta", units, at)], source="till", actor="key:till", as_of=at)


@pytest.fixture
def desk(_orm_beside_the_browser: None, live_server: Any, page: Page) -> Page:
    make_product("A")
    make_location("S")
    tell("1", 10, MARCH)
    tell("2", -3, MARCH + timedelta(days=8))
    client = Client()
    client.force_login(User.objects.create_superuser("root", password="x"))
    cookie = {"name": "sessionid", "value": client.cookies["sessionid"].value, "url": live_server.url}
    page.context.add_cookies([cookie])
    page.set_viewport_size({"width": 1400, "height": 1000})
    page.goto(live_server.url + reverse("admin:inventory_stocklevel_change", args=[level("A", "S").pk]))
    return page


def test_what_stood_there_is_told_for_the_chosen_day(desk: Page) -> None:
    for at, told in (("2026-03-05T12:00", "10 on hand"), ("2026-03-12T12:00", "7 on hand")):
        desk.get_by_label("What stood here at").fill(at)
        desk.get_by_role("button", name="Show", exact=True).click()

        expect(desk.get_by_role("status")).to_contain_text(told)

    expect(desk.get_by_role("row")).to_have_count(3)  # the head and two movements
    assert "csrf" not in desk.url
