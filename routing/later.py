"""Figures that few rules ask for."""

from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from typing import TypeVar

T = TypeVar("T")


class Later(Mapping[str, Mapping[str, T]]):
    """Figures by SKU and place that are read when somebody first looks at them, and then once."""

    def __init__(self, read: Callable[[], Mapping[str, Mapping[str, T]]]):
        self._read = read

    @cached_property
    def _found(self) -> Mapping[str, Mapping[str, T]]:
        return self._read()

    def __getitem__(self, sku: str) -> Mapping[str, T]:
        return self._found[sku]

    def __iter__(self) -> Iterator[str]:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)
