"""Translations without the system's gettext.

python -m oms.dev.messages            compile each .po into the .mo that Django reads
python -m oms.dev.messages update     bring each .po up to date with the strings in the code
"""

import io
import sys
from collections.abc import Iterator
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import DEFAULT_KEYWORDS, extract
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

from oms.dev.engines import ROOT

LOCALE = ROOT / "locale"
PACKAGES = ["oms", "inventory", "routing", "orders", "returns", "stores", "reporting"]
LANGUAGES = ["fr"]  # English is what the code says
LAZY = {f"{name}_lazy": DEFAULT_KEYWORDS[name] for name in ("gettext", "ngettext", "pgettext", "npgettext")}
KEYWORDS = {**DEFAULT_KEYWORDS, **LAZY, "gettext_noop": None}


def compile_messages(root: Path = LOCALE) -> list[Path]:
    """Write each .mo that is missing or older than its .po; return what was written."""
    written = []
    for source in catalogs(root):
        target = source.with_suffix(".mo")
        if not source.exists():
            continue
        if target.exists() and target.stat().st_mtime >= source.stat().st_mtime:
            continue
        unfinished = target.with_suffix(".mo-new")
        with unfinished.open("wb") as out:
            write_mo(out, read_catalog(source))
        unfinished.rename(target)
        written.append(target)
    return written


def update_messages(root: Path = LOCALE) -> None:
    """Add what is new in the code, drop what is gone, keep every translation; nothing is guessed."""
    found = extracted()
    for path in catalogs(root):
        catalog = read_catalog(path)
        catalog.update(found, no_fuzzy_matching=True, update_creation_date=False)
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as out:
            write_po(out, catalog, width=110, sort_output=True, ignore_obsolete=True, include_lineno=False)


def untranslated(root: Path = LOCALE) -> list[str]:
    """What is wrong with the translations: missing, fuzzy, or a placeholder lost on the way."""
    found = extracted()
    faults = []
    for path in catalogs(root):
        catalog = read_catalog(path)
        where = path.relative_to(root)
        missing = [message for message in found if message.id and (message.id, message.context) not in keys(catalog)]
        faults += [f"{where}: {message.id!r} is not in it; run make messages" for message in missing]
        faults += [
            f"{where}: {message.id!r} {fault}" for message in catalog if message.id for fault in faults_of(message)
        ]
    return faults


def faults_of(message: Message) -> list[str]:
    strings = message.string if isinstance(message.string, (tuple, list)) else [message.string]
    if not all(strings):
        return ["has no translation"]
    return [*(["is marked fuzzy"] if message.fuzzy else []), *(str(error) for error in message.check())]


def extracted() -> Catalog:
    """Every string that our Python and our templates show to people."""
    found = Catalog(project="oms")
    for path in sources():
        text = path.read_text()
        if path.suffix != ".py":
            text = as_python(text, path)
        for _, message, comments, context in extract(
            "python", io.BytesIO(text.encode()), KEYWORDS, comment_tags=("Translators:",)
        ):
            found.add(message, locations=[(str(path.relative_to(ROOT)), 0)], auto_comments=comments, context=context)
    return found


def as_python(template: str, path: Path) -> str:
    """Django's own reading of a template: the same strings, in calls that a Python reader finds."""
    from django.utils.translation.template import templatize

    return templatize(template, origin=str(path))


def sources() -> Iterator[Path]:
    for package in PACKAGES:
        root = ROOT / package
        yield from sorted(path for path in root.rglob("*.py") if "migrations" not in path.parts)
        yield from sorted(path for path in root.glob("**/templates/**/*.*") if path.is_file())


def catalogs(root: Path) -> list[Path]:
    return [root / language / "LC_MESSAGES" / "django.po" for language in LANGUAGES]


def read_catalog(path: Path) -> Catalog:
    if not path.exists():
        return Catalog(locale=path.parts[-3])
    with path.open("rb") as file:
        return read_po(file, locale=path.parts[-3])


def keys(catalog: Catalog) -> set[tuple[object, object]]:
    return {(message.id, message.context) for message in catalog}


if __name__ == "__main__":
    if sys.argv[1:] == ["update"]:
        update_messages()
    else:
        compile_messages()
