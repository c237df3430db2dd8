"""`locations/{code}/review/`: what a place does not say, and what follows from it."""

from drf_spectacular.utils import extend_schema
from pydantic import BaseModel
from rest_framework.request import Request
from rest_framework.response import Response

from inventory.models import Location
from inventory.place_review import REMARKS, review_place
from oms.api.views import ApiView
from oms.channels import channels
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
        can do. A change is taken whatever is said here."""
        place = Location.objects.filter(pk=code).first()
        if place is None:
            raise Missing()
        currencies = {channel.currency for channel in channels().values()}
        codes = review_place(place, currencies=currencies, as_of=now())
        return Response({"remarks": [{"code": code, "detail": str(REMARKS[code])} for code in codes]})
