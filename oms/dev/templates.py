"""Compile every template of ours, so that a slip of the pen shows before the page is opened."""

import os
import sys
from pathlib import Path

import django
from django.apps import apps
from django.template import TemplateSyntaxError
from django.template.loader import get_template

from oms.dev.engines import ROOT


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "oms.settings.test")
    django.setup()
    ours = [Path(app.path) for app in apps.get_app_configs() if Path(app.path).parent == ROOT]
    faults = [fault for app in ours for fault in broken(app)]
    sys.exit("\n".join(faults) or None)


def broken(app: Path) -> list[str]:
    faults = []
    root = app / "templates"
    for path in sorted(path for path in root.rglob("*") if path.is_file()):
        try:
            get_template(str(path.relative_to(root)))
        except TemplateSyntaxError as error:
            faults.append(f"{path.relative_to(ROOT)}: {error}")
    return faults


if __name__ == "__main__":
    main()
