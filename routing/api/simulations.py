"""`simulations/`: what other rules would have done with past orders, or with those of a file."""

from datetime import datetime
from typing import Annotated, Any, Literal

import django_filters as filters
from django.conf import settings
from django.db.models import QuerySet
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema, extend_schema_view
from pydantic import BaseModel, StringConstraints
from rest_framework.generics import ListAPIView
from rest_framework.parsers import BaseParser
from rest_framework.request import Request
from rest_framework.response import Response

from inventory.api.filters import CommaFilter
from oms.api.body import Body, Code, Instant, example, read
from oms.api.views import IDEMPOTENCY_KEY, ApiMixin, ApiView
from oms.clock import now
from oms.errors import FieldError, IllegalMove, Invalid, Missing
from routing.api.documents import FindingDocument, RuleSetChoice, finding_document
from routing.demand_files import MOST_FAULTS, OPTIONAL, REQUIRED, BadDemandFile
from routing.documents import parse
from routing.errors import TooManySimulations
from routing.measures import differences
from routing.models import SimulatedChange, Simulation
from routing.services import simulations
from routing.services.reviews import review_document
from routing.services.simulations import DemandFile, Period


class SimulationBody(Body):
    """`rule_set` and `baseline`: the id of a rule set or a whole document, simulated as if it were published; without
    `baseline` beside what decides now. `stock_as_of`: stock of another instant than the beginning of the period, and then at
    rest."""

    model_config = example(
        rule_set="rul_01kjq1t2v3w4x5y6z7a8b9c0d1",
        placed_after="2026-03-01T00:00:00Z",
        placed_before="2026-03-02T10:00:00Z",
        stock_as_of="2026-03-02T09:00:00Z",
    )

    rule_set: RuleSetChoice
    baseline: RuleSetChoice | None = None
    placed_after: Instant
    placed_before: Instant
    stock_as_of: Instant | None = None


class FileParameters(Body):
    rule_set: Code
    baseline: Code | None = None
    stock_as_of: Instant | None = None
    file_name: Annotated[str, StringConstraints(max_length=200)] = ""


# ---- documents -----------------------------------------------------------------------------------


class WorkAtPlace(BaseModel):
    """`fullest_day`: share of its capacity booked on the fullest day; null where nothing limits the place."""

    location: str
    parcels: int
    units: int
    fullest_day: float | None


class SideFigures(BaseModel):
    """Money is what is paid for carriage and handling, by currency. `promised_days`: from the order to its last promise.

    Of orders of which units wait for a delivery (`waiting`), or were cut because the shopper takes what can be had (`cut`),
    only what is sent at once has parcels, cost and days; the rest is among `units_not_served`.
    """

    orders: int
    served: int
    cut: int = 0
    waiting: int = 0
    left_to_people: int
    refused: int
    units: int
    units_not_served: int
    parcels: int
    split_rate: float
    parcels_per_order: float
    cost: dict[str, str]
    cost_per_order: dict[str, str]
    distance_km: float
    distance_km_per_parcel: float
    promised_days: float
    late: int
    carbon_kg: float
    places: list[WorkAtPlace]


class ComparisonFigures(BaseModel):
    """Orders that left from elsewhere, or otherwise, and which way that went; later and sooner by days, cheaper and
    dearer where as many units leave."""

    changed: int
    cheaper: int
    dearer: int
    later: int
    sooner: int


class AgreementFigures(BaseModel):
    """How often the live rules, replayed, chose what they had chosen at the time."""

    known: int
    same: int
    rate: float | None


class SimulationFigures(BaseModel):
    baseline: SideFigures
    candidate: SideFigures
    comparison: ComparisonFigures
    agreement: AgreementFigures


class MeasureDifference(BaseModel):
    """Of every measure less is better. `relative`: the change as a share of the baseline; null where that is nothing."""

    measure: Literal[
        "cost",
        "unserved",
        "parcels",
        "split",
        "distance",
        "days",
        "late",
        "refused",
        "cut",
        "waiting",
        "left",
        "carbon",
    ]
    currency: str | None
    baseline: float
    candidate: float
    change: float
    relative: float | None


class SimulationFailure(BaseModel):
    code: str


class SimulationDocument(BaseModel):
    """`orders_judged`: how many of the orders are decided by these rules; the others by what is published."""

    id: str
    status: Literal["pending", "running", "completed", "canceled", "failed"]
    rule_set: str | None
    name: str
    baseline: str
    source: Literal["period", "file"]
    file_name: str
    placed_after: Instant
    placed_before: Instant
    stock_as_of: Instant
    stock_moves: bool
    orders_total: int
    orders_judged: int
    orders_done: int
    progress: float
    changes_kept: int
    figures: SimulationFigures | None
    differences: list[MeasureDifference]
    failure: SimulationFailure | None
    actor: str
    created_at: Instant
    started_at: Instant | None
    finished_at: Instant | None
    actions: list[str]


class RequestedSimulation(SimulationDocument):
    """`findings`: what the reviews of `rule_set` and `baseline` find; it is simulated all the same."""

    findings: list[FindingDocument]


class SimulatedParcel(BaseModel):
    """`paid` for carriage and handling; `score`: what the rules counted, by cause."""

    location: str
    lines: list["SimulatedLine"]
    carrier_service: str
    paid: str
    distance_km: float | None
    promised_at: datetime
    score: dict[str, float]


class SimulatedLine(BaseModel):
    sku: str
    quantity: int


class SimulatedOutcome(BaseModel):
    """`served`: all of it has a place; `cut`: what cannot be had was cut, and all else has; `waiting`: some of it waits for
    a delivery; `left`: some of it stands before a person; `refused`: nothing is kept.
    """

    verdict: Literal["served", "cut", "waiting", "left", "refused"]
    rule: str
    parcels: list[SimulatedParcel]
    rest: list[SimulatedLine]


class SimulatedChangeDocument(BaseModel):
    """A delivery that both choices of rules decide otherwise; `reference` is its id, or the order of a file. `order`: the
    number of its order, null for those of a file or of an imported history."""

    id: int
    reference: str
    order: str | None
    at: Instant
    channel: str
    currency: str
    lines: list[SimulatedLine]
    baseline: SimulatedOutcome
    candidate: SimulatedOutcome
    cost_change: str


def simulation_document(row: Simulation) -> dict[str, Any]:
    made = {"rule_set", "progress", "differences", "actions"}
    return {
        **{name: getattr(row, name) for name in SimulationDocument.model_fields if name not in made},
        "rule_set": row.rule_set or None,
        "progress": row.progress,
        "differences": [one.as_json() for one in differences(row.figures)] if row.figures else [],
        "actions": row.actions,
    }


def requested_document(row: Simulation) -> dict[str, Any]:
    asked = {"/rule_set": row.document, "/baseline": row.baseline_document}
    findings = [
        finding_document(finding, under=name)
        for name, document in asked.items()
        if document
        for finding in review_document(parse(document))
    ]
    return simulation_document(row) | {"findings": findings}


def change_document(row: SimulatedChange, number: int | None) -> dict[str, Any]:
    document = {name: getattr(row, name) for name in SimulatedChangeDocument.model_fields if name != "order"}
    return {**document, "order": None if number is None else str(number), "cost_change": str(row.cost_change)}


# ---- views ---------------------------------------------------------------------------------------


class ReachesAll(ApiMixin):
    """A simulation tells of the orders of all channels and of the work of all places."""

    network_wide = True

    def visible(self) -> QuerySet[Simulation]:
        if self.caller.channel is not None or self.caller.locations is not None:
            return Simulation.objects.none()
        return Simulation.objects.defer("demands", "state")

    def found(self, simulation_id: str) -> Simulation:
        row = self.visible().filter(pk=simulation_id).first()
        if row is None:
            raise Missing()
        return row


class SimulationFilters(filters.FilterSet):
    status = CommaFilter(lookup_expr="in")
    rule_set = CommaFilter(lookup_expr="in")

    class Meta:
        model = Simulation
        fields: list[str] = []


@extend_schema_view(get=extend_schema(summary="Simulations, latest first", responses={200: SimulationDocument}))
class Simulations(ReachesAll, ListAPIView):
    scopes = {"GET": "routing:read", "POST": "routing:write"}
    queryset = Simulation.objects.all()
    filterset_class = SimulationFilters
    refusals = {
        "POST": [
            Invalid(errors=[FieldError("/placed_after", "empty_period", "No order was placed in it")]),
            TooManySimulations(limit=settings.SIMULATIONS_WAITING),
        ]
    }

    def list(self, request: Request) -> Response:
        page = self.paginate_queryset(self.filter_queryset(self.visible())) or []
        return self.get_paginated_response([simulation_document(row) for row in page])

    @extend_schema(
        summary="Simulate rules on past orders",
        description="The orders of the period (`placed_after` < … ≤ `placed_before`) are decided again, one after the other,"
        " over stock and capacity as they were then: once by what decides now, once as if `rule_set` were published."
        " A job: ask for it until `finished_at` is set.",
        parameters=[IDEMPOTENCY_KEY],
        request=SimulationBody,
        responses={202: RequestedSimulation},
        operation_id="simulations_create",
    )
    def post(self, request: Request) -> Response:
        body = self.body(SimulationBody)
        once = self.once("simulations", required=False)
        made = simulations.request_simulation(
            rule_set=body.rule_set,
            baseline=body.baseline,
            orders=Period(body.placed_after, body.placed_before, body.stock_as_of),
            actor=self.caller.actor,
            as_of=now(),
            once=once,
        )
        return Response(requested_document(self.found(made)), status=202, headers=self.replay_headers(once))


class CsvParser(BaseParser):
    media_type = "text/csv"

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> Any:
        return stream.read()


_FILE = OpenApiExample(
    "CSV",
    media_type="text/csv",
    request_only=True,
    value="order,placed_at,channel,sku,quantity,country,postal_code,customer_tags\n"
    "A-1,2026-03-02T09:00:00Z,web,SKU-1,2,FR,75011,gold;staff\nA-1,2026-03-02T09:00:00Z,web,SKU-2,1,FR,75011,\n",
)


class SimulateFile(ReachesAll, ApiView):
    scopes = {"POST": "routing:write"}
    parser_classes = [CsvParser]
    refusals = {
        "POST": [BadDemandFile(errors=[FieldError("/rows/3/sku", "unknown_sku", "No such product")])],
    }

    @extend_schema(
        summary="Simulate rules on the orders of a file",
        description=f"CSV with the columns {', '.join(REQUIRED)} and, where wanted, {', '.join(OPTIONAL)}; one row per line"
        " of an order, `placed_at` and `wanted_by` with their zone. The orders are replayed over stock at rest, as it is now"
        f" or was at `stock_as_of`. What is wrong is named row by row, up to {MOST_FAULTS} faults, and then nothing is"
        f" simulated. At most {settings.SIMULATION_MOST_ORDERS} orders and {settings.MAX_BODY_BYTES // 1024**2} MB.",
        parameters=[
            IDEMPOTENCY_KEY,
            OpenApiParameter("rule_set", str, required=True),
            OpenApiParameter("baseline", str, description="Beside these rules; default: what decides now."),
            OpenApiParameter("stock_as_of", OpenApiTypes.DATETIME, description="Default: now."),
            OpenApiParameter("file_name", str, description="How people know the file."),
        ],
        request={"text/csv": OpenApiTypes.STR},
        responses={202: RequestedSimulation},
        examples=[_FILE],
        operation_id="simulations_create_of_file",
    )
    def post(self, request: Request) -> Response:
        given = read(FileParameters, request.query_params.dict())
        once = self.once("simulations/files", required=False)
        data = request.data if isinstance(request.data, bytes) else b""  # an empty body reaches no parser
        made = simulations.request_simulation(
            rule_set=given.rule_set,
            baseline=given.baseline,
            orders=DemandFile(data, given.file_name, given.stock_as_of),
            actor=self.caller.actor,
            as_of=now(),
            once=once,
        )
        return Response(requested_document(self.found(made)), status=202, headers=self.replay_headers(once))


class OneSimulation(ReachesAll, ApiView):
    scopes = {"GET": "routing:read"}

    @extend_schema(
        summary="How far a simulation has got, and what it found",
        responses={200: SimulationDocument},
        operation_id="simulations_retrieve",
    )
    def get(self, request: Request, simulation_id: str) -> Response:
        return Response(simulation_document(self.found(simulation_id)))


class CancelSimulation(ReachesAll, ApiView):
    scopes = {"POST": "routing:write"}
    refusals = {"POST": [IllegalMove(current="completed", actions=[])]}

    @extend_schema(
        summary="Call a simulation off",
        request=None,
        responses={200: SimulationDocument},
        operation_id="simulations_cancel",
    )
    def post(self, request: Request, simulation_id: str) -> Response:
        self.found(simulation_id)
        simulations.cancel_simulation(simulation_id=simulation_id, actor=self.caller.actor, as_of=now())
        return Response(simulation_document(self.found(simulation_id)))


@extend_schema_view(
    get=extend_schema(
        summary="Orders that would have left otherwise",
        description=f"In the order in which they were placed; the first {settings.SIMULATION_CHANGES_KEPT} are kept,"
        " `comparison.changed` counts all.",
        responses={200: SimulatedChangeDocument},
        operation_id="simulations_changes",
    )
)
class SimulatedChanges(ReachesAll, ListAPIView):
    scopes = {"GET": "routing:read"}
    queryset = SimulatedChange.objects.all()
    cursor_ordering = ("id",)

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        row = self.found(kwargs["simulation_id"])
        page = self.paginate_queryset(self.get_queryset().filter(simulation=row)) or []
        numbers = simulations.order_numbers(row, page)
        return self.get_paginated_response([change_document(change, numbers.get(change.reference)) for change in page])
