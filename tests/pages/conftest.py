"""Pages as people meet them: Django's client for rules, a real browser for journeys."""

import os
import shutil
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from playwright.sync_api import expect

from oms import deadlines
from oms.clock import now
from oms.models import Deadline
from orders.commands import Pack, Pick, PickLine, Ready, Ship
from orders.models import Fulfillment
from orders.services import fulfillments
from tests.factories.orders import make_network
from tests.factories.people import PASSWORD, make_user

CHROMIUM = os.environ.get("OMS_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser") or ""
PHONE = {"width": 360, "height": 740}


def pass_time(**delta: float) -> None:
    """What is due within this time happens, as the clock would do it."""
    later = now() + timedelta(**delta)
    while deadlines.sweep(now=lambda: later):
        pass


def ring(work: Fulfillment, *kinds: str) -> None:
    """These clocks of the work ring as if their instants were now."""
    for kind in kinds:
        Deadline.objects.filter(subject=work.pk, kind=kind, done_at=None).update(retry_at=now())
        deadlines.sweep(now=now)


def accepted(work: Fulfillment) -> Fulfillment:
    fulfillments.acknowledge(fulfillment_id=work.pk, actor="user:lea", as_of=now())
    return work


def picked(work: Fulfillment) -> Fulfillment:
    accepted(work)
    found = tuple(
        PickLine(line=line.order_line.ref, picked=line.quantity) for line in work.lines.select_related("order_line")
    )
    fulfillments.pick(fulfillment_id=work.pk, command=Pick(lines=found), actor="user:lea", as_of=now())
    return work


def packed(work: Fulfillment) -> Fulfillment:
    picked(work)
    fulfillments.pack(fulfillment_id=work.pk, command=Pack(), actor="user:lea", as_of=now())
    return work


def shipped(work: Fulfillment) -> Fulfillment:
    picked(work)
    fulfillments.ship(fulfillment_id=work.pk, command=Ship(), actor="user:lea", as_of=now())
    return work


def ready(work: Fulfillment) -> Fulfillment:
    picked(work)
    fulfillments.make_ready(fulfillment_id=work.pk, command=Ready(staging="B-04"), actor="user:lea", as_of=now())
    return work


@pytest.fixture
def network(db: None) -> None:
    make_network()


@pytest.fixture
def lea(network: None) -> Client:
    """Signed in; works in Paris."""
    client = Client()
    client.force_login(make_user("lea", places=("PARIS",)))
    return client


# ---- the browser -----------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    if not CHROMIUM:
        pytest.skip("no Chromium here")
    expect.set_options(timeout=30_000)  # as long as the browser's other waits: five seconds are short on a busy machine
    return {**browser_type_launch_args, "executable_path": CHROMIUM, "args": ["--no-sandbox", "--disable-gpu"]}


@pytest.fixture(scope="session")
def browser_context_args(browser_context_args: dict[str, Any]) -> dict[str, Any]:
    return {**browser_context_args, "viewport": PHONE, "locale": "en"}


@pytest.fixture(scope="session")
def _orm_beside_the_browser() -> Iterator[None]:
    """Playwright keeps an event loop running in our thread, which Django takes for async code."""
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"
    yield
    del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@pytest.fixture
def phone(_orm_beside_the_browser: None, live_server: Any, page: Any) -> Any:
    """A phone at the front door. A page that throws or breaks the content policy fails the test."""
    make_network()
    make_user("lea", places=("PARIS",))
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda said: complaints.append(said.text) if "Content Security Policy" in said.text else None)
    page.goto(live_server.url)
    yield page
    assert complaints == []


@pytest.fixture
def sign_in(phone: Any) -> Callable[[str], None]:
    def go(name: str = "lea") -> None:
        phone.get_by_label("Username").fill(name)
        phone.get_by_label("Password").fill(PASSWORD)
        with phone.expect_navigation():
            phone.get_by_role("button", name="Sign in").click()

    return go
