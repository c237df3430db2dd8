"""Import and export of lists as CSV and XLSX, with a preview, and the files that were brought in.

The pages, forms and formats are django-import-export's. Rows go another way than its own, which would save a model
per row around our rules: `inventory.files` reads them as the API reads bodies and gives them to the services.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

from django.conf import settings
from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import FileResponse, HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import path, reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST
from import_export.admin import ExportMixin, ImportMixin
from import_export.fields import Field
from import_export.formats.base_formats import CSV, XLSX
from import_export.resources import Resource
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.contrib.import_export.forms import ExportForm, ImportForm
from unfold.decorators import display

from inventory.files.columns import Sheet
from inventory.files.intake import CREATED, REJECTED, UNCHANGED, UPDATED
from inventory.files.jobs import bring_in_file, receive_file
from inventory.files.reading import FileRefused, read_table
from inventory.files.writing import Documents, csv_lines, fault_lines, xlsx_file
from inventory.models import FileImport
from oms.backoffice.actions import actor_of
from oms.backoffice.lists import ReadOnlyAdmin
from oms.backoffice.words import badge, instant, who
from oms.clock import now

_SHOWN_FAULTS = 100


class CsvFile(CSV):
    def get_title(self) -> str:
        return "CSV"


class XlsxFile(XLSX):
    def get_title(self) -> str:
        return "XLSX"


class SheetResource(Resource):
    """What the library's pages want to know of a sheet: its columns."""

    @classmethod
    def get_display_name(cls) -> str:
        return cls.__name__


def resource_of(sheet: Sheet) -> type[Resource]:
    fields = {name: Field(column_name=name) for name in sheet.columns}
    return type(sheet.kind.capitalize(), (SheetResource,), fields)


class FileAdmin(ImportMixin, ExportMixin):
    """Mixed into the admin of what a sheet holds. Whoever may add and change its rows may bring in and take out files."""

    sheet: ClassVar[Sheet]
    formats = [CsvFile, XlsxFile]
    import_form_class = ImportForm
    export_form_class = ExportForm
    import_template_name = "inventory/admin/import.html"
    import_export_change_list_template = "admin/import_export/change_list_import_export.html"

    def get_resource_classes(self, request: HttpRequest) -> list[type[Resource]]:
        return [resource_of(self.sheet)]

    def has_import_permission(self, request: HttpRequest) -> bool:
        opts: Any = self.opts
        names = (f"{opts.app_label}.{act}_{opts.model_name}" for act in ("add", "change"))
        return request.user.has_perms(list(names))

    has_export_permission = has_import_permission

    # ---- in ----------------------------------------------------------------------------------------

    def import_action(self, request: HttpRequest, **_kwargs: Any) -> HttpResponse:
        """Read the file, keep it, and go to its preview; or say beside the field why it cannot be read."""
        if not self.has_import_permission(request):
            raise PermissionDenied
        form = self.create_import_form(request)
        if request.method == "POST" and form.is_valid():
            try:
                return redirect("admin:inventory_fileimport_change", self._receive(request, form))
            except FileRefused as refusal:
                form.add_error("import_file", str(refusal))
        context = {
            **self.admin_site.each_context(request),
            "title": _("Import"),
            "form": form,
            "opts": self.opts,
            "sheet": self.sheet,
            "media": self.media + form.media,
        }
        return render(request, self.import_template_name, context)

    def _receive(self, request: HttpRequest, form: Any) -> str:
        file = form.cleaned_data["import_file"]
        is_xlsx = self.formats[int(form.cleaned_data["format"])] is XlsxFile
        table = read_table(self.sheet, file, is_xlsx=is_xlsx)
        return receive_file(self.sheet.kind, file.name, table, actor=actor_of(request), as_of=now())

    def process_import(self, request: HttpRequest, **_kwargs: Any) -> HttpResponse:
        """The person has seen the preview. Confirming again goes on, or finds it done."""
        return _confirmed(request, self)

    # ---- out ---------------------------------------------------------------------------------------

    def documents(self, rows: QuerySet) -> Documents:
        raise NotImplementedError

    def _do_file_export(
        self, file_format: Any, request: HttpRequest, queryset: QuerySet, export_form: Any = None
    ) -> HttpResponseBase:
        """The rows of the list as it is filtered, streamed. Errors: ValueError, which the library shows."""
        name = self.get_export_filename(request, queryset, file_format)
        documents = self.documents(queryset)
        if isinstance(file_format, XlsxFile):
            limit = settings.FILE_MAX_ROWS
            if queryset.order_by().values("pk")[: limit + 1].count() > limit:
                text = _("A spreadsheet takes at most %(limit)s rows here: filter the list, or choose CSV")
                raise ValueError(text % {"limit": limit})
            return FileResponse(xlsx_file(self.sheet, documents), as_attachment=True, filename=name)
        response = StreamingHttpResponse(csv_lines(self.sheet, documents), content_type="text/csv; charset=utf-8")
        response["Content-Disposition"] = f'attachment; filename="{name}"'
        return response


@require_POST
def _confirmed(request: HttpRequest, model_admin: FileAdmin) -> HttpResponse:
    if not model_admin.has_import_permission(request):
        raise PermissionDenied
    kept = get_object_or_404(
        FileImport.objects.defer("rows"), pk=request.POST.get("import_file_name"), kind=model_admin.sheet.kind
    )
    if kept.finished_at:
        messages.info(request, _("This file was brought in before; nothing was done again."))
    else:
        bring_in_file(kept.pk, actor=actor_of(request), as_of=now())
        messages.success(request, _("The file is brought in."))
    return redirect("admin:inventory_fileimport_change", kept.pk)


# ---- what was brought in -------------------------------------------------------------------------------


@admin.register(FileImport)
class FileImportAdmin(ReadOnlyAdmin):
    """A file on its way: its preview, then its outcome, with the errors of its rows."""

    list_display = ["file_name", "kind", "state", "result", "sent_by", "sent"]
    list_filter = [("kind", ChoicesDropdownFilter)]
    search_fields = ["file_name", "uploaded_by"]
    search_help_text = gettext_lazy("Part of a file's name, or who sent it")

    def get_queryset(self, request: HttpRequest) -> QuerySet[FileImport]:
        return super().get_queryset(request).defer("rows", "sample", "faults")

    def get_urls(self) -> list[Any]:
        errors = path(
            "<path:object_id>/errors/",
            self.admin_site.admin_view(self.errors_view),
            name="inventory_fileimport_errors",
        )
        return [errors, *super().get_urls()]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        kept = self._seen(request, unquote(object_id))
        counts = kept.outcome if kept.is_begun else kept.expected
        context = {
            **self.admin_site.each_context(request),
            "title": kept.file_name,
            "opts": self.opts,
            "kept": kept,
            "badge": self.state(kept),
            "figures": [(name, counts.get(status, 0), tone) for status, name, tone in _figures()],
            "to_do": kept.expected.get(CREATED, 0) + kept.expected.get(UPDATED, 0),
            "faults": kept.faults[:_SHOWN_FAULTS],
            "more_faults": max(0, len(kept.faults) - _SHOWN_FAULTS),
            "sample": [_told(line) for line in kept.sample],
            "confirm": self._confirm_address(request, kept),
            "back": reverse(f"admin:inventory_{_MODELS[kept.kind]}_import"),
        }
        return render(request, "inventory/admin/file_import.html", context)

    def errors_view(self, request: HttpRequest, object_id: str) -> HttpResponseBase:
        kept = self._seen(request, object_id)
        response = StreamingHttpResponse(fault_lines(kept.faults), content_type="text/csv; charset=utf-8")
        response["Content-Disposition"] = f'attachment; filename="errors-{kept.pk}.csv"'
        return response

    def _seen(self, request: HttpRequest, object_id: str) -> FileImport:
        if not self.has_view_permission(request):
            raise PermissionDenied
        return get_object_or_404(FileImport.objects.defer("rows"), pk=object_id)

    def _confirm_address(self, request: HttpRequest, kept: FileImport) -> str | None:
        """Where to confirm, for whoever may; None if there is nothing to do."""
        model = _MODELS[kept.kind]
        may = request.user.has_perms([f"inventory.add_{model}", f"inventory.change_{model}"])
        has_work = kept.is_begun or kept.expected.get(CREATED, 0) or kept.expected.get(UPDATED, 0)
        return reverse(f"admin:inventory_{model}_process_import") if may and has_work and not kept.finished_at else None

    @display(description=gettext_lazy("state"))
    def state(self, kept: FileImport) -> SafeString:
        if kept.finished_at:
            return badge(_("brought in"), "good", "check_circle")
        if kept.is_begun:
            return badge(_("stopped half way"), "warn", "pause_circle")
        return badge(_("to be confirmed"), "busy", "preview")

    @display(description=gettext_lazy("rows"))
    def result(self, kept: FileImport) -> str:
        counts = kept.outcome if kept.is_begun else kept.expected
        return ", ".join(f"{counts[status]} {name}" for status, name, _tone in _figures() if counts.get(status))

    @display(description=gettext_lazy("sent by"), ordering="uploaded_by")
    def sent_by(self, kept: FileImport) -> str:
        return who(kept.uploaded_by)

    @display(description=gettext_lazy("sent"), ordering="uploaded_at")
    def sent(self, kept: FileImport) -> SafeString:
        return instant(kept.uploaded_at)


_MODELS: Mapping[str, str] = {"products": "product", "prices": "productprice", "places": "location"}


def _figures() -> list[tuple[str, str, str]]:
    return [
        (CREATED, _("new"), ""),
        (UPDATED, _("changed"), ""),
        (UNCHANGED, _("unchanged"), ""),
        (REJECTED, _("with errors"), "bo-alarm"),
    ]


def _told(line: Mapping[str, Any]) -> dict[str, Any]:
    """A row of the preview for the page."""
    is_new = line["status"] == CREATED
    state = badge(_("new"), "good", "add") if is_new else badge(_("changed"), "busy", "edit")
    return {**line, "state": state, "is_new": is_new}
