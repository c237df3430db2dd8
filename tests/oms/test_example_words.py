"""How examples are put together from models and words."""

from typing import Any

import pytest
from pydantic import BaseModel

from oms.api import examples
from oms.api.body import Body, example
from oms.api.examples import Examples, Unknown


class _Inner(BaseModel):
    sku: str
    quantity: int


class _Asked(Body):
    model_config = example(lines=[{"sku": "SKU-9", "quantity": 7}])
    lines: list[_Inner]
    colour: str | None = None


class _Answered(BaseModel):
    kind: str = "plain"
    at: str | None
    lines: list[_Inner]


@pytest.fixture(autouse=True)
def _own_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(examples, "_words", {"sku": ["SKU-1"], "quantity": ["two", 2]})


def _examples(*models: type[BaseModel]) -> Examples:
    components: dict[str, Any] = {}
    for model in models:
        made = model.model_json_schema(ref_template="#/components/schemas/{model}", mode="serialization")
        components |= {**made.pop("$defs", {}), model.__name__: made}
    return Examples(components)


def _of(model: type[BaseModel]) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{model.__name__}"}


def test_a_request_shows_what_its_body_tells_and_an_answer_the_other_fields_too() -> None:
    made = _examples(_Asked)

    assert made.request(_of(_Asked)) == {"lines": [{"sku": "SKU-9", "quantity": 7}]}
    assert made.answer(_of(_Asked)) == {"lines": [{"sku": "SKU-9", "quantity": 7}], "colour": None}


def test_a_field_shows_the_first_word_that_fits() -> None:
    assert _examples(_Answered).answer(_of(_Answered)) == {
        "kind": "plain",
        "at": None,
        "lines": [{"sku": "SKU-1", "quantity": 2}],
    }


def test_a_word_for_one_component_goes_before_the_common_one() -> None:
    examples.tell({"_Inner.sku": "SKU-7", "_Answered": {"at": "noon"}})

    assert _examples(_Answered).answer(_of(_Answered)) == {
        "kind": "plain",
        "at": "noon",
        "lines": [{"sku": "SKU-7", "quantity": 2}],
    }


def test_what_is_there_at_times_only_is_left_out_of_the_typical_answer() -> None:
    examples.tell({"_Answered.at": examples.LEFT_OUT})

    assert "at" not in _examples(_Answered).answer(_of(_Answered))


def test_what_nothing_tells_is_named() -> None:
    class Strange(BaseModel):
        flavour: str

    with pytest.raises(Unknown, match=r"Strange\.flavour"):
        _examples(Strange).answer(_of(Strange))


def test_a_body_that_requires_nothing_must_say_what_is_usual() -> None:
    class Optional(BaseModel):
        sku: str | None = None

    with pytest.raises(Unknown, match="Optional as a whole"):
        _examples(Optional).request(_of(Optional))
