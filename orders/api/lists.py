"""A paged, filtered list whose rows are documents: ids by the ORM, documents in one statement."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import django_filters as filters
from django.db.models import Model, QuerySet
from rest_framework.request import Request
from rest_framework.response import Response

from oms.actors import Caller
from oms.api.paging import CursorPaging
from oms.api.views import ApiView
from oms.errors import FieldError, Invalid

M = TypeVar("M", bound=Model)


def within_reach(rows: QuerySet[M], caller: Caller, *, channel: str = "order__channel_id") -> QuerySet[M]:
    """Of rows that name a place: those of the caller's channel and places. `channel`: the way to the channel of a row."""
    if caller.channel is not None:
        rows = rows.filter(**{channel: caller.channel})
    if caller.locations is not None:
        rows = rows.filter(location_id__in=caller.locations)
    return rows


class DocumentList(ApiView):
    """Subclasses name the filter, the documents, and which rows a caller sees."""

    filter_class: type[filters.FilterSet]
    documents: Callable[..., Sequence[dict[str, Any]]]
    visible: Callable[[Caller], QuerySet[Any]]

    def get(self, request: Request) -> Response:
        chosen = self.filter_class(request.query_params, queryset=type(self).visible(self.caller))
        if not chosen.is_valid():
            raise Invalid(
                errors=[
                    FieldError(f"/{name}", "invalid", str(text))
                    for name, texts in chosen.errors.items()
                    for text in texts
                ]
            )
        paging = CursorPaging()
        page: list[Any] = paging.paginate_queryset(chosen.qs, request, view=self) or []
        documents = type(self).documents([row.pk for row in page], caller=self.caller)
        return paging.get_paginated_response(documents)
