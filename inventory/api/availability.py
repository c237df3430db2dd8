"""`GET availability/`: how many units can be sold, in the network and where. One statement."""

import heapq
from collections.abc import Callable, Mapping
from datetime import datetime
from itertools import islice
from math import inf
from typing import Annotated, Any, Literal

from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from pydantic import BaseModel, BeforeValidator, Field
from rest_framework.request import Request
from rest_framework.response import Response

from inventory.api.documents import AvailabilityDocument
from inventory.exposure import Context
from inventory.geocoding import Point, coordinates_of
from inventory.models import Ability, Kind
from inventory.queries import PlaceInfo, haversine_km, places, sellable_of_known
from oms.api.body import Country, Latitude, Longitude, read
from oms.api.views import ApiView
from oms.channels import channels
from oms.clock import now
from oms.errors import FieldError, Invalid

_CAN: Mapping[str, Callable[[PlaceInfo], bool]] = {
    "ship": lambda place: Ability.SHIP in place.abilities,
    "pickup": lambda place: Ability.PICKUP in place.abilities and place.kind != Kind.LOCKER,
    "curbside": lambda place: Ability.CURBSIDE in place.abilities,
    "locker": lambda place: place.kind == Kind.LOCKER,
}


def _split(text: Any) -> Any:
    return [part.strip() for part in text.split(",") if part.strip()] if isinstance(text, str) else text


class AvailabilityQuery(BaseModel):
    sku: Annotated[list[str], BeforeValidator(_split), Field(min_length=1, max_length=100)]
    channel: str | None = None
    location: Annotated[list[str] | None, BeforeValidator(_split), Field(max_length=1000)] = None
    near: Annotated[tuple[Latitude, Longitude] | None, BeforeValidator(_split)] = None
    country: Country | None = None
    postal_code: Annotated[str | None, Field(max_length=20)] = None
    method: Literal["ship", "pickup", "curbside", "locker"] | None = None
    service: Literal["standard", "express", "same_day"] | None = None
    limit: Annotated[int, Field(ge=1, le=1000)] = 20

    def context(self, *, as_of: datetime) -> Context:
        return Context(as_of, self.channel or "", order_type=self.method or "", service=self.service or "")

    def point(self) -> Point | None:
        if self.near is None and self.country and self.postal_code:
            return coordinates_of(self.country, self.postal_code)
        return self.near


class Availability(ApiView):
    scopes = {"GET": "stock:read"}

    @extend_schema(
        summary="What can be sold, and where",
        description="Nearest places first when `near` or an address is given, else the fullest first.",
        parameters=[
            OpenApiParameter("sku", required=True, description="Up to 100, separated by commas."),
            OpenApiParameter("channel"),
            OpenApiParameter("location", description="Only these places, separated by commas."),
            OpenApiParameter("near", description="Latitude and longitude: `48.85,2.35`."),
            OpenApiParameter("country"),
            OpenApiParameter("postal_code"),
            OpenApiParameter("method", enum=list(_CAN), description="Only places that can do this."),
            OpenApiParameter(
                "service", enum=["standard", "express", "same_day"], description="Exposure rules may differ."
            ),
            OpenApiParameter("limit", OpenApiTypes.INT, description="Places per SKU, 20 if not given, 1,000 at most."),
        ],
        responses={200: AvailabilityDocument},
    )
    def get(self, request: Request) -> Response:
        query = read(AvailabilityQuery, request.query_params.dict())
        self._check_channel(query.channel)
        shown = _places_shown(query)
        stock = sellable_of_known(query.sku, context=query.context(as_of=now()))
        _check_all_known("sku", query.sku, stock)
        point = query.point()
        nearest = None if point is None else _nearest_first(point, stock, shown)
        return Response({"results": [_document(sku, stock[sku], shown, nearest, query.limit) for sku in query.sku]})

    def _check_channel(self, channel: str | None) -> None:
        if channel is None:
            return
        _check_all_known("channel", [channel], channels())
        self.check_channel(channel)


def _check_all_known(name: str, asked: list[str], known: Mapping[str, Any]) -> None:
    unknown = [code for code in asked if code not in known]
    if unknown:
        detail = _("Not known: %(codes)s") % {"codes": ", ".join(unknown)[:200]}
        raise Invalid(errors=[FieldError(f"/{name}", f"unknown_{name}", detail)])


def _places_shown(query: AvailabilityQuery) -> Mapping[str, PlaceInfo]:
    every = places()
    if query.location is not None:
        _check_all_known("location", query.location, every)
        every = {code: every[code] for code in query.location}
    if query.method is None:
        return every
    can = _CAN[query.method]
    return {code: place for code, place in every.items() if can(place)}


def _nearest_first(
    point: Point, stock: Mapping[str, Mapping[str, int]], shown: Mapping[str, PlaceInfo]
) -> dict[str, float]:
    """Distances to the places that have something, in order; infinite for those that are not on the map."""
    codes = {code for units in stock.values() for code in units if code in shown}
    ranked = sorted((_distance(point, shown[code]), code) for code in codes)
    return {code: km for km, code in ranked}


def _distance(point: Point, place: PlaceInfo) -> float:
    if place.latitude is None or place.longitude is None:
        return inf
    return haversine_km(*point, place.latitude, place.longitude)


def _document(
    sku: str, stock: Mapping[str, int], shown: Mapping[str, PlaceInfo], nearest: Mapping[str, float] | None, limit: int
) -> dict[str, Any]:
    if nearest is None:
        present = (code for code in stock if code in shown)
        first = heapq.nsmallest(limit, present, key=lambda code: (-stock[code], code))
    else:
        first = list(islice((code for code in nearest if code in stock), limit))
    return {
        "sku": sku,
        "sellable": sum(stock.values()),
        "future": [],  # no supply is announced to us yet
        "locations": [_at(shown[code], stock[code], inf if nearest is None else nearest[code]) for code in first],
    }


def _at(place: PlaceInfo, units: int, km: float) -> dict[str, Any]:
    document: dict[str, Any] = {"location": place.code, "name": place.name, "sellable": units}
    if km < inf:
        document["distance_km"] = round(km, 1)
    return document
