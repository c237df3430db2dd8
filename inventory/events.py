"""What inventory tells: the names and payloads of its events."""

from collections.abc import Iterable, Sequence
from typing import Protocol

from inventory.locks import Level
from oms.outbox import Fact

LEVEL_CHANGED = "inventory.level.changed"
STOCK_SHORT = "inventory.stock.short"

_LEVELS_PER_EVENT = 500
_FIELDS = ("sku", "location", "on_hand", "reserved", "damaged", "quarantined")


class LevelState(Protocol):
    sku: str
    location: str
    on_hand: int
    reserved: int
    damaged: int
    quarantined: int


def levels_changed(levels: Sequence[LevelState], *, actor: str, reference: str = "") -> list[Fact]:
    """One fact per 500 levels; its subject is the SKU if there is but one."""
    chunks = [levels[start : start + _LEVELS_PER_EVENT] for start in range(0, len(levels), _LEVELS_PER_EVENT)]
    return [_levels_changed(chunk, actor=actor, reference=reference) for chunk in chunks]


def _levels_changed(levels: Sequence[LevelState], *, actor: str, reference: str) -> Fact:
    subject = levels[0].sku if len(levels) == 1 else "stock"
    payload = {"levels": [{name: getattr(level, name) for name in _FIELDS} for level in levels], "reference": reference}
    return Fact(LEVEL_CHANGED, subject=subject, root=subject, actor=actor, payload=payload)


def stock_short(levels: Iterable[Level], *, actor: str) -> list[Fact]:
    """One fact per level that holds less than is promised from it."""
    return [
        Fact(
            STOCK_SHORT,
            subject=level.sku,
            root=level.sku,
            actor=actor,
            payload={"sku": level.sku, "location": level.location, "reserved": level.reserved, "short": level.short},
        )
        for level in levels
    ]
