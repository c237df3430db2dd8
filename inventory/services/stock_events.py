"""Feeds from tills, warehouses and counters: what happened at a level, in any order, as often as it comes.

A level is the last count plus all that moved after it, by the time things happened, not by the time we
heard of them. So events may come late, twice and in any order, and the level ends up the same.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import NamedTuple

from django.db import IntegrityError, connection
from django.utils.translation import gettext as _

from inventory.balances import forgotten_until
from inventory.confidence import Difference, after_look, agrees
from inventory.errors import BeforeTheLedger
from inventory.feeds import FeedSettings, feed_of
from inventory.locks import Level, StockKey, open_and_lock_stock
from inventory.models import Cause, Condition
from inventory.models.stock import MOST_UNITS
from inventory.queries import products_by_sku
from inventory.services.ledger import Movement, save_levels
from inventory.services.order_events import OrdersAtLevels
from oms.clock import SKEW
from oms.transactions import in_transaction, use_case

DELTA, COUNT = "delta", "count"
APPLIED, DUPLICATE, STALE, REJECTED = "applied", "duplicate", "stale", "rejected"


@dataclass(frozen=True, slots=True)
class StockEvent:
    """What a source says happened. `id` is unique within `source`.

    `quantity` is the change (delta) or what was found (count) of units in `condition`; without a condition
    a delta is of sellable units and a count of all that stand there, of which `damaged` are broken (None: nobody
    told them apart, as many as the books say, but no more than were found). `reference` is the order that it belongs to.
    `confirms_within`: somebody looked at the shelf, and so many units more or fewer than the books say still confirm
    them; it moves the level's confidence. None: the count is what another system believes.
    """

    id: str
    sku: str
    location: str
    kind: str
    quantity: int
    occurred_at: datetime
    reason: str = ""
    condition: str | None = None
    bin: str | None = None
    reference: str = ""
    source: str = ""
    damaged: int | None = None
    confirms_within: int | None = None

    @property
    def key(self) -> StockKey:
        return self.sku, self.location

    @property
    def names_order(self) -> bool:
        """Whether the units may be some order's: those that can be promised are."""
        return self.kind == DELTA and bool(self.reference) and self.is_of_sellable

    @property
    def is_of_sellable(self) -> bool:
        return self.condition in (None, Condition.SELLABLE)


@dataclass(frozen=True, slots=True)
class EventResult:
    """What became of an event: applied, duplicate, stale (older than the last count), or rejected with a code.

    A duplicate with the code `our_own_work` tells what we book ourselves (see `Feed.reports_our_work`).
    """

    id: str
    status: str
    code: str = ""
    detail: str = ""


class _Change(NamedTuple):
    """What becomes more or less: on hand, and of it damaged and quarantined."""

    on_hand: int = 0
    damaged: int = 0
    quarantined: int = 0

    @property
    def sellable(self) -> int:
        return self.on_hand - self.damaged - self.quarantined


class _Seen(NamedTuple):
    """What was moved under an id."""

    key: StockKey
    quantity: int


class _Refusal(Exception):
    def __init__(self, code: str, detail: str):
        super().__init__(detail)
        self.code = code
        self.detail = detail


def receive_stock_events(
    events: Sequence[StockEvent], *, source: str, actor: str, as_of: datetime
) -> list[EventResult]:
    """`apply_stock_events` in a transaction of its own.

    Two requests may bring one event for two different levels at once: they share no lock, the unique index
    stops the second, and trying again finds the duplicate.
    """
    try:
        with use_case:
            return apply_stock_events(events, source=source, actor=actor, as_of=as_of)
    except IntegrityError:
        with use_case:
            return apply_stock_events(events, source=source, actor=actor, as_of=as_of)


@in_transaction
def apply_stock_events(events: Sequence[StockEvent], *, source: str, actor: str, as_of: datetime) -> list[EventResult]:
    """Apply thousands of events in few statements; each is answered by itself, in the order given.

    `source` is that of events that name none. A count ends a suspicion that is not younger. On hand may go below zero
    (a till sold what we did not know of); damaged and quarantined may not. A delta that names an order hands over what
    that has reserved at the level, as far as it goes: whose order it is hears `inventory.reservation.consumed`.
    """
    levels = open_and_lock_stock((event.key for event in events), as_of=as_of)
    events = [_without_skew(event, as_of) for event in events]
    batch = _Batch(events, source=source, levels=levels, as_of=as_of)
    results = [batch.take(event) for event in events]
    batch.orders.save(actor=actor, as_of=as_of)
    movements = [movement for of_level in batch.movements.values() for movement in of_level]
    save_levels([levels[key] for key in batch.movements], movements, actor=actor, reference=source, as_of=as_of)
    return results


@in_transaction
def differences(counts: Sequence[StockEvent], *, levels: Mapping[StockKey, Level]) -> list[Difference]:
    """How each count of all that stands there differs from the books of its instant; the levels are locked."""
    late = [event for event in counts if event.occurred_at < levels[event.key].updated_at]
    later = _moved_since({(event.source, event.id): event for event in late})
    return [_differs(levels[event.key], event, later.get((event.source, event.id), _Change())) for event in counts]


def _without_skew(event: StockEvent, as_of: datetime) -> StockEvent:
    """A clock that is a little fast does not make a future that would outrank the next count."""
    ahead = event.occurred_at - as_of
    return replace(event, occurred_at=as_of) if timedelta(0) < ahead <= SKEW else event


class _Batch:
    """Events against locked levels, worked out in memory."""

    def __init__(self, events: Sequence[StockEvent], *, source: str, levels: dict[StockKey, Level], as_of: datetime):
        self._source = source
        self._levels = levels
        self._as_of = as_of
        self._feeds = {source: feed_of(source) for source in {self._name(event)[0] for event in events}}
        self._known_skus = products_by_sku({event.sku for event in events if event.key not in levels})
        self._seen = _stored([self._name(event) for event in events])
        late = {self._name(event): event for event in events if self._is_late_count(event)}
        self._later = _moved_since(late)
        self._reserved_then = _reserved_at({name: event for name, event in late.items() if self._is_net_count(event)})
        self.orders = OrdersAtLevels({(event.reference, event.key) for event in events if event.names_order})
        # Read last: had a month been forgotten before what is read above, this tells of it.
        self._forgotten_until = forgotten_until()
        self.movements: dict[StockKey, list[Movement]] = defaultdict(list)

    def take(self, event: StockEvent) -> EventResult:
        try:
            if self._is_known(event):
                return EventResult(event.id, DUPLICATE)
            level = self._level_of(event)
            self._check_is_remembered(event)
            if level.counted_at is not None and event.occurred_at < level.counted_at:
                return EventResult(event.id, APPLIED if self._hands_over_late(event, level) else STALE)
            return self._apply(event, level)
        except _Refusal as refusal:
            return EventResult(event.id, REJECTED, refusal.code, refusal.detail)

    def _is_known(self, event: StockEvent) -> bool:
        """Of a count only the level can be compared: the ledger holds the change that it made."""
        seen = self._seen.get(self._name(event))
        if seen is None:
            return False
        if seen.key != event.key or (event.kind == DELTA and seen.quantity != event.quantity):
            raise _Refusal("id_reused", _("This id was used for another event"))
        return True

    def _name(self, event: StockEvent) -> tuple[str, str]:
        return event.source or self._source, event.id

    def _check_is_remembered(self, event: StockEvent) -> None:
        """Of what is older than the ledger neither the id nor what moved later is known any more."""
        if self._forgotten_until is not None and event.occurred_at < self._forgotten_until:
            raise _Refusal(BeforeTheLedger.code, str(BeforeTheLedger.title))

    def _level_of(self, event: StockEvent) -> Level:
        if event.occurred_at > self._as_of:
            raise _Refusal("in_the_future", _("This has not happened yet"))
        if event.key in self._levels:
            return self._levels[event.key]
        if event.sku not in self._known_skus:
            raise _Refusal("unknown_sku", _("There is no such product"))
        raise _Refusal("unknown_location", _("There is no such location"))

    def _apply(self, event: StockEvent, level: Level) -> EventResult:
        ours = self._our_work(event)
        change = self._counted(event, level) if event.kind == COUNT else _moved(event.quantity - ours, event.condition)
        _add(level, change)
        if event.kind == COUNT and event.is_of_sellable:
            level.counted_at = event.occurred_at
            if level.suspect_at is not None and level.suspect_at <= event.occurred_at:
                level.suspect_at = None
            if event.confirms_within is not None:
                level.confidence = after_look(level.confidence, agrees=_confirms(event, change))
        if event.bin is not None:
            level.bin = event.bin
        if ours:
            self.orders.recognize(event.reference, level.key, ours)
        elif event.names_order and event.quantity < 0:
            self._hand_over(event, level)
        self._note(event, level, change)
        if ours and ours == event.quantity:
            return EventResult(event.id, DUPLICATE, "our_own_work", _("We book this work of the order ourselves"))
        return EventResult(event.id, APPLIED)

    def _note(self, event: StockEvent, level: Level, change: _Change) -> None:
        self.movements[level.key].append(self._movement(event, change))
        told = event.quantity if event.kind == DELTA else change.on_hand
        self._seen[self._name(event)] = _Seen(event.key, told)

    def _counted(self, event: StockEvent, level: Level) -> _Change:
        if self._is_net_count(event):
            reserved = self._reserved_then.get(self._name(event), 0) if self._is_late_count(event) else level.reserved
            event = replace(event, quantity=event.quantity + reserved)
        return _counted(level, event, self._moved_after(event))

    # ---- orders that are named -------------------------------------------------------------------

    def _feed(self, event: StockEvent) -> FeedSettings:
        return self._feeds[self._name(event)[0]]

    def _is_net_count(self, event: StockEvent) -> bool:
        """What is reserved is not among the counted."""
        return event.kind == COUNT and event.is_of_sellable and self._feed(event).counts_exclude_reserved

    def _our_work(self, event: StockEvent) -> int:
        """How much of a change we book ourselves."""
        if not (event.names_order and self._feed(event).reports_our_work):
            return 0
        return self.orders.recognizable(event.reference, event.key, event.quantity)

    def _hand_over(self, event: StockEvent, level: Level) -> int:
        """The order gets what it has reserved here. Returns so many units."""
        if self._feed(event).reports_our_work:
            return 0
        source, external_id = self._name(event)
        return self.orders.take_reserved(
            event.reference,
            level,
            -event.quantity,
            source=source,
            external_id=external_id,
            occurred_at=event.occurred_at,
        )

    def _hands_over_late(self, event: StockEvent, level: Level) -> bool:
        """The count knew that the units were gone; the order does not, and gets them now."""
        if not (event.names_order and event.quantity < 0 and self._hand_over(event, level)):
            return False
        self._note(event, level, _Change())
        return True

    def _movement(self, event: StockEvent, change: _Change) -> Movement:
        source, external_id = self._name(event)
        return Movement(
            sku=event.sku,
            location=event.location,
            cause=event.reason or (Cause.COUNT if event.kind == COUNT else Cause.ADJUSTMENT),
            occurred_at=event.occurred_at,
            quantity=change.on_hand,
            damaged_delta=change.damaged,
            quarantined_delta=change.quarantined,
            reference=event.reference,
            source=source,
            external_id=external_id,
            told=event.quantity if event.kind == DELTA else None,
        )

    def _is_late_count(self, event: StockEvent) -> bool:
        level = self._levels.get(event.key)
        return event.kind == COUNT and level is not None and event.occurred_at < level.updated_at

    def _moved_after(self, event: StockEvent) -> _Change:
        """All that moved at the event's level after it, of what is stored and of this batch."""
        later = [
            _Change(movement.quantity, movement.damaged_delta, movement.quarantined_delta)
            for movement in self.movements.get(event.key, ())
            if movement.occurred_at > event.occurred_at
        ]
        return _sum([self._later.get(self._name(event), _Change()), *later])


# ---- arithmetic --------------------------------------------------------------------------------


def _moved(units: int, condition: str | None) -> _Change:
    return _Change(
        on_hand=units,
        damaged=units if condition == Condition.DAMAGED else 0,
        quarantined=units if condition == Condition.QUARANTINED else 0,
    )


def _counted(level: Level, event: StockEvent, later: _Change) -> _Change:
    """The change that makes the level what was counted plus what moved later."""
    match event.condition:
        case Condition.DAMAGED:
            units = max(0, event.quantity + later.damaged) - level.damaged
        case Condition.QUARANTINED:
            units = max(0, event.quantity + later.quarantined) - level.quarantined
        case Condition.SELLABLE:
            units = event.quantity + later.sellable - (level.on_hand - level.damaged - level.quarantined)
        case _:
            return _counted_whole(level, event, later)
    return _moved(units, event.condition)


def _counted_whole(level: Level, event: StockEvent, later: _Change) -> _Change:
    """Of all that was found no more can have been damaged, and of the rest no more set apart; `imports.merging` reckons so.

    What was damaged then may have been mended since: below none it does not go.
    """
    then = _Change(damaged=level.damaged - later.damaged, quarantined=level.quarantined - later.quarantined)
    damaged = min(event.quantity, then.damaged) if event.damaged is None else event.damaged
    quarantined = min(event.quantity - max(0, damaged), then.quarantined)
    return _Change(
        _differs(level, event, later).units,
        damaged=max(-level.damaged, damaged - then.damaged),
        quarantined=max(-level.quarantined, quarantined - then.quarantined),
    )


def _differs(level: Level, event: StockEvent, later: _Change) -> Difference:
    """What was found of all that stood there, against what the books say of that instant."""
    damaged = 0 if event.damaged is None else event.damaged + later.damaged - level.damaged
    return Difference(event.quantity + later.on_hand - level.on_hand, damaged)


def _confirms(event: StockEvent, change: _Change) -> bool:
    return agrees(
        found=event.quantity,
        damaged=event.damaged or 0,
        difference=Difference(change.on_hand, 0 if event.damaged is None else change.damaged),
        within=event.confirms_within or 0,
    )


def _add(level: Level, change: _Change) -> None:
    on_hand, damaged, quarantined = _sum([_Change(level.on_hand, level.damaged, level.quarantined), change])
    if damaged < 0 or quarantined < 0:
        raise _Refusal("below_zero", _("Fewer than no units would be left in that condition"))
    if max(map(abs, (on_hand, damaged, quarantined, *change))) > MOST_UNITS:
        raise _Refusal("out_of_range", _("More units than can be stored"))
    level.on_hand, level.damaged, level.quarantined = on_hand, damaged, quarantined


def _sum(changes: Iterable[_Change]) -> _Change:
    return _Change(*(sum(part) for part in zip(*changes, strict=True)))


# ---- what is stored ----------------------------------------------------------------------------


_STORED = """
SELECT seen.source, seen.external_id, seen.sku, seen.location_id, seen.quantity
FROM unnest(%s::text[], %s::text[]) AS event (source, id)
JOIN inventory_stockeventid seen ON seen.source = event.source AND seen.external_id = event.id"""


def _stored(names: Sequence[tuple[str, str]]) -> dict[tuple[str, str], _Seen]:
    with connection.cursor() as cursor:
        cursor.execute(_STORED, [[source for source, _id in names], [external_id for _source, external_id in names]])
        return {
            (source, external_id): _Seen((sku, location), quantity)
            for source, external_id, sku, location, quantity in cursor.fetchall()
        }


# What happened after an instant was recorded after it: only the months since are read.
_LATER = """
SELECT event.source, event.id, sum(m.quantity), sum(m.damaged_delta), sum(m.quarantined_delta)
FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[], %s::timestamptz[])
    AS event (source, id, sku, location, occurred_at)
JOIN inventory_stockmovement m
    ON m.sku = event.sku AND m.location_id = event.location AND m.occurred_at > event.occurred_at
    AND m.recorded_at > event.occurred_at
GROUP BY event.source, event.id"""


def _moved_since(counts: dict[tuple[str, str], StockEvent]) -> dict[tuple[str, str], _Change]:
    """What has moved at each count's level since it was taken."""
    if not counts:
        return {}
    rows = [(*name, event.sku, event.location, event.occurred_at) for name, event in counts.items()]
    with connection.cursor() as cursor:
        cursor.execute(_LATER, [list(column) for column in zip(*rows, strict=True)])
        return {(source, external_id): _Change(*sums) for source, external_id, *sums in cursor.fetchall()}


# A reservation that ended since was whole then, as almost all are let go in one piece; of one that lives on, what is
# left is certain. `imports.merging` reckons the same way.
_RESERVED_AT = """
SELECT event.source, event.id, sum(CASE WHEN r.status = 'active' THEN r.remaining ELSE r.quantity END)
FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[], %s::timestamptz[])
    AS event (source, id, sku, location, occurred_at)
JOIN inventory_reservation r ON r.sku = event.sku AND r.location_id = event.location
    AND r.created_at <= event.occurred_at AND (r.status = 'active' OR r.updated_at > event.occurred_at)
GROUP BY event.source, event.id"""


def _reserved_at(counts: dict[tuple[str, str], StockEvent]) -> dict[tuple[str, str], int]:
    """What was reserved at each count's level when it was taken."""
    if not counts:
        return {}
    rows = [(*name, event.sku, event.location, event.occurred_at) for name, event in counts.items()]
    with connection.cursor() as cursor:
        cursor.execute(_RESERVED_AT, [list(column) for column in zip(*rows, strict=True)])
        return {(source, external_id): units for source, external_id, units in cursor.fetchall()}
