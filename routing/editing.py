"""One change to the text of a rule set: pure, so that a draft is changed under its lock by what was asked for.

`Where` leads to a rule `(3,)` or to one of its steps `(3, 0)`, counted from 0.
"""

import copy
import hashlib
import json
from collections.abc import Callable, Mapping
from typing import Any

from routing.documents import When
from routing.errors import DraftChanged

Where = tuple[int, ...]
Edit = Callable[[dict[str, Any]], None]
"""Changes a copy of the document in place. Errors: DraftChanged where what it speaks of is not there."""


def fingerprint(document: Mapping[str, Any]) -> str:
    """Of the text somebody saw, so that a change made on top of another one is noticed."""
    return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()[:16]


def apply(document: Mapping[str, Any], edit: Edit) -> dict[str, Any]:
    changed = copy.deepcopy(dict(document))
    edit(changed)
    return changed


def item_at(document: Mapping[str, Any], where: Where) -> dict[str, Any]:
    """Errors: DraftChanged."""
    siblings, number = _siblings(document, where)
    return siblings[number]


def replace(where: Where, item: Mapping[str, Any]) -> Edit:
    def edit(document: dict[str, Any]) -> None:
        siblings, number = _siblings(document, where)
        siblings[number] = dict(item)

    return edit


def change_head(head: Mapping[str, Any]) -> Edit:
    """Name and channels."""
    return lambda document: document.update(name=head["name"], channels=head["channels"])


def restore(before: Mapping[str, Any]) -> Edit:
    """The whole text as it was."""
    return lambda document: document.update(before)


def add_rule(rule: Mapping[str, Any]) -> Edit:
    """Behind the others, but before a rule that takes every order: behind that one it would never be reached."""

    def edit(document: dict[str, Any]) -> None:
        for_all = [number for number, other in enumerate(document["rules"]) if _takes_every_order(other)]
        document["rules"].insert(for_all[0] if for_all else len(document["rules"]), dict(rule))

    return edit


def add_step(number: int, step: Mapping[str, Any]) -> Edit:
    """Tried after the others: the one that ended the rule until now hands on."""

    def edit(document: dict[str, Any]) -> None:
        steps = item_at(document, (number,))["steps"]
        steps[-1].update(rest="next", cancel_after_days=None)
        steps.append(dict(step))

    return edit


def move(where: Where, by: int) -> Edit:
    """Up (-1) or down (1) among its neighbours; at the end it stays."""

    def edit(document: dict[str, Any]) -> None:
        siblings, number = _siblings(document, where)
        siblings.insert(min(max(number + by, 0), len(siblings) - 1), siblings.pop(number))

    return edit


def duplicate(where: Where) -> Edit:
    def edit(document: dict[str, Any]) -> None:
        siblings, number = _siblings(document, where)
        twin = copy.deepcopy(siblings[number])
        twin["name"] = _free_name(twin["name"], {other["name"] for other in siblings})
        siblings.insert(number + 1, twin)

    return edit


def remove(where: Where) -> Edit:
    def edit(document: dict[str, Any]) -> None:
        siblings, number = _siblings(document, where)
        del siblings[number]

    return edit


def _siblings(document: Mapping[str, Any], where: Where) -> tuple[list[dict[str, Any]], int]:
    siblings, number = document["rules"], where[0]
    for inner in where[1:]:
        siblings, number = _nth(siblings, number)["steps"], inner
    _nth(siblings, number)
    return siblings, number


def _nth(items: list[dict[str, Any]], number: int) -> dict[str, Any]:
    if not 0 <= number < len(items):
        raise DraftChanged()
    return items[number]


def _takes_every_order(rule: Mapping[str, Any]) -> bool:
    return When.model_validate(rule["when"]) == When()


_LONGEST_NAME = 200


def _free_name(name: str, taken: set[str]) -> str:
    turn = 2
    while (found := f"{name[: _LONGEST_NAME - 8]} ({turn})") in taken:
        turn += 1
    return found
