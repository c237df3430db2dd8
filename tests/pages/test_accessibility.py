"""Every page on a phone, in both languages, light and dark: axe finds nothing, nothing is wider than the screen."""

from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.contrib.auth.models import User
from django.test import Client
from playwright.sync_api import Page

from inventory.models import Location
from oms.clock import now
from orders.models import Fulfillment
from routing.models import LearnedTable
from tests.factories.orders import order_body, pickup_body
from tests.factories.people import PASSWORD, make_user, placed
from tests.pages.conftest import accepted, picked, ready

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
_AXE = Axe()
_CUT_OFF = """() => [...document.querySelectorAll(".bo-panel")]
    .filter((panel) => panel.scrollWidth > panel.clientWidth).map((panel) => panel.querySelector("h2").innerText)"""


def faults(page: Page, path: str) -> list[str]:
    found = [f"{path}: {v['id']} {v['nodes'][0]['html'][:120]}" for v in _AXE.run(page).response["violations"]]
    width = page.evaluate("document.documentElement.scrollWidth")
    return found + ([f"{path}: {width} px wide"] if width > 360 else [])


def _late(work: Fulfillment) -> Fulfillment:
    Fulfillment.objects.filter(pk=work.pk).update(acknowledge_by=work.assigned_at.replace(year=2020))
    return work


@pytest.mark.parametrize(("language", "scheme"), [("en", "light"), ("fr", "dark")])
def test_every_page_is_clean(phone: Page, live_server: Any, language: str, scheme: Any) -> None:
    phone.emulate_media(color_scheme=scheme)
    phone.context.add_cookies([{"name": "django_language", "value": language, "url": live_server.url}])
    hours = {"mon": [["10:00", "13:00"], ["14:00", "19:00"]], "sat": [["10:00", "19:00"]]}
    work = {
        "new": _late(placed(order_body(("SKU-1", 1), locale=language))),
        "accepted": accepted(placed(order_body(("SKU-1", 1), locale=language))),
        "pickup": picked(placed(pickup_body(("SKU-1", 1), locale=language))),
        "ready": ready(placed(pickup_body(("SKU-1", 1), locale=language))),
        "parcel": picked(placed(order_body(("SKU-1", 1), locale=language))),
    }
    Location.objects.update(line1="88 rue de Rivoli", opening_hours=hours)
    make_user("olga", "operations", is_staff=True)

    complaints = faults(phone, "/")
    phone.locator("[name=username]").fill("olga")
    phone.locator("[name=password]").fill(PASSWORD)
    with phone.expect_navigation():
        phone.locator("main button").click()
    paths = [
        "/",
        "/nothing/",
        "/problems/illegal_move",
        "/store/",
        "/store/?q=nowhere",
        *(f"/store/at/PARIS/?tab={tab}" for tab in ("new", "pick", "hand", "today")),
        *(f"/store/work/{one.pk}/" for one in work.values()),
        f"/store/work/{work['new'].pk}/decline/",
        *(f"/track/{one.order.tracking_token}/" for one in work.values()),
        f"/track/{work['new'].order.tracking_token}/cancel/",
    ]
    for path in paths:
        phone.goto(live_server.url + path)
        assert phone.evaluate("document.documentElement.lang") == language
        complaints += faults(phone, path)
    phone.goto(f"{live_server.url}/store/work/{work['accepted'].pk}/")
    with phone.expect_navigation():
        phone.locator(".actions button").click()
    complaints += faults(phone, "pick")
    phone.locator(".trouble summary").click()
    with phone.expect_navigation():
        phone.locator(".trouble .button-danger").click()
    complaints += faults(phone, "missing, without a reason")

    assert complaints == []


def _session_of_root(live_server: Any) -> Any:
    """The cookie of whoever may see all of the back office."""
    client = Client()
    client.force_login(User.objects.create_superuser("root", password=PASSWORD))
    return {"name": "sessionid", "value": client.cookies["sessionid"].value, "url": live_server.url}


def test_no_figure_of_the_back_office_s_front_page_is_cut_off(phone: Page, live_server: Any) -> None:
    placed(order_body(("SKU-1", 1)))
    session = _session_of_root(live_server)

    cut_off = {}
    for language in ("en", "fr"):
        phone.context.add_cookies([session, {**session, "name": "django_language", "value": language}])
        phone.goto(f"{live_server.url}/admin/")
        assert phone.locator(".bo-panel table.bo-table").count() == 1
        cut_off[language] = phone.evaluate(_CUT_OFF)

    assert cut_off == {"en": [], "fr": []}


def test_what_the_back_office_calls_its_figures_can_be_read_on_a_phone(phone: Page, live_server: Any) -> None:
    placed(order_body(("SKU-1", 1)))
    session = _session_of_root(live_server)
    phone.context.add_cookies([session, {**session, "name": "django_language", "value": "fr"}])

    phone.goto(f"{live_server.url}/admin/inventory/levelpace/?list=overstock")
    row = phone.locator(".bo-cards tbody tr").first
    one_line, two_lines = (row.get_by_role("cell").nth(n).bounding_box() for n in (2, 4))
    phone.goto(f"{live_server.url}/admin/orders/fulfillment/")
    label = phone.locator("#result_list td").first.evaluate("(cell) => getComputedStyle(cell, '::before').content")

    assert one_line and two_lines and two_lines["height"] > one_line["height"]
    assert label == "none"


def test_what_dates_would_have_kept_is_no_wider_than_a_phone(phone: Page, live_server: Any) -> None:
    kept = {"method": "ship", "month": "2026-02", "cases": 12_000, "kept": 0.91, "kept_uncalibrated": 0.86, "days": 2.5}
    document = {"preparation": {}, "transit": {}, "calibrations": {}}
    table = LearnedTable.objects.create(
        learned_at=now(), window_days=180, preparations=300, transits=200, document=document, drift=[kept]
    )
    session = _session_of_root(live_server)

    widths = {}
    for language in ("en", "fr"):
        phone.context.add_cookies([session, {**session, "name": "django_language", "value": language}])
        phone.goto(f"{live_server.url}/admin/routing/learnedtable/{table.pk}/change/")
        assert phone.get_by_text("2026-02").count() == 1
        widths[language] = phone.evaluate("document.documentElement.scrollWidth")

    assert widths == {"en": 360, "fr": 360}
