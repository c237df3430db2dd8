"""`/healthz` tells of the process, `/readyz` of all it stands on, `/metrics` of how it does."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.test import Client

from oms import deadlines, health
from oms.clock import now
from oms.deadlines import Due
from oms.outbox import Fact, publish, stamp_positions


@pytest.fixture
def database_away(django_db_blocker: Any) -> Iterator[None]:
    settings = connection.settings_dict
    before = settings["OPTIONS"]
    connection.close()
    settings["OPTIONS"] = {**before, "host": "/nowhere"}
    with django_db_blocker.unblock():
        yield
    connection.close()
    settings["OPTIONS"] = before


@pytest.fixture
def _not_migrated_as_far_as_we_know(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "_migrated", False)


def ready() -> tuple[int, dict[str, str]]:
    response = Client().get("/readyz")
    return response.status_code, response.json()["checks"]


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("_not_migrated_as_far_as_we_know")
def test_ready_when_everything_answers() -> None:
    assert ready() == (200, {"database": "ok", "broker": "ok", "migrations": "ok", "workers": "ok"})


@pytest.mark.django_db(transaction=True)
def test_not_ready_without_the_broker(settings: Any) -> None:
    settings.REDIS_URL = "unix:///nowhere/valkey.sock?db=0"

    status, checks = ready()

    assert status == 503
    assert checks == {"database": "ok", "broker": "ConnectionError", "migrations": "ok", "workers": "ok"}


@pytest.mark.usefixtures("database_away", "_not_migrated_as_far_as_we_know")
def test_not_ready_without_the_database_yet_alive() -> None:
    status, checks = ready()

    assert status == 503
    assert checks == {
        "database": "OperationalError",
        "broker": "ok",
        "migrations": "OperationalError",
        "workers": "OperationalError",
    }
    alive = Client().get("/healthz")
    assert (alive.status_code, alive.json()) == (200, {"status": "ok"})


@pytest.mark.usefixtures("database_away")
def test_the_api_asks_to_try_again_while_the_database_is_away() -> None:
    response = Client().get("/api/v1/orders/", headers={"Authorization": "Bearer oms_12345678_x"})

    assert (response.status_code, response.json()["code"]) == (503, "busy")
    assert int(response.headers["Retry-After"]) >= 1


@pytest.mark.django_db(transaction=True)
def test_not_ready_when_the_clock_is_minutes_behind() -> None:
    with transaction.atomic():
        deadlines.schedule([Due("test.late", "a", now() - timedelta(minutes=5))])

    status, checks = ready()

    assert status == 503
    assert checks["workers"].startswith("late: deadline_lag_seconds=30")


@pytest.mark.django_db(transaction=True)
def test_metrics_tell_of_requests_by_route_and_of_lags() -> None:
    with transaction.atomic():
        deadlines.schedule([Due("test.late", "a", now() - timedelta(seconds=50))])
        publish([Fact("test.made", "a", "a", "test")] * 3, as_of=now())
    client = Client()
    client.get("/api/v1/orders/123456/")

    figures = client.get("/metrics").content.decode()
    stamp_positions()
    figures_later = client.get("/metrics").content.decode()

    assert 'oms_http_requests_total{method="GET",route="api/v1/orders/<int:number>/",status="401"}' in figures
    assert "123456" not in figures
    assert "oms_http_request_seconds_bucket" in figures
    assert "oms_deadlines_overdue 1.0" in figures
    assert "oms_outbox_unstamped 3.0" in figures
    assert "oms_outbox_unstamped 0.0" in figures_later
