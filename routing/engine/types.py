"""The words the engine speaks: what is wanted, where it may come from, and the answer."""

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

from .geo import Point
from .tariffs import Tariff, Tier

#: Scores are whole millionths of a currency unit, so that sums and ties are exact.
MICRO = 1_000_000


def to_micro(amount: Decimal | float) -> int:
    return round(amount * MICRO)


def from_micro(micro: int) -> Decimal:
    return Decimal(micro).scaleb(-6)


class Rest(StrEnum):
    """Where a step sends what it could not serve."""

    NEXT = "next"
    BACKORDER = "backorder"
    EXCEPTION = "exception"
    REFUSE = "refuse"


@dataclass(frozen=True, slots=True)
class Line:
    """One wanted product. `group`: lines of one group leave in one parcel where the rule says so.

    Lines of one SKU share the stock, and weigh and are worth the same.
    """

    key: str
    sku: str
    quantity: int
    group: str | None = None
    unit_value: Decimal = Decimal(0)
    weight_g: int = 0
    tags: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Demand:
    """What one delivery of a basket asks for, with everything a rule may look at.

    `location` is the place that was chosen (pickup); then no other place is considered.
    `weekday` ("mon" … "sun") and `time` are local to the shopper.
    `excluded` names, per line key, the places that must not get that line again.
    """

    lines: tuple[Line, ...]
    channel: str = ""
    method: str = "ship"
    service: str = "standard"
    country: str = ""
    postal_code: str = ""
    point: Point | None = None
    location: str | None = None
    value: Decimal = Decimal(0)
    weekday: str = ""
    time: dt.time = dt.time(0)
    excluded: Mapping[str, frozenset[str]] = field(default_factory=dict)

    @property
    def weight_g(self) -> int:
        return sum(line.weight_g * line.quantity for line in self.lines)


@dataclass(frozen=True, slots=True)
class When:
    """Conditions of a rule; an empty one does not restrict. Bounds are inclusive, times half-open."""

    channels: frozenset[str] = frozenset()
    methods: frozenset[str] = frozenset()
    services: frozenset[str] = frozenset()
    countries: frozenset[str] = frozenset()
    postal_prefixes: tuple[str, ...] = ()
    tags: frozenset[str] = frozenset()
    min_value: Decimal | None = None
    max_value: Decimal | None = None
    min_weight_g: int | None = None
    max_weight_g: int | None = None
    weekdays: frozenset[str] = frozenset()
    from_time: dt.time | None = None
    until_time: dt.time | None = None


@dataclass(frozen=True, slots=True)
class Source:
    """Which places a step lets in; an empty filter does not restrict."""

    kinds: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()
    exclude_groups: frozenset[str] = frozenset()
    locations: tuple[str, ...] = ()
    abilities: frozenset[str] = frozenset()
    max_distance_km: float | None = None
    ignore_capacity: bool = False
    min_sellable: int = 0
    min_left_after: int = 0
    open_now: bool = False
    on_time: bool = False


@dataclass(frozen=True, slots=True)
class Weights:
    """Price of each quantity of the objective, in the demand's currency.

    `scarcity` and `location_order` count per unit, all others per parcel.
    """

    cost: float = 0
    distance_km: float = 0
    parcels: float = 0
    lateness_days: float = 0
    workload: float = 0
    carbon_kg: float = 0
    scarcity: float = 0
    location_order: float = 0


BY_COST = Weights(cost=1)


@dataclass(frozen=True, slots=True)
class Step:
    name: str = ""
    source: Source = Source()
    weights: Weights = BY_COST
    max_parcels: int | None = None
    min_parcel_value: Decimal | None = None
    keep_groups: bool = True
    complete: bool = False
    rest: Rest = Rest.NEXT


@dataclass(frozen=True, slots=True)
class Rule:
    name: str
    steps: tuple[Step, ...]
    when: When = When()


@dataclass(frozen=True, slots=True)
class Place:
    """What stays true of a place between two demands. `position` is its rank by creation."""

    code: str
    kind: str = "store"
    groups: frozenset[str] = frozenset()
    abilities: frozenset[str] = frozenset({"ship", "pickup"})
    point: Point | None = None
    handling_micro: int = 0
    position: int = 0
    is_accepting: bool = True
    is_paused: bool = False


@dataclass(frozen=True, slots=True)
class Timing:
    """How a place would stand against the wished date."""

    late_days: float = 0
    is_on_time: bool = True


def _no_limit(_: Place) -> None:
    return None


def _always(_: Place) -> bool:
    return True


def _no_workload(_: Place) -> float:
    return 0.0


def _in_time(_: Place, _tier: Tier) -> Timing:
    return Timing()


def _free(_: Place, _distance_km: float | None) -> Tariff:
    return Tariff.FREE


@dataclass(frozen=True, slots=True)
class Network:
    """The world as it is for one demand.

    `sellable` is {sku: {location code: units}} and names only places with at least one unit.
    The callables are asked only for places with stock, and only where a rule needs the answer:
    `tariff(place, distance_km)` is None when no carrier goes there, `capacity_left(place)` None
    when the place has no limit, `timing(place, tier)` and `workload(place)` (0 idle, 1 full)
    are asked only when a filter or weight counts them.
    """

    places: Mapping[str, Place]
    sellable: Mapping[str, Mapping[str, int]]
    tariff: Callable[[Place, float | None], Tariff | None] = _free
    capacity_left: Callable[[Place], int | None] = _no_limit
    is_open: Callable[[Place], bool] = _always
    timing: Callable[[Place, Tier], Timing] = _in_time
    workload: Callable[[Place], float] = _no_workload


@dataclass(frozen=True, slots=True)
class Budget:
    """How long the search may go on; `now` is a monotonic clock in seconds."""

    now: Callable[[], float]
    ends_at: float

    @classmethod
    def of(cls, seconds: float, now: Callable[[], float]) -> "Budget":
        return cls(now, now() + seconds)

    @property
    def left_seconds(self) -> float:
        return max(0.0, self.ends_at - self.now())

    @property
    def is_spent(self) -> bool:
        return self.now() >= self.ends_at


@dataclass(frozen=True, slots=True)
class PlannedLine:
    key: str
    sku: str
    quantity: int


@dataclass(frozen=True, slots=True)
class Parcel:
    """What one place sends or prepares. `carrier_service` is empty when nothing is carried."""

    location: str
    lines: tuple[PlannedLine, ...]
    step: int
    cost_micro: int
    parts: Mapping[str, int]
    weight_g: int
    distance_km: float | None
    carrier_service: str
    transit_days: int

    @property
    def cost(self) -> Decimal:
        return from_micro(self.cost_micro)


@dataclass(frozen=True, slots=True)
class RestLine:
    """Units no step served, and where the rule sends them (never `next`)."""

    key: str
    sku: str
    quantity: int
    disposition: Rest


@dataclass(frozen=True, slots=True)
class Candidate:
    """A place with at least one unit asked for: its score were it to give all it can, or why not."""

    location: str
    reason: str | None
    score_micro: int | None = None
    parts: Mapping[str, int] = field(default_factory=dict)
    distance_km: float | None = None

    @property
    def is_eligible(self) -> bool:
        return self.reason is None


@dataclass(frozen=True, slots=True)
class StepReport:
    """What became of one step: `served`, `partly`, `incomplete` (it had to serve all) or `nobody`."""

    name: str
    outcome: str
    eligible: int
    parcels: int
    cost_micro: int


@dataclass(frozen=True, slots=True)
class Plan:
    """The engine's answer.

    `lower_bound_micro`: no plan the same steps could have made costs less; equal to the cost when
    `optimal`. `candidates` covers every place holding at least one unit, `excluded_counts` all others.
    """

    parcels: tuple[Parcel, ...]
    rest: tuple[RestLine, ...]
    cost_micro: int
    lower_bound_micro: int
    optimal: bool
    rule: str | None
    steps: tuple[StepReport, ...]
    candidates: tuple[Candidate, ...]
    excluded_counts: Mapping[str, int]
    notes: tuple[str, ...] = ()

    @property
    def cost(self) -> Decimal:
        return from_micro(self.cost_micro)

    @property
    def lower_bound(self) -> Decimal:
        return from_micro(self.lower_bound_micro)

    @property
    def gap(self) -> float:
        """Share of the cost that a better plan might save at most."""
        return 1 - self.lower_bound_micro / self.cost_micro if self.cost_micro else 0.0
