"""What stands in which column, and how a value is written into a cell and read from it.

A column is a field of the API's body; one that is added there gets its column by itself.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime
from django.utils.translation import gettext as _
from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from inventory.api.bodies import LocationBody, ProductBody
from inventory.api.prices import PriceOfSkuBody
from inventory.cells import Unclear, read_codes, read_list, read_pairs, write_codes, write_list, write_pairs
from inventory.hours import WEEKDAYS
from inventory.imports.faults import sentence

Cell = str | int | float | Decimal | bool | None
"""What a sheet can hold; a CSV file writes all of it as text."""


@dataclass(frozen=True, slots=True)
class Column:
    """`path`: where the value stands in the body. `read` may raise `Unclear`; what it lets through the body judges."""

    name: str
    path: tuple[str, ...]
    write: Callable[[Any], Cell]
    read: Callable[[str], Any]

    def of(self, document: Mapping[str, Any]) -> Cell:
        value: Any = document
        for name in self.path:
            value = value.get(name)
            if value is None:
                return None
        return self.write(value)


# ---- values ----------------------------------------------------------------------------------------


_MINUS_ZERO = re.compile(r"-0+([.,]0*)?")


def _code(text: str) -> str:
    if re.fullmatch(r"[0-9]+([.,][0-9]+)?[eE]\+[0-9]+", text):
        raise Unclear(_("The spreadsheet has made a number of this code; format the column as text"))
    return text


def _codes(text: str) -> list[Any]:
    return [_code(code) if isinstance(code, str) else code for code in read_codes(text)]


def _whole(text: str) -> Any:
    """Written as in files of stock: there is no minus zero."""
    if _MINUS_ZERO.fullmatch(text):
        raise Unclear(sentence("not_a_quantity"))
    return int(text) if re.fullmatch(r"-?[0-9]{1,18}", text) else text


def _decimal(text: str) -> str:
    """A comma where the language has one; more than two digits after it may mean thousands."""
    if _MINUS_ZERO.fullmatch(text):
        raise Unclear(_("A decimal number as text is needed, such as 19.90"))
    return text.replace(",", ".") if re.fullmatch(r"-?[0-9]+,[0-9]{1,2}", text) else text


def _coordinate(text: str) -> Any:
    plain = text.replace(",", ".")
    return float(plain) + 0.0 if re.fullmatch(r"-?[0-9]{1,3}(\.[0-9]+)?", plain) else text


_YES = frozenset({"true", "yes", "1", "vrai", "oui", "x"})
_NO = frozenset({"false", "no", "0", "faux", "non"})


def _yes_or_no(text: str) -> bool:
    word = text.lower()
    if word not in _YES | _NO:
        raise Unclear(_("true or false is needed"))
    return word in _YES


def _instant(text: str) -> Any:
    """With its zone, or in that of the back office; a day begins at midnight."""
    try:
        at = parse_datetime(text)
        day = None if at else parse_date(text)
    except ValueError:
        at = day = None
    if day:
        at = datetime(day.year, day.month, day.day)  # noqa: DTZ001 (the zone follows)
    if at is None:
        raise Unclear(_("An instant is needed, such as 2026-12-24T08:00:00+01:00"))
    return (at if at.tzinfo else timezone.make_aware(at)).isoformat()


def _written_instant(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _written_hours(hours: Mapping[str, Any]) -> str:
    """Days of the week in their order, or dates."""
    days = sorted(hours, key=lambda day: (WEEKDAYS.index(day) if day in WEEKDAYS else 0, day))
    return "; ".join(" ".join([day, *(f"{opens}-{closes}" for opens, closes in hours[day])]) for day in days)


def _hours(text: str) -> dict[str, list[list[str]]]:
    """`mon 10:00-13:00 14:00-19:00; tue 09:00-18:00`; a day without hours is closed."""
    hours = {}
    for part in filter(str.strip, re.split(r"[;\n]", text)):
        day, *spans = part.split()
        if day in hours or not all(span.count("-") == 1 for span in spans):
            raise Unclear(_("Hours are written as in: mon 10:00-13:00 14:00-19:00; tue 09:00-18:00"))
        hours[day] = [span.split("-") for span in spans]
    return hours


def _written_closures(closures: Sequence[Mapping[str, Any]]) -> str:
    text = "; ".join(
        f"{closure['from_at']}/{closure['until_at']} {closure.get('note') or ''}".strip() for closure in closures
    )
    plain = [{"from_at": c["from_at"], "until_at": c["until_at"], "note": c.get("note") or ""} for c in closures]
    try:
        is_plain = _closures(text) == plain
    except Unclear:
        is_plain = False
    return text if is_plain else json.dumps(list(closures), ensure_ascii=False)


def _closures(text: str) -> list[Any]:
    """`2026-12-25T00:00+01:00/2026-12-26T00:00+01:00 Christmas; …`, or a JSON array."""
    if text.strip().startswith("["):
        return read_list(text)
    closures = []
    for part in filter(str.strip, re.split(r"[;\n]", text)):
        span, _space, note = part.strip().partition(" ")
        from_at, slash, until_at = span.partition("/")
        if not slash:
            raise Unclear(_("Closures are written as in: 2026-12-25T00:00+01:00/2026-12-26T00:00+01:00 Christmas"))
        closures.append({"from_at": from_at, "until_at": until_at, "note": note.strip()})
    return closures


def _written_cut_off(value: Any) -> str:
    return value if isinstance(value, str) else write_pairs(value)


def _cut_off(text: str) -> Any:
    return read_pairs(text) if "=" in text or text.startswith("{") else text


def _same(value: Any) -> Any:
    return value


# ---- sheets ----------------------------------------------------------------------------------------

Way = tuple[Callable[[Any], Cell], Callable[[str], Any]]
_TEXT: Way = (str, _same)
_BY_NAME: Mapping[str, Way] = {
    "sku": (str, _code),
    "code": (str, _code),
    "barcodes": (write_codes, _codes),
    "price": (Decimal, _decimal),
    "amount": (Decimal, _decimal),
    "handling_cost": (Decimal, _decimal),
    "handling_cost_per_unit": (Decimal, _decimal),
    "packaging_cost": (Decimal, _decimal),
    "latitude": (float, _coordinate),
    "longitude": (float, _coordinate),
    "daily_capacity": (int, _whole),
    "opening_hours": (_written_hours, _hours),
    "special_hours": (_written_hours, _hours),
    "closures": (_written_closures, _closures),
    "cut_off": (_written_cut_off, _cut_off),
    "abilities": (write_codes, read_codes),
    "from_at": (_written_instant, _instant),
    "until_at": (_written_instant, _instant),
}
_BY_DEFAULT: Mapping[type, Way] = {
    bool: (bool, _yes_or_no),
    int: (int, _whole),
    list: (write_list, read_list),
    dict: (write_pairs, read_pairs),
}


def _way(name: str, default: Any) -> Way:
    return _BY_NAME.get(name) or _BY_DEFAULT.get(type(default), _TEXT)


def columns_of(body: type[BaseModel]) -> list[Column]:
    """One per field that can be set; `name` and `address` have one per part."""
    columns = []
    for name, field in body.model_fields.items():
        parts = field.annotation
        if isinstance(field.json_schema_extra, dict) and field.json_schema_extra.get("readOnly"):
            continue
        if isinstance(parts, type) and issubclass(parts, BaseModel):
            prefix = "name_" if name == "name" else ""
            columns += [Column(prefix + part, (name, part), *_TEXT) for part in parts.model_fields]
        else:
            default = None if field.default is PydanticUndefined else field.default
            columns.append(Column(name, (name,), *_way(name, default)))
    return columns


@dataclass(frozen=True, slots=True)
class Sheet:
    """`keys`: the columns that say which row of ours is meant; a file without them cannot be read."""

    kind: str
    body: type[BaseModel]
    keys: tuple[str, ...]
    columns: Mapping[str, Column]

    def row(self, document: Mapping[str, Any]) -> list[Cell]:
        return [column.of(document) for column in self.columns.values()]


def _sheet(kind: str, body: type[BaseModel], *keys: str, first: Sequence[str]) -> Sheet:
    by_name = {column.name: column for column in columns_of(body)}
    ordered = {name: by_name[name] for name in (*first, *by_name)}
    return Sheet(kind, body, keys, ordered)


PRODUCTS = _sheet("products", ProductBody, "sku", first=["sku"])
PRICES = _sheet("prices", PriceOfSkuBody, "sku", "channel", first=["sku", "channel"])
PLACES = _sheet("places", LocationBody, "code", first=["code"])
