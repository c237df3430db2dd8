"""A store sees only its own work: on every page and in every act."""

import pytest
from django.test import Client

from oms.models import Event
from orders.models import Fulfillment
from tests.factories.inventory import set_stock
from tests.factories.orders import order_body, pickup_body
from tests.factories.people import make_user, placed

ACTS = ["accept", "decline", "start", "pick", "short", "ready", "ship", "hand-over", "extend"]


def test_a_stranger_is_sent_to_the_front_door(network: None) -> None:
    assert Client().get("/store/at/PARIS/")["Location"] == "/?next=/store/at/PARIS/"


def test_one_place_is_opened_at_once(lea: Client) -> None:
    assert lea.get("/store/")["Location"] == "/store/at/PARIS/"


def test_two_places_are_offered(network: None) -> None:
    client = Client()
    client.force_login(make_user("max", "store_manager", places=("PARIS", "LYON")))

    page = client.get("/store/").content.decode()

    assert [f"/store/at/{code}/" in page for code in ("PARIS", "LYON", "LILLE")] == [True, True, False]


def test_no_place_says_what_to_do(network: None) -> None:
    client = Client()
    client.force_login(make_user("nina"))

    assert "You work in no place yet" in client.get("/store/").content.decode()


def test_operations_choose_any_place_and_find_it_by_words(network: None) -> None:
    client = Client()
    client.force_login(make_user("olga", "operations"))

    assert client.get("/store/at/LYON/").status_code == 200
    page = client.get("/store/?q=lil").content.decode()
    assert [f"/store/at/{code}/" in page for code in ("PARIS", "LYON", "LILLE")] == [False, False, True]


def test_customer_service_does_not_work_in_stores(network: None) -> None:
    client = Client()
    client.force_login(make_user("carla", "customer_service", is_staff=True))

    assert client.get("/store/").status_code == 403
    assert client.get("/store/at/PARIS/").status_code == 403


def test_another_places_list_is_not_there(lea: Client) -> None:
    assert lea.get("/store/at/LYON/").status_code == 404
    assert lea.get("/store/at/LYON/list/").status_code == 404
    assert lea.get("/store/at/NOWHERE/").status_code == 404
    assert lea.get("/store/at/PARIS/?tab=nonsense").status_code == 404


@pytest.mark.parametrize("act", ACTS)
def test_another_places_work_is_not_there_and_stays_as_it_was(lea: Client, act: str) -> None:
    work = placed(pickup_body(location="LYON"))
    events = Event.objects.count()

    read = lea.get(f"/store/work/{work.pk}/")
    written = lea.post(f"/store/work/{work.pk}/{act}/", {"reason": "other", "code": "000000", "identity_checked": "on"})

    assert (read.status_code, written.status_code) == (404, 404)
    assert Fulfillment.objects.get(pk=work.pk).status == "assigned"
    assert Event.objects.count() == events


def test_work_that_is_not_handed_out_yet_is_not_there(lea: Client) -> None:
    work = placed(order_body())
    Fulfillment.objects.filter(pk=work.pk).update(status="planned")

    assert lea.get(f"/store/work/{work.pk}/").status_code == 404


def test_acts_need_the_token_of_the_page(network: None) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(make_user("lea", places=("PARIS",)))
    work = placed(order_body())

    assert client.post(f"/store/work/{work.pk}/accept/").status_code == 403
    assert Fulfillment.objects.get(pk=work.pk).status == "assigned"


def test_pages_are_not_kept_by_anyone(lea: Client) -> None:
    assert "no-store" in lea.get("/store/at/PARIS/")["Cache-Control"]


def test_statements_do_not_grow_with_the_work(lea: Client, django_assert_num_queries) -> None:
    set_stock("SKU-1", "PARIS", 50)
    set_stock("SKU-2", "PARIS", 50)
    placed(order_body(("SKU-1", 1)))
    lea.get("/store/at/PARIS/")  # what is cached is cached now

    with django_assert_num_queries(11):
        lea.get("/store/at/PARIS/")
    for _ in range(6):
        work = placed(order_body(("SKU-1", 1), ("SKU-2", 2)))
    with django_assert_num_queries(11):
        lea.get("/store/at/PARIS/")
    with django_assert_num_queries(9):
        lea.get(f"/store/work/{work.pk}/")
