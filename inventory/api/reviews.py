"""`locations/{code}/review/`: what a place does not say, and what follows from it."""

from drf_spectacular.utils import extend_schema
from pydantic import BaseModel
from rest_framework.request import Request
from rest_framework.response import Response

from inventory.models import Location
from inventory.place_review import remarks_on
from oms.api.views import ApiView
from oms.clock import now
from oms.errors import Missing


class PlaceRemark(BaseModel):
    code: str
    detail: str


class PlaceReview(BaseModel):
    remarks: list[PlaceRemark]


class LocationReview(ApiView):
    scopes = {"GET": "catalog:read"}

    @extend_schema(responses={200: PlaceReview}, operation_id="locations_review")
    def get(self, request: Request, code: str) -> Response:
        """What a place leaves open, and what that means for its orders: no spot on the map, no opening hours, nothing it
        can do, never open when a carrier fetches. A change is taken whatever is said here."""
        place = Location.objects.filter(pk=code).first()
        if place is None:
            raise Missing()
        found = remarks_on(place, as_of=now())
        return Response({"remarks": [{"code": code, "detail": detail} for code, detail in found]})
