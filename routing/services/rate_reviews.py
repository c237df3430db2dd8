"""A carrier service's prices, seen against the postal codes and places there are today."""

from django.db import connection

from inventory import queries as inventory
from routing.documents import compact_postal_code
from routing.errors import CarrierServiceMissing
from routing.models import CarrierService, Zone
from routing.rate_review import PricedZone, Remark, review_rates

_AREAS = "SELECT DISTINCT country, left(code, %s) FROM routing_postalarea ORDER BY 1, 2"
_FEWEST_CHARACTERS = 2  # a department, a province: what zones are usually drawn by


def review_rates_of(code: str) -> list[Remark]:
    """Errors: CarrierServiceMissing."""
    try:
        return review_service(CarrierService.objects.get(pk=code))
    except CarrierService.DoesNotExist:
        raise CarrierServiceMissing() from None


def review_service(service: CarrierService) -> list[Remark]:
    zones = [_priced(zone) for zone in service.zones.prefetch_related("rates")]
    return review_rates(
        zones,
        heaviest_g=service.max_weight_g,
        areas=_areas(max((len(prefix) for zone in zones for prefix in zone.prefixes), default=0)),
        places_off_the_map=[
            place.code
            for place in inventory.places().values()
            if place.is_active and place.can_serve("ship") and place.latitude is None
        ],
    )


def _priced(zone: Zone) -> PricedZone:
    return PricedZone(
        code=zone.code,
        countries=frozenset(zone.countries),
        prefixes=tuple(map(compact_postal_code, zone.postal_prefixes)),
        max_distance_km=zone.max_distance_km,
        rates=tuple((rate.max_weight_g, rate.price) for rate in zone.rates.all()),
    )


def _areas(characters: int) -> list[tuple[str, str]]:
    """The postal codes there are, cut so that each lies in a prefix as a whole or not at all."""
    with connection.cursor() as cursor:
        cursor.execute(_AREAS, [max(_FEWEST_CHARACTERS, characters)])
        return cursor.fetchall()
