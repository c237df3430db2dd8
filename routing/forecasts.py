"""How often which baskets will be wanted from where: a plain forecast from what was wanted lately.

Every basket of the past counts, the less the older it is (half after `half_life_days`), scaled to the days that are
forecast. No seasons, no trends: prices made of it are worked out anew every hour, and what is not expected costs
nothing.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from routing.engine.scarcity import Basket

_A_DAY = timedelta(days=1)
#: More units of one SKU in a basket are no more a matter of where the last ones lie.
_MOST_UNITS = 5


@dataclass(frozen=True, slots=True)
class Past:
    """One delivery that was wanted. `units` by SKU."""

    at: datetime
    zone: str
    units: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Recipe:
    """Days looked back, the age in days at which a basket counts half, and days looked ahead."""

    window_days: float = 28
    half_life_days: float = 7
    horizon_days: float = 7


def expected_baskets(past: Iterable[Past], *, as_of: datetime, recipe: Recipe) -> list[Basket]:
    """Baskets with how often each is expected within the horizon; sorted, so that equal pasts give equal forecasts.

    What is older than the window or not yet past counts nothing.
    """
    weights: dict[tuple[str, tuple[str, ...]], float] = defaultdict(float)
    for one in past:
        age = (as_of - one.at) / _A_DAY
        if 0 <= age < recipe.window_days and one.units:
            weights[one.zone, _skus(one.units)] += _weight(age, recipe)
    scale = recipe.horizon_days / _days(recipe)
    return [Basket(zone, skus, weight * scale) for (zone, skus), weight in sorted(weights.items())]


def _skus(units: Mapping[str, int]) -> tuple[str, ...]:
    return tuple(sorted(Counter({sku: min(count, _MOST_UNITS) for sku, count in units.items()}).elements()))


def _weight(age: float, recipe: Recipe) -> float:
    return 0.5 ** (age / recipe.half_life_days)


def _days(recipe: Recipe) -> float:
    """The weight that one basket a day would have had in the window: the integral of the weights."""
    rate = recipe.half_life_days / 0.6931471805599453
    return rate * (1 - _weight(recipe.window_days, recipe))
