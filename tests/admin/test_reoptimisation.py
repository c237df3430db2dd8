"""Planning orders again together from the back office: a button, what came of it in words, and what it saved."""

from collections.abc import Callable
from html import unescape
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from orders.models import Fulfillment, Order, Reoptimisation
from routing.admin.decision_page import decision_view
from routing.models import Decision
from tests.factories.orders import ADDRESS, order_body
from tests.flows.test_reoptimise import TOY, make_shop

from .conftest import placed

LIST = "admin:orders_reoptimisation_changelist"
BUTTON = "admin:orders_reoptimisation_again"


@pytest.fixture
def toy(transactional_db: None) -> list[str]:
    """Three orders whose places cost 39 instead of 28."""
    make_shop()
    bodies = [order_body(shipping_address={**ADDRESS, "postal_code": code}) for code in TOY]
    return [placed(body).pk for body in bodies]


def pressed(client: Client, language: str = "en") -> str:
    answer = client.post(reverse(BUTTON), {}, follow=True, headers={"accept-language": language})
    assert answer.status_code == 200
    return unescape(answer.content.decode())


def test_the_button_tells_what_it_saved_and_then_that_nothing_is_left(
    toy: list[str], client_as: Callable[[str], Client]
) -> None:
    person = client_as("operations")

    first, second = pressed(person), pressed(person)

    assert "3 orders changed places; that saves 11.00\N{NO-BREAK SPACE}EUR." in first
    assert "Nothing to save: 3 orders were looked at." in second
    assert [row.actor for row in Reoptimisation.objects.all()] == ["user:operations"]
    listed = unescape(person.get(reverse(LIST)).content.decode())
    assert "in 24 hours" in listed
    assert listed.count("11.00\N{NO-BREAK SPACE}EUR") == 4  # by day, week and month, and in its row
    assert all(f"#{row}" in listed for row in Reoptimisation.objects.get().numbers)


def test_who_was_left_out_is_told(toy: list[str], administrator: Client, settings: Any) -> None:
    settings.REOPTIMISED_FULFILLMENTS = 2
    assert "1 order that is released later was left for another run." in pressed(administrator)
    settings.REOPTIMISED_FULFILLMENTS = 3
    assert "another run" not in pressed(administrator)


def test_it_is_told_in_french(toy: list[str], administrator: Client) -> None:
    said = pressed(administrator, "fr")

    assert "3 commandes ont changé de lieu\N{NO-BREAK SPACE}; cela économise 11,00\N{NO-BREAK SPACE}EUR." in said


def test_customer_service_may_look_but_not_press(toy: list[str], client_as: Callable[[str], Client]) -> None:
    person = client_as("customer_service")

    assert person.get(reverse(LIST)).status_code == 200
    assert person.post(reverse(BUTTON), {}).status_code == 403
    assert not Reoptimisation.objects.exists()
    assert not Fulfillment.objects.filter(status="canceled").exists()


def test_the_decision_says_why_it_took_the_place_of_another(toy: list[str], administrator: Client) -> None:
    pressed(administrator)

    newest = [Decision.objects.filter(subject=order).latest("created_at") for order in toy]

    first, second, _third = ([str(said) for said in decision_view(decision).sentences] for decision in newest)
    why = "Planned again together with 2 other orders: saves 11.00\N{NO-BREAK SPACE}EUR in all."
    assert why in first and why in second
    assert "Alone it might cost less, but then the others would cost more." in first  # 6 instead of 2
    page = reverse("admin:routing_decision_change", args=[newest[0].pk.replace("_", "_5F")])
    assert why in unescape(administrator.get(page).content.decode())
    assert "This part alone costs 4.00\N{NO-BREAK SPACE}EUR more than before." in first
    assert "Too little for all, and kept for others: what stands in Place LILLE, Place PARIS." in first
    asked = unescape(administrator.get(page, {"place": "PARIS"}).content.decode())
    assert "1 × SKU-1: kept there for 1 other order that was planned together with this one." in asked
    assert f">#{Order.objects.get(pk=toy[1]).number}</a>" in asked
