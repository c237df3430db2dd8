"""Base classes of the admin: themed, quick on tables that grow without end, read-only where services write."""

from collections.abc import Iterator
from typing import Any, cast

from django.contrib.admin.utils import unquote
from django.core.paginator import Paginator
from django.db import models
from django.http import HttpRequest
from django.utils.functional import Promise, cached_property
from unfold.admin import ModelAdmin
from unfold.dataclasses import UnfoldAction
from unfold.views import ChangeList

_COUNTED = 10_000


class BoundedPaginator(Paginator):
    """Counts at most 10,000 rows: whoever looks for a row further away narrows the list first."""

    template_name = "oms/backoffice/pages.html"

    @cached_property
    def _seen(self) -> int:
        rows = cast(models.QuerySet, self.object_list)
        return rows.order_by().values("pk")[: _COUNTED + 1].count()

    @cached_property
    def count(self) -> int:
        return min(self._seen, _COUNTED)

    @property
    def goes_on(self) -> bool:
        """There are more rows than are counted."""
        return self._seen > _COUNTED

    def get_elided_page_range(self, number: Any = 1, *, on_each_side: int = 3, on_ends: int = 2) -> Iterator[int | str]:
        """Where the list goes on, no page is its last."""
        pages = super().get_elided_page_range(number, on_each_side=on_each_side, on_ends=on_ends)
        if not self.goes_on:
            return iter(pages)
        farthest = self.validate_number(number) + on_each_side
        shown = [page for page in pages if not isinstance(page, int) or page <= farthest]
        return iter([*shown, str(self.ELLIPSIS)] if isinstance(shown[-1], int) else shown)


class BoundedChangeList(ChangeList):
    """Without filter or search there is nothing to “show all” of, and of more rows than are counted no sum to show."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        if not (self.query or self.has_active_filters) or self.paginator.goes_on:
            self.full_result_count = self.result_count


class BackOfficeAdmin(ModelAdmin):
    """`why_empty`: what an empty list says, where there is more to tell than that it is."""

    why_empty: str | Promise = ""
    paginator = BoundedPaginator
    show_full_result_count = False
    list_per_page = 50
    list_fullwidth = True
    list_filter_submit = True
    warn_unsaved_form = True
    actions = None

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return BoundedChangeList

    # The address of a row's page has its key quoted (`_` as `_5F`), which the base hands on to the acts of that page
    # as it is; whoever acts, or may act, is asked with the key itself, as in lists.

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[UnfoldAction]:
        return super().get_actions_detail(request, unquote(object_id))

    def _get_actions_navigation(
        self, provided_actions: Any, allowed_actions: Any, object_id: str | None = None
    ) -> list[str | dict[str, Any]]:
        return super()._get_actions_navigation(provided_actions, allowed_actions, object_id and unquote(object_id))


class ReadOnlyAdmin(BackOfficeAdmin):
    """Rows that only services write. Who may act on them is asked of the `change` permission, by name."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def may_act(self, request: HttpRequest) -> bool:
        opts = self.opts
        return request.user.has_perm(f"{opts.app_label}.change_{opts.model_name}")
