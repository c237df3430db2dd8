"""From the wire to disk: in pieces, never more than is allowed, and nothing is left of what is refused."""

import hashlib
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from django.conf import settings
from django.utils.translation import gettext as _

from oms.errors import Busy

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


class Upload:
    """The file of an import while it comes in. Leaving the block without `finish` leaves no file."""

    def __init__(self, import_id: str, *, most_bytes: int):
        self.path = path_of(import_id)
        self._most_bytes = most_bytes
        self._digest, self._size, self._is_whole = hashlib.sha256(), 0, False

    def __enter__(self) -> "Upload":
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._file = self.path.open("xb")
        return self

    def __exit__(self, *error: object) -> None:
        self._file.close()
        if not self._is_whole:
            self.path.unlink(missing_ok=True)

    def add(self, piece: bytes) -> None:
        """Errors: TooLarge; OSError (the disk is full)."""
        self._size += len(piece)
        if self._size > self._most_bytes:
            raise TooLarge()
        self._digest.update(piece)
        self._file.write(piece)

    def finish(self, *, announced: int | None = None) -> Saved:
        """From here on the file outlives the machine. Errors: CutShort (fewer bytes than `announced`), OSError."""
        if announced is not None and self._size < announced:
            raise CutShort()
        self._file.flush()
        os.fsync(self._file.fileno())
        self._is_whole = True
        return Saved(self.path, self._size, self._digest.hexdigest())


def save_stream(
    import_id: str, read: Callable[[int], bytes], *, most_bytes: int, announced: int | None = None
) -> Saved:
    """Write what `read` gives to the file of this import. Errors: TooLarge, CutShort, OSError; then there is no file."""
    with Upload(import_id, most_bytes=most_bytes) as upload:
        while piece := read(_PIECE):
            upload.add(piece)
        return upload.finish(announced=announced)


_hands = threading.BoundedSemaphore(settings.IMPORT_UPLOADS_AT_ONCE)


@contextmanager
def one_at_hand() -> Iterator[None]:
    """A few uploads at once: whoever sends slowly must not take all our hands. Errors: Busy."""
    if not _hands.acquire(blocking=False):
        raise Busy(_("Other files are being sent right now"), retry_after=10)
    try:
        yield
    finally:
        _hands.release()


def discard(import_id: str) -> None:
    path_of(import_id).unlink(missing_ok=True)


def import_files(*, older_than: datetime | None = None) -> set[str]:
    """The ids of the imports whose files are here."""
    directory = Path(settings.IMPORT_DIR)
    if not directory.is_dir():
        return set()
    until = older_than.timestamp() if older_than else float("inf")
    return {entry.name for entry in os.scandir(directory) if entry.is_file() and entry.stat().st_mtime <= until}
