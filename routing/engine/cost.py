"""What a parcel costs under the weights of a step.

All amounts are whole millionths. A parcel's cost is the sum of its parts, each rounded by itself, so
the parts shown to people add up to the score that decided.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from .geo import FARTHEST_KM
from .tariffs import Tariff
from .types import MICRO, Line, Place, Timing, Weights

#: Road freight, well-to-wheel, mixed vans and lorries (GLEC Framework, order of magnitude).
CARBON_KG_PER_TONNE_KM = 0.2
_TONNE_G = 1_000_000


@dataclass(frozen=True, slots=True)
class Offer:
    """A place that a step lets in, with all its prices worked out.

    `units` and `unit_micro` run along the lines; `unit_micro` is empty when no weight counts units.
    """

    place: Place
    units: tuple[int, ...]
    tariff: Tariff
    distance_km: float | None
    fixed_micro: int
    fixed_parts: dict[str, int]
    money_weight: float
    carbon_micro_per_g: float
    unit_micro: tuple[int, ...]

    @property
    def code(self) -> str:
        return self.place.code

    @property
    def floor_micro(self) -> int:
        """No parcel from here costs less."""
        return self.fixed_micro + round(self.money_weight * self.tariff.least_price_micro)

    def variable_micro(self, weight_g: int) -> int:
        """What the weight of the contents adds."""
        return self.shipping_micro(weight_g) + self.carbon_micro(weight_g)

    def shipping_micro(self, weight_g: int) -> int:
        price = self.tariff.price_micro(weight_g)
        return price if self.money_weight == 1 else round(self.money_weight * price)

    def carbon_micro(self, weight_g: int) -> int:
        return round(self.carbon_micro_per_g * weight_g) if self.carbon_micro_per_g else 0

    def cost_micro(self, quantities: Sequence[int], weight_g: int) -> int:
        """Cost of one parcel with these units per line, weighing `weight_g` together."""
        cost = self.fixed_micro + self.variable_micro(weight_g)
        if self.unit_micro:
            cost += sum(q * unit for q, unit in zip(quantities, self.unit_micro, strict=True))
        return cost


def offer(
    *,
    place: Place,
    units: tuple[int, ...],
    sellable: Sequence[int],
    tariff: Tariff,
    distance_km: float | None,
    destination_known: bool,
    timing: Timing | None,
    workload: float,
    position: int,
    weights: Weights,
) -> Offer:
    """Price a place. `position` is its rank in the order the step prefers, `sellable` its stock per line."""
    km = _counted_km(distance_km, destination_known)
    fixed = {"handling": round(weights.cost * place.handling_micro)}
    if weights.distance_km:
        fixed["distance"] = round(MICRO * weights.distance_km * km)
    if weights.parcels:
        fixed["parcels"] = round(MICRO * weights.parcels)
    if weights.lateness_days and timing:
        fixed["lateness"] = round(MICRO * weights.lateness_days * timing.late_days)
    if weights.workload:
        fixed["workload"] = round(MICRO * weights.workload * workload)
    return Offer(
        place=place,
        units=units,
        tariff=tariff,
        distance_km=distance_km,
        fixed_micro=sum(fixed.values()),
        fixed_parts=fixed,
        money_weight=weights.cost,
        carbon_micro_per_g=MICRO * weights.carbon_kg * CARBON_KG_PER_TONNE_KM * km / _TONNE_G,
        unit_micro=_unit_prices(sellable, position, weights),
    )


def _counted_km(distance_km: float | None, destination_known: bool) -> float:
    """A place without coordinates counts as the far end of the world; an unknown address as nowhere."""
    if distance_km is not None:
        return distance_km
    return FARTHEST_KM if destination_known else 0.0


def _unit_prices(sellable: Sequence[int], position: int, weights: Weights) -> tuple[int, ...]:
    """Per unit: scarcity is 1 for the last unit of a place and falls as 1 / units."""
    if not weights.scarcity and not weights.location_order:
        return ()
    order = round(MICRO * weights.location_order * position)
    return tuple(order + (round(MICRO * weights.scarcity / units) if units else 0) for units in sellable)


def cost_parts(offer: Offer, quantities: Sequence[int], weight_g: int) -> dict[str, int]:
    """The cost of a parcel by cause; sums to `Offer.cost_micro`."""
    parts = {"shipping": offer.shipping_micro(weight_g), **offer.fixed_parts}
    if offer.carbon_micro_per_g:
        parts["carbon"] = offer.carbon_micro(weight_g)
    if offer.unit_micro:
        parts["units"] = sum(q * unit for q, unit in zip(quantities, offer.unit_micro, strict=True))
    return parts


def weight_of(lines: Sequence[Line], quantities: Sequence[int]) -> int:
    return sum(line.weight_g * quantity for line, quantity in zip(lines, quantities, strict=True))
