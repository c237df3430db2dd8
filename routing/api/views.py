"""Planning and decisions."""

from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from oms.api.views import ApiView
from oms.clock import now
from oms.errors import FieldError, Invalid, Missing
from routing.api.documents import (
    DecisionDocument,
    PlanBody,
    PlanDocument,
    WhyNotDocument,
    decision_document,
    plan_document,
    why_not_document,
)
from routing.errors import EvidenceMissing, LocationMissing
from routing.models import Decision
from routing.services import dry_runs
from routing.services.explanations import explain_place
from routing.services.sourcing import Destination


class PlanView(ApiView):
    scopes = {"POST": "routing:read"}

    @extend_schema(request=PlanBody, responses={200: PlanDocument}, operation_id="routing_plan")
    def post(self, request: Request) -> Response:
        """Plan a basket without doing anything. Nothing is kept, but the decision with `keep`."""
        body = self.body(PlanBody)
        self.check_channel(body.channel)
        wish = dry_runs.Wish(
            channel=body.channel,
            lines=[dry_runs.WantedLine(line.sku, line.quantity, line.group) for line in body.lines],
            destination=Destination(**body.destination.model_dump()) if body.destination else None,
            method=body.delivery.method,
            service=body.delivery.service,
            location=body.delivery.location,
            exclude=body.exclude,
            customer_tags=body.customer_tags,
            stock=[dry_runs.TypedLevel(level.sku, level.location, level.sellable) for level in body.stock],
            may_be_cut=body.allow_partial,
            wanted_by=body.wanted_by,
            reservation=body.reservation,
        )
        planned = dry_runs.plan_dry_run(wish, rule_set=body.rule_set, keep=body.keep, as_of=body.as_of or now())
        decision = planned.decision_id if body.keep else None
        dates, cut = dry_runs.rest_dates(planned), dry_runs.cut_of(wish, planned)
        return Response(plan_document(planned, decision=decision, dates=dates, cut=cut))


class DecisionView(ApiView):
    scopes = {"GET": "routing:read"}

    @extend_schema(responses={200: DecisionDocument}, operation_id="decisions_retrieve")
    def get(self, request: Request, pk: str) -> Response:
        """Why goods leave from where they leave: every place that held a unit, with its score or reason."""
        return Response(decision_document(self.decision(pk)))

    def decision(self, pk: str) -> Decision:
        """One that the caller may see. Errors: Missing."""
        decision = Decision.objects.filter(pk=pk).first()
        if decision is None or self.caller.locations is not None:
            raise Missing()  # a decision tells about all places
        if self.caller.channel not in (None, decision.snapshot["demand"]["channel"]):
            raise Missing()
        return decision


class WhyNotView(DecisionView):
    scopes = {"GET": "routing:read"}
    refusals = {"GET": [LocationMissing(location="ATLANTIS"), EvidenceMissing()]}

    @extend_schema(
        responses={200: WhyNotDocument},
        parameters=[OpenApiParameter("location", str, required=True, description="The code of a place.")],
        operation_id="decisions_why_not",
    )
    def get(self, request: Request, pk: str) -> Response:
        """Why not there, and what would have had to be true: the decision is planned again with one figure changed."""
        location = request.query_params.get("location", "")
        if not location:
            raise Invalid(errors=[FieldError("/location", "required", _("Name a place"))])
        decision = self.decision(pk)
        return Response(why_not_document(decision, explain_place(decision, location)))
