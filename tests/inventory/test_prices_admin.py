"""Prices beside their product and in their own list, as staff set and end them."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.db import transaction
from django.test import Client
from django.urls import reverse

from inventory.models import ProductPrice
from inventory.services import PriceRow, receive_prices
from oms.channels import save_channel
from oms.clock import now
from oms.models import Channel, Event
from tests.admin.conftest import client_as
from tests.factories.inventory import make_product
from tests.inventory.test_admin import form_of

__all__ = ["client_as"]

pytestmark = pytest.mark.django_db

PAGE = "/admin/inventory/product/A/change/"
DAY = timedelta(days=1)


@pytest.fixture
def boss(db: None) -> Client:
    client = Client()
    client.force_login(get_user_model().objects.create_superuser("ann", password="x"))
    return client


@pytest.fixture(autouse=True)
def shop(db: None) -> None:
    with transaction.atomic():
        save_channel(Channel(code="web", name="Web shop", currency="EUR"))
    make_product("A", name_en="Shirt")


def given(amount: str, from_at: datetime, until_at: datetime | None = None) -> ProductPrice:
    (result,) = receive_prices(
        [PriceRow("A", "web", Decimal(amount), "", from_at, until_at)], actor="user:bob", as_of=from_at
    )
    return ProductPrice.objects.get(pk=result.id)


def typed(number: int, **values: Any) -> dict[str, str]:
    """One row of the table of prices."""
    fields: dict[str, str] = {}
    for name, value in values.items():
        if isinstance(value, datetime):
            fields |= {f"{name}_0": value.strftime("%Y-%m-%d"), f"{name}_1": value.strftime("%H:%M:%S")}
        else:
            fields[name] = str(value)
    return {f"prices-{number}-{name}": value for name, value in fields.items()}


def save(boss: Client, *rows: dict[str, str], there: int) -> Any:
    total = {"prices-TOTAL_FORMS": str(len(rows)), "prices-INITIAL_FORMS": str(there)}
    return boss.post(PAGE, form_of(boss, PAGE) | total | {name: text for row in rows for name, text in row.items()})


def shown() -> list[tuple[str, bool]]:
    """Amounts in order of time, and whether they end."""
    return [(str(price.amount), price.until_at is not None) for price in ProductPrice.objects.order_by("from_at")]


def test_a_price_is_set_beside_its_product(boss: Client) -> None:
    answer = save(boss, typed(0, channel="web", amount="12.50", until_at=now() + DAY), there=0)

    assert answer.status_code == 302, answer.context["errors"]
    assert shown() == [("12.50", True)]
    assert ProductPrice.objects.get().actor == "user:ann"
    assert Event.objects.filter(type="inventory.price.changed").count() == 1
    assert "in force" in boss.get(PAGE).content.decode()


def test_a_second_price_for_the_same_time_is_refused_beside_it_unless_it_takes_over(boss: Client) -> None:
    first = given("19.00", now() - DAY)
    there = typed(0, id=first.pk, amount="19.00")
    sale = {"channel": "web", "amount": "12.50", "until_at": now() + DAY}

    refused = save(boss, there, typed(1, **sale), there=1)

    assert refused.status_code == 200
    errors = refused.context["inline_admin_formsets"][0].formset.errors
    assert errors == [{}, {"__all__": ["Another price of this channel is set for that time"]}]
    assert shown() == [("19.00", False)]

    taken = save(boss, there, typed(1, takes_over="on", **sale), there=1)
    assert taken.status_code == 302
    assert shown() == [("19.00", True), ("12.50", True), ("19.00", False)]


@pytest.mark.parametrize("days", [0, -1])
def test_a_price_that_ends_when_it_begins_is_refused_in_words(boss: Client, days: int) -> None:
    begins = now().replace(microsecond=0) + 3 * DAY

    answer = save(boss, typed(0, channel="web", amount="12.50", from_at=begins, until_at=begins + days * DAY), there=0)

    (errors,) = answer.context["inline_admin_formsets"][0].formset.errors
    assert errors == {"until_at": ["A price must end after it begins"]}
    assert shown() == []


def test_of_a_price_that_has_begun_nothing_but_the_end_is_taken_from_the_form(boss: Client) -> None:
    price = given("19.00", now() - DAY)

    answer = save(boss, typed(0, id=price.pk, amount="1.00", until_at=now() + DAY), there=1)

    assert answer.status_code == 302, answer.context["errors"]
    assert shown() == [("19.00", True)]


def test_deleting_ends_a_running_price_and_makes_room_for_the_next(boss: Client) -> None:
    price = given("19.00", now() - DAY)

    answer = save(boss, typed(0, id=price.pk, DELETE="on"), typed(1, channel="web", amount="15.00"), there=1)

    assert answer.status_code == 302, answer.context["errors"]
    assert shown() == [("19.00", True), ("15.00", False)]


def test_what_has_ended_is_not_deleted(boss: Client) -> None:
    price = given("19.00", now() - 2 * DAY, now() - DAY)

    answer = save(boss, typed(0, id=price.pk, DELETE="on"), there=1)

    assert answer.status_code == 200
    assert "What was in force is not changed" in answer.content.decode()
    assert shown() == [("19.00", True)]


def test_the_list_shows_what_holds_and_ends_it(boss: Client) -> None:
    running = given("19.00", now() - DAY)
    given("9.00", now() - 3 * DAY, now() - 2 * DAY)
    address = reverse("admin:inventory_productprice_changelist")

    def count(**query: str) -> int:
        return len(boss.get(address, query).context["cl"].result_list)

    assert [count(), count(state="ended"), count(state="all"), count(state="later"), count(q="A")] == [1, 1, 2, 0, 1]
    finish = reverse("admin:inventory_productprice_finish", args=[running.pk])
    assert boss.get(finish).status_code == 200
    assert ProductPrice.objects.get(pk=running.pk).until_at is None

    done = boss.post(finish, follow=True)
    assert [str(message) for message in done.context["messages"]] == ["The price is ended."]
    assert [count(), count(state="ended")] == [0, 2]

    again = boss.post(finish)
    assert "What was in force is not changed" in " ".join(str(message) for message in again.context["messages"])


def test_who_only_reads_sees_prices_and_ends_none(client_as: Any) -> None:
    price = given("19.00", now() - DAY)
    service = client_as("customer_service")

    page = service.get(PAGE)
    finish = service.post(reverse("admin:inventory_productprice_finish", args=[price.pk]))

    assert page.status_code == 200
    assert "19.00" in page.content.decode()
    assert finish.status_code == 403
    assert shown() == [("19.00", False)]
