"""What inventory tells: the names and payloads of its events."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from inventory.locks import Level
from inventory.models import Inbound
from inventory.prices import Span
from oms.outbox import Fact

LEVEL_CHANGED = "inventory.level.changed"
LEVEL_REPAIRED = "inventory.level.repaired"
STOCK_SHORT = "inventory.stock.short"
LEDGER_FORGOTTEN = "inventory.ledger.forgotten"
LOCATION_PAUSED = "inventory.location.paused"
LOCATION_RESUMED = "inventory.location.resumed"
LOCATION_LIMITED = "inventory.location.limited"
RESERVATION_CONSUMED = "inventory.reservation.consumed"
PRICE_CHANGED = "inventory.price.changed"
FILE_IMPORTED = "inventory.file.imported"
STOCK_ADJUSTED = "inventory.stock.adjusted"
INBOUND_CHANGED = "inventory.inbound.changed"
INBOUND_RECEIVED = "inventory.inbound.received"
INBOUND_LATE = "inventory.inbound.late"
INBOUND_SHORT = "inventory.inbound.short"
INBOUND_BEGUN = ("inventory.inbound.announced", "inventory.inbound.sent")
INBOUND_ENDED_OR_CHANGED = (INBOUND_CHANGED, INBOUND_RECEIVED, "inventory.inbound.closed", "inventory.inbound.canceled")
"""Whatever happens to what was promised of it, one of these tells."""

_LEVELS_PER_EVENT = 500
_PRICES_PER_EVENT = 500
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


def inbound_fact(type_: str, inbound: Inbound, *, actor: str, payload: Mapping[str, Any]) -> Fact:
    return Fact(type_, inbound.pk, inbound.pk, actor, {**about_inbound(inbound), **payload})


def about_inbound(inbound: Inbound) -> dict[str, Any]:
    """What every event of a delivery or transfer says of it."""
    named = {"location": inbound.location_id, "reference": inbound.reference}
    return named | {"origin": inbound.origin_id} if inbound.is_transfer else named


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


KeyedSpan = tuple[tuple[str, str], Span]  # SKU and channel of a price


def prices_changed(stand: Sequence[KeyedSpan], *, gone: Sequence[KeyedSpan], actor: str) -> list[Fact]:
    """One fact per 500 prices: as they now stand, and those that were taken back before they began."""
    told = [_price(*pair) for pair in stand] + [_price(*pair) | {"is_taken_back": True} for pair in gone]
    chunks = [told[start : start + _PRICES_PER_EVENT] for start in range(0, len(told), _PRICES_PER_EVENT)]
    return [_prices_changed(chunk, actor) for chunk in chunks]


def _price(key: tuple[str, str], span: Span) -> dict[str, Any]:
    sku, channel = key
    money = {"amount": str(span.amount), "currency": span.currency}
    return {"id": span.id, "sku": sku, "channel": channel, **money, "from_at": span.from_at, "until_at": span.until_at}


def _prices_changed(chunk: Sequence[dict[str, Any]], actor: str) -> Fact:
    skus = {price["sku"] for price in chunk}
    subject = skus.pop() if len(skus) == 1 else "prices"
    return Fact(PRICE_CHANGED, subject=subject, root=subject, actor=actor, payload={"prices": chunk})


def location_paused(code: str, *, until: datetime, reason: str, actor: str) -> Fact:
    """It ends by itself at `until`; only an earlier end is told again."""
    return Fact(LOCATION_PAUSED, code, code, actor, {"location": code, "until": until, "reason": reason})


def location_limited(code: str, *, limit: int, actor: str) -> Fact:
    """It had no limit per day before."""
    return Fact(LOCATION_LIMITED, code, code, actor, {"location": code, "limit": limit})


def location_resumed(code: str, *, actor: str) -> Fact:
    return Fact(LOCATION_RESUMED, code, code, actor, {"location": code})


def exposure_rule_changed(rule_id: str, verb: str, told: Mapping[str, object], *, actor: str) -> Fact:
    """`verb`: created, changed or removed."""
    return Fact(f"inventory.exposure_rule.{verb}", subject=rule_id, root=rule_id, actor=actor, payload=told)


def reservation_consumed(
    *,
    reference: str,
    sku: str,
    location: str,
    demands: Sequence[tuple[str, int]],
    source: str,
    external_id: str,
    occurred_at: datetime,
    actor: str,
) -> Fact:
    """A source has handed over units of an order that were reserved for it; `demands` says how many of each."""
    payload = {
        "order": reference,
        "sku": sku,
        "location": location,
        "demands": [{"demand": demand, "quantity": units} for demand, units in demands],
        "source": source,
        "external_id": external_id,
        "occurred_at": occurred_at.isoformat(),
    }
    return Fact(RESERVATION_CONSUMED, subject=reference, root=reference, actor=actor, payload=payload)
