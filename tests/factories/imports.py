"""Builders of files of stock and of the worker that applies them."""

import gzip
import io
from datetime import datetime
from typing import Any

from inventory.imports.upload import save_stream
from inventory.models import ImportFault, StockImport
from inventory.services import NewImport, receive_import, work_on_imports
from oms.clock import now
from oms.ids import new_id

HEADER = "sku,location,quantity"


def rows(*given: str, header: str = HEADER) -> bytes:
    return "\n".join([header, *given, ""]).encode()


def receive(body: bytes, *, as_of: datetime | None = None, **values: Any) -> StockImport:
    """Take a file in as the API would."""
    as_of = as_of or now()
    import_id = new_id("imp")
    saved = save_stream(import_id, io.BytesIO(body).read, most_bytes=10**9)
    new: dict[str, Any] = {"mode": "counts", "location": None, "source": "erp", "format": "csv", "occurred_at": as_of}
    given = NewImport(id=import_id, bytes_total=saved.bytes, digest=saved.digest, **new | values)
    return StockImport.objects.get(pk=receive_import(given, actor="test", as_of=as_of))


def work() -> None:
    """Do all that waits, as the worker would."""
    while work_on_imports(now=now, seconds=60):
        pass


def imported(body: bytes, **values: Any) -> StockImport:
    """A file that was taken in and applied."""
    row = receive(body, **values)
    work()
    row.refresh_from_db()
    return row


def faults(row: StockImport) -> list[tuple[int, str, str]]:
    return list(
        ImportFault.objects.filter(stock_import=row).order_by("line", "id").values_list("line", "code", "value")
    )


def packed(body: bytes) -> bytes:
    return gzip.compress(body, mtime=0)
