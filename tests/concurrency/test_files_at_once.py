"""Six clicks on “Import”: each thousand rows is done by one of them."""

import io

import pytest
from django.db import Error

from inventory.files import jobs
from inventory.files.columns import PRODUCTS
from inventory.files.jobs import bring_in_file, receive_file
from inventory.files.reading import read_table
from inventory.models import FileImport, Product
from oms.models import Event
from tests.concurrency.conftest import Meanwhile
from tests.concurrency.threads import at_once
from tests.factories.inventory import NOW

pytestmark = pytest.mark.django_db(transaction=True)

CLICKS, ROWS = 6, 60


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(jobs, "_CHUNK", 10)
    lines = "".join(f"P{n:02},1.00,x\n" for n in range(ROWS))
    table = read_table(PRODUCTS, io.BytesIO(b"sku,price,name_en\n" + lines.encode()), is_xlsx=False)
    return receive_file("products", "list.csv", table, actor="user:ann", as_of=NOW)


def click(kept: str) -> str:
    try:
        bring_in_file(kept, actor="user:ann", as_of=NOW)
        return "done"
    except Error as error:
        return type(error).__name__


def outcome() -> tuple[int, dict[str, int], int]:
    done = FileImport.objects.get()
    return done.rows_done, done.outcome, Event.objects.filter(type="inventory.file.imported").count()


def test_each_row_is_done_once(kept: str) -> None:
    answers = at_once(CLICKS, lambda _number: click(kept))

    assert answers == ["done"] * CLICKS
    assert outcome() == (ROWS, {"created": ROWS}, 1)
    assert Product.objects.count() == ROWS


@pytest.mark.parametrize("is_locked", [True, False])
def test_without_the_lock_they_run_over_each_other(
    kept: str, monkeypatch: pytest.MonkeyPatch, meanwhile: Meanwhile, is_locked: bool
) -> None:
    """Somebody clicks when our click has seen how far the file is done."""
    if not is_locked:
        monkeypatch.setattr(jobs, "_locked", lambda pk: FileImport.objects.defer("rows").get(pk=pk))
    rival = meanwhile(lambda: click(kept), jobs, after="_locked")

    assert (click(kept), rival.outcome) == ("done", "done")
    assert (outcome() == (ROWS, {"created": ROWS}, 1)) is is_locked
