import time

from django.db.backends.postgresql import base

_TRUSTED_SECONDS = 1.0


class DatabaseWrapper(base.DatabaseWrapper):
    """Asks a kept connection whether it still lives once a second, not at every request.

    The question is a round trip, which for a small read costs as much as the read. A server that went away within
    that second is noticed by the request itself, which fails as it would have a moment later.
    """

    _seen_alive_at = float("-inf")

    def close_if_health_check_failed(self) -> None:
        if time.monotonic() - self._seen_alive_at < _TRUSTED_SECONDS:
            self.health_check_done = True  # for this request: Django asks again at every statement
        super().close_if_health_check_failed()

    def is_usable(self) -> bool:
        is_alive: bool = super().is_usable()
        if is_alive:
            self._seen_alive_at = time.monotonic()
        return is_alive
