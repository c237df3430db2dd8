"""What a parcel costs under the weights of a step: money, added up from its causes.

The cost of a parcel with quantities q that weighs w, from place j, is

    carriage_j(w)                   the best service for that weight: cost × price + lateness × days late
  + cost × (handling_j + packaging_j) + distance × km + parcels + workload × booked share of the day
  + refusal × (1 − acceptance_j)    the expected cost of the attempt failing
  + carbon × kg of CO₂(w, km)
  + Σ units × (cost × handling per unit + scarcity price + order of the places + markdown)

`markdown` is what a unit would gain if it came from the place where most is to be gained, less what is gained here:
that differs from a reduction by a constant per unit served, and never makes a parcel cost less than nothing, on
which all bounds rest. All amounts are whole millionths, each part rounded by itself, so the parts shown to people
add up to the total that decided.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from .atlas import Atlas
from .geo import FARTHEST_KM
from .tariffs import Tariff, Tier, per_service
from .types import MICRO, Line, Network, Place, Step

#: Road freight, well-to-wheel, mixed vans and lorries (GLEC Framework, order of magnitude).
CARBON_KG_PER_TONNE_KM = 0.2
_TONNE_G = 1_000_000

#: No figure counts for more than this: a hundred thousand millions.
MOST_MICRO = 10**17


@dataclass(frozen=True)
class Charge:
    """What carriage counts, per weight: at each step of `tariff` the service that is best for it.

    `shipping` and `lateness` are the two parts of each tier's price. Of several packages each counts for itself.
    """

    tariff: Tariff
    shipping: tuple[int, ...]
    lateness: tuple[int, ...]

    def coarser(self, unit: int) -> "Charge":
        return Charge(
            Tariff.of(replace(tier, price_micro=tier.price_micro // unit) for tier in self.tariff.tiers),
            tuple(price // unit for price in self.shipping),
            tuple(price // unit for price in self.lateness),
        )

    def parts(self, weight_g: int) -> tuple[int, int]:
        full, number = self.tariff.packages(weight_g)
        return (
            full * self.shipping[-1] + self.shipping[number],
            full * self.lateness[-1] + self.lateness[number],
        )


class Carriage:
    """Charges of one step, made once for all places that send at the same prices and as late."""

    def __init__(self, network: Network, step: Step):
        self.network = network
        self.weights = step.weights
        self.on_time = step.source.on_time
        self.is_timed = bool(step.source.on_time or step.weights.lateness_days)
        self.charges: list[Charge] = []
        self._numbers: dict[tuple, int | str] = {}
        self._seen: dict[tuple[int, ...], tuple[tuple[Tariff, ...], list[Tier]]] = {}

    def number(self, place: Place, distance_km: float | None) -> int | str:
        """The number of the place's charge, or the reason why nothing can be sent."""
        tariffs = per_service(self.network.tariff(place, distance_km))
        if not tariffs:
            return "no_rate"
        ids = tuple(map(id, tariffs))
        if ids not in self._seen:  # keeps the tariffs alive, so that their ids stay theirs
            self._seen[ids] = (tariffs, list(ways_to_send(tariffs)))
        if not self.is_timed:
            key: tuple = ids
            late: dict[tuple[str, int], int | None] = {}
        else:
            late = {(t.carrier_service, t.transit_days): self._lateness(place, t) for t in self._seen[ids][1]}
            key = (ids, *late.values())
        if key not in self._numbers:
            self._numbers[key] = self._make(self._seen[ids][0], late)
        return self._numbers[key]

    def _lateness(self, place: Place, tier: Tier) -> int | None:
        """What being late counts, None when the step does not allow it."""
        timing = self.network.timing(place, tier)
        if self.on_time and not timing.is_on_time:
            return None
        return min(MOST_MICRO, round(MICRO * self.weights.lateness_days * timing.late_days))

    def _make(self, tariffs: Sequence[Tariff], late: Mapping[tuple[str, int], int | None]) -> int | str:
        curves = []
        for tariff in tariffs:
            counted = [(tier, late.get((tier.carrier_service, tier.transit_days), 0)) for tier in tariff.tiers]
            curve = [
                (tier, self._money(tier.price_micro), lateness) for tier, lateness in counted if lateness is not None
            ]
            if curve:
                curves.append(curve)
        if not curves:
            return "late"
        self.charges.append(_best_of(curves))
        return len(self.charges) - 1

    def _money(self, micro: int) -> int:
        return min(MOST_MICRO, micro if self.weights.cost == 1 else round(self.weights.cost * micro))


def ways_to_send(tariffs: Iterable[Tariff]) -> Iterable[Tier]:
    """One tier for each service and duration: tiers of the same are in time or late together."""
    return {(tier.carrier_service, tier.transit_days): tier for tariff in tariffs for tier in tariff.tiers}.values()


_Counted = tuple[Tier, int, int]  # a tier, what its price counts, what its lateness counts


def _best_of(curves: Sequence[Sequence[_Counted]]) -> Charge:
    """Each weight limit of any service starts a step; a service counts up to its own last limit.

    Ties: the quicker service, then its code.
    """
    steps = []
    for limit in sorted({tier.max_weight_g for curve in curves for tier, _, _ in curve}):
        able = [next((c for c in curve if c[0].max_weight_g >= limit), None) for curve in curves]
        best = min((c for c in able if c), key=lambda c: (c[1] + c[2], c[0].transit_days, c[0].carrier_service))
        steps.append((limit, *best))
    return Charge(
        Tariff.of(Tier(limit, m + late, t.transit_days, t.carrier_service) for limit, t, m, late in steps),
        tuple(money for _, _, money, _ in steps),
        tuple(late for _, _, _, late in steps),
    )


@dataclass(frozen=True, eq=False)
class Offers:
    """The places that a step lets in, by code, with all their prices; numbers run along places, then lines.

    `charge_of` numbers the place's charge. `unit_parts` are per unit; what nothing counts is not there.
    """

    places: tuple[Place, ...]
    units: np.ndarray
    distances_km: np.ndarray
    charges: tuple[Charge, ...]
    charge_of: np.ndarray
    fixed_parts: Mapping[str, np.ndarray]
    unit_parts: Mapping[str, np.ndarray]
    carbon_per_g: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.places)

    @cached_property
    def fixed(self) -> np.ndarray:
        """What any parcel costs, carriage apart."""
        return sum(self.fixed_parts.values(), np.zeros(len(self), np.int64))

    @cached_property
    def unit(self) -> np.ndarray | None:
        return sum(self.unit_parts.values(), np.zeros(self.units.shape, np.int64)) if self.unit_parts else None

    @cached_property
    def floor(self) -> np.ndarray:
        """No parcel from there costs less."""
        least = np.array([charge.tariff.least_price_micro for charge in self.charges], dtype=np.int64)
        return self.fixed + least[self.charge_of]

    @cached_property
    def per_g(self) -> np.ndarray:
        """No gram from there costs less."""
        least = np.array([charge.tariff.least_micro_per_g for charge in self.charges])[self.charge_of]
        return least if self.carbon_per_g is None else least + self.carbon_per_g

    def costs(self, weights_g: np.ndarray, unit_costs: np.ndarray | None) -> np.ndarray:
        """Cost of one parcel per place: `weights_g` and `unit_costs` (Σ units × price) are given per place."""
        if len(self.charges) == 1:
            cost = self.fixed + self.charges[0].tariff.prices_micro(weights_g)
        else:
            cost = self.fixed.copy()
            for number, charge in enumerate(self.charges):
                rows = np.flatnonzero(self.charge_of == number)
                cost[rows] += charge.tariff.prices_micro(weights_g[rows])
        if self.carbon_per_g is not None:
            cost += np.rint(self.carbon_per_g * weights_g).astype(np.int64)
        return cost if unit_costs is None else cost + unit_costs

    def cost(self, row: int, quantities: Sequence[int], weight_g: int) -> int:
        """Cost of one parcel with these units per line, weighing `weight_g` together."""
        cost = int(self.fixed[row]) + self.charges[self.charge_of[row]].tariff.price_micro(weight_g)
        if self.carbon_per_g is not None:
            cost += round(float(self.carbon_per_g[row]) * weight_g)
        if self.unit is not None:
            cost += sum(q * unit for q, unit in zip(quantities, self.unit[row].tolist(), strict=True))
        return cost

    def parts(self, row: int, quantities: Sequence[int], weight_g: int) -> dict[str, int]:
        """The cost of a parcel by cause; sums to `cost`."""
        shipping, lateness = self.charges[self.charge_of[row]].parts(weight_g)
        parts = {"shipping": shipping, **{name: int(values[row]) for name, values in self.fixed_parts.items()}}
        if lateness or "lateness" in parts:
            parts["lateness"] = lateness
        if self.carbon_per_g is not None:
            parts["carbon"] = round(float(self.carbon_per_g[row]) * weight_g)
        for name, prices in self.unit_parts.items():
            units = sum(q * price for q, price in zip(quantities, prices[row].tolist(), strict=True))
            parts[name] = parts.get(name, 0) + units
        return parts

    def coarser(self, unit: int) -> "Offers":
        """The same in units of so many millionths, rounded down."""
        return replace(
            self,
            charges=tuple(charge.coarser(unit) for charge in self.charges),
            fixed_parts={name: values // unit for name, values in self.fixed_parts.items()},
            unit_parts={name: values // unit for name, values in self.unit_parts.items()},
            carbon_per_g=None if self.carbon_per_g is None else self.carbon_per_g / unit,
        )

    def only(self, rows: np.ndarray) -> "Offers":
        return Offers(
            places=tuple(self.places[row] for row in rows.tolist()),
            units=self.units[rows],
            distances_km=self.distances_km[rows],
            charges=self.charges,
            charge_of=self.charge_of[rows],
            fixed_parts={name: values[rows] for name, values in self.fixed_parts.items()},
            unit_parts={name: values[rows] for name, values in self.unit_parts.items()},
            carbon_per_g=None if self.carbon_per_g is None else self.carbon_per_g[rows],
        )


class Pricing:
    """Prices the places that a step let in. `rows` are their rows in the atlas, `held` what they hold per line."""

    def __init__(self, atlas: Atlas, rows: np.ndarray, lines: Sequence[Line], network: Network, step: Step):
        self.atlas = atlas
        self.rows = rows
        self.lines = lines
        self.network = network
        self.step = step
        self.weights = step.weights
        self.places = [atlas.places[row] for row in rows.tolist()]

    def fixed_parts(self, distances_km: np.ndarray) -> dict[str, np.ndarray]:
        weights, network = self.weights, self.network
        parts = {"handling": _weighed(self.atlas.handling[self.rows], weights.cost)}
        packaging = self.atlas.packaging[self.rows]
        if packaging.any():
            parts["packaging"] = _weighed(packaging, weights.cost)
        if weights.distance_km:
            parts["distance"] = _weighed(distances_km, MICRO * weights.distance_km)
        if weights.parcels:
            parts["parcels"] = np.full(len(self.rows), round(MICRO * weights.parcels), dtype=np.int64)
        if weights.lateness_days:
            parts["lateness"] = np.zeros(len(self.rows), dtype=np.int64)  # it comes with the service
        if weights.workload:
            parts["workload"] = self._asked(network.workload, weights.workload)
        if weights.refusal:
            parts["refusal"] = self._asked(lambda p: 1 - min(1.0, max(0.0, network.acceptance(p))), weights.refusal)
        return parts

    def _asked(self, figure, weight: float) -> np.ndarray:
        return _weighed(np.array([figure(place) for place in self.places], dtype=float), MICRO * weight)

    def carbon_per_g(self, distances_km: np.ndarray) -> np.ndarray | None:
        if not self.weights.carbon_kg:
            return None
        return MICRO * self.weights.carbon_kg * CARBON_KG_PER_TONNE_KM * distances_km / _TONNE_G

    def unit_parts(self, units: np.ndarray, held: np.ndarray) -> dict[str, np.ndarray]:
        weights, shape = self.weights, units.shape
        parts: dict[str, np.ndarray] = {}
        handling = self.atlas.handling_unit[self.rows]
        if weights.cost and handling.any():
            parts["handling"] = np.broadcast_to(_weighed(handling, weights.cost)[:, None], shape)
        if weights.scarcity:
            parts["scarcity"] = self._scarcity(held)
        if weights.markdown:
            parts["markdown"] = self._markdown(units)
        if weights.location_order:
            order = _weighed(self._positions(), MICRO * weights.location_order)
            parts["location_order"] = np.broadcast_to(order[:, None], shape)
        return parts

    def _scarcity(self, held: np.ndarray) -> np.ndarray:
        """The price given for a unit, nothing where there is none; of products that nobody has priced 1 for the last unit
        of a place, falling as 1 / units."""
        by_units = np.where(held > 0, MICRO / np.maximum(held, 1), 0)
        is_priced = np.array([line.sku in self.network.scarcity for line in self.lines])
        given = self._figures(self.network.scarcity, 0)
        return _weighed(np.where(is_priced, given, by_units), self.weights.scarcity)

    def _markdown(self, units: np.ndarray) -> np.ndarray:
        """What each unit gains less than the one that gains most."""
        gains = np.maximum(self._figures(self.network.markdown, 0), 0)
        most = np.where(units > 0, gains, 0).max(axis=0, initial=0)
        return _weighed(np.maximum(most - gains, 0), self.weights.markdown)

    def _figures(self, figures, absent: int) -> np.ndarray:
        return self.atlas.table(figures, [line.sku for line in self.lines], self.rows, absent)

    def _positions(self) -> np.ndarray:
        named = {code: rank for rank, code in enumerate(self.step.source.locations)}
        return np.array([named.get(place.code, place.position) for place in self.places], dtype=np.int64)


def _weighed(figures: np.ndarray, weight: float) -> np.ndarray:
    """Whole millionths."""
    if weight == 1 and figures.dtype == np.int64:
        return np.minimum(figures, MOST_MICRO)
    return np.rint(np.minimum(weight * figures, MOST_MICRO)).astype(np.int64)


def counted_km(distances_km: np.ndarray, is_destination_known: bool) -> np.ndarray:
    """A place without coordinates counts as the far end of the world; an unknown address as nowhere."""
    return np.nan_to_num(distances_km, nan=FARTHEST_KM if is_destination_known else 0.0)


def weight_of(lines: Sequence[Line], quantities: Sequence[int]) -> int:
    return sum(line.weight_g * quantity for line, quantity in zip(lines, quantities, strict=True))
