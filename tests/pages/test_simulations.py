"""A simulation in the back office: asked for, followed to its report, read order by order, published."""

import os
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.contrib.auth.models import User
from django.test import Client

from inventory.models import Location
from oms.clock import now
from orders.services.demand_history import tell_demands
from routing.models import RuleSet, Simulation
from routing.services.demand_facts import Wanted, record_demands
from routing.services.rule_sets import create_draft
from routing.services.shadows import judge_shadows
from routing.services.simulation_work import work_on_simulations
from routing.services.sourcing import Demand, Destination, Line
from tests.factories.inventory import set_stocks
from tests.factories.orders import order_body
from tests.factories.people import placed

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
SHOTS = os.environ.get("OMS_SHOTS")  # a directory: keep pictures of the pages there
_AXE = Axe()
NEAREST = {
    "name": "nearest first",
    "rules": [
        {"name": "all orders", "steps": [{"weights": {"distance_km": 1}, "max_parcels": 1, "rest": "exception"}]}
    ],
}


def shoot(page: Any, name: str) -> list[str]:
    """What is wrong with it at a desk and on a phone."""
    found = []
    for width in (1280, 360):
        page.set_viewport_size({"width": width, "height": 800})
        if SHOTS:
            page.screenshot(path=Path(SHOTS) / f"{name}-{width}.png", full_page=True)
        if page.evaluate("document.documentElement.scrollWidth") > width:
            found.append(f"{name}: wider than {width} px")
    nodes = _AXE.run(page, context={"include": [[".bo"]]}).response["violations"]
    page.set_viewport_size({"width": 1280, "height": 800})
    return found + [f"{name}: {v['id']} {v['nodes'][0]['html'][:120]}" for v in nodes]


@pytest.fixture
def office(phone: Any, live_server: Any) -> Any:
    """An administrator at a desk. A page that throws or breaks the content policy fails the test."""
    client = Client()
    client.force_login(User.objects.create_superuser("root", password="a-long-password"))
    session = client.cookies["sessionid"].value
    phone.context.add_cookies([{"name": "sessionid", "value": session, "url": live_server.url}])
    phone.set_viewport_size({"width": 1280, "height": 800})
    return phone


@pytest.fixture
def past(office: Any) -> RuleSet:
    """Two hundred orders around Paris, of which a near store is dearer to send from; a draft that prefers it."""
    Location.objects.filter(code="PARIS").update(handling_cost=Decimal("2.50"), daily_capacity=40)
    set_stocks({(sku, code): 150 for sku in ("SKU-1", "SKU-2") for code in ("PARIS", "LYON", "LILLE")})
    begin = now() - timedelta(hours=20)
    wanted = []
    for n in range(200):
        lines = tuple(
            Line(f"l{i}", sku, 1 + n % 2, unit_value=Decimal("19.90"), weight_g=400)
            for i, sku in enumerate(("SKU-1", "SKU-2")[: 1 + n % 3 // 2])
        )
        there = Destination("FR", "75011", latitude=47 + n % 40 / 10, longitude=2.38)
        demand = Demand(channel="web", currency="EUR", lines=lines, destination=there)
        wanted.append(Wanted(f"dlv_{n:04}", begin + timedelta(minutes=5 * n), demand))
    record_demands(wanted)
    return create_draft(document=NEAREST)


def test_rules_are_tried_read_and_published(office: Any, live_server: Any, past: RuleSet) -> None:
    office.goto(f"{live_server.url}/admin/routing/simulation/")
    office.get_by_role("link", name="Simulate rules").click()
    office.get_by_label("Stock of").fill(f"{now():%Y-%m-%dT%H:%M}")
    complaints = shoot(office, "simulate")
    office.get_by_role("button", name="Simulate", exact=True).click()

    office.get_by_role("button", name="Call it off").wait_for()
    complaints += shoot(office, "waiting")
    work_on_simulations(now=now, seconds=60)
    office.get_by_role("heading", name="Side by side").wait_for()

    complaints += shoot(office, "report")
    told = office.locator(".bo").inner_text()
    row = Simulation.objects.get()
    assert (row.rule_set, row.orders_total) == (past.pk, 200)
    assert str(row.figures["comparison"]["changed"]) in told
    assert office.locator(".bo-line-chart").count() >= 9
    office.locator("#changes tbody a").first.click()
    office.get_by_text("What decided").first.wait_for()
    complaints += shoot(office, "order")
    order = office.get_by_role("link", name="The order").get_attribute("href")
    assert order.startswith("/admin/orders/order/?q=dlv_")

    office.get_by_role("link", name="The report").click()
    office.get_by_role("link", name="More").click()
    office.locator("#changes nav", has_text="2 /").wait_for()
    office.get_by_role("button", name="Publish these rules").click()
    office.get_by_text("These rules decide now.").wait_for()
    past.refresh_from_db()
    assert past.status == "published"
    assert office.get_by_role("button", name="Publish these rules").count() == 0

    office.context.add_cookies([{"name": "django_language", "value": "fr", "url": live_server.url}])
    for path in ("", "new/", f"{row.pk}/change/"):
        office.goto(f"{live_server.url}/admin/routing/simulation/{path}")
        complaints += shoot(office, f"fr-{path.rpartition('/')[0][:3] or 'list'}") if path else []
    assert "Côte à côte" in office.locator(".bo").inner_text()
    assert complaints == []


def test_a_draft_decides_beside_the_live_rules(office: Any, live_server: Any) -> None:
    far = {"name": "far", "rules": [{"name": "all", "steps": [{"from": {"locations": ["LYON"]}, "rest": "exception"}]}]}
    draft = create_draft(document=far)
    address = f"{live_server.url}/admin/routing/ruleset/{draft.pk}/change/"
    office.goto(address)
    office.get_by_role("button", name="Let it decide in the shadow").click()
    office.get_by_text("No new order yet.").wait_for()

    for _ in range(3):
        placed(order_body(("SKU-1", 1)))
    tell_demands(as_of=now() + timedelta(seconds=1))
    judge_shadows(as_of=now())

    office.goto(address)
    complaints = shoot(office, "shadow")
    told = office.locator(".bo").first.inner_text()
    assert "Of 3 new orders it would have decided 3 otherwise (100.0 %)." in told
    assert "PARIS" in told
    with office.expect_navigation():
        office.get_by_role("link", name="Simulate", exact=True).click()
    assert office.get_by_label("Rules").input_value() == draft.pk
    office.goto(address)
    office.get_by_role("button", name="Stop").click()
    office.get_by_text("It is no longer asked.").wait_for()
    assert complaints == []


def test_what_cannot_be_simulated_is_told_at_its_field(office: Any, live_server: Any) -> None:
    create_draft(document=NEAREST)
    office.goto(f"{live_server.url}/admin/routing/simulation/new/")
    office.get_by_label("Stock of").fill(f"{now():%Y-%m-%dT%H:%M}")
    office.get_by_role("button", name="Simulate", exact=True).click()
    office.get_by_text("No order is known yet").wait_for()

    office.get_by_label("Or the orders of a file").set_input_files(
        {"name": "d.csv", "mimeType": "text/csv", "buffer": b"order,placed_at,channel,sku,quantity\nA,now,web,NONE,1\n"}
    )
    office.get_by_role("button", name="Simulate", exact=True).click()
    office.get_by_text("2/sku: No such product").wait_for()
    assert not Simulation.objects.exists()
