"""`stock/health/…`: what is missing though it is wanted, what there is too much of, what cannot be believed."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated, Any, Literal

from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter, extend_schema
from pydantic import BaseModel, BeforeValidator, Field, StringConstraints
from rest_framework.request import Request
from rest_framework.response import Response

from inventory import health
from inventory.api.filters import split
from inventory.confidence import told
from inventory.health import After, Where
from oms.api.body import Body, Instant, read
from oms.api.paging import page_size_of
from oms.api.views import ApiView
from oms.clock import now
from oms.errors import FieldError, Invalid, PlaceNotAllowed

_MOST_ROWS = 500


Commas = Annotated[list[str], BeforeValidator(split), Field(max_length=1000)]
Weeks = Annotated[int, Field(ge=1, le=health.MOST_WEEKS)]
Label = Annotated[str, StringConstraints(max_length=64)]


class WhereQuery(Body):
    """What every list takes."""

    location: Commas | None = None
    group: Label = ""
    tag: Label = ""
    weeks: Weeks = health.WEEKS_LOOKED_AT
    cursor: str = ""
    page_size: str = ""


class OutOfStockQuery(WhereQuery):
    scope: Literal["place", "network"] = "place"


class OverstockQuery(WhereQuery):
    cover: Annotated[int, Field(ge=1, le=520)] = health.WEEKS_OF_COVER


class SuspectQuery(WhereQuery):
    reason: Annotated[list[Literal[*health.REASONS]], BeforeValidator(split), Field(min_length=1)] = list(health.PLAIN)  # type: ignore[valid-type]


# ---- documents ------------------------------------------------------------------------------------


class OutOfStockDocument(BaseModel):
    """`location` is null over the whole network. `lost_units` is an estimate, `lost_value` at the product's price."""

    sku: str
    name: str
    location: str | None
    on_hand: int
    reserved: int
    is_suspect: bool
    weekly: str
    last_out_at: Instant
    lost_units: str
    lost_value: str
    currency: str


class OverstockDocument(BaseModel):
    """`cover_weeks` is null where nothing went out. `surplus` units are worth `value` at the product's price."""

    sku: str
    name: str
    location: str
    good: int
    weekly: str
    cover_weeks: str | None
    surplus: int
    value: str
    currency: str
    last_in_at: Instant | None


class SuspectDocument(BaseModel):
    """`chance`: that nothing was sold for so long by mere chance. `suggestion`: `count_now` or `count_soon`."""

    sku: str
    name: str
    location: str
    on_hand: int
    reserved: int
    bin: str
    confidence: float | None
    reasons: list[str]
    chance: str | None
    suspect_at: Instant | None
    counted_at: Instant | None
    last_out_at: Instant | None
    suggestion: str


class _HealthPage(BaseModel):
    """`refreshed_at`: of when the pace of the levels is; null if it was never worked out."""

    next: str | None
    previous: str | None
    definition: str
    refreshed_at: Instant | None


class OutOfStockPage(_HealthPage):
    results: list[OutOfStockDocument]


class OverstockPage(_HealthPage):
    results: list[OverstockDocument]


class SuspectPage(_HealthPage):
    results: list[SuspectDocument]


def _document(row: Any) -> dict[str, Any]:
    return {name: _shown(name, value) for name, value in asdict(row).items()}


def _shown(name: str, value: Any) -> Any:
    """Decimals as text, as everywhere."""
    if name == "confidence":
        return told(value)
    return str(value) if name in _DECIMALS and value is not None else value


_DECIMALS = frozenset({"weekly", "lost_units", "lost_value", "cover_weeks", "value", "chance"})
_WHERE = [
    OpenApiParameter("location", description="Places, separated by commas."),
    OpenApiParameter("group", description="Places of this group."),
    OpenApiParameter("tag", description="Products with this tag."),
    OpenApiParameter("weeks", int, description=f"How far back to look, {health.MOST_WEEKS} weeks at most."),
    OpenApiParameter("cursor", description="From `next` of the page before."),
    OpenApiParameter("page_size", int),
]


class HealthView(ApiView):
    scopes = {"GET": "stock:read"}
    query: type[WhereQuery]
    list_name: str

    def where(self, query: WhereQuery) -> Where:
        """A caller bound to places sees those."""
        bounds = self.caller.locations
        asked = query.location
        if bounds is not None:
            asked = sorted(bounds if asked is None else bounds.intersection(asked))
        return Where(asked, query.group, query.tag)

    def get(self, request: Request) -> Response:
        query = read(self.query, request.query_params.dict())
        limit = page_size_of(request, default=50, most=_MOST_ROWS)
        page = self.rows(query, self.where(query), after=_after(query.cursor), limit=limit)
        return Response(
            {
                "results": [_document(row) for row in page.rows],
                "next": self._next(page.after),
                "previous": None,
                "definition": health.definitions()[self.list_name],
                "refreshed_at": health.refreshed_at(),
            }
        )

    def rows(self, query: Any, where: Where, *, after: After | None, limit: int) -> health.Page[Any]:
        raise NotImplementedError

    def _next(self, after: After | None) -> str | None:
        if after is None:
            return None
        query = self.request.query_params.copy()
        query["cursor"] = after.text
        return self.request.build_absolute_uri(f"{self.request.path}?{query.urlencode()}")


def _after(cursor: str) -> After | None:
    try:
        return After.of(cursor) if cursor else None
    except ValueError:
        detail = _("This is not where a page ended")
        raise Invalid(errors=[FieldError("/cursor", "not_a_cursor", detail)]) from None


def _parameters(*more: OpenApiParameter) -> Sequence[OpenApiParameter]:
    return [*_WHERE, *more]


class OutOfStock(HealthView):
    query = OutOfStockQuery
    list_name = health.OUT_OF_STOCK

    @extend_schema(
        summary="What nobody can buy though it is wanted",
        description="Not for sale at a place, or with `scope=network` at none of the places meant, though units went out"
        " in the last `weeks` (8 if not given). The most lost units first.",
        parameters=_parameters(OpenApiParameter("scope", enum=["place", "network"])),
        responses={200: OutOfStockPage},
        operation_id="stock_health_out_of_stock",
    )
    def get(self, request: Request) -> Response:
        return super().get(request)

    def rows(self, query: OutOfStockQuery, where: Where, **paging: Any) -> health.Page[Any]:
        everywhere = query.scope == "network"
        if everywhere and self.caller.locations is not None:
            raise PlaceNotAllowed()
        return health.out_of_stock(where, everywhere=everywhere, weeks=query.weeks, as_of=now(), **paging)


class Overstock(HealthView):
    query = OverstockQuery
    list_name = health.OVERSTOCK

    @extend_schema(
        summary="What there is too much of",
        description="In good condition for more than `cover` weeks (26 if not given) at the pace of the last `weeks` (8),"
        " or without any going out. The greatest value of surplus first.",
        parameters=_parameters(OpenApiParameter("cover", int, description="Weeks of need that may lie there.")),
        responses={200: OverstockPage},
        operation_id="stock_health_overstock",
    )
    def get(self, request: Request) -> Response:
        return super().get(request)

    def rows(self, query: OverstockQuery, where: Where, **paging: Any) -> health.Page[Any]:
        return health.overstock(where, cover=query.cover, weeks=query.weeks, as_of=now(), **paging)


class Suspect(HealthView):
    query = SuspectQuery
    list_name = health.SUSPECT

    @extend_schema(
        summary="Numbers that cannot be believed",
        description="The surest first. `reason`: some of `not_found`, `negative`, `silent`, `low_confidence` (all four if"
        " not given) and `never_counted`.",
        parameters=_parameters(OpenApiParameter("reason", description="Reasons, separated by commas.")),
        responses={200: SuspectPage},
        operation_id="stock_health_suspect",
    )
    def get(self, request: Request) -> Response:
        return super().get(request)

    def rows(self, query: SuspectQuery, where: Where, **paging: Any) -> health.Page[Any]:
        return health.suspects(where, reasons=query.reason, weeks=query.weeks, as_of=now(), **paging)
