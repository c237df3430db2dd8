"""Tables that staff edit. Unknown fields are refused, so that a typing error is never silently dropped."""

import math
from collections import Counter
from typing import Any

import pydantic
from django.db import models
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from oms.api.body import Code, field_errors
from oms.models import Channel
from oms.money import EXPONENTS
from routing.documents import Kind, Method, Service, compact_postal_code
from routing.models import CarrierService, DatePolicy, PostalArea, Rate, ServiceLevel, Zone
from routing.service_levels import unknown_groups, unknown_places
from routing.services import carriers

_CODE = pydantic.TypeAdapter(Code)


class StrictSerializer(serializers.Serializer):
    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, dict) and (unknown := set(data) - set(self.fields)):
            message = {
                name: [serializers.ErrorDetail(str(_("This field is unknown.")), "unknown_field")] for name in unknown
            }
            raise serializers.ValidationError(message)
        return super().to_internal_value(data)


class FiniteFloatField(serializers.FloatField):
    """NaN would pass every limit, because it is neither below nor above it."""

    def to_internal_value(self, data: Any) -> float:
        value = super().to_internal_value(data)
        if not math.isfinite(value):
            self.fail("invalid")
        return value


class StrictModelSerializer(StrictSerializer, serializers.ModelSerializer):
    serializer_field_mapping = {
        **serializers.ModelSerializer.serializer_field_mapping,
        models.FloatField: FiniteFloatField,
    }


# ---- service levels ------------------------------------------------------------------------------


def _choices(literal: Any) -> serializers.ListField:
    return serializers.ListField(child=serializers.ChoiceField(literal.__args__), required=False, max_length=20)


def _texts(at_most: int, length: int = 64) -> serializers.ListField:
    return serializers.ListField(child=serializers.CharField(max_length=length), required=False, max_length=at_most)


class ScopeSerializer(StrictSerializer):
    """What a service level covers; an absent or empty list covers everything."""

    locations = _texts(10_000)
    groups = _texts(1000)
    kinds = _choices(Kind)
    methods = _choices(Method)
    services = _choices(Service)

    def validate_locations(self, codes: list[str]) -> list[str]:
        if unknown := unknown_places(codes):
            raise serializers.ValidationError(_("Unknown places: %s") % ", ".join(unknown), "unknown_location")
        return codes

    def validate_groups(self, groups: list[str]) -> list[str]:
        if unknown := unknown_groups(groups):
            message = _("No place is in these groups: %s") % ", ".join(unknown)
            raise serializers.ValidationError(message, "unknown_group")
        return groups


class ServiceLevelSerializer(StrictModelSerializer):
    scope = ScopeSerializer(source="*", required=False)

    class Meta:
        model = ServiceLevel
        fields = [
            "id",
            "scope",
            "acknowledge_minutes",
            "prepare_minutes",
            "hand_over_minutes",
            "collect_hours",
            "warn_at_share",
            "escalate_at_share",
            "max_attempts",
            "created_at",
        ]
        read_only_fields = ["id", "created_at"]

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        known = self.instance or ServiceLevel()
        warn, escalate = (attrs.get(name, getattr(known, name)) for name in ("warn_at_share", "escalate_at_share"))
        if escalate < warn:
            fault = serializers.ErrorDetail(str(_("The manager is told no sooner than the place.")), "before_the_place")
            raise serializers.ValidationError({"escalate_at_share": fault})
        return attrs


# ---- carriers --------------------------------------------------------------------------------------


class ZoneRateSerializer(StrictModelSerializer):
    class Meta:
        model = Rate
        fields = ["max_weight_g", "price"]


class ZoneSerializer(StrictModelSerializer):
    """Zones are tried in the order given; the first that covers the way is used."""

    countries = serializers.ListField(child=serializers.RegexField(r"^[A-Z]{2}$"), required=False, max_length=300)
    postal_prefixes = _texts(5000, length=20)
    rates = ZoneRateSerializer(many=True)

    class Meta:
        model = Zone
        fields = ["code", "countries", "postal_prefixes", "max_distance_km", "transit_days", "rates"]

    def validate_rates(self, rates: list[dict[str, Any]]) -> list[dict[str, Any]]:
        limits = Counter(rate.get("max_weight_g") for rate in rates)
        if any(count > 1 for count in limits.values()):
            raise serializers.ValidationError(_("A weight has two prices."), "duplicate")
        return rates


class CarrierServiceSerializer(StrictModelSerializer):
    """A service with its whole price list; `zones`, where given, replace those there were."""

    zones = ZoneSerializer(many=True, required=False)

    class Meta:
        model = CarrierService
        fields = ["code", "carrier", "name", "service", "currency", "is_active", "max_weight_g", "cut_off"]
        fields += ["pickup_days", "delivery_days", "zones"]

    def get_fields(self) -> dict[str, serializers.Field]:
        fields = super().get_fields()
        fields["code"].read_only = self.instance is not None and not isinstance(self.instance, list | QuerySet)
        return fields

    def validate_code(self, code: str) -> str:
        try:
            return _CODE.validate_python(code)
        except pydantic.ValidationError as error:
            faults = [serializers.ErrorDetail(fault.detail, fault.code) for fault in field_errors(error)]
            raise serializers.ValidationError(faults) from None

    def validate_currency(self, currency: str) -> str:
        if currency not in EXPONENTS:
            raise serializers.ValidationError(_("Unknown currency"), "unknown_currency")
        return currency

    def validate_zones(self, zones: list[dict[str, Any]]) -> list[dict[str, Any]]:
        if any(count > 1 for count in Counter(zone["code"] for zone in zones).values()):
            raise serializers.ValidationError(_("Two zones have the same code."), "duplicate")
        return zones

    def create(self, validated_data: dict[str, Any]) -> CarrierService:
        zones = _zone_rows(validated_data.pop("zones", []))
        return carriers.create_carrier_service(validated_data, zones=zones)

    def update(self, instance: CarrierService, validated_data: dict[str, Any]) -> CarrierService:
        zones = validated_data.pop("zones", None)
        rows = None if zones is None else _zone_rows(zones)
        return carriers.change_carrier_service(instance, validated_data, zones=rows)


def _zone_rows(zones: list[dict[str, Any]]) -> list[carriers.ZoneRow]:
    return [carriers.ZoneRow(**{**zone, "rates": [carriers.Price(**rate) for rate in zone["rates"]]}) for zone in zones]


class RateSerializer(StrictModelSerializer):
    """One price; `zone` by its code within the carrier service."""

    carrier_service = serializers.SlugRelatedField(
        "code", source="zone.carrier_service", queryset=CarrierService.objects.all()
    )
    zone = serializers.CharField(source="zone.code", max_length=64)

    class Meta:
        model = Rate
        fields = ["id", "carrier_service", "zone", "max_weight_g", "price"]
        validators: list[Any] = []

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        zone = self._zone(attrs.pop("zone", {}))
        limit = attrs.get("max_weight_g", self.instance.max_weight_g if self.instance else None)
        others = Rate.objects.filter(zone=zone, max_weight_g=limit)
        if self.instance:
            others = others.exclude(pk=self.instance.pk)
        if others.exists():
            raise serializers.ValidationError(
                {"max_weight_g": serializers.ErrorDetail(str(_("A weight has two prices.")), "duplicate")}
            )
        return {**attrs, "zone": zone}

    def _zone(self, given: dict[str, Any]) -> Zone:
        known = self.instance.zone if self.instance else None
        service = given.get("carrier_service", known and known.carrier_service)
        code = given.get("code", known and known.code)
        zone = Zone.objects.filter(carrier_service=service, code=code).first()
        if zone is None:
            raise serializers.ValidationError(
                {"zone": serializers.ErrorDetail(str(_("There is no such zone.")), "unknown_zone")}
            )
        return zone


# ---- dates -----------------------------------------------------------------------------------------


class DatePolicySerializer(StrictModelSerializer):
    """Whether promise dates of a channel and service are learned, and the share to be kept. Left out: for all."""

    channel = serializers.SlugRelatedField("code", queryset=Channel.objects.all(), required=False, allow_null=True)

    class Meta:
        model = DatePolicy
        fields = ["id", "channel", "service", "mode", "quantile"]
        validators: list[Any] = []

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        known = self.instance
        scope = {
            "channel": attrs.get("channel", known and known.channel),
            "service": attrs.get("service", known.service if known else ""),
        }
        others = DatePolicy.objects.filter(**scope).exclude(pk=known.pk if known else 0)
        if others.exists():
            raise serializers.ValidationError(
                {"channel": serializers.ErrorDetail(str(_("There is a policy for this already.")), "duplicate")}
            )
        return attrs


# ---- the map ---------------------------------------------------------------------------------------


class PostalAreaSerializer(StrictModelSerializer):
    country = serializers.RegexField(r"^[A-Z]{2}$")

    class Meta:
        model = PostalArea
        fields = ["id", "country", "code", "name", "latitude", "longitude"]

    def validate_code(self, code: str) -> str:
        return compact_postal_code(code)
