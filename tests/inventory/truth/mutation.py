"""Taking a guard out of the product while it runs: its module's text without the fragment becomes the module.

Functions get the code that the changed text has, texts of SQL and other plain values are replaced; so whoever holds a
function already, decorated or not, meets the changed one.
"""

import inspect
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from importlib import import_module
from types import FunctionType, ModuleType
from typing import Any

import pytest

from oms.states import StateTable

_MADE_OF: dict[str, tuple[str, ...]] = {
    "inventory.sellable": ("inventory.queries", "inventory.services.reservations", "inventory.supply")
}
"""Modules whose SQL is put together, once, from what another one says."""


@dataclass(frozen=True)
class Fragment:
    """Where in the code it stands, and what stands there instead once it is taken out."""

    module: str
    text: str
    instead: str = ""

    @property
    def found(self) -> int:
        return _text(self.module).count(self.text)


def take_out(fragment: Fragment, patch: pytest.MonkeyPatch) -> None:
    _make_anew(fragment.module, _text(fragment.module).replace(fragment.text, fragment.instead), patch)


def take_out_nothing(fragment: Fragment, patch: pytest.MonkeyPatch) -> None:
    """Make the module anew from what it says, so that only the fragment can make a difference."""
    _make_anew(fragment.module, "\n" + _text(fragment.module), patch)


def _make_anew(module: str, text: str, patch: pytest.MonkeyPatch) -> None:
    _become(import_module(module), text, patch)
    for name in _MADE_OF.get(module, ()):
        _become(import_module(name), _text(name), patch)


def _text(module: str) -> str:
    return inspect.getsource(import_module(module))


def _become(module: ModuleType, source: str, patch: pytest.MonkeyPatch) -> None:
    new: dict[str, Any] = {"__name__": module.__name__, "__file__": module.__file__}
    exec(compile(source, str(module.__file__), "exec"), new)
    changed = dict(_functions(new, module.__name__))
    for name, function in _functions(vars(module), module.__name__):
        if function.__code__ != changed[name].__code__:
            patch.setattr(function, "__code__", changed[name].__code__)
    for name, value in vars(module).items():
        if isinstance(value, StateTable):
            patch.setattr(value, "moves", new[name].moves)
        elif _is_plain(value) and not name.startswith("__") and value != new[name]:
            patch.setattr(module, name, new[name])


def _functions(names: dict[str, Any], module: str) -> Iterator[tuple[str, FunctionType]]:
    """Those of the module itself, without what decorates them, by their full names."""
    for value in [*names.values()]:
        if isinstance(value, type) and value.__module__ == module:
            yield from _functions(dict(vars(value)), module)
            continue
        bare = value.fget if isinstance(value, property) else getattr(value, "__func__", value)
        bare = inspect.unwrap(bare) if callable(bare) else bare
        if isinstance(bare, FunctionType) and bare.__module__ == module:
            yield bare.__qualname__, bare


def _is_plain(value: Any) -> bool:
    if isinstance(value, dict):
        return all(isinstance(each, str) for each in value.values())
    return isinstance(value, str | int | float | timedelta)
