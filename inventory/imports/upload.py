"""From the wire to disk: in pieces, never more than is allowed, and nothing is left of what is refused."""

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from django.conf import settings

_PIECE = 128 * 1024


class TooLarge(Exception):
    """More came than is allowed; the file is gone."""


class CutShort(Exception):
    """Less came than was announced; the file is gone."""


@dataclass(frozen=True, slots=True)
class Saved:
    path: Path
    bytes: int
    digest: str


def path_of(import_id: str) -> Path:
    """Where the file of this import lies. Not among the media: those are shown to everybody."""
    return Path(settings.IMPORT_DIR) / import_id


def save_stream(
    import_id: str, read: Callable[[int], bytes], *, most_bytes: int, announced: int | None = None
) -> Saved:
    """Write what `read` gives to the file of this import, so that it outlives the machine.

    Errors: TooLarge, CutShort (fewer bytes than `announced`), OSError (the disk is full); then there is no file.
    """
    path = path_of(import_id)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        return _save(path, read, most_bytes, announced)
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def _save(path: Path, read: Callable[[int], bytes], most_bytes: int, announced: int | None) -> Saved:
    digest, size = hashlib.sha256(), 0
    with path.open("xb") as file:
        while piece := read(_PIECE):
            size += len(piece)
            if size > most_bytes:
                raise TooLarge()
            digest.update(piece)
            file.write(piece)
        if announced is not None and size < announced:
            raise CutShort()
        file.flush()
        os.fsync(file.fileno())
    return Saved(path, size, digest.hexdigest())


def discard(import_id: str) -> None:
    path_of(import_id).unlink(missing_ok=True)


def import_files(*, older_than: datetime | None = None) -> set[str]:
    """The ids of the imports whose files are here."""
    directory = Path(settings.IMPORT_DIR)
    if not directory.is_dir():
        return set()
    until = older_than.timestamp() if older_than else float("inf")
    return {entry.name for entry in os.scandir(directory) if entry.is_file() and entry.stat().st_mtime <= until}
