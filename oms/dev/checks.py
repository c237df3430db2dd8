"""`make check`: what a reviewer would run, each part to its end, one verdict.

With `--fix` only the formatter and the linter run, and change what they can.
"""

import subprocess
import sys
import time
from pathlib import Path

from oms.dev.engines import ROOT, engines, oms_home
from oms.dev.messages import untranslated

PYTHON = [sys.executable, "-m"]
FIXES = {
    "format": [*PYTHON, "ruff", "format", "."],
    "lint": [*PYTHON, "ruff", "check", "--fix", "."],
}
CHECKS = {
    "lint": [*PYTHON, "ruff", "check", "."],
    "format": [*PYTHON, "ruff", "format", "--check", "."],
    "layers": [str(Path(sys.executable).with_name("lint-imports"))],
    "types": [*PYTHON, "mypy"],
    "django": [sys.executable, "manage.py", "check", "--fail-level", "WARNING"],
    "migrations": [sys.executable, "manage.py", "makemigrations", "--check", "--dry-run"],
    "templates": [*PYTHON, "oms.dev.templates"],
    "compose": [*PYTHON, "check_jsonschema", "--builtin-schema", "vendor.compose-spec", "docker-compose.yml"],
}


def main() -> None:
    if "--fix" in sys.argv:
        sys.exit(max(subprocess.run(command, cwd=ROOT).returncode for command in FIXES.values()))
    with engines(oms_home() / "test", fast=True):
        failed = [name for name, command in CHECKS.items() if not passes(name, command)]
    failed += [] if translated() else ["translations"]
    if failed:
        sys.exit(f"\nFailed: {', '.join(failed)}")
    print("\nAll checks passed.")


def passes(name: str, command: list[str]) -> bool:
    started = time.monotonic()
    result = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    report(name, result.returncode == 0, started, result.stdout)
    return result.returncode == 0


def translated() -> bool:
    started = time.monotonic()
    faults = untranslated()
    report("translations", not faults, started, "\n".join(faults))
    return not faults


def report(name: str, passed: bool, started: float, words: str) -> None:
    """One line for each check; what it said only when it failed."""
    print(f"{name:<12} {'ok' if passed else 'FAILED':<8}{time.monotonic() - started:5.1f} s", flush=True)
    if not passed:
        print(words, flush=True)


if __name__ == "__main__":
    main()
