"""People find customers and orders by what they have at hand, over an index however many there are."""

from datetime import UTC, datetime

import pytest
from django.db import connection
from django.db.models import QuerySet

from orders.models import Customer, Delivery, Fulfillment, Order
from orders.search import find_customers, find_orders
from tests.factories.orders import make_channel, make_network, order_body
from tests.flows.conftest import Api

SINCE = datetime(2026, 3, 2, tzinfo=UTC)


@pytest.fixture
def people(db: None) -> None:
    make_channel()
    for number, (first, last, email, phone) in enumerate(
        [
            ("Ana", "Bernard", "Ana.Bernard@example.org", "+33 6 12 34 56 78"),
            ("Bernard", "Anselme", "b@example.org", "06 99 88 77 66"),
            ("Zoé", "De La Tour", "zoe@example.org", ""),
        ]
    ):
        Customer.objects.create(
            channel_id="web",
            external_id=f"C-{number}",
            first_name=first,
            last_name=last,
            email=email,
            phone=phone,
            created_at=SINCE,
        )


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("C-1", ["Anselme"]),
        ("ana.ber", ["Bernard"]),
        ("  BERNARD ", ["Bernard"]),
        ("ana bernard", ["Bernard"]),
        ("bernard ana", ["Bernard"]),
        ("de la t", ["De La Tour"]),
        ("zoé de la", ["De La Tour"]),
        ("06 12 34 56 78", ["Bernard"]),
        ("+33612345678", ["Bernard"]),
        ("0699887766", ["Anselme"]),
        ("+33 699 887766", []),  # what was given without its country ends earlier
        ("34 56 78", ["Bernard"]),
        ("5678", []),  # too few figures to mean somebody
        ("nobody", []),
        ("", []),
        ("%", []),
        ("_", []),
    ],
)
def test_customers_are_found(people: None, text: str, found: list[str]) -> None:
    assert sorted(customer.last_name for customer in find_customers(Customer.objects.all(), text)) == found


def test_orders_are_found_the_same_way_in_the_api(shop: Api) -> None:
    make_network()
    customer = {"email": "lea@example.org", "phone": "+33 6 11 22 33 44", "last_name": "Moreau"}
    placed = shop.post("orders/", order_body(customer=customer)).json

    ids = [Delivery.objects.get().pk, Fulfillment.objects.get().pk]  # as reports and ledgers name them

    for text in (placed["number"], f"%23{placed['number']}", placed["external_id"], "lea@", "mor", "0611223344", *ids):
        assert [order["number"] for order in shop.get(f"orders/?q={text}").json["results"]] == [placed["number"]], text
    for text in ("nothing", "dlv_nothing", "ful_"):
        assert shop.get(f"orders/?q={text}").json["results"] == []
    assert find_orders(Order.objects.all(), "moreau").get().number == int(placed["number"])


def _plan(rows: QuerySet[Customer]) -> str:
    """As it is among many, whatever is known of the table today."""
    crowd = (
        Customer(
            channel_id="web", external_id=f"X-{n}", last_name=f"Name {n}", email=f"x{n}@example.org", created_at=SINCE
        )
        for n in range(2000)
    )
    Customer.objects.bulk_create(crowd)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE orders_customer")
    return rows.explain()


@pytest.mark.parametrize(
    ("text", "index"),
    [
        ("mor", "customers_by_last_name"),
        ("lea@", "customers_by_email"),
        ("0611223344", "customers_by_phone"),
        ("C-1", "a_customer_is_known_once_per_channel"),
    ],
)
def test_every_way_has_its_index(people: None, text: str, index: str) -> None:
    plan = _plan(find_customers(Customer.objects.all(), text))

    assert index in plan
    assert "Seq Scan" not in plan
