"""Pages of the ledger, which is kept by month: a list that names no time would look into every one of them."""

import re
from datetime import datetime, timedelta
from typing import Any

from rest_framework.pagination import Cursor
from rest_framework.request import Request

from inventory.models import StockMovement
from oms.api.paging import CursorPaging
from oms.clock import now

_NEAR = timedelta(days=31)
_SLACK = timedelta(days=14)
"""Ids are given in the order of recording, but for work under way at the same time, a clock that was set, and a past that
was written down order by order: what has the lower id was recorded at most so much later."""


class LedgerPaging(CursorPaging):
    """Latest first. What the last month before a page fills is read from there, the rest from all months."""

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> list[Any] | None:
        latest = self._latest(self.decode_cursor(request))
        if latest is not None:
            since = latest - _NEAR
            near = queryset.filter(recorded_at__gte=since, recorded_at__lt=latest + _SLACK)
            page = super().paginate_queryset(near, request, view)
            if page and self.has_next and page[-1].recorded_at >= since + _SLACK:
                return page
        return super().paginate_queryset(queryset, request, view)

    def _latest(self, cursor: Cursor | None) -> datetime | None:
        """When the first movement of the page may have been recorded; None where nobody knows, as of a page before."""
        if cursor is None:
            return now()
        if cursor.reverse or not re.fullmatch("[0-9]{1,18}", str(cursor.position)):
            return None
        return StockMovement.objects.filter(pk=str(cursor.position)).values_list("recorded_at", flat=True).first()
