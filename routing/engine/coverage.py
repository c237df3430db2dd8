"""Whether some conditions leave nothing of another: exact, over all that can be said of an order.

What is asked of an order is cut into the pieces between which none of the conditions tells a difference: a country that
is named, or any other; an amount from here until there. A piece is a bit, and a condition one number per question; what
an order may still be is whittled down by one condition after the other. Products and tags are yes or no each: of “one of
these” it is kept which are ruled out, and which sets an order must still have one of. That an order of one unit has one
product only need not be looked at: whatever order is left, one of its products alone is left, too.
"""

import datetime as dt
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from .conditions import is_within_hours
from .types import When

#: For which of these an order may ask.
METHODS = frozenset({"ship", "pickup", "curbside", "locker"})
SERVICES = frozenset({"standard", "express", "same_day"})
WEEK = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
WEEKDAYS = frozenset(WEEK)

#: So many times at most it is looked whether a condition and what is left have an order in common.
MOST_LOOKS = 60_000
_ONE_OF = ("skus", "tags", "customer_tags")

Bits = Callable[[When], int]
Question = tuple[int, Bits]  # all pieces, and those that a condition takes


class TooMany(Exception):
    """There are too many ways in which the conditions overlap to go through them all."""


class Coverage:
    """Conditions in their order. `channels`: those whose orders come here, empty: any."""

    def __init__(self, whens: Sequence[When], channels: frozenset[str] = frozenset(), most_looks: int = MOST_LOOKS):
        self.anything = When(channels=channels)
        self._questions = _questions([*whens, self.anything], channels)
        self._taken = [_Taken.of(when, self._questions) for when in whens]
        self._looks_left = most_looks

    def covering(self, special: When, before: int) -> list[int] | None:
        """The numbers of those before that together take every order which meets `special`, none in vain; else None.

        `special`: one of the conditions, or `anything`. Errors: TooMany.
        """
        whole = _Left.of(special, self._questions)
        needed = [number for number in range(before) if self._meet(whole, self._taken[number])]
        if whole.is_possible and self._is_left(whole, needed):
            return None
        for number in tuple(needed):
            fewer = [other for other in needed if other != number]
            if not self._is_left(whole, fewer):
                needed = fewer
        return needed

    def _is_left(self, left: "_Left", numbers: Sequence[int]) -> bool:
        """Whether some order meets none of these conditions."""
        for place, number in enumerate(numbers):
            if self._meet(left, self._taken[number]):
                after = numbers[place + 1 :]
                return any(self._is_left(part, after) for part in left.beyond(self._taken[number]))
        return True

    def _meet(self, left: "_Left", condition: "_Taken") -> bool:
        if not self._looks_left:
            raise TooMany
        self._looks_left -= 1
        return left.within(condition).is_possible


@dataclass(frozen=True, slots=True)
class _Taken:
    """A condition: pieces per question, and the products and tags of which it wants one (none: it does not ask)."""

    bits: tuple[int, ...]
    one_of: tuple[frozenset[str], ...]

    @classmethod
    def of(cls, when: When, questions: Sequence[Question]) -> "_Taken":
        return cls(tuple(bits(when) for _every, bits in questions), tuple(getattr(when, name) for name in _ONE_OF))


@dataclass(frozen=True, slots=True)
class _Left:
    """What an order may still be."""

    bits: tuple[int, ...]
    every: tuple[int, ...]
    without: tuple[frozenset[str], ...] = (frozenset(),) * len(_ONE_OF)
    one_of: tuple[tuple[frozenset[str], ...], ...] = field(default=((),) * len(_ONE_OF))

    @classmethod
    def of(cls, when: When, questions: Sequence[Question]) -> "_Left":
        every = tuple(pieces for pieces, _bits in questions)
        return cls(every, every).within(_Taken.of(when, questions))

    @property
    def is_possible(self) -> bool:
        asked = zip(self.without, self.one_of, strict=True)
        return all(self.bits) and all(words - without for without, sets in asked for words in sets)

    def within(self, condition: _Taken) -> "_Left":
        bits = tuple(own & taken for own, taken in zip(self.bits, condition.bits, strict=True))
        asked = zip(self.one_of, condition.one_of, strict=True)
        return replace(self, bits=bits, one_of=tuple((*sets, words) if words else sets for sets, words in asked))

    def beyond(self, condition: _Taken) -> Iterator["_Left"]:
        """What is outside of the condition, in parts that do not overlap; only those that are possible."""
        inside = self
        for number, taken in enumerate(condition.bits):
            outside = inside._with_bits(number, inside.bits[number] & ~taken)
            if outside.is_possible:
                yield outside
            inside = inside._with_bits(number, inside.bits[number] & taken)
        for number, words in enumerate(condition.one_of):
            if not words:
                continue
            without = (*inside.without[:number], inside.without[number] | words, *inside.without[number + 1 :])
            outside = replace(inside, without=without)
            if outside.is_possible:
                yield outside
            sets = (*inside.one_of[:number], (*inside.one_of[number], words), *inside.one_of[number + 1 :])
            inside = replace(inside, one_of=sets)

    def _with_bits(self, number: int, bits: int) -> "_Left":
        return replace(self, bits=(*self.bits[:number], bits, *self.bits[number + 1 :]))


# ---- what is asked of an order ---------------------------------------------------------------------


def _questions(whens: Sequence[When], channels: frozenset[str]) -> list[Question]:
    none: frozenset[str] = frozenset()
    closed = {"channels": channels, "methods": METHODS, "services": SERVICES, "countries": none, "weekdays": WEEKDAYS}
    return [
        *(_words(whens, name, known) for name, known in closed.items()),
        _prefixes(whens),
        _amounts(whens, "min_value", "max_value", _cents, least=0),
        _amounts(whens, "min_weight_g", "max_weight_g", int, least=0),
        _amounts(whens, "min_units", "max_units", int, least=1),
        _amounts(whens, "from_date", "until_date", dt.date.toordinal, least=1),
        _hours(whens),
    ]


def _words(whens: Sequence[When], name: str, known: frozenset[str]) -> Question:
    """`known`: all there are; empty: there may be others than are named."""
    named: Iterable[str] = known or frozenset().union(*(getattr(when, name) for when in whens))
    bit = {word: 1 << number for number, word in enumerate(sorted(named))}
    every = (1 << len(bit) + (not known)) - 1

    def bits(when: When) -> int:
        words = getattr(when, name)
        return sum(bit.get(word, 0) for word in words) if words else every

    return every, bits


def _prefixes(whens: Sequence[When]) -> Question:
    """Codes by the longest prefix of all that are named, the last ones by none."""
    named = sorted({prefix for when in whens for prefix in when.postal_prefixes})
    every = (1 << len(named) + 1) - 1

    def bits(when: When) -> int:
        wanted = when.postal_prefixes
        return sum(1 << n for n, one in enumerate(named) if one.startswith(wanted)) if wanted else every

    return every, bits


def _amounts(whens: Sequence[When], low: str, high: str, number: Callable[[Any], int], *, least: int) -> Question:
    """From each bound to the next, in whole numbers."""

    def bounds(when: When) -> tuple[int, int | None]:
        first, last = getattr(when, low), getattr(when, high)
        return least if first is None else number(first), None if last is None else number(last)

    asked = [bounds(when) for when in whens]
    starts = {first for first, _last in asked} | {last + 1 for _first, last in asked if last is not None}

    def is_within(start: int, when: When) -> bool:
        first, last = bounds(when)
        return first <= start and (last is None or start <= last)

    return _pieces({least, *(start for start in starts if start > least)}, is_within)


def _cents(value: Any) -> int:
    return int(value * 100)


def _hours(whens: Sequence[When]) -> Question:
    """Half-open, from one bound to the next."""
    asked = {time for when in whens for time in (when.from_time, when.until_time) if time is not None}
    midnight = dt.time(0)
    return _pieces({midnight, *asked}, lambda start, when: is_within_hours(start, when.from_time, when.until_time))


def _pieces(starts: set[Any], is_within: Callable[[Any, When], bool]) -> Question:
    """Each from one start to the next."""
    ordered = sorted(starts)

    def bits(when: When) -> int:
        return sum(1 << n for n, start in enumerate(ordered) if is_within(start, when))

    return (1 << len(ordered)) - 1, bits
