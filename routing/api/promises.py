"""`routing/promises/`: the ledger of promises given against kept. `routing/lead-times/`: what dates are learned from."""

from collections.abc import Mapping
from typing import Any, Literal

import django_filters as filters
from django.db.models import QuerySet
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from pydantic import BaseModel, Field
from rest_framework.request import Request
from rest_framework.response import Response

from inventory.api.filters import CommaFilter, GroupFilter
from oms.actors import Caller
from oms.api.body import Instant
from oms.api.paging import CursorPaging
from oms.api.views import ApiView
from oms.clock import now
from oms.errors import FieldError, Invalid, PlaceNotAllowed
from routing.leadtimes import Calibration
from routing.models import GivenPromise, LearnedTable
from routing.promise_figures import GROUPS, USUAL_DAYS, Figures, promise_figures
from routing.service_levels import unknown_groups, unknown_places


class PromiseFilters(filters.FilterSet):
    location = CommaFilter(field_name="location_id", lookup_expr="in")
    group = GroupFilter()
    carrier_service = CommaFilter(lookup_expr="in")
    method = filters.CharFilter()
    service = filters.CharFilter()
    channel = filters.CharFilter()
    outcome = filters.MultipleChoiceFilter(choices=GivenPromise.Outcome.choices)
    given_after = filters.IsoDateTimeFilter("given_at", lookup_expr="gte")
    given_before = filters.IsoDateTimeFilter("given_at", lookup_expr="lt")

    class Meta:
        model = GivenPromise
        fields: list[str] = []


class PromiseDocument(BaseModel):
    """`promised_at` is what the shopper was told, `expected_at` what the plan of this place said; `confidence` null:
    the date came from configured times."""

    fulfillment: str
    order: str
    channel: str
    location: str
    method: str
    service: str
    carrier_service: str
    destination_area: str
    given_at: Instant
    hour: int = Field(description="Of the place's clock, from 0 to 23.")
    promised_at: Instant
    expected_at: Instant
    confidence: float | None
    prepared_at: Instant | None
    ended_at: Instant | None
    outcome: Literal["open", "kept", "late", "withdrawn"]


class PromisePage(BaseModel):
    results: list[PromiseDocument]
    next: str | None
    previous: str | None


class PromiseFigures(BaseModel):
    """`share_kept`: of all that were kept, late, or are overdue; null where none was due."""

    group: str
    given: int
    kept: int
    late: int
    overdue: int
    open: int
    withdrawn: int
    share_kept: float | None
    promised_days: float
    late_hours: float | None


class PromiseSummary(BaseModel):
    group_by: str
    results: list[PromiseFigures]


_SAME = (
    *("channel", "method", "service", "carrier_service", "destination_area", "given_at", "hour", "promised_at"),
    *("expected_at", "confidence", "prepared_at", "ended_at", "outcome"),
)


def _document(row: GivenPromise) -> dict[str, Any]:
    named = {"fulfillment": row.reference, "order": row.root, "location": row.location_id}
    return named | {name: getattr(row, name) for name in _SAME}


def _figures(figures: Figures) -> dict[str, Any]:
    return {name: getattr(figures, name) for name in PromiseFigures.model_fields}


def visible(caller: Caller) -> QuerySet[GivenPromise]:
    rows = GivenPromise.objects.all()
    if caller.locations is not None:
        rows = rows.filter(location__in=caller.locations)
    return rows if caller.channel is None else rows.filter(channel=caller.channel)


class PromiseView(ApiView):
    scopes = {"GET": "routing:read"}
    filter_class = PromiseFilters

    def chosen(self) -> QuerySet[GivenPromise]:
        """Errors: Invalid, one pointer per parameter that cannot be read."""
        chosen = PromiseFilters(self.request.query_params, queryset=visible(self.caller))
        if not chosen.is_valid():
            faults = ((name, str(text)) for name, texts in chosen.errors.items() for text in texts)
            raise Invalid(errors=[FieldError(f"/{name}", "invalid", text) for name, text in faults])
        if meaningless := self._meaningless(chosen.form.cleaned_data):
            raise Invalid(errors=meaningless)
        return chosen.qs

    def _meaningless(self, given: Mapping[str, Any]) -> list[FieldError]:
        """Of a place that the caller may not see it is told what is told of one that does not exist."""
        faults = []
        if places := unknown_places(given["location"] or [], seen=self.caller.sees):
            faults.append(FieldError("/location", "unknown_location", _("Unknown places: %s") % ", ".join(places)))
        if groups := unknown_groups(given["group"] or []):
            detail = _("No place is in these groups: %s") % ", ".join(groups)
            faults.append(FieldError("/group", "unknown_group", detail))
        after, before = given["given_after"], given["given_before"]
        if after and before and after > before:
            faults.append(FieldError("/given_before", "empty_range", _("The period ends before it begins")))
        return faults


_PARAMETERS = [
    OpenApiParameter("location", description="Any of these places, separated by commas."),
    OpenApiParameter("group", description="At the places of these groups, separated by commas."),
    OpenApiParameter("carrier_service", description="Any of these, separated by commas."),
    OpenApiParameter("method"),
    OpenApiParameter("service"),
    OpenApiParameter("channel"),
    OpenApiParameter("outcome", enum=list(GivenPromise.Outcome.values), many=True),
    OpenApiParameter("given_after", description="Given at this instant or later."),
    OpenApiParameter("given_before", description="Given before this instant."),
]
_PAGING = [
    OpenApiParameter("cursor"),
    OpenApiParameter("page_size", int, description="50 if not given, 500 at most."),
]


@extend_schema_view(
    get=extend_schema(
        summary="Promises given, and what became of them",
        description="One per fulfillment, the newest first. A place that loses work leaves a promise that is withdrawn;"
        " whoever takes over has to keep the date that was given first.",
        parameters=[*_PARAMETERS, *_PAGING],
        responses={200: PromisePage},
        operation_id="routing_promises_list",
    )
)
class Promises(PromiseView):
    def get(self, request: Request) -> Response:
        paging = CursorPaging()
        page: list[GivenPromise] = paging.paginate_queryset(self.chosen(), request, view=self) or []
        return paging.get_paginated_response([_document(row) for row in page])


class PromisesSummary(PromiseView):
    @extend_schema(
        summary="Promises given against kept",
        description="Counted per place, carrier service, hour of the place and so on; at most a thousand groups."
        " Of the last 90 days if `given_after` is left out.",
        parameters=[
            *_PARAMETERS,
            OpenApiParameter("group_by", enum=list(GROUPS), description="`location` if not given."),
        ],
        responses={200: PromiseSummary},
        operation_id="routing_promises_summary",
    )
    def get(self, request: Request) -> Response:
        by = request.query_params.get("group_by", "location")
        if by not in GROUPS:
            raise Invalid(errors=[FieldError("/group_by", "unknown_group", ", ".join(GROUPS))])
        as_of, chosen = now(), self.chosen()
        if "given_after" not in request.query_params:
            chosen = chosen.filter(given_at__gte=as_of - USUAL_DAYS)
        found = promise_figures(chosen, by=by, as_of=as_of)
        return Response({"group_by": by, "results": [_figures(figures) for figures in found]})


# ---- what was learned ----------------------------------------------------------------------------


class LearnedCalibration(BaseModel):
    """To keep nine of ten dates the quantile `level` of what was learned is promised."""

    method: Literal["ship", "pickup"]
    cases: int
    level: float


class Drift(BaseModel):
    """What nine-in-ten dates, learned each time from what was known before, would have kept of the month's work."""

    method: Literal["ship", "pickup"]
    month: str
    cases: int
    kept: float
    kept_uncalibrated: float
    days: float


class LearnedDocument(BaseModel):
    """`version` and `learned_at` are null until something was learned."""

    version: int | None
    learned_at: Instant | None
    window_days: int | None
    preparations: int
    transits: int
    calibrations: list[LearnedCalibration]
    drift: list[Drift]


_NOTHING = {"version": None, "learned_at": None, "window_days": None, "preparations": 0, "transits": 0}


class LeadTimesView(ApiView):
    scopes = {"GET": "routing:read"}

    @extend_schema(
        summary="What promise dates are learned from",
        responses={200: LearnedDocument},
        operation_id="routing_lead_times",
    )
    def get(self, request: Request) -> Response:
        if self.caller.locations is not None:
            raise PlaceNotAllowed()  # it tells of all places
        table = LearnedTable.objects.order_by("-id").first()
        if table is None:
            return Response({**_NOTHING, "calibrations": [], "drift": []})
        return Response(
            {
                "version": table.pk,
                "learned_at": table.learned_at,
                "window_days": table.window_days,
                "preparations": table.preparations,
                "transits": table.transits,
                "calibrations": [
                    {"method": way, "cases": cases, "level": round(Calibration(tuple(levels), cases).level(0.9), 4)}
                    for way, (cases, *levels) in table.document["calibrations"].items()
                ],
                "drift": table.drift,
            }
        )
