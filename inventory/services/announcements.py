"""Goods that are to come are announced, one by one or by the thousand; what was announced before is not made again."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import connection
from django.utils.translation import gettext as _

from inventory import events
from inventory.locks import open_stock
from inventory.models import Inbound, InboundLine
from inventory.queries import PlaceInfo, places, products_by_sku
from inventory.states import INBOUND_MOVES, InboundStatus
from oms import deadlines
from oms.deadlines import Due
from oms.errors import FieldError, Invalid
from oms.idempotency import idempotent
from oms.ids import new_id
from oms.outbox import publish
from oms.sql import as_json, insert_rows
from oms.transactions import in_transaction, use_case

CREATED, DUPLICATE, REJECTED = "created", "duplicate", "rejected"
LATE = "inventory.inbound_late"
_FARTHEST = timedelta(days=3 * 366)


@dataclass(frozen=True, slots=True)
class Announcement:
    """A delivery that is to come or, with an `origin`, a transfer that leaves there now.

    Lines (sku, quantity) of one SKU count together. `fingerprint` tells a repeat of what was announced under
    (source, external_id) from something else.
    """

    location: str
    expected_at: datetime
    lines: Sequence[tuple[str, int]]
    origin: str | None = None
    source: str = ""
    external_id: str | None = None
    reference: str = ""
    reason: str = ""
    fingerprint: bytes = b""

    @property
    def units(self) -> dict[str, int]:
        return added_up(self.lines)

    @property
    def name(self) -> tuple[str, str] | None:
        return None if self.external_id is None else (self.source, self.external_id)


@dataclass(frozen=True, slots=True)
class Announced:
    """What became of an announcement: created, duplicate (known already, with its id), or rejected with reasons."""

    status: str
    id: str = ""
    errors: Sequence[FieldError] = ()


def usual_arrival(sent_at: datetime) -> datetime:
    """When a transfer arrives of which nobody says so."""
    return sent_at + timedelta(days=settings.TRANSFER_DAYS)


def added_up(lines: Iterable[tuple[str, int]]) -> dict[str, int]:
    """Units by SKU, in the order of SKUs."""
    units: Counter[str] = Counter()
    for sku, quantity in lines:
        units[sku] += quantity
    return dict(sorted(units.items()))


@use_case
@idempotent
def announce_delivery(announcement: Announcement, *, actor: str, as_of: datetime) -> dict[str, Any]:
    """Returns {inbound: its id, is_new}. Errors: Invalid (unknown names, an external id used for something else)."""
    [result] = save_announcements([announcement], actor=actor, as_of=as_of)
    return accepted(result)


@use_case
def announce_deliveries(announcements: Sequence[Announcement], *, actor: str, as_of: datetime) -> list[Announced]:
    """`save_announcements` in a transaction of its own."""
    return save_announcements(announcements, actor=actor, as_of=as_of)


def accepted(result: Announced) -> dict[str, Any]:
    """Errors: Invalid when it was rejected."""
    if result.status == REJECTED:
        raise Invalid(errors=[*result.errors])
    return {"inbound": result.id, "is_new": result.status == CREATED}


@in_transaction
def save_announcements(announcements: Sequence[Announcement], *, actor: str, as_of: datetime) -> list[Announced]:
    """Write each announcement down or reject it; few statements, one result per announcement, in order.

    Levels of what comes are opened where none is yet, so that lists of stock show it on its way. The caller has locked
    no level.

    What is known already under its source and external id is a duplicate if it says the same, else rejected.
    """
    faults = _faults(announcements, as_of)
    good = [(index, each) for index, each in enumerate(announcements) if index not in faults]
    born = {index: _born(announcement, as_of) for index, announcement in good}
    fresh = _insert(born.values(), as_of=as_of)
    known = _known(announcements[index].name for index, row in born.items() if row.pk not in fresh)
    new = [(row, announcements[index]) for index, row in born.items() if row.pk in fresh]
    open_stock(((sku, given.location) for _row, given in new for sku in given.units), as_of=as_of)
    _tell_of(new, actor=actor, as_of=as_of)
    return [
        Announced(REJECTED, errors=faults[index])
        if index in faults
        else _result(announcement, born[index], fresh, known)
        for index, announcement in enumerate(announcements)
    ]


def _faults(announcements: Sequence[Announcement], as_of: datetime) -> dict[int, list[FieldError]]:
    known_places = places()
    known_skus = products_by_sku({sku for announcement in announcements for sku, _quantity in announcement.lines})
    found = {
        index: [
            *_place_faults(announcement, known_places),
            *day_faults(announcement.expected_at, as_of),
            *unknown_skus([sku for sku, _quantity in announcement.lines], known_skus),
        ]
        for index, announcement in enumerate(announcements)
    }
    return {index: errors for index, errors in found.items() if errors}


def _place_faults(announcement: Announcement, known: Mapping[str, PlaceInfo]) -> list[FieldError]:
    place = known.get(announcement.location)
    if place is None:
        return [FieldError("/location", "unknown_location", _("There is no such location"))]
    return [] if place.is_active else [FieldError("/location", "location_closed", _("This place is out of use"))]


def day_faults(expected_at: datetime, as_of: datetime) -> list[FieldError]:
    """A day that no calendar reaches, or one so long ago that it must be a slip."""
    if abs(expected_at - as_of) <= _FARTHEST:
        return []
    return [FieldError("/expected_at", "too_far", _("This day is too far from today"))]


def unknown_skus(skus: Iterable[str], known: Collection[str]) -> list[FieldError]:
    """One fault per line whose product does not exist."""
    return [
        FieldError(f"/lines/{index}/sku", "unknown_sku", _("There is no such product"))
        for index, sku in enumerate(skus)
        if sku not in known
    ]


def _born(announcement: Announcement, as_of: datetime) -> Inbound:
    return Inbound(
        id=new_id("inb"),
        location_id=announcement.location,
        origin_id=announcement.origin,
        source=announcement.source,
        external_id=announcement.external_id,
        reference=announcement.reference,
        reason=announcement.reason,
        expected_at=announcement.expected_at,
        status=InboundStatus.IN_TRANSIT if announcement.origin else InboundStatus.ANNOUNCED,
        fingerprint=announcement.fingerprint,
        created_at=as_of,
        updated_at=as_of,
    )


_COLUMNS = (
    *("id", "location_id", "origin_id", "source", "external_id", "reference", "reason", "expected_at", "status"),
    *("closing_note", "fingerprint", "version", "created_at", "updated_at"),
)
_INSERT = (
    f"INSERT INTO inventory_inbound ({', '.join(_COLUMNS)})"
    f" SELECT {', '.join(_COLUMNS)} FROM jsonb_populate_recordset(NULL::inventory_inbound, %s::jsonb)"
    " ON CONFLICT (source, external_id) WHERE external_id IS NOT NULL DO NOTHING RETURNING id"
)


def _insert(rows: Iterable[Inbound], *, as_of: datetime) -> set[str]:
    """The ids that are new. In the order of their names, so that two that bring the same ones do not wait in a circle."""
    ordered = sorted(rows, key=lambda row: (row.source, row.external_id or ""))
    if not ordered:
        return set()
    with connection.cursor() as cursor:
        cursor.execute(_INSERT, [as_json([_columns(row) for row in ordered])])
        return {pk for (pk,) in cursor.fetchall()}


def _columns(row: Inbound) -> dict[str, Any]:
    return {name: getattr(row, name) for name in _COLUMNS} | {"fingerprint": "\\x" + row.fingerprint.hex()}


_KNOWN = """
SELECT i.source, i.external_id, i.id, i.fingerprint FROM unnest(%s::text[], %s::text[]) AS name (source, external_id)
JOIN inventory_inbound i ON i.source = name.source AND i.external_id = name.external_id"""


def _known(names: Iterable[tuple[str, str] | None]) -> dict[tuple[str, str], tuple[str, bytes]]:
    wanted = sorted({name for name in names if name})
    if not wanted:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(_KNOWN, [list(column) for column in zip(*wanted, strict=True)])
        return {(source, name): (pk, bytes(digest)) for source, name, pk, digest in cursor.fetchall()}


def _result(
    announcement: Announcement, row: Inbound, fresh: set[str], known: Mapping[Any, tuple[str, bytes]]
) -> Announced:
    if row.pk in fresh:
        return Announced(CREATED, row.pk)
    pk, fingerprint = known[announcement.name]
    if fingerprint != announcement.fingerprint:
        detail = _("Something else was announced under this id")
        return Announced(REJECTED, errors=[FieldError("/external_id", "id_reused", detail)])
    return Announced(DUPLICATE, pk)


def _tell_of(new: Sequence[tuple[Inbound, Announcement]], *, actor: str, as_of: datetime) -> None:
    """Write the lines, tell that they come, and wait for the day."""
    lines = [
        {"inbound_id": row.pk, "sku": sku, "quantity": units, "remaining": units}
        for row, announcement in new
        for sku, units in announcement.units.items()
    ]
    facts = [INBOUND_MOVES.fact(row, to=row.status, actor=actor, payload=_told(row, given)) for row, given in new]
    insert_rows({InboundLine: lines})
    deadlines.schedule([Due(LATE, row.pk, row.expected_at) for row, _given in new])
    publish(facts, as_of=as_of)


def _told(row: Inbound, announcement: Announcement) -> dict[str, Any]:
    lines = [{"sku": sku, "quantity": units} for sku, units in announcement.units.items()]
    return events.about_inbound(row) | {"expected_at": row.expected_at, "lines": lines}
