"""A list brought in by file, in a real browser: chosen, looked at, confirmed."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Page

from inventory.models import Product
from tests.factories.inventory import make_product
from tests.factories.people import PASSWORD
from tests.pages.test_accessibility import faults

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

FILE = "sku;price;name_fr;barcodes\nMUG;8,90;Tasse en grès;\nBAD;nine;Mauvais;\nNEW;4,50;Écharpe;4006381333931\n"


@pytest.fixture
def office(_orm_beside_the_browser: None, live_server: Any, page: Page) -> Page:
    User.objects.create_superuser("root", password=PASSWORD)
    page.goto(f"{live_server.url}/admin/")
    page.get_by_label("Username").fill("root")
    page.get_by_label("Password").fill(PASSWORD)
    with page.expect_navigation():
        page.get_by_role("button").last.click()
    return page


def test_a_file_is_chosen_looked_at_and_confirmed(office: Page, live_server: Any) -> None:
    make_product("MUG", name_en="Mug")
    office.goto(f"{live_server.url}/admin/inventory/product/import/")
    file = {"name": "tasses.csv", "mimeType": "text/csv", "buffer": FILE.encode("cp1252")}

    office.set_input_files("input[type=file]", files=[file])  # type: ignore[list-item]
    office.get_by_role("button", name="Look at it first").click()

    office.get_by_text("A decimal number as text is needed").wait_for()
    assert office.get_by_text("was read as Windows-1252").is_visible()
    assert Product.objects.count() == 1
    assert [fault for fault in faults(office, "preview") if "px wide" in fault] == []

    office.get_by_role("button", name="Import 2 rows").click()

    office.get_by_text("The file is brought in.").wait_for()
    assert sorted(Product.objects.values_list("pk", "name_fr")) == [("MUG", "Tasse en grès"), ("NEW", "Écharpe")]
