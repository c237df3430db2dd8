"""`rule-sets/{id}/shadow/`: a draft that decides new orders beside the live rules, for comparison only."""

from decimal import Decimal
from typing import Any

from drf_spectacular.utils import extend_schema
from pydantic import BaseModel
from rest_framework.request import Request
from rest_framework.response import Response

from oms.api.body import Instant
from oms.api.views import ApiView
from oms.clock import now
from oms.errors import Missing
from routing.api.simulations import (
    MeasureDifference,
    SimulatedLine,
    SimulatedOutcome,
    SimulationFigures,
)
from routing.errors import NotADraft, RuleSetMissing, TooManyShadows
from routing.measures import differences
from routing.models import Shadow
from routing.services import shadows


class ShadowExample(BaseModel):
    """One of the newest orders that the draft would have decided otherwise: `baseline` is what decides now."""

    reference: str
    at: Instant
    channel: str
    currency: str
    lines: list[SimulatedLine]
    baseline: SimulatedOutcome
    candidate: SimulatedOutcome
    cost_change: Decimal


class ShadowDocument(BaseModel):
    """Orders told since `started_at`, by which the counts begin anew when the draft is changed."""

    rule_set: str
    started_at: Instant
    judged_until: Instant | None
    judged: int
    changed: int
    figures: SimulationFigures | None
    differences: list[MeasureDifference]
    examples: list[ShadowExample]


def shadow_document(shadow: Shadow) -> dict[str, Any]:
    plain = ("started_at", "judged_until", "judged", "changed", "figures", "examples")
    return {
        "rule_set": shadow.rule_set_id,
        **{name: getattr(shadow, name) for name in plain},
        "differences": [one.as_json() for one in differences(shadow.figures)] if shadow.figures else [],
    }


class ShadowView(ApiView):
    scopes = {"GET": "routing:read", "POST": "routing:write", "DELETE": "routing:write"}
    network_wide = True
    refusals = {
        "GET": [Missing()],
        "POST": [RuleSetMissing(), NotADraft(current="published"), TooManyShadows(limit=5)],
    }

    @extend_schema(
        summary="What a draft would have decided otherwise",
        responses={200: ShadowDocument},
        operation_id="rule_sets_shadow",
    )
    def get(self, request: Request, pk: str) -> Response:
        is_bound = self.caller.channel is not None or self.caller.locations is not None
        shadow = None if is_bound else Shadow.objects.filter(rule_set=pk).first()
        if shadow is None:
            raise Missing()  # it tells of the orders of all channels and the work of all places
        return Response(shadow_document(shadow))

    @extend_schema(
        summary="Let a draft decide beside the live rules",
        description="New orders are decided by it too, some minutes later, over stock as it stood; nothing comes of it but"
        " counts. A draft that does already goes on.",
        request=None,
        responses={200: ShadowDocument},
        operation_id="rule_sets_shadow_start",
    )
    def post(self, request: Request, pk: str) -> Response:
        shadow = shadows.start_shadow(rule_set_id=pk, actor=self.caller.actor, as_of=now())
        return Response(shadow_document(shadow))

    @extend_schema(
        summary="Let it decide no more; its counts are forgotten",
        responses={204: None},
        operation_id="rule_sets_shadow_stop",
    )
    def delete(self, request: Request, pk: str) -> Response:
        shadows.stop_shadow(rule_set_id=pk)
        return Response(status=204)
