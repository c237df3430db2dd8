"""Rule sets: drafts, what is said about them, publication, and files."""

from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any, TypeVar

from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiRequest, OpenApiResponse, extend_schema
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from oms.api.json import JsonParser, JsonRenderer
from oms.api.paging import CursorPaging
from oms.api.preconditions import ETAG, IF_MATCH, is_conditional, require_match
from oms.api.views import IDEMPOTENCY_KEY, ApiView
from oms.clock import now
from oms.errors import FieldError, IllegalMove, Invalid, PlaceNotAllowed, PreconditionFailed
from routing import queries
from routing.api.documents import (
    DifferencesDocument,
    ReviewDocument,
    RuleSetAnswer,
    RuleSetChanges,
    RuleSetHistory,
    RuleSetPage,
    differences_answer,
    history_answer,
    review_answer,
    rule_set_answer,
)
from routing.differences import as_yaml
from routing.documents import RuleSetDocument, parse, written_out
from routing.editing import fingerprint
from routing.errors import DraftChanged, InvalidDocument, NotADraft, NotSimulated, RuleSetFaulty, RuleSetMissing
from routing.models import RuleSet
from routing.services import rule_sets
from routing.services.reviews import review_document
from routing.states import RuleSetStatus
from routing.yaml_text import MOST_BYTES

_YAML = OpenApiExample(
    "typical",
    value="name: default\nchannels: []\nrules:\n"
    "- name: gift box\n  when:\n    skus:\n    - SKU-1\n"
    "  steps:\n  - name: in one parcel\n    max_parcels: 1\n    complete: true\n    rest: exception\n"
    "- name: everything\n  steps:\n  - name: any place\n    rest: exception\n",
)
_CHANGED = PreconditionFailed(etag='"3f9c1a7be2d04c58.draft"')
R = TypeVar("R")


class YamlParser(BaseParser):
    """The text as it came: the service reads it."""

    media_type = "application/yaml"

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> Any:
        return stream.read(MOST_BYTES + 1)


class YamlRenderer(BaseRenderer):
    media_type = "application/yaml"
    format = "yaml"

    def render(self, data: Any, accepted_media_type: str | None = None, renderer_context: Any = None) -> bytes:
        if renderer_context and renderer_context["response"].exception:
            return JsonRenderer().render(data)  # a refusal
        return as_yaml(data).encode()


class RuleSetWrites(ApiView):
    """Rules choose among all places; a caller bound to a channel may write those of that channel.

    `If-Match` names text and status: what is published or changed is what the caller has seen.
    """

    def check_reach(self) -> None:
        if self.caller.locations is not None:
            raise PlaceNotAllowed()

    def as_seen(self, pk: str, act: Callable[[str], R]) -> R:
        """`act` with the fingerprint of the text that was seen, empty where nobody asked: it looks again under its lock.

        Errors: PreconditionFailed.
        """
        if not is_conditional(self.request):
            return act("")
        rule_set = rule_sets.find_rule_set(pk)
        require_match(self.request, etag_of(rule_set))
        try:
            return act(fingerprint(rule_set.document))
        except DraftChanged:
            raise PreconditionFailed() from None


def etag_of(rule_set: RuleSet) -> str:
    return f'"{fingerprint(rule_set.document)}.{rule_set.status}"'


def _answer(rule_set: RuleSet, status: int = 200, headers: Mapping[str, str] = MappingProxyType({})) -> Response:
    return Response(rule_set_answer(rule_set), status=status, headers={"ETag": etag_of(rule_set), **headers})


class RuleSetsView(RuleSetWrites):
    scopes = {"GET": "routing:read", "POST": "routing:write"}
    parser_classes = [JsonParser, YamlParser]
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
        found = RuleSet.objects.prefetch_related("slots")
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
        request={
            "application/json": RuleSetDocument,
            "application/yaml": OpenApiRequest(OpenApiTypes.STR, examples=[_YAML]),
        },
        responses={201: RuleSetAnswer},
        parameters=[IDEMPOTENCY_KEY, ETAG],
        operation_id="rule_sets_create",
    )
    def post(self, request: Request) -> Response:
        """A new draft, from JSON or from YAML; the next version when the name is taken.

        Of YAML each fault is told with its line; anchors and tags are not read.
        """
        sent = request.data if isinstance(request.data, bytes) else _object(request.data)
        once = self.once("rule_sets", required=False)
        made = rule_sets.send_draft(sent, bound_to=self.caller.channel, as_of=now(), once=once)
        return _answer(rule_sets.find_rule_set(made), 201, self.replay_headers(once))


class RuleSetView(RuleSetWrites):
    scopes = {"GET": "routing:read", "PATCH": "routing:write", "DELETE": "routing:write"}
    refusals = {
        "GET": [RuleSetMissing()],
        "PATCH": [RuleSetMissing(), NotADraft(current="published"), _CHANGED],
        "DELETE": [RuleSetMissing(), NotADraft(current="published"), _CHANGED],
    }

    @extend_schema(responses={200: RuleSetAnswer}, parameters=[ETAG], operation_id="rule_sets_retrieve")
    def get(self, request: Request, pk: str) -> Response:
        return _answer(rule_sets.find_rule_set(pk))

    @extend_schema(
        request=RuleSetChanges,
        responses={200: RuleSetAnswer},
        parameters=[IF_MATCH, ETAG],
        operation_id="rule_sets_partial_update",
    )
    def patch(self, request: Request, pk: str) -> Response:
        """Replace `name`, `channels` or `rules` of a draft, whichever is sent."""
        changes = _object(request.data)
        change = partial(rule_sets.change_draft, rule_set_id=pk, changes=changes, bound_to=self.caller.channel)
        return _answer(self.as_seen(pk, lambda seen: change(seen=seen)))

    @extend_schema(responses={204: None}, parameters=[IF_MATCH], operation_id="rule_sets_destroy")
    def delete(self, request: Request, pk: str) -> Response:
        """Forget a draft."""
        delete = partial(rule_sets.delete_draft, rule_set_id=pk, bound_to=self.caller.channel)
        self.as_seen(pk, lambda seen: delete(seen=seen))
        return Response(status=204)


class PublishRuleSetView(RuleSetWrites):
    scopes = {"POST": "routing:write"}
    refusals = {
        "POST": [
            RuleSetMissing(),
            IllegalMove(current="published"),
            NotSimulated(),
            _CHANGED,
            RuleSetFaulty(
                errors=[FieldError("/rules/0/steps/0/from", "unknown_group", "No place is in the group: hub.")]
            ),
        ]
    }

    @extend_schema(
        request=None, responses={200: RuleSetAnswer}, parameters=[IF_MATCH, ETAG], operation_id="rule_sets_publish"
    )
    def post(self, request: Request, pk: str) -> Response:
        """Let a draft decide for its channels from now on; what it replaces everywhere is archived, what it takes only some
        channels from goes on to decide for the others (`decides_for`).

        With `If-Match` nothing is published but what was seen. Refused while its review finds a fault; what only deserves a
        look does not stand in the way. Where the house wants it, this very text must have been simulated first.
        """
        publish = partial(
            rule_sets.publish_rule_set,
            rule_set_id=pk,
            actor=self.caller.actor,
            as_of=now(),
            bound_to=self.caller.channel,
        )
        return _answer(self.as_seen(pk, lambda seen: publish(seen=seen)))


class ExportRuleSetView(ApiView):
    scopes = {"GET": "routing:read"}
    renderer_classes = [JsonRenderer, YamlRenderer]

    @extend_schema(
        responses={
            (200, "application/json"): RuleSetDocument,
            (200, "application/yaml"): OpenApiResponse(
                OpenApiTypes.STR,
                description="The same document as YAML, without what goes without saying.",
                examples=[_YAML],
            ),
        },
        parameters=[
            OpenApiParameter("format", str, enum=["json", "yaml"], description="Default: by Accept, else json.")
        ],
        operation_id="rule_sets_export",
    )
    def get(self, request: Request, pk: str) -> Response:
        """The document alone, as a file to keep, compare and post again."""
        return Response(written_out(rule_sets.find_rule_set(pk).document))


class ReviewRuleSetView(ApiView):
    scopes = {"GET": "routing:read"}
    refusals = {"GET": [RuleSetMissing()]}

    @extend_schema(responses={200: ReviewDocument}, operation_id="rule_sets_review")
    def get(self, request: Request, pk: str) -> Response:
        """What is wrong with the rules, seen against today's places, channels and products."""
        rule_set = rule_sets.find_rule_set(pk)
        return Response(review_answer(review_document(parse(rule_set.document), queries.decides_for(rule_set))))


class RuleSetDifferencesView(ApiView):
    scopes = {"GET": "routing:read"}
    refusals = {"GET": [RuleSetMissing()]}

    @extend_schema(
        responses={200: DifferencesDocument},
        parameters=[
            OpenApiParameter("with", str, description="Another rule set. Default: what decides today in its place.")
        ],
        operation_id="rule_sets_differences",
    )
    def get(self, request: Request, pk: str) -> Response:
        """What this rule set says otherwise than another one, in sentences, in parts and as a diff of the exports."""
        rule_set = rule_sets.find_rule_set(pk)
        document, other = rule_sets.compared_with(rule_set, request.query_params.get("with", ""))
        return Response(differences_answer(rule_set, document, other))


class RuleSetHistoryView(ApiView):
    scopes = {"GET": "routing:read"}
    refusals = {"GET": [RuleSetMissing()]}

    @extend_schema(responses={200: RuleSetHistory}, operation_id="rule_sets_history")
    def get(self, request: Request, pk: str) -> Response:
        """Who published what, and when, and which channels another one took over: of the latest hundred versions of this
        name, the newest first."""
        name = rule_sets.find_rule_set(pk).name
        return Response(history_answer(name, rule_sets.publications(name)))


def _object(data: Any) -> dict[str, Any]:
    if not isinstance(data, dict):
        raise Invalid(errors=[FieldError("", "not_an_object", _("A JSON object is needed"))])
    return data
