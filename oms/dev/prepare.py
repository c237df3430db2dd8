"""What `make demo` does before it serves: translations, schema and, unless DEMO=0, the demo retailer.

Run by the supervisor as a process of its own, with the engines up and their addresses in the environment.
"""

import os
import sys
from pathlib import Path

import django
from django.core.management import CommandError, call_command

from oms.dev.messages import compile_messages

EMPTY_SYSTEM = """\
  The system is empty. In another terminal, with the same OMS_HOME:

    .venv/bin/python manage.py createsuperuser
    .venv/bin/python manage.py create_api_key first --scopes all
"""


def main() -> None:
    compile_messages()
    django.setup()
    print("Bringing the database up to date")
    call_command("migrate", interactive=False, verbosity=0)
    home = Path(os.environ["OMS_HOME"])
    welcome = home / "welcome.txt"
    welcome.touch(mode=0o600)
    with welcome.open("w") as out:
        if os.environ.get("DEMO", "1") == "0":
            out.write(EMPTY_SYSTEM)
        else:
            call_command("load_demo")  # goes on where an earlier start was cut off
            call_command("demo_credentials", stdout=out)


if __name__ == "__main__":
    try:
        main()
    except CommandError as error:
        sys.exit(str(error))
