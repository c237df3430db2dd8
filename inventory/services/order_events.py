"""Events that name one of our orders: a till sale that hands its units over, or a report of what we book ourselves.

Used by `stock_events` on locked levels. What is worked out in memory is written by `save`.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from django.db import connection

from inventory import events
from inventory.demands import OrderDemand, demands_of
from inventory.locks import Level, StockKey
from inventory.models import RecognizedWork
from oms.outbox import publish
from oms.transactions import in_transaction, use_case

Account = tuple[str, str, str]  # reference, sku, location


class _Taken(NamedTuple):
    """Units of an order that an event has consumed."""

    reference: str
    key: StockKey
    source: str
    external_id: str
    occurred_at: datetime
    demands: tuple[tuple[str, int], ...]


class OrdersAtLevels:
    """What the orders that some events name have at the levels of those events, all of them locked."""

    def __init__(self, named: Collection[tuple[str, StockKey]]):
        """`named`: references with the levels at which they are named."""
        found = demands_of({reference for reference, _key in named})
        self._demands: dict[Account, list[OrderDemand]] = {}
        for reference, demands in found.items():
            for demand in demands:
                if (reference, (demand.sku, demand.location)) in named:
                    self._demands.setdefault((reference, demand.sku, demand.location), []).append(demand)
        self._reserved = _reserved(demand for demands in self._demands.values() for demand in demands)
        self._recognized: Counter[Account] = Counter(_recognized({reference for reference, _key in named}))
        self._known = dict(self._recognized)
        self._taken: list[_Taken] = []

    def take_reserved(
        self, reference: str, level: Level, units: int, *, source: str, external_id: str, occurred_at: datetime
    ) -> int:
        """Consume what the order has reserved at the level, as far as it goes. Returns so many units."""
        parts, left = [], units
        for demand in self._demands.get((reference, *level.key), ()):
            name = demand.demand, *level.key
            part = min(left, self._reserved[name])
            if part:
                self._reserved[name] -= part
                parts.append((demand.demand, part))
                left -= part
        taken = units - left
        if taken:
            level.reserved -= taken
            self._taken.append(_Taken(reference, level.key, source, external_id, occurred_at, tuple(parts)))
        return taken

    def recognizable(self, reference: str, key: StockKey, change: int) -> int:
        """How much of a change (negative: units that left) is our own work, as far as it was not told before."""
        account = (reference, *key)
        ours = sum(demand.units for demand in self._demands.get(account, ()))
        if change < 0:
            return -min(-change, max(0, ours - self._recognized[account]))
        return min(change, self._recognized[account])  # what they had picked is put back

    def recognize(self, reference: str, key: StockKey, change: int) -> None:
        self._recognized[reference, *key] -= change

    @in_transaction
    def save(self, *, actor: str, as_of: datetime) -> None:
        _consume([(demand, taken.key, units) for taken in self._taken for demand, units in taken.demands], as_of=as_of)
        changed = {name: units for name, units in self._recognized.items() if units != self._known.get(name, 0)}
        _keep_recognized(changed, as_of=as_of)
        facts = [
            events.reservation_consumed(
                reference=taken.reference,
                sku=taken.key[0],
                location=taken.key[1],
                demands=taken.demands,
                source=taken.source,
                external_id=taken.external_id,
                occurred_at=taken.occurred_at,
                actor=actor,
            )
            for taken in self._taken
        ]
        publish(facts, as_of=as_of)


_RESERVED = """
SELECT r.demand, r.sku, r.location_id, r.remaining
FROM unnest(%s::text[], %s::text[], %s::text[]) AS item (demand, sku, location)
JOIN inventory_reservation r ON r.demand = item.demand AND r.sku = item.sku AND r.location_id = item.location
    AND r.status = 'active'"""


def _reserved(demands: Iterable[OrderDemand]) -> Counter[tuple[str, str, str]]:
    wanted = sorted({demand[:3] for demand in demands})
    if not wanted:
        return Counter()
    with connection.cursor() as cursor:
        cursor.execute(_RESERVED, [list(column) for column in zip(*wanted, strict=True)])
        return Counter({(demand, sku, location): units for demand, sku, location, units in cursor.fetchall()})


def _recognized(references: Collection[str]) -> dict[Account, int]:
    """Also of orders that want nothing any more: what was picked for them may be put back."""
    if not references:
        return {}
    rows = RecognizedWork.objects.filter(reference__in=references)
    names = rows.values_list("reference", "sku", "location_id", "quantity")
    return {(reference, sku, location): units for reference, sku, location, units in names}


# The levels are ours, and a reservation changes under its level's lock only.
_CONSUME = """
WITH item AS MATERIALIZED (
    SELECT demand, sku, location, sum(units) AS units
    FROM unnest(%(demands)s::text[], %(skus)s::text[], %(locations)s::text[], %(units)s::int[])
        AS i (demand, sku, location, units) GROUP BY 1, 2, 3
), let_go AS (
    UPDATE inventory_reservation r
    SET remaining = r.remaining - item.units, updated_at = greatest(r.updated_at, %(as_of)s),
        status = CASE WHEN r.remaining = item.units THEN 'consumed' ELSE r.status END
    FROM item
    WHERE r.demand = item.demand AND r.sku = item.sku AND r.location_id = item.location AND r.status = 'active'
)
UPDATE inventory_stocklevel s SET reserved = s.reserved - total.units
FROM (SELECT sku, location, sum(units) AS units FROM item GROUP BY 1, 2) total
WHERE s.sku = total.sku AND s.location_id = total.location"""


@in_transaction
def _consume(parts: Sequence[tuple[str, StockKey, int]], *, as_of: datetime) -> None:
    if not parts:
        return
    parameters: dict[str, Any] = {
        "demands": [demand for demand, _key, _units in parts],
        "skus": [sku for _demand, (sku, _location), _units in parts],
        "locations": [location for _demand, (_sku, location), _units in parts],
        "units": [units for _demand, _key, units in parts],
        "as_of": as_of,
    }
    with connection.cursor() as cursor:
        cursor.execute(_CONSUME, parameters)


@in_transaction
def _keep_recognized(accounts: dict[Account, int], *, as_of: datetime) -> None:
    """An account is changed under its level's lock, so what was read is what stands there."""
    RecognizedWork.objects.bulk_create(
        [
            RecognizedWork(reference=reference, sku=sku, location_id=location, quantity=units, updated_at=as_of)
            for (reference, sku, location), units in sorted(accounts.items())
        ],
        update_conflicts=True,
        unique_fields=["reference", "sku", "location_id"],
        update_fields=["quantity", "updated_at"],
    )


@use_case
def forget_recognized_work(*, until: datetime) -> int:
    """Of orders so old nobody tells us any more. Returns how many accounts are gone."""
    return RecognizedWork.objects.filter(updated_at__lt=until).delete()[0]
