"""The ledger in the back office: found by place, cause, reference and day; a level's page shows where it comes from."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import translation

from inventory.admin.ledger import cause_name
from inventory.models import StockLevel, StockMovement
from inventory.services import Held, StockEvent, apply_stock_events, consume_reservations
from inventory.services.ledger_months import open_months
from orders.models import Order
from tests.admin.conftest import work_of
from tests.factories.inventory import level, make_location, make_product, make_products

pytestmark = pytest.mark.django_db

MARCH = datetime(2026, 3, 2, 9, tzinfo=UTC)
DAY = timedelta(days=1)
LIST = "/admin/inventory/stockmovement/"


def tell(name: str, sku: str, place: str, units: int, at: datetime, **values: Any) -> None:
    event = StockEvent(name, sku, place, "delta", units, at, **values)
    with transaction.atomic():
        apply_stock_events([event], source="till", actor="key:till", as_of=at)


@pytest.fixture
def history(db: None) -> None:
    make_products("A", "B")
    make_location("S")
    make_location("T")
    tell("1", "A", "S", 10, MARCH, reason="receipt", reference="PO-1")
    tell("2", "A", "T", 5, MARCH + DAY, reason="receipt", reference="PO-2")
    tell("3", "B", "S", 7, MARCH + 2 * DAY)
    tell("4", "A", "S", -1, MARCH + 40 * DAY, reason="sale")
    tell("5", "A", "S", 2, MARCH + 41 * DAY, condition="damaged")


def found(client: Client, **query: str) -> list[str]:
    answer = client.get(LIST, query)
    assert answer.status_code == 200
    return [row.external_id for row in answer.context["cl"].result_list]


@pytest.mark.parametrize(
    "query, expected",
    [
        ({}, ["5", "4", "3", "2", "1"]),
        ({"location__code__exact": "T"}, ["2"]),
        ({"cause": "receipt"}, ["2", "1"]),
        ({"cause": "receipt", "location__code__exact": "S"}, ["1"]),
        ({"reference": "PO-2"}, ["2"]),
        ({"reference": " PO-2 "}, ["2"]),
        ({"recorded_at_from": "2026-03-03"}, ["5", "4", "3", "2"]),
        ({"recorded_at_from": "2026-03-03", "recorded_at_to": "2026-03-04"}, ["3", "2"]),
        ({"recorded_at_to": "2026-03-02"}, ["1"]),
        ({"recorded_at_from": "spring", "recorded_at_to": "9999-99-99"}, ["5", "4", "3", "2", "1"]),
        ({"recorded_at_to": "9999-12-31"}, ["5", "4", "3", "2", "1"]),
        ({"cause": "spring"}, []),
        ({"q": "B"}, ["3"]),
        ({"q": "T"}, ["2"]),
        ({"q": "PO-1"}, ["1"]),
        ({"q": "nothing"}, []),
    ],
)
def test_movements_are_found(administrator: Client, history: None, query: dict[str, str], expected: list[str]) -> None:
    assert found(administrator, **query) == expected


def test_causes_to_choose_from_are_those_that_there_are(administrator: Client, history: None) -> None:
    page = administrator.get(LIST).content.decode()

    for value, shown in (("adjustment", "Adjustment"), ("receipt", "Receipt"), ("sale", "Sale")):
        assert f'<option value="{value}"' in page and shown in page
    assert '<option value="shipped"' not in page


@pytest.mark.parametrize(
    ("cause", "language", "shown"),
    [
        ("delivery", "fr", "Livraison"),
        ("delivery", "en", "Delivery"),
        ("sale", "fr", "Vente"),
        ("return", "fr", "Retour"),
        ("shipped", "fr", "Expédiée"),
        ("inventory_day", "fr", "Inventory day"),
    ],
)
def test_known_causes_are_told_in_the_readers_language(cause: str, language: str, shown: str) -> None:
    with translation.override(language):
        assert cause_name(cause) == shown


def test_what_is_behind_a_movement_is_a_link(administrator: Client, order: Order) -> None:
    work = work_of(order)
    line = work.lines.get()
    with transaction.atomic():
        consume_reservations(
            [Held(f"order_line:{line.order_line_id}", line.sku, work.location_id, line.quantity)],
            cause="shipped",
            reference=work.pk,
            actor="user:lea",
            as_of=datetime.now(UTC),
        )
    address = reverse("admin:orders_fulfillment_change", args=[work.pk])
    movement = StockMovement.objects.first()

    row = administrator.get(LIST).content.decode()
    page = administrator.get(f"{LIST}{movement.pk}/change/").content.decode()
    of_level = level(line.sku, work.location_id)
    on_level = administrator.get(reverse("admin:inventory_stocklevel_change", args=[of_level.pk])).content.decode()

    for shown in (row, page, on_level):
        assert f'href="{address}"' in shown
        assert "Shipped" in shown and "lea" in shown


# ---- a level -------------------------------------------------------------------------------------


def page_of(client: Client, **query: str) -> Any:
    address = reverse("admin:inventory_stocklevel_change", args=[level("A", "S").pk])
    answer = client.get(address, query)
    assert answer.status_code == 200
    return answer


def test_the_page_of_a_level_shows_its_last_movements_latest_first(administrator: Client, history: None) -> None:
    ledger = page_of(administrator).context["ledger"]

    assert [(view.cause, view.change) for view in ledger.movements] == [
        ("Adjustment", "+2"),
        ("Sale", "-1"),
        ("Receipt", "+10"),
    ]
    assert not ledger.has_more


def test_many_movements_are_cut_and_linked(administrator: Client, history: None) -> None:
    for n in range(25):
        tell(f"m{n}", "A", "S", 1, MARCH + 50 * DAY)

    answer = page_of(administrator)

    assert len(answer.context["ledger"].movements) == 20
    assert "/admin/inventory/stockmovement/?q=A&amp;location__code__exact=S" in answer.content.decode()
    assert len(found(administrator, q="A", location__code__exact="S")) == 28


@pytest.mark.parametrize(
    "at, shown",
    [
        ("2026-03-02T09:00", "10 on hand, of which 0 damaged and 0 quarantined"),
        ("2026-04-11T09:00", "9 on hand, of which 0 damaged"),
        ("2026-04-12T10:00", "11 on hand, of which 2 damaged"),
        ("2026-03-01T09:00", "The ledger of stock begins at"),
        ("2199-01-01T00:00", "This has not happened yet"),
        ("2999-01-01T00:00", "A moment between the years 1900 and 2200 is needed"),
        ("soon", "Enter a valid date/time."),
        ("", "This field is required."),
    ],
)
def test_what_stood_there_is_told_for_a_chosen_instant(
    administrator: Client, history: None, at: str, shown: str
) -> None:
    assert shown in page_of(administrator, at=at).content.decode()


def test_a_level_without_movements_says_so(administrator: Client, db: None) -> None:
    make_product("A")
    make_location("S")
    StockLevel.objects.create(product_id="A", location_id="S", updated_at=MARCH)

    assert "Nothing has ever moved here." in page_of(administrator).content.decode()


def test_the_ledger_on_the_page_is_for_those_who_may_see_it(
    client_as: Callable[[str], Client], django_user_model: Any, history: None
) -> None:
    from django.contrib.auth.models import Permission

    user = django_user_model.objects.create_user("looker", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_stocklevel"))
    client = Client()
    client.force_login(user)

    assert "ledger" not in page_of(client).context
    assert client.get(LIST).status_code == 403


# ---- cost ----------------------------------------------------------------------------------------


def test_a_level_with_many_movements_takes_no_more_queries(administrator: Client, history: None) -> None:
    page_of(administrator, at="2026-03-20T09:00")
    with CaptureQueriesContext(connection) as few:
        page_of(administrator, at="2026-03-20T09:00")
    for n in range(30):
        tell(f"m{n}", "A", "S", 1, MARCH + 50 * DAY)

    with CaptureQueriesContext(connection) as many:
        page_of(administrator, at="2026-03-20T09:00")

    assert len(many) == len(few)


def test_days_leave_out_the_months_that_are_not_asked_for(administrator: Client, history: None) -> None:
    open_months(since=MARCH, as_of=MARCH + 90 * DAY)
    with CaptureQueriesContext(connection) as captured:
        assert found(administrator, recorded_at_from="2026-04-01", recorded_at_to="2026-04-20") == ["5", "4"]
    [statement] = [q["sql"] for q in captured if "ORDER BY" in q["sql"] and "quantity" in q["sql"]]

    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN {statement}")
        plan = "\n".join(row[0] for row in cursor.fetchall())

    assert "inventory_stockmovement_2026_04" in plan
    assert "inventory_stockmovement_2026_03" not in plan
    assert "inventory_stockmovement_default" not in plan


def test_times_are_shown_and_read_in_the_zone_of_the_back_office(
    administrator: Client, history: None, settings: Any
) -> None:
    settings.OFFICE_TIME_ZONE = ZoneInfo(
        "Asia/Tokyo"
    )  # nine hours ahead: eleven in the evening of the 2nd is the 3rd there
    tell("late", "B", "S", 1, MARCH.replace(hour=23))

    assert found(administrator, recorded_at_from="2026-03-03", recorded_at_to="2026-03-03") == ["late", "2"]
    assert "JST" in administrator.get(LIST).content.decode()
