"""What surrounds every request: its id, its size, its log line and figures, and the API's path manners."""

import logging
import time
from collections.abc import Callable
from urllib.parse import unquote

from csp.constants import HEADER
from csp.middleware import CSPMiddleware
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils import timezone

from oms import metrics, request_context
from oms.characters import stray
from oms.problems import no_character, too_large

log = logging.getLogger("oms.access")

Next = Callable[[HttpRequest], HttpResponse]
_POLICY_OF_DATA = "default-src 'none'; frame-ancestors 'none'"
_RELAXED = {
    "/admin/": {
        "script-src": ["'self'", "'unsafe-eval'", "'unsafe-inline'"],
        "style-src": ["'self'", "'unsafe-inline'"],
    },
    "/api/v1/docs": {"script-src": ["'self'", "'unsafe-inline'"], "style-src": ["'self'", "'unsafe-inline'"]},
}


def _level(request: HttpRequest, response: HttpResponse) -> int:
    """What changed something or went wrong is always told; quiet reads only where machines read the log."""
    is_quiet = request.method in ("GET", "HEAD", "OPTIONS") and response.status_code < 400
    return logging.DEBUG if is_quiet and not settings.LOG_JSON else logging.INFO


class RequestMiddleware:
    """Names the request, refuses a body over the limit before reading it, logs and counts the answer."""

    def __init__(self, get_response: Next):
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        started = time.perf_counter()
        request_id = request_context.new_request_id(request.headers.get("X-Request-ID", ""))
        response = self._refusal(request) or self.get_response(request)
        elapsed = time.perf_counter() - started
        response["X-Request-ID"] = request_id
        route = request.resolver_match.route if request.resolver_match else "-"
        metrics.observe_request(request.method or "-", route, response.status_code, elapsed)
        log.log(
            _level(request, response),
            "%s %s %s",
            request.method,
            route,
            response.status_code,
            extra={"ms": round(elapsed * 1000, 1), "status": response.status_code},
        )
        return response

    @staticmethod
    def _refusal(request: HttpRequest) -> HttpResponse | None:
        length = request.headers.get("Content-Length", "")
        limit = settings.LARGE_BODIES.get(request.path.rstrip("/"), settings.MAX_BODY_BYTES)
        if length.isdecimal() and int(length) > limit:
            return too_large(request, limit)
        if character := stray(request.path) or stray(unquote(request.META.get("QUERY_STRING", ""))):
            return no_character(request, character)
        return None


class ApiPathMiddleware:
    """`/api/v1/orders` and `/api/v1/orders/` are the same."""

    def __init__(self, get_response: Next):
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.path_info.startswith("/api/") and not request.path_info.endswith("/"):
            request.path_info += "/"
        return self.get_response(request)


class OfficeTimeMiddleware:
    """The back office shows and reads times in the zone of those who work there (stores in their own)."""

    def __init__(self, get_response: Next):
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not request.path_info.startswith("/admin/"):
            return self.get_response(request)
        with timezone.override(settings.OFFICE_TIME_ZONE):
            return self.get_response(request)


class ContentPolicyMiddleware(CSPMiddleware):
    """Says what a page may load. The admin theme and the API's reader need inline code; only there is it relaxed.

    Data loads nothing; that much is said without working a policy out for every answer of the API.
    """

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        if response.headers.get("Content-Type") == "application/json":
            response.headers[HEADER] = _POLICY_OF_DATA
            return response
        for prefix, policy in _RELAXED.items():
            if request.path_info.startswith(prefix):
                response._csp_update = policy  # type: ignore[attr-defined]
        return super().process_response(request, response)
