"""Every refusal is a problem document, also of what fails before or outside a view."""

import json
from typing import Any

import pytest
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from oms import problems
from oms.api.json import loads
from oms.characters import stray
from oms.errors import Unreadable
from tests.factories.orders import make_key, make_network
from tests.flows.conftest import Api

pytestmark = pytest.mark.django_db
FIELDS = {"type", "title", "status", "detail", "instance", "code", "request_id"}


@pytest.fixture
def shop() -> Api:
    api = Api(make_key())
    api.client.raise_request_exception = False
    return api


def _is_problem(answer: Any, status: int, code: str) -> None:
    assert (answer.status, answer.json.get("code")) == (status, code)
    assert answer.headers["Content-Type"] == problems.CONTENT_TYPE
    assert set(answer.json) >= FIELDS
    assert answer.json["status"] == status
    assert answer.json["type"] == f"/problems/{code}"
    assert answer.json["request_id"] == answer.headers["X-Request-ID"] != ""


def test_an_address_that_does_not_exist_is_404(shop: Api) -> None:
    _is_problem(shop.get("nothing/here/"), 404, "not_found")
    _is_problem(shop.get("orders/999999/"), 404, "not_found")
    _is_problem(shop.get("orders/not-a-number/"), 404, "not_found")


def test_a_method_that_does_not_exist_is_405(shop: Api) -> None:
    answer = shop.call("DELETE", "orders/")

    _is_problem(answer, 405, "method_not_allowed")
    assert answer.json["title"] == 'Method "DELETE" not allowed.'
    assert "POST" in answer.headers["Allow"]


@pytest.mark.parametrize("path", ["orders/", "routing/plan/", "stock/events/", "products/bulk/", "service-levels/"])
def test_the_methods_of_an_address_are_told_to_every_caller(path: str) -> None:
    answer = Api(make_key("till", scopes=("orders:read",))).call("OPTIONS", path)

    assert (answer.status, answer.json) == (204, None)
    assert "POST" in answer.headers["Allow"]


def test_a_body_that_is_no_json_is_415(shop: Api) -> None:
    response = shop.client.post(
        "/api/v1/orders/",
        data="<order/>",
        content_type="application/xml",
        headers={"Authorization": f"Bearer {shop.token}", "Idempotency-Key": "k"},
    )

    assert (response.status_code, response.json()["code"]) == (415, "unsupported_media_type")
    assert response.json()["title"] == 'Unsupported media type "application/xml" in request.'
    assert response.headers["Content-Type"] == problems.CONTENT_TYPE


def test_a_body_over_the_limit_is_413_before_it_is_read(shop: Api, settings: Any) -> None:
    settings.MAX_BODY_BYTES = 1000

    answer = shop.call("POST", "orders/", b"[" + b" " * 1000, Idempotency_Key="k")

    _is_problem(answer, 413, "body_too_large")
    assert answer.json["limit_bytes"] == 1000


def test_whoever_sends_too_much_by_a_page_is_told_on_a_page(client: Client, settings: Any) -> None:
    settings.MAX_BODY_BYTES = 1000
    headers = {"Accept": "text/html,*/*", "Accept-Language": "fr"}

    answer = client.post("/admin/login/", {"username": "x" * 1000}, headers=headers)

    assert answer.status_code == 413
    assert "au plus 1000" in answer.content.decode() and "<main" in answer.content.decode()


def test_what_breaks_inside_is_500_and_tells_no_secrets(shop: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    def break_down(*args: Any, **kwargs: Any) -> None:
        raise RuntimeError("password=1234")

    monkeypatch.setattr("orders.queries.order_documents", break_down)
    monkeypatch.setattr("orders.api.orders.Orders.documents", staticmethod(break_down))

    answer = shop.get("orders/")

    _is_problem(answer, 500, "internal_error")
    assert "1234" not in str(answer.json)


def test_without_a_key_it_is_401_and_says_how_to_come_in(shop: Api) -> None:
    response = Client().get("/api/v1/orders/")

    assert (response.status_code, response.json()["code"]) == (401, "not_authenticated")
    assert response.headers["WWW-Authenticate"] == "Bearer"
    assert response.headers["Content-Type"] == problems.CONTENT_TYPE


def test_a_scope_that_is_missing_is_403_and_named() -> None:
    answer = Api(make_key(scopes=("stock:read",))).get("orders/")

    _is_problem(answer, 403, "missing_scope")
    assert "orders:read" in answer.json["detail"]


def test_the_trailing_slash_is_optional(shop: Api) -> None:
    make_network()

    for path in ("products", "products/SKU-1", "orders", "locations", "schema"):
        answers = [
            shop.client.get(
                f"/api/v1/{p}", headers={"Authorization": f"Bearer {shop.token}", "Accept": "application/json"}
            )
            for p in (path, path + "/")
        ]
        assert [answer.status_code for answer in answers] == [200, 200], path
        assert answers[0].content == answers[1].content


def test_what_is_no_character_is_400_in_the_address(shop: Api) -> None:
    for path in (
        "orders/?q=%00",
        "products/?search=a%00b",
        "products/A%00/",
        "products/?q=a%0Bb",
        "orders/?q=%EF%BF%BF",
    ):
        assert shop.get(path).status == 400, path
    assert shop.get("products/?q=a%09%0Ab").status == 200
    page = shop.client.get("/admin/login/?next=%0B", headers={"Accept": "text/html", "Accept-Language": "fr"})
    assert (page.status_code, page.headers["Content-Type"]) == (400, "text/html; charset=utf-8")
    assert "U+000B" in page.content.decode() and "aucun texte" in page.content.decode()


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("a\\u0000", "U+0000"),
        ("a\\u000b", "U+000B"),
        ("a\\u001F", "U+001F"),
        ("a\\b", "U+0008"),
        ("a\\\\\\f", "U+000C"),
        ("a\\uFFFE", "U+FFFE"),
        ("a\uffff", "U+FFFF"),
    ],
)
def test_what_is_no_character_is_400_in_a_body(shop: Api, written: str, told: str) -> None:
    body = f'[{{"sku": "A", "name": {{"en": "{written}"}}, "price": "1.00"}}]'

    answer = shop.call("POST", "products/bulk/", body.encode(), Idempotency_Key="a")

    _is_problem(answer, 400, "unreadable")
    assert told in answer.json["detail"]
    assert shop.get("products/").json["results"] == []


@given(st.text(st.characters(exclude_categories=["Cs"])), st.booleans())
def test_a_body_is_refused_for_what_is_no_character_and_for_nothing_else(text: str, is_ascii: bool) -> None:
    raw = json.dumps([text, {"\\" + text: "\\u0000\\b"}], ensure_ascii=is_ascii).encode()

    if stray(text):
        with pytest.raises(Unreadable):
            loads(raw)
    else:
        assert loads(raw) == json.loads(raw)


def test_a_caller_may_name_the_request_but_not_write_the_log(shop: Api) -> None:
    named = shop.get("orders/", X_Request_ID="abc-123")
    forged = shop.get("orders/", X_Request_ID="abc 200 OK")

    assert named.headers["X-Request-ID"] == "abc-123"
    assert forged.headers["X-Request-ID"] != "abc 200 OK"


def test_a_person_gets_a_page_where_a_machine_gets_json(client: Client) -> None:
    page = client.get("/nothing/here", headers={"Accept": "text/html"})
    document = client.get("/nothing/here", headers={"Accept": "application/json"})

    assert (page.status_code, page.headers["Content-Type"]) == (404, "text/html; charset=utf-8")
    assert (document.status_code, document.headers["Content-Type"]) == (404, problems.CONTENT_TYPE)


def test_the_type_of_a_problem_is_an_address_that_explains_it(client: Client) -> None:
    for code in ("insufficient_stock", "illegal_move", "not_found"):
        assert client.get(f"/problems/{code}").status_code == 200
