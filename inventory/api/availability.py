"""`GET availability/`: how many units can be sold to this asker, in the network, in areas and where. One statement."""

import heapq
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime
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
from inventory.api.filters import split
from inventory.exposure import Context
from inventory.geocoding import Point, coordinates_of
from inventory.models import Ability, Kind
from inventory.nearest import by_distance
from inventory.pickup_times import pickup_at
from inventory.queries import PlaceInfo, places, sellable_of_known
from inventory.supply import Supply, supply_shown
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


class AvailabilityQuery(BaseModel):
    sku: Annotated[list[str], BeforeValidator(split), Field(min_length=1, max_length=100)]
    channel: str | None = None
    location: Annotated[list[str] | None, BeforeValidator(split), Field(max_length=1000)] = None
    group: Annotated[list[str] | None, BeforeValidator(split), Field(max_length=100)] = None
    area_by: Literal["country", "region", "city"] | None = None
    near: Annotated[tuple[Latitude, Longitude] | None, BeforeValidator(split)] = None
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
            OpenApiParameter("group", description="Only places of these groups, separated by commas."),
            OpenApiParameter("area_by", enum=["country", "region", "city"], description="Adds sums per area."),
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
        check_channel_of_query(self, query.channel)
        as_of = now()
        every = places()
        shown = _Shown(query, every)
        context = query.context(as_of=as_of)
        stock = sellable_of_known(query.sku, context=context)
        check_all_known("sku", query.sku, stock)
        future = supply_shown(query.sku, context=context)
        point = query.point()
        nearest = None if point is None else _nearest_first(point, stock, every)
        answer = _Answer(query, every, shown, nearest, as_of)
        return Response({"results": [answer.of(sku, stock[sku], future[sku]) for sku in query.sku]})


def check_channel_of_query(view: ApiView, channel: str | None) -> None:
    """Errors: Invalid (no such channel), ChannelNotAllowed."""
    if channel is not None:
        check_all_known("channel", [channel], channels())
        view.check_channel(channel)


def check_all_known(name: str, asked: list[str], known: Mapping[str, Any]) -> None:
    unknown = [code for code in asked if code not in known]
    if unknown:
        detail = _("Not known: %(codes)s") % {"codes": ", ".join(unknown)[:200]}
        raise Invalid(errors=[FieldError(f"/{name}", f"unknown_{name}", detail)])


class _Shown(dict[str, bool]):
    """Whether the query asks for a place, by its code; each is judged once, when something stands there."""

    def __init__(self, query: AvailabilityQuery, every: Mapping[str, PlaceInfo]):
        if query.location is not None:
            check_all_known("location", query.location, every)
        self._every = every
        self._codes = None if query.location is None else frozenset(query.location)
        self._groups = None if query.group is None else frozenset(query.group)
        self._can = None if query.method is None else _CAN[query.method]

    def __missing__(self, code: str) -> bool:
        place = self._every.get(code)
        self[code] = is_shown = place is not None and self._is_asked_for(place)
        return is_shown

    def _is_asked_for(self, place: PlaceInfo) -> bool:
        return (
            (self._codes is None or place.code in self._codes)
            and (self._groups is None or not self._groups.isdisjoint(place.groups))
            and (self._can is None or self._can(place))
        )


def _nearest_first(
    point: Point, stock: Mapping[str, Mapping[str, int]], every: Mapping[str, PlaceInfo]
) -> dict[str, float]:
    """Distances in order, at least to the places that have something."""
    if sum(map(len, stock.values())) >= len(every):
        return by_distance(point, every.keys(), every)
    return by_distance(point, every.keys() & set().union(*stock.values()), every)


def _by_day(future: Iterable[Supply]) -> list[dict[str, Any]]:
    units: Counter[date] = Counter()
    for supply in future:
        units[supply.date] += supply.units
    return [{"date": day, "quantity": units[day]} for day in sorted(units)]


class _Answer:
    """What is told of each SKU asked for."""

    def __init__(
        self,
        query: AvailabilityQuery,
        every: Mapping[str, PlaceInfo],
        shown: _Shown,
        nearest: Mapping[str, float] | None,
        as_of: datetime,
    ):
        self._limit, self._area_by = query.limit, query.area_by
        self._every, self._shown, self._nearest = every, shown, nearest
        self._as_of, self._channel = as_of, query.channel
        self._is_collected = query.method in ("pickup", "curbside")
        self._pickup_times: dict[str, datetime] = {}

    def of(self, sku: str, stock: Mapping[str, int], future: Iterable[Supply]) -> dict[str, Any]:
        document: dict[str, Any] = {
            "sku": sku,
            "sellable": sum(stock.values()),
            "future": _by_day(future),
            "locations": [self._at(code, stock[code]) for code in self._first(stock)],
        }
        if self._area_by:
            document["areas"] = self._areas(stock)
        return document

    def _first(self, stock: Mapping[str, int]) -> list[str]:
        if self._nearest is None:
            present = (code for code in stock if self._shown[code])
            return heapq.nsmallest(self._limit, present, key=lambda code: (-stock[code], code))
        return list(islice((code for code in self._nearest if code in stock and self._shown[code]), self._limit))

    def _at(self, code: str, units: int) -> dict[str, Any]:
        place = self._every[code]
        document: dict[str, Any] = {"location": code, "name": place.name, "sellable": units}
        if self._nearest is not None and (km := self._nearest[code]) < inf:
            document["distance_km"] = round(km, 1)
        if self._is_collected and place.takes_orders(self._as_of):
            document["pickup_at"] = self._pickup_at(place)
        return document

    def _pickup_at(self, place: PlaceInfo) -> datetime:
        if place.code not in self._pickup_times:
            self._pickup_times[place.code] = pickup_at(place, channel=self._channel, as_of=self._as_of)
        return self._pickup_times[place.code]

    def _areas(self, stock: Mapping[str, int]) -> list[dict[str, Any]]:
        """Sums over the places shown, the fullest area first."""
        units: Counter[str] = Counter()
        for code, sellable in stock.items():
            if self._shown[code]:
                units[getattr(self._every[code], str(self._area_by))] += sellable
        return [{"area": area, "sellable": sellable} for area, sellable in units.most_common()]
