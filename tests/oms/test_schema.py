"""The OpenAPI document is complete: every operation, its answers and its refusals."""

import re
from inspect import cleandoc
from typing import Any

import pytest
from django.test import Client
from drf_spectacular.validation import validate_schema

from oms.api.views import ApiMixin, ApiViewSet
from oms.urls import api_v1

METHODS = ("get", "post", "put", "patch", "delete")


@pytest.fixture
def operations(schema: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {
        f"{method.upper()} {path}": operation
        for path, methods in schema["paths"].items()
        for method, operation in methods.items()
        if method in METHODS
    }


def test_the_document_is_valid(schema: dict[str, Any]) -> None:
    validate_schema(schema)


def _routes(patterns: Any, prefix: str) -> Any:
    for pattern in patterns:
        route = prefix + str(pattern.pattern)
        if hasattr(pattern, "url_patterns"):
            yield from _routes(pattern.url_patterns, route)
        else:
            yield route, pattern.callback


def test_every_address_of_the_api_is_described_with_every_method(operations: dict[str, Any]) -> None:
    described = {re.sub(r"{[^}]*}", "{}", name) for name in operations}
    missing = []
    for route, callback in _routes(api_v1, "/api/v1/"):
        view = getattr(callback, "cls", None) or callback.view_class
        if route in ("/api/v1/schema/", "/api/v1/docs/"):
            continue
        path = re.sub(r"\(\?P<[^)]*\)|<[^>]*>", "{}", route).translate({ord("^"): None, ord("$"): None})
        actions = getattr(callback, "actions", None) or {m: m for m in METHODS if hasattr(view, m)}
        missing += [f"{m.upper()} {path}" for m in actions if m in METHODS and f"{m.upper()} {path}" not in described]
    assert missing == []
    assert len(described) == len(operations) >= 60


def test_every_list_that_is_narrowed_to_places_is_narrowed_to_groups(operations: dict[str, Any]) -> None:
    asks = {name: {one["name"] for one in told.get("parameters", ())} for name, told in operations.items()}
    of_places = {name for name, known in asks.items() if name.startswith("GET ") and "location" in known}
    of_one_place = {name for name in of_places if name.endswith(("/why-not/", "/applying/"))}

    assert len(of_one_place) == 2 and len(of_places) >= 21
    assert {name for name in of_places if "group" not in asks[name]} == of_one_place


def test_every_operation_says_what_it_takes_and_answers(operations: dict[str, Any]) -> None:
    for name, operation in operations.items():
        assert operation["operationId"], name
        good = {code: answer for code, answer in operation["responses"].items() if code.startswith("2")}
        assert good, name
        for code, answer in good.items():
            assert code == "204" or all(body["schema"] for body in answer["content"].values()), name
            assert code == "204" or "application/json" in answer["content"] or name.endswith("/export/"), name
        if name.startswith(("PUT", "PATCH")):
            assert operation["requestBody"]["content"]["application/json"]["schema"], name


def test_every_operation_describes_its_refusals_as_problem_documents(operations: dict[str, Any]) -> None:
    for name, operation in operations.items():
        wanted = {"401", "403", "429", "503"} | ({"404"} if "{" in name else set())
        wanted |= set() if name.startswith("GET") else {"400", "409", "413", "422"}
        assert wanted <= set(operation["responses"]), name
        for code in wanted:
            schema = operation["responses"][code]["content"]["application/problem+json"]["schema"]
            assert schema == {"$ref": "#/components/schemas/Problem"}, name


def test_every_operation_can_be_found_by_a_name_of_its_own(operations: dict[str, Any]) -> None:
    names = [operation["operationId"] for operation in operations.values()]

    assert sorted(names) == sorted(set(names))


def test_no_operation_tells_clients_what_is_meant_for_those_who_write_views(operations: dict[str, Any]) -> None:
    meant = [cleandoc(base.__doc__ or "") for base in (ApiMixin, ApiViewSet)]

    told = [name for name, made in operations.items() if made.get("description") and made["description"] in meant]

    assert told == []


def test_nothing_is_required_in_a_merge_patch(schema: dict[str, Any]) -> None:
    patched = {name: made for name, made in schema["components"]["schemas"].items() if name.startswith("Patched")}

    assert {name: made["required"] for name, made in patched.items() if "required" in made} == {}
    assert "required" in schema["components"]["schemas"]["ProductBodyRequest"]


@pytest.mark.django_db
def test_the_document_is_the_same_each_time() -> None:
    first, second = (Client().get("/api/v1/schema/", {"format": "json"}) for _ in range(2))

    assert first.status_code == 200
    assert first.content == second.content


@pytest.mark.django_db
def test_document_and_pages_are_served_to_everyone() -> None:
    client = Client()

    assert client.get("/api/v1/schema/").status_code == 200
    assert client.get("/api/v1/docs/").status_code == 200
