import os
import shutil
from collections.abc import Iterator
from typing import Any

import pytest

from oms.dev.engines import ROOTS_BASE, home_id
from tests.chaos.system import System


@pytest.fixture(scope="package")
def engines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    system = System(tmp_path_factory.mktemp("chaos"))
    system.start_engines()
    yield system
    system.stop_engines()
    if os.geteuid() == 0:  # root's data lie outside the home
        shutil.rmtree(ROOTS_BASE / home_id(system.home), ignore_errors=True)


@pytest.fixture
def system(engines: System, django_db_blocker: Any) -> Iterator[System]:
    """Running engines with an empty database, which is this process's default one; no worker, no beat yet."""
    engines.start_engines()
    with django_db_blocker.unblock(), engines.as_default_database():
        try:
            yield engines
        finally:
            engines.stop_clock()


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """What was measured, after the tests."""
    figures = [
        (report.nodeid.rpartition("::")[2], name, value)
        for reports in terminalreporter.stats.values()
        for report in reports
        if getattr(report, "when", None) == "call"
        for name, value in report.user_properties
    ]
    if figures:
        terminalreporter.section("measured")
        for test, name, value in figures:
            terminalreporter.write_line(f"{test}: {name} = {value}")
