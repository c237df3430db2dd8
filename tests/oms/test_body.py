"""The words that bodies are made of."""

from decimal import Decimal
from typing import Annotated, Any, Literal

import pytest
from django.utils import translation
from pydantic import Field, TypeAdapter, ValidationError

from oms.api.body import Body, Code, Instant, Money, Rate, SmallObject, read
from oms.errors import Invalid


def fault(kind: Any, value: Any) -> str:
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(kind).validate_python(value)
    return caught.value.errors()[0]["type"]


@pytest.mark.parametrize(("value", "expected"), [("19.90", "19.90"), (5, "5"), ("0", "0"), ("7.00", "7.00")])
def test_money_is_a_decimal_as_text_or_a_whole_number(value: Any, expected: str) -> None:
    assert TypeAdapter(Money).validate_python(value) == Decimal(expected)


@pytest.mark.parametrize("value", ["1_0", "١٢", "1e3", " 5", "5\n", "+5", ".5", "5.", "NaN", "", 19.9, True, None, []])
def test_money_in_any_other_form_is_refused(value: Any) -> None:
    assert fault(Money, value) == "not_a_decimal"


@pytest.mark.parametrize(
    ("kind", "value", "code"),
    [
        (Money, "-1", "greater_than_equal"),
        (Money, "1.999", "too_many_decimals"),
        (Rate, "0.20001", "too_many_decimals"),
        (Rate, "1.01", "less_than_equal"),
    ],
)
def test_amounts_and_rates_have_limits(kind: Any, value: str, code: str) -> None:
    assert fault(kind, value) == code


class _Bounded(Body):
    money: Money = Decimal(0)
    weight: Annotated[Decimal, Field(gt=0)] = Decimal(1)
    share: float = 0.0
    is_on: bool = True


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"money": "1000000000.00"}, "Valeur maximale\N{NO-BREAK SPACE}: 999999999.99"),
        ({"weight": "0"}, "Plus de 0 est attendu"),
        ({"share": "abc"}, "Un nombre est attendu"),
        ({"is_on": "perhaps"}, "Vrai ou faux est attendu"),
    ],
)
def test_bounds_are_told_in_figures_and_in_the_language_of_the_caller(given: dict[str, Any], said: str) -> None:
    with translation.override("fr"), pytest.raises(Invalid) as refused:
        read(_Bounded, given)

    assert [fault.detail for fault in refused.value.errors] == [said]


@pytest.mark.parametrize("value", ["a\nb", "a\u2028b", "a\u2029b", "a\x1bb", "a\x7f"])
def test_a_code_has_no_control_characters(value: str) -> None:
    assert fault(Code, value) == "not_printable"


def test_a_code_may_have_letters_of_any_script_and_spaces_inside() -> None:
    assert TypeAdapter(Code).validate_python("été 42-ß") == "été 42-ß"


def test_an_object_of_others_is_at_most_16_kb_of_json() -> None:
    largest = {"a": "x" * (16_000 - len('{"a":""}'))}

    assert TypeAdapter(SmallObject).validate_python(largest) == largest
    assert fault(SmallObject, {"a": largest["a"] + "x"}) == "object_too_large"


@pytest.mark.parametrize("value", ["1900-01-01T00:00:00Z", "2026-03-02T10:00:00+01:00", "2199-12-31T23:59:59Z"])
def test_an_instant_has_its_zone(value: str) -> None:
    assert TypeAdapter(Instant).validate_python(value).tzinfo is not None
    assert fault(Instant, value[:19]) == "timezone_aware"


@pytest.mark.parametrize("value", [0, 1_700_000_000, 1.5, "1700000000", "20261125", "2026", "-1", "+1", True])
def test_a_number_is_no_instant(value: object) -> None:
    assert fault(Instant, value) in ("datetime_parsing", "datetime_type")


def test_what_is_no_instant_is_told_in_the_callers_language() -> None:
    class Asked(Body):
        at: Instant

    for value in ("soon", 7, None):
        with translation.override("fr"), pytest.raises(Invalid) as refused:
            read(Asked, {"at": value})
        assert refused.value.errors[0].detail.startswith("Il faut une date et une heure")


def test_what_needs_one_of_something_is_told_as_empty() -> None:
    class Named(Body):
        name: Annotated[str, Field(min_length=1)]
        lines: Annotated[list[str], Field(min_length=1)]
        word: Annotated[str, Field(min_length=2)]

    with pytest.raises(Invalid) as refused:
        read(Named, {"name": "", "lines": [], "word": ""})

    empty = "This must not be empty"
    assert [fault.detail for fault in refused.value.errors] == [empty, empty, "At least 2 characters are needed"]
    assert [fault.code for fault in refused.value.errors] == ["string_too_short", "too_short", "string_too_short"]


def test_bounds_and_choices_are_told_without_a_word_of_english() -> None:
    class Asked(Body):
        share: Annotated[float, Field(ge=2, le=2.5)]
        rest: Literal["next", "refuse", "wait"]

    with translation.override("fr"), pytest.raises(Invalid) as refused:
        read(Asked, {"share": 1, "rest": "sleep"})
    share, rest = (fault.detail for fault in refused.value.errors)
    assert share == "Au moins 2 est attendu"
    assert rest.endswith("'next', 'refuse' ou 'wait'")
    with pytest.raises(Invalid) as refused:
        read(Asked, {"share": 3, "rest": "next"})
    assert refused.value.errors[0].detail == "At most 2.5 is possible"


@pytest.mark.parametrize(
    "value", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00", "1899-12-31T23:59:59Z", "2200-01-01T00:00:00Z"]
)
def test_an_instant_that_could_not_be_read_again_is_refused(value: str) -> None:
    assert fault(Instant, value) == "out_of_reach"
