"""What a carrier asks for a weight: steps of price, and zones."""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import ClassVar

import numpy as np

#: A rate without an upper weight reaches this far: a thousand tonnes.
NO_WEIGHT_LIMIT_G = 10**9


@dataclass(frozen=True, slots=True)
class Tier:
    """Price of one package up to `max_weight_g`, and the service that asks it."""

    max_weight_g: int
    price_micro: int
    transit_days: int = 0
    carrier_service: str = ""


@dataclass(frozen=True)
class Tariff:
    """Tiers by rising weight. Heavier goods leave in full packages of the last tier plus the remainder."""

    tiers: tuple[Tier, ...]
    limits: tuple[int, ...]

    FREE: ClassVar["Tariff"]

    @classmethod
    def of(cls, tiers: Iterable[Tier]) -> "Tariff":
        ordered = tuple(sorted(tiers, key=lambda tier: tier.max_weight_g))
        return cls(ordered, tuple(tier.max_weight_g for tier in ordered))

    @cached_property
    def least_price_micro(self) -> int:
        return min(tier.price_micro for tier in self.tiers)

    @cached_property
    def least_micro_per_g(self) -> float:
        """No parcel of any weight costs less for each gram."""
        return min(tier.price_micro / max(1, tier.max_weight_g) for tier in self.tiers)

    @property
    def max_unit_weight_g(self) -> int:
        """A single unit heavier than this fits into no package."""
        return self.limits[-1]

    def packages(self, weight_g: int) -> tuple[int, int]:
        """How many full packages of the last tier a parcel of this weight needs, and the tier number of the rest."""
        limit = self.limits[-1]
        full = max(0, -(-weight_g // limit) - 1)
        return full, bisect_left(self.limits, weight_g - full * limit)

    def tier(self, weight_g: int) -> Tier:
        """The tier of a parcel of this weight; of several packages, the one longest on its way."""
        full, number = self.packages(weight_g)
        return max(self.tiers[-1], self.tiers[number], key=lambda t: t.transit_days) if full else self.tiers[number]

    def price_micro(self, weight_g: int) -> int:
        full, number = self.packages(weight_g)
        return full * self.tiers[-1].price_micro + self.tiers[number].price_micro

    def prices_micro(self, weights_g: np.ndarray) -> np.ndarray:
        """`price_micro` for many weights at once."""
        prices = np.array([tier.price_micro for tier in self.tiers], dtype=np.int64)
        limit = self.limits[-1]
        full = np.maximum(0, -(-weights_g // limit) - 1)
        return full * prices[-1] + prices[np.searchsorted(self.limits, weights_g - full * limit)]


Tariff.FREE = Tariff.of([Tier(NO_WEIGHT_LIMIT_G, 0)])


def per_service(asked: Tariff | Sequence[Tariff] | None) -> tuple[Tariff, ...]:
    """What a network's `tariff` answered, one for each service; none where no carrier goes."""
    return (asked,) if isinstance(asked, Tariff) else tuple(asked or ())


@dataclass(frozen=True, slots=True)
class Zone:
    """Where a carrier service goes at one price list; empty conditions do not restrict.

    `max_distance_km` counts from the sending place; a zone with it never fits an unknown distance.
    """

    countries: frozenset[str]
    postal_prefixes: tuple[str, ...]
    max_distance_km: Decimal | float | None
    tariff: Tariff

    def reaches(self, country: str, postal_code: str) -> bool:
        return (not self.countries or country in self.countries) and (
            not self.postal_prefixes or postal_code.startswith(self.postal_prefixes)
        )

    def covers(self, distance_km: float | None) -> bool:
        if self.max_distance_km is None:
            return True
        return distance_km is not None and distance_km <= self.max_distance_km
