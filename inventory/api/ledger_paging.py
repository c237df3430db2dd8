"""Pages of the ledger, which is kept by month: a list that names no time would look into every one of them."""

import re
from datetime import datetime, timedelta
from typing import Any

from rest_framework.pagination import Cursor
from rest_framework.request import Request

from inventory.models import StockMovement
from oms.api.paging import CursorPaging
from oms.clock import now

_NEAR = (timedelta(days=31), timedelta(days=124))


class LedgerPaging(CursorPaging):
    """Latest first. What the last months before a page fill is read from there, the rest from all months."""

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> list[Any] | None:
        latest = self._latest(self.decode_cursor(request))
        for since in [latest - near for near in _NEAR] if latest else []:
            page = super().paginate_queryset(queryset.filter(recorded_at__gte=since), request, view)
            if page and self.has_next and not _is_mixed(since, page[-1]):
                return page
        return super().paginate_queryset(queryset, request, view)

    def _latest(self, cursor: Cursor | None) -> datetime | None:
        """When the first movement of the page may have been recorded; None where nobody knows, as of a page before."""
        if cursor is None:
            return now()
        if cursor.reverse or not re.fullmatch("[0-9]{1,18}", str(cursor.position)):
            return None
        return StockMovement.objects.filter(pk=str(cursor.position)).values_list("recorded_at", flat=True).first()


def _is_mixed(since: datetime, last: StockMovement) -> bool:
    """Whether an earlier month has what comes before the last of a page: of a past that was written down later.

    Ids are given in the order of recording else, so that no month's index has an entry to read.
    """
    return StockMovement.objects.filter(recorded_at__lt=since, pk__gt=last.pk).exists()
