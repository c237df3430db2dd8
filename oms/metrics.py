"""Figures for Prometheus. With several web processes set PROMETHEUS_MULTIPROC_DIR."""

import os

from django.http import HttpRequest, HttpResponse
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
    multiprocess,
)

from oms import health

_requests = Counter("oms_http_requests_total", "Requests answered", ["method", "route", "status"])
_seconds = Histogram(
    "oms_http_request_seconds",
    "Time to answer",
    ["route"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
)


def observe_request(method: str, route: str, status: int, seconds: float) -> None:
    _requests.labels(method, route, str(status)).inc()
    _seconds.labels(route).observe(seconds)


def view(request: HttpRequest) -> HttpResponse:
    registry = CollectorRegistry()
    if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        multiprocess.MultiProcessCollector(registry)
    else:
        registry.register(_requests)
        registry.register(_seconds)
    for name, (value, text) in health.lags().items():
        Gauge(f"oms_{name}", text, registry=registry).set(value)
    return HttpResponse(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)
