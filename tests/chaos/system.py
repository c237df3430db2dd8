"""The real thing, small and mortal: Postgres with durable commits, Valkey, a Celery worker and beat."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import environ
import psutil
from django.core.management import call_command
from django.db import connection

from oms.dev.engines import ROOT, Postgres, Valkey

_CELERY = [sys.executable, "-m", "celery", "--quiet", "-A", "oms"]
_WORKER = ["worker", "-Q", "default,clock,outbox", "--concurrency", "2", "--without-gossip", "--without-mingle"]


class System:
    def __init__(self, home: Path):
        self.home = home
        self.postgres = Postgres(home)
        self.valkey = Valkey(home)
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def start_engines(self) -> None:
        self.postgres.start()
        self.valkey.start()

    def stop_engines(self) -> None:
        self.valkey.stop()
        self.postgres.stop()

    # ---- worker and beat -------------------------------------------------------------------------

    def start_clock(self) -> None:
        self._start("worker", _WORKER)
        self._start("beat", ["beat", "--schedule", str(self.home / "beat-schedule"), "--pidfile="])

    def stop_clock(self) -> None:
        for name in list(self._running):
            self._kill_group(name)

    def dead(self) -> list[str]:
        """Which of worker and beat have ended by themselves."""
        return [name for name, process in self._running.items() if process.poll() is not None]

    def log(self, name: str) -> str:
        return (self.home / f"{name}.log").read_text(errors="replace")

    def _start(self, name: str, arguments: list[str]) -> None:
        environment = {
            **os.environ,
            "DATABASE_URL": self.postgres.url(),
            "REDIS_URL": self.valkey.url(),
            "OMS_HOME": str(self.home),
            "DJANGO_SETTINGS_MODULE": "oms.settings.dev",
            "PYTHONWARNINGS": "ignore",
        }
        with open(self.home / f"{name}.log", "ab") as log:
            self._running[name] = subprocess.Popen(
                [*_CELERY, *arguments],
                cwd=ROOT,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def _kill_group(self, name: str) -> None:
        process = self._running.pop(name)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    # ---- sudden deaths, each followed by a new start -------------------------------------------------

    def kill_worker(self) -> None:
        """With the children that do its work: they are of its process group."""
        self._kill_group("worker")
        self._start("worker", _WORKER)

    def kill_broker(self) -> None:
        psutil.Process(self.valkey.pid()).kill()
        self.valkey.start()

    def kill_database(self) -> None:
        """The postmaster first: it gets no chance to tell its backends."""
        postmaster = psutil.Process(self.postgres.pid())
        for process in [postmaster, *postmaster.children(recursive=True)]:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        self.postgres.start()

    # ---- looking at it from here -----------------------------------------------------------------------

    @contextlib.contextmanager
    def as_default_database(self) -> Iterator[None]:
        """Point this process's Django at the system's database, schema made and empty."""
        settings = connection.settings_dict
        before = dict(settings)
        connection.close()
        found = environ.Env.db_url_config(self.postgres.url())
        settings.update({name: found[name] for name in ("NAME", "USER", "PASSWORD", "HOST", "PORT")})
        settings["OPTIONS"] = {**before["OPTIONS"], **found["OPTIONS"]}  # the socket's directory
        try:
            call_command("migrate", verbosity=0)
            call_command("flush", interactive=False, verbosity=0, inhibit_post_migrate=True)
            yield
        finally:
            connection.close()
            settings.update(before)
