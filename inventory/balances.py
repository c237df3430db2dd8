"""What stood where at an instant of the past, by the ledger.

An instant is one of the world's, not of our knowledge: what was sold at noon and told at two counts from noon on. So a
count that comes late makes the balance what was counted, at the time it was counted, and the answer for one and the
same instant becomes better as more is told. (`recorded_at` says when we learned of it.)

A balance is the level as it is now less what happened later: the nearer the instant, the less is read, and what was
recorded before it is not read at all, however long the ledger.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import connection
from django.utils.translation import gettext as _

from inventory.errors import BeforeTheLedger
from inventory.locks import StockKey
from inventory.models import LedgerStart
from oms.backoffice.words import exact_instant
from oms.clock import EARLIEST, LATEST
from oms.errors import FieldError, Invalid

_CHUNK = 2000


@dataclass(frozen=True, slots=True)
class Balance:
    """How many stood at a level; `on_hand` counts all conditions."""

    sku: str
    location: str
    on_hand: int
    damaged: int
    quarantined: int


_BALANCES = """
SELECT s.sku, s.location_id, (s.on_hand - coalesce(later.on_hand, 0))::bigint,
    (s.damaged - coalesce(later.damaged, 0))::bigint, (s.quarantined - coalesce(later.quarantined, 0))::bigint
FROM inventory_stocklevel s
LEFT JOIN (
    SELECT m.sku, m.location_id, sum(m.quantity) AS on_hand, sum(m.damaged_delta) AS damaged,
        sum(m.quarantined_delta) AS quarantined
    FROM inventory_stockmovement m
    WHERE m.occurred_at > %(as_of)s AND m.recorded_at > %(as_of)s {later}
    GROUP BY m.sku, m.location_id
) later ON later.sku = s.sku AND later.location_id = s.location_id
WHERE true {levels} ORDER BY s.sku, s.location_id"""
_OF_SKUS = "AND {0}.sku = ANY(%(skus)s::text[])"
_AT_LOCATIONS = "AND {0}.location_id = ANY(%(locations)s::text[])"
_OF_KEYS = "AND ({0}.sku, {0}.location_id) IN (SELECT * FROM unnest(%(key_skus)s::text[], %(key_locations)s::text[]))"


def balances(
    *, as_of: datetime, skus: Collection[str] | None = None, locations: Collection[str] | None = None
) -> Iterator[Balance]:
    """Every level there is (of these products, at these places) as it stood at `as_of`, by SKU and place.

    A stream: millions of levels take no memory. The instant is taken as it is; see `check_instant`.
    """
    wanted = (_OF_SKUS if skus is not None else "") + (_AT_LOCATIONS if locations is not None else "")
    parameters: dict[str, Any] = {"as_of": as_of, "skus": list(skus or ()), "locations": list(locations or ())}
    statement = _BALANCES.format(later=wanted.format("m"), levels=wanted.format("s"))
    with connection.chunked_cursor() as cursor:
        cursor.execute(statement, parameters)
        while rows := cursor.fetchmany(_CHUNK):
            yield from (Balance(*row) for row in rows)


def balances_of(keys: Collection[StockKey], *, as_of: datetime) -> list[Balance]:
    """These levels, as far as there are such, as they stood at `as_of`, by SKU and place."""
    statement = _BALANCES.format(later=_OF_KEYS.format("m"), levels=_OF_KEYS.format("s"))
    parameters: dict[str, Any] = {
        "as_of": as_of,
        "key_skus": [sku for sku, _location in keys],
        "key_locations": [location for _sku, location in keys],
    }
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return [Balance(*row) for row in cursor.fetchall()]


# ---- from when on --------------------------------------------------------------------------------


def forgotten_until() -> datetime | None:
    """Movements recorded before this were forgotten; None where none ever were."""
    return LedgerStart.objects.values_list("begins_at", flat=True).first()


_FIRST = "SELECT recorded_at FROM inventory_stockmovement ORDER BY id LIMIT 1"


def ledger_begins_at() -> datetime | None:
    """From when on the ledger tells what stood where; None while nothing was ever moved."""
    begins_at = forgotten_until()
    if begins_at is None:
        with connection.cursor() as cursor:
            cursor.execute(_FIRST)
            row = cursor.fetchone()
        begins_at = row and row[0]
    return begins_at


_FIRST_LATELY = """
SELECT recorded_at FROM inventory_stockmovement WHERE recorded_at >= %s AND recorded_at < %s ORDER BY id LIMIT 1"""


def _is_kept(instant: datetime) -> bool:
    """Whether it lies in the ledger for sure: something was recorded before, in its month or the one before.

    Two partitions tell that at once; the first movement of all asks every month. Whole months, so that no row is read
    in vain.
    """
    begun = forgotten_until()
    if begun is not None and begun > instant:
        return False
    month = instant.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    before, after = (month - timedelta(days=1)).replace(day=1), (month + timedelta(days=32)).replace(day=1)
    with connection.cursor() as cursor:
        cursor.execute(_FIRST_LATELY, [before, after])
        row = cursor.fetchone()
    return row is not None and row[0] <= instant


def _next_minute(at: datetime) -> datetime:
    """What is told to the minute is kept from then on."""
    minute = at.replace(second=0, microsecond=0)
    return minute if minute == at else minute + timedelta(minutes=1)


def check_instant(instant: datetime, *, as_of: datetime) -> None:
    """Errors: BeforeTheLedger; Invalid for one that is still to come, or out of any reach."""
    if not EARLIEST <= instant < LATEST:
        detail = _("A moment between the years 1900 and 2200 is needed")
        raise Invalid(errors=[FieldError("/as_of", "out_of_reach", detail)])
    begins_at = None if _is_kept(instant) else ledger_begins_at()
    if begins_at is not None and instant < begins_at:
        detail = _("The ledger of stock begins at %(instant)s") % {"instant": exact_instant(_next_minute(begins_at))}
        raise BeforeTheLedger(
            detail,
            errors=[FieldError("/as_of", BeforeTheLedger.code, detail)],
            begins_at=begins_at.isoformat(),
        )
    if instant > as_of:
        raise Invalid(errors=[FieldError("/as_of", "in_the_future", _("This has not happened yet"))])


# ---- what there is -------------------------------------------------------------------------------


_MOST_CAUSES = 100
# From one cause to the next over the index: the rows in between are not read.
_CAUSES = f"""
WITH RECURSIVE known AS (
    (SELECT cause FROM inventory_stockmovement ORDER BY cause LIMIT 1)
    UNION ALL
    SELECT (SELECT m.cause FROM inventory_stockmovement m WHERE m.cause > known.cause ORDER BY m.cause LIMIT 1)
    FROM known WHERE known.cause IS NOT NULL
)
SELECT cause FROM known WHERE cause IS NOT NULL LIMIT {_MOST_CAUSES}"""


def causes() -> list[str]:
    """Why stock has moved so far, each word once, the first hundred of them."""
    with connection.cursor() as cursor:
        cursor.execute(_CAUSES)
        return [cause for (cause,) in cursor.fetchall()]
