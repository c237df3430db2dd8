"""`GET availability/`: how many units can be sold to this asker, in the network, in areas and where."""

import heapq
from collections import Counter
from collections.abc import Iterable, Mapping
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
from inventory.methods import COLLECTED
from inventory.nearest import by_distance
from inventory.pickup_times import pickup_at
from inventory.queries import NetworkStock, PlaceInfo, network_stock, places
from inventory.supply import Supply, future_supply
from oms.api.body import Country, Latitude, Longitude, read
from oms.api.views import ApiView
from oms.channels import channels
from oms.clock import now
from oms.errors import FieldError, Invalid

METHODS = ("ship", "pickup", "curbside", "locker")
METHOD_ASKED = "Only what places have that can do this; a locker is filled by those that send parcels."

_SEVERAL = 4
_AMPLE = 3  # times as many places as are told are looked at, for some have nothing


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

    def asks_much(self, *, places: int) -> bool:
        """Of so many products that it is worth naming the places of interest, few among all."""
        return len(self.sku) >= _SEVERAL and not self.area_by and _AMPLE**2 * self.limit < places

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
            OpenApiParameter("method", enum=METHODS, description=METHOD_ASKED),
            OpenApiParameter(
                "service", enum=["standard", "express", "same_day"], description="Exposure rules may differ."
            ),
            OpenApiParameter("limit", OpenApiTypes.INT, description="Places per SKU, 20 if not given, 1,000 at most."),
        ],
        responses={200: AvailabilityDocument},
    )
    def get(self, request: Request) -> Response:
        query = read(AvailabilityQuery, request.query_params.dict())
        query.channel = channel_of_query(self, query.channel)
        as_of = now()
        every = places()
        shown = _Shown(query, every)
        context = query.context(as_of=as_of)
        stock, nearest = _read(query, context, shown, every)
        check_all_known("sku", query.sku, stock)
        awaited = [sku for sku in query.sku if stock[sku].is_awaited]
        future = future_supply(awaited, context=context) if awaited else {}
        answer = _Answer(query, every, shown, nearest, as_of)
        return Response({"results": [answer.of(sku, stock[sku], future.get(sku, ())) for sku in query.sku]})


def channel_of_query(view: ApiView, asked: str | None) -> str | None:
    """Whose stock is meant: a key of one channel asks for that. Errors: Invalid (no such channel), ChannelNotAllowed."""
    if asked is None:
        return view.caller.channel
    check_all_known("channel", [asked], channels())
    view.check_channel(asked)
    return asked


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
        self._method = query.method or ""

    def __missing__(self, code: str) -> bool:
        place = self._every.get(code)
        self[code] = is_shown = place is not None and self._is_asked_for(place)
        return is_shown

    def _is_asked_for(self, place: PlaceInfo) -> bool:
        return (
            (self._codes is None or place.code in self._codes)
            and (self._groups is None or not self._groups.isdisjoint(place.groups))
            and place.can_serve(self._method)
        )


def _read(
    query: AvailabilityQuery, context: Context, shown: _Shown, every: Mapping[str, PlaceInfo]
) -> tuple[Mapping[str, NetworkStock], Mapping[str, float] | None]:
    """What there is, and, nearest first, how far it is at least to the places told of."""
    point = query.point()
    if point is not None and query.asks_much(places=len(every)):
        nearest = by_distance(point, every.keys(), every)
        return _stock_near(query, context, (code for code in nearest if shown[code])), nearest
    stock = network_stock(query.sku, context=context)
    return stock, None if point is None else _nearest_first(point, stock, every)


def _stock_near(query: AvailabilityQuery, context: Context, shown: Iterable[str]) -> dict[str, NetworkStock]:
    """With the first of the places shown, nearest first, that have something. One statement; two where many have nothing."""
    ample = _AMPLE * query.limit
    near = list(islice(shown, ample))
    stock = network_stock(query.sku, context=context, near=near)
    if len(near) == ample:  # else there are no more
        lacking = [sku for sku, found in stock.items() if not found.is_whole and len(found.units) < query.limit]
        stock |= network_stock(lacking, context=context) if lacking else {}
    return stock


def _nearest_first(point: Point, stock: Mapping[str, NetworkStock], every: Mapping[str, PlaceInfo]) -> dict[str, float]:
    if sum(len(found.units) for found in stock.values()) >= len(every):
        return by_distance(point, every.keys(), every)
    return by_distance(point, every.keys() & set().union(*(found.units for found in stock.values())), every)


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
        self._is_collected = query.method in COLLECTED
        self._told: dict[str, dict[str, Any]] = {}

    def of(self, sku: str, stock: NetworkStock, future: Iterable[Supply]) -> dict[str, Any]:
        document: dict[str, Any] = {
            "sku": sku,
            "sellable": stock.total,
            "future": _by_day(future),
            "locations": [self._at(code, stock.units[code]) for code in self._first(stock.units)],
        }
        if self._area_by:
            document["areas"] = self._areas(stock.units)
        return document

    def _first(self, stock: Mapping[str, int]) -> list[str]:
        if self._nearest is None:
            present = (code for code in stock if self._shown[code])
            return heapq.nsmallest(self._limit, present, key=lambda code: (-stock[code], code))
        return list(islice((code for code in self._nearest if code in stock and self._shown[code]), self._limit))

    def _at(self, code: str, units: int) -> dict[str, Any]:
        if code not in self._told:
            self._told[code] = self._place(self._every[code])
        return {**self._told[code], "sellable": units}

    def _place(self, place: PlaceInfo) -> dict[str, Any]:
        """What is the same of all products."""
        document: dict[str, Any] = {"location": place.code, "name": place.name}
        if self._nearest is not None and (km := self._nearest[place.code]) < inf:
            document["distance_km"] = round(km, 1)
        if self._is_collected:
            document["pickup_at"] = pickup_at(place, channel=self._channel, as_of=self._as_of)
        return document

    def _areas(self, stock: Mapping[str, int]) -> list[dict[str, Any]]:
        """Sums over the places shown, the fullest area first."""
        units: Counter[str] = Counter()
        for code, sellable in stock.items():
            if self._shown[code]:
                units[getattr(self._every[code], str(self._area_by))] += sellable
        return [{"area": area, "sellable": sellable} for area, sellable in units.most_common()]
