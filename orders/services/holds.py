"""Holds: reasons why an order waits.

Placing one calls back work that was not begun, and stops the clocks of what was; the last release hands it out again
with the time it had left, and lets the clocks run on.
"""

from datetime import datetime

from django.utils.translation import gettext as _

from oms import deadlines
from oms.actors import CLOCK
from oms.deadlines import Claimed, Due
from oms.errors import Conflict, FieldError, Invalid, Missing
from oms.idempotency import idempotent
from oms.ids import new_id
from oms.outbox import Fact, publish
from oms.transactions import in_transaction, use_case
from orders.commands import HoldOrder, ReleaseHold
from orders.errors import PaymentOpen
from orders.locks import lock_order, lock_order_number, lock_payments
from orders.models import Hold, Order
from orders.services import cancellation, clocks, release, work
from orders.services.status import refresh_status
from orders.settlement import is_settled
from orders.states import HoldKind, OrderStatus

_NOTHING_TO_HOLD = frozenset({OrderStatus.CANCELED, OrderStatus.FULFILLED, OrderStatus.CLOSED})


@use_case
@idempotent
def hold_order(*, number: int, command: HoldOrder, actor: str, as_of: datetime) -> str:
    """Returns the order's id. Errors: Missing, Conflict (canceled, or such a hold is open)."""
    order = lock_order_number(number)
    if command.expires_at and command.expires_at <= as_of:
        raise Invalid(errors=[FieldError("/expires_at", "in_the_past", _("This has passed already"))])
    if order.status in _NOTHING_TO_HOLD:
        raise Conflict(_("nothing is left to hold back"))
    if Hold.objects.filter(order=order, kind=command.kind, released_at=None).exists():
        raise Conflict(_("a hold of this kind is open"))
    place(order, command.kind, actor=actor, as_of=as_of, note=command.note, expires_at=command.expires_at)
    return order.pk


@in_transaction
def place(
    order: Order, kind: str, *, actor: str, as_of: datetime, note: str = "", expires_at: datetime | None = None
) -> None:
    """Open a hold of this kind unless one is open. The order is locked."""
    if Hold.objects.filter(order=order, kind=kind, released_at=None).exists():
        return
    hold = Hold.objects.create(
        id=new_id("hld"), order=order, kind=kind, note=note, placed_by=actor, placed_at=as_of, expires_at=expires_at
    )
    work.call_back(order, actor=actor, as_of=as_of, why=f"hold {kind}")
    refresh_status(order)
    publish(
        [Fact("orders.order.held", order.pk, order.pk, actor, {"hold": hold.pk, "kind": kind, "note": note})],
        as_of=as_of,
    )
    if expires_at:
        deadlines.schedule([Due("orders.hold_expires", hold.pk, expires_at)])


@use_case
@idempotent
def release_hold(*, number: int, command: ReleaseHold, actor: str, as_of: datetime) -> str:
    """Release one hold, or all when none is named; never the one that waits for money that has not come.

    Errors: Missing, Conflict (nothing to release), PaymentOpen.
    """
    order = lock_order_number(number)
    open_holds = Hold.objects.filter(order=order, released_at=None)
    if command.hold:
        open_holds = open_holds.filter(pk=command.hold)
        if not open_holds.exists():
            raise Missing()
    kinds = list(open_holds.values_list("kind", flat=True))
    if not kinds:
        raise Conflict(_("the order is not on hold"))
    if HoldKind.PAYMENT in kinds and not is_settled(lock_payments(order)):
        # Without it the order would wait for nothing, with its stock reserved, and nobody would know.
        kinds.remove(HoldKind.PAYMENT)
        if not kinds:
            raise PaymentOpen()
    for kind in kinds:
        release_kind(order, kind, actor=actor, as_of=as_of)
    release.release_work(order, actor=actor, as_of=as_of)
    return order.pk


@in_transaction
def release_kind(order: Order, kind: str, *, actor: str, as_of: datetime) -> None:
    """Close the open hold of this kind, if there is one."""
    hold = Hold.objects.filter(order=order, kind=kind, released_at=None).first()
    if hold is None:
        return
    hold.released_at, hold.released_by = as_of, actor
    hold.save(update_fields=["released_at", "released_by"])
    if hold.expires_at:
        deadlines.drop([hold.pk], as_of=as_of)
    refresh_status(order)
    publish([Fact("orders.order.released", order.pk, order.pk, actor, {"hold": hold.pk, "kind": kind})], as_of=as_of)
    clocks.go_on(order, actor=actor, as_of=as_of)


@use_case
def on_hold_expires(deadline: Claimed, as_of: datetime) -> None:
    """Nobody solved it in time: a payment hold ends in cancellation, any other in a release."""
    order_id = Hold.objects.values_list("order_id", flat=True).get(pk=deadline.subject)
    order = lock_order(order_id)
    deadlines.finish(deadline)
    hold = Hold.objects.get(pk=deadline.subject)
    if hold.released_at is None and hold.kind == HoldKind.PAYMENT:
        cancellation.cancel_everything(order, reason="payment_expired", actor=CLOCK, as_of=as_of)
    elif hold.released_at is None:
        release_kind(order, hold.kind, actor=CLOCK, as_of=as_of)
        release.release_work(order, actor=CLOCK, as_of=as_of)
