"""Rows of texts become bodies, as if the API had been sent them, and go to the services: judged, or saved.

A column that a file leaves out stays as it is; an empty cell empties its field. Rows that change nothing are left
alone, so that a file may be brought in again.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _
from pydantic import BaseModel

from inventory.api.documents import listed_product_document, location_document, product_document, with_codes
from inventory.cells import Unclear
from inventory.files.columns import PLACES, PRICES, PRODUCTS, Cell, Column, Sheet
from inventory.files.reading import is_error
from inventory.files.writing import plain
from inventory.models import Location, Product
from inventory.services import (
    RowResult,
    judge_locations,
    judge_prices,
    judge_products,
    lock_locations,
    lock_products,
    save_locations,
    save_prices,
    save_products,
)
from oms.api.body import read
from oms.characters import stray, told
from oms.errors import Invalid
from oms.sql import any_of

Numbered = tuple[int, dict[str, str]]
Documents = Mapping[str, Mapping[str, Any]]

CREATED, UPDATED, UNCHANGED, REJECTED = "created", "updated", "unchanged", "rejected"
_SAMPLE = 50


@dataclass(slots=True)
class Line:
    """One row of a file on its way. `changes`: column, before, after."""

    number: int
    key: str
    body: BaseModel | None = None
    status: str = ""
    faults: list[tuple[str, str]] = field(default_factory=list)
    changes: list[tuple[str, str, str]] = field(default_factory=list)

    def refuse(self, column: str, text: str) -> None:
        self.status = REJECTED
        if (column, text) not in self.faults:
            self.faults.append((column, text))


@dataclass(frozen=True, slots=True)
class Report:
    """`faults`: row, key, column, what is wrong. `sample`: the first rows that change something."""

    counts: Mapping[str, int]
    faults: list[tuple[int, str, str, str]]
    sample: list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Way:
    """How a kind of file meets what is stored. `stored`: documents by key, of rows that a file would replace."""

    sheet: Sheet
    stored: Callable[[Sequence[str]], Documents]
    locked: Callable[[Sequence[str]], Documents]
    row: Callable[[Any], Any]
    judge: Callable[[Sequence[Any], datetime], list[RowResult]]
    save: Callable[[Sequence[Any], str, datetime], list[RowResult]]


def _stored_products(skus: Sequence[str]) -> Documents:
    found = with_codes(Product.objects.filter(pk__in=any_of(skus)))
    return {product.pk: listed_product_document(product) for product in found}


def _stored_places(codes: Sequence[str]) -> Documents:
    return {place.pk: location_document(place) for place in Location.objects.filter(pk__in=any_of(codes))}


def _nothing(_keys: Sequence[str]) -> Documents:
    return {}


WAYS: Mapping[str, Way] = {
    "products": Way(
        PRODUCTS,
        _stored_products,
        lambda keys: {product.pk: product_document(product) for product in lock_products(keys)},
        lambda body: body.row(),
        lambda rows, as_of: judge_products(rows),
        lambda rows, actor, as_of: save_products(rows, as_of=as_of),
    ),
    "places": Way(
        PLACES,
        _stored_places,
        lambda keys: {place.pk: location_document(place) for place in lock_locations(keys)},
        lambda body: body.row(),
        lambda rows, as_of: judge_locations(rows),
        lambda rows, actor, as_of: save_locations(rows, as_of=as_of),
    ),
    "prices": Way(
        PRICES,
        _nothing,
        _nothing,
        lambda body: body.row(body.sku),
        lambda rows, as_of: judge_prices(rows, as_of=as_of),
        lambda rows, actor, as_of: save_prices(rows, actor=actor, as_of=as_of),
    ),
}


def preview(kind: str, rows: Sequence[Numbered], *, as_of: datetime) -> Report:
    """What bringing these rows in would do just now. Changes and locks nothing."""
    way = WAYS[kind]
    lines = _lines(way, rows, way.stored(_keys(way, rows)), seen=set())
    _settle(way, lines, lambda wanted: way.judge(wanted, as_of))
    return _report(lines)


def bring_in(kind: str, rows: Sequence[Numbered], *, before: Iterable[Numbered], actor: str, as_of: datetime) -> Report:
    """Save these rows of a file, after those `before` them. Needs the caller's transaction."""
    way = WAYS[kind]
    seen = {_key(way, texts) for _number, texts in before} if way.stored is not _nothing else set()
    lines = _lines(way, rows, way.locked(_keys(way, rows)), seen=seen)
    _settle(way, lines, lambda wanted: way.save(wanted, actor, as_of))
    return _report(lines)


# ---- reading -----------------------------------------------------------------------------------------


def _key(way: Way, texts: Mapping[str, str]) -> str:
    return texts[way.sheet.keys[0]]


def _keys(way: Way, rows: Sequence[Numbered]) -> list[str]:
    return sorted({_key(way, texts) for _number, texts in rows})


def _lines(way: Way, rows: Sequence[Numbered], stored: Documents, *, seen: set[str]) -> list[Line]:
    lines = []
    for number, texts in rows:
        key = _key(way, texts)
        line = Line(number, " ".join(texts[name] for name in way.sheet.keys))
        if way.stored is not _nothing and key in seen:
            line.refuse(way.sheet.keys[0], _("This code stands in the list more than once"))
        else:
            _read(way.sheet, line, texts, stored.get(key))
        seen.add(key)
        lines.append(line)
    return lines


def _read(sheet: Sheet, line: Line, texts: Mapping[str, str], stored: Mapping[str, Any] | None) -> None:
    given = [(sheet.columns[name], text) for name, text in texts.items()]
    if stored is not None and all(plain(column.of(stored)) == text for column, text in given):
        line.status = UNCHANGED
        return
    data = _copied(stored or {})
    for column, text in given:
        try:
            _put(data, column, text)
        except Unclear as unclear:
            line.refuse(column.name, str(unclear))
    if not line.faults:
        _judge_body(sheet, line, data, stored, given=texts)


def _copied(document: Mapping[str, Any]) -> dict[str, Any]:
    return {name: dict(value) if isinstance(value, dict) else value for name, value in document.items()}


def _put(data: dict[str, Any], column: Column, text: str) -> None:
    """Set what a cell says where the body wants it; an empty cell takes it away, so that the default holds."""
    if is_error(text):
        raise Unclear(_("A formula failed in this cell"))
    if character := stray(text):
        raise Unclear(told(character))
    *parents, name = column.path
    for parent in parents:
        data = data.setdefault(parent, {})
    if text:
        data[name] = column.read(text)
    else:
        data.pop(name, None)


def _judge_body(
    sheet: Sheet, line: Line, data: dict[str, Any], stored: Mapping[str, Any] | None, *, given: Collection[str]
) -> None:
    try:
        line.body = read(sheet.body, data)
    except Invalid as refusal:
        for fault in refusal.errors:
            line.refuse(_column_at(sheet, fault.pointer), fault.detail)
        return
    changes = _changes(sheet, stored, line.body.model_dump(mode="json"))
    line.changes = [change for change in changes if stored is not None or change[0] in given]
    if stored is not None and not line.changes:
        line.status, line.body = UNCHANGED, None


def _changes(sheet: Sheet, before: Mapping[str, Any] | None, after: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    columns = [column for name, column in sheet.columns.items() if name not in sheet.keys]
    cells = [(column, None if before is None else column.of(before), column.of(after)) for column in columns]
    changed = [told for told in cells if _meant(told[0], told[1]) != _meant(told[0], told[2])]
    return [(column.name, plain(was), plain(now)) for column, was, now in changed]


def _meant(column: Column, cell: Cell) -> Any:
    """Without what says nothing: that a text is empty, in which order an object or the barcodes are written."""
    if cell in ("", None):
        return None
    try:
        value: Any = column.read(cell) if isinstance(cell, str) else cell
    except Unclear:  # stored by somebody who may write more than a cell, or when more was possible
        return cell
    return sorted(value) if column.name == "barcodes" else value


def _column_at(sheet: Sheet, pointer: str) -> str:
    """The column of what a JSON pointer points at; empty if it is the row as a whole."""
    parts = tuple(pointer.split("/")[1:])
    for column in sheet.columns.values():
        if column.path[: len(parts)] == parts[: len(column.path)] and parts:
            return column.name
    return ""


# ---- judging and saving --------------------------------------------------------------------------------


def _settle(way: Way, lines: Sequence[Line], ask: Callable[[Sequence[Any]], list[RowResult]]) -> None:
    """Have the services answer for the rows that are right and change something."""
    asked = [line for line in lines if line.body is not None]
    results = ask([way.row(line.body) for line in asked]) if asked else []
    for line, result in zip(asked, results, strict=True):
        line.status = result.status
        if result.code:
            line.refuse(_column_at(way.sheet, result.pointer), result.detail)
        line.body = None


def _report(lines: Sequence[Line]) -> Report:
    counts = Counter(line.status for line in lines)
    faults = [(line.number, line.key, column, text) for line in lines for column, text in line.faults]
    told = [line for line in lines if line.status in (CREATED, UPDATED)][:_SAMPLE]
    return Report(dict(counts), faults, [_sample(line) for line in told])


def _sample(line: Line) -> dict[str, Any]:
    return {"row": line.number, "key": line.key, "status": line.status, "changes": line.changes}
