from typing import Any

from rest_framework.pagination import CursorPagination


class CursorPaging(CursorPagination):
    """`{"results": [...], "next": url|null, "previous": url|null}`; newest id first unless the view says otherwise."""

    page_size = 50
    max_page_size = 500
    page_size_query_param = "page_size"
    ordering = "-pk"

    def get_ordering(self, request, queryset, view):
        return tuple(getattr(view, "cursor_ordering", None) or (self.ordering,))

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        """As OpenAPI 3.1 says null; the framework still writes 3.0's `nullable`."""
        link = {"type": ["string", "null"], "format": "uri"}
        return {
            "type": "object",
            "required": ["results", "next", "previous"],
            "properties": {"results": schema, "next": link, "previous": link},
        }
