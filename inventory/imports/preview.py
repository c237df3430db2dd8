"""A first look at a file: can it be read at all, and what stands in its first rows?"""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from django.conf import settings
from django.db import connection

from inventory.imports import upload
from inventory.imports.faults import Fault
from inventory.imports.reading import Format, StockFile
from inventory.imports.unpacking import Unpacked, UnpackLimits
from inventory.models import ImportMode, StockImport


@dataclass(slots=True)
class Look:
    """`rows` (line, sku, location, quantity) and `faults` of what was looked at; `is_all`: that was the whole file."""

    format: Format = "csv"
    rows: list[tuple[int, str, str, int]] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    is_all: bool = False


def look_at(
    path: Path,
    *,
    format: Format | None = None,
    location: str = "",
    is_only: bool = False,
    places: frozenset[str] | None = None,
    received_at: datetime,
    most_rows: int = 1,
) -> Look:
    """Read until so many rows were seen. Errors: FileRefused."""
    limits = UnpackLimits(settings.IMPORT_MAX_UNPACKED_BYTES, settings.IMPORT_MAX_RATIO)
    pieces = Unpacked(path, limits).pieces()
    file = StockFile(pieces, format=format, location=location, is_only=is_only, places=places, received_at=received_at)
    look = Look()
    for block in file.blocks():
        look.faults += block.faults
        for copied in block.copied:
            line, sku, place, quantity, *_rest = copied.rstrip("\n").split("\t")
            look.rows.append((int(line), sku, place, int(quantity)))
        if len(look.rows) + len(look.faults) >= most_rows:
            break
    else:
        look.is_all = True
    assert file.format
    look.format = file.format
    return look


# ---- what it would do -----------------------------------------------------------------------------

_LOOKED_AT, _SHOWN = 20_000, 20


@dataclass(frozen=True, slots=True)
class Prospect:
    """A row beside what we believe now. `on_hand` None: there is no such level yet; `code`: why it would be rejected."""

    line: int
    sku: str
    location: str
    quantity: int | None
    on_hand: int | None
    code: str = ""
    value: str = ""

    @property
    def difference(self) -> int:
        return 0 if self.quantity is None else self.quantity - (self.on_hand or 0)


@dataclass(slots=True)
class Outlook:
    """What would happen if the file were applied now, by its first rows. `is_all`: these are all its rows.

    `unnamed`, of a snapshot that was looked at whole: levels of the place that it does not name, how many of them hold
    something, and how many units.
    """

    rows: int = 0
    is_all: bool = False
    would_change: int = 0
    units: int = 0
    codes: Counter[str] = field(default_factory=Counter)
    shown: list[Prospect] = field(default_factory=list)
    unnamed: tuple[int, int, int] | None = None
    keeps_unnamed: bool = False
    applies_nothing: bool = False


def outlook_of(row: StockImport) -> Outlook:
    """Errors: FileRefused (broken in its beginning)."""
    look = look_at(
        upload.path_of(row.pk),
        format="csv" if row.format == "csv" else "ndjson",
        location=row.location_id or "",
        is_only=row.mode == ImportMode.SNAPSHOT,
        places=None if row.places is None else frozenset(row.places),
        received_at=row.received_at,
        most_rows=_LOOKED_AT,
    )
    prospects = sorted([*_read(look), *_unread(look)], key=lambda prospect: prospect.line)
    outlook = Outlook(rows=len(prospects), is_all=look.is_all, shown=prospects[:_SHOWN])
    for prospect in prospects:
        if prospect.code:
            outlook.codes[prospect.code] += 1
        elif prospect.difference:
            outlook.would_change += 1
            outlook.units += prospect.difference
    if row.mode == ImportMode.SNAPSHOT and look.is_all:
        outlook.keeps_unnamed = any(not fault.is_named for fault in look.faults)
        outlook.applies_nothing = all(prospect.code for prospect in prospects)
        named = {prospect.sku for prospect in prospects if prospect.sku}
        outlook.unnamed = _unnamed(row.location_id or "", named)
    return outlook


def _unread(look: Look) -> list[Prospect]:
    return [
        Prospect(fault.line, fault.sku, fault.location, None, None, fault.code, fault.value) for fault in look.faults
    ]


_BESIDE = """
SELECT k.line, k.sku, k.location, k.quantity, s.on_hand,
    CASE WHEN s.id IS NOT NULL THEN '' WHEN p.sku IS NULL THEN 'unknown_sku' WHEN l.code IS NULL THEN 'unknown_location'
         ELSE '' END
FROM unnest(%s::bigint[], %s::text[], %s::text[], %s::int[]) AS k (line, sku, location, quantity)
LEFT JOIN inventory_stocklevel s ON s.sku = k.sku AND s.location_id = k.location
LEFT JOIN inventory_product p ON p.sku = k.sku
LEFT JOIN inventory_location l ON l.code = k.location"""


def _read(look: Look) -> list[Prospect]:
    """Of rows about one level the last one counts."""
    last = {(sku, location): line for line, sku, location, _quantity in look.rows}
    counting = [row for row in look.rows if last[row[1], row[2]] == row[0]]
    earlier = [
        Prospect(line, sku, location, quantity, None, "duplicate_row", str(quantity))
        for line, sku, location, quantity in look.rows
        if last[sku, location] != line
    ]
    if not counting:
        return earlier
    with connection.cursor() as cursor:
        cursor.execute(_BESIDE, [list(column) for column in zip(*counting, strict=True)])
        found = cursor.fetchall()
    return [
        *earlier,
        *(
            Prospect(line, sku, location, quantity, on_hand, code, str(quantity) if code else "")
            for line, sku, location, quantity, on_hand, code in found
        ),
    ]


def _unnamed(location: str, named: set[str]) -> tuple[int, int, int]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*), count(*) FILTER (WHERE on_hand <> 0), coalesce(sum(on_hand), 0)"
            " FROM inventory_stocklevel WHERE location_id = %s AND NOT sku = ANY(%s::text[])",
            [location, list(named)],
        )
        levels, holding, units = cursor.fetchone()
    return levels, holding, units
