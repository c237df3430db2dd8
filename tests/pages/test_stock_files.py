"""A file of stock in the back office: sent, looked at, begun, and followed without the page jumping."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import User
from django.test import Client

from inventory.models import ImportFault, Reconciliation, StockImport
from inventory.services import import_work
from inventory.services.feeds import FeedRow, put_feed
from inventory.services.reconciliation import reconcile_day
from oms.clock import now
from tests.factories.imports import imported, receive, rows, work
from tests.factories.inventory import level

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
SHOTS = os.environ.get("OMS_SHOTS")  # a directory: keep pictures of the pages there


def shoot(page: Any, name: str) -> None:
    if SHOTS:
        for width in (1280, 360):
            page.set_viewport_size({"width": width, "height": 800})
            page.screenshot(path=Path(SHOTS) / f"{name}-{width}.png", full_page=True)
    page.set_viewport_size({"width": 1280, "height": 800})


@pytest.fixture
def office(phone: Any, live_server: Any, settings: Any, tmp_path: Path) -> Any:
    """An administrator at a desk. A page that throws or breaks the content policy fails the test."""
    settings.IMPORT_DIR = tmp_path
    client = Client()
    client.force_login(User.objects.create_superuser("root", password="a-long-password"))
    session = client.cookies["sessionid"].value
    phone.context.add_cookies([{"name": "sessionid", "value": session, "url": live_server.url}])
    phone.set_viewport_size({"width": 1280, "height": 800})
    return phone


def test_a_file_is_sent_looked_at_and_begun(office: Any, live_server: Any, tmp_path: Path) -> None:
    file = tmp_path / "night.csv"
    file.write_bytes(rows("SKU-1,PARIS,3", "SKU-1,LYON,5", "SKU-9,PARIS,1", "SKU-2,PARIS,1e9", "SKU-2,PARIS,4"))

    office.goto(f"{live_server.url}/admin/inventory/stockimport/")
    office.get_by_role("link", name="Send a file").click()
    office.get_by_label("Source").fill("erp")
    office.get_by_label("File").set_input_files(file)
    shoot(office, "upload")
    office.get_by_role("button", name="Send and look at it").click()

    office.get_by_text("What would happen").wait_for()
    shoot(office, "preview")
    told = office.locator("main, #content, body").first.inner_text()
    assert "5 rows were looked at: these are all." in told
    assert "There is no such product" in told
    assert level("SKU-1", "PARIS").on_hand == 5

    office.get_by_role("button", name="Apply it").click()
    office.get_by_text("Waiting").first.wait_for()
    work()
    office.get_by_text("A whole number in plain figures is needed").first.wait_for()
    assert office.get_by_text("Completed").first.is_visible()
    assert level("SKU-1", "PARIS").on_hand == 3
    shoot(office, "completed")
    assert "A whole number in plain figures is needed" in office.locator("body").inner_text()


def test_the_bar_moves_and_the_page_does_not(office: Any, live_server: Any, settings: Any) -> None:
    settings.IMPORT_CHUNK_ROWS = 1
    row = receive(rows("SKU-1,PARIS,1", "SKU-1,LYON,2", "SKU-1,LILLE,3", "SKU-2,PARIS,4"), file_name="night.csv")
    held = import_work._Work(import_work._claim(now()), now=now)
    held._read_file()
    for address in (f"stockimport/{row.pk}/change/", "stockimport/"):
        office.goto(f"{live_server.url}/admin/inventory/{address}")
        office.evaluate("window.stays = true")
        bar = office.locator("progress").first
        before = float(bar.get_attribute("value") or office.evaluate("document.querySelector('progress').value"))

        held._take_step()

        office.wait_for_function(f"document.querySelector('progress').value > {before}")
        assert office.evaluate("window.stays") is True
        shoot(office, "running" if "change" in address else "list")
    work_left = import_work._Work.go_on
    work_left(held, float("inf"))

    office.wait_for_function("document.querySelector('progress').value === 1")
    office.get_by_text("Completed").first.wait_for()
    assert office.get_by_text("4 / 4").is_visible()
    assert office.evaluate("window.stays") is True
    assert StockImport.objects.get().status == "completed"
    assert not ImportFault.objects.exists()


def test_feeds_and_reconciliations_are_read_at_a_desk_and_on_a_phone(office: Any, live_server: Any) -> None:
    put_feed(FeedRow("erp", "ERP Lyon", "erp", counts_exclude_reserved=True), as_of=now())
    put_feed(FeedRow("wms", "Warehouse", "wms", reports_our_work=True), as_of=now())
    at = datetime(2026, 3, 2, 3, tzinfo=UTC)
    for night in range(12):
        with time_machine.travel(at + timedelta(days=night), tick=False):
            imported(rows(f"SKU-1,PARIS,{5 + night % 4}", f"SKU-2,PARIS,{night}", "SKU-1,LYON,5"), source="erp")
            reconcile_day(now().date(), as_of=now())

    for name, address in (
        ("feeds", "feed/"),
        ("feed", "feed/erp/change/"),
        ("reconciliations", "reconciliation/"),
        (
            "reconciliation",
            f"reconciliation/{Reconciliation.objects.filter(location='PARIS').latest('date').pk}/change/",
        ),
    ):
        office.goto(f"{live_server.url}/admin/inventory/{address}")
        shoot(office, name)
        for width in (1280, 360):
            office.set_viewport_size({"width": width, "height": 800})
            assert office.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), (name, width)
    assert office.get_by_text("Biggest differences").is_visible()
    assert "location__code__exact=PARIS" in office.locator("a[href*='stockmovement/?q=']").first.get_attribute("href")
