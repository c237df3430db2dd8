#!/usr/bin/env python
"""Django's commands. Without DATABASE_URL and REDIS_URL the embedded engines serve, started if need be."""

import contextlib
import os
import sys

from oms.dev.engines import EngineError, engines, oms_home

# Production must name its servers: an embedded one there would hide that they are missing.
EMBEDDABLE = {"oms.settings.dev", "oms.settings.test"}


def main() -> None:
    settings = os.environ.setdefault("DJANGO_SETTINGS_MODULE", "oms.settings.dev")
    try:
        from django.core.management import execute_from_command_line
    except ImportError:
        sys.exit("Django is missing: use .venv/bin/python manage.py (make demo or make test builds .venv).")
    try:
        with engines(oms_home()) if settings in EMBEDDABLE else contextlib.nullcontext():
            execute_from_command_line(sys.argv)
    except EngineError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
