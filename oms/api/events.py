"""`GET events/`: the feed, ordered and without gaps."""

from collections.abc import Mapping, Sequence
from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from pydantic import BaseModel
from rest_framework.request import Request
from rest_framework.response import Response

from oms.api.body import Instant
from oms.api.paging import page_size_of
from oms.api.views import ApiView
from oms.errors import FieldError, Invalid, Missing
from oms.models import Event

_MAX_PAGE = 500


class EventDocument(BaseModel):
    position: int
    type: str
    subject: str
    root: str
    actor: str
    occurred_at: Instant
    payload: dict[str, Any]


class EventPage(BaseModel):
    results: list[EventDocument]
    next: str | None
    previous: str | None


class EventFeed(ApiView):
    scopes = {"GET": "events:read"}

    @extend_schema(
        responses={200: EventPage},
        parameters=[
            OpenApiParameter("after", int, description="The last position already seen (default 0)."),
            OpenApiParameter("type", str),
            OpenApiParameter("subject", str),
            OpenApiParameter("page_size", int),
        ],
    )
    def get(self, request: Request) -> Response:
        if self.caller.channel is not None or self.caller.locations is not None:
            raise Missing()  # the feed tells everything; a bound key gets webhooks of its own instead
        after, size = self._number("after", 0), page_size_of(request, default=100, most=_MAX_PAGE)
        events = Event.objects.filter(position__gt=after).order_by("position")
        for name in ("type", "subject"):
            if value := request.query_params.get(name):
                events = events.filter(**{name: value})
        page = list(events.values("position", "type", "subject", "root", "actor", "occurred_at", "payload")[:size])
        return Response({"results": page, "next": self._next(page) if len(page) == size else None, "previous": None})

    def _next(self, page: Sequence[Mapping[str, Any]]) -> str:
        """The address of what follows, with the same filters."""
        query = self.request.query_params.copy()
        query["after"] = page[-1]["position"]
        return self.request.build_absolute_uri(f"{self.request.path}?{query.urlencode()}")

    def _number(self, name: str, default: int) -> int:
        text = self.request.query_params.get(name, str(default))
        if not text.isdecimal() or len(text) > 18:
            raise Invalid(errors=[FieldError(f"/{name}", "not_a_number", "a whole number is needed")])
        return int(text)
