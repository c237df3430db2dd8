"""Carriers' services with their zones and prices: written here, whoever asks (API, demo, files)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from oms.transactions import in_transaction
from routing.models import CarrierService, Rate, Zone


@dataclass(frozen=True, slots=True)
class Price:
    """`max_weight_g` None: of any weight."""

    price: Decimal
    max_weight_g: int | None = None


@dataclass(frozen=True, slots=True)
class ZoneRow:
    """Where a price list holds; a place in the order of zones is its place in the list."""

    code: str
    transit_days: int
    rates: Sequence[Price]
    countries: Sequence[str] = ()
    postal_prefixes: Sequence[str] = ()
    max_distance_km: float | None = None


@in_transaction
def create_carrier_service(values: Mapping[str, Any], *, zones: Sequence[ZoneRow]) -> CarrierService:
    service = CarrierService.objects.create(**values)
    _write_zones(service, zones)
    return service


@in_transaction
def change_carrier_service(
    service: CarrierService, values: Mapping[str, Any], *, zones: Sequence[ZoneRow] | None
) -> CarrierService:
    """Set these values; `zones`, unless None, take the place of all there were.

    The row is written first, so that whoever replaces the same zones at the same time waits for it.
    """
    for name, value in values.items():
        setattr(service, name, value)
    service.save(force_update=True)
    if zones is not None:
        service.zones.all().delete()
        _write_zones(service, zones)
    return service


@in_transaction
def _write_zones(service: CarrierService, zones: Sequence[ZoneRow]) -> None:
    made = Zone.objects.bulk_create(
        Zone(
            carrier_service=service,
            code=row.code,
            position=position,
            countries=list(row.countries),
            postal_prefixes=list(row.postal_prefixes),
            max_distance_km=row.max_distance_km,
            transit_days=row.transit_days,
        )
        for position, row in enumerate(zones)
    )
    Rate.objects.bulk_create(
        Rate(zone=zone, max_weight_g=rate.max_weight_g, price=rate.price)
        for zone, row in zip(made, zones, strict=True)
        for rate in row.rates
    )
