"""Rows of cells as CSV, XLSX or NDJSON, in bounded memory.

A text that a spreadsheet would take for a formula gets an apostrophe before it; reading takes it away again.
"""

import csv
import re
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

import orjson
from django.db.models import QuerySet
from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.styles import Font

from inventory.files.columns import Cell, Sheet
from oms.characters import without_stray

_PAGE = 500
FORMULA = re.compile(r"'*[=+\-@\t\r\n]")
Documents = Iterable[Mapping[str, Any]]


def in_pages(rows: QuerySet, document: Callable[[Any], dict[str, Any]], *, key: str = "pk") -> Iterator[dict[str, Any]]:
    """All rows as documents, in order of a unique key, some hundred at a time: no cursor, no long transaction."""
    ordered, last = rows.order_by(key), None
    while True:
        page = list((ordered if last is None else ordered.filter(**{f"{key}__gt": last}))[:_PAGE])
        yield from map(document, page)
        if len(page) < _PAGE:
            return
        last = getattr(page[-1], key)


class _Echo:
    """A file that gives back what is written to it."""

    def write(self, text: str) -> str:
        return text


def csv_lines(sheet: Sheet, documents: Documents) -> Iterator[bytes]:
    """UTF-8 with its mark, so that spreadsheets do not take it for anything else."""
    writer = csv.writer(_Echo())
    yield b"\xef\xbb\xbf" + writer.writerow(sheet.columns).encode()
    for document in documents:
        yield writer.writerow(map(as_cell, sheet.row(document))).encode()


def fault_lines(faults: Iterable[Sequence[Any]]) -> Iterator[bytes]:
    """The errors of a file's rows, to work through beside it."""
    writer = csv.writer(_Echo())
    yield b"\xef\xbb\xbf" + writer.writerow(["row", "key", "column", "error"]).encode()
    for row, *texts in faults:
        yield writer.writerow([row, *map(harmless, texts)]).encode()


def ndjson_lines(documents: Documents) -> Iterator[bytes]:
    for document in documents:
        yield orjson.dumps(document, default=str, option=orjson.OPT_APPEND_NEWLINE)


def xlsx_file(sheet: Sheet, documents: Documents) -> Any:
    """A temporary file, open at its beginning. Rows are written as they come."""
    book = Workbook(write_only=True)
    page = book.create_sheet(sheet.kind)
    page.freeze_panes = "A2"
    page.append([_bold(page, name) for name in sheet.columns])
    for document in documents:
        page.append([_value(cell) for cell in sheet.row(document)])
    file = tempfile.TemporaryFile()  # noqa: SIM115 (the response closes it)
    book.save(file)
    file.seek(0)
    return file


def _bold(page: Any, text: str) -> WriteOnlyCell:
    cell = WriteOnlyCell(page, value=text)
    cell.font = Font(bold=True)
    return cell


def harmless(text: str) -> str:
    return f"'{text}" if FORMULA.match(text) else text


def plain(cell: Cell) -> str:
    """A value as text, as reading a file gives it back."""
    if isinstance(cell, bool):
        return "true" if cell else "false"
    return "" if cell is None else str(cell)


def as_cell(cell: Cell) -> str:
    """A value as a cell of a CSV file."""
    return harmless(cell) if isinstance(cell, str) else plain(cell)


def _value(cell: Cell) -> Any:
    if isinstance(cell, str):
        return without_stray(harmless(cell)) or None
    return float(cell) if isinstance(cell, Decimal) else cell
