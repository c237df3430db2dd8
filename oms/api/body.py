"""Bodies as pydantic models: unknown fields refused, all errors at once, each with a JSON pointer."""

import json
import re
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, TypeVar

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, gettext_noop
from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
)
from pydantic_core import PydanticCustomError

from oms.clock import EARLIEST, LATEST
from oms.errors import FieldError, Invalid
from oms.money import EXPONENTS


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


B = TypeVar("B", bound=BaseModel)


def example(**fields: Any) -> ConfigDict:
    """`model_config` of a body or document that the OpenAPI document shows with these fields (`oms.api.examples`)."""
    return ConfigDict(json_schema_extra={"examples": [fields]})


_MAX_OBJECT_BYTES = 16_000
_DECIMAL = re.compile(r"-?[0-9]+(\.[0-9]+)?")


def _exact(value: Any) -> Any:
    """Python reads more than we promise: underscores, exponents, the digits of all scripts, floats that were rounded."""
    is_plain = isinstance(value, int | Decimal) and not isinstance(value, bool)
    if is_plain or (isinstance(value, str) and _DECIMAL.fullmatch(value)):
        return value
    raise PydanticCustomError("not_a_decimal", gettext_noop("A decimal number as text is needed, such as 19.90"))


def _decimals(at_most: int) -> AfterValidator:
    def check(value: Decimal) -> Decimal:
        if value.as_tuple().exponent < -at_most:  # type: ignore[operator]
            raise PydanticCustomError(
                "too_many_decimals", gettext_noop("At most %(most)s decimals are possible"), {"most": at_most}
            )
        return value

    return AfterValidator(check)


def _small(value: dict[str, Any]) -> dict[str, Any]:
    if len(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()) > _MAX_OBJECT_BYTES:
        raise PydanticCustomError(
            "object_too_large", gettext_noop("At most %(most)s bytes of JSON are possible"), {"most": _MAX_OBJECT_BYTES}
        )
    return value


def printable(value: str) -> str:
    if not value.isprintable():
        raise PydanticCustomError("not_printable", gettext_noop("Control characters are not possible"))
    return value


def _known_currency(value: str) -> str:
    if value not in EXPONENTS:
        raise PydanticCustomError("unknown_currency", gettext_noop("Unknown currency"))
    return value


def _not_a_number(value: Any) -> Any:
    """Seconds or milliseconds since 1970, it depends, is what else a number would be taken for, or "20261125"."""
    if isinstance(value, int | float | Decimal) or (isinstance(value, str) and _DECIMAL.fullmatch(value.strip(" +"))):
        raise PydanticCustomError(
            "datetime_parsing", gettext_noop("An instant is needed, such as 2026-03-02T09:00:00Z")
        )
    return value


def _in_reach(value: datetime) -> datetime:
    """Of the years that a calendar or the database can hold in any zone, those that a trade can mean."""
    if not EARLIEST <= value < LATEST:
        raise PydanticCustomError("out_of_reach", gettext_noop("A moment between the years 1900 and 2200 is needed"))
    return value


CODE_PATTERN = r"^[^\s/?#,][^/?#,]*$"
"""No slash, comma, question mark, hash or leading space: a code stands in addresses."""
Code = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=CODE_PATTERN), AfterValidator(printable)]
"""A natural key: SKU, place, channel."""
Text = Annotated[str, StringConstraints(max_length=500, strip_whitespace=True)]
Name = Annotated[str, StringConstraints(min_length=1, max_length=200, strip_whitespace=True)]
Money = Annotated[Decimal, BeforeValidator(_exact), Field(ge=0, le=Decimal("999999999.99")), _decimals(2)]
Rate = Annotated[Decimal, BeforeValidator(_exact), Field(ge=0, le=1), _decimals(4)]
SmallObject = Annotated[dict[str, Any], AfterValidator(_small)]
"""What others keep with us and we do not read."""
Quantity = Annotated[int, Field(ge=1, le=100_000, strict=True)]
Units = Annotated[int, Field(ge=0, le=1_000_000_000, strict=True)]
Currency = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$"), AfterValidator(_known_currency)]
Country = Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")]
Latitude = Annotated[float, Field(ge=-90, le=90, allow_inf_nan=False)]
Longitude = Annotated[float, Field(ge=-180, le=180, allow_inf_nan=False)]
Instant = Annotated[AwareDatetime, BeforeValidator(_not_a_number), AfterValidator(_in_reach)]

__all__ = [
    "Body",
    "Code",
    "Country",
    "Currency",
    "Instant",
    "Latitude",
    "Longitude",
    "Money",
    "Name",
    "Quantity",
    "Rate",
    "SmallObject",
    "Text",
    "Units",
    "datetime",
    "example",
]

_CODES = {"missing": "required", "extra_forbidden": "unknown_field"}
# pydantic speaks English only; these are its faults that clients meet, told in the caller's language.
_MESSAGES = {
    "missing": gettext_lazy("This field is required"),
    "extra_forbidden": gettext_lazy("There is no such field"),
    "greater_than_equal": gettext_lazy("At least %(ge)s is needed"),
    "less_than_equal": gettext_lazy("At most %(le)s is possible"),
    "string_too_short": gettext_lazy("At least %(min_length)s characters are needed"),
    "string_too_long": gettext_lazy("At most %(max_length)s characters are possible"),
    "string_pattern_mismatch": gettext_lazy("This is not in the form that is needed"),
    "string_type": gettext_lazy("A text is needed"),
    "int_type": gettext_lazy("A whole number is needed"),
    "int_parsing": gettext_lazy("A whole number is needed"),
    "int_from_float": gettext_lazy("A whole number is needed"),
    "float_parsing": gettext_lazy("A number is needed"),
    "float_type": gettext_lazy("A number is needed"),
    "greater_than": gettext_lazy("More than %(gt)s is needed"),
    "less_than": gettext_lazy("Less than %(lt)s is needed"),
    "decimal_parsing": gettext_lazy("An amount is needed"),
    "decimal_type": gettext_lazy("An amount is needed"),
    "finite_number": gettext_lazy("A finite number is needed"),
    "bool_type": gettext_lazy("True or false is needed"),
    "bool_parsing": gettext_lazy("True or false is needed"),
    "list_type": gettext_lazy("A list is needed"),
    "tuple_type": gettext_lazy("A list is needed"),
    "dict_type": gettext_lazy("An object is needed"),
    "model_type": gettext_lazy("An object is needed"),
    "too_short": gettext_lazy("At least %(min_length)s entries are needed"),
    "too_long": gettext_lazy("At most %(max_length)s entries are possible"),
    "literal_error": gettext_lazy("One of these is needed: %(expected)s"),
    "enum": gettext_lazy("One of these is needed: %(expected)s"),
    **dict.fromkeys(
        ("datetime_type", "datetime_parsing", "datetime_from_date_parsing", "datetime_object_invalid"),
        gettext_lazy("An instant is needed, such as 2026-03-02T09:00:00Z"),
    ),
    "timezone_aware": gettext_lazy("An instant with its time zone is needed"),
    "too_many_decimals": gettext_lazy("At most %(most)s decimals are possible"),
    "not_a_decimal": gettext_lazy("A decimal number as text is needed, such as 19.90"),
    "object_too_large": gettext_lazy("At most %(most)s bytes of JSON are possible"),
    "not_printable": gettext_lazy("Control characters are not possible"),
    "out_of_reach": gettext_lazy("A moment between the years 1900 and 2200 is needed"),
    "unknown_currency": gettext_lazy("This currency is not known"),
}


def read(model: type[B], data: Any) -> B:
    """Errors: Invalid with one FieldError per thing that is wrong."""
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise Invalid(errors=field_errors(error)) from None


def field_errors(error: ValidationError, prefix: str = "") -> list[FieldError]:
    """The first hundred faults, each with its pointer below `prefix`."""
    found = error.errors(include_url=False, include_input=False)[:100]
    return [FieldError(prefix + _pointer(f["loc"]), _CODES.get(f["type"], f["type"]), _message(f)) for f in found]


def _message(fault: Any) -> str:
    if fault["type"] in ("string_too_short", "too_short") and fault["ctx"]["min_length"] == 1:
        return _("This must not be empty")
    known, message = _MESSAGES.get(fault["type"]), fault["msg"]
    return (
        str(known) % {name: _told(name, fact) for name, fact in fault.get("ctx", {}).items()} if known else _(message)
    )


def _told(name: str, fact: Any) -> Any:
    """A bound without a decimal that says nothing, and the caller's “or” between the words there are to choose from."""
    if isinstance(fact, float) and fact.is_integer():
        return int(fact)
    if isinstance(fact, str) and (amount := re.fullmatch(r"Decimal\('(.+)'\)", fact)):  # as pydantic tells it at times
        return amount[1]
    most, is_one_of_many, last = fact.rpartition(" or ") if name == "expected" else ("", "", "")
    return _("%(most)s or %(last)s") % {"most": most, "last": last} if is_one_of_many else fact


def _pointer(loc: tuple[Any, ...]) -> str:
    """Of a key that is wrong pydantic says so in one step more, which no JSON has."""
    parts = loc[:-1] if len(loc) > 1 and loc[-1] == "[key]" else loc
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in parts)
