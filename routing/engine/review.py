"""What is wrong with rules before they ever decide: read from the rules and the places alone.

Nothing here needs an order. A finding is a code with its place in the document; some make a rule set useless in
part (`is_fault`), the others only deserve a look.
"""

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import cached_property
from types import MappingProxyType
from typing import Any

from inventory.methods import ability_for

from .coverage import METHODS, WEEK, Coverage, TooMany
from .filters import standing_reason
from .types import Place, Rest, Rule, Source, Step, When

#: Codes of what makes a rule or step do nothing it was written for.
FAULTS = frozenset(
    {
        "unknown_group",
        "unknown_location",
        "unknown_channel",
        "never_matches",
        "nobody_let_in",
        "nobody_has_room",
        "no_distance_known",
        "parcel_worth_too_much",
    }
)


@dataclass(frozen=True, slots=True)
class Finding:
    """`pointer`: JSON pointer into the document. `facts`: what the sentence about it names."""

    pointer: str
    code: str
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_fault(self) -> bool:
        return self.code in FAULTS


def review(
    rules: Sequence[Rule],
    places: Iterable[Place],
    groups: frozenset[str],
    *,
    channels: frozenset[str] | None = None,
    skus: frozenset[str] | None = None,
    tags: frozenset[str] | None = None,
    decides_for: frozenset[str] = frozenset(),
    today: dt.date | None = None,
    capacities: Mapping[str, int] = MappingProxyType({}),
    out_of_use: frozenset[str] = frozenset(),
) -> list[Finding]:
    """All findings, in the order of the document. `groups`: all there are, places in them or not.

    `channels`, `skus`, `tags`: all there are, None: not looked at. `decides_for`: the channels whose orders come to these
    rules, empty: any. `today`, where given: rules whose days are over are told. `capacities`: parcels a day, of the places
    that have a limit. `out_of_use`: those of the places that serve nobody until staff open them again. Before the first
    place exists no filter can let anybody in, and none is blamed for it.
    """
    return list(
        _Review(
            rules, tuple(places), groups, channels, skus, tags, decides_for, today, capacities, out_of_use
        ).findings()
    )


@dataclass(frozen=True)
class _Review:
    rules: Sequence[Rule]
    places: tuple[Place, ...]
    groups: frozenset[str]
    channels: frozenset[str] | None
    skus: frozenset[str] | None
    tags: frozenset[str] | None
    decides_for: frozenset[str]
    today: dt.date | None
    capacities: Mapping[str, int]
    out_of_use: frozenset[str]

    def findings(self) -> Iterator[Finding]:
        for number, rule in enumerate(self.rules):
            here = f"/rules/{number}"
            yield from self._unknown_words(here, rule)
            if word := self._contradiction(rule.when):
                yield Finding(f"{here}/when", "never_matches", {"because": word})
            elif earlier := self._taken_by(rule.when, number):
                yield _unreachable(here, [other.name for other in earlier])
            elif self.today and rule.when.until_date and rule.when.until_date < self.today:
                yield Finding(f"{here}/when", "days_are_over", {"day": rule.when.until_date})
            yield from self._steps(here, rule)
        if not self._taken_by(self._coverage.anything, len(self.rules)):
            yield Finding("/rules", "not_for_every_order")

    def _taken_by(self, when: When, before: int) -> list[Rule]:
        """The rule that takes every order of these, or those that do together; nothing where that is not so, or where it
        would take too long to know."""
        for rule in self.rules[:before]:
            if covers(rule.when, when):
                return [rule]
        try:
            found = self._coverage.covering(when, before)
        except TooMany:
            return []
        return [self.rules[number] for number in found or ()]

    @cached_property
    def _coverage(self) -> Coverage:
        return Coverage([rule.when for rule in self.rules], self.decides_for)

    def _unknown_words(self, here: str, rule: Rule) -> Iterator[Finding]:
        unknown = set() if self.channels is None else rule.when.channels - self.channels
        if unknown:
            yield Finding(f"{here}/when/channels", "unknown_channel", {"channels": sorted(unknown)})
        if self.skus is not None and (missing := rule.when.skus - self.skus):
            yield Finding(f"{here}/when/skus", "unknown_sku", {"skus": sorted(missing)})
        named = [("when/tags", rule.when.tags)]
        named += [(f"steps/{number}/no_split_tags", step.no_split_tags) for number, step in enumerate(rule.steps)]
        for pointer, tags in named:
            if self.tags is not None and (unused := tags - self.tags):
                yield Finding(f"{here}/{pointer}", "unused_tag", {"tags": sorted(unused)})

    def _contradiction(self, when: When) -> str | None:
        if self.decides_for and when.channels and when.channels.isdisjoint(self.decides_for):
            return "channels"
        return contradiction(when)

    def _steps(self, here: str, rule: Rule) -> Iterator[Finding]:
        closed_by: Step | None = None
        for number, step in enumerate(rule.steps):
            pointer = f"{here}/steps/{number}"
            if closed_by:
                yield Finding(pointer, "unreachable_step", {"step": closed_by.name})
            elif step.rest is not Rest.NEXT:
                closed_by = step
            yield from self._source(f"{pointer}/from", rule, step)
            if step.source.ignore_capacity and step.source.min_capacity_left:
                wanted = {"wanted": step.source.min_capacity_left}
                yield Finding(f"{pointer}/from/min_capacity_left", "room_wanted_and_ignored", wanted)
            yield from _parcel_value(f"{pointer}/min_parcel_value", rule, step)

    def _source(self, pointer: str, rule: Rule, step: Step) -> Iterator[Finding]:
        source = step.source
        known = {place.code for place in self.places}
        unknown_groups = (source.groups | source.exclude_groups) - self.groups
        unknown_places = set(source.locations) - known
        if unknown_groups:
            yield Finding(pointer, "unknown_group", {"groups": sorted(unknown_groups)})
        if unknown_places:
            yield Finding(pointer, "unknown_location", {"locations": sorted(unknown_places)})
        if closed := set(source.locations) & self.out_of_use:
            yield Finding(pointer, "places_out_of_use", {"locations": sorted(closed)})
        let_in = self._let_in(rule, source)
        if let_in:
            yield from self._able(pointer, step, let_in)
        elif self.places and not unknown_groups and not unknown_places:
            yield Finding(pointer, "nobody_let_in")

    def _let_in(self, rule: Rule, source: Source) -> list[Place]:
        """Places that could ever pass for one of the rule's methods; today's pauses do not count."""
        abilities = {ability_for(method) for method in rule.when.methods or METHODS}
        return [
            place
            for place in self._at_work
            if any(standing_reason(place, source, ability) is None for ability in abilities)
        ]

    @cached_property
    def _at_work(self) -> list[Place]:
        """As if all took orders: a pause is told before every other reason, and would hide it."""
        in_use = (place for place in self.places if place.code not in self.out_of_use)
        return [replace(place, is_accepting=True, is_paused=False) for place in in_use]

    def _able(self, pointer: str, step: Step, let_in: Sequence[Place]) -> Iterator[Finding]:
        """Where a distance is limited, who is not on the map is left out; where it is only weighed, they come last."""
        is_limited = step.source.max_distance_km is not None
        mapped = [place for place in let_in if place.point is not None]
        if is_limited and not mapped:
            yield Finding(f"{pointer}/max_distance_km", "no_distance_known")
            return
        if step.source.max_distance_km == 0:
            yield Finding(f"{pointer}/max_distance_km", "no_distance_allowed")
        yield from self._room(f"{pointer}/min_capacity_left", step.source, mapped if is_limited else let_in)
        if len(mapped) < len(let_in) and (is_limited or step.weights.distance_km):
            nowhere = sorted(place.code for place in let_in if place.point is None)
            yield Finding(pointer, "places_not_on_the_map", {"locations": nowhere})

    def _room(self, pointer: str, source: Source, places: Sequence[Place]) -> Iterator[Finding]:
        """A place with room for no parcel is left out as well, where its capacity is looked at."""
        wanted = max(source.min_capacity_left, 0 if source.ignore_capacity else 1)
        if all(self.capacities.get(place.code, wanted) < wanted for place in places):
            most = max(self.capacities[place.code] for place in places)
            yield Finding(pointer, "nobody_has_room", {"wanted": wanted, "most": most})


def _parcel_value(pointer: str, rule: Rule, step: Step) -> Iterator[Finding]:
    """No parcel is worth more than its order."""
    least, most = step.min_parcel_value, rule.when.max_value
    if least is not None and most is not None and least > most:
        yield Finding(pointer, "parcel_worth_too_much", {"least": least, "most": most})


def _unreachable(pointer: str, names: Sequence[str]) -> Finding:
    if len(names) == 1:
        return Finding(pointer, "unreachable_rule", {"rule": names[0]})
    return Finding(pointer, "unreachable_rule_together", {"rules": list(names)})


# ---- conditions ----------------------------------------------------------------------------------


def covers(general: When, special: When) -> bool:
    """Every order that meets `special` meets `general`, as far as the conditions alone tell."""
    return (
        _covers_sets(general, special)
        and _covers_prefixes(general.postal_prefixes, special.postal_prefixes)
        and all(_reaches(getattr(general, low), getattr(special, low), -1) for low in _LEAST)
        and all(_reaches(getattr(general, high), getattr(special, high), 1) for high in _MOST)
        and _covers_hours(general, special)
    )


_SETS = ("channels", "methods", "services", "countries", "skus", "tags", "weekdays", "customer_tags")
_LEAST = ("min_value", "min_weight_g", "min_units", "from_date")
_MOST = ("max_value", "max_weight_g", "max_units", "until_date")


def _covers_sets(general: When, special: When) -> bool:
    pairs = ((getattr(general, name), getattr(special, name)) for name in _SETS)
    return all(not wide or (narrow and narrow <= wide) for wide, narrow in pairs)


def _covers_prefixes(wide: Sequence[str], narrow: Sequence[str]) -> bool:
    return not wide or bool(narrow and all(prefix.startswith(tuple(wide)) for prefix in narrow))


def _reaches(wide: Any, narrow: Any, direction: int) -> bool:
    """A bound that is not there reaches everything."""
    if wide is None:
        return True
    return narrow is not None and (narrow <= wide if direction > 0 else narrow >= wide)


def _covers_hours(general: When, special: When) -> bool:
    return _minutes(special) <= _minutes(general)


def _minutes(when: When) -> frozenset[int]:
    """Minutes of the day in which the condition holds; bounds stand on whole minutes."""
    start, end = _minute(when.from_time, 0), _minute(when.until_time, 24 * 60)
    if when.from_time is None or when.until_time is None or start <= end:
        return frozenset(range(start, end))
    return frozenset(range(start, 24 * 60)) | frozenset(range(end))


def _minute(time: dt.time | None, default: int) -> int:
    return default if time is None else time.hour * 60 + time.minute


def contradiction(when: When) -> str | None:
    """Which condition no order can meet: the bound's name without `min_`, `max_`, …, or None.

    An order has a unit at least (`no_units`), while it may weigh nothing and be worth nothing.
    """
    bounds: list[tuple[str, Decimal | int | dt.date | None, Any]] = [
        ("value", when.min_value, when.max_value),
        ("weight", when.min_weight_g, when.max_weight_g),
        ("units", when.min_units, when.max_units),
        ("dates", when.from_date, when.until_date),
    ]
    for word, low, high in bounds:
        if low is not None and high is not None and low > high:
            return word
    if when.max_units == 0:
        return "no_units"
    if not _has_weekday(when):
        return "dates"
    return "hours" if not _minutes(when) else None


def _has_weekday(when: When) -> bool:
    """Whether one of its days of the week lies between its dates."""
    if not when.weekdays or when.from_date is None or when.until_date is None:
        return True
    days = min((when.until_date - when.from_date).days + 1, len(WEEK))
    return any(WEEK[(when.from_date.weekday() + turn) % len(WEEK)] in when.weekdays for turn in range(days))
