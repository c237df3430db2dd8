"""All places in columns, so that a step looks at a thousand of them at once."""

from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from itertools import repeat
from typing import NamedTuple

import numpy as np

from . import geo
from .filters import REASONS, standing_reason
from .types import Place, Source

_REMEMBERED = 8
_known: OrderedDict[int, "Atlas"] = OrderedDict()


class Profile(NamedTuple):
    """What steps ask of a place's standing: many places have the same."""

    kind: str
    groups: frozenset[str]
    abilities: frozenset[str]
    is_accepting: bool
    is_paused: bool


class Atlas:
    """The places sorted by code, and what follows from them alone."""

    def __init__(self, places: Mapping[str, Place]):
        self.given = places
        self.codes = sorted(places)
        self.places = [places[code] for code in self.codes]
        self.index = {code: row for row, code in enumerate(self.codes)}
        self._standing: dict[tuple[Source, str], np.ndarray] = {}
        self._profiles: dict[frozenset[str], tuple[list[Profile], np.ndarray]] = {}

    @classmethod
    def of(cls, places: Mapping[str, Place]) -> "Atlas":
        """The same mapping is read once; whoever changes it must hand over another one."""
        known = _known.get(id(places))
        if known is None or known.given is not places:
            known = _known[id(places)] = cls(places)
            while len(_known) > _REMEMBERED:
                _known.popitem(last=False)
        return known

    @cached_property
    def points(self) -> np.ndarray:
        return geo.vectors(place.point for place in self.places)

    def column(self, values: Iterable[int]) -> np.ndarray:
        return np.fromiter(values, np.int64, len(self.places))

    @cached_property
    def handling(self) -> np.ndarray:
        return self.column(place.handling_micro for place in self.places)

    @cached_property
    def handling_unit(self) -> np.ndarray:
        return self.column(place.handling_unit_micro for place in self.places)

    @cached_property
    def packaging(self) -> np.ndarray:
        return self.column(place.packaging_micro for place in self.places)

    @cached_property
    def position(self) -> np.ndarray:
        return self.column(place.position for place in self.places)

    def standing(self, source: Source, ability: str) -> np.ndarray:
        """Per place the number of the reason that keeps it out whatever the goods and the address; 0: none."""
        known = self._standing.get((source, ability))
        if known is None:
            if len(self._standing) > _REMEMBERED * 8:
                self._standing.clear()
            reasons = [standing_reason(place, source, ability) for place in self.places]
            known = np.array([REASONS.index(reason) for reason in reasons], dtype=np.int8)
            self._standing[source, ability] = known
        return known

    @cached_property
    def figures(self) -> dict[str, np.ndarray]:
        """The whole numbers of the places, by their names."""
        return {
            "handling_micro": self.handling,
            "handling_unit_micro": self.handling_unit,
            "packaging_micro": self.packaging,
            "position": self.position,
        }

    def profiles(self, groups: frozenset[str]) -> tuple[list[Profile], np.ndarray]:
        """The different profiles, of groups only these, and per place the number of its own."""
        known = self._profiles.get(groups)
        if known is None:
            if len(self._profiles) > _REMEMBERED * 8:
                self._profiles.clear()
            number_of: dict[Profile, int] = {}
            numbers = [number_of.setdefault(_profile(place, groups), len(number_of)) for place in self.places]
            known = self._profiles[groups] = (list(number_of), np.array(numbers, dtype=np.intp))
        return known

    def table(
        self, figures: Mapping[str, Mapping[str, float]], skus: Sequence[str], rows: np.ndarray | None, absent: float
    ) -> np.ndarray:
        """Places × SKUs from {sku: {code: figure}}; only `rows`, if given. Places that are not known are left out."""
        found = np.full((len(self.places) + 1, len(skus)), absent, dtype=np.int64 if isinstance(absent, int) else float)
        index, nowhere = self.index, len(self.places)
        for column, sku in enumerate(skus):
            named = figures.get(sku)
            if named:
                at = np.fromiter(map(index.get, named, repeat(nowhere)), np.intp, len(named))
                found[at, column] = np.fromiter(named.values(), found.dtype, len(named))
        return found[:-1] if rows is None else found[rows]


def _profile(place: Place, groups: frozenset[str]) -> Profile:
    return Profile(place.kind, place.groups & groups, place.abilities, place.is_accepting, place.is_paused)
