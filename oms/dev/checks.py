"""`make check`: what a reviewer would run, each part to its end, one verdict.

With `--fix` only the formatter and the linter run, and change what they can.
"""

import subprocess
import sys
import time
from pathlib import Path

from babel.messages.catalog import Message
from babel.messages.pofile import read_po

from oms.dev.engines import ROOT, engines, oms_home

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
    failed += ["translations"] if untranslated() else []
    if failed:
        sys.exit(f"\nFailed: {', '.join(failed)}")
    print("\nAll checks passed.")


def passes(name: str, command: list[str]) -> bool:
    """Run one check; its words are shown only when it fails."""
    started = time.monotonic()
    result = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    verdict = "ok" if result.returncode == 0 else "FAILED"
    print(f"{name:<12} {verdict:<8}{time.monotonic() - started:5.1f} s", flush=True)
    if result.returncode:
        print(result.stdout, flush=True)
    return result.returncode == 0


def untranslated() -> bool:
    """Whether any message lacks its translation, is marked fuzzy, or loses a placeholder on the way."""
    complaints = []
    for path in sorted((ROOT / "locale").glob("*/LC_MESSAGES/*.po")):
        with path.open("rb") as file:
            catalog = read_po(file, locale=path.parts[-3])
        complaints += [
            f"{path.relative_to(ROOT)}:{message.lineno} {said}" for message in catalog for said in faults(message)
        ]
    print(f"{'translations':<12} {'FAILED' if complaints else 'ok'}")
    print("\n".join(complaints), end="\n" if complaints else "")
    return bool(complaints)


def faults(message: Message) -> list[str]:
    if not message.id:  # the header
        return []
    strings = message.string if isinstance(message.string, (tuple, list)) else [message.string]
    found = [] if all(strings) else [f"has no translation: {message.id!r}"]
    found += ["is marked fuzzy"] if message.fuzzy else []
    return found + [str(error) for error in message.check()]


if __name__ == "__main__":
    main()
