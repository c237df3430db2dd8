"""How an app calls the rows that its public ids name, told to apps below it: an order, and each of its deliveries, goes by its number."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from django.utils.safestring import SafeString

from oms.backoffice.words import subject_link

_LONGEST_NUMBER = 18


@dataclass(frozen=True, slots=True)
class Numbers:
    """`of`: the numbers of ids, in one statement; `to`: the ids of a number."""

    of: Callable[[Collection[str]], Mapping[str, int]]
    to: Callable[[int], Collection[str]]


_BY_PREFIX: dict[str, Numbers] = {}


def go_by_number(prefix: str, numbers: Numbers) -> None:
    _BY_PREFIX[prefix] = numbers


def ids_of_number(text: str) -> list[str]:
    """The public ids of what goes by this number, with or without `#`; none where it is no number."""
    number = text.strip().lstrip("#")
    if not (number.isdecimal() and len(number) <= _LONGEST_NUMBER):
        return []
    return [id_ for numbers in _BY_PREFIX.values() for id_ in numbers.to(int(number))]


def numbers_of(subjects: Collection[str]) -> dict[str, int]:
    """The numbers of those whose kind goes by one: a statement per kind."""
    numbers: dict[str, int] = {}
    for prefix, told in _BY_PREFIX.items():
        if ids := {subject for subject in subjects if subject.partition("_")[0] == prefix}:
            numbers |= told.of(ids)
    return numbers


def named_links(subjects: Collection[str]) -> dict[str, SafeString | str]:
    """The way to each of these rows, by its number where its kind has one."""
    numbers = numbers_of(subjects)
    return {s: subject_link(s, f"#{numbers[s]}" if s in numbers else None) for s in subjects}
