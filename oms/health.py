"""`/healthz`: this process answers. `/readyz`: what it stands on answers too, and the workers keep up."""

import logging
from collections.abc import Callable
from typing import Any

import redis
from django.conf import settings
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse

log = logging.getLogger(__name__)

_MAX_LAG_SECONDS = 120.0
_migrated = False


def lags() -> dict[str, tuple[float, str]]:
    """How far behind the clocks are, in seconds and rows."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT coalesce(extract(epoch FROM now() - min(due_at)), 0), count(*) FROM oms_deadline"
            " WHERE done_at IS NULL AND due_at <= now()"
        )
        deadline_lag, deadlines = cursor.fetchone()
        cursor.execute(
            "SELECT coalesce(extract(epoch FROM now() - min(occurred_at)), 0), count(*) FROM oms_event"
            " WHERE position IS NULL"
        )
        outbox_lag, events = cursor.fetchone()
        cursor.execute("SELECT count(*) FROM oms_setaside WHERE ended_at IS NULL")
        (aside,) = cursor.fetchone()
    return {
        "deadline_lag_seconds": (float(deadline_lag), "Age of the oldest deadline not acted on"),
        "deadlines_overdue": (deadlines, "Deadlines due and not acted on"),
        "outbox_lag_seconds": (float(outbox_lag), "Age of the oldest event not in the feed"),
        "outbox_unstamped": (events, "Events not in the feed"),
        "outbox_set_aside": (aside, "Events that a subscriber could not take in, and those behind them"),
    }


def _database() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return "ok"


def _broker() -> str:
    redis.Redis.from_url(settings.REDIS_URL, socket_connect_timeout=2, socket_timeout=2).ping()
    return "ok"


def _migrations() -> str:
    global _migrated
    if not _migrated:
        executor = MigrationExecutor(connection)
        if executor.migration_plan(executor.loader.graph.leaf_nodes()):
            return "migrations are missing"
        _migrated = True
    return "ok"


def _workers() -> str:
    late = {
        name: value for name, (value, _text) in lags().items() if name.endswith("_seconds") and value > _MAX_LAG_SECONDS
    }
    return "ok" if not late else "late: " + ", ".join(f"{name}={value:.0f}" for name, value in late.items())


_CHECKS: dict[str, Callable[[], str]] = {
    "database": _database,
    "broker": _broker,
    "migrations": _migrations,
    "workers": _workers,
}


def healthz(request: HttpRequest) -> HttpResponse:
    return JsonResponse({"status": "ok"})


def readyz(request: HttpRequest) -> HttpResponse:
    checks: dict[str, Any] = {}
    for name, check in _CHECKS.items():
        try:
            checks[name] = check()
        except Exception as error:
            log.warning("not ready", extra={"check": name}, exc_info=True)
            checks[name] = type(error).__name__
    ready = all(answer == "ok" for answer in checks.values())
    return JsonResponse({"status": "ok" if ready else "unavailable", "checks": checks}, status=200 if ready else 503)
