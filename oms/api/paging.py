from rest_framework.pagination import CursorPagination


class CursorPaging(CursorPagination):
    """`{"results": [...], "next": url|null, "previous": url|null}`; newest id first unless the view says otherwise."""

    page_size = 50
    max_page_size = 500
    page_size_query_param = "page_size"
    ordering = "-pk"

    def get_ordering(self, request, queryset, view):
        return tuple(getattr(view, "cursor_ordering", None) or (self.ordering,))
