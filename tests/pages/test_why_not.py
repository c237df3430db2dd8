"""From “why here?” to “why not there?” in a real browser, on a desk and on a phone."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from playwright.sync_api import Page, expect

from tests.admin.conftest import placed, work_of
from tests.factories.orders import make_network

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def desk(_orm_beside_the_browser: None, live_server: Any, page: Page) -> Page:
    make_network()
    work = work_of(placed())
    client = Client()
    client.force_login(User.objects.create_superuser("root", password="x"))
    cookie = {"name": "sessionid", "value": client.cookies["sessionid"].value, "url": live_server.url}
    page.context.add_cookies([cookie])
    page.goto(live_server.url + reverse("admin:orders_fulfillment_why", args=[work.pk]))
    return page


@pytest.mark.parametrize("width", [1280, 360])
def test_another_place_is_asked_for_and_told_about(desk: Page, width: int) -> None:
    desk.set_viewport_size({"width": width, "height": 900})

    desk.get_by_label("Why not").select_option("LYON")
    desk.get_by_role("button", name="Ask").click()

    told = desk.get_by_role("region", name="Why not there?")
    expect(told.get_by_role("heading", name="What would have had to be true")).to_be_visible()
    expect(told.get_by_role("listitem").first).to_be_visible()
    told.scroll_into_view_if_needed()
    assert told.evaluate("panel => panel.scrollWidth <= panel.clientWidth")
