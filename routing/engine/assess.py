"""How one step sees the places: whom it lets in at what prices, and why it does without the others."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from inventory.confidence import PRIOR
from inventory.methods import ability_for

from . import filters, geo
from .atlas import Atlas
from .cost import Carriage, Offers, Pricing, counted_km
from .problem import Problem
from .types import Demand, Line, Network, Place, Rest, Step


@dataclass(frozen=True, eq=False)
class Assessment:
    """A step's problem, and the places that hold something (by code) with the number of the reason against each."""

    problem: Problem
    places: Sequence[Place]
    why: np.ndarray
    distances_km: np.ndarray


@dataclass(frozen=True, eq=False)
class Scene:
    """The network seen for one demand; what earlier steps took is told each time."""

    demand: Demand
    network: Network

    @cached_property
    def atlas(self) -> Atlas:
        return Atlas.of(self.network.places)

    @cached_property
    def skus(self) -> list[str]:
        return list(dict.fromkeys(line.sku for line in self.demand.lines))

    @cached_property
    def held(self) -> np.ndarray:
        """Places × SKUs."""
        held = self.atlas.table(self.network.sellable, self.skus, None, 0)
        if self.demand.location is not None:
            others = np.arange(len(held)) != self.atlas.index.get(self.demand.location, -1)
            held[others] = 0
        return held

    @cached_property
    def distances_km(self) -> np.ndarray:
        """Of the places that hold anything; the others are left at not-a-number."""
        found = np.full(len(self.atlas.places), np.nan)
        known = self.network.distances_km
        if known is not None:
            found[:] = [np.nan if (km := known.get(code)) is None else km for code in self.atlas.codes]
        elif self.demand.point is not None:
            rows = np.flatnonzero(self.held.any(axis=1))
            found[rows] = geo.distances_km(self.atlas.points[rows], self.demand.point)
        return found

    def columns(self, lines: Sequence[Line]) -> list[int]:
        return [self.skus.index(line.sku) for line in lines]


def assess(
    scene: Scene, step: Step, left: tuple[Line, ...], taken: dict[tuple[str, str], int], parcels: Sequence[str]
) -> Assessment:
    """`left`: what is still to be served. `taken`: {(sku, place): units} of earlier steps, `parcels` their places."""
    demand, network, atlas, source = scene.demand, scene.network, scene.atlas, step.source
    columns = scene.columns(left)
    rows = np.flatnonzero(scene.held[:, columns].any(axis=1))
    places = [atlas.places[row] for row in rows.tolist()]
    held = scene.held[rows][:, columns]
    sieve = filters.Sieve(places, atlas.standing(source, ability_for(demand.method))[rows].copy())
    confidence = (
        atlas.table(network.confidence, [line.sku for line in left], rows, PRIOR) if source.min_confidence else held
    )
    units = filters.usable_units(sieve, left, demand, source, _less(held, scene, rows, left, taken), confidence)
    km = scene.distances_km[rows]
    filters.check_distance(sieve, km, source)
    filters.check_present(sieve, source, network, lambda place: parcels.count(place.code))
    carriage = Carriage(network, step)
    charges = _charges(sieve, carriage, km)
    units = _carried(sieve, units, left, carriage, charges)
    let_in = np.flatnonzero(sieve.why == 0)
    offers = _priced(scene, step, left, rows[let_in], units[let_in], held[let_in], carriage, charges[let_in])
    if network.kept or network.kept_parcels:
        offers = _not_kept(sieve, offers, scene, left, let_in)
    return Assessment(_problem(step, demand, left, offers), places, sieve.why, km)


def _less(
    held: np.ndarray, scene: Scene, rows: np.ndarray, left: Sequence[Line], taken: dict[tuple[str, str], int]
) -> np.ndarray:
    if not taken:
        return held
    sellable = held.copy()
    at = {row: number for number, row in enumerate(rows.tolist())}
    for (sku, code), units in taken.items():
        row = at.get(scene.atlas.index[code])
        if row is not None:
            for column, line in enumerate(left):
                if line.sku == sku:
                    sellable[row, column] -= units
    return sellable


def _charges(sieve: filters.Sieve, carriage: Carriage, distances_km: np.ndarray) -> np.ndarray:
    """Per place the number of its charge; who has none leaves the sieve."""
    numbers = np.zeros(len(sieve.places), dtype=np.intp)
    km = [None if unknown else far for far, unknown in zip(distances_km.tolist(), np.isnan(distances_km), strict=True)]
    for row, place in sieve.remaining():
        found = carriage.number(place, km[row])
        if isinstance(found, str):
            sieve.drop_one(row, found)
        else:
            numbers[row] = found
    return numbers


def _carried(
    sieve: filters.Sieve, units: np.ndarray, lines: Sequence[Line], carriage: Carriage, charges: np.ndarray
) -> np.ndarray:
    """Without the units that fit into no package."""
    if not carriage.charges:
        return units
    limits = np.array([charge.tariff.max_unit_weight_g for charge in carriage.charges])[charges]
    too_heavy = np.array([line.weight_g for line in lines]) > limits[:, None]
    if too_heavy.any():
        units = np.where(too_heavy, 0, units)
        sieve.drop(~units.any(axis=1), "too_heavy")
    return units


def _not_kept(sieve: filters.Sieve, offers: Offers, scene: Scene, lines: Sequence[Line], let_in: np.ndarray) -> Offers:
    """What other orders leave, at the same prices; a place where they leave nothing is out after all."""
    rows = np.array([scene.atlas.index[place.code] for place in offers.places], dtype=np.intp)
    kept = scene.atlas.table(scene.network.kept, [line.sku for line in lines], rows, 0)
    free = np.minimum(offers.units, np.maximum(0, scene.held[rows][:, scene.columns(lines)] - kept))
    for row, place in enumerate(offers.places):
        if others := scene.network.kept_parcels.get(place.code):
            capacity = scene.network.capacity_left(place)
            if capacity is not None and capacity <= others:
                free[row] = 0
    has_some = free.any(axis=1)
    for row in let_in[~has_some].tolist():
        sieve.drop_one(row, "kept_for_others")
    return replace(offers, units=free).only(np.flatnonzero(has_some))


def _priced(
    scene: Scene,
    step: Step,
    lines: Sequence[Line],
    rows: np.ndarray,
    units: np.ndarray,
    held: np.ndarray,
    carriage: Carriage,
    charges: np.ndarray,
) -> Offers:
    pricing = Pricing(scene.atlas, rows, lines, scene.network, step)
    km = counted_km(scene.distances_km[rows], scene.demand.point is not None)
    return Offers(
        places=tuple(pricing.places),
        units=units,
        distances_km=scene.distances_km[rows],
        charges=tuple(carriage.charges),
        charge_of=charges,
        fixed_parts=pricing.fixed_parts(km),
        unit_parts=pricing.unit_parts(units, held),
        carbon_per_g=pricing.carbon_per_g(km),
    )


def _problem(step: Step, demand: Demand, left: tuple[Line, ...], offers: Offers) -> Problem:
    problem = Problem(
        lines=left,
        offers=offers,
        max_parcels=step.max_parcels,
        min_parcel_value=step.min_parcel_value,
        keep_groups=step.keep_groups,
        complete=step.complete,
    )
    return replace(problem, max_parcels=1, complete=True) if is_not_split(step, demand) else problem


def is_not_split(step: Step, demand: Demand) -> bool:
    """Whether the step sends it in one parcel or not at all. One line with such a tag is enough, as for a rule's conditions."""
    if step.no_split_below is not None and demand.value < step.no_split_below:
        return True
    if not step.no_split_customer_tags.isdisjoint(demand.customer_tags):
        return True
    tags = step.no_split_tags
    return bool(tags) and any(not tags.isdisjoint(line.tags) for line in demand.lines)


def is_sent_whole(step: Step, demand: Demand) -> bool:
    """Whether the step sends all of it in one parcel or nothing, for whatever reason."""
    return is_not_split(step, demand) or (step.complete and step.max_parcels == 1)


def sent_together(step: Step, demand: Demand) -> list[frozenset[str]]:
    """The keys of lines that the step sends in one parcel or not at all, one set for each parcel."""
    if is_sent_whole(step, demand):
        return [frozenset(line.key for line in demand.lines)]
    groups: dict[str, set[str]] = {}
    for line in demand.lines:
        if line.group is not None and step.keep_groups:
            groups.setdefault(line.group, set()).add(line.key)
    return [frozenset(keys) for keys in groups.values()]


def mates(steps: Sequence[Step], demand: Demand, lost: Collection[str]) -> frozenset[str]:
    """The keys of lines that none of these steps, tried one after the other, would send without those that are lost."""
    found = frozenset(line.key for line in demand.lines)
    for step in tried(steps):
        found &= frozenset().union(*(keys for keys in sent_together(step, demand) if not keys.isdisjoint(lost)))
    return found if steps else frozenset()


def tried(steps: Sequence[Step]) -> list[Step]:
    """Those that are asked one after the other; what the last of them leaves goes elsewhere."""
    last = next((number for number, step in enumerate(steps) if step.rest is not Rest.NEXT), len(steps))
    return list(steps[: last + 1])
