"""Which service level applies to a piece of work, and why that one."""

from typing import Literal

from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter, extend_schema
from pydantic import BaseModel
from rest_framework.request import Request
from rest_framework.response import Response

from inventory.queries import places
from oms.api.views import ApiView
from oms.errors import FieldError, Invalid, Missing
from routing import queries
from routing.dates import prepare_minutes
from routing.engine.coverage import METHODS, SERVICES
from routing.models import ServiceLevel
from routing.service_level_words import allows_words, covers_words

_MOST_SHOWN = 20


class CandidateLevel(BaseModel):
    """A level that covers the work. `named`: by what, the most telling first (none: it is for everything); it gives way
    to a `more_specific` one or, naming the same, to a `newer` one. `words`: what it covers and allows."""

    id: str
    named: list[Literal["locations", "groups", "kinds", "services", "methods"]]
    gives_way_to: Literal["more_specific", "newer"] | None
    words: list[str]


class ApplyingDocument(BaseModel):
    """What a place owes for such work. `level`: the one that says so, null for the house's own times; `prepare_minutes`:
    what this very place has. `levels`: those that cover the work, the one that applies first, 20 at most."""

    location: str
    method: str
    service: str
    level: str | None
    acknowledge_minutes: float
    prepare_minutes: float
    hand_over_minutes: float | None
    collect_hours: float
    warn_at_share: float
    escalate_at_share: float
    max_attempts: int
    levels: list[CandidateLevel]


class Applying(ApiView):
    scopes = {"GET": "routing:read"}
    refusals = {"GET": [Missing()]}

    @extend_schema(
        summary="Which service level applies",
        parameters=[
            OpenApiParameter("location", str, required=True),
            OpenApiParameter("method", str, required=True, enum=sorted(METHODS)),
            OpenApiParameter("service", str, enum=sorted(SERVICES), description="`standard` if left out."),
        ],
        responses={200: ApplyingDocument},
        operation_id="service_levels_applying",
    )
    def get(self, request: Request) -> Response:
        """The most specific holds: place before group before kind, then service before method; of equals the newest."""
        code = request.query_params.get("location", "")
        if not code:
            raise Invalid(errors=[FieldError("/location", "required", _("This field is required"))])
        method = self._one_of("method", METHODS, "")
        service = self._one_of("service", SERVICES, "standard")
        self.check_location(code)
        place = places().get(code)
        if place is None:
            raise Missing()
        found = queries.covering(place, method=method, service=service)
        policy = found[0].policy if found else queries.DEFAULT_POLICY
        return Response(
            {
                **{name: getattr(policy, name) for name in queries.OWED},
                "location": code,
                "method": method,
                "service": service,
                "level": found[0].level if found else None,
                "prepare_minutes": prepare_minutes(place, policy),
                "levels": _candidates(found),
            }
        )

    def _one_of(self, name: str, known: frozenset[str], default: str) -> str:
        """Errors: Invalid."""
        value: str = self.request.query_params.get(name, default)
        if value not in known:
            raise Invalid(errors=[FieldError(f"/{name}", "unknown_choice", ", ".join(sorted(known)))])
        return value


def _candidates(found: list[queries.Applied]) -> list[dict[str, object]]:
    shown = found[:_MOST_SHOWN]
    levels = ServiceLevel.objects.in_bulk([one.level for one in shown])
    return [
        {
            "id": one.level,
            "named": one.named,
            "gives_way_to": None if one is found[0] else "newer" if one.named == found[0].named else "more_specific",
            "words": [covers_words(levels[one.level]), allows_words(levels[one.level])],
        }
        for one in shown
        if one.level in levels
    ]
