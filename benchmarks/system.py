"""The system under measurement: its own Postgres with durable commits, and the web server of `make demo`."""

import contextlib
import http.client
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from oms.dev.engines import ROOT, Postgres, oms_home

POSTGRES = {"shared_buffers": "1GB", "max_wal_size": "4GB", "max_connections": "100"}
WEB_WORKERS, WEB_THREADS = 2, 2
_START_SECONDS = 60


@dataclass(frozen=True, slots=True)
class WebServer:
    port: int
    pid: int


def bench_home(name: str = "bench") -> Path:
    """Beside the data of `make demo`, never in it."""
    return oms_home() / name


@contextlib.contextmanager
def database(name: str = "bench") -> Iterator[Postgres]:
    """A migrated database of this name with durable commits, its address in the environment. Django is set up."""
    home = bench_home(name)
    postgres = Postgres(home, settings=POSTGRES)
    postgres.start()
    os.environ.update(
        {
            "OMS_HOME": str(home),
            "DATABASE_URL": postgres.url(),
            "DJANGO_SETTINGS_MODULE": "oms.settings.dev",
            "OMS_THROTTLE_PER_MINUTE": "10000000",  # the load generator is one caller
            "OMS_LOG_LEVEL": os.environ.get("OMS_LOG_LEVEL", "WARNING"),
        }
    )
    try:
        _set_up_django()
        yield postgres
    finally:
        postgres.stop()


def _set_up_django() -> None:
    import django

    django.setup()
    from django.core.management import call_command

    call_command("migrate", interactive=False, verbosity=0)


@contextlib.contextmanager
def web_server(log: Path, workers: int = WEB_WORKERS) -> Iterator[WebServer]:
    """The web server as `make demo` starts it."""
    port = _free_port()
    command = [sys.executable, "-m", "granian", "--interface", "wsgi", "--no-ws", "--host", "127.0.0.1"]
    size = ["--workers", str(workers), "--blocking-threads", str(WEB_THREADS)]
    with log.open("wb") as out:
        server = subprocess.Popen(
            [*command, *size, "--port", str(port), "oms.wsgi:application"],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
        )
    try:
        _wait_until_it_answers(port, server, log)
        yield WebServer(port, server.pid)
    finally:
        server.terminate()
        server.wait()


def _wait_until_it_answers(port: int, server: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + _START_SECONDS
    while not _answers(port):
        if server.poll() is not None or time.monotonic() > until:
            sys.exit(f"The web server does not answer; see {log}")
        time.sleep(0.1)


def _answers(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
