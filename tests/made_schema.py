"""The schema as the migrations make it, kept as a template database for the next run of the same code.

Making it takes seconds for each worker. The first run, and each after a line of the code has changed, makes it from
nothing; migrations run on what was copied as well, and find nothing to do.
"""

import hashlib
import os

from django.apps import apps
from django.db import connection
from django.db.backends.utils import CursorWrapper

from oms.dev.engines import ROOT
from oms.dev.pytest_engines import OURS

_PREFIX = "made_schema_"


def is_wanted() -> bool:
    """On our own server; we leave nothing behind on somebody else's."""
    return OURS in os.environ


def start_from_it() -> None:
    """The test database begins as a copy, if there is one to copy."""
    with connection._nodb_cursor() as cursor:
        kept = _kept(cursor)
    if _name() in kept:
        connection.settings_dict["TEST"]["TEMPLATE"] = _name()


def keep() -> None:
    """The database as it is now, by the first worker that is ready; the others go on at once."""
    made = connection.settings_dict["NAME"]
    connection.close()  # nobody may use what is copied
    with connection._nodb_cursor() as cursor:
        cursor.execute(
            "SELECT pg_try_advisory_lock(hashtext(%s))", [_PREFIX]
        )  # held until this cursor's connection closes
        if not cursor.fetchone()[0] or _name() in (kept := _kept(cursor)):
            return
        for old in kept:
            cursor.execute(f'DROP DATABASE IF EXISTS "{old}"')
        cursor.execute(f'CREATE DATABASE "{_name()}" TEMPLATE "{made}"')


def _kept(cursor: CursorWrapper) -> list[str]:
    cursor.execute("SELECT datname FROM pg_database WHERE starts_with(datname, %s)", [_PREFIX])
    return [name for (name,) in cursor.fetchall()]


def _name() -> str:
    """Of all of our code, as rights and content types come from the models; and of the packages that have migrations."""
    rooms = [ROOT / app.label for app in apps.get_app_configs() if app.path == str(ROOT / app.label)]
    files = [path for room in rooms for path in room.rglob("*.py")] + [ROOT / "requirements.txt"]
    digest = hashlib.sha256()
    for path in sorted(files):
        digest.update(path.read_bytes())
    return _PREFIX + digest.hexdigest()[:16]
