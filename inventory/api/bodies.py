"""What clients send: shapes, ranges, and how they become rows for the services."""

import re
from datetime import date
from decimal import Decimal
from functools import cache
from itertools import pairwise
from typing import Annotated, Any, Literal, Self
from zoneinfo import available_timezones

from django.utils.translation import gettext_noop
from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    RootModel,
    StringConstraints,
    model_validator,
)
from pydantic_core import PydanticCustomError

from inventory.exposure_words import SERVICES
from inventory.gtin import is_one_code
from inventory.hours import minutes_of
from inventory.models import Ability, Condition, Kind
from inventory.public_holidays import is_known
from inventory.services import LocationRow, ProductRow, StockEvent
from oms.api.body import Body, Code, Currency, Instant, Latitude, Longitude, Money, Name, SmallObject, Units, example

Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
Short = Annotated[str, StringConstraints(max_length=100, strip_whitespace=True)]
Line = Annotated[str, StringConstraints(max_length=200, strip_whitespace=True)]
Label = Annotated[str, StringConstraints(min_length=1, max_length=64, strip_whitespace=True)]
Labels = Annotated[list[Label], Field(max_length=100)]
Millimetres = Annotated[int, Field(ge=0, le=100_000)]
"""0: not known."""


def _time_of_day(value: str) -> str:
    try:
        minutes_of(value)
    except ValueError:
        raise PydanticCustomError("not_a_time", gettext_noop("A time of day is needed, such as 09:30")) from None
    return value


@cache
def _zones() -> frozenset[str]:
    """Of the world only: `localtime` is whatever a machine is set to, and no other has to know it."""
    return frozenset(available_timezones() - {"localtime", "Factory"})


def _known_zone(value: str) -> str:
    if value not in _zones():
        raise PydanticCustomError("unknown_timezone", gettext_noop("Unknown time zone"))
    return value


def _forward(pair: tuple[str, str]) -> tuple[str, str]:
    if minutes_of(pair[0]) >= minutes_of(pair[1]):
        raise PydanticCustomError(
            "closes_before_opening", gettext_noop("Closing must come after opening; use two days around midnight")
        )
    return pair


def _disjoint(pairs: list[tuple[str, str]]) -> list[tuple[str, str]]:
    ordered = sorted(pairs)
    if any(opens < closes for (_opens, closes), (opens, _closes) in pairwise(ordered)):
        raise PydanticCustomError("hours_overlap", gettext_noop("Opening hours of one day overlap"))
    return ordered


def _opens_some_time(hours: dict[str, Any]) -> dict[str, Any]:
    if hours and not any(hours.values()):
        raise PydanticCustomError(
            "never_open", gettext_noop("At least one day needs hours; leave all out if always open")
        )
    return hours


def _one_or_by_service(value: Any) -> Any:
    """Checked as a whole, because a union would point into its branches."""
    if isinstance(value, dict) and not SERVICES.keys() >= value.keys():
        raise PydanticCustomError("unknown_service", gettext_noop("The services are standard, express and same_day"))
    times = list(value.values()) if isinstance(value, dict) else [value]
    try:
        for time in times:
            minutes_of(time)
    except (ValueError, AttributeError):
        message = gettext_noop("A cut-off is a time of day, or an object of one per service")
        raise PydanticCustomError("not_a_cut_off", message) from None
    return value


def _one_barcode(value: str) -> str:
    if not is_one_code(value):
        raise PydanticCustomError(
            "not_one_barcode",
            gettext_noop("This is no single barcode: none holds | ; , or control characters, or several GTINs"),
        )
    return value


def _on_the_web(value: str) -> str:
    is_path = value.startswith("/") and not value.startswith(("//", "/\\"))
    if value and not (is_path or re.match(r"https?://[^/\s]", value)):
        raise PydanticCustomError(
            "not_a_web_address", gettext_noop("An address is needed that begins with https://, http:// or one /")
        )
    return value


def _known_holidays(value: str) -> str:
    if not is_known(value):
        raise PydanticCustomError(
            "unknown_holiday_calendar", gettext_noop("There is no such calendar; a country (FR) or its region (FR-6AE)")
        )
    return value


def _day(value: str) -> str:
    try:
        day = date.fromisoformat(value)
    except ValueError:
        day = None
    if day is None or day.isoformat() != value:
        raise PydanticCustomError("not_a_day", gettext_noop("A day is needed, such as 2026-12-24"))
    return value


BarcodeText = Annotated[Label, AfterValidator(_one_barcode)]
ImageUrl = Annotated[str, StringConstraints(max_length=500), AfterValidator(_on_the_web)]
CutOff = Annotated[str | dict[str, str], BeforeValidator(_one_or_by_service)]
TimeOfDay = Annotated[str, AfterValidator(_time_of_day)]
Timezone = Annotated[str, AfterValidator(_known_zone)]
DayHours = Annotated[list[Annotated[tuple[TimeOfDay, TimeOfDay], AfterValidator(_forward)]], AfterValidator(_disjoint)]
OpeningHours = Annotated[dict[Weekday, DayHours], AfterValidator(_opens_some_time)]
Day = Annotated[str, AfterValidator(_day)]
SpecialHours = Annotated[dict[Day, DayHours], Field(max_length=1000)]
HolidayCalendar = Annotated[str, StringConstraints(max_length=40), AfterValidator(_known_holidays)]


class Names(Body):
    """At least one; English falls back to French."""

    en: Line = ""
    fr: Line = ""

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not (self.en or self.fr):
            raise PydanticCustomError("required", gettext_noop("A name is needed in one language at least"))
        return self


class ProductBody(Body):
    model_config = example(
        sku="SKU-1",
        name={"en": "Merino jumper", "fr": "Pull mérinos"},
        barcodes=["3760000000017"],
        price="19.90",
        currency="EUR",
        weight_g=400,
        image_url="/media/demo/jumper.svg",
        attributes={"size": "M", "colour": "navy"},
        tags=["knitwear"],
    )
    sku: Code
    name: Names
    barcodes: Annotated[list[BarcodeText], Field(max_length=100)] = Field(
        default=[], description="Each names one product; `|`, `;`, `,` and control characters stand in none."
    )
    price: Money
    currency: Currency = "EUR"
    tax_class: Annotated[str, StringConstraints(max_length=40)] = "standard"
    weight_g: Annotated[int, Field(ge=0, le=100_000_000)] = 0
    length_mm: Millimetres = 0
    width_mm: Millimetres = 0
    height_mm: Millimetres = 0
    image_url: ImageUrl = ""
    attributes: SmallObject = {}
    tags: Labels = []
    is_active: bool = True

    def row(self) -> ProductRow:
        values = {name: getattr(self, name) for name in self.__class__.model_fields if name != "name"}
        return ProductRow(name_en=self.name.en or self.name.fr, name_fr=self.name.fr, **values)


class PlaceAddress(Body):
    line1: Line = ""
    line2: Line = ""
    postal_code: Annotated[str, StringConstraints(max_length=20, strip_whitespace=True)] = ""
    city: Short = ""
    region: Short = ""
    country: Annotated[str, StringConstraints(pattern=r"^([A-Z]{2})?$")] = ""


class Closure(Body):
    from_at: Instant
    until_at: Instant
    note: Line = ""

    @model_validator(mode="after")
    def _ends_after_it_begins(self) -> Self:
        if self.until_at <= self.from_at:
            raise PydanticCustomError("ends_before_it_begins", gettext_noop("A closure must end after it begins"))
        return self


class LocationBody(Body):
    model_config = example(
        code="PARIS",
        name="Paris Marais",
        kind="store",
        address={"line1": "12 rue des Archives", "postal_code": "75004", "city": "Paris", "country": "FR"},
        latitude=48.857,
        longitude=2.352,
        timezone="Europe/Paris",
        opening_hours={day: [["10:00", "19:00"]] for day in ("mon", "tue", "wed", "thu", "fri", "sat")},
        closures=[
            {"from_at": "2026-05-01T00:00:00+02:00", "until_at": "2026-05-02T00:00:00+02:00", "note": "Labour Day"}
        ],
        abilities=["ship", "pickup", "accept_return"],
        daily_capacity=40,
        cut_off={"standard": "16:00", "same_day": "12:00"},
        preparation_minutes=60,
        handling_cost="1.50",
        handling_cost_per_unit="0.20",
        packaging_cost="0.35",
        groups=["idf"],
        safety_stock=1,
    )
    code: Code
    name: Name
    kind: Kind
    address: PlaceAddress = PlaceAddress()
    latitude: Latitude | None = None
    longitude: Longitude | None = None
    timezone: Timezone = "UTC"
    opening_hours: OpeningHours = {}
    closures: Annotated[list[Closure], Field(max_length=1000)] = []
    holiday_calendar: HolidayCalendar | None = Field(
        default=None, description="Closed on the public holidays of this country (FR) or region (FR-6AE, US-CA)."
    )
    special_hours: SpecialHours = Field(
        default={}, description="Hours of single days, instead of the usual ones, holiday or not; `[]`: closed."
    )
    abilities: list[Ability] | None = None
    daily_capacity: Units | None = Field(
        default=None, description="Fulfillments per local day; none given: unlimited. Zero: it takes no orders."
    )
    accepting_orders: bool = True
    paused_until: Instant | None = Field(
        default=None,
        description="No new work until then. Read only: it is set by `pause/` and `resume/`, and ignored here.",
        json_schema_extra={"readOnly": True},
    )
    cut_off: CutOff | None = None
    preparation_minutes: Annotated[int, Field(ge=0, le=60 * 24 * 60)] = 0
    handling_cost: Money = Field(default=Decimal(0), description="Per parcel.")
    handling_cost_per_unit: Money = Decimal(0)
    packaging_cost: Money = Field(default=Decimal(0), description="Of the box, per parcel.")
    currency: Currency = "EUR"
    groups: Labels = []
    safety_stock: Units = 0
    is_active: bool = True

    @model_validator(mode="after")
    def _is_on_the_map_or_not(self) -> Self:
        if (self.latitude is None) != (self.longitude is None):
            raise PydanticCustomError("half_a_position", gettext_noop("Latitude and longitude are given together"))
        return self

    def row(self) -> LocationRow:
        names = set(self.__class__.model_fields) - {"address", "closures", "holiday_calendar", "paused_until"}
        return LocationRow(
            **{name: getattr(self, name) for name in names},
            **self.address.model_dump(),
            holiday_calendar=self.holiday_calendar or "",
            closures=[closure.model_dump(mode="json") for closure in self.closures],
        )


def _as_text(value: Any) -> Any:
    """A number of an order may come as a number."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


class StockEventBody(Body):
    model_config = example(
        id="pos-1",
        sku="SKU-1",
        location="PARIS",
        kind="delta",
        quantity=-1,
        reason="sale",
        occurred_at="2026-03-02T09:00:00Z",
    )
    id: Annotated[str, StringConstraints(min_length=1, max_length=120)]
    sku: Annotated[str, StringConstraints(min_length=1, max_length=64)]
    location: Annotated[str, StringConstraints(min_length=1, max_length=64)]
    kind: Literal["delta", "count"]
    quantity: Annotated[int, Field(ge=-1_000_000_000, le=1_000_000_000, strict=True)]
    occurred_at: Instant
    reason: Annotated[str, StringConstraints(max_length=40)] = ""
    source: Annotated[str, StringConstraints(max_length=120)] = ""
    condition: Condition | None = None
    bin: Annotated[str, StringConstraints(max_length=40)] | None = None
    order: Annotated[str, BeforeValidator(_as_text), StringConstraints(max_length=100)] = ""

    @model_validator(mode="after")
    def _counts_something(self) -> Self:
        if self.kind == "count" and self.quantity < 0:
            raise PydanticCustomError("negative_count", gettext_noop("Fewer than none cannot be counted"))
        return self

    def event(self) -> StockEvent:
        values = self.model_dump(exclude={"order", "condition"})
        return StockEvent(**values, condition=self.condition and self.condition.value, reference=self.order)


class EventsBody(Body):
    """The envelope; its events are read one by one."""

    events: list[Any]


class StockEventsBody(Body):
    """The envelope as it is documented."""

    events: list[StockEventBody]


class ProductRows(RootModel[list[ProductBody]]):
    """Up to 5,000."""


class LocationRows(RootModel[list[LocationBody]]):
    """Up to 5,000."""


class ProtectionBody(Body):
    model_config = example(sku="SKU-1", location="PARIS", safety_stock=2)
    sku: Code
    location: Code
    safety_stock: Units | None
