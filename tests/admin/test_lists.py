"""Lists cost the same however long they are, and count no further than anyone looks."""

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from oms.backoffice.lists import BoundedPaginator
from oms.clock import now
from oms.models import Event
from tests.admin.conftest import placed
from tests.factories.inventory import set_stock

LISTS = [
    "orders_order",
    "orders_fulfillment",
    "orders_payment",
    "orders_customer",
    "oms_event",
    "oms_deadline",
    "inventory_stocklevel",
    "inventory_stockmovement",
    "routing_decision",
]


def queries_of(client: Client, name: str) -> int:
    with CaptureQueriesContext(
        connection,
    ) as captured:
        assert client.get(reverse(f"admin:{name}_changelist")).status_code == 200
    return len(captured)


def test_fifty_rows_take_as_many_queries_as_five(administrator: Client, network: None, settings: Any) -> None:
    settings.VERSIONED_CACHE_SECONDS = 60  # so that nothing is asked anew meanwhile
    for place in ("PARIS", "LYON", "LILLE"):
        set_stock("SKU-1", place, 500)
    for _order in range(5):
        placed()
    for name in LISTS:
        queries_of(administrator, name)
    few = {name: queries_of(administrator, name) for name in LISTS}

    for _order in range(45):
        placed()

    assert {name: queries_of(administrator, name) for name in LISTS} == few


def test_the_count_stops_at_ten_thousand(db: None, django_assert_num_queries: Any) -> None:
    paginator = BoundedPaginator(Event.objects.order_by("-id"), 50)

    with CaptureQueriesContext(connection) as captured:
        assert paginator.count == 0

    assert "LIMIT 10001" in captured[0]["sql"]


def _events(number: int) -> None:
    at = now()
    row = {"type": "orders.order.canceled", "subject": "ord_1", "occurred_at": at, "payload": {}}
    Event.objects.bulk_create(Event(**row) for _ in range(number))


@pytest.mark.parametrize(
    ("language", "said"), [("en", "more than 10,000 events"), ("fr", "plus de 10\xa0000 événements")]
)
def test_a_list_that_goes_on_says_so_and_shows_no_last_page(administrator: Client, language: str, said: str) -> None:
    _events(10_000)
    address = reverse("admin:oms_event_changelist")
    headers = {"accept-language": language}
    with CaptureQueriesContext(connection) as at_most:
        whole = administrator.get(address, headers=headers).content.decode()
    _events(1)

    with CaptureQueriesContext(connection) as captured:
        first, last = (administrator.get(address, {"p": n}, headers=headers) for n in (1, 200))

    assert "?p=200" in whole and said not in whole
    assert said in " ".join(first.content.decode().split(" "))
    assert [
        list(answer.context["cl"].paginator.get_elided_page_range(n)) for answer, n in ((first, 1), (last, 200))
    ] == [
        [1, 2, 3, 4, "…"],
        [1, 2, "…", 197, 198, 199, 200, "…"],
    ]
    assert "?p=200" not in first.content.decode()
    assert all("p=%E2%80%A6" not in answer.content.decode() for answer in (first, last))  # “…” leads nowhere
    assert len(captured) == 2 * len(at_most)


@pytest.mark.parametrize("q", ["#", "99999999999999999999999", "'; drop table x", "%", "ful_", "\N{SNOWMAN}"])
def test_an_odd_search_finds_nothing_and_breaks_nothing(q: str, administrator: Client, network: None) -> None:
    placed()

    for name in (
        "orders_order",
        "orders_fulfillment",
        "orders_payment",
        "orders_customer",
        "orders_exceptioncase",
        "oms_event",
    ):
        answer = administrator.get(reverse(f"admin:{name}_changelist"), {"q": q})
        assert answer.status_code == 200
        assert list(answer.context["cl"].result_list) == []


def test_a_customer_with_many_orders_takes_no_more_queries(administrator: Client, network: None, settings: Any) -> None:
    settings.VERSIONED_CACHE_SECONDS = 60  # so that nothing is asked anew meanwhile
    set_stock("SKU-1", "PARIS", 500)
    address = reverse("admin:orders_customer_change", args=[placed().customer_id])
    administrator.get(address)
    with CaptureQueriesContext(connection) as few:
        administrator.get(address)

    for _order in range(12):
        placed()

    with CaptureQueriesContext(connection) as many:
        assert administrator.get(address).status_code == 200
    assert len(many) == len(few)


@pytest.mark.parametrize(
    ("name", "asked", "said"),
    [
        ("routing_scarcityprice", {}, "No unit has a price now: there is enough everywhere"),
        ("routing_slowstock", {}, "What stands here comes by itself; there is nothing yet."),
        ("routing_scarcityprice", {"q": "SKU-9"}, "Nothing matches what was asked for."),
        ("routing_servicelevel", {}, "Nothing has been added yet."),
    ],
)
def test_an_empty_list_says_why_and_asks_nobody_to_create_what_cannot_be(
    administrator: Client, name: str, asked: dict[str, str], said: str
) -> None:
    page = administrator.get(reverse(f"admin:{name}_changelist"), asked).content.decode()

    assert said in page
    assert "Create a new item" not in page
    assert ("Reset filters" in page) == bool(asked)
