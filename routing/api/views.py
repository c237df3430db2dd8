"""Planning and decisions."""

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from oms.api.views import ApiView
from oms.clock import now
from oms.errors import Missing
from routing.api.documents import (
    DecisionDocument,
    PlanBody,
    PlanDocument,
    decision_document,
    plan_document,
)
from routing.models import Decision
from routing.services import dry_runs
from routing.services.sourcing import Destination


class PlanView(ApiView):
    scopes = {"POST": "routing:read"}

    @extend_schema(request=PlanBody, responses={200: PlanDocument}, operation_id="routing_plan")
    def post(self, request: Request) -> Response:
        """Plan a basket without doing anything. Nothing is kept, but the decision with `keep`."""
        body = self.body(PlanBody)
        self.check_channel(body.channel)
        planned = dry_runs.plan_dry_run(
            channel=body.channel,
            lines=[dry_runs.WantedLine(line.sku, line.quantity, line.group) for line in body.lines],
            destination=Destination(**body.destination.model_dump()) if body.destination else None,
            method=body.delivery.method,
            service=body.delivery.service,
            location=body.delivery.location,
            rule_set=body.rule_set,
            exclude=body.exclude,
            customer_tags=body.customer_tags,
            keep=body.keep,
            as_of=body.as_of or now(),
        )
        return Response(plan_document(planned, decision=planned.decision_id if body.keep else None))


class DecisionView(ApiView):
    scopes = {"GET": "routing:read"}

    @extend_schema(responses={200: DecisionDocument}, operation_id="decisions_retrieve")
    def get(self, request: Request, pk: str) -> Response:
        """Why goods leave from where they leave: every place that held a unit, with its score or reason."""
        decision = Decision.objects.filter(pk=pk).first()
        if decision is None or self.caller.locations is not None:
            raise Missing()  # a decision tells about all places
        self.check_decision_channel(decision)
        return Response(decision_document(decision))

    def check_decision_channel(self, decision: Decision) -> None:
        if self.caller.channel not in (None, decision.snapshot["demand"]["channel"]):
            raise Missing()
