"""CRUD of the tables planning keeps in memory: every change is seen by all processes within a second."""

from typing import Any

from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer

from oms.api.views import IDEMPOTENCY_KEY, ApiView, ApiViewSet
from oms.clock import now
from oms.errors import Missing
from routing import queries
from routing.api.documents import RatesReview, rates_review
from routing.api.serializers import (
    CarrierServiceSerializer,
    DatePolicySerializer,
    PostalAreaSerializer,
    RateSerializer,
    ServiceLevelSerializer,
)
from routing.errors import CarrierServiceMissing
from routing.models import CarrierService, DatePolicy, PostalArea, Rate, ServiceLevel
from routing.services.rate_reviews import review_rates_of
from routing.services.tables import change_cached


class CachedTable(ApiViewSet):
    cache_name: str
    network_wide = True
    scopes = {
        "GET": "routing:read",
        "POST": "routing:write",
        "PUT": "routing:write",
        "PATCH": "routing:write",
        "DELETE": "routing:write",
    }

    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        once = self.once(self.basename, required=False)
        serializer = self.get_serializer(data=request.data)

        def make() -> Any:
            serializer.is_valid(raise_exception=True)  # of a repeat nothing is judged: its code is taken, by itself
            return serializer.save().pk

        made = change_cached(self.cache_name, make, as_of=now(), once=once)
        row = self.get_queryset().filter(pk=made).first()
        if row is None:
            raise Missing()
        return Response(self.get_serializer(row).data, status=201, headers=self.replay_headers(once))

    def perform_update(self, serializer: BaseSerializer) -> None:
        change_cached(self.cache_name, serializer.save, as_of=now())

    def perform_destroy(self, instance: Any) -> None:
        change_cached(self.cache_name, instance.delete, as_of=now())


def described(noun: str) -> Any:
    return extend_schema_view(
        list=extend_schema(summary=f"List {noun}"),
        create=extend_schema(summary=f"Add to {noun}", parameters=[IDEMPOTENCY_KEY]),
        retrieve=extend_schema(summary=f"One of {noun}"),
        update=extend_schema(summary=f"Replace one of {noun}"),
        partial_update=extend_schema(summary=f"Change one of {noun}"),
        destroy=extend_schema(summary=f"Remove one of {noun}"),
    )


@described("service levels")
class ServiceLevels(CachedTable):
    cache_name = queries.SERVICE_LEVELS
    queryset = ServiceLevel.objects.all()
    serializer_class = ServiceLevelSerializer


@described("carrier services with their zones and rates")
class CarrierServices(CachedTable):
    cache_name = queries.RATES
    queryset = CarrierService.objects.prefetch_related("zones__rates")
    serializer_class = CarrierServiceSerializer
    filterset_fields = ["carrier", "service", "is_active"]
    cursor_ordering = ("code",)
    lookup_value_regex = "[^/]+"  # a code may hold a point


class RatesReviewView(ApiView):
    scopes = {"GET": "routing:read"}
    refusals = {"GET": [CarrierServiceMissing()]}

    @extend_schema(responses={200: RatesReview}, operation_id="carrier_services_review")
    def get(self, request: Request, code: str) -> Response:
        """What is wrong with a carrier's zones and prices, seen against today's postal areas and places: no zone, no price,
        a zone that is never reached, weights and areas without a price, places that are never open when it fetches. A
        change is taken whatever is said here."""
        return Response(rates_review(review_rates_of(code)))


@described("date policies")
class DatePolicies(CachedTable):
    cache_name = queries.DATE_POLICIES
    queryset = DatePolicy.objects.all()
    serializer_class = DatePolicySerializer
    cursor_ordering = ("id",)


class RateFilter(filters.FilterSet):
    carrier_service = filters.CharFilter(field_name="zone__carrier_service")
    zone = filters.CharFilter(field_name="zone__code")


@described("rates")
class Rates(CachedTable):
    cache_name = queries.RATES
    queryset = Rate.objects.select_related("zone__carrier_service")
    serializer_class = RateSerializer
    filterset_class = RateFilter
    cursor_ordering = ("id",)


@described("postal areas")
class PostalAreas(CachedTable):
    cache_name = queries.POSTAL_AREAS
    queryset = PostalArea.objects.all()
    serializer_class = PostalAreaSerializer
    filterset_fields = ["country", "code"]
    cursor_ordering = ("id",)
