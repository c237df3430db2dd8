import time
from typing import Any

from django.db.backends.postgresql import base
from psycopg.abc import Buffer, DumperKey
from psycopg.adapt import PyFormat
from psycopg.types.array import ListDumper

_TRUSTED_SECONDS = 1.0


class TextListDumper(ListDumper):
    """Lists of texts in one step, all others as psycopg does: it asks for the kind of each list, then of each item."""

    def get_key(self, obj: list[Any], format: PyFormat) -> DumperKey:
        return self.cls if _are_texts(obj) else super().get_key(obj, format)

    def dump(self, obj: list[Any]) -> Buffer | None:
        if self.sub_dumper or not _are_texts(obj):
            return super().dump(obj)
        joined = '","'.join(obj)
        if joined.count('"') > 2 * (len(obj) - 1) or "\\" in joined or "\0" in joined:
            return super().dump(obj)
        return f'{{"{joined}"}}'.encode()


def _are_texts(items: list[Any]) -> bool:
    return bool(items) and set(map(type, items)) == {str}


class DatabaseWrapper(base.DatabaseWrapper):
    """Asks a kept connection whether it still lives once a second, not at every request.

    The question is a round trip, which for a small read costs as much as the read. A server that went away within
    that second is noticed by the request itself, which fails as it would have a moment later.
    """

    _seen_alive_at = float("-inf")

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        connection = super().get_new_connection(conn_params)
        connection.adapters.register_dumper(list, TextListDumper)
        return connection

    def close_if_health_check_failed(self) -> None:
        if time.monotonic() - self._seen_alive_at < _TRUSTED_SECONDS:
            self.health_check_done = True  # for this request: Django asks again at every statement
        super().close_if_health_check_failed()

    def is_usable(self) -> bool:
        is_alive: bool = super().is_usable()
        if is_alive:
            self._seen_alive_at = time.monotonic()
        return is_alive
