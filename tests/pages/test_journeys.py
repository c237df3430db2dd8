"""Whole journeys on a phone of 360 × 740 with a real browser."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from oms.clock import now
from orders.commands import HoldOrder
from orders.models import Fulfillment
from orders.pickup_codes import pickup_code
from orders.services.holds import hold_order
from tests.factories.orders import order_body, pickup_body
from tests.factories.people import placed
from tests.pages.conftest import pass_time, picked, ready, ring

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
SignIn = Callable[[], None]


def button(phone: Page, name: str) -> Any:
    return phone.get_by_role("button", name=name, exact=True)


def awake(phone: Page) -> None:
    """The page's script runs: it brings the bell."""
    expect(button(phone, "Sound for new work")).to_be_visible()


def test_a_pickup_from_new_to_handed_over(phone: Page, sign_in: SignIn) -> None:
    work = placed(pickup_body(("SKU-1", 2)))
    number = f"#{work.order.number}"
    sign_in()

    button(phone, f"Accept {number}").click()
    expect(phone.get_by_text(f"{number} is yours")).to_be_visible()
    phone.get_by_role("link", name="1 Pick").click()
    phone.get_by_role("link", name=re.compile(number)).click()
    button(phone, "Start picking").click()
    expect(phone.get_by_text("pick 1 of 1")).to_be_visible()
    button(phone, "One fewer").click()
    expect(phone.get_by_label("Found", exact=True)).to_have_value("1")
    button(phone, "One more").click()
    expect(button(phone, "One more")).to_be_disabled()
    button(phone, "Picked").click()
    phone.get_by_label("Where does it wait?").fill("B-04")
    button(phone, "Ready for the customer").click()
    phone.get_by_role("link", name="1 Hand over").click()
    phone.get_by_role("link", name=re.compile(number)).click()
    expect(phone.get_by_text("B-04")).to_be_visible()

    wrong = "000000" if pickup_code(work.pk) != "000000" else "111111"
    phone.get_by_label("Code of six figures").fill(wrong)
    button(phone, "Hand over").click()
    expect(phone.get_by_text("4 attempts left")).to_be_visible()
    expect(phone.get_by_label("Code of six figures")).to_have_value(wrong)
    phone.get_by_label("Code of six figures").fill(pickup_code(work.pk))
    button(phone, "Hand over").click()

    expect(phone.get_by_text(f"{number} is handed over")).to_be_visible()
    expect(phone.get_by_text("Nobody to wait for")).to_be_visible()
    assert Fulfillment.objects.get(pk=work.pk).status == "collected"


def test_a_parcel_from_new_to_the_carrier(phone: Page, sign_in: SignIn) -> None:
    work = placed(order_body(("SKU-1", 1)))
    number = f"#{work.order.number}"
    sign_in()

    phone.get_by_role("link", name=re.compile(f"{number} 1 article")).click()
    button(phone, "Accept").click()
    button(phone, "Start picking").click()
    button(phone, "Picked").click()
    phone.get_by_label("Tracking number").fill("6A123")
    button(phone, "Given to the carrier").click()

    expect(phone.get_by_text(f"{number} is on its way")).to_be_visible()
    assert Fulfillment.objects.get(pk=work.pk).shipment.tracking_number == "6A123"


def test_declining_and_reporting_what_is_missing(phone: Page, sign_in: SignIn) -> None:
    declined, short = placed(order_body(("SKU-1", 1))), placed(order_body(("SKU-1", 2)))
    sign_in()

    phone.get_by_role("link", name=f"Decline #{declined.order.number}").click()
    phone.get_by_label("Too busy").check()
    button(phone, "Decline").click()
    expect(phone.get_by_text("goes to another place")).to_be_visible()
    button(phone, f"Accept #{short.order.number}").click()
    expect(phone.get_by_text(f"#{short.order.number} is yours")).to_be_visible()
    phone.goto(phone.url.partition("/store/")[0] + f"/store/work/{short.pk}/")
    button(phone, "Start picking").click()
    phone.get_by_text("Can’t find it, or damaged").click()
    phone.get_by_label("Not found").check()
    phone.get_by_label("How many good ones did you find?").fill("1")
    button(phone, "Report what is missing").click()

    expect(phone.get_by_text("1 missing")).to_be_visible()
    assert Fulfillment.objects.get(pk=declined.pk).status == "declined"
    assert Fulfillment.objects.get(pk=short.pk).lines.get().short == 1


def test_new_work_appears_by_itself_without_a_jump(phone: Page, sign_in: SignIn) -> None:
    phone.clock.install()
    works = [placed(order_body(("SKU-1", 1))) for _ in range(4)]
    sign_in()
    awake(phone)
    kept = button(phone, f"Accept #{works[3].order.number}")
    kept.focus()
    before = phone.evaluate("scrollY")

    new = placed(order_body(("SKU-1", 1)))
    phone.clock.run_for(11_000)

    expect(button(phone, f"Accept #{new.order.number}")).to_be_visible()
    expect(phone.locator('[data-count="new"]')).to_have_text("5")
    expect(kept).to_be_focused()
    assert phone.evaluate("scrollY") == before


def test_work_the_clock_took_leaves_the_list_and_a_late_tap_is_told_why(phone: Page, sign_in: SignIn) -> None:
    work = placed(order_body(("SKU-1", 1)))
    sign_in()
    expect(button(phone, f"Accept #{work.order.number}")).to_be_visible()
    pass_time(days=1)

    button(phone, f"Accept #{work.order.number}").click()

    expect(phone.get_by_text("The clock was first")).to_be_visible()
    assert Fulfillment.objects.get(pk=work.pk).status == "timed_out"


def test_the_countdown_turns_late(phone: Page, sign_in: SignIn) -> None:
    work = placed(order_body(("SKU-1", 1)))
    phone.clock.install()
    sign_in()
    awake(phone)
    expect(phone.get_by_text("Accept within")).to_be_visible()

    phone.clock.fast_forward((work.acknowledge_by - work.assigned_at).total_seconds() * 1000 + 5_000)

    expect(phone.get_by_text("Late by")).to_be_visible()
    expect(phone.get_by_text("A B. is waiting")).to_be_visible()


def test_a_lost_connection_is_shown(phone: Page, sign_in: SignIn) -> None:
    phone.clock.install()
    sign_in()
    awake(phone)

    phone.context.set_offline(True)
    phone.clock.run_for(11_000)

    expect(phone.get_by_text("No connection")).to_be_visible()


def test_a_shopper_sees_the_code_and_cancels_another_order(phone: Page, live_server: Any) -> None:
    waiting, other = ready(placed(pickup_body(("SKU-1", 1)))), placed(order_body(("SKU-1", 1)))
    code = pickup_code(waiting.pk)

    phone.goto(f"{live_server.url}/track/{waiting.order.tracking_token}/")
    expect(phone.get_by_role("heading", name="Ready to be collected")).to_be_visible()
    expect(phone.get_by_text(f"{code[:3]} {code[3:]}")).to_be_in_viewport()
    expect(phone.get_by_alt_text(f"QR code for {code}")).to_be_in_viewport()
    phone.goto(f"{live_server.url}/track/{other.order.tracking_token}/")
    phone.get_by_role("link", name="Cancel the order").click()
    button(phone, "Yes, cancel it").click()

    expect(phone.get_by_role("heading", name="Your order is canceled")).to_be_visible()
    assert Fulfillment.objects.get(pk=other.pk).status == "canceled"


def test_the_list_says_by_itself_that_work_is_due_soon_and_that_a_clock_stands_still(
    phone: Page, sign_in: SignIn
) -> None:
    soon, held = placed(order_body()), picked(placed(order_body()))
    phone.clock.install()
    sign_in()
    awake(phone)
    card = phone.locator(f"#{soon.pk}")
    expect(card.get_by_text("Due soon")).to_be_hidden()

    ring(soon, "orders.warn", "orders.warn_manager")
    phone.clock.fast_forward(11_000)
    expect(card.get_by_text("The manager knows")).to_be_visible()

    hold_order(number=held.order.number, command=HoldOrder(kind="fraud"), actor="user:a", as_of=now())
    phone.get_by_role("link", name="1 Pick").click()
    stopped, method = phone.get_by_text("On hold: clock stopped"), phone.locator(f"#{held.pk}").get_by_text("Ship")
    expect(stopped).to_be_visible()
    for shown in (stopped, method):
        box = shown.bounding_box()
        assert box and box["x"] >= 0 and box["x"] + box["width"] <= 360 - 16  # nothing is cut off at the card's edge
