"""Every address that is read refuses query parameters which its description does not name."""

from typing import Any

import pytest

from tests.factories.orders import make_network
from tests.flows.conftest import Api
from tests.orders.conftest import shop

__all__ = ["shop"]


@pytest.fixture
def lists(schema: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """What is read without an id, by its address."""
    return {
        path.removeprefix("/api/v1/"): methods["get"]
        for path, methods in schema["paths"].items()
        if "get" in methods and "{" not in path
    }


def _asked(operation: dict[str, Any]) -> str:
    """The parameters without which it answers nothing."""
    required = [p for p in operation.get("parameters", ()) if p.get("required")]
    return "".join(f"&{parameter['name']}={parameter['example']}" for parameter in required)


def test_a_parameter_that_does_not_exist_is_refused_everywhere(shop: Api, lists: dict[str, Any]) -> None:
    make_network()
    for path, operation in lists.items():
        refused = shop.get(f"{path}?colour=red{_asked(operation)}")

        assert refused.status == 422, path
        assert [(e["pointer"], e["code"]) for e in refused.json["errors"]] == [("/colour", "unknown_parameter")], path
        assert "page_size" in refused.json["errors"][0]["detail"]


def test_every_parameter_that_is_described_is_known(shop: Api, lists: dict[str, Any]) -> None:
    make_network()
    for path, operation in lists.items():
        for parameter in operation.get("parameters", ()):
            if parameter["in"] == "query":
                asked = shop.get(f"{path}?{parameter['name']}=x{_asked(operation)}")

                codes = [error["code"] for error in (asked.json or {}).get("errors", ())]
                assert "unknown_parameter" not in codes, (path, parameter["name"])


def test_a_parameter_that_is_given_twice_is_refused_unless_it_is_described_so(
    shop: Api, lists: dict[str, dict[str, Any]]
) -> None:
    make_network()
    for path, operation in lists.items():
        for parameter in operation.get("parameters", ()):
            if parameter["in"] != "query":
                continue
            name, needed = parameter["name"], _asked(operation)
            twice = shop.get(f"{path}?{name}=x&{name}=y{needed}")

            told = [(e["pointer"], e["code"]) for e in (twice.json or {}).get("errors", ())]
            is_list = parameter["schema"].get("type") == "array" and parameter.get("explode", True)
            assert ((f"/{name}", "repeated_parameter") in told) is not is_list, (path, name, told)

    refused = shop.get("availability/?sku=SKU-1&sku=SKU-2&channel=web")
    assert (refused.status, [e["pointer"] for e in refused.json["errors"]]) == (422, ["/sku"])
    assert shop.get("orders/?status=placed&status=canceled").status == 200


def test_one_of_a_thing_knows_none(shop: Api) -> None:
    make_network()

    refused = shop.get("products/SKU-1/?fields=name")

    assert (refused.status, refused.json["errors"][0]["code"]) == (422, "unknown_parameter")


def test_a_described_parameter_of_a_single_address_is_taken(shop: Api) -> None:
    body = {"name": "x", "rules": [{"steps": [{"rest": "exception"}]}]}
    made = shop.post("rule-sets/", body).json

    assert shop.get(f"rule-sets/{made['id']}/export/?format=json").status == 200
