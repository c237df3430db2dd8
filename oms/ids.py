"""Public ids: a three-letter prefix and a ULID, e.g. `ful_01jd8m2k…`. They sort by time of making.

Those of one process sort exactly in the order they were made, also within a millisecond: the parcels and
deliveries of an order are listed by id.

The id in the database is the id in the API, the logs and the events. Made in Python, so that all
rows of one order are known before the first is written.
"""

import os
import threading
import time
from datetime import datetime
from typing import Any

from django.db import models

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford base 32
_PAIRS = [a + b for a in _ALPHABET for b in _ALPHABET]  # an order makes a dozen ids: two digits at a time
_CHARS, _RANDOM_BITS = 26, 80


def _base32(number: int) -> str:
    pairs = []
    for _ in range(_CHARS // 2):
        pairs.append(_PAIRS[number & 1023])
        number >>= 10
    pairs.reverse()
    return "".join(pairs)


_lock = threading.Lock()
_last = (0, 0)  # millisecond, number


def new_id(prefix: str) -> str:
    """48 bits of milliseconds, 80 bits that nobody can guess: unique without asking anyone."""
    millisecond, number = _next()
    return f"{prefix}_{_base32(millisecond << _RANDOM_BITS | number)}"


def first_id(prefix: str, at: datetime) -> str:
    """Ids made before that instant are less, those made since are not."""
    return f"{prefix}_{_base32(int(at.timestamp() * 1000) << _RANDOM_BITS)}"


def _next() -> tuple[int, int]:
    """A random number per millisecond; further ones in it grow by random steps (79 bits leave them room)."""
    global _last
    now = time.time_ns() // 1_000_000
    with _lock:
        millisecond, number = _last
        if now > millisecond:
            _last = now, int.from_bytes(os.urandom(10)) >> 1
        else:
            _last = millisecond, number + 1 + int.from_bytes(os.urandom(4))
        return _last


class _NewId:
    """A default that migrations can write down."""

    def __init__(self, prefix: str):
        self.prefix = prefix

    def __call__(self) -> str:
        return new_id(self.prefix)

    def deconstruct(self) -> tuple[str, list[str], dict[str, Any]]:
        return "oms.ids._NewId", [self.prefix], {}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _NewId) and other.prefix == self.prefix

    def __hash__(self) -> int:
        return hash(self.prefix)


class ByteOrderedField(models.CharField):
    """Text compared byte by byte (collation C), so its plain index serves prefix searches too.

    `character varying` is `varchar` under a name for which Django does not make a second index for LIKE.
    """

    def __init__(self, **kwargs: Any):
        kwargs.setdefault("db_collation", "C")
        super().__init__(**kwargs)

    def db_type(self, connection: Any) -> str:
        return f"character varying({self.max_length})"


class PrefixedIdField(ByteOrderedField):
    """A text primary key `prefix_ULID`."""

    def __init__(self, prefix: str = "", **kwargs: Any):
        self.prefix = prefix
        kwargs.update(primary_key=True, max_length=32, editable=False, default=_NewId(prefix))
        super().__init__(**kwargs)

    def deconstruct(self) -> Any:
        name, path, args, kwargs = super().deconstruct()
        for key in ("primary_key", "max_length", "editable", "db_collation", "default"):
            kwargs.pop(key, None)
        return name, path, [self.prefix, *args], kwargs


class CodeField(ByteOrderedField):
    """A natural primary key that people chose (SKU, place, channel): never changed."""

    def __init__(self, **kwargs: Any):
        kwargs.update(primary_key=True)
        kwargs.setdefault("max_length", 64)
        super().__init__(**kwargs)
