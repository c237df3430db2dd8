"""Public ids: a three-letter prefix and a ULID, e.g. `ful_01jd8m2k…`. They sort by time of making.

The id in the database is the id in the API, the logs and the events. Made in Python, so that all
rows of one order are known before the first is written.
"""

import os
import time
from typing import Any

from django.db import models

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford base 32
_TIME_CHARS, _RANDOM_CHARS = 10, 16


def _base32(number: int, length: int) -> str:
    chars = []
    for _ in range(length):
        number, digit = divmod(number, 32)
        chars.append(_ALPHABET[digit])
    return "".join(reversed(chars))


def new_id(prefix: str) -> str:
    """48 bits of milliseconds, 80 random bits: unique without asking anyone."""
    stamp = _base32(time.time_ns() // 1_000_000, _TIME_CHARS)
    return f"{prefix}_{stamp}{_base32(int.from_bytes(os.urandom(10)), _RANDOM_CHARS)}"


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
