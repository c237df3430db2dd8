"""pytest plugin: the tests' own embedded engines, under OMS_HOME/test, unless DATABASE_URL names a server.

They are fast and forgetful (no fsync). The process that was started by hand runs them; the workers of
pytest-xdist inherit the addresses. Translations are compiled first: git keeps no .mo.
"""

import atexit
import contextlib
import fcntl
import os
import sys
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from oms.dev.engines import EngineError, engines, made_home, oms_home
from oms.dev.messages import compile_messages

OURS = "OMS_TEST_ENGINES"
"""In the environment of the tests, and of their workers, when the database server is ours."""


@pytest.hookimpl(wrapper=True)
def pytest_load_initial_conftests() -> Generator[None, None, None]:
    """A wrapper, to be ahead of pytest-django, which reads the settings in the same hook."""
    compile_messages()
    running = contextlib.ExitStack()
    # Not pytest_unconfigure: pytest leaves it out when the settings or a conftest cannot be imported.
    atexit.register(running.close)
    try:
        if "DATABASE_URL" not in os.environ:
            running.enter_context(one_run_at_a_time(oms_home() / "test"))
            os.environ[OURS] = "1"
        running.enter_context(engines(oms_home() / "test", fast=True))
    except EngineError as error:
        raise pytest.UsageError(str(error)) from error
    return (yield)


@contextlib.contextmanager
def one_run_at_a_time(home: Path) -> Iterator[None]:
    """Two runs would drop each other's test database."""
    with open(made_home(home) / "run.lock", "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(f"Waiting for another test run to end; both use {home}.", file=sys.stderr, flush=True)
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
