"""What can be wrong with a file or a row of it: codes for machines, sentences for people."""

from collections.abc import Mapping
from typing import NamedTuple

from django.utils.translation import gettext_lazy as _

_VALUE_CHARS = 120


class Fault(NamedTuple):
    """A row that was not taken, and why. `is_named`: its SKU could be read, so it is known whose row it is."""

    line: int
    code: str
    value: str = ""
    sku: str = ""
    location: str = ""
    is_named: bool = False


class FileRefused(Exception):
    """The file as a whole cannot be read. `byte` counts from 0, after unpacking."""

    def __init__(self, code: str, *, line: int | None = None, byte: int | None = None, value: str = ""):
        super().__init__(code)
        self.code = code
        self.line = line
        self.byte = byte
        self.value = shown(value)

    @property
    def facts(self) -> dict[str, object]:
        given = {"line": self.line, "byte": self.byte, "value": self.value or None}
        return {"code": self.code} | {name: value for name, value in given.items() if value is not None}


def shown(value: object) -> str:
    """The start of a value as it can be stored and read: what does not print is written as its escape."""
    text = str(value)[:_VALUE_CHARS]
    return (
        text if text.isprintable() else "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)[:_VALUE_CHARS]
    )


SENTENCES: Mapping[str, object] = {
    # the whole file
    "empty_file": _("The file is empty"),
    "no_rows": _("The file has a header, and no rows below it"),
    "missing_header": _("The first line must name the columns: sku, location, quantity"),
    "missing_column": _("A column is missing"),
    "unknown_column": _("There is no such column"),
    "duplicate_column": _("A column is named twice"),
    "wrong_encoding": _("The file is not UTF-8 text"),
    "unsupported_file": _("CSV or NDJSON is needed, plain or packed with gzip"),
    "json_array": _("One JSON object per line is needed, not a list of them"),
    "broken_gzip": _("The packed file is damaged"),
    "cut_short": _("The packed file ends in the middle"),
    "expands_too_much": _("The file unpacks to far more than data would"),
    "too_large_unpacked": _("The unpacked file is too large"),
    "file_lost": _("The file is not there any more"),
    "given_up": _("It failed again and again; the log of the worker tells why"),
    # a row
    "wrong_columns": _("The row has more or fewer columns than the header"),
    "unbalanced_quotes": _("A quotation mark is opened and not closed on the line"),
    "line_too_long": _("The line is too long"),
    "not_utf8": _("The line is not UTF-8 text"),
    "control_character": _("Control characters are not possible"),
    "not_json": _("The line is not a JSON object"),
    "unknown_field": _("There is no such field"),
    "required": _("A value is missing"),
    "string_type": _("A text is needed"),
    "not_a_quantity": _("A whole number in plain figures is needed"),
    "negative_count": _("Fewer than none cannot be counted"),
    "out_of_range": _("More units than can be stored"),
    "not_an_instant": _("An instant is needed, such as 2026-03-02T09:00:00Z"),
    "timezone_aware": _("An instant with its time zone is needed"),
    "in_the_future": _("This has not happened yet"),
    "bin_too_long": _("The name of the bin is too long"),
    "duplicate_row": _("A later row of the file is about the same product and place; that one counts"),
    "unknown_sku": _("There is no such product"),
    "unknown_location": _("There is no such location"),
    "another_location": _("The file is about another place"),
    "before_the_ledger": _("The ledger does not reach back that far"),
    "stale": _("This was counted again later"),
    "nothing_zeroed": _("Some rows name no product, so nothing was set to zero: it might be one of theirs"),
    "nothing_applied": _("No row could be applied, so nothing was set to zero: is it the right file?"),
}


def sentence(code: str, value: str = "") -> str:
    """In the reader's language. `value`: the column that is missing."""
    if code == "missing_column" and value:
        missing = _WITHOUT_PLACES if value == "location" else _MISSING
        return str(missing) % {"column": value}
    return str(SENTENCES.get(code, code))


_MISSING = _("The column “%(column)s” is missing")
_WITHOUT_PLACES = _("The column “%(column)s” is missing: it is needed unless one place is chosen for the whole file")
