from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command
from django.test.utils import override_settings

from oms import cache
from tests.factories.transactions import undone_at_the_end

SCALE = 0.05  # eighty orders over a twentieth of the catalogue


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


def _at(home: Path) -> override_settings:
    return override_settings(OMS_HOME=home, MEDIA_ROOT=home / "media", IMPORT_DIR=home / "imports")


@pytest.fixture(scope="module")
def loaded_once(django_db_setup: None, django_db_blocker, home: Path) -> Iterator[None]:
    """The retailer stands for all tests of a module."""
    with django_db_blocker.unblock(), undone_at_the_end(), _at(home):
        cache.clear_all()
        call_command("load_demo", scale=SCALE, stdout=StringIO())
        yield


@pytest.fixture
def retailer(loaded_once: None, db: None) -> None:
    """The demo retailer, loaded; what a test changes is undone after it."""
