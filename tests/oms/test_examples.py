"""Every operation of the OpenAPI document shows a request, an answer and its refusals, and what it shows is right."""

from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from oms.api import examples

Operations = dict[str, dict[str, Any]]
Content = dict[str, Any]


@pytest.fixture
def operations(schema: dict[str, Any]) -> Operations:
    return {
        f"{method.upper()} {path}": operation
        for path, methods in schema["paths"].items()
        for method, operation in methods.items()
    }


def _contents(operations: Operations) -> Iterator[tuple[str, Content]]:
    for name, operation in operations.items():
        for media_type, content in operation.get("requestBody", {}).get("content", {}).items():
            yield f"{name} request {media_type}", content
        for status, answer in operation["responses"].items():
            for media_type, content in answer.get("content", {}).items():
                yield f"{name} {status} {media_type}", content


def test_nothing_is_left_unsaid(schema: dict[str, Any]) -> None:
    """Tell it beside the body (`model_config = example(…)`) or in `<app>/api/examples.py`; see `oms.api.examples`."""
    assert examples.gaps(schema) == []


def test_every_request_answer_and_refusal_has_an_example(operations: Operations) -> None:
    assert [name for name, content in _contents(operations) if not content.get("examples")] == []


def test_every_example_fits_its_schema(schema: dict[str, Any], operations: Operations) -> None:
    faults = []
    for name, content in _contents(operations):
        fits = Draft202012Validator({**content["schema"], "components": schema["components"]})
        for shown in content["examples"].values():
            faults += [f"{name}: {fault.json_path} {fault.message}" for fault in fits.iter_errors(shown["value"])]

    assert faults == []


def test_every_refusal_is_shown_as_it_would_come(operations: Operations) -> None:
    for name, operation in operations.items():
        for status, answer in operation["responses"].items():
            for code, shown in (
                answer.get("content", {}).get("application/problem+json", {}).get("examples", {}).items()
            ):
                problem = shown["value"]
                assert (problem["code"], str(problem["status"])) == (code, status), name
                assert problem["instance"].startswith("/api/v1/") and "{" not in problem["instance"], name


def test_what_stands_in_an_address_is_shown(operations: Operations) -> None:
    for name, operation in operations.items():
        for parameter in operation.get("parameters", ()):
            assert not parameter.get("required") or "example" in parameter, name
