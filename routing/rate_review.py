"""What is wrong with a carrier service's prices, read from its zones alone: holes that no order should have to find.

Zones are tried in their order, those without prices left out, and the first that covers the way is used
(`routing.queries`, `engine.tariffs.Zone`).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import pairwise
from typing import Any

#: What makes a zone or a service do nothing it was written for; the others only deserve a look.
FAULTS = frozenset({"no_zones", "no_prices", "never_reached"})


@dataclass(frozen=True, slots=True)
class PricedZone:
    """`rates`: (up to so many grams or None, price)."""

    code: str
    countries: frozenset[str] = frozenset()
    prefixes: tuple[str, ...] = ()
    max_distance_km: float | None = None
    rates: tuple[tuple[int | None, Decimal], ...] = ()

    def reaches(self, country: str, code: str) -> bool:
        return (not self.countries or country in self.countries) and (
            not self.prefixes or code.startswith(self.prefixes)
        )


@dataclass(frozen=True, slots=True)
class Remark:
    """`zone`: its code; empty: about the service. `facts`: what the sentence about it names."""

    zone: str
    code: str
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_fault(self) -> bool:
        return self.code in FAULTS


def review_rates(
    zones: Sequence[PricedZone],
    *,
    heaviest_g: int | None,
    areas: Iterable[tuple[str, str]],
    places_off_the_map: Sequence[str] = (),
    places_never_fetched: Sequence[str] = (),
) -> list[Remark]:
    """All remarks, zone by zone, then about the service.

    `heaviest_g`: its heaviest package, None: any. `areas`: (country, beginning of postal codes) there are.
    `places_off_the_map`: places that send, without coordinates; `places_never_fetched`: those that are open on no day on
    which it comes.
    """
    if not zones:
        return [Remark("", "no_zones")]
    priced = [zone for zone in zones if zone.rates]
    found = [remark for number, zone in enumerate(zones) for remark in _of_zone(zone, zones[:number], heaviest_g)]
    found += _of_areas(priced, areas)
    if places_off_the_map and any(zone.max_distance_km is not None for zone in priced):
        found.append(Remark("", "places_off_the_map", {"places": sorted(places_off_the_map)}))
    if places_never_fetched:
        found.append(Remark("", "never_open_when_fetching", {"places": sorted(places_never_fetched)}))
    return found


# ---- one zone ------------------------------------------------------------------------------------


def _of_zone(zone: PricedZone, before: Sequence[PricedZone], heaviest_g: int | None) -> Iterator[Remark]:
    if not zone.rates:
        yield Remark(zone.code, "no_prices")
        return
    if taker := next((other for other in before if other.rates and _covers(other, zone)), None):
        yield Remark(zone.code, "never_reached", {"before": taker.code})
    yield from _of_weights(zone, heaviest_g)


def _covers(general: PricedZone, special: PricedZone) -> bool:
    """Every way of `special` is one of `general`."""
    countries = not general.countries or (bool(special.countries) and special.countries <= general.countries)
    prefixes = not general.prefixes or (
        bool(special.prefixes) and all(prefix.startswith(general.prefixes) for prefix in special.prefixes)
    )
    distances = general.max_distance_km is None or (
        special.max_distance_km is not None and special.max_distance_km <= general.max_distance_km
    )
    return countries and prefixes and distances


def _of_weights(zone: PricedZone, heaviest_g: int | None) -> Iterator[Remark]:
    rates = sorted(zone.rates, key=lambda rate: (rate[0] is None, rate[0] or 0))
    last = rates[-1][0]
    if last is not None and (heaviest_g is None or last < heaviest_g):
        yield Remark(zone.code, "heavier_has_no_price", {"grams": last})
    if heaviest_g is not None:
        enough = next((n for n, (limit, _price) in enumerate(rates) if limit is None or limit >= heaviest_g), None)
        if enough is not None and enough + 1 < len(rates):
            yield Remark(zone.code, "never_so_heavy", {"grams": heaviest_g})
            rates = rates[: enough + 1]
    for (light, dearer), (_heavy, cheaper) in pairwise(rates):
        if cheaper < dearer:
            yield Remark(zone.code, "heavier_is_cheaper", {"grams": light})


# ---- what they cover together ---------------------------------------------------------------------


def _of_areas(priced: Sequence[PricedZone], areas: Iterable[tuple[str, str]]) -> Iterator[Remark]:
    """Of the countries that the service goes to at all."""
    missed: list[str] = []
    near: dict[float, list[str]] = {}
    for country, code in sorted(set(areas)):
        if not any(not zone.countries or country in zone.countries for zone in priced):
            continue
        limits = [zone.max_distance_km for zone in priced if zone.reaches(country, code)]
        if not limits:
            missed.append(f"{country} {code}")
        elif None not in limits:
            near.setdefault(max(limit for limit in limits if limit is not None), []).append(f"{country} {code}")
    if missed:
        yield Remark("", "areas_not_reached", {"areas": missed})
    for km, named in sorted(near.items()):
        yield Remark("", "not_from_farther", {"km": f"{km:g}", "areas": named})
