"""Which places a step lets in, and the word for every one it leaves out."""

from collections.abc import Mapping, Sequence

from .types import Demand, Line, Network, Place, Source, Step

#: What a place must be able to do to serve a method (a locker is filled by parcels).
ABILITY_OF_METHOD = {"locker": "ship"}

#: Units already planned by earlier steps: {(sku, location): units}.
Taken = Mapping[tuple[str, str], int]


def ability_for(method: str) -> str:
    return ABILITY_OF_METHOD.get(method, method)


def standing_reason(place: Place, source: Source, ability: str) -> str | None:
    """Why the place is out whatever the goods and the address, or None."""
    if not place.is_accepting:
        return "not_accepting"
    if place.is_paused:
        return "paused"
    if ability not in place.abilities or not source.abilities <= place.abilities:
        return "ability"
    if source.kinds and place.kind not in source.kinds:
        return "kind"
    if source.locations and place.code not in source.locations:
        return "location"
    if source.groups and source.groups.isdisjoint(place.groups):
        return "group"
    if not source.exclude_groups.isdisjoint(place.groups):
        return "exclude_group"
    return None


def distance_reason(distance_km: float | None, source: Source) -> str | None:
    if source.max_distance_km is None:
        return None
    if distance_km is None:
        return "distance_unknown"
    return "too_far" if distance_km > source.max_distance_km else None


def current_reason(place: Place, step: Step, network: Network, used: int) -> str | None:
    """Why the place cannot take work now; `used` parcels of this plan already go there."""
    if step.source.open_now and not network.is_open(place):
        return "closed_now"
    if not step.source.ignore_capacity:
        left = network.capacity_left(place)
        if left is not None and left - used <= 0:
            return "no_capacity"
    return None


def usable_units(
    place: Place, lines: Sequence[Line], demand: Demand, source: Source, network: Network, taken: Taken
) -> tuple[tuple[int, ...], str]:
    """Units the place may give per line, and the reason if it may give none."""
    units, reason = [], "no_stock"
    for line in lines:
        sellable = network.sellable.get(line.sku, {}).get(place.code, 0)
        if taken:
            sellable -= taken.get((line.sku, place.code), 0)
        usable = sellable - source.min_left_after if sellable >= source.min_sellable else 0
        if sellable > 0 and usable <= 0:
            reason = "too_few_units"
        if usable > 0 and demand.excluded and place.code in demand.excluded.get(line.key, ()):
            usable, reason = 0, "excluded"
        units.append(max(usable, 0))
    return tuple(units), reason
