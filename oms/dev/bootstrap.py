"""Make `.venv` hold exactly what the lock names, then become the program asked for.

    python3 oms/dev/bootstrap.py run -m oms.dev.supervise
    python3 oms/dev/bootstrap.py dev -m pytest

Standard library only, and run as a file: the package around it cannot be imported yet.
"""

import contextlib
import fcntl
import hashlib
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
LOCKS = {"run": ["requirements.txt"], "dev": ["requirements.txt", "requirements-dev.txt"]}
# Present while we build: a venv that still has it was killed half way and is built again from nothing.
UNFINISHED = VENV / ".unfinished"


def main(arguments):
    if len(arguments) < 2 or arguments[0] not in LOCKS:
        sys.exit("usage: bootstrap.py run|dev PYTHON-ARGUMENTS...")
    if sys.version_info < (3, 11):
        sys.exit(f"Python 3.11 or newer is needed; {sys.executable} is {sys.version.split()[0]}.")
    with one_at_a_time():
        if not is_installed(arguments[0]):
            install(arguments[0])
    os.chdir(ROOT)
    os.execv(PYTHON, [str(PYTHON), *arguments[1:]])


@contextlib.contextmanager
def one_at_a_time():
    """`make demo` and `make test` may both be started in a fresh clone: the second waits for the first."""
    with open(ROOT / "requirements.txt") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def is_installed(kind):
    return not UNFINISHED.exists() and read(stamp(kind)) == digest(kind) and venv_runs()


def install(kind):
    print(f"Installing {', '.join(LOCKS[kind])} into .venv (about a minute the first time) ...", flush=True)
    make_venv()
    UNFINISHED.touch()
    for old in LOCKS:
        stamp(old).unlink(missing_ok=True)
    requirements = [option for name in LOCKS[kind] for option in ("-r", str(ROOT / name))]
    pip = [str(PYTHON), "-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check", *requirements]
    if subprocess.run(pip, stdin=subprocess.DEVNULL).returncode:
        sys.exit("pip could not install what the lock names; its reason stands above. Run the same command again.")
    for installed in ("run", kind):
        stamp(installed).write_text(digest(installed))
    UNFINISHED.unlink()


def make_venv():
    """Build the venv when there is none that works; one that somebody made by hand is used as it is."""
    if VENV.exists() and not UNFINISHED.exists() and venv_runs():
        return
    try:
        import ensurepip  # noqa: F401  Debian splits it off, and venv then fails with a page of text
        import venv
    except ImportError:
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        sys.exit(f"Python's venv module is missing: apt-get install python3-venv (or python{version}-venv).")
    VENV.mkdir(exist_ok=True)
    venv.create(VENV, clear=True, symlinks=True)
    UNFINISHED.touch()
    if subprocess.run([str(PYTHON), "-m", "ensurepip", "--default-pip"], stdout=subprocess.DEVNULL).returncode:
        sys.exit("pip could not be put into .venv; its reason stands above.")


def venv_runs():
    try:
        return subprocess.run([str(PYTHON), "-c", "import pip"], stderr=subprocess.DEVNULL).returncode == 0
    except OSError:
        return False


def digest(kind):
    content = b"".join((ROOT / name).read_bytes() for name in LOCKS[kind])
    return hashlib.sha256(content).hexdigest()


def stamp(kind):
    return VENV / f".installed-{kind}"


def read(path):
    try:
        return path.read_text()
    except OSError:
        return None


if __name__ == "__main__":
    main(sys.argv[1:])
