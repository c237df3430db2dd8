import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from oms.dev.engines import ROOT, ROOTS_BASE, Postgres, Valkey, home_id

Starter = Callable[..., subprocess.Popen]


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """A home in an unkind place: long, with spaces and a quote."""
    home = tmp_path / "the shop's data, second try"
    yield home
    Valkey(home).stop()
    Postgres(home).stop()
    if os.geteuid() == 0:  # root's data lie outside the home
        shutil.rmtree(ROOTS_BASE / home_id(home), ignore_errors=True)


@pytest.fixture
def python(tmp_path: Path) -> Iterator[Starter]:
    """Start a Python program of ours as a process group of its own, killed at the end."""
    started: list[subprocess.Popen] = []
    environment = {name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "REDIS_URL")}

    def start(code: str, *arguments: object, **more: str) -> subprocess.Popen:
        process = subprocess.Popen(
            [sys.executable, "-c", code, *map(str, arguments)],
            cwd=ROOT,
            env={**environment, "PYTHONUNBUFFERED": "1", **more},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()
        if process.stdout:
            process.stdout.close()
