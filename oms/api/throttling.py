"""A token bucket per caller and process: no network on the hot path, and it works without the broker.

The limit of the whole system is this rate times the number of web processes (docs/adr/0005).
"""

import time
from typing import Any

from django.conf import settings
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

_BUCKETS_LIMIT = 10_000
_buckets: dict[str, tuple[float, float]] = {}  # caller → (tokens, as of)


class CallerThrottle(BaseThrottle):
    """Allows `THROTTLE_PER_MINUTE` requests a minute, in bursts of a tenth of it."""

    def allow_request(self, request: Request, view: Any) -> bool:
        per_second = settings.THROTTLE_PER_MINUTE / 60
        burst = max(1.0, settings.THROTTLE_PER_MINUTE / 10)
        ident = getattr(request.auth, "identity", None) or self.get_ident(request)
        at = time.monotonic()
        tokens, since = _buckets.get(ident, (burst, at))
        tokens = min(burst, tokens + (at - since) * per_second)
        if len(_buckets) > _BUCKETS_LIMIT:
            _buckets.clear()
        allowed = tokens >= 1
        _buckets[ident] = (tokens - 1 if allowed else tokens, at)
        self._wait = (1 - tokens) / per_second
        return allowed

    def wait(self) -> float:
        return self._wait
