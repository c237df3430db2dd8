from typing import Any

import pytest
from django.test import Client, RequestFactory

from oms.problems import server_error
from tests.factories.people import PASSWORD, make_user

pytestmark = pytest.mark.django_db


def test_a_stranger_finds_the_sign_in_form() -> None:
    response = Client().get("/")

    assert response.status_code == 200
    assert 'name="password"' in response.content.decode()


def test_signing_in_leads_to_the_page_that_was_asked_for() -> None:
    make_user("olga", "operations", is_staff=True)

    response = Client().post("/?next=/store/", {"username": "olga", "password": PASSWORD, "next": "/store/"})

    assert (response.status_code, response["Location"]) == (302, "/store/")


@pytest.mark.parametrize("target", ["https://evil.example/", "//evil.example/", "javascript:alert(1)"])
def test_signing_in_never_leads_to_another_site(target: str) -> None:
    make_user("olga", "operations")

    response = Client().post("/", {"username": "olga", "password": PASSWORD, "next": target})

    assert (response.status_code, response["Location"]) == (302, "/")


def test_a_wrong_password_is_told_and_opens_nothing() -> None:
    make_user("olga", "operations")
    client = Client()

    response = client.post("/", {"username": "olga", "password": "wrong"})

    assert response.status_code == 200
    assert 'role="alert"' in response.content.decode()
    assert client.get("/store/").status_code == 302


def test_headquarters_sees_every_door() -> None:
    client = Client()
    client.force_login(make_user("olga", "operations", is_staff=True))

    page = client.get("/").content.decode()

    assert [door in page for door in ('href="/admin/"', 'href="/store/"', 'href="/api/v1/docs/"')] == [True, True, True]


def test_customer_service_sees_the_back_office_only() -> None:
    client = Client()
    client.force_login(make_user("carla", "customer_service", is_staff=True))

    page = client.get("/").content.decode()

    assert [door in page for door in ('href="/admin/"', 'href="/store/"', 'href="/api/v1/docs/"')] == [
        True,
        False,
        False,
    ]


def test_people_of_a_store_go_straight_to_their_work() -> None:
    client = Client()
    client.force_login(make_user("lea"))

    assert client.get("/")["Location"] == "/store/"


def test_a_person_without_roles_is_told_so() -> None:
    user = make_user("nina")
    user.groups.clear()
    client = Client()
    client.force_login(user)

    assert "Your account has no role yet" in client.get("/").content.decode()


def test_signing_out_takes_a_post() -> None:
    client = Client()
    client.force_login(make_user("olga", "operations"))

    assert client.get("/sign-out/").status_code == 405
    assert client.post("/sign-out/")["Location"] == "/"
    assert "_auth_user_id" not in client.session


def test_the_language_is_switched_and_kept() -> None:
    client = Client()

    response = client.post("/i18n/setlang/", {"language": "fr", "next": "/"})

    assert response["Location"] == "/"
    assert '<html lang="fr"' in client.get("/").content.decode()


def test_a_page_that_is_not_there_is_a_page_for_people_and_a_problem_for_machines() -> None:
    page = Client().get("/nothing/", headers={"Accept": "text/html"})
    problem = Client().get("/api/v1/nothing/", headers={"Accept": "application/json"})

    assert (page.status_code, page["Content-Type"]) == (404, "text/html; charset=utf-8")
    assert (problem.status_code, problem.json()["code"]) == (404, "not_found")


def test_the_page_of_a_failure_asks_the_database_nothing(rf: RequestFactory, django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(0):
        response = server_error(rf.get("/", headers={"Accept": "text/html"}))

    assert response.status_code == 500
    assert "Something went wrong on our side" in response.content.decode()


def test_too_many_wrong_passwords_close_the_door_for_a_while(settings: Any) -> None:
    settings.AXES_ENABLED = True
    make_user("olga", "operations")
    client = Client()

    for _attempt in range(settings.AXES_FAILURE_LIMIT):
        response = client.post("/", {"username": "olga", "password": "wrong"})
    right = client.post("/", {"username": "olga", "password": PASSWORD})

    assert (response.status_code, right.status_code) == (429, 429)
    assert "Too many attempts to sign in" in right.content.decode()


def test_a_problem_type_has_a_page() -> None:
    page = Client().get("/problems/insufficient_stock").content.decode()

    assert "Not enough stock" in page
    assert "HTTP 409" in page


@pytest.mark.parametrize("address", ["/", "/admin/login/", "/nothing-here/"])
def test_pages_name_their_icon_so_that_browsers_do_not_guess_one(address: str) -> None:
    shown = Client().get(address, headers={"Accept": "text/html"}).content.decode()

    assert 'rel="icon"' in shown
    assert 'href="/static/oms/mark.svg"' in shown


def test_pages_carry_a_strict_content_policy() -> None:
    policy = Client().get("/")["Content-Security-Policy"]

    assert "default-src 'self'" in policy
    assert "unsafe" not in policy


def test_pictures_of_products_may_come_from_where_a_retailer_keeps_them() -> None:
    policy = Client().get("/")["Content-Security-Policy"]

    assert "img-src 'self' data: https:" in policy


@pytest.mark.parametrize("address", ["/", "/api/v1/docs/", "/problems/insufficient_stock"])
def test_whatever_can_be_shown_has_a_policy_that_begins_with_itself(address: str) -> None:
    assert "default-src 'self'" in Client().get(address)["Content-Security-Policy"]


def test_data_may_load_nothing() -> None:
    response = Client().get("/healthz")

    assert response["Content-Type"] == "application/json"
    assert response["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'none'"
