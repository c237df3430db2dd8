"""`make clean`: remove what the checkout has made: the embedded databases, caches and the virtual environment.

The checkout's own `.oms` goes altogether. Of an OMS_HOME elsewhere goes what we put there, and the directory itself where
nothing else is left in it.
"""

import fcntl
import shutil
import sys
from pathlib import Path

from oms.dev.engines import ENGINES, ROOT, ROOTS_BASE, known_id, oms_home, users_lock

CACHES = [".mypy_cache", ".pytest_cache", ".ruff_cache", ".import_linter_cache", ".hypothesis", "staticfiles"]

#: What stands in a home.
MADE = ["postgres", "valkey", "media", "imports", "metrics", "beat-schedule*", "demo-keys.json", "welcome.txt"]
MADE += ["*.log", "*.lock", "id"]


def main() -> None:
    own, named = ROOT / ".oms", oms_home()
    elsewhere = [] if named == own else [named / "test", named]
    for home in (own, own / "test", *elsewhere):
        refuse_when_in_use(home)
    for home in elsewhere:
        empty(home)
    for home in (own / "test", own):
        forget(home)
    for name in (*CACHES, ".venv"):
        shutil.rmtree(ROOT / name, ignore_errors=True)
    for package in ROOT.rglob("__pycache__"):
        shutil.rmtree(package)


def refuse_when_in_use(home: Path) -> None:
    for lock in (users_lock(home, engine) for engine in ENGINES):
        if not lock.exists():
            continue
        with lock.open() as users:
            try:
                fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                sys.exit(f"{home} is in use: stop what runs there first.")


def forget(home: Path) -> None:
    """A home with all that is in it, and its cluster."""
    _forget_cluster(home)
    shutil.rmtree(home, ignore_errors=True)


def empty(home: Path) -> None:
    """What we made in a home, and its cluster; what has no name of ours is no home."""
    if not known_id(home):
        return
    _forget_cluster(home)
    for path in [path for name in MADE for path in home.glob(name)]:
        shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    if not any(home.iterdir()):
        home.rmdir()


def _forget_cluster(home: Path) -> None:
    """For root it lies elsewhere, under the home's id."""
    if name := known_id(home):
        shutil.rmtree(ROOTS_BASE / name, ignore_errors=True)


if __name__ == "__main__":
    main()
