"""What is on its way to Orvane's places, and goods that are there but not sold.

Deliveries and adjustments have ids of their own, so that a load that goes on makes none twice.
"""

import random
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from inventory.models import AdjustmentKind, AdjustmentReason, InboundLine, StockLevel
from inventory.services.announcements import Announcement, announce_deliveries
from inventory.services.receiving import Receipt, receive_inbound
from inventory.services.stock_conditions import Adjustment, adjust_stock
from inventory.services.transfers import send_transfer
from inventory.supply import sendable_units
from oms import deadlines
from oms.demo import ACTOR
from oms.errors import Conflict
from oms.idempotency import Once, fingerprint

SOURCE = "Orvane purchasing"
_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)
_STORE, _SISTER, _FAR = "LYON-PART-DIEU", "LYON-BELLECOUR", "GRENOBLE"
_MANAGER = "user:manager"
_KINDS_TO_A_WAREHOUSE = 40
_ADJUSTMENTS = (
    (AdjustmentKind.DAMAGE, 1, AdjustmentReason.BROKEN, "Fell off the shelf"),
    (AdjustmentKind.DAMAGE, 2, AdjustmentReason.BROKEN_IN_TRANSIT, ""),
    (AdjustmentKind.QUARANTINE, 3, AdjustmentReason.RECALLED, "Maker checks the dye"),
    (AdjustmentKind.QUARANTINE, 1, AdjustmentReason.RETURNED, ""),
    (AdjustmentKind.WRITE_OFF, 1, AdjustmentReason.STOLEN, "Empty hanger in the fitting room"),
)
_STANDING = 5  # units in good condition and promised to nobody, of a level that may lose some


def load_supply(skus: Sequence[str], *, as_of: datetime) -> None:
    """Announce what comes in the next days, receive some, send a transfer, break a few things."""
    announce_deliveries(list(_deliveries(skus, as_of)), actor=ACTOR, as_of=as_of - 3 * _DAY)
    _receive_in_part("PO-7302", as_of=as_of - 2 * _HOUR)
    _receive_short(as_of=as_of - 26 * _HOUR)
    _send(as_of=as_of - 20 * _HOUR)
    _adjust(as_of=as_of - _HOUR)
    while deadlines.sweep(now=lambda: as_of):  # what is late was told so
        pass


def _deliveries(skus: Sequence[str], as_of: datetime) -> Iterator[Announcement]:
    """To the warehouses large ones, one of them late; to the store that the demo's staff work in smaller ones."""
    morning = as_of.replace(hour=7, minute=0, second=0, microsecond=0)
    plans = (
        ("PO-7301", "WH-ORLEANS", morning + 6 * _DAY, "Spring, first drop", _KINDS_TO_A_WAREHOUSE, 60),
        ("PO-7302", "WH-ORLEANS", morning, "Home, refill", _KINDS_TO_A_WAREHOUSE, 30),
        ("PO-7303", "WH-LYON", morning - 2 * _DAY, "Sport, refill", _KINDS_TO_A_WAREHOUSE // 2, 40),
        ("PO-7304", _STORE, morning + 2 * _DAY, "Window", 6, 8),
        ("PO-7305", _STORE, morning - _DAY, "Refill", 3, 6),
    )
    for number, place, expected_at, reference, kinds, most in plans:
        rng = random.Random(f"supply {number}")
        lines = [(sku, rng.randint(2, most)) for sku in rng.sample(skus, min(kinds, len(skus)))]
        yield _announced(number, place, expected_at, lines, reference=reference)


def _announced(
    number: str,
    place: str,
    expected_at: datetime,
    lines: Sequence[tuple[str, int]],
    *,
    reference: str = "",
    origin: str | None = None,
    reason: str = "",
) -> Announcement:
    return Announcement(
        location=place,
        expected_at=expected_at,
        lines=lines,
        origin=origin,
        source=SOURCE,
        external_id=number,
        reference=reference,
        reason=reason,
        fingerprint=fingerprint(number),
    )


def _lines_of(number: str) -> list[InboundLine]:
    return list(InboundLine.objects.filter(inbound__source=SOURCE, inbound__external_id=number).order_by("id"))


def _once(act: str) -> Once:
    return Once("demo supply", act, fingerprint(act))


def _receive_in_part(number: str, *, as_of: datetime) -> None:
    """The first pallets are in, some of the goods broken."""
    lines = _lines_of(number)
    came = [Receipt(line.product_id, line.quantity) for line in lines[: len(lines) // 2]]
    broken = Receipt(lines[-1].product_id, 1, "damaged")
    receive_inbound(
        inbound_id=lines[0].inbound_id, receipts=[*came, broken], actor=ACTOR, as_of=as_of, once=_once(number)
    )


def _send(*, as_of: datetime) -> None:
    """What the sister store has most of."""
    if lines := _spare(_SISTER, as_of=as_of):
        morning = as_of.replace(hour=8, minute=0, second=0, microsecond=0)
        transfer = _announced(
            "TR-118", _STORE, morning + 3 * _DAY, lines, origin=_SISTER, reason="Sold out at Part-Dieu"
        )
        send_transfer(transfer, actor=ACTOR, as_of=as_of)


def _receive_short(*, as_of: datetime) -> None:
    """One unit of what another store sent did not arrive."""
    sent_at = as_of - 2 * _DAY
    if not (lines := _spare(_FAR, as_of=sent_at)):
        return
    transfer = _announced("TR-117", _STORE, as_of + _HOUR, lines, origin=_FAR, reason="Last sizes")
    send_transfer(transfer, actor=ACTOR, as_of=sent_at)
    first, *others = _lines_of("TR-117")
    receive_inbound(
        inbound_id=first.inbound_id,
        receipts=[Receipt(first.product_id, first.quantity - 1), *(Receipt(o.product_id, o.quantity) for o in others)],
        final=True,
        note="One box was open",
        actor=_MANAGER,
        as_of=as_of,
        once=_once("TR-117"),
    )


def _spare(place: str, *, as_of: datetime) -> list[tuple[str, int]]:
    """Two units each of the three articles of which it can spare most."""
    levels = StockLevel.objects.filter(location_id=place, reserved=0).order_by("-on_hand", "product_id")
    skus = list(levels.values_list("product_id", flat=True)[:10])
    units = sendable_units(place, skus, as_of=as_of)
    most = sorted(units, key=lambda sku: (-units[sku], sku))[:3]
    return [(sku, 2) for sku in most if units[sku] >= 2]


def _adjust(*, as_of: datetime) -> None:
    levels = StockLevel.objects.filter(location_id=_STORE, on_hand__gte=_STANDING, reserved=0, suspect_at=None)
    skus = levels.order_by("product_id").values_list("product_id", flat=True)
    for number, (kind, quantity, reason, note) in enumerate(_ADJUSTMENTS):
        if number < len(skus):
            adjustment = Adjustment(skus[number], _STORE, kind, quantity, reason, note)
            try:
                adjust_stock(adjustment, actor=_MANAGER, as_of=as_of, once=_once(f"adjustment {number}"))
            except Conflict:
                continue  # a load that goes on finds the level otherwise
