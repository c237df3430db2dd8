"""Beat rings for tasks that exist: an alarm that nobody hears would be silent for ever."""

from django.conf import settings

from oms.celery import app


def test_every_alarm_names_a_task_and_a_queue_that_a_worker_listens_to() -> None:
    app.loader.import_default_modules()

    for name, alarm in settings.CELERY_BEAT_SCHEDULE.items():
        assert alarm["task"] in app.tasks, name
        assert alarm["options"]["queue"] in ("default", "clock", "outbox", "imports", "simulations"), name
