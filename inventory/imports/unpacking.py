"""From a file on disk to plain bytes, in pieces: gzip unpacked as it comes, and never more than is reasonable."""

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from inventory.imports.faults import FileRefused

GZIP = b"\x1f\x8b"
_GZIP_WINDOW = 31  # zlib's number for "with a gzip header"
_PIECE = 256 * 1024
_ALWAYS_FINE = 1024 * 1024  # so much may come of however little: the ratio says nothing about small files


@dataclass(frozen=True, slots=True)
class UnpackLimits:
    """How much may come out: in all, and for each byte that goes in (stock packs ten to thirty times)."""

    most_bytes: int
    most_ratio: int


class Unpacked:
    """The plain bytes of a file. `taken` tells how much of the file on disk was read so far."""

    def __init__(self, path: Path, limits: UnpackLimits):
        self.taken = 0
        self._path = path
        self._limits = limits

    def pieces(self) -> Iterator[bytes]:
        """Errors: FileRefused (file_lost, broken_gzip, cut_short, expands_too_much, too_large_unpacked)."""
        try:
            with self._path.open("rb") as file:
                is_packed = file.read(2) == GZIP
                file.seek(0)
                yield from self._bounded(self._inflated(file) if is_packed else self._read(file))
        except FileNotFoundError:
            raise FileRefused("file_lost") from None

    def _read(self, file: BinaryIO) -> Iterator[bytes]:
        while piece := file.read(_PIECE):
            self.taken += len(piece)
            yield piece

    def _bounded(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        given = 0
        for piece in pieces:
            given += len(piece)
            if given > self._limits.most_bytes:
                raise FileRefused("too_large_unpacked", byte=self._limits.most_bytes)
            if given > max(_ALWAYS_FINE, self.taken * self._limits.most_ratio):
                raise FileRefused("expands_too_much", byte=given - len(piece))
            yield piece

    def _inflated(self, file: BinaryIO) -> Iterator[bytes]:
        """Every member of the file, one after the other; no piece is longer than we ask for."""
        member = zlib.decompressobj(_GZIP_WINDOW)
        for packed in self._read(file):
            is_full = False
            while packed or is_full:
                if member.eof:
                    packed = packed.lstrip(b"\0")  # some tools pad with zeros
                    if not packed:
                        break
                    member = zlib.decompressobj(_GZIP_WINDOW)
                try:
                    plain = member.decompress(packed, _PIECE)
                except zlib.error:
                    raise FileRefused("broken_gzip") from None
                yield plain
                packed = member.unused_data if member.eof else member.unconsumed_tail
                is_full = len(plain) == _PIECE  # then more may come of what is taken in already
        if not member.eof:
            raise FileRefused("cut_short")
