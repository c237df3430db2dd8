"""Query parameters of the lists."""

from datetime import datetime

import django_filters as filters
from django.db.models import QuerySet

from inventory.api.filters import GroupFilter
from orders.models import ExceptionCase, Fulfillment, Order
from orders.search import find_orders
from orders.states import FulfillmentStatus, OrderStatus


class OrderFilter(filters.FilterSet):
    status = filters.MultipleChoiceFilter(choices=OrderStatus.choices)
    channel = filters.CharFilter("channel_id")
    customer = filters.CharFilter("customer_id")
    email = filters.CharFilter("customer__email", lookup_expr="iexact")
    external_id = filters.CharFilter("external_id")
    sku = filters.CharFilter("lines__product_id", distinct=True)
    location = filters.CharFilter("fulfillments__location_id", distinct=True)
    group = GroupFilter("fulfillments__location_id", distinct=True)
    placed_after = filters.IsoDateTimeFilter("placed_at", lookup_expr="gte")
    placed_before = filters.IsoDateTimeFilter("placed_at", lookup_expr="lt")
    q = filters.CharFilter(method="search", label="number, external id, or e-mail, name or telephone of the customer")

    class Meta:
        model = Order
        fields: list[str] = []

    def search(self, queryset: QuerySet[Order], name: str, value: str) -> QuerySet[Order]:
        return find_orders(queryset, value)


class FulfillmentFilter(filters.FilterSet):
    location = filters.CharFilter("location_id")
    group = GroupFilter()
    status = filters.MultipleChoiceFilter(choices=FulfillmentStatus.choices)
    method = filters.CharFilter("method")
    due_before = filters.IsoDateTimeFilter("ready_by", method="due")

    class Meta:
        model = Fulfillment
        fields: list[str] = []

    def due(self, queryset: QuerySet[Fulfillment], name: str, value: datetime) -> QuerySet[Fulfillment]:
        """Nothing is due whose clocks stand still."""
        return queryset.filter(ready_by__lt=value, clocks_left__isnull=True)


class ExceptionFilter(filters.FilterSet):
    reason = filters.ChoiceFilter(choices=ExceptionCase.Reason.choices)
    location = filters.CharFilter("location_id")
    group = GroupFilter()
    status = filters.ChoiceFilter(choices=ExceptionCase.Status.choices)

    class Meta:
        model = ExceptionCase
        fields: list[str] = []
