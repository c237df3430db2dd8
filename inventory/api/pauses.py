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
from oms.api.views import ApiView
from oms.clock import now
from oms.errors import ChannelNotAllowed


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

    def answer(self, code: str) -> Response:
        return Response(location_document(Location.objects.get(pk=code)))


class Pause(PauseView):
    @extend_schema(
        summary="No more orders for this place",
        description="New work goes elsewhere until `until`, exactly; what the place has already stays with it."
        " Pausing again moves the end. Publishes `inventory.location.paused`.",
        request=PauseBody,
        responses={200: LocationBody},
        examples=[
            OpenApiExample("for the rest of the day", request_only=True, value={"reason": "two people are ill"}),
            OpenApiExample("until an instant", request_only=True, value={"until": "2026-12-24T16:00:00+01:00"}),
        ],
        operation_id="locations_pause",
    )
    def post(self, request: Request, code: str) -> Response:
        body = self.body(PauseBody)
        pause_location(code=code, until=body.until, reason=body.reason, actor=self.caller.actor, as_of=now())
        return self.answer(code)


class Resume(PauseView):
    @extend_schema(
        summary="Orders again for this place",
        description="Ends a pause before its time; without one nothing changes. Publishes `inventory.location.resumed`.",
        request=NoBody,
        responses={200: LocationBody},
        examples=[OpenApiExample("end the pause", request_only=True, value={})],
        operation_id="locations_resume",
    )
    def post(self, request: Request, code: str) -> Response:
        self.body(NoBody)
        resume_location(code=code, actor=self.caller.actor, as_of=now())
        return self.answer(code)
