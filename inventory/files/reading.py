"""A CSV or XLSX file as rows of texts, bounded in every direction, and told in words what is wrong with it."""

import codecs
import csv
import io
import logging
import re
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, time
from itertools import chain
from math import isfinite
from typing import IO, Any

from django.conf import settings
from django.utils.translation import gettext as _
from openpyxl import load_workbook

from inventory.files.columns import Sheet
from inventory.files.writing import FORMULA

log = logging.getLogger(__name__)

_MOST_COLUMNS = 200
_MOST_CHARACTERS = 32_767  # what a cell of a spreadsheet can hold
_LAST_ROW = 1_048_576  # of a spreadsheet
_MOST_UNPACKED = 64 * 1024 * 1024
_NUMBER_ERRORS = frozenset({"#DIV/0!", "#N/A", "#NAME?", "#NULL!", "#NUM!", "#REF!", "#VALUE!"})


class FileRefused(Exception):
    """The file as a whole cannot be read; the text is for whoever sent it."""


@dataclass(frozen=True, slots=True)
class Table:
    """`rows`: number in the file (the header is 1) and the texts under the known columns, by name."""

    rows: list[tuple[int, dict[str, str]]]
    notes: list[str] = field(default_factory=list)


def read_table(sheet: Sheet, file: IO[bytes], *, is_xlsx: bool) -> Table:
    """Errors: FileRefused."""
    data = file.read(settings.FILE_MAX_BYTES + 1)
    if len(data) > settings.FILE_MAX_BYTES:
        limit = {"limit": settings.FILE_MAX_BYTES // 1024 // 1024}
        raise FileRefused(_("The file is too large: at most %(limit)s MB are read") % limit)
    if not data.strip():
        raise FileRefused(_("The file is empty"))
    notes: list[str] = []
    records = _xlsx(data) if is_xlsx else _csv(data, sheet, notes)
    return _table(sheet, records, notes)


def _table(sheet: Sheet, records: Iterator[list[str]], notes: list[str]) -> Table:
    header = [name.strip().lower() for name in next(records, [])]
    _check_header(sheet, header)
    rows: list[tuple[int, dict[str, str]]] = []
    for number, cells in enumerate(records, start=2):
        if not any(cells):
            continue
        if len(rows) == settings.FILE_MAX_ROWS:
            limit = {"limit": settings.FILE_MAX_ROWS}
            raise FileRefused(_("The file is too long: at most %(limit)s rows are read at once") % limit)
        if any(cells[len(header) :]):
            raise FileRefused(_("Row %(number)s has more cells than there are columns") % {"number": number})
        texts = dict(zip(header, chain(cells, [""] * (len(header) - len(cells))), strict=False))
        rows.append((number, {name: text for name, text in texts.items() if name in sheet.columns}))
    if not rows:
        raise FileRefused(_("The file has no rows below its header"))
    if unknown := [name for name in header if name and name not in sheet.columns]:
        notes.append(_("These columns are not known and were not read: %(columns)s") % {"columns": ", ".join(unknown)})
    return Table(rows, notes)


def _check_header(sheet: Sheet, header: list[str]) -> None:
    if missing := [name for name in sheet.keys if name not in header]:
        columns = {"columns": ", ".join(missing), "known": ", ".join(sheet.columns)}
        raise FileRefused(_("The first row must name the columns; missing: %(columns)s. Known: %(known)s") % columns)
    if doubles := sorted({name for name in header if name and header.count(name) > 1}):
        raise FileRefused(_("These columns stand there twice: %(columns)s") % {"columns": ", ".join(doubles)})


def _told(text: str) -> str:
    """A cell as it was meant: without the apostrophe that keeps it from being a formula."""
    text = text.strip()
    return text[1:] if text.startswith("'") and FORMULA.match(text) else text


# ---- CSV -------------------------------------------------------------------------------------------


def _csv(data: bytes, sheet: Sheet, notes: list[str]) -> Iterator[list[str]]:
    if data.startswith(b"PK\x03\x04"):
        raise FileRefused(_("This is not a CSV file but a spreadsheet: choose the format XLSX"))
    text = _decoded(data, notes)
    if "\x00" in text:
        raise FileRefused(_("This is not a text file"))
    hint = re.match(r"sep=(.)\r?\n", text)  # what Excel writes for itself
    text = text[hint.end() :] if hint else text
    delimiter = hint[1] if hint else _delimiter(text, sheet)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    return map(_bounded, _records(reader))


def _decoded(data: bytes, notes: list[str]) -> str:
    is_wide = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    for encoding in ["utf-16"] if is_wide else ["utf-8-sig", "cp1252"]:
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        if encoding == "cp1252":
            notes.append(
                _("The file is not UTF-8 and was read as Windows-1252: look at the accents before you confirm")
            )
        return text
    raise FileRefused(_("The encoding of the file is not known; save it as “CSV UTF-8”"))


def _delimiter(text: str, sheet: Sheet) -> str:
    """The one that makes the most known columns of the first line."""
    first = text.split("\n", 1)[0].rstrip("\r")[:_MOST_CHARACTERS]

    def known(delimiter: str) -> int:
        names = (part.strip(' "').lower() for part in first.split(delimiter))
        return sum(name in sheet.columns for name in names)

    return max(",;\t", key=known)


def _records(reader: Iterable[list[str]]) -> Iterator[list[str]]:
    try:
        yield from reader
    except csv.Error:
        line = {"line": getattr(reader, "line_num", 0)}
        raise FileRefused(_("The file cannot be read at line %(line)s") % line) from None


def _bounded(cells: list[str]) -> list[str]:
    if len(cells) > _MOST_COLUMNS or any(len(cell) > _MOST_CHARACTERS for cell in cells):
        limits = {"columns": _MOST_COLUMNS, "characters": _MOST_CHARACTERS}
        raise FileRefused(_("At most %(columns)s columns of %(characters)s characters are read") % limits)
    return [_told(cell) for cell in cells]


# ---- XLSX ------------------------------------------------------------------------------------------


def _xlsx(data: bytes) -> Iterator[list[str]]:
    _check_archive(data)
    for row in _values(data):  # those that are left out come as rows of nothing, a million of them if need be
        is_empty = row.count(None) == len(row)
        yield [] if is_empty else _bounded(_trimmed([_as_text(value) for value in row]))


def _values(data: bytes) -> Iterator[tuple[Any, ...]]:
    """What a reader makes of bytes that anybody may have written: a dozen kinds of errors, from several libraries."""
    try:
        book = load_workbook(io.BytesIO(data), read_only=True, data_only=True, keep_links=False)
        page = book.worksheets[0]
        page.reset_dimensions()  # a sheet may claim a million columns
        yield from page.iter_rows(max_row=_LAST_ROW, max_col=_MOST_COLUMNS, values_only=True)
    except Exception as error:
        log.info("a spreadsheet cannot be read: %r", error)
        raise FileRefused(_("The spreadsheet is broken or locked: save it anew, without a password")) from None


def _check_archive(data: bytes) -> None:
    """Before anything is unpacked: a small file may hold a very large one."""
    try:
        parts = zipfile.ZipFile(io.BytesIO(data)).infolist()
    except Exception:  # as above
        raise FileRefused(_("This is not an XLSX file")) from None
    if sum(part.file_size for part in parts) > _MOST_UNPACKED:
        limit = {"limit": _MOST_UNPACKED // 1024 // 1024}
        raise FileRefused(_("Unpacked, the spreadsheet is larger than %(limit)s MB") % limit)


def _trimmed(cells: list[str]) -> list[str]:
    while cells and not cells[-1]:
        cells.pop()
    return cells


def _as_text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        if not isfinite(value):  # what a spreadsheet itself shows of it
            return "#NUM!"
        return str(int(value)) if value.is_integer() else f"{value:.15g}"
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, time):
        return value.strftime("%H:%M")
    return str(value)


def is_error(text: str) -> bool:
    """What a formula that failed left in its cell."""
    return text in _NUMBER_ERRORS
