"""Receiving and sending on a phone of 360 × 740 with a real browser and its script."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Page, expect

from inventory.models import Inbound, InboundLine
from oms.clock import now
from tests.factories.inventory import level, make_inbound, make_location, make_product, make_transfer, set_stock
from tests.factories.people import PASSWORD, make_user
from tests.pages.test_accessibility import faults

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def manager(phone: Page, live_server: Any) -> Page:
    for code, name in (("PARIS", "Paris Marais"), ("LYON", "Lyon Part-Dieu")):
        make_location(code, name=name, abilities=["ship", "pickup", "receive_transfer"])
    make_product("JUMPER", name_en="Jumper", barcodes=["3760000000017"], attributes={"size": "M"})
    set_stock("JUMPER", "PARIS", 4)
    make_user("max", "store_manager", places=("PARIS",))
    phone.get_by_label("Username").fill("max")
    phone.get_by_label("Password").fill(PASSWORD)
    phone.get_by_role("button", name="Sign in").click()
    expect(phone.get_by_role("button", name="Sound for new work")).to_be_visible()
    return phone


def scan(phone: Page, code: str) -> None:
    """As a scanner does it: the code, then Enter."""
    phone.get_by_label("Scan, or type the number").fill(code)
    phone.keyboard.press("Enter")


def button(phone: Page, name: str) -> Any:
    return phone.get_by_role("button", name=name, exact=True)


def test_a_delivery_from_the_truck_to_the_shelf(manager: Page) -> None:
    phone = manager
    make_inbound("PARIS", {"JUMPER": 3, "SKU-2": 2}, expected_at=now() - timedelta(hours=2), source="erp")

    phone.reload()
    phone.get_by_role("link", name="Receive 1").click()
    phone.get_by_role("link", name="erp").click()
    for _scan in range(2):
        scan(phone, "3760000000017")
    expect(phone.get_by_label("Good Jumper")).to_have_value("2")  # counted here, without asking the server
    expect(phone.locator(".bar-note")).to_have_text("2 / 5")
    button(phone, "One more: Damaged, Jumper").click()
    scan(phone, "SKU-1")  # nobody announced it: the server is asked
    expect(phone.get_by_text("not announced")).to_be_visible()
    expect(phone.get_by_label("Good Jumper")).to_have_value("2")
    button(phone, "Check").click()
    expect(phone.get_by_text("4 articles")).to_be_visible()
    assert faults(phone, "receive, check") == []
    button(phone, "Count again").click()
    phone.get_by_label("Good A thing").first.fill("1")
    button(phone, "Check").click()
    phone.get_by_label("It is missing: close the delivery").check()
    button(phone, "Put into stock").click()

    expect(phone.get_by_text("5 articles are in stock. 1 is noted as missing.")).to_be_visible()
    assert (level("JUMPER", "PARIS").on_hand, level("JUMPER", "PARIS").damaged) == (7, 1)
    assert Inbound.objects.get().status == "received"


def test_a_transfer_is_sent_and_called_back(manager: Page) -> None:
    phone = manager

    phone.get_by_role("link", name="Send").click()
    phone.get_by_role("link", name="Lyon Part-Dieu").click()
    for _scan in range(2):
        scan(phone, "3760000000017")
        expect(phone.get_by_label("To send Jumper")).to_be_visible()
    expect(phone.get_by_label("To send Jumper")).to_have_value("2")
    with phone.expect_navigation():
        button(phone, "Check").click()
    assert faults(phone, "send, check") == []
    phone.get_by_label("Why?").fill("Sold out there")
    button(phone, "Send").click()
    expect(phone.get_by_text("2 articles are on their way to Lyon Part-Dieu.")).to_be_visible()
    assert level("JUMPER", "PARIS").on_hand == 2
    phone.get_by_role("link", name="Call back Lyon Part-Dieu").click()
    button(phone, "Call back").click()

    expect(phone.get_by_text("It is called back")).to_be_visible()
    assert level("JUMPER", "PARIS").on_hand == 4


def test_at_a_desk_no_column_of_a_delivery_is_cut_off(manager: Page, live_server: Any) -> None:
    User.objects.filter(username="max").update(is_staff=True, is_superuser=True)
    delivery = make_inbound("PARIS", {"JUMPER": 12}, expected_at=now())
    InboundLine.objects.update(received=11, remaining=1, promised=1, damaged=2, quarantined=1)
    manager.set_viewport_size({"width": 1280, "height": 800})

    manager.goto(f"{live_server.url}/admin/inventory/inbound/{delivery}/change/")

    expect(manager.get_by_text("2 damaged")).to_be_visible()
    boxes = "[...document.querySelectorAll('.bo-scroll')].map(box => box.scrollWidth - box.clientWidth)"
    assert manager.evaluate(boxes) == [0]


@pytest.mark.parametrize(("language", "scheme"), [("en", "light"), ("fr", "dark")])
def test_every_page_is_clean(manager: Page, live_server: Any, language: str, scheme: Any) -> None:
    phone = manager
    phone.emulate_media(color_scheme=scheme)
    phone.context.set_extra_http_headers({"Accept-Language": language})
    delivery = make_inbound("PARIS", {"JUMPER": 3, "SKU-2": 2}, expected_at=now() - timedelta(hours=2), source="erp")
    closed = make_inbound("PARIS", {"JUMPER": 1})
    Inbound.objects.filter(pk=closed).update(status="received", closed_at=now())
    sent = make_transfer("PARIS", "LYON", {"JUMPER": 1})
    complaints = []
    for path in (
        "/store/at/PARIS/",
        "/store/at/PARIS/receive/",
        f"/store/receive/{delivery}/",
        f"/store/receive/{closed}/",
        "/store/at/PARIS/send/",
        "/store/at/PARIS/send/?q=nowhere",
        "/store/at/PARIS/send/LYON/",
        f"/store/sent/{sent}/call-back/",
    ):
        phone.goto(live_server.url + path)
        complaints += faults(phone, path)
    phone.goto(f"{live_server.url}/store/at/PARIS/send/LYON/")
    for code in ("3760000000017", "nonsense"):
        phone.locator("[data-scan]").fill(code)
        with phone.expect_navigation():
            phone.keyboard.press("Enter")
        complaints += faults(phone, f"send, {code}")
    phone.locator(".input.count").fill("99")
    with phone.expect_navigation():
        phone.locator(".actions .button-primary").click()
    complaints += faults(phone, "send, too many")

    assert complaints == []
