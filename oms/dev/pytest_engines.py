"""pytest plugin: the tests' own embedded engines, under OMS_HOME/test, unless DATABASE_URL names a server.

They are fast and forgetful (no fsync). The process that was started by hand runs them; the workers of
pytest-xdist inherit the addresses.
"""

import atexit
import contextlib
from collections.abc import Generator

import pytest

from oms.dev.engines import EngineError, engines, oms_home


@pytest.hookimpl(wrapper=True)
def pytest_load_initial_conftests() -> Generator[None, None, None]:
    """A wrapper, to be ahead of pytest-django, which reads the settings in the same hook."""
    running = contextlib.ExitStack()
    # Not pytest_unconfigure: pytest leaves it out when the settings or a conftest cannot be imported.
    atexit.register(running.close)
    try:
        running.enter_context(engines(oms_home() / "test", fast=True))
    except EngineError as error:
        raise pytest.UsageError(str(error)) from error
    return (yield)
