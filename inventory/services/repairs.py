"""Making stock levels agree with their books again: what `check_invariants --repair` does about stock.

The books are the truth, the level's numbers are sums kept at hand: the ledger says how many there are, the active
reservations how many are promised. Both are written with the level under its lock, so under that lock they stand
still and can be added up while sales go on elsewhere. A repair moves no stock, so it writes no movement, save where the
ledger itself says what cannot be: fewer than no damaged units. It tells what it did as `inventory.level.repaired`.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db import connection

from inventory import books, events
from inventory.locks import Level, StockKey, open_and_lock_stock
from inventory.models import Cause
from inventory.services.ledger import Movement, save_levels
from oms.outbox import Fact, publish
from oms.transactions import use_case

REFERENCE = "check_invariants"

_COUNTED = ("on_hand", "damaged", "quarantined")


@use_case
def mend_by_ledger(broken: Sequence[Mapping[str, Any]], *, actor: str, as_of: datetime) -> list[str]:
    """Set these levels (`sku`, `location`) to the sums of their ledger; returns what was done, a sentence each.

    Looks again under the lock: what agrees meanwhile is left alone, and so is what names no known product or place.
    """
    levels = open_and_lock_stock(_keys(broken), as_of=as_of)
    ledger = _sums(books.LEDGER_OF_KEYS, levels)
    movements: list[Movement] = []
    done: list[tuple[Level, dict[str, int]]] = []
    for key, level in levels.items():
        target = dict(zip(_COUNTED, ledger.get(key, (0, 0, 0)), strict=True))
        made_up = _up_to_nothing(level, target, as_of)
        movements += made_up
        was = _set(level, target)
        if made_up or was != target:
            done.append((level, was))
    save_levels([level for level, _was in done], movements, actor=actor, reference=REFERENCE, as_of=as_of)
    return _tell(done, _COUNTED, actor=actor, as_of=as_of)


def _up_to_nothing(level: Level, target: dict[str, int], as_of: datetime) -> list[Movement]:
    """The movement without which the ledger would say that fewer than no units are damaged or quarantined."""
    damaged, quarantined = max(0, -target["damaged"]), max(0, -target["quarantined"])
    if not damaged and not quarantined:
        return []
    target["damaged"] += damaged
    target["quarantined"] += quarantined
    return [
        Movement(
            *level.key,
            Cause.ADJUSTMENT,
            as_of,
            damaged_delta=damaged,
            quarantined_delta=quarantined,
            reference=REFERENCE,
        )
    ]


def _set(level: Level, target: Mapping[str, int]) -> dict[str, int]:
    """Returns what it was."""
    was = {name: getattr(level, name) for name in target}
    for name, units in target.items():
        setattr(level, name, units)
    return was


@use_case
def mend_by_reservations(broken: Sequence[Mapping[str, Any]], *, actor: str, as_of: datetime) -> list[str]:
    """Set what is reserved of these levels to what active reservations hold; returns what was done.

    Where more is promised than there is, `inventory.stock.short` says so and the promises are planned again.
    """
    levels = open_and_lock_stock(_keys(broken), as_of=as_of)
    held = _sums(books.HELD_OF_KEYS, levels)
    done = []
    for key, level in levels.items():
        was = _set(level, {"reserved": held.get(key, (0,))[0]})
        if was["reserved"] != level.reserved:
            done.append((level, was))
    _save_reserved([level for level, _was in done], actor=actor, as_of=as_of)
    return _tell(done, ("reserved",), actor=actor, as_of=as_of)


_SAVE_RESERVED = """
UPDATE inventory_stocklevel s SET reserved = new.reserved, updated_at = greatest(s.updated_at, %s)
FROM unnest(%s::bigint[], %s::int[]) AS new (id, reserved) WHERE s.id = new.id"""


def _save_reserved(levels: Sequence[Level], *, actor: str, as_of: datetime) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_SAVE_RESERVED, [as_of, [level.id for level in levels], [level.reserved for level in levels]])
    facts = events.levels_changed(levels, actor=actor, reference=REFERENCE)
    publish([*facts, *events.stock_short((level for level in levels if level.short), actor=actor)], as_of=as_of)


def _keys(broken: Iterable[Mapping[str, Any]]) -> list[StockKey]:
    return [(row["sku"], row["location"]) for row in broken]


def _sums(statement: str, keys: Iterable[StockKey]) -> dict[StockKey, tuple[int, ...]]:
    ordered = list(keys)
    parameters = {"skus": [sku for sku, _ in ordered], "locations": [location for _, location in ordered]}
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return {(sku, location): tuple(sums) for sku, location, *sums in cursor.fetchall()}


def _tell(
    done: Sequence[tuple[Level, dict[str, int]]], names: Sequence[str], *, actor: str, as_of: datetime
) -> list[str]:
    facts, sentences = [], []
    for level, was in done:
        now = {name: getattr(level, name) for name in names}
        payload = {"sku": level.sku, "location": level.location, "from": was, "to": now}
        facts.append(Fact(events.LEVEL_REPAIRED, level.sku, level.sku, actor, payload))
        changes = ", ".join(f"{name} {was[name]} → {now[name]}" for name in names if was[name] != now[name])
        sentences.append(
            f"{level.sku} at {level.location}: {changes or 'a movement makes up for what its ledger lacks'}"
        )
    publish(facts, as_of=as_of)
    return sentences
