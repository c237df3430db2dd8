import re
from typing import Any

from django.utils.translation import gettext as _
from rest_framework.exceptions import NotFound
from rest_framework.pagination import CursorPagination
from rest_framework.request import Request

from oms.errors import FieldError, Invalid


def page_size_of(request: Request, *, default: int, most: int) -> int:
    """The `page_size` asked for; more than the most is capped. Errors: Invalid."""
    given = request.query_params.get("page_size", str(default))
    if not re.fullmatch("0*[1-9][0-9]{0,17}", given):
        detail = _("A whole number from 1 on is needed")
        raise Invalid(errors=[FieldError("/page_size", "not_a_number", detail)])
    return min(int(given), most)


class CursorPaging(CursorPagination):
    """`{"results": [...], "next": url|null, "previous": url|null}`; newest id first unless the view says otherwise."""

    page_size = 50
    max_page_size = 500
    page_size_query_param = "page_size"
    ordering = "-pk"

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> list[Any] | None:
        """Errors: NotFound for a cursor that says what can be no position in this list, as for any other broken one."""
        try:
            return super().paginate_queryset(queryset, request, view)
        except ValueError:
            if not request.query_params.get(self.cursor_query_param):
                raise
            raise NotFound(self.invalid_cursor_message) from None

    def get_page_size(self, request: Request) -> int:
        return page_size_of(request, default=self.page_size, most=self.max_page_size)

    def get_ordering(self, request, queryset, view):
        return tuple(getattr(view, "cursor_ordering", None) or (CursorPaging.ordering,))  # its own is changed by a page

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        """As OpenAPI 3.1 says null; the framework still writes 3.0's `nullable`."""
        link = {"type": ["string", "null"], "format": "uri"}
        further = link | {"example": "https://oms.example.org/api/v1/…?cursor=cD0xMDA%3D"}
        return {
            "type": "object",
            "required": ["results", "next", "previous"],
            "properties": {"results": schema, "next": further, "previous": link | {"example": None}},
        }
