"""Structured logs: one line per thing, JSON in production; who and what, never names or addresses of people."""

import logging.config
from typing import Any

import structlog

from oms import request_context


def _add_request_id(logger: Any, method: str, event: dict[str, Any]) -> dict[str, Any]:
    if request_id := request_context.request_id():
        event["request_id"] = request_id
    return event


def configure(config: dict[str, Any]) -> None:
    """Django's LOGGING_CONFIG: `{"level": "INFO", "as_json": False}`."""
    shared: list[Any] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        _add_request_id,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    renderer: Any = (
        structlog.processors.JSONRenderer()
        if config["as_json"]
        else structlog.dev.ConsoleRenderer(
            colors=False,
            pad_event_to=0,
            exception_formatter=structlog.dev.plain_traceback,  # locals would tell secrets
        )
    )
    errors: list[Any] = [structlog.processors.format_exc_info] if config["as_json"] else []
    finish: list[Any] = [structlog.stdlib.ProcessorFormatter.remove_processors_meta, *errors, renderer]
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {
                "line": {
                    "()": structlog.stdlib.ProcessorFormatter,
                    "processors": finish,
                    "foreign_pre_chain": shared,
                }
            },
            "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
            "root": {"handlers": ["console"], "level": config["level"]},
            "loggers": {
                "celery.app.trace": {"level": "WARNING"},
                "celery.worker.strategy": {"level": "WARNING"},
                "celery.beat": {"level": "WARNING"},
                "django.request": {"level": "ERROR"},
                "axes": {"level": "WARNING"},
            },
        }
    )
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
