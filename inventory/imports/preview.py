"""A first look at a file: can it be read at all, and what stands in its first rows?"""

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from django.conf import settings

from inventory.imports.faults import Fault
from inventory.imports.reading import Format, StockFile
from inventory.imports.unpacking import Unpacked, UnpackLimits


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
