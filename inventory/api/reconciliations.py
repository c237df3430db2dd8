"""`stock/reconciliations/`: how far feeds and the ledger were apart, night by night."""

from typing import Any, Literal

import django_filters as filters
from drf_spectacular.utils import extend_schema, extend_schema_view
from pydantic import BaseModel

from inventory.api.filters import CommaFilter, GroupFilter
from inventory.api.stock import OfMyPlaces
from inventory.models import Reconciliation
from oms.api.body import Instant
from oms.api.filters import BooleanFilter


class Difference(BaseModel):
    """So many units more (or fewer) than the ledger had."""

    sku: str
    difference: int


class EarlierReport(BaseModel):
    date: str
    compared: int
    different: int
    units_off: int


class ReconciliationDocument(BaseModel):
    """What a source's files of one day said of a place, beside what we believed.

    `trend` compares the units off with those of the report `before`.
    """

    date: str
    source: str
    location: str
    imports: int
    compared: int
    equal: int
    different: int
    units_over: int
    units_under: int
    biggest: list[Difference]
    trend: Literal["new", "better", "same", "worse"]
    before: EarlierReport | None
    made_at: Instant


def reconciliation_document(row: Reconciliation) -> dict[str, Any]:
    names = set(ReconciliationDocument.model_fields) - {"date", "location", "before"}
    before = {"compared": row.before_compared, "different": row.before_different, "units_off": row.before_units_off}
    return {
        "date": row.date.isoformat(),
        "location": row.location_id,
        **{name: getattr(row, name) for name in ReconciliationDocument.model_fields if name in names},
        "before": {"date": row.before_date.isoformat(), **before} if row.before_date else None,
    }


class ReconciliationFilters(filters.FilterSet):
    source = CommaFilter(lookup_expr="in")
    location = CommaFilter(field_name="location_id", lookup_expr="in")
    group = GroupFilter()
    date = filters.DateFilter()
    date_from = filters.DateFilter(field_name="date", lookup_expr="gte")
    date_until = filters.DateFilter(field_name="date", lookup_expr="lt")
    differs = BooleanFilter(
        field_name="different", method="differ", label="only places that differ, or only equal ones"
    )

    class Meta:
        model = Reconciliation
        fields: list[str] = []

    def differ(self, queryset: Any, _name: str, value: bool) -> Any:
        return queryset.filter(different__gt=0) if value else queryset.filter(different=0)


@extend_schema_view(
    get=extend_schema(
        summary="Feeds beside the ledger, latest day first",
        description="One report per day (UTC), source and place, made at night from the files of the day.",
        responses={200: ReconciliationDocument},
    )
)
class Reconciliations(OfMyPlaces):
    queryset = Reconciliation.objects.all()
    filterset_class = ReconciliationFilters
    cursor_ordering = ("-date", "-id")
    document = staticmethod(reconciliation_document)
