"""What `make demo` does before it serves: translations, schema and, unless DEMO=0, the demo retailer.

Run by the supervisor as a process of its own, with the engines up and their addresses in the environment.
"""

import os
import sys
from pathlib import Path

import django
from django.apps import apps
from django.core.management import call_command

from oms.dev.messages import compile_messages

EMPTY_SYSTEM = """\
  The system is empty. In another terminal, with the same OMS_HOME:

    .venv/bin/python manage.py createsuperuser
    .venv/bin/python manage.py create_api_key first --scopes all
"""


def main() -> None:
    compile_messages()
    django.setup()
    call_command("migrate", interactive=False)
    home = Path(os.environ["OMS_HOME"])
    welcome = home / "welcome.txt"
    welcome.touch(mode=0o600)
    with welcome.open("w") as out:
        if os.environ.get("DEMO", "1") == "0":
            out.write(EMPTY_SYSTEM)
        else:
            load_demo(home)
            call_command("demo_credentials", stdout=out)


def load_demo(home: Path) -> None:
    """Load the demo retailer into an empty database; the marker tells the next start that we were cut off."""
    unfinished = home / "demo-unfinished"
    database = os.environ["DATABASE_URL"]
    if unfinished.exists() and unfinished.read_text() == database:
        sys.exit("The demo retailer in your database was only loaded in part: empty that database and start again.")
    if apps.get_model("inventory", "Location").objects.exists():
        return
    unfinished.write_text(database)
    call_command("load_demo")
    unfinished.unlink()


if __name__ == "__main__":
    main()
