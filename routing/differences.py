"""What changed between two texts of a rule set.

Rules and steps are recognised by their names (the second of one name by its turn), so that one put in front is one
addition and not a change of everything behind it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import unified_diff
from itertools import count
from typing import Any, Literal

import yaml

from routing.documents import in_brief

Document = Mapping[str, Any]
_NAMED_LISTS = frozenset({"rules", "steps"})


@dataclass(frozen=True, slots=True)
class Difference:
    """`where`: keys and names from the outside in, as `("rules", "web", "steps", "near", "max_parcels")`.

    `moved`: 1-based positions among its neighbours; additions and removals carry the whole value.
    """

    kind: Literal["added", "removed", "moved", "changed"]
    where: tuple[str, ...]
    before: Any
    after: Any


def differences(old: Document, new: Document) -> list[Difference]:
    """In the order of the new text; what is gone comes last within its list. Both documents are written out in full."""
    return list(_compare((), old, new))


def as_yaml(document: Document) -> str:
    """For people: what nobody said is left out."""
    return yaml.safe_dump(in_brief(document), sort_keys=False, allow_unicode=True)


def yaml_diff(old: Document, new: Document, *, old_name: str, new_name: str) -> str:
    """A unified diff of the two exports; empty when nothing changed."""
    before, after = as_yaml(old).splitlines(keepends=True), as_yaml(new).splitlines(keepends=True)
    return "".join(unified_diff(before, after, old_name, new_name))


def _compare(where: tuple[str, ...], old: Any, new: Any) -> Iterator[Difference]:
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for key in {**new, **old}:
            yield from _compare((*where, key), old.get(key), new.get(key))
    elif where and where[-1] in _NAMED_LISTS:
        yield from _compare_named(where, old, new)
    elif old != new:
        yield Difference("changed", where, old, new)


def _compare_named(where: tuple[str, ...], old: Sequence[Document], new: Sequence[Document]) -> Iterator[Difference]:
    before, after = _by_name(old), _by_name(new)
    stayed = [name for name in before if name in after]
    turn = {name: number for number, name in enumerate((name for name in after if name in before), start=1)}
    for name, item in after.items():
        if name not in before:
            yield Difference("added", (*where, name), None, item)
            continue
        was = stayed.index(name) + 1
        if was != turn[name]:
            yield Difference("moved", (*where, name), was, turn[name])
        yield from _compare((*where, name), before[name], item)
    for name, item in before.items():
        if name not in after:
            yield Difference("removed", (*where, name), item, None)


def _by_name(items: Sequence[Document]) -> dict[str, Document]:
    named: dict[str, Document] = {}
    for item in items:
        turns = (item["name"] if turn == 1 else f"{item['name']} ({turn})" for turn in count(1))
        named[next(name for name in turns if name not in named)] = item
    return named
