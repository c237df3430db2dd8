"""Planning, decisions and rule sets."""

from typing import Any

import yaml
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from oms.api.json import JsonRenderer
from oms.api.paging import CursorPaging
from oms.api.views import ApiView
from oms.clock import now
from oms.errors import FieldError, Invalid, Missing, PlaceNotAllowed
from routing.api.documents import (
    DecisionDocument,
    PlanBody,
    PlanDocument,
    RuleSetAnswer,
    RuleSetChanges,
    RuleSetPage,
    decision_document,
    plan_document,
    rule_set_answer,
)
from routing.documents import RuleSetDocument
from routing.errors import InvalidDocument, NotADraft, RuleSetMissing
from routing.models import Decision, RuleSet
from routing.services import dry_runs, rule_sets
from routing.services.sourcing import Destination
from routing.states import RuleSetStatus


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


class RuleSetWrites(ApiView):
    """Rules choose among all places; a caller bound to a channel may write those of that channel."""

    def check_reach(self) -> None:
        if self.caller.locations is not None:
            raise PlaceNotAllowed()


class RuleSetsView(RuleSetWrites):
    scopes = {"GET": "routing:read", "POST": "routing:write"}
    refusals = {
        "POST": [
            InvalidDocument(errors=[FieldError("/rules/0/steps/0/rest", "literal_error", "One of these is needed")])
        ]
    }

    @extend_schema(
        responses={200: RuleSetPage},
        parameters=[
            OpenApiParameter("status", str, enum=RuleSetStatus.values),
            OpenApiParameter("name", str),
            OpenApiParameter("cursor", str),
            OpenApiParameter("page_size", int),
        ],
        operation_id="rule_sets_list",
    )
    def get(self, request: Request) -> Response:
        """Rule sets, newest first."""
        found = RuleSet.objects.all()
        if status := request.query_params.get("status"):
            if status not in RuleSetStatus.values:
                raise Invalid(errors=[FieldError("/status", "unknown_status", "draft, published or archived")])
            found = found.filter(status=status)
        if name := request.query_params.get("name"):
            found = found.filter(name=name)
        paging = CursorPaging()
        page = paging.paginate_queryset(found, request, view=self) or []
        return paging.get_paginated_response([rule_set_answer(rule_set) for rule_set in page])

    @extend_schema(
        request=RuleSetDocument,
        responses={201: RuleSetAnswer},
        operation_id="rule_sets_create",
    )
    def post(self, request: Request) -> Response:
        """A new draft; the next version when the name is taken."""
        draft = rule_sets.create_draft(document=_object(request.data), bound_to=self.caller.channel)
        return Response(rule_set_answer(draft), status=201)


class RuleSetView(RuleSetWrites):
    scopes = {"GET": "routing:read", "PATCH": "routing:write", "DELETE": "routing:write"}
    refusals = {
        "GET": [RuleSetMissing()],
        "PATCH": [RuleSetMissing(), NotADraft(current="published")],
        "DELETE": [RuleSetMissing(), NotADraft(current="published")],
    }

    @extend_schema(responses={200: RuleSetAnswer}, operation_id="rule_sets_retrieve")
    def get(self, request: Request, pk: str) -> Response:
        return Response(rule_set_answer(rule_sets.find_rule_set(pk)))

    @extend_schema(request=RuleSetChanges, responses={200: RuleSetAnswer}, operation_id="rule_sets_partial_update")
    def patch(self, request: Request, pk: str) -> Response:
        """Replace `name`, `channels` or `rules` of a draft, whichever is sent."""
        changes = _object(request.data)
        draft = rule_sets.change_draft(rule_set_id=pk, changes=changes, bound_to=self.caller.channel)
        return Response(rule_set_answer(draft))

    @extend_schema(responses={204: None}, operation_id="rule_sets_destroy")
    def delete(self, request: Request, pk: str) -> Response:
        """Forget a draft."""
        rule_sets.delete_draft(rule_set_id=pk, bound_to=self.caller.channel)
        return Response(status=204)


class PublishRuleSetView(RuleSetWrites):
    scopes = {"POST": "routing:write"}
    refusals = {"POST": [RuleSetMissing(), NotADraft(current="published")]}

    @extend_schema(request=None, responses={200: RuleSetAnswer}, operation_id="rule_sets_publish")
    def post(self, request: Request, pk: str) -> Response:
        """Let a draft decide for its channels from now on; what it replaces everywhere is archived."""
        published = rule_sets.publish_rule_set(
            rule_set_id=pk, actor=self.caller.actor, as_of=now(), bound_to=self.caller.channel
        )
        return Response(rule_set_answer(published))


_YAML = OpenApiExample(
    "typical",
    value="name: default\nchannels: []\nrules:\n- name: everything\n  steps:\n  - name: any place\n    rest: exception\n",
)


class YamlRenderer(BaseRenderer):
    media_type = "application/yaml"
    format = "yaml"

    def render(self, data: Any, accepted_media_type: str | None = None, renderer_context: Any = None) -> bytes:
        return yaml.safe_dump(data, sort_keys=False, allow_unicode=True, encoding="utf-8")


class ExportRuleSetView(ApiView):
    scopes = {"GET": "routing:read"}
    renderer_classes = [JsonRenderer, YamlRenderer]

    @extend_schema(
        responses={
            (200, "application/json"): RuleSetDocument,
            (200, "application/yaml"): OpenApiResponse(
                OpenApiTypes.STR, description="The same document as YAML.", examples=[_YAML]
            ),
        },
        parameters=[
            OpenApiParameter("format", str, enum=["json", "yaml"], description="Default: by Accept, else json.")
        ],
        operation_id="rule_sets_export",
    )
    def get(self, request: Request, pk: str) -> Response:
        """The document alone, as a file to keep, compare and post again."""
        return Response(rule_sets.find_rule_set(pk).document)


def _object(data: Any) -> dict[str, Any]:
    if not isinstance(data, dict):
        raise Invalid(errors=[FieldError("", "not_an_object", "a JSON object is needed")])
    return data
