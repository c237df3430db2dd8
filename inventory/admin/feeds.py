"""Feeds: what sources of stock figures mean by them."""

from typing import Any

from django.contrib import admin
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display

from inventory.admin.badges import import_badge
from inventory.models import Feed, StockImport
from inventory.services.feeds import FeedRow, remove_feed, save_feed
from oms.backoffice.lists import BackOfficeAdmin
from oms.backoffice.words import NOTHING, link
from oms.clock import now


@admin.register(Feed)
class FeedAdmin(BackOfficeAdmin):
    list_display = ["code", "name", "kind", "counts", "changes", "latest"]
    list_display_links = ["code", "name"]
    list_filter = [("kind", ChoicesDropdownFilter)]
    search_fields = ["code", "name"]
    fields = [("code", "name"), "kind", "counts_exclude_reserved", "reports_our_work"]

    def get_readonly_fields(self, request: HttpRequest, obj: Feed | None = None) -> list[str]:
        return ["code"] if obj else []

    def save_model(self, request: HttpRequest, obj: Feed, form: Any, change: bool) -> None:
        names = ("code", "name", "kind", "counts_exclude_reserved", "reports_our_work")
        save_feed(FeedRow(**{name: getattr(obj, name) for name in names}), as_of=now())

    def delete_model(self, request: HttpRequest, obj: Feed) -> None:
        remove_feed(obj.code)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Feed]) -> None:
        for feed in queryset:
            remove_feed(feed.code)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Feed]:
        """With the latest file of each."""
        files = StockImport.objects.filter(source=OuterRef("code")).order_by("-id")
        latest = {f"latest_{name}": Subquery(files.values(name)[:1]) for name in ("id", "status")}
        return super().get_queryset(request).annotate(**latest)

    @display(description=gettext_lazy("its counts"))
    def counts(self, feed: Feed) -> str:
        return _("without what is reserved") if feed.counts_exclude_reserved else _("all that stands there")

    @display(description=gettext_lazy("its changes"))
    def changes(self, feed: Feed) -> str:
        return _("repeat our own work") if feed.reports_our_work else _("are news")

    @display(description=gettext_lazy("latest file"))
    def latest(self, feed: Any) -> SafeString:
        if feed.latest_id is None:
            return NOTHING
        return link("inventory.StockImport", feed.latest_id, import_badge(feed.latest_status))
