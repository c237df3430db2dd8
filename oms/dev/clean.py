"""`make clean`: remove what the checkout has made: the embedded databases, caches and the virtual environment.

Only the checkout's own `.oms` is removed; an OMS_HOME elsewhere is yours to remove.
"""

import fcntl
import shutil
import sys
from pathlib import Path

from oms.dev.engines import ENGINES, ROOT, ROOTS_BASE, users_lock

CACHES = [".mypy_cache", ".pytest_cache", ".ruff_cache", ".import_linter_cache", ".hypothesis", "staticfiles"]


def main() -> None:
    for home in (ROOT / ".oms", ROOT / ".oms" / "test"):
        refuse_when_in_use(home)
    for home in (ROOT / ".oms" / "test", ROOT / ".oms"):
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
    """A home, and for root the cluster that lies elsewhere under the home's id."""
    name = home / "id"
    if name.exists():
        shutil.rmtree(ROOTS_BASE / name.read_text().split()[0], ignore_errors=True)
    shutil.rmtree(home, ignore_errors=True)


if __name__ == "__main__":
    main()
