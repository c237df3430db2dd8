"""`make demo`: the whole system on one machine, under one roof, until Ctrl-C.

Environment: PORT (8000), HOST (127.0.0.1), OMS_HOME (`.oms` in the checkout), DEMO=0 for an empty system,
DATABASE_URL and REDIS_URL to use servers of your own.
"""

import contextlib
import fcntl
import http.client
import os
import shutil
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from oms.dev.engines import ROOT, EngineError, Postgres, Valkey, engines, home_id, made_home, oms_home
from oms.dev.processes import Stopped, Supervisor

WEB_SECONDS = 60
PYTHON = sys.executable


def main() -> None:
    home, host, port = oms_home(), os.environ.get("HOST") or "127.0.0.1", port_number()
    os.environ.update({"OMS_HOME": str(home), "PORT": str(port)})
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "oms.settings.dev")
    if has_demo():
        os.environ.setdefault("OMS_OFFICE_TIME_ZONE", "Europe/Paris")  # where the demo retailer has its headquarters
    os.chdir(ROOT)
    try:
        with the_only_one(home, port):
            refuse_taken_port(host, port)
            run_everything(home, host, port)
    except EngineError as error:
        sys.exit(str(error))


def port_number() -> int:
    text = os.environ.get("PORT") or "8000"
    if not text.isdecimal() or not 0 < int(text) < 65536:
        sys.exit(f"PORT={text} is not a port number (1 to 65535).")
    return int(text)


@contextlib.contextmanager
def the_only_one(home: Path, port: int) -> Iterator[None]:
    """One supervisor per OMS_HOME; the kernel frees the lock however we end."""
    with open(made_home(home) / "demo.lock", "a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            sys.exit(
                f"Already running with OMS_HOME={home} ({lock.read()}). A second one needs its own OMS_HOME and PORT."
            )
        lock.truncate(0)
        lock.write(f"process {os.getpid()}, port {port}")
        lock.flush()
        yield


def refuse_taken_port(host: str, port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            sys.exit(f"Port {port} cannot be used ({error.strerror}). Choose another, as in PORT=8123 make demo")


def run_everything(home: Path, host: str, port: int) -> None:
    with engines(home) as running, Supervisor(mark=home_id(home)) as supervisor:
        try:
            prepare(supervisor)
            start_services(supervisor, home, host, port)
            wait_for_web(supervisor, host, port)
            print_welcome(home, host, port)
            while True:
                supervisor.watch(2)
                revive(supervisor, running)
        except Stopped:
            supervisor.say("demo", "stopping")


def prepare(supervisor: Supervisor) -> None:
    """In a process of its own, which ends and frees its memory."""
    if supervisor.run("prepare", [PYTHON, "-m", "oms.dev.prepare"]):
        raise EngineError("The system could not be prepared; the reason stands above.")


def start_services(supervisor: Supervisor, home: Path, host: str, port: int) -> None:
    # No collectstatic is needed here, and a developer's container often runs as root.
    supervisor.environment["PYTHONWARNINGS"] = "ignore:No directory at,ignore:You're running the worker with superuser"
    metrics = home / "metrics"
    shutil.rmtree(metrics, ignore_errors=True)
    metrics.mkdir()
    supervisor.environment["PROMETHEUS_MULTIPROC_DIR"] = str(metrics)
    celery = [PYTHON, "-m", "celery", "--quiet", "-A", "oms"]
    queues = ["-Q", "default,clock,outbox", "--concurrency", "2", "--without-gossip", "--without-mingle"]
    supervisor.keep("worker", [*celery, "worker", *queues])
    # Files of stock have a process of their own, so that no clock waits behind one.
    importer = ["-Q", "imports", "--pool", "solo", "--hostname", "importer@%h", "--without-gossip", "--without-mingle"]
    supervisor.keep("importer", [*celery, "worker", *importer])
    # So have simulations, which want a whole core for minutes.
    simulator = [
        "-Q",
        "simulations",
        "--pool",
        "solo",
        "--hostname",
        "simulator@%h",
        "--without-gossip",
        "--without-mingle",
    ]
    supervisor.keep("simulator", [*celery, "worker", *simulator])
    supervisor.keep("beat", [*celery, "beat", "--schedule", str(home / "beat-schedule"), "--pidfile="])
    address = ["--host", host, "--port", str(port)]
    size = ["--workers", "2", "--blocking-threads", "2"]  # see docs/operations.md
    web = [PYTHON, "-m", "granian", "--interface", "wsgi", "--no-ws", *size, *address]
    supervisor.keep("web", [*web, "oms.wsgi:application"])
    if has_demo():
        supervisor.keep("traffic", [PYTHON, "-m", "oms.demo.traffic"])


def has_demo() -> bool:
    return os.environ.get("DEMO", "1") != "0"


def wait_for_web(supervisor: Supervisor, host: str, port: int) -> None:
    until = time.monotonic() + WEB_SECONDS
    while not answers(host, port):
        if time.monotonic() > until:
            raise EngineError(f"The web server does not answer on port {port}; see its lines above.")
        supervisor.watch(0.2)


def answers(host: str, port: int) -> bool:
    connection = http.client.HTTPConnection(host, port, timeout=5)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def revive(supervisor: Supervisor, running: list[Postgres | Valkey]) -> None:
    for engine in running:
        if not engine.is_running():
            name = type(engine).__name__
            supervisor.say("demo", f"{name} has died; starting it again")
            engine.start()


def print_welcome(home: Path, host: str, port: int) -> None:
    base = f"http://{host}:{port}"
    welcome = (home / "welcome.txt").read_text()
    print(
        f"""
  The system runs.

    Start        {base}/
    Admin        {base}/admin/
    Store phone  {base}/store/
    API          {base}/api/v1/docs/
    Data         {home}

{welcome}
  Ctrl-C stops everything.
""",
        flush=True,
    )


if __name__ == "__main__":
    main()
