"""Filters of the lists, as query parameters."""

from datetime import datetime
from typing import Any

import django_filters as filters
from django.db.models import Q, QuerySet

from inventory.groups import codes_of_groups
from inventory.gtin import spellings
from inventory.models import Ability, Barcode, Kind, Location, Product, StockLevel, StockMovement
from inventory.search import find_products
from oms.api.filters import BooleanFilter
from oms.clock import now


def split(text: Any) -> Any:
    """What stands between the commas of a query parameter; what is no text is left for the body to judge."""
    return [part.strip() for part in text.split(",") if part.strip()] if isinstance(text, str) else text


class CommaFilter(filters.BaseInFilter, filters.CharFilter):
    """`?sku=A,B`: any of these."""


class GroupFilter(CommaFilter):
    """`?group=idf,flagship`: at the places of any of these groups."""

    def __init__(self, field_name: str = "location_id", *, distinct: bool = False):
        label = "at the places of these groups, separated by commas"
        super().__init__(field_name=field_name, label=label, distinct=distinct)

    def filter(self, queryset: QuerySet, value: Any) -> QuerySet:
        if not value:
            return queryset
        found = queryset.filter(**{f"{self.field_name}__in": codes_of_groups(value)})
        return found.distinct() if self.distinct else found


class ContainsFilter(filters.CharFilter):
    """An array holds this value."""

    def filter(self, queryset: QuerySet, value: Any) -> QuerySet:
        return queryset.filter(**{f"{self.field_name}__contains": [value]}) if value else queryset


class ProductFilters(filters.FilterSet):
    q = filters.CharFilter(
        method="search",
        label="words of a name (either language, typos forgiven), a SKU, or a barcode; best match first",
    )
    sku = CommaFilter(field_name="sku", lookup_expr="in")
    barcode = CommaFilter(
        method="scanned", label="any of these, separated by commas; GTINs with or without leading zeros"
    )
    tag = ContainsFilter(field_name="tags")
    is_active = BooleanFilter()

    class Meta:
        model = Product
        fields: list[str] = []

    def search(self, queryset: QuerySet, _name: str, value: str) -> QuerySet:
        return find_products(queryset, value)

    def scanned(self, queryset: QuerySet, _name: str, codes: Any) -> QuerySet:
        same = [spelling for code in codes for spelling in spellings(code)]
        return queryset.filter(pk__in=Barcode.objects.filter(code__in=same).values("product"))


class LocationFilters(filters.FilterSet):
    q = filters.CharFilter(method="search", label="part of a name or city, start of a code")
    code = CommaFilter(field_name="code", lookup_expr="in")
    kind = filters.ChoiceFilter(choices=Kind.choices)
    country = filters.CharFilter()
    group = CommaFilter(field_name="groups", lookup_expr="overlap", label="in any of these groups")
    ability = filters.ChoiceFilter(choices=Ability.choices, method="able", label="can do this")
    is_active = BooleanFilter()
    accepting_orders = BooleanFilter()
    paused = BooleanFilter(method="whether_paused", label="its manager takes no more orders now")

    class Meta:
        model = Location
        fields: list[str] = []

    def search(self, queryset: QuerySet, _name: str, value: str) -> QuerySet:
        return queryset.filter(Q(name__icontains=value) | Q(city__icontains=value) | Q(code__startswith=value))

    def able(self, queryset: QuerySet, _name: str, value: str) -> QuerySet:
        return queryset.filter(abilities__contains=[value])

    def whether_paused(self, queryset: QuerySet, _name: str, value: bool) -> QuerySet:
        lasts = Q(paused_until__gt=now())
        return queryset.filter(lasts) if value else queryset.exclude(lasts)


class PlacedFilters(filters.FilterSet):
    sku = CommaFilter(field_name="product_id", lookup_expr="in")
    location = CommaFilter(field_name="location_id", lookup_expr="in")
    group = GroupFilter()

    class Meta:
        model = StockLevel
        fields: list[str] = []


class LevelFilters(PlacedFilters):
    suspect = BooleanFilter(field_name="suspect_at", lookup_expr="isnull", exclude=True)


class MovementFilters(filters.FilterSet):
    """`recorded_…` and `occurred_after` leave out whole months of the ledger."""

    sku = CommaFilter(field_name="product_id", lookup_expr="in")
    location = CommaFilter(field_name="location_id", lookup_expr="in")
    group = GroupFilter()
    cause = filters.CharFilter()
    reference = filters.CharFilter(method="refers_to")
    occurred_after = filters.IsoDateTimeFilter(method="since")
    occurred_before = filters.IsoDateTimeFilter(field_name="occurred_at", lookup_expr="lt")
    recorded_after = filters.IsoDateTimeFilter(field_name="recorded_at", lookup_expr="gte")
    recorded_before = filters.IsoDateTimeFilter(field_name="recorded_at", lookup_expr="lt")

    class Meta:
        model = StockMovement
        fields: list[str] = []

    def refers_to(self, queryset: QuerySet, _name: str, value: str) -> QuerySet:
        """The index leaves out what refers to nothing."""
        return queryset.filter(reference=value).exclude(reference="")

    def since(self, queryset: QuerySet, _name: str, value: datetime) -> QuerySet:
        """Nothing is recorded before it happens, so older months are not looked at."""
        return queryset.filter(occurred_at__gte=value, recorded_at__gte=value)
