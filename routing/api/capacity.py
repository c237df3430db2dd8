"""`GET locations/{code}/capacity/`: what a place can still prepare, day by day."""

from datetime import date, timedelta
from typing import Any

from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from pydantic import BaseModel, Field
from rest_framework.request import Request
from rest_framework.response import Response

from inventory.queries import PlaceInfo, places
from oms.api.views import ApiView
from oms.clock import now
from oms.errors import FieldError, Invalid, Missing
from routing.queries import DayOfCapacity, capacity_days

_USUAL_DAYS, _MOST_DAYS = 14, 366


class CapacityOfDay(BaseModel):
    """`capacity` and `left` null: nothing limits the place."""

    date: date
    is_open: bool
    capacity: int | None
    booked: int
    left: int | None


class CapacityDocument(BaseModel):
    location: str
    timezone: str
    daily_capacity: int | None
    days: list[CapacityOfDay] = Field(description="Local days of the place, on which preparation is due.")


_EXAMPLE = OpenApiExample(
    "two days before Christmas",
    response_only=True,
    value={
        "location": "LYON-1",
        "timezone": "Europe/Paris",
        "daily_capacity": 40,
        "days": [
            {"date": "2026-12-24", "is_open": True, "capacity": 40, "booked": 38, "left": 2},
            {"date": "2026-12-25", "is_open": False, "capacity": 0, "booked": 0, "left": 0},
        ],
    },
)


class Capacity(ApiView):
    scopes = {"GET": "catalog:read"}

    @extend_schema(
        summary="Capacity of a place, day by day",
        description="Fulfillments are booked on the day on which their preparation is due, and given back when the"
        " place loses them. Two weeks from today if nothing else is asked, at most 366 days.",
        parameters=[
            OpenApiParameter("from", OpenApiTypes.DATE, description="First local day; today if left out."),
            OpenApiParameter("to", OpenApiTypes.DATE, description="Last local day; 13 days later if left out."),
        ],
        responses={200: CapacityDocument},
        examples=[_EXAMPLE],
        operation_id="locations_capacity",
    )
    def get(self, request: Request, code: str) -> Response:
        self.check_location(code)
        place = places().get(code)
        if place is None:
            raise Missing()
        from_date, to_date = self._asked(place)
        days = capacity_days(place, from_date=from_date, to_date=to_date)
        return Response(
            {
                "location": place.code,
                "timezone": place.timezone,
                "daily_capacity": place.daily_capacity,
                "days": [_document(day) for day in days],
            }
        )

    def _asked(self, place: PlaceInfo) -> tuple[date, date]:
        """Errors: Invalid (no day, the end before the beginning, more than 366 days)."""
        from_date = self._day("from", place.calendar.local(now()).date())
        to_date = self._day("to", from_date + timedelta(days=_USUAL_DAYS - 1))
        if to_date < from_date:
            raise Invalid(errors=[FieldError("/to", "ends_before_it_begins", _("The last day is before the first"))])
        if (to_date - from_date).days >= _MOST_DAYS:
            detail = _("At most %(days)d days at once") % {"days": _MOST_DAYS}
            raise Invalid(errors=[FieldError("/to", "too_many_days", detail)])
        return from_date, to_date

    def _day(self, name: str, default: date) -> date:
        text = self.request.query_params.get(name)
        if text is None:
            return default
        try:
            day = date.fromisoformat(text)
        except ValueError:
            day = date.max
        if not date.min.year + 1 < day.year < date.max.year - 1:  # room for a zone and a year beyond it
            detail = _("A day is needed, such as 2026-12-24")
            raise Invalid(errors=[FieldError(f"/{name}", "not_a_day", detail)])
        return day


def _document(day: DayOfCapacity) -> dict[str, Any]:
    return {
        "date": day.date,
        "is_open": day.is_open,
        "capacity": day.capacity,
        "booked": day.booked,
        "left": day.left,
    }
