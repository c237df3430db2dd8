"""Compile the translations without the system's gettext: `python -m oms.dev.messages`."""

from pathlib import Path

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

from oms.dev.engines import ROOT


def compile_messages(root: Path = ROOT / "locale") -> list[Path]:
    """Write each .mo that is missing or older than its .po; return what was written."""
    written = []
    for source in root.glob("*/LC_MESSAGES/*.po"):
        target = source.with_suffix(".mo")
        if target.exists() and target.stat().st_mtime >= source.stat().st_mtime:
            continue
        unfinished = target.with_suffix(".mo-new")
        with source.open("rb") as po, unfinished.open("wb") as mo:
            write_mo(mo, read_po(po, locale=source.parts[-3]))
        unfinished.rename(target)
        written.append(target)
    return written


if __name__ == "__main__":
    for path in compile_messages():
        print(path)
