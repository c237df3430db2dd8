"""From plain bytes to rows: a row is a line, and a line that cannot be read costs only itself.

Rows come out as text for COPY, a block at a time, because a million of them are read in a second or two that way
and no object per row is made. What is quick is checked first; only a line that is not plainly good is looked at
closely, and then it is said what is wrong with it.
"""

import csv
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

import orjson

from inventory.imports.faults import Fault, FileRefused, shown
from oms.clock import EARLIEST, SKEW

Format = Literal["csv", "ndjson"]
COLUMNS = ("sku", "location", "quantity", "occurred_at", "bin")
COPIED = ("line", *COLUMNS)
"""What stands in a row that came out, in this order, as COPY's text format has it."""

_LINE_BYTES = 8_192
_CODE_CHARS, _BIN_CHARS = 64, 40
_MOST_UNITS = 1_000_000_000
_REMEMBERED = 100_000
_DELIMITERS = ",;\t"
_MARKS = {
    b"\xff\xfe": ("wrong_encoding", "UTF-16"),
    b"\xfe\xff": ("wrong_encoding", "UTF-16"),
    b"PK\x03\x04": ("unsupported_file", "zip"),
}
_UTF8_MARK = b"\xef\xbb\xbf"
_FIGURES, _NEGATIVE = re.compile("[0-9]+"), re.compile("-[0-9]*[1-9][0-9]*")
_NULL = "\\N"


@dataclass(slots=True)
class Block:
    """Rows as lines of COPY text, and what was wrong with the others."""

    copied: list[str] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)

    @property
    def rows(self) -> int:
        return len(self.copied) + len(self.faults)


@dataclass(frozen=True, slots=True)
class _Header:
    """Where each column of a CSV stands, and what is between them."""

    delimiter: str
    at: Mapping[str, int]

    @property
    def is_plain(self) -> bool:
        return set(self.at) == {"sku", "location", "quantity"}


class _Unfit(Exception):
    def __init__(self, code: str, value: object = ""):
        self.code = code
        self.value = shown(value)


class StockFile:
    """The rows of a file.

    `location`: that of rows which name none; `is_only`: and no other is possible. `places`: those the sender is bound
    to (None: every place). `received_at`: when the file came; nothing in it is younger.
    """

    def __init__(
        self,
        pieces: Iterator[bytes],
        *,
        format: Format | None = None,
        location: str = "",
        is_only: bool = False,
        places: frozenset[str] | None = None,
        received_at: datetime,
    ):
        self.format = format
        self._pieces = pieces
        self._location = location
        self._is_only = is_only
        self._bounds = places
        self._received_at = received_at
        self._header = _Header(",", {})
        self._line = self._byte = 0  # of the file, before the region at hand
        self._places: set[str] = set()
        self._instants: dict[str, str] = {}

    def blocks(self) -> Iterator[Block]:
        """Errors: FileRefused, also in the middle (where what was packed is broken)."""
        regions = _regions(self._pieces)
        first = next(regions, None)
        if first is None:
            raise FileRefused("empty_file")
        rest = self._begin(first)
        if rest is not None:
            yield self._read(rest)
        for region in regions:
            yield self._read(region)

    # ---- the beginning ---------------------------------------------------------------------------

    def _begin(self, region: bytes) -> bytes | None:
        """Find out how the file is to be read. Returns the lines that follow its header, if any."""
        for mark, (code, name) in _MARKS.items():
            if region.startswith(mark):
                raise FileRefused(code, line=1, byte=0, value=name)
        if region.startswith(_UTF8_MARK):
            self._byte = len(_UTF8_MARK)
            region = region.removeprefix(_UTF8_MARK)
        opening = region.lstrip()[:1]
        if self.format is None:
            self.format = "ndjson" if opening in (b"{", b"[") else "csv"
        if self.format == "ndjson":
            if opening == b"[":
                raise FileRefused("json_array", line=1)
            return region
        head, end, rest = region.partition(b"\n")
        self._header = _read_header(_decoded(head, self._byte), needs_location=not self._location)
        self._line += 1
        self._byte += len(head) + 1
        return rest if end else None

    # ---- regions: many lines at once -------------------------------------------------------------

    def _read(self, region: bytes) -> Block:
        block = Block()
        try:
            text = region.decode()
        except UnicodeDecodeError:
            self._read_bytes(region, block)
            return block
        lines = text.split("\n")
        if self.format == "csv" and self._header.is_plain and not any(sign in text for sign in '"\\\r\0'):
            self._read_plainly(lines, block)
        else:
            for number, line in enumerate(lines, self._line + 1):
                self._read_line(number, line, block)
        self._line += len(lines)
        self._byte += len(region) + 1
        return block

    def _read_plainly(self, lines: Sequence[str], block: Block) -> None:
        """The most common case, a million times: three columns and nothing strange in them."""
        delimiter, at, copied = self._header.delimiter, self._header.at, block.copied
        first, second, third = at["sku"], at["location"], at["quantity"]
        places = self._places
        for number, line in enumerate(lines, self._line + 1):
            cells = line.split(delimiter)
            if len(cells) == 3:
                sku, units = cells[first], cells[third]
                if (
                    cells[second] in places
                    and len(units) < 10
                    and units.isdigit()
                    and units.isascii()
                    and 0 < len(sku) <= _CODE_CHARS
                    and sku.isprintable()
                    and sku[0] != " " != sku[-1]
                ):
                    copied.append(f"{number}\t{sku}\t{cells[second]}\t{units}\t\\N\t\\N\n")
                    continue
            self._read_line(number, line, block)

    def _read_bytes(self, region: bytes, block: Block) -> None:
        """Some line here is not UTF-8: find out which, and read the others."""
        for raw in region.split(b"\n"):
            self._line += 1
            try:
                line = raw.decode("utf-8", "replace" if len(raw) > _LINE_BYTES else "strict")
            except UnicodeDecodeError as error:
                value = f"0x{raw[error.start]:02X}, byte {self._byte + error.start}"
                block.faults.append(Fault(self._line, "not_utf8", value))
            else:
                self._read_line(self._line, line, block)
            self._byte += len(raw) + 1

    # ---- one line, closely -----------------------------------------------------------------------

    def _read_line(self, number: int, line: str, block: Block) -> None:
        line = line.removesuffix("\r")
        if not line.strip():
            return
        given: Mapping[str, Any] = {}
        try:
            if len(line) > _LINE_BYTES:
                raise _Unfit("line_too_long", line)
            given = self._cells(line) if self.format == "csv" else _json_fields(line)
            block.copied.append(f"{number}\t" + "\t".join(self._checked(given)) + "\n")
        except _Unfit as unfit:
            names = {name: _name_in(given, name) for name in ("sku", "location")}
            names["location"] = names["location"] or self._location
            is_named = bool(names["sku"] and names["location"])
            block.faults.append(Fault(number, unfit.code, unfit.value, **names, is_named=is_named))

    def _cells(self, line: str) -> dict[str, str]:
        cells = _split(line, self._header.delimiter)
        if len(cells) != len(self._header.at):
            raise _Unfit("wrong_columns", line)
        return {name: cells[index] for name, index in self._header.at.items()}

    def _checked(self, given: Mapping[str, Any]) -> tuple[str, ...]:
        """The columns as COPY takes them. Errors: _Unfit."""
        sku = _code(given.get("sku"), unknown="unknown_sku")
        location = _code(given.get("location") or self._location, unknown="unknown_location")
        if self._bounds is not None and location not in self._bounds:
            raise _Unfit("unknown_location", location)
        if self._is_only and location != self._location:
            raise _Unfit("another_location", location)
        units = self._units(given.get("quantity"))
        if len(self._places) < _REMEMBERED and "\\" not in location:
            self._places.add(location)
        return _escaped(sku), _escaped(location), units, self._instant(given.get("occurred_at")), _bin(given.get("bin"))

    def _units(self, given: Any) -> str:
        if isinstance(given, int) and not isinstance(given, bool):
            given = str(given)
        elif self.format == "ndjson" and given is not None:
            raise _Unfit("not_a_quantity", given)
        text = (given or "").strip(" ")
        if not text:
            raise _Unfit("required", "quantity")
        if not _FIGURES.fullmatch(text):
            raise _Unfit("negative_count" if _NEGATIVE.fullmatch(text) else "not_a_quantity", given)
        if len(text) > 20 or int(text) > _MOST_UNITS:
            raise _Unfit("out_of_range", given)
        return text

    def _instant(self, given: Any) -> str:
        """In UTC as Postgres reads it; a clock that is a little fast does not make a future."""
        if given is None or given == "":
            return _NULL
        known = self._instants.get(given) if isinstance(given, str) else None
        if known is None:
            if len(self._instants) >= _REMEMBERED:
                self._instants.clear()
            known = self._instants[given] = self._read_instant(given)
        return known

    def _read_instant(self, given: Any) -> str:
        try:
            at = datetime.fromisoformat(given.strip(" "))
            if at.tzinfo is None:
                raise _Unfit("timezone_aware", given)
            at = at.astimezone(UTC)
        except (ValueError, OverflowError, AttributeError):
            raise _Unfit("not_an_instant", given) from None
        if at < EARLIEST:
            raise _Unfit("not_an_instant", given)
        if at - self._received_at > SKEW:
            raise _Unfit("in_the_future", given)
        return min(at, self._received_at).isoformat()


# ---- pieces to regions ---------------------------------------------------------------------------


def _regions(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Pieces cut at line ends, the last line end left out. Of an endless line only its beginning is kept."""
    line = b""  # not yet ended
    for piece in pieces:
        ended, end, rest = piece.rpartition(b"\n")
        if end:
            yield line + ended
            line = b""
        line = (line + rest)[: _LINE_BYTES + 2]
    if line:
        yield line


def _decoded(head: bytes, byte: int) -> str:
    """Errors: FileRefused."""
    try:
        text = head[: _LINE_BYTES + 2].decode().removesuffix("\r")
    except UnicodeDecodeError as error:
        value = f"0x{head[error.start]:02X}"
        raise FileRefused("wrong_encoding", line=1, byte=byte + error.start, value=value) from None
    if "\0" in text:
        raise FileRefused("wrong_encoding", line=1, byte=byte + head.index(b"\0"), value="0x00")
    return text


def _read_header(text: str, *, needs_location: bool) -> _Header:
    """Errors: FileRefused."""
    delimiter = max(_DELIMITERS, key=text.count)
    try:
        names = [name.strip().lower() for name in _split(text, delimiter)]
    except _Unfit as unfit:
        raise FileRefused(unfit.code, line=1, value=text) from None
    if not {"sku", "quantity"} & set(names):
        raise FileRefused("missing_header", line=1, value=text)
    for name in names:
        if name not in COLUMNS:
            raise FileRefused("unknown_column", line=1, value=name)
        if names.count(name) > 1:
            raise FileRefused("duplicate_column", line=1, value=name)
    for name in ("sku", "location", "quantity"):
        if name not in names and (name != "location" or needs_location):
            raise FileRefused("missing_column", line=1, value=name)
    return _Header(delimiter, {name: index for index, name in enumerate(names)})


# ---- lines to values -----------------------------------------------------------------------------


def _split(line: str, delimiter: str) -> list[str]:
    """Errors: _Unfit (a quotation mark that is not closed on its line)."""
    if '"' not in line:
        return line.split(delimiter)
    try:
        [cells] = csv.reader([line], delimiter=delimiter, strict=True)
    except (csv.Error, ValueError):
        raise _Unfit("unbalanced_quotes", line) from None
    return cells


def _json_fields(line: str) -> dict[str, Any]:
    try:
        fields = orjson.loads(line)
    except orjson.JSONDecodeError:
        raise _Unfit("not_json", line) from None
    if not isinstance(fields, dict):
        raise _Unfit("not_json", line)
    if unknown := next((name for name in fields if name not in COLUMNS), None):
        raise _Unfit("unknown_field", unknown)
    return fields


def _text(given: Any, missing: str) -> str:
    if given is None or given == "":
        raise _Unfit("required", missing)
    if not isinstance(given, str):
        raise _Unfit("string_type", given)
    text = given.strip(" ")
    if not text.isprintable():
        raise _Unfit("control_character", text)
    return text


def _code(given: Any, *, unknown: str) -> str:
    """Something that may be a SKU or a place. Nothing longer than their columns exists."""
    text = _text(given, unknown.removeprefix("unknown_"))
    if not text:
        raise _Unfit("required", unknown.removeprefix("unknown_"))
    if len(text) > _CODE_CHARS:
        raise _Unfit(unknown, text)
    return text


def _bin(given: Any) -> str:
    if given is None or given == "":
        return _NULL
    text = _text(given, "bin")
    if len(text) > _BIN_CHARS:
        raise _Unfit("bin_too_long", text)
    return _escaped(text)


def _name_in(given: Mapping[str, Any], name: str) -> str:
    value = given.get(name)
    return shown(value.strip(" "))[:_CODE_CHARS] if isinstance(value, str) else ""


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\") if "\\" in text else text
