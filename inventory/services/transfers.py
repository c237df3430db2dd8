"""Sending units to another place: they leave the origin's level and are in transit until somebody receives them."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _

from inventory.errors import InsufficientStock
from inventory.locks import lock_stock
from inventory.models import Ability, Cause
from inventory.queries import places
from inventory.services.announcements import Announcement, accepted, save_announcements
from inventory.services.ledger import Movement, save_levels
from inventory.supply import sendable_units
from oms.errors import FieldError, Invalid
from oms.idempotency import idempotent
from oms.transactions import use_case


@use_case
@idempotent
def send_transfer(transfer: Announcement, *, actor: str, as_of: datetime) -> dict[str, Any]:
    """Send units that the origin could sell; what is promised or kept back stays. Returns {inbound: id, is_new}.

    Errors: Invalid (unknown names, a place that is out of use or takes no transfers), InsufficientStock.
    """
    _check_places(transfer)
    [result] = save_announcements([transfer], actor=actor, as_of=as_of)
    sent = accepted(result)
    if sent["is_new"] and transfer.origin is not None:
        _leave(transfer.origin, transfer.units, reference=result.id, actor=actor, as_of=as_of)
    return sent


def _check_places(transfer: Announcement) -> None:
    known = places()
    origin, destination = known.get(transfer.origin or ""), known.get(transfer.location)
    faults = []
    if origin is None:
        faults.append(FieldError("/from", "unknown_location", _("There is no such location")))
    elif not origin.is_active:
        faults.append(FieldError("/from", "location_closed", _("This place is out of use")))
    if destination is None:
        faults.append(FieldError("/to", "unknown_location", _("There is no such location")))
    elif not destination.is_active:
        faults.append(FieldError("/to", "location_closed", _("This place is out of use")))
    elif Ability.RECEIVE_TRANSFER not in destination.abilities:
        faults.append(FieldError("/to", "no_transfers_here", _("This place does not receive transfers")))
    if transfer.origin == transfer.location:
        faults.append(FieldError("/to", "same_location", _("A transfer goes to another place")))
    if faults:
        raise Invalid(errors=faults)


def _leave(origin: str, units: Mapping[str, int], *, reference: str, actor: str, as_of: datetime) -> None:
    levels = lock_stock((sku, origin) for sku in units)
    sellable = sendable_units(origin, units, as_of=as_of)  # read after the locks: nobody can take of them now
    short = [
        {"sku": sku, "requested": quantity, "sellable": sellable.get(sku, 0)}
        for sku, quantity in units.items()
        if sellable.get(sku, 0) < quantity
    ]
    if short:
        raise InsufficientStock(shortages=short)
    for sku, quantity in units.items():
        levels[sku, origin].on_hand -= quantity
    moved = [
        Movement(sku, origin, Cause.TRANSFER_SENT, as_of, -quantity, reference=reference)
        for sku, quantity in units.items()
    ]
    save_levels(levels.values(), moved, actor=actor, reference=reference, as_of=as_of)
