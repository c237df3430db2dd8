import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from oms.dev.engines import ROOT


@pytest.fixture
def checkout(tmp_path) -> Path:
    """A checkout with nothing to install but the virtual environment itself."""
    checkout = tmp_path / "my checkout"
    (checkout / "oms" / "dev").mkdir(parents=True)
    shutil.copy(ROOT / "oms" / "dev" / "bootstrap.py", checkout / "oms" / "dev")
    (checkout / "requirements.txt").write_text("# nothing\n")
    (checkout / "requirements-dev.txt").write_text("# nothing\n")
    return checkout


def bootstrap(checkout: Path, *arguments: str, **options) -> subprocess.CompletedProcess:
    # The base interpreter: a clean machine has no other.
    python = Path(sys.base_prefix) / "bin" / "python3"
    command = [python, checkout / "oms" / "dev" / "bootstrap.py", *arguments]
    return subprocess.run(command, cwd="/", capture_output=True, text=True, timeout=120, **options)


SAY_WHERE = ("run", "-c", "import os, sys; print(sys.prefix, os.getcwd(), sep='|')")


def test_builds_the_venv_once_and_runs_in_it_from_anywhere(checkout):
    first = bootstrap(checkout, *SAY_WHERE)
    second = bootstrap(checkout, *SAY_WHERE)

    assert first.stdout.startswith("Installing requirements.txt into .venv")
    assert second.stdout == f"{checkout}/.venv|{checkout}\n"
    assert second.stderr == ""


@pytest.mark.long
def test_installs_again_when_the_lock_has_changed_and_heals_an_installation_cut_short(checkout):
    bootstrap(checkout, *SAY_WHERE)
    (checkout / "requirements.txt").write_text("# something else\n")

    changed = bootstrap(checkout, *SAY_WHERE)

    assert changed.stdout.startswith("Installing requirements.txt")

    shutil.rmtree(next((checkout / ".venv").rglob("site-packages/pip")))
    (checkout / ".venv" / ".unfinished").touch()

    healed = bootstrap(checkout, *SAY_WHERE)

    assert healed.stdout.startswith("Installing requirements.txt")
    assert healed.returncode == 0
    assert bootstrap(checkout, *SAY_WHERE).stdout == f"{checkout}/.venv|{checkout}\n"


@pytest.mark.long
def test_a_failed_installation_is_told_and_tried_again(checkout):
    (checkout / "requirements.txt").write_text("./no-such-package\n")

    failed = [bootstrap(checkout, *SAY_WHERE) for _ in range(2)]

    assert [result.returncode for result in failed] == [1, 1]
    assert all("pip could not install what the lock names" in result.stderr for result in failed)
    (checkout / "requirements.txt").write_text("# mended\n")
    assert bootstrap(checkout, *SAY_WHERE).returncode == 0


def test_a_python_without_venv_gets_one_clear_line(checkout, tmp_path):
    (tmp_path / "ensurepip.py").write_text("raise ImportError\n")

    result = bootstrap(checkout, *SAY_WHERE, env={"PYTHONPATH": str(tmp_path), "PATH": "/usr/bin:/bin"})

    assert result.returncode == 1
    assert result.stderr.startswith("Python's venv module is missing: apt-get install python3-venv")
    assert result.stderr.count("\n") == 1
    assert not (checkout / ".venv").exists()
