"""How much of the stock is kept back from whoever asks: the exposure rules, weighed. Pure.

Of the rules that match a product, a place and a context, a hidden one hides all; else the most specific says
what is kept: a rule for the SKU before one for a tag before one for any product, then for the place before its
group before its country before any, then for the channel, the service level and the delivery method; the newest
among equals. A rule for doubtful stock (`below_confidence`) keeps its part besides, where the level is doubtful.

The safety stock of the level (else the place's) is a floor: the larger of it and what the rules keep counts.
"""

import json
import threading
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple, Protocol

HIDDEN = -1
"""In place of units: nothing is shown or sold."""

_SIGNATURES_REMEMBERED = 1000


@dataclass(frozen=True, slots=True)
class Context:
    """Who asks for stock, when and for what. An empty field is one that nobody told.

    `holds`: those of carts and offers whose units are free to the asker. `order_type`: the delivery method.
    """

    as_of: datetime
    channel: str = ""
    order_type: str = ""
    service: str = ""
    holds: tuple[str, ...] = ()


class Kept(NamedTuple):
    """What the rules keep of a level; shares in ten-thousandths of what stands there in good condition."""

    units: int = 0
    share: int = 0
    doubt_below: float = 0.0
    doubt_units: int = 0
    doubt_share: int = 0

    @property
    def is_hidden(self) -> bool:
        return self.units == HIDDEN


NOTHING = Kept()
_ALL_HIDDEN = Kept(units=HIDDEN)


@dataclass(frozen=True, slots=True)
class Rule:
    """`keep_share` in ten-thousandths. Empty conditions do not restrict."""

    id: str
    channel: str = ""
    order_type: str = ""
    service: str = ""
    countries: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()
    locations: frozenset[str] = frozenset()
    tags: frozenset[str] = frozenset()
    skus: frozenset[str] = frozenset()
    below_confidence: float | None = None
    keep_units: int = 0
    keep_share: int = 0
    hidden: bool = False

    def is_for(self, channel: str, order_type: str, service: str) -> bool:
        return self.channel in ("", channel) and self.order_type in ("", order_type) and self.service in ("", service)

    def is_of(self, sku: str, tags: Collection[str]) -> bool:
        """A rule that names SKUs and tags is for both."""
        if not (self.skus or self.tags):
            return True
        return sku in self.skus or not self.tags.isdisjoint(tags)

    def is_at(self, place: "Place") -> bool:
        """A rule that names places, groups and countries is for all of them."""
        if not (self.locations or self.groups or self.countries):
            return True
        return (
            place.code in self.locations or not self.groups.isdisjoint(place.groups) or place.country in self.countries
        )

    def rank(self, sku: str, place: "Place") -> tuple[int, ...]:
        """How specific it is, among rules that match both."""
        product = 2 if sku in self.skus else 1 if self.tags else 0
        if place.code in self.locations:
            where = 3
        elif not self.groups.isdisjoint(place.groups):
            where = 2
        else:
            where = 1 if self.countries else 0
        return product, where, bool(self.channel), bool(self.service), bool(self.order_type)


class Place(Protocol):
    @property
    def code(self) -> str: ...
    @property
    def groups(self) -> frozenset[str]: ...
    @property
    def country(self) -> str: ...
    @property
    def safety_stock(self) -> int: ...
    @property
    def is_active(self) -> bool: ...


class Verdict(NamedTuple):
    """What is kept at one level, and the rules that say so (None: no rule)."""

    kept: Kept
    rule: Rule | None = None
    doubt_rule: Rule | None = None


def weigh(rules: Iterable[Rule], sku: str, place: Place) -> Verdict:
    """The verdict over one level. `rules`: those that match product and context, newest first."""
    here = [rule for rule in rules if rule.is_at(place)]
    if hiding := next((rule for rule in here if rule.hidden), None):
        return Verdict(_ALL_HIDDEN, hiding)
    by_rank = sorted(here, key=lambda rule: rule.rank(sku, place), reverse=True)
    plain = next((rule for rule in by_rank if rule.below_confidence is None), None)
    doubt = next((rule for rule in by_rank if rule.below_confidence is not None), None)
    if not here:
        return Verdict(NOTHING)
    kept = Kept(
        units=plain.keep_units if plain else 0,
        share=plain.keep_share if plain else 0,
        doubt_below=(doubt.below_confidence or 0.0) if doubt else 0.0,
        doubt_units=doubt.keep_units if doubt else 0,
        doubt_share=doubt.keep_share if doubt else 0,
    )
    return Verdict(kept, plain, doubt)


# ---- for a whole network at once -----------------------------------------------------------------


class Protections:
    """The rules of one kind of context over one directory of places, worked out once per kind of product.

    `unable`: the codes of places whose profile hides all, for they cannot do what is asked for.
    """

    def __init__(self, rules: Sequence[Rule], places: Mapping[str, Place], unable: Collection[str] = frozenset()):
        self.rules = rules
        self.has_rules = bool(rules)
        self.asks_for_tags = any(rule.tags for rule in rules)
        self._of_products = [rule for rule in rules if rule.tags or rule.skus]
        self.places = places
        self._unable = unable
        self._profiles: dict[tuple[bool, ...], str] = {}
        self._one_at_a_time = threading.Lock()

    def verdict(self, sku: str, tags: Collection[str], place: Place) -> Verdict:
        return weigh([rule for rule in self.rules if rule.is_of(sku, tags)], sku, place)

    def kept(self, sku: str, tags: Collection[str], code: str) -> Kept:
        """NOTHING at places nobody knows: what cannot be found sells nothing anyway."""
        if not self.rules or code not in self.places:
            return NOTHING
        return self.verdict(sku, tags, self.places[code]).kept

    def profile(self, sku: str, tags: Collection[str]) -> str:
        """What is kept of a product at every place, as JSON; products that the same rules match in the same way share one.

        Places where the same is kept are of one class. `safety` and each field of `Kept` are arrays, as Postgres writes
        them, of what is kept by class, that of most places first; `others` tells by code the class of each other place,
        counted from 1.
        """
        signature = tuple(value for rule in self._of_products for value in (rule.is_of(sku, tags), sku in rule.skus))
        found = self._profiles.get(signature)
        if found is None:
            with self._one_at_a_time:
                if len(self._profiles) >= _SIGNATURES_REMEMBERED:
                    self._profiles.clear()
                found = self._profiles[signature] = self._work_out(sku, tags)
        return found

    def _work_out(self, sku: str, tags: Collection[str]) -> str:
        matching = [rule for rule in self.rules if rule.is_of(sku, tags)]
        class_of = {code: self._class(place, weigh(matching, sku, place).kept) for code, place in self.places.items()}
        usual_first = [found for found, _places in Counter(class_of.values()).most_common()] or [(0, NOTHING)]
        numbers = {found: number for number, found in enumerate(usual_first, 1)}
        profile: dict[str, Any] = {
            name: _array(getattr(kept, name) for _safety, kept in numbers) for name in Kept._fields
        }
        profile["safety"] = _array(safety for safety, _kept in numbers)
        profile["others"] = {code: numbers[found] for code, found in class_of.items() if found != usual_first[0]}
        return json.dumps(profile, separators=(",", ":"))

    def _class(self, place: Place, kept: Kept) -> tuple[int, Kept]:
        """Its default safety stock, and what the rules keep there; a place that is out of use hides all."""
        is_open = place.is_active and place.code not in self._unable
        return (place.safety_stock, kept) if is_open else (0, _ALL_HIDDEN)


def _array(numbers: Iterable[float]) -> str:
    """As Postgres writes it."""
    return f"{{{','.join(map(str, numbers))}}}"
