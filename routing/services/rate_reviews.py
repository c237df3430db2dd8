"""A carrier service's prices, seen against the postal codes and places there are today."""

from collections.abc import Iterator
from datetime import datetime

from django.db import connection

from inventory import queries as inventory
from inventory.hours import Calendar
from inventory.methods import ability_for
from inventory.models import Location
from inventory.public_holidays import holidays_of
from oms.clock import now
from routing import dates, queries
from routing.documents import compact_postal_code
from routing.errors import CarrierServiceMissing
from routing.models import CarrierService, Zone
from routing.queries import CarrierTerms
from routing.rate_review import PricedZone, Remark, review_rates
from routing.remarks import never_fetched_sentence

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
    senders = [place for place in inventory.places().values() if place.is_active and place.can_serve("ship")]
    terms, as_of = queries.terms_of(service), now()
    return review_rates(
        zones,
        heaviest_g=service.max_weight_g,
        areas=_areas(max((len(prefix) for zone in zones for prefix in zone.prefixes), default=0)),
        places_off_the_map=[place.code for place in senders if place.latitude is None],
        places_never_fetched=[
            place.code for place in senders if _is_never_fetched(place.calendar, place.country, terms, as_of)
        ],
    )


def remarks_on_place(place: Location, as_of: datetime) -> Iterator[tuple[str, str]]:
    """What carriers have to say about it: the services in use that never come while it is open."""
    if not place.is_active or ability_for("ship") not in place.abilities:
        return
    terms = queries.carriers().terms.items()
    never = [code for code, terms in terms if _is_never_fetched(place.calendar, place.country, terms, as_of)]
    if never:
        yield "never_open_when_fetching", never_fetched_sentence(sorted(never))


def _is_never_fetched(doors: Calendar, country: str, terms: CarrierTerms, as_of: datetime) -> bool:
    today = doors.local(as_of).date()
    return dates.is_never_fetched(doors, terms.pickup_days, holidays_of(country), today)


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
