"""Files of stock: sent by people or by feeds, looked at before they begin, followed while they are applied."""

import json
from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.forms import Script
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import URLPattern, path, reverse
from django.utils.decorators import method_decorator
from django.utils.formats import number_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_POST
from unfold.contrib.filters.admin import ChoicesDropdownFilter, RelatedDropdownFilter
from unfold.decorators import action, display
from unfold.widgets import UnfoldAdminIntegerFieldWidget, UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from inventory.admin.badges import IMPORT_LOOKS, import_badge
from inventory.imports import upload
from inventory.imports.faults import FileRefused, sentence
from inventory.imports.forms import SavedFile, SaveToDisk
from inventory.imports.preview import look_at, outlook_of
from inventory.models import Feed, ImportFault, ImportMode, Location, StockImport
from inventory.services import NewImport, cancel_import, receive_import, start_import
from inventory.states import LIVE_IMPORTS, ImportStatus
from oms.backoffice.actions import actor_of, attempt, require_right
from oms.backoffice.lists import ReadOnlyAdmin
from oms.backoffice.refusals import tell_refusal
from oms.backoffice.words import instant, who
from oms.clock import now
from oms.errors import Busy, DomainError

_FAULTS_SHOWN = 50
FOLLOW = Script("inventory/imports.js", type="module")


class UploadForm(forms.Form):
    #: The file comes last, so that all else is known when it begins.
    field_order = ("source", "mode", "location", "occurred_at", "rows_per_second", "file")

    file = forms.FileField(
        label=gettext_lazy("File"),
        help_text=gettext_lazy(
            "CSV with the columns sku, location, quantity (occurred_at, bin), or NDJSON; plain or gzip."
        ),
        widget=forms.ClearableFileInput(attrs={"accept": ".csv,.txt,.ndjson,.jsonl,.gz,text/csv", "class": "bo-file"}),
    )
    source = forms.CharField(
        label=gettext_lazy("Source"),
        max_length=120,
        help_text=gettext_lazy(
            "The feed whose figures these are, always the same for the same sender: settings of Feeds and reconciliations"
            " go by it. It is not the file’s name."
        ),
        widget=UnfoldAdminTextInputWidget(attrs={"list": "known-feeds"}),
    )
    mode = forms.ChoiceField(
        label=gettext_lazy("Mode"),
        choices=ImportMode.choices,
        initial=ImportMode.COUNTS,
        widget=UnfoldAdminSelectWidget,
    )
    location = forms.ModelChoiceField(
        Location.objects.order_by("name"),
        label=gettext_lazy("Place"),
        required=False,
        empty_label=gettext_lazy("As each row says"),
        help_text=gettext_lazy("Of rows that name none. A snapshot is of this place."),
        widget=UnfoldAdminSelectWidget,
    )
    occurred_at = forms.DateTimeField(
        label=gettext_lazy("Counted at"),
        required=False,
        help_text=gettext_lazy("Empty: now. What moved since is added."),
        widget=UnfoldAdminTextInputWidget(attrs={"type": "datetime-local"}),
    )
    rows_per_second = forms.IntegerField(
        label=gettext_lazy("Rows per second at most"),
        required=False,
        min_value=1,
        max_value=10_000_000,
        help_text=gettext_lazy("Empty: as quickly as possible."),
        widget=UnfoldAdminIntegerFieldWidget,
    )

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        if given.get("mode") == ImportMode.SNAPSHOT and not given.get("location"):
            self.add_error("location", _("A snapshot is of one place: say which"))
        return given


@admin.register(StockImport)
class StockImportAdmin(ReadOnlyAdmin):
    list_display = ["file", "source", "what", "how_far", "rejected", "received"]
    list_display_links = ["file"]
    list_select_related = ["location"]
    list_filter = [
        ("status", ChoicesDropdownFilter),
        ("mode", ChoicesDropdownFilter),
        ("location", RelatedDropdownFilter),
        "received_at",
    ]
    search_fields = ["id__exact", "file_name__icontains", "source__startswith"]
    search_help_text = gettext_lazy("An id, part of a file's name, or a source")
    actions_list = ["upload"]

    class Media:
        js = [FOLLOW]

    # ---- the list --------------------------------------------------------------------------------

    @display(description=gettext_lazy("file"), ordering="id")
    def file(self, row: StockImport) -> str:
        return str(row)

    @display(description=gettext_lazy("mode"), ordering="mode")
    def what(self, row: StockImport) -> str:
        if row.mode == ImportMode.SNAPSHOT and row.location:
            return _("all of %(place)s") % {"place": row.location.name}
        return _("what is named")

    @display(description=gettext_lazy("progress"), ordering="status")
    def how_far(self, row: StockImport) -> SafeString:
        return progress_of(row)

    @display(description=gettext_lazy("rejected"), ordering="rows_rejected")
    def rejected(self, row: StockImport) -> str:
        return number_format(row.rows_rejected, use_l10n=True, force_grouping=True)

    @display(description=gettext_lazy("received"), ordering="received_at")
    def received(self, row: StockImport) -> SafeString:
        return instant(row.received_at)

    def has_upload_permission(self, request: HttpRequest) -> bool:
        return self.may_act(request)

    @action(description=gettext_lazy("Send a file"), permissions=["upload"], icon="upload_file")
    def upload(self, request: HttpRequest) -> HttpResponse:
        return redirect("admin:inventory_stockimport_upload")

    # ---- sending a file --------------------------------------------------------------------------

    def get_urls(self) -> list[URLPattern]:
        def page(route: str, view: Any, name: str) -> URLPattern:
            return path(route, self.admin_site.admin_view(view), name=f"inventory_stockimport_{name}")

        return [
            page("upload/", self.upload_view, "upload"),
            page("<path:object_id>/start/", require_POST(self.start_view), "start"),
            page("<path:object_id>/cancel/", require_POST(self.cancel_view), "cancel"),
            *super().get_urls(),
        ]

    @method_decorator(csrf_exempt)
    def upload_view(self, request: HttpRequest) -> HttpResponse:
        """The file goes to disk as it comes; so nothing may read the form before, and its token is checked after."""
        require_right(self, request)
        request.upload_handlers = [SaveToDisk(request)]
        if request.method != "POST":
            return self._upload(request)
        try:
            with upload.one_at_hand():
                return self._upload(request)
        except Busy as busy:
            tell_refusal(request, busy)
            return redirect("admin:inventory_stockimport_upload")

    @method_decorator(csrf_protect)
    def _upload(self, request: HttpRequest) -> HttpResponse:
        form = UploadForm(request.POST or None, request.FILES or None)
        saved: SavedFile | None = request.FILES.get("file")  # type: ignore[assignment]
        try:
            if form.is_valid() and saved and (made := self._receive(request, form, saved)):
                return redirect("admin:inventory_stockimport_change", made)
        finally:
            if saved and not StockImport.objects.filter(pk=saved.import_id).exists():
                upload.discard(saved.import_id)
        context = {
            **self.admin_site.each_context(request),
            "title": _("Send a file of stock"),
            "form": form,
            "feeds": Feed.objects.order_by("code"),
            "back": reverse("admin:inventory_stockimport_changelist"),
            "opts": self.opts,
        }
        return render(request, "inventory/admin/stock_file_upload.html", context)

    def _receive(self, request: HttpRequest, form: UploadForm, saved: SavedFile) -> str | None:
        """A draft, to be looked at before it begins. None: it was refused, in words."""
        given, as_of = form.cleaned_data, now()
        place = given["location"].pk if given["location"] else None
        try:
            seen = look_at(saved.saved.path, location=place or "", received_at=as_of)
            new = NewImport(
                id=saved.import_id,
                mode=given["mode"],
                location=place,
                source=given["source"],
                format=seen.format,
                bytes_total=saved.saved.bytes,
                digest=saved.saved.digest,
                occurred_at=given["occurred_at"] or as_of,
                file_name=(saved.name or "")[:200],
                rows_per_second=given["rows_per_second"],
                is_draft=True,
            )
            return receive_import(new, actor=actor_of(request), as_of=as_of)
        except FileRefused as refusal:
            form.add_error("file", said(refusal.facts))
        except DomainError as refusal:
            tell_refusal(request, refusal)
        return None

    # ---- one file --------------------------------------------------------------------------------

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        row = get_object_or_404(StockImport.objects.select_related("location"), pk=unquote(object_id))
        context = {
            **self.admin_site.each_context(request),
            "title": str(row),
            "import": row,
            "what": self.what(row),
            "badge": import_badge(row.status),
            "progress": progress_of(row),
            "failure": said(row.failure) if row.failure else "",
            "notice": sentence(row.notice) if row.notice else "",
            "sent_by": who(row.actor),
            "live": " ".join(sorted(LIVE_IMPORTS)),
            "may_act": self.may_act(request),
            "codes": [(sentence(code), count) for code, count in sorted(row.faults.items(), key=lambda f: -f[1])],
            "faults": _faults(row),
            "places": row.compared_places.select_related("location").order_by("-different", "location")[:_FAULTS_SHOWN],
            "errors_file": f"{reverse('stock-import-errors', args=[row.pk])}?format=csv",
            "media": self.media,
            "opts": self.opts,
            "original": row,
            **_outlook(row),
        }
        return render(request, "inventory/admin/stock_file.html", context)

    def start_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        require_right(self, request)
        row = get_object_or_404(StockImport, pk=unquote(object_id))
        done = _("The file is applied now; this page tells how far it is.")
        attempt(request, lambda: start_import(import_id=row.pk, actor=actor_of(request), as_of=now()), done=done)
        return redirect("admin:inventory_stockimport_change", row.pk)

    def cancel_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        require_right(self, request)
        row = get_object_or_404(StockImport, pk=unquote(object_id))
        done = _("Canceled. What was applied stays; the rest never will be.")
        attempt(request, lambda: cancel_import(import_id=row.pk, actor=actor_of(request), as_of=now()), done=done)
        return redirect("admin:inventory_stockimport_change", row.pk)


def progress_of(row: StockImport) -> SafeString:
    """A status and a bar; while the file waits or runs, the page's module keeps them true."""
    looks = {status: [str(ImportStatus(status).label), *look] for status, look in IMPORT_LOOKS.items()}
    is_live = row.status in LIVE_IMPORTS
    return format_html(
        '<div class="bo-import"{} data-status="{}">{}<progress max="1" value="{}" aria-label="{}"></progress>'
        '<span class="bo-dim" data-rows>{}</span></div>',
        format_html(' data-import="{}" data-looks="{}"', reverse("stock-import", args=[row.pk]), json.dumps(looks))
        if is_live
        else "",
        row.status,
        import_badge(row.status),
        row.progress,
        _("progress"),
        _rows(row),
    )


def _rows(row: StockImport) -> str:
    def figure(number: int) -> str:
        return number_format(number, use_l10n=True, force_grouping=True)

    return "" if row.rows_total is None else f"{figure(row.rows_done)} / {figure(row.rows_total)}"


def said(facts: dict[str, Any]) -> str:
    """Why a file could not be read, with line and value where they are known."""
    value = facts.get("value", "")
    why = sentence(facts["code"], value)
    where = [
        _("line %(line)s") % {"line": facts["line"]} if "line" in facts else "",
        _("byte %(byte)s") % {"byte": facts["byte"]} if "byte" in facts else "",
        f"“{value}”" if value and facts["code"] != "missing_column" else "",
    ]
    told = ", ".join(part for part in where if part)
    return f"{why} ({told})" if told else why


def _faults(row: StockImport) -> list[tuple[ImportFault, str]]:
    kept = ImportFault.objects.filter(stock_import=row).order_by("id")[:_FAULTS_SHOWN]
    return [(fault, sentence(fault.code)) for fault in kept]


def _outlook(row: StockImport) -> dict[str, Any]:
    """What would happen, for a file that waits to be begun."""
    if row.status != ImportStatus.UPLOADED:
        return {}
    try:
        outlook = outlook_of(row)
    except FileRefused as refusal:
        return {"unreadable": said(refusal.facts)}
    return {
        "outlook": outlook,
        "prospects": [(prospect, sentence(prospect.code) if prospect.code else "") for prospect in outlook.shown],
        "wrong": [(sentence(code), count) for code, count in outlook.codes.most_common()],
    }
