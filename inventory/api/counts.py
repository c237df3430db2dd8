"""`counts/`: cycle counts by place, bin, product or tag; what differs is approved, rejected or counted again."""

from collections.abc import Callable, Sequence
from typing import Any

import django_filters as filters
from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema
from pydantic import BaseModel
from rest_framework.request import Request
from rest_framework.response import Response

from inventory import counts, services
from inventory.api import bulk
from inventory.api.count_bodies import (
    ApproveBody,
    CancelBody,
    CountDocument,
    CountLineBody,
    CountLineDocument,
    CountLinePage,
    CountPage,
    LinesBody,
    OpenCountBody,
    ScanAnswers,
    ScanBody,
    ScansBody,
    ScansEnvelope,
    SubmitBody,
    count_document,
    line_document,
)
from inventory.api.filters import CommaFilter, GroupFilter
from inventory.errors import (
    ApprovalNeeded,
    CountNotOpen,
    HeadquartersNeeded,
    NotFoundUnconfirmed,
    NothingWaits,
    RecountMissing,
)
from inventory.models import CountLine, CountSession
from inventory.states import CountLineStatus, CountStatus
from oms.api.body import read
from oms.api.paging import CursorPaging
from oms.api.views import IDEMPOTENCY_KEY, ApiView
from oms.clock import now
from oms.errors import DomainError, FieldError, IllegalMove, Invalid, Missing
from oms.ids import new_id

_MOST_SCANS = 1_000
_OVER, _NOTHING = CountNotOpen(current="submitted"), NothingWaits(current="approved")


class CountFilters(filters.FilterSet):
    location = CommaFilter(field_name="location_id", lookup_expr="in")
    group = GroupFilter()
    status = filters.MultipleChoiceFilter(choices=CountStatus.choices)
    opened_after = filters.IsoDateTimeFilter(field_name="opened_at", lookup_expr="gte")
    opened_before = filters.IsoDateTimeFilter(field_name="opened_at", lookup_expr="lt")

    class Meta:
        model = CountSession
        fields: list[str] = []


class LineFilters(filters.FilterSet):
    sku = CommaFilter(field_name="product_id", lookup_expr="in")
    status = filters.MultipleChoiceFilter(choices=CountLineStatus.choices)

    class Meta:
        model = CountLine
        fields: list[str] = []


class CountView(ApiView):
    """Counts that this caller may see."""

    cursor_ordering: tuple[str, ...] = ("-pk",)

    def session(self, count_id: str) -> CountSession:
        """Errors: Missing, also for the count of a place that is not the caller's."""
        found = counts.visible_counts(self.caller).filter(pk=count_id).first()
        if found is None:
            raise Missing()
        return found

    def answer(self, count_id: str, *, status: int = 200, headers: Any = None) -> Response:
        session = self.session(count_id)
        progress = counts.progress_of([session])[session.pk]
        document = count_document(session, progress, caller=self.caller, to_find=counts.to_find(session))
        return Response(document, status=status, headers=headers)

    def page(self, rows: QuerySet[Any], chosen: type[filters.FilterSet], document: Callable[[Any], Any]) -> Response:
        filtered = chosen(self.request.query_params, queryset=rows)
        if not filtered.is_valid():
            faults = [(name, str(text)) for name, texts in filtered.errors.items() for text in texts]
            raise Invalid(errors=[FieldError(f"/{name}", "invalid", text) for name, text in faults])
        paging = CursorPaging()
        page: list[Any] = paging.paginate_queryset(filtered.qs, self.request, view=self) or []
        return paging.get_paginated_response(document(page))

    @property
    def approver(self) -> services.Approver:
        """Headquarters is whoever is bound to no places."""
        return services.Approver(self.caller.actor, is_headquarters=self.caller.locations is None)


class Counts(CountView):
    scopes = {"GET": "stock:read", "POST": "stock:count"}

    @extend_schema(
        summary="Counts, latest first",
        parameters=[
            OpenApiParameter("location", description="Places, separated by commas."),
            OpenApiParameter("group", description="At the places of these groups, separated by commas."),
            OpenApiParameter("status", enum=CountStatus.values, many=True),
            OpenApiParameter("opened_after", description="An instant."),
            OpenApiParameter("opened_before", description="An instant."),
        ],
        responses={200: CountPage},
        operation_id="counts_list",
    )
    def get(self, request: Request) -> Response:
        return self.page(counts.visible_counts(self.caller), CountFilters, self._documents)

    def _documents(self, page: list[CountSession]) -> list[dict[str, Any]]:
        progress = counts.progress_of(page)
        return [count_document(session, progress[session.pk], caller=self.caller) for session in page]

    @extend_schema(
        summary="Begin a count",
        description="`scope`: the whole `place`, some `bins`, some `skus`, or the products with a `tag`. Blind unless"
        " said otherwise: whoever counts does not learn what the books expect. With `not_found_is_zero` whatever of the"
        " scope nobody found is none, once that was confirmed at submission.",
        request=OpenCountBody,
        responses={201: CountDocument},
        parameters=[IDEMPOTENCY_KEY],
        operation_id="counts_open",
    )
    def post(self, request: Request) -> Response:
        body = self.body(OpenCountBody)
        self.check_location(body.location)
        once = self.once("counts", required=False)
        given = {name: getattr(body, name) for name in ("location", "is_blind", "not_found_is_zero", "note")}
        pk = services.open_count(**given, scope=body.what(), actor=self.caller.actor, as_of=now(), once=once)
        return self.answer(pk, status=201, headers=self.replay_headers(once))


class OneCount(CountView):
    scopes = {"GET": "stock:read"}

    @extend_schema(summary="One count", responses={200: CountDocument}, operation_id="counts_read")
    def get(self, request: Request, count_id: str) -> Response:
        return self.answer(count_id)


# ---- what was found -------------------------------------------------------------------------------


class CountLines(CountView):
    scopes = {"GET": "stock:read"}
    cursor_ordering: tuple[str, ...] = ("product_id",)

    @extend_schema(
        summary="What was found, by product",
        description="`expected`, the differences and `value` are null while this caller may not know them: in a blind count"
        " before its submission, and for those who may not approve as long as a difference waits.",
        parameters=[
            OpenApiParameter("sku", description="SKUs, separated by commas."),
            OpenApiParameter("status", enum=CountLineStatus.values, many=True),
        ],
        responses={200: CountLinePage},
        operation_id="counts_lines",
    )
    def get(self, request: Request, count_id: str) -> Response:
        session = self.session(count_id)
        return self.page(self.rows(session), LineFilters, lambda page: self._documents(session, page))

    def rows(self, session: CountSession) -> QuerySet[CountLine]:
        return counts.lines_of(session)

    def _documents(self, session: CountSession, page: list[CountLine]) -> list[dict[str, Any]]:
        return [line_document(counts.line_view(session, line, caller=self.caller)) for line in page]


class CountDifferences(CountLines):
    cursor_ordering = ("-value", "product_id")

    @extend_schema(
        summary="What differs from the books, the greatest value first",
        description="As far as this caller may know it, in all `units` or in how many of them are `damaged`. `needs` tells"
        " who decides: a `manager` or `headquarters`.",
        parameters=[
            OpenApiParameter("sku", description="SKUs, separated by commas."),
            OpenApiParameter("status", enum=CountLineStatus.values, many=True),
        ],
        responses={200: CountLinePage},
        operation_id="counts_differences",
    )
    def get(self, request: Request, count_id: str) -> Response:
        return super().get(request, count_id)

    def rows(self, session: CountSession) -> QuerySet[CountLine]:
        return counts.differences_of(session, caller=self.caller)


class OneCountLine(CountView):
    scopes = {"PUT": "stock:count"}
    refusals = {"PUT": [_OVER]}

    @extend_schema(
        summary="Say how many of one product there are",
        description="The total in that bin (without one: in the place), whatever was said of it before. The code in the"
        " address may be a SKU or a barcode.",
        request=CountLineBody,
        responses={200: CountLineDocument},
        operation_id="counts_put_line",
    )
    def put(self, request: Request, count_id: str, code: str) -> Response:
        session, body = self.session(count_id), self.body(CountLineBody)
        scan = services.Scan(new_id("scn"), code, is_total=True, **body.model_dump())
        [result] = self._record(session, [scan])
        if result.code:
            pointer = "" if result.code in ("unknown_product", "outside_scope") else "/scanned_at"
            raise Invalid(errors=[FieldError(pointer, result.code, result.detail)])
        line = counts.lines_of(session).get(product=result.sku)
        return Response(line_document(counts.line_view(session, line, caller=self.caller)))

    def _record(self, session: CountSession, scans: list[services.Scan]) -> list[services.ScanResult]:
        return services.record_scans(session_id=session.pk, scans=scans, actor=self.caller.actor, as_of=now())


class CountScans(CountView):
    scopes = {"POST": "stock:count"}
    refusals = {"POST": [_OVER]}

    @extend_schema(
        summary="Send what was scanned",
        description="Up to 1,000, each answered by itself: `counted`, `duplicate`, or `rejected` with a code. `id` is the"
        " phone's own and unique in the count, so sending again is safe; `units` are all that stand in that `bin`, or"
        " with `add` so many more (or, below zero, fewer) than were said before. `scanned_at` may be hours ago: what"
        " moved after it is no difference.",
        request=ScansBody,
        responses={200: ScanAnswers},
        operation_id="counts_scan",
    )
    def post(self, request: Request, count_id: str) -> Response:
        session = self.session(count_id)
        rows = bulk.rows_of(self.body(ScansEnvelope).scans, "/scans", most=_MOST_SCANS)
        bodies, answers = bulk.read_rows(rows, ScanBody)
        results = services.record_scans(
            session_id=session.pk,
            scans=[body.scan() for _index, body in bodies],
            actor=self.caller.actor,
            as_of=now(),
        )
        for (index, _body), result in zip(bodies, results, strict=True):
            answers[index] = {"index": index, **_scan_document(result)}
        return Response({"results": [answers[index] for index in sorted(answers)]})


def _scan_document(result: services.ScanResult) -> dict[str, Any]:
    document = {"id": result.id, "status": result.status, "sku": result.sku or None, "units": result.units}
    return document | {"code": result.code, "detail": result.detail} if result.code else document


class OneScan(CountView):
    scopes = {"DELETE": "stock:count"}
    refusals = {"DELETE": [_OVER]}

    @extend_schema(
        summary="Undo a scan",
        description="It counts no more; undoing it again changes nothing.",
        responses={204: None},
        operation_id="counts_undo_scan",
    )
    def delete(self, request: Request, count_id: str, scan: str) -> Response:
        services.undo_scan(session_id=self.session(count_id).pk, scan_id=scan, as_of=now())
        return Response(status=204)


# ---- what becomes of it ---------------------------------------------------------------------------


class CountAct(CountView):
    """One move of a count, answered with the count as it stands then."""

    body_model: type[BaseModel]

    def post(self, request: Request, count_id: str) -> Response:
        session, body = self.session(count_id), read(self.body_model, request.data)
        self.act(session.pk, body)
        return self.answer(session.pk)

    def act(self, count_id: str, body: Any) -> None:
        raise NotImplementedError


def _act(
    name: str,
    *,
    summary: str,
    description: str,
    scope: str,
    body: type[BaseModel],
    act: Callable[..., None],
    refusals: Sequence[DomainError],
) -> type[CountAct]:
    """The view of one move, documented under its name."""
    describe = extend_schema(
        summary=summary,
        description=description,
        request=body,
        responses={200: CountDocument},
        operation_id=f"counts_{name}",
    )
    members = {
        "scopes": {"POST": scope},
        "refusals": {"POST": refusals},
        "body_model": body,
        "act": act,
        "post": describe(lambda self, request, count_id: CountAct.post(self, request, count_id)),
    }
    return type(f"Count{name.title()}", (CountAct,), members)


def _submit(view: CountAct, count_id: str, body: SubmitBody) -> None:
    services.submit_count(
        session_id=count_id, confirmed_not_found=body.confirm_not_found, actor=view.caller.actor, as_of=now()
    )


def _approve(view: CountAct, count_id: str, body: ApproveBody) -> None:
    services.approve_count(session_id=count_id, skus=body.lines, approver=view.approver, as_of=now())


def _reject(view: CountAct, count_id: str, body: LinesBody) -> None:
    services.reject_differences(session_id=count_id, skus=body.lines, approver=view.approver, as_of=now())


def _recount(view: CountAct, count_id: str, body: LinesBody) -> None:
    services.recount_lines(session_id=count_id, skus=body.lines, actor=view.caller.actor, as_of=now())


def _cancel(view: CountAct, count_id: str, body: CancelBody) -> None:
    approver = view.approver if view.caller.may("stock:approve") else None
    services.cancel_count(
        session_id=count_id, reason=body.reason, actor=view.caller.actor, approver=approver, as_of=now()
    )


ACTS = [
    (
        "submit",
        _act(
            "submit",
            summary="Compare with the books",
            description="What agrees, or differs by little, is applied at once; the rest waits for a decision. Where"
            " what is not found is zero, `confirm_not_found` must be the number of articles that are: 409"
            " `not_found_unconfirmed` tells it. 409 `recount_missing` while articles that were sent back wait.",
            scope="stock:count",
            body=SubmitBody,
            act=_submit,
            refusals=[NotFoundUnconfirmed(not_found=3, skus=["SKU-1"]), RecountMissing(skus=["SKU-1"]), _OVER],
        ),
    ),
    (
        "approve",
        _act(
            "approve",
            summary="Bring differences into the books",
            description="Those of `lines` (SKUs), or all that the caller may decide. Sales after the count's instant are"
            " kept. Differences above a value need headquarters: 403 `headquarters_needed` names them.",
            scope="stock:approve",
            body=ApproveBody,
            act=_approve,
            refusals=[HeadquartersNeeded(skus=["SKU-1"]), _NOTHING],
        ),
    ),
    (
        "reject",
        _act(
            "reject",
            summary="Leave the books as they are",
            description="Nothing of these lines is applied.",
            scope="stock:approve",
            body=LinesBody,
            act=_reject,
            refusals=[HeadquartersNeeded(skus=["SKU-1"]), _NOTHING],
        ),
    ),
    (
        "recount",
        _act(
            "recount",
            summary="Send differences back to be counted again",
            description="The count is open again for these lines, which begin from nothing.",
            scope="stock:approve",
            body=LinesBody,
            act=_recount,
            refusals=[_NOTHING],
        ),
    ),
    (
        "cancel",
        _act(
            "cancel",
            summary="End a count without its differences",
            description="What is in the books already stays there. While differences wait this is a manager's decision:"
            " 403 `approval_needed`.",
            scope="stock:count",
            body=CancelBody,
            act=_cancel,
            refusals=[ApprovalNeeded(), IllegalMove(current="approved")],
        ),
    ),
]
