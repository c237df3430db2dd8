"""Neither places nor history nor the length of a list adds a statement."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from oms.actors import ALL_SCOPES, Caller
from oms.deadlines import Due, deadline_rows
from oms.sql import insert_rows
from orders import queries
from orders.models import Fulfillment, Order
from tests.factories.inventory import NOW, make_locations, make_products, set_stocks
from tests.factories.orders import PARIS, make_network, order_body
from tests.flows.conftest import Api

EVERYONE = Caller("test", ALL_SCOPES)


@pytest.fixture(autouse=True)
def _warm_caches(settings: Any) -> None:
    settings.VERSIONED_CACHE_SECONDS = 3600
    settings.KEY_CACHE_SECONDS = 3600


def statements(shop: Api, body: dict[str, Any]) -> list[str]:
    """What placing this order asks of the database, caches warm."""
    assert shop.post("orders/", order_body()).status == 201
    with CaptureQueriesContext(connection) as captured:
        assert shop.post("orders/", body).status == 201
    return [query["sql"] for query in captured]


def _many_places(count: int) -> None:
    codes = [f"S-{n:03}" for n in range(count)]
    make_locations(*codes, **PARIS)
    set_stocks({("SKU-1", code): 50 for code in codes})


def test_placing_costs_the_same_among_ten_and_two_hundred_places(shop: Api) -> None:
    make_network(paris=500)
    _many_places(7)
    among_ten = statements(shop, order_body())
    from oms import cache

    _many_places(200)
    cache.clear_all()
    among_many = statements(shop, order_body())

    assert len(among_many) == len(among_ten)
    assert len(among_ten) <= 10  # six, and the ends of two transactions


def test_placing_costs_the_same_with_a_history(shop: Api) -> None:
    make_network(paris=500)
    without = statements(shop, order_body())
    for _ in range(40):
        shop.post("orders/", order_body())

    assert len(statements(shop, order_body())) == len(without)


def test_placing_is_not_planned_anew_by_the_database(shop: Api) -> None:
    """After five plans made for their parameters statements keep one for any, where they do not show how many they have."""
    make_network(paris=500)
    insert_rows(deadline_rows([Due(f"kind-{n % 50}", f"one-{n // 50}", NOW) for n in range(5000)]))
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE oms_deadline")
    for _ in range(12):
        shop.post("orders/", order_body())

    with connection.cursor() as cursor:
        cursor.execute("SELECT statement FROM pg_prepared_statements WHERE custom_plans > 5")
        assert cursor.fetchall() == []
        cursor.execute("SELECT count(*) FROM pg_prepared_statements WHERE generic_plans > 3")
        assert cursor.fetchone()[0] >= 6


def test_who_takes_what_can_be_had_costs_the_same_whether_or_not_something_is_cut(shop: Api) -> None:
    make_network(paris=500)
    as_ever = statements(shop, order_body())
    whole = statements(shop, order_body(allow_partial=True))
    cut = statements(shop, order_body(("SKU-1", 1), ("SKU-2", 3), allow_partial=True))

    assert len(as_ever) == len(whole) == len(cut)


def test_placing_costs_the_same_for_one_line_and_twenty(shop: Api) -> None:
    make_network(paris=500)
    make_products(*(f"P-{n:02}" for n in range(20)), weight_g=100)
    set_stocks({(f"P-{n:02}", "PARIS"): 50 for n in range(20)})
    one = statements(shop, order_body(("P-00", 1)))
    twenty = statements(shop, order_body(*((f"P-{n:02}", 1) for n in range(20))))

    assert len(twenty) == len(one)


def test_documents_cost_one_statement_for_one_order_and_for_fifty(shop: Api, django_assert_num_queries: Any) -> None:
    make_network(paris=500)
    for _ in range(50):
        shop.post("orders/", order_body())
    orders = list(Order.objects.values_list("pk", flat=True))
    work = list(Fulfillment.objects.values_list("pk", flat=True))

    for ids in (orders[:1], orders):
        with django_assert_num_queries(1):
            assert len(queries.order_documents(ids, caller=EVERYONE)) == len(ids)
    for ids in (work[:1], work):
        with django_assert_num_queries(1):
            assert len(queries.fulfillment_documents(ids, caller=EVERYONE)) == len(ids)


def test_a_page_costs_the_same_for_one_order_and_for_fifty(shop: Api) -> None:
    make_network(paris=500)
    for _ in range(50):
        shop.post("orders/", order_body())
    for path in ("orders/", "fulfillments/"):
        counts = []
        for size in (1, 50):
            with CaptureQueriesContext(connection) as captured:
                assert len(shop.get(f"{path}?page_size={size}").json["results"]) == size
            counts.append(len(captured))

        assert counts[0] == counts[1] <= 3, path


def test_documents_come_in_the_order_asked_for_and_unknown_ones_are_left_out(shop: Api) -> None:
    make_network()
    ids = [shop.post("orders/", order_body()).json["id"] for _ in range(3)]

    found = queries.order_documents([ids[2], "ord_none", ids[0]], caller=EVERYONE)

    assert [document["id"] for document in found] == [ids[2], ids[0]]
