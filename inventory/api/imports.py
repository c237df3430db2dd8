"""`stock/imports/`: files of counts, of any size."""

import csv
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Annotated, Any, Literal

import django_filters as filters
from django.conf import settings
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema, extend_schema_view
from pydantic import BaseModel, Field, StringConstraints
from rest_framework.exceptions import UnsupportedMediaType
from rest_framework.generics import ListAPIView
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from inventory import services
from inventory.api.filters import CommaFilter, GroupFilter
from inventory.errors import InvalidFile
from inventory.files.writing import as_cell
from inventory.imports import upload
from inventory.imports.faults import FileRefused, sentence
from inventory.imports.preview import look_at
from inventory.imports.reading import Format
from inventory.imports.upload import CutShort, Saved, TooLarge
from inventory.models import ImportFault, ImportMode, StockImport
from inventory.services import NewImport
from oms.api.body import Body, Code, Instant, read
from oms.api.json import BodyTooLarge, JsonRenderer
from oms.api.views import ApiMixin, ApiView
from oms.clock import now
from oms.errors import Busy, FieldError, Missing, Unreadable
from oms.idempotency import fingerprint
from oms.ids import new_id

_FORMATS: dict[str, Format] = {
    "application/x-ndjson": "ndjson",
    "application/jsonl": "ndjson",
}  # else its first byte tells
_PACKINGS = ("", "identity", "gzip", "x-gzip")


class ImportParameters(Body):
    mode: Literal["counts", "snapshot"] = "counts"
    location: Code | None = None
    source: Annotated[str, StringConstraints(min_length=1, max_length=120)] | None = None
    occurred_at: Instant | None = None
    throttle: Annotated[int, Field(ge=1, le=10_000_000)] | None = None
    file_name: Annotated[str, StringConstraints(max_length=200)] = ""


# ---- documents -----------------------------------------------------------------------------------


class ImportFailure(BaseModel):
    """Why a file could not be read (on): the code, and where it happened."""

    code: str
    detail: str
    line: int | None = None
    byte: int | None = None
    value: str | None = None


class ImportDocument(BaseModel):
    """`rows_done` = `rows_applied` + `rows_rejected`; `rows_changed` of the applied ones moved stock.

    `rows_total` is null until the whole file was read. `faults` counts the rejected rows by code. In a snapshot,
    `levels_unnamed` levels of the place were not named, and `levels_zeroed` of them held something.
    """

    id: str
    status: Literal["uploaded", "pending", "staging", "applying", "completed", "canceled", "failed"]
    mode: Literal["counts", "snapshot"]
    location: str | None
    source: str
    file_name: str
    format: Literal["csv", "ndjson"]
    bytes_total: int
    bytes_done: int
    rows_total: int | None
    rows_done: int
    rows_applied: int
    rows_changed: int
    rows_rejected: int
    levels_unnamed: int
    levels_zeroed: int
    faults: dict[str, int]
    failure: ImportFailure | None
    notice: ImportFailure | None
    throttle: int | None
    progress: float
    occurred_at: Instant
    received_at: Instant
    started_at: Instant | None
    finished_at: Instant | None
    actor: str
    actions: list[str]


class FaultDocument(BaseModel):
    """A row that was not applied. `line` counts from 1, the header being the first."""

    line: int
    code: str
    detail: str
    value: str
    sku: str
    location: str


def import_document(row: StockImport) -> dict[str, Any]:
    names = set(ImportDocument.model_fields) - {"location", "failure", "notice", "throttle", "progress", "actions"}
    return {
        **{name: getattr(row, name) for name in ImportDocument.model_fields if name in names},
        "location": row.location_id,
        "failure": row.failure
        and {**row.failure, "detail": sentence(row.failure["code"], row.failure.get("value", ""))},
        "notice": _notice(row),
        "throttle": row.rows_per_second,
        "progress": row.progress,
        "actions": row.actions,
    }


def _notice(row: StockImport) -> dict[str, str] | None:
    """A snapshot that set nothing to zero says so."""
    return {"code": row.notice, "detail": sentence(row.notice)} if row.notice else None


def fault_document(fault: ImportFault) -> dict[str, Any]:
    names = ("line", "code", "value", "sku")
    return {
        **{name: getattr(fault, name) for name in names},
        "location": fault.location_code,
        "detail": sentence(fault.code),
    }


_EXAMPLE = {
    "id": "imp_01jd8m2k0000000000000000",
    "status": "applying",
    "mode": "counts",
    "location": None,
    "source": "erp",
    "file_name": "",
    "format": "csv",
    "bytes_total": 25_000_000,
    "bytes_done": 25_000_000,
    "rows_total": 1_000_000,
    "rows_done": 412_000,
    "rows_applied": 411_998,
    "rows_changed": 40_871,
    "rows_rejected": 2,
    "levels_unnamed": 0,
    "levels_zeroed": 0,
    "faults": {"unknown_sku": 2},
    "failure": None,
    "notice": None,
    "throttle": None,
    "progress": 0.412,
    "occurred_at": "2026-03-02T02:00:00Z",
    "received_at": "2026-03-02T02:04:10Z",
    "started_at": "2026-03-02T02:04:11Z",
    "finished_at": None,
    "actor": "key:erp",
    "actions": ["cancel"],
}
_ANSWERS = [OpenApiExample("Under way", response_only=True, status_codes=["200", "202"], value=_EXAMPLE)]
_BODIES = [
    OpenApiExample(
        "CSV",
        media_type="text/csv",
        request_only=True,
        value="sku,location,quantity,occurred_at,bin\nTEE-M,STORE-12,7,2026-03-02T02:00:00Z,A-07\nTEE-L,STORE-12,0,,\n",
    ),
    OpenApiExample(
        "NDJSON",
        media_type="application/x-ndjson",
        request_only=True,
        value='{"sku": "TEE-M", "location": "STORE-12", "quantity": 7}\n',
    ),
]
_PARAMETERS = [
    OpenApiParameter("Idempotency-Key", str, OpenApiParameter.HEADER, required=True),
    OpenApiParameter(
        "Content-Encoding", str, OpenApiParameter.HEADER, enum=["gzip"], description="Or packed without saying so."
    ),
    OpenApiParameter(
        "mode",
        str,
        enum=["counts", "snapshot"],
        description="`snapshot`: the whole of `location`; what is not named is zero. Default `counts`.",
    ),
    OpenApiParameter("location", str, description="The place of rows that name none; the only one in a snapshot."),
    OpenApiParameter("source", str, description="Which feed says so (default: the key)."),
    OpenApiParameter(
        "occurred_at",
        OpenApiTypes.DATETIME,
        description="When it was counted, for rows that do not say (default: now).",
    ),
    OpenApiParameter("throttle", int, description="Rows per second at most, to be gentle to others."),
    OpenApiParameter("file_name", str, description="How people know the file."),
]


# ---- views ---------------------------------------------------------------------------------------


def visible_imports(view: ApiMixin) -> QuerySet[StockImport]:
    """A caller bound to places sees what was sent for those, and no file of anybody who may reach further."""
    rows = StockImport.objects.all()
    bounds = view.caller.locations
    return rows if bounds is None else rows.filter(places__contained_by=sorted(bounds))


class ImportFilters(filters.FilterSet):
    status = CommaFilter(lookup_expr="in")
    source = CommaFilter(lookup_expr="in")
    location = CommaFilter(field_name="location_id", lookup_expr="in")
    group = GroupFilter()
    mode = filters.ChoiceFilter(choices=ImportMode.choices)

    class Meta:
        model = StockImport
        fields: list[str] = []


@extend_schema_view(
    get=extend_schema(summary="Files of stock, latest first", responses={200: ImportDocument}, examples=_ANSWERS)
)
class StockImports(ApiMixin, ListAPIView):
    scopes = {"GET": "stock:read", "POST": "stock:write"}
    queryset = StockImport.objects.all()
    filterset_class = ImportFilters

    def list(self, request: Request) -> Response:
        page = self.paginate_queryset(self.filter_queryset(visible_imports(self))) or []
        return self.get_paginated_response([import_document(row) for row in page])

    @extend_schema(
        summary="Send a file of counts",
        description="CSV with a header (`sku,location,quantity[,occurred_at,bin]`, in any order) or NDJSON, plain or"
        " packed with gzip, streamed: the usual limit of a body does not hold here. It is read whole, then applied a"
        " chunk at a time; a row that cannot be applied is reported and stops no other. Of rows for the same product"
        " and place the last one counts. What is wrong with the whole file and can be seen at once is refused as"
        " `invalid_file`.",
        parameters=_PARAMETERS,
        request={"text/csv": OpenApiTypes.STR, "application/x-ndjson": OpenApiTypes.STR},
        responses={202: ImportDocument},
        examples=[*_BODIES, *_ANSWERS],
    )
    def post(self, request: Request) -> Response:
        given = read(ImportParameters, request.query_params.dict())
        if given.location:
            self.check_location(given.location)
        once = self.once_for_stream("stock/imports")
        raw: HttpRequest = request._request
        _check_packing(raw)
        received_at = now()
        import_id = new_id("imp")
        with upload.one_at_hand():
            saved = _save(import_id, raw)
        try:
            new = self._new_import(import_id, given, saved, raw, received_at)
            once.fingerprint = fingerprint([request.query_params.dict(), saved.digest])
            made = services.receive_import(new, actor=self.caller.actor, as_of=received_at, once=once)
        except BaseException:
            upload.discard(import_id)
            raise
        if made != import_id:
            upload.discard(import_id)
        document = import_document(StockImport.objects.get(pk=made))
        return Response(document, status=202, headers=self.replay_headers(once))

    def _new_import(
        self, import_id: str, given: ImportParameters, saved: Saved, raw: HttpRequest, received_at: Any
    ) -> NewImport:
        """Errors: InvalidFile."""
        try:
            seen = look_at(
                saved.path,
                format=_FORMATS.get(raw.content_type or ""),
                location=given.location or "",
                received_at=received_at,
            )
        except FileRefused as refusal:
            raise refused(refusal) from None
        return NewImport(
            id=import_id,
            mode=given.mode,
            location=given.location,
            source=given.source or self.caller.identity,
            format=seen.format,
            bytes_total=saved.bytes,
            digest=saved.digest,
            occurred_at=given.occurred_at or received_at,
            places=None if self.caller.locations is None else sorted(self.caller.locations),
            file_name=given.file_name,
            rows_per_second=given.throttle,
        )


def refused(refusal: FileRefused) -> InvalidFile:
    """What was seen at once of a file that cannot be read, as an answer."""
    facts = {name: value for name, value in refusal.facts.items() if name != "code"}
    detail = sentence(refusal.code, refusal.value)
    return InvalidFile(detail, errors=[FieldError("", refusal.code, detail)], **facts)


class StockImportView(ApiView):
    """One file that the caller may see."""

    scopes = {"GET": "stock:read", "POST": "stock:write"}

    def found(self, import_id: str) -> StockImport:
        row = visible_imports(self).filter(pk=import_id).first()
        if row is None:
            raise Missing()
        return row


class OneImport(StockImportView):
    @extend_schema(summary="How far a file has got", responses={200: ImportDocument}, examples=_ANSWERS)
    def get(self, request: Request, import_id: str) -> Response:
        return Response(import_document(self.found(import_id)))


class ImportCancel(StockImportView):
    @extend_schema(
        summary="Stop a file where it is",
        description="What was applied stays; the rest never will be.",
        request=None,
        responses={200: ImportDocument},
        examples=_ANSWERS,
    )
    def post(self, request: Request, import_id: str) -> Response:
        self.found(import_id)
        services.cancel_import(import_id=import_id, actor=self.caller.actor, as_of=now())
        return Response(import_document(self.found(import_id)))


class ImportStart(StockImportView):
    @extend_schema(
        summary="Begin with a file that was uploaded to be looked at",
        request=None,
        responses={200: ImportDocument},
        examples=_ANSWERS,
    )
    def post(self, request: Request, import_id: str) -> Response:
        self.found(import_id)
        services.start_import(import_id=import_id, actor=self.caller.actor, as_of=now())
        return Response(import_document(self.found(import_id)))


class CsvRenderer(BaseRenderer):
    """Documents as a file for a spreadsheet: what begins like a formula is quoted, so that opening it runs nothing."""

    media_type = "text/csv"
    format = "csv"

    def render(self, data: Any, accepted_media_type: Any = None, renderer_context: Any = None) -> bytes:
        if not isinstance(data, list):
            return JsonRenderer().render(data)  # a refusal
        return rows_as_csv(list(FaultDocument.model_fields), data)


def rows_as_csv(names: Sequence[str], documents: Iterable[Mapping[str, Any]]) -> bytes:
    out = io.StringIO()
    lines = csv.writer(out)
    lines.writerow(names)
    lines.writerows([as_cell(document[name]) for name in names] for document in documents)
    return out.getvalue().encode()


@extend_schema_view(
    get=extend_schema(
        summary="Rows that were not applied",
        description=f"The first {settings.IMPORT_FAULTS_KEPT} of a file; `faults` of the import counts all."
        " `format=csv` (or `Accept: text/csv`) gives all kept ones as a file.",
        parameters=[OpenApiParameter("format", str, enum=["json", "csv"])],
        responses={
            (200, "application/json"): FaultDocument,
            (200, "text/csv"): OpenApiResponse(
                OpenApiTypes.STR,
                description="line,code,detail,value,sku,location",
                examples=[
                    OpenApiExample(
                        "A row",
                        value="line,code,detail,value,sku,location\n"
                        "17,not_a_quantity,A whole number in plain figures is needed,1e9,TEE-M,STORE-12\n",
                    )
                ],
            ),
        },
        examples=[
            OpenApiExample(
                "A row",
                response_only=True,
                media_type="application/json",
                value={
                    "line": 17,
                    "code": "not_a_quantity",
                    "detail": "A whole number in plain figures is needed",
                    "value": "1e9",
                    "sku": "TEE-M",
                    "location": "STORE-12",
                },
            )
        ],
    )
)
class ImportFaults(ApiMixin, ListAPIView):
    scopes = {"GET": "stock:read"}
    queryset = ImportFault.objects.all()
    renderer_classes = [JsonRenderer, CsvRenderer]
    cursor_ordering = ("id",)

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        import_id = kwargs["import_id"]
        if not visible_imports(self).filter(pk=import_id).exists():
            raise Missing()
        rows = self.get_queryset().filter(stock_import=import_id)
        if request.accepted_renderer.format == "csv":
            return Response([fault_document(row) for row in rows], headers=attachment(f"{import_id}-errors.csv"))
        page = self.paginate_queryset(rows) or []
        return self.get_paginated_response([fault_document(row) for row in page])


def attachment(name: str) -> dict[str, str]:
    return {"Content-Disposition": f'attachment; filename="{name}"'}


# ---- the body ------------------------------------------------------------------------------------


def _check_packing(raw: HttpRequest) -> None:
    packing = raw.headers.get("Content-Encoding", "").strip().lower()
    if packing not in _PACKINGS:
        raise UnsupportedMediaType(packing, detail=_("Plain or packed with gzip is possible"))


def _save(import_id: str, raw: HttpRequest) -> Saved:
    """Errors: Unreadable (empty, cut short), BodyTooLarge, Busy (no room)."""
    stream, announced = _body_of(raw)
    try:
        return upload.save_stream(import_id, stream, most_bytes=settings.IMPORT_MAX_BYTES, announced=announced)
    except TooLarge:
        raise BodyTooLarge(settings.IMPORT_MAX_BYTES) from None
    except CutShort:
        raise Unreadable(_("The file was cut short on its way")) from None
    except OSError as error:
        raise Busy(_("The file could not be stored"), retry_after=60) from error


def _body_of(raw: HttpRequest) -> tuple[Callable[[int], bytes], int | None]:
    """How to read the body, and how long it was said to be. One sent in chunks says no length, which Django takes for none."""
    length = raw.META.get("CONTENT_LENGTH")
    if not length and raw.headers.get("Transfer-Encoding", "").lower() == "chunked":
        return raw.META["wsgi.input"].read, None
    return raw.read, int(length or 0)
