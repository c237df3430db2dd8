"""What beat rings for exists, and what looks like a task is one."""

import importlib
import inspect
from collections.abc import Iterator
from types import ModuleType

from celery.app.task import Task
from django.apps import apps
from django.conf import settings

from oms.celery import app


def _task_modules() -> Iterator[ModuleType]:
    for config in apps.get_app_configs():
        if importlib.util.find_spec(f"{config.name}.tasks") and not config.name.startswith("django"):
            yield importlib.import_module(f"{config.name}.tasks")


def test_every_scheduled_task_is_known_to_the_workers() -> None:
    app.loader.import_default_modules()

    scheduled = {entry["task"] for entry in settings.CELERY_BEAT_SCHEDULE.values()}

    assert scheduled - set(app.tasks) == set()


def test_whatever_takes_later_arguments_is_a_task() -> None:
    """A function that lost its decorator would be called by nobody, and beat would ring in vain."""
    plain = [
        f"{module.__name__}.{name}"
        for module in _task_modules()
        for name, function in inspect.getmembers(module, inspect.isfunction)
        if function.__module__ == module.__name__ and "_later" in inspect.signature(function).parameters
        if not isinstance(function, Task)
    ]

    assert plain == []
