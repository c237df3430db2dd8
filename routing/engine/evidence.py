"""What a plan was based on: all that the engine was told, in columns, so that it can plan the same again.

A `Witness` stands between the engine and the network while a plan is made and remembers each answer; `Evidence` keeps
them for the places that hold anything, and answers as the network did. What was not asked then can be asked of
another network: the plan itself never needs it, only who wants to know what would have been.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from itertools import repeat
from typing import Any

import numpy as np

from inventory.confidence import PRIOR

from . import geo
from .assess import Scene
from .atlas import Profile
from .tariffs import Tariff, Tier, per_service
from .types import BySkuAndPlace, Demand, Network, Place, Rule, Source, Step, Timing, Weights

#: Stands where nobody asked.
UNASKED = "?"

#: What a place is asked about itself, in the network's words.
QUESTIONS = ("capacity_left", "is_open", "is_open_that_day", "is_before_cut_off", "workload", "booked", "acceptance")
_USUAL: dict[str, Any] = {asked.name: asked.default for asked in fields(Network)}

Way = tuple[str, int]  # a carrier service and its days on the way


class Witness:
    """`network` answers as the given one does, asks it once per place, and remembers."""

    def __init__(self, given: Network):
        self.given = given
        self.answers: dict[str, dict[str, Any]] = {}
        self.tariffs: dict[str, Sequence[Tariff]] = {}
        self.timings: dict[tuple[str, Way], Timing] = {}
        heard: dict[str, Any] = {
            name: self._heard(name) for name in QUESTIONS if getattr(given, name) is not _USUAL[name]
        }
        timing = given.timing if given.timing is _USUAL["timing"] else self._timing
        self.network = replace(given, tariff=self.tariff, timing=timing, **heard)

    def _heard(self, name: str) -> Callable[[Place], Any]:
        ask, answers = getattr(self.given, name), self.answers.setdefault(name, {})

        def answer(place: Place) -> Any:
            known = answers.get(place.code, UNASKED)
            if known is UNASKED:
                known = answers[place.code] = ask(place)
            return known

        return answer

    def tariff(self, place: Place, distance_km: float | None) -> Sequence[Tariff]:
        known = self.tariffs.get(place.code)
        if known is None:
            known = self.tariffs[place.code] = per_service(self.given.tariff(place, distance_km))
        return known

    def _timing(self, place: Place, tier: Tier) -> Timing:
        key = (place.code, (tier.carrier_service, tier.transit_days))
        known = self.timings.get(key)
        if known is None:
            known = self.timings[key] = self.given.timing(place, tier)
        return known


@dataclass(frozen=True, slots=True)
class Evidence:
    """One entry of each column per place that holds anything wanted, in the order of `codes`.

    `places`: how many there were in all. `figures` are the whole numbers of a place (`handling_micro`, …) and
    `by_sku` the prices per unit; both only where they say something. `answers` and `timings` hold `UNASKED` where
    nobody asked; a question that has one usual answer is left out. `tariffs` per place are numbers in `tariffs_known`.
    `days_missed`: of what came late from places whose cut-off had passed, else None.
    `kept` and `kept_parcels`: as the network has them, but only where they leave less than is asked for.
    """

    demand: Demand
    rule: Rule | None
    steps: tuple[Step, ...]
    places: int
    codes: list[str]
    stock: Mapping[str, list[int]]
    distances_km: list[float | None]
    profiles: list[Profile]
    profile_of: list[int]
    figures: Mapping[str, list[int]]
    tariffs_known: list[Tariff]
    ways: list[list[int]]
    ways_of: list[int]
    answers: Mapping[str, list[Any]]
    timings: Mapping[Way, list[Any]]
    days_missed: Mapping[Way, list[int | None]] = field(default_factory=dict)
    by_sku: Mapping[str, Mapping[str, list[Any]]] = field(default_factory=dict)
    kept: BySkuAndPlace = field(default_factory=dict)
    kept_parcels: Mapping[str, int] = field(default_factory=dict)

    @property
    def contested(self) -> set[str]:
        """The places of which other orders keep something."""
        return {*self.kept_parcels, *(code for here in self.kept.values() for code in here)}

    def kept_at(self, code: str) -> dict[str, int]:
        """Units by SKU."""
        return {sku: here[code] for sku, here in self.kept.items() if code in here}

    def without_others_at(self, code: str) -> "Evidence":
        """As if the others kept nothing there."""
        kept = {sku: {place: n for place, n in here.items() if place != code} for sku, here in self.kept.items()}
        parcels = {place: n for place, n in self.kept_parcels.items() if place != code}
        return replace(self, kept=kept, kept_parcels=parcels)

    def network(
        self, others: Network | None = None, asked_anew: set[str] | None = None, also: Sequence[str] = ()
    ) -> Network:
        """The network as it was. `others` answers what nobody asked then; the codes of those places are told.

        `also`: places of the others that held nothing then, with all that is known of them now.
        """
        return _Memory(self, others, set() if asked_anew is None else asked_anew).network(also)


def evidence(scene: Scene, witness: Witness, rule: Rule | None, steps: tuple[Step, ...]) -> Evidence:
    """What this plan was based on. It asks for carriage where no step came so far, how much is booked and left where
    workload counted, and of what comes late whether a cut-off made it so; for nothing else."""
    network, atlas = witness.given, scene.atlas
    rows = np.flatnonzero(scene.held.any(axis=1))
    places = [atlas.places[row] for row in rows.tolist()]
    codes = [place.code for place in places]
    held = scene.held[rows].T.tolist()
    km = [None if far != far else far for far in scene.distances_km[rows].tolist()]
    profiles, profile_of = _used(*atlas.profiles(_groups_named(steps)), rows)
    tariffs_known, ways, ways_of = _numbered([witness.tariff(*asked) for asked in zip(places, km, strict=True)])
    for place in places:
        if place.code in witness.answers.get("workload", {}):
            witness.network.booked(place)
            witness.network.capacity_left(place)
    figures = {name: column[rows] for name, column in atlas.figures.items()}
    return Evidence(
        demand=scene.demand,
        rule=rule,
        steps=steps,
        places=len(atlas.places),
        codes=codes,
        stock=dict(zip(scene.skus, held, strict=True)),
        distances_km=km,
        profiles=profiles,
        profile_of=profile_of,
        figures={name: column.tolist() for name, column in figures.items() if column.any()},
        tariffs_known=tariffs_known,
        ways=ways,
        ways_of=ways_of,
        answers={
            name: list(map(known.get, codes, repeat(UNASKED))) for name, known in witness.answers.items() if known
        },
        timings=_timings(witness, codes),
        days_missed=_days_missed(witness, places),
        by_sku=_by_sku(network, steps, scene.skus, codes),
    )


def _groups_named(steps: Sequence[Step]) -> frozenset[str]:
    """The others cannot matter."""
    return frozenset().union(*(step.source.groups | step.source.exclude_groups for step in steps))


def _used(profiles: Sequence[Profile], numbers: np.ndarray, rows: np.ndarray) -> tuple[list[Profile], list[int]]:
    used, profile_of = np.unique(numbers[rows], return_inverse=True)
    return [profiles[number] for number in used.tolist()], profile_of.tolist()


def _numbered(asked: Sequence[Sequence[Tariff]]) -> tuple[list[Tariff], list[list[int]], list[int]]:
    """The tariffs there are, their combinations, and the number of each place's combination."""
    known: dict[int, Tariff] = {}
    combinations: dict[tuple[int, ...], int] = {}
    numbers = []
    for tariffs in asked:
        key = tuple(map(id, tariffs))
        if key not in combinations:
            combinations[key] = len(combinations)
            known.update(zip(key, tariffs, strict=True))
        numbers.append(combinations[key])
    number_of = {key: number for number, key in enumerate(known)}
    return list(known.values()), [[number_of[each] for each in key] for key in combinations], numbers


def _timings(witness: Witness, codes: Sequence[str]) -> dict[Way, list[Any]]:
    ways = dict.fromkeys(way for _code, way in witness.timings)
    return {way: [witness.timings.get((code, way), UNASKED) for code in codes] for way in ways}


def _days_missed(witness: Witness, places: Sequence[Place]) -> dict[Way, list[int | None]]:
    ask, found = witness.given.days_missed, dict[Way, list[int | None]]()
    for way in dict.fromkeys(way for (_code, way), known in witness.timings.items() if known.is_late):
        late = [(known := witness.timings.get((place.code, way))) is not None and known.is_late for place in places]
        tier = Tier(0, 0, carrier_service=way[0], transit_days=way[1])
        days = [ask(place, tier) if is_late else None for place, is_late in zip(places, late, strict=True)]
        if any(missed is not None for missed in days):
            found[way] = days
    return found


_PER_UNIT: Mapping[str, tuple[Callable[[Source, Weights], float], Any]] = {
    "scarcity": (lambda _source, weights: weights.scarcity, 0),
    "markdown": (lambda _source, weights: weights.markdown, 0),
    "confidence": (lambda source, _weights: source.min_confidence, PRIOR),
}
"""Figures by SKU and place: which step asks for them, and what counts where none is given."""


def _by_sku(
    network: Network, steps: Sequence[Step], skus: Sequence[str], codes: Sequence[str]
) -> dict[str, dict[str, list[Any]]]:
    found = {}
    for name, (is_asked, absent) in _PER_UNIT.items():
        if any(is_asked(step.source, step.weights) for step in steps):
            figures = getattr(network, name)
            found[name] = {sku: list(map(figures[sku].get, codes, repeat(absent))) for sku in skus if sku in figures}
    return found


@dataclass
class _Memory:
    """Answers from the evidence, by the place's code."""

    told: Evidence
    others: Network | None
    asked_anew: set[str]

    def network(self, also: Sequence[str] = ()) -> Network:
        told = self.told
        added = {code: self.others.places[code] for code in also if code not in told.codes} if self.others else {}
        self.asked_anew.update(added)
        row_of = {code: row for row, code in enumerate(told.codes)}
        told_of: dict[str, Any] = {name: self._figures(columns) for name, columns in told.by_sku.items()}
        if added and "confidence" in told_of:
            told_of["confidence"] = self._believed(told_of["confidence"], added)
        told_of |= {name: self._answers(name, row_of) for name in QUESTIONS if self.others or name in told.answers}
        return Network(
            places={place.code: place for place in map(self._place, range(len(told.codes)))} | added,
            sellable={sku: self._named(units, drop=0) for sku, units in told.stock.items()},
            kept=told.kept,
            kept_parcels=told.kept_parcels,
            tariff=self._tariffs(row_of),
            timing=self._timing(row_of),
            days_missed=self._days_missed(row_of),
            distances_km=dict(zip(told.codes, told.distances_km, strict=True))
            | {code: self._km(place) for code, place in added.items()},
            **told_of,
        )

    def _km(self, place: Place) -> float | None:
        there = self.told.demand.point
        return None if there is None or place.point is None else geo.distance_km(place.point, there)

    def _place(self, row: int) -> Place:
        profile = self.told.profiles[self.told.profile_of[row]]
        figures: dict[str, Any] = {name: column[row] for name, column in self.told.figures.items()}
        return Place(self.told.codes[row], **profile._asdict(), **figures)

    def _named(self, column: Sequence[Any], drop: Any = None) -> dict[str, Any]:
        return {code: figure for code, figure in zip(self.told.codes, column, strict=True) if figure != drop}

    def _figures(self, columns: Mapping[str, list[Any]]) -> BySkuAndPlace:
        return {sku: self._named(column) for sku, column in columns.items()}

    def _believed(self, known: BySkuAndPlace, added: Collection[str]) -> dict[str, dict[str, float]]:
        """Of the added places as it is today: they were not asked about stock that they did not hold."""
        today = self.others.confidence if self.others else {}
        of_today = {sku: {code: now[code] for code in added if code in now} for sku, now in today.items()}
        return {sku: {**known.get(sku, {}), **of_today.get(sku, {})} for sku in self.told.stock}

    def _answers(self, name: str, row_of: Mapping[str, int]) -> Callable[[Place], Any]:
        column = self.told.answers.get(name)
        usual = _USUAL[name]
        otherwise = getattr(self.others, name) if self.others else usual

        def answer(place: Place) -> Any:
            row = row_of.get(place.code)
            if column and row is not None and column[row] != UNASKED:
                return column[row]
            return otherwise(place) if self._is_asked_anew(place) else usual(place)

        return answer

    def _is_asked_anew(self, place: Place) -> bool:
        """Whether the others can be asked: some places are no more."""
        self.asked_anew.add(place.code)
        return self.others is not None and place.code in self.others.places

    def _tariffs(self, row_of: Mapping[str, int]) -> Callable[[Place, float | None], Any]:
        told = self.told
        ways = [tuple(told.tariffs_known[number] for number in way) for way in told.ways]

        def tariff(place: Place, distance_km: float | None) -> Any:
            row = row_of.get(place.code)
            if row is not None:
                return ways[told.ways_of[row]]
            return self.others.tariff(place, distance_km) if self.others and self._is_asked_anew(place) else None

        return tariff

    def _timing(self, row_of: Mapping[str, int]) -> Callable[[Place, Tier], Timing]:
        usual: Callable[[Place, Tier], Timing] = _USUAL["timing"]
        otherwise = self.others.timing if self.others else usual
        if not self.told.timings and self.others is None:
            return otherwise

        def timing(place: Place, tier: Tier) -> Timing:
            row, column = row_of.get(place.code), self.told.timings.get((tier.carrier_service, tier.transit_days))
            if row is not None and column is not None and column[row] != UNASKED:
                return column[row]
            return (otherwise if self._is_asked_anew(place) else usual)(place, tier)

        return timing

    def _days_missed(self, row_of: Mapping[str, int]) -> Callable[[Place, Tier], int | None]:
        """Known of whom the timing is known; asked today of the others, as that is."""
        told = self.told
        otherwise: Callable[[Place, Tier], int | None] = (self.others or Network({}, {})).days_missed

        def missed(place: Place, tier: Tier) -> int | None:
            row, way = row_of.get(place.code), (tier.carrier_service, tier.transit_days)
            if row is not None and way in told.timings and told.timings[way][row] != UNASKED:
                return told.days_missed[way][row] if way in told.days_missed else None
            return otherwise(place, tier) if self._is_asked_anew(place) else None

        return missed
