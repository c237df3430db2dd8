"""Production starts with its secrets or not at all."""

import os
import subprocess
import sys

import pytest

from oms.dev.engines import ROOT

COMPLETE = {
    "OMS_SECRET_KEY": "k" * 50,
    "DATABASE_URL": "postgresql://oms@db/oms",
    "REDIS_URL": "redis://broker:6379/0",
    "OMS_ALLOWED_HOSTS": "shop.example",
    "OMS_PUBLIC_URL": "https://shop.example",
}


def start(environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    program = (
        "from django.conf import settings as s;"
        "print(s.DEBUG, s.SESSION_COOKIE_SECURE, s.CSRF_COOKIE_SECURE, s.SECURE_SSL_REDIRECT, s.ALLOWED_HOSTS)"
    )
    return subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "DJANGO_SETTINGS_MODULE": "oms.settings.prod", **environment},
        capture_output=True,
        text=True,
    )


def test_with_all_its_secrets_production_is_closed_and_encrypted() -> None:
    result = start(COMPLETE)

    assert result.stdout.strip() == "False True True True ['shop.example']", result.stderr


@pytest.mark.parametrize("missing", sorted(COMPLETE))
def test_a_missing_value_stops_the_start_and_is_named(missing: str) -> None:
    result = start({name: value for name, value in COMPLETE.items() if name != missing})

    assert result.returncode != 0
    assert missing in result.stderr.splitlines()[-1]


def test_a_short_secret_is_refused() -> None:
    result = start({**COMPLETE, "OMS_SECRET_KEY": "hunter2"})

    assert result.returncode != 0
    assert "at least 40 characters" in result.stderr
