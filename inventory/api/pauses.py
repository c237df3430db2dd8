"""`locations/{code}/pause/` and `/resume/`: the manager's switch "no more orders"."""

from typing import Annotated

from drf_spectacular.utils import OpenApiExample, extend_schema
from pydantic import Field, StringConstraints
from rest_framework.request import Request
from rest_framework.response import Response

from inventory.api.bodies import LocationBody
from inventory.api.documents import location_document
from inventory.models import Location
from inventory.services.pauses import pause_location, resume_location
from oms.api.body import Body, Instant
from oms.api.views import IDEMPOTENCY_KEY, ApiView
from oms.clock import now
from oms.errors import ChannelNotAllowed
from oms.idempotency import Once


class PauseBody(Body):
    until: Instant | None = Field(
        default=None, description="At most 31 days away. Left out: until the place closes today, else its midnight."
    )
    reason: Annotated[str, StringConstraints(max_length=200, strip_whitespace=True)] = ""


class NoBody(Body):
    """Nothing needs to be said."""


class PauseView(ApiView):
    """A caller bound to places pauses those; one bound to a channel none, because all channels would feel it."""

    scopes = {"POST": "pauses:write"}

    def check_reach(self) -> None:
        if self.caller.channel is not None:
            raise ChannelNotAllowed()
        self.check_location(self.kwargs["code"])

    def answer(self, code: str, once: Once | None) -> Response:
        place = Location.objects.get(pk=code)
        return Response(location_document(place), headers=self.replay_headers(once))


class Pause(PauseView):
    @extend_schema(
        summary="No more orders for this place",
        description="New work goes elsewhere, from within a second of the answer until `until`, exactly; what the place has"
        " already stays with it. Pausing again moves the end. Publishes `inventory.location.paused`.",
        parameters=[IDEMPOTENCY_KEY],
        request=PauseBody,
        responses={200: LocationBody},
        examples=[
            OpenApiExample("for the rest of the day", request_only=True, value={"reason": "two people are ill"}),
            OpenApiExample("until an instant", request_only=True, value={"until": "2026-12-24T16:00:00+01:00"}),
        ],
        operation_id="locations_pause",
    )
    def post(self, request: Request, code: str) -> Response:
        body, once = self.body(PauseBody), self.once("locations.pause", required=False)
        said = {"until": body.until, "reason": body.reason}
        pause_location(code=code, **said, actor=self.caller.actor, as_of=now(), once=once)
        return self.answer(code, once)


class Resume(PauseView):
    @extend_schema(
        summary="Orders again for this place",
        description="Ends a pause before its time; without one nothing changes. Publishes `inventory.location.resumed`.",
        parameters=[IDEMPOTENCY_KEY],
        request=NoBody,
        responses={200: LocationBody},
        examples=[OpenApiExample("end the pause", request_only=True, value={})],
        operation_id="locations_resume",
    )
    def post(self, request: Request, code: str) -> Response:
        self.body(NoBody)
        once = self.once("locations.resume", required=False)
        resume_location(code=code, actor=self.caller.actor, as_of=now(), once=once)
        return self.answer(code, once)
