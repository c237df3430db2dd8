"""The words the engine speaks: what is wanted, where it may come from, and the answer."""

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING

from .geo import Point
from .tariffs import Tariff, Tier

if TYPE_CHECKING:
    from .evidence import Evidence

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
    `weekday` ("mon" … "sun"), `time` and `date` are local to the shopper.
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
    customer_tags: frozenset[str] = frozenset()
    date: dt.date | None = None

    @property
    def weight_g(self) -> int:
        return sum(line.weight_g * line.quantity for line in self.lines)

    @property
    def units(self) -> int:
        return sum(line.quantity for line in self.lines)


@dataclass(frozen=True, slots=True)
class When:
    """Conditions of a rule; an empty one does not restrict. Bounds and days are inclusive, times half-open.

    `skus`, `tags`: of a product on any line, each by itself. `min_units` and `max_units` count all units wanted.
    """

    channels: frozenset[str] = frozenset()
    methods: frozenset[str] = frozenset()
    services: frozenset[str] = frozenset()
    countries: frozenset[str] = frozenset()
    postal_prefixes: tuple[str, ...] = ()
    skus: frozenset[str] = frozenset()
    tags: frozenset[str] = frozenset()
    min_value: Decimal | None = None
    max_value: Decimal | None = None
    min_weight_g: int | None = None
    max_weight_g: int | None = None
    weekdays: frozenset[str] = frozenset()
    from_time: dt.time | None = None
    until_time: dt.time | None = None
    customer_tags: frozenset[str] = frozenset()
    min_units: int | None = None
    max_units: int | None = None
    from_date: dt.date | None = None
    until_date: dt.date | None = None


@dataclass(frozen=True, slots=True)
class Source:
    """Which places a step lets in; an empty filter does not restrict.

    `on_time` judges every way to send by itself: a place stays with those that keep the date. `min_confidence`
    (0 to 1) is asked of the stock of each product.
    """

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
    min_capacity_left: int = 0
    min_confidence: float = 0
    before_cut_off: bool = False


@dataclass(frozen=True, slots=True)
class Weights:
    """Price of each quantity of the objective, in the demand's currency, so that the total is money.

    `cost` multiplies what is paid: carriage, packaging, handling per parcel and per unit. `scarcity`, `markdown`
    and `location_order` count per unit, all others per parcel. `refusal` is what one failed attempt costs.
    """

    cost: float = 0
    distance_km: float = 0
    parcels: float = 0
    lateness_days: float = 0
    workload: float = 0
    carbon_kg: float = 0
    scarcity: float = 0
    location_order: float = 0
    markdown: float = 0
    refusal: float = 0


BY_COST = Weights(cost=1)


@dataclass(frozen=True, slots=True)
class Step:
    """One attempt: who may serve, what is best, within which limits, and where the rest goes.

    An order worth less than `no_split_below`, with a product that has one of `no_split_tags`, or of a customer who has
    one of `no_split_customer_tags`, is not split: the step sends all of it in one parcel or nothing.
    `cancel_after_days` goes with the rest. `offer_to` places at once are asked for each parcel; the first that answers
    gets it.
    """

    name: str = ""
    source: Source = Source()
    weights: Weights = BY_COST
    max_parcels: int | None = None
    min_parcel_value: Decimal | None = None
    keep_groups: bool = True
    complete: bool = False
    rest: Rest = Rest.NEXT
    no_split_below: Decimal | None = None
    no_split_tags: frozenset[str] = frozenset()
    no_split_customer_tags: frozenset[str] = frozenset()
    cancel_after_days: int | None = None
    offer_to: int = 1


@dataclass(frozen=True, slots=True)
class Rule:
    name: str
    steps: tuple[Step, ...]
    when: When = When()


@dataclass(frozen=True, slots=True)
class Place:
    """What stays true of a place between two demands. `position` is its rank by creation.

    `handling_micro` and `packaging_micro` are paid per parcel, `handling_unit_micro` per unit.
    """

    code: str
    kind: str = "store"
    groups: frozenset[str] = frozenset()
    abilities: frozenset[str] = frozenset({"ship", "pickup"})
    point: Point | None = None
    handling_micro: int = 0
    position: int = 0
    is_accepting: bool = True
    is_paused: bool = False
    handling_unit_micro: int = 0
    packaging_micro: int = 0


@dataclass(frozen=True, slots=True)
class Timing:
    """How a place would stand against the wished date."""

    late_days: float = 0
    is_on_time: bool = True

    @property
    def is_late(self) -> bool:
        """Coming sooner could matter."""
        return self.late_days > 0 or not self.is_on_time


def no_limit(_: Place) -> None:
    return None


def always(_: Place) -> bool:
    return True


def no_workload(_: Place) -> float:
    return 0.0


def in_time(_: Place, _tier: Tier) -> Timing:
    return Timing()


def surely(_: Place) -> float:
    return 1.0


def none_booked(_: Place) -> int:
    return 0


def has_not_passed(_: Place, _tier: Tier) -> None:
    return None


def _free(_: Place, _distance_km: float | None) -> Tariff:
    return Tariff.FREE


#: Money in millionths, or another figure, by SKU and place; what is not named has none.
BySkuAndPlace = Mapping[str, Mapping[str, int]]


@dataclass(frozen=True, slots=True)
class Network:
    """The world as it is for one demand.

    `sellable` is {sku: {location code: units}} and names only places with at least one unit.
    The callables are asked only for places with stock, and only where a rule needs the answer:
    `tariff(place, distance_km)` is what the carriers ask (several tariffs: one per service, and the best for the
    weight and the date is taken), None when no carrier goes there; `capacity_left(place)` is None when the place
    has no limit; `timing(place, tier)`, `workload(place)` (0 idle, 1 full) and `acceptance(place)` (probability
    that it takes the work) are asked only when a filter or weight counts them.
    No plan asks for these, which are kept for who wants to know what would have been: `booked(place)`, the parcels of that
    day that workload counts, and of what comes late `days_missed(place, tier)`: by how many days it comes later because the
    place's own cut-off has passed; None where none has.

    Per unit and in money, used only under their weights: `scarcity`, the price of a unit that others may want (0 at a
    place that is not named; of a product that is not named 1 for the last unit of a place, falling as 1 / units), and
    `markdown`, what is gained when slow stock goes. `confidence` (0 to 1) is one half where it is not named
    (`inventory.confidence.PRIOR`). `kept` (units of the sellable) and `kept_parcels` (by place, of the capacity left) are
    other orders': there for every filter and price, not to be had.
    """

    places: Mapping[str, Place]
    sellable: Mapping[str, Mapping[str, int]]
    tariff: Callable[[Place, float | None], Tariff | Sequence[Tariff] | None] = _free
    capacity_left: Callable[[Place], int | None] = no_limit
    is_open: Callable[[Place], bool] = always
    timing: Callable[[Place, Tier], Timing] = in_time
    workload: Callable[[Place], float] = no_workload
    booked: Callable[[Place], int] = none_booked
    acceptance: Callable[[Place], float] = surely
    is_open_that_day: Callable[[Place], bool] = always
    is_before_cut_off: Callable[[Place], bool] = always
    days_missed: Callable[[Place, Tier], int | None] = has_not_passed
    scarcity: BySkuAndPlace = field(default_factory=dict)
    markdown: BySkuAndPlace = field(default_factory=dict)
    confidence: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    distances_km: Mapping[str, float | None] | None = None
    kept: BySkuAndPlace = field(default_factory=dict)
    kept_parcels: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Budget:
    """How long the search may go on; `now` is a monotonic clock in seconds."""

    now: Callable[[], float]
    ends_at: float

    @classmethod
    def of(cls, seconds: float, now: Callable[[], float]) -> "Budget":
        return cls(now, now() + seconds)

    def at_least(self, seconds: float) -> "Budget":
        return Budget(self.now, max(self.ends_at, self.now() + seconds))

    def half(self) -> "Budget":
        return Budget.of(self.left_seconds / 2, self.now)

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
    """What one place sends or prepares. `carrier_service` is empty when nothing is carried.

    `runners_up`: the same parcel from the next best places, where the step offers work to several at once. Their
    places send nothing else under this plan, and each is named once.
    """

    location: str
    lines: tuple[PlannedLine, ...]
    step: int
    cost_micro: int
    parts: Mapping[str, int]
    weight_g: int
    distance_km: float | None
    carrier_service: str
    transit_days: int
    runners_up: tuple["Parcel", ...] = ()

    @property
    def cost(self) -> Decimal:
        return from_micro(self.cost_micro)


@dataclass(frozen=True, slots=True)
class RestLine:
    """Units no step served, and where the rule sends them (never `next`).

    `cancel_after_days`: what still waits then is canceled; None: it waits.
    """

    key: str
    sku: str
    quantity: int
    disposition: Rest
    cancel_after_days: int | None = None


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
    """What became of one step: `served`, `partly`, `incomplete` (nothing, within its limits) or `nobody`."""

    name: str
    outcome: str
    eligible: int
    parcels: int
    cost_micro: int


@dataclass(frozen=True)
class Plan:
    """The engine's answer.

    `lower_bound_micro`: no plan the same steps could have made costs less; equal to the cost when
    `optimal`. `candidates` covers every place holding at least one unit, `excluded_counts` all others; both are
    worked out when first asked for (by `explain`), since many plans are never explained; so is `evidence`, from which
    the plan can be made again.
    """

    parcels: tuple[Parcel, ...]
    rest: tuple[RestLine, ...]
    cost_micro: int
    lower_bound_micro: int
    optimal: bool
    rule: str | None
    steps: tuple[StepReport, ...]
    explain: Callable[[], tuple[tuple[Candidate, ...], Mapping[str, int]]] = field(repr=False, compare=False)
    notes: tuple[str, ...] = ()
    evidence: "Callable[[], Evidence] | None" = field(default=None, repr=False, compare=False)

    @cached_property
    def _explanation(self) -> tuple[tuple[Candidate, ...], Mapping[str, int]]:
        return self.explain()

    @property
    def candidates(self) -> tuple[Candidate, ...]:
        return self._explanation[0]

    @property
    def excluded_counts(self) -> Mapping[str, int]:
        return self._explanation[1]

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
